//! The kernels for AVX-512 and AVX2, the only place with `unsafe` code.
//!
//! Nodes are looked up by permuting registers and a row's feature is chosen by blending, so that no level of a tree waits
//! for memory: 32 or 16 rows go down together.
//!
//! **Why this is sound.** There are two kinds of `unsafe` here. (1) Calls of functions that need a processor feature: they
//! are methods of [`Avx512`] and [`Avx2`], which only `detect` makes, and only after the processor said that it has every
//! feature in the function's list. (2) Loads and stores: the functions at the end take references to arrays of
//! exactly as many bytes as the instruction touches, and the instructions do not ask for alignment. All other intrinsics
//! are safe functions, all indexing is checked, and no bit pattern is invalid for the integers used.
//!
//! Under Miri, and on other processors, `detect` finds nothing and the portable kernel does the work.

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(not(target_arch = "x86_64"))]
pub(super) use none::{Never as Avx2, Never as Avx512};

#[cfg(not(target_arch = "x86_64"))]
mod none {
    use super::super::packed::{Group, Lanes};

    /// An instruction set that this processor never has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) enum Never {}

    impl Never {
        pub(in super::super) const fn detect() -> Option<Self> {
            None
        }

        pub(in super::super) fn add(self, _: &Group, _: &[Lanes], _: &mut [u64]) {
            match self {}
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::*;

    use super::super::packed::{BLOCK, Group, LANES, Lanes, NODES, PackedTree};

    const CHUNKS: usize = BLOCK / LANES;
    /// Levels whose nodes are few enough to blend the columns they ask for: no bits of the word are looked at.
    const TOP: usize = 16;

    /// Proof that the processor has AVX-512 F and BW.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) struct Avx512(());

    /// Proof that the processor has AVX2.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) struct Avx2(());

    impl Avx512 {
        pub(in super::super) fn detect() -> Option<Self> {
            let found = !cfg!(miri) && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            found.then_some(Self(()))
        }

        /// See [`super::super::kernel::Kernel::add`].
        pub(in super::super) fn add(self, group: &Group, codes: &[Lanes], totals: &mut [u64]) {
            // SAFETY: `self` proves that the processor has what the function needs.
            unsafe {
                match group.column_bits {
                    0 => wide::<0>(group, codes, totals),
                    1 => wide::<1>(group, codes, totals),
                    2 => wide::<2>(group, codes, totals),
                    3 => wide::<3>(group, codes, totals),
                    4 => wide::<4>(group, codes, totals),
                    5 => wide::<5>(group, codes, totals),
                    _ => wide::<MANY>(group, codes, totals),
                }
            }
        }
    }

    impl Avx2 {
        pub(in super::super) fn detect() -> Option<Self> {
            (!cfg!(miri) && is_x86_feature_detected!("avx2")).then_some(Self(()))
        }

        /// See [`super::super::kernel::Kernel::add`].
        pub(in super::super) fn add(self, group: &Group, codes: &[Lanes], totals: &mut [u64]) {
            // SAFETY: `self` proves that the processor has what the function needs.
            unsafe {
                match group.column_bits {
                    0 => narrow::<0>(group, codes, totals),
                    1 => narrow::<1>(group, codes, totals),
                    2 => narrow::<2>(group, codes, totals),
                    3 => narrow::<3>(group, codes, totals),
                    4 => narrow::<4>(group, codes, totals),
                    5 => narrow::<5>(group, codes, totals),
                    _ => narrow::<MANY>(group, codes, totals),
                }
            }
        }
    }

    /// Column bits that stand for any number of columns: they are picked one by one.
    const MANY: u32 = 6;

    /// What the first levels of a tree need: the words of nodes 1 to 15 and their columns.
    fn top(group: &Group, tree: &PackedTree) -> [(u16, usize); TOP] {
        let columns = group.columns();
        std::array::from_fn(|node| (tree.words[node], usize::from(tree.words[node]) % columns))
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide<const BITS: u32>(group: &Group, codes: &[Lanes], totals: &mut [u64]) {
        let columns = group.columns();
        let (mut low, mut high) = ([[0_u16; LANES]; CHUNKS], [[0_u16; LANES]; CHUNKS]);
        for tree in &group.trees {
            let top = top(group, tree);
            let sums = low.iter_mut().zip(&mut high).take(totals.len().div_ceil(LANES));
            for (chunk, (low, high)) in codes.chunks_exact(columns).zip(sums) {
                let end = wide_walk::<BITS>(tree, &top, chunk);
                let (short, long) = (wide_find::<3>(&tree.low, end), wide_find::<3>(&tree.high, end));
                // 32-bit sums in two halves: the low one carries into the high one
                let sum = _mm512_add_epi16(load(low), short);
                let carry = _mm512_cmplt_epu16_mask(sum, short);
                let above = _mm512_add_epi16(load(high), long);
                store(low, sum);
                store(high, _mm512_sub_epi16(above, _mm512_movm_epi16(carry)));
            }
        }
        let sums = low.as_flattened().iter().zip(high.as_flattened());
        for (total, (low, high)) in totals.iter_mut().zip(sums) {
            *total += u64::from(*high) << 16 | u64::from(*low);
        }
    }

    /// The places at which 32 rows end, 256 to 511.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_walk<const BITS: u32>(tree: &PackedTree, top: &[(u16, usize); TOP], chunk: &[Lanes]) -> __m512i {
        let column = |node: usize| load(&chunk[top[node].1]);
        let word = |node: usize| _mm512_set1_epi16(top[node].0.cast_signed());
        let pair = |right: __mmask32, node: usize| _mm512_mask_blend_epi16(right, column(node), column(node + 1));
        let four = |first: __mmask32, second: __mmask32, node: usize| {
            _mm512_mask_blend_epi16(first, pair(second, node), pair(second, node + 2))
        };
        let first = _mm512_cmpgt_epu16_mask(column(1), word(1));
        let mut place = _mm512_mask_blend_epi16(first, _mm512_set1_epi16(2), _mm512_set1_epi16(3));
        let words = _mm512_mask_blend_epi16(first, word(2), word(3));
        let second = _mm512_cmpgt_epu16_mask(pair(first, 2), words);
        place = wide_down(place, second);
        let words = wide_table(&tree.words, 0);
        let here = _mm512_permutexvar_epi16(place, words);
        let values = if BITS < 2 { wide_pick::<BITS>(chunk, here) } else { four(first, second, 4) };
        let third = _mm512_cmpgt_epu16_mask(values, here);
        place = wide_down(place, third);
        let here = _mm512_permutexvar_epi16(place, words);
        let values = if BITS < 3 {
            wide_pick::<BITS>(chunk, here)
        } else {
            _mm512_mask_blend_epi16(first, four(second, third, 8), four(second, third, 12))
        };
        place = wide_down(place, _mm512_cmpgt_epu16_mask(values, here));
        let here = _mm512_permutexvar_epi16(place, words);
        place = wide_down(place, _mm512_cmpgt_epu16_mask(wide_pick::<BITS>(chunk, here), here));
        let here = _mm512_permutexvar_epi16(place, wide_table(&tree.words, 1));
        place = wide_down(place, _mm512_cmpgt_epu16_mask(wide_pick::<BITS>(chunk, here), here));
        let here = wide_find::<1>(&tree.words, place);
        place = wide_down(place, _mm512_cmpgt_epu16_mask(wide_pick::<BITS>(chunk, here), here));
        let here = wide_find::<2>(&tree.words, place);
        wide_down(place, _mm512_cmpgt_epu16_mask(wide_pick::<BITS>(chunk, here), here))
    }

    /// The children of the nodes at `place`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_down(place: __m512i, right: __mmask32) -> __m512i {
        // a set mask is -1 in each lane
        _mm512_sub_epi16(_mm512_add_epi16(place, place), _mm512_movm_epi16(right))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_table(table: &[u16; NODES], part: usize) -> __m512i {
        load(&table.as_chunks().0[part])
    }

    /// Entries of a table: the second quarter (`LEVEL` 1), the second half (2), or all of it (3).
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_find<const LEVEL: u32>(table: &[u16; NODES], place: __m512i) -> __m512i {
        let pair = |part: usize| _mm512_permutex2var_epi16(wide_table(table, part), place, wide_table(table, part + 1));
        let sixth = || _mm512_test_epi16_mask(place, _mm512_set1_epi16(64));
        match LEVEL {
            1 => pair(2),
            2 => _mm512_mask_blend_epi16(sixth(), pair(4), pair(6)),
            _ => {
                let (sixth, seventh) = (sixth(), _mm512_test_epi16_mask(place, _mm512_set1_epi16(128)));
                let left = _mm512_mask_blend_epi16(sixth, pair(0), pair(2));
                _mm512_mask_blend_epi16(seventh, left, _mm512_mask_blend_epi16(sixth, pair(4), pair(6)))
            }
        }
    }

    /// Each row's code in the column that its word numbers.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide_pick<const BITS: u32>(chunk: &[Lanes], words: __m512i) -> __m512i {
        if BITS == MANY {
            let mut numbers = [0; LANES];
            store(&mut numbers, words);
            return load(&pick_each(chunk, &numbers));
        }
        let mut parts = [_mm512_setzero_si512(); 32];
        for (part, column) in parts.iter_mut().zip(&chunk[..1 << BITS]) {
            *part = load(column);
        }
        for bit in 0..BITS {
            let set = _mm512_test_epi16_mask(words, _mm512_set1_epi16(1 << bit));
            for index in 0..1 << (BITS - 1 - bit) {
                parts[index] = _mm512_mask_blend_epi16(set, parts[2 * index], parts[2 * index + 1]);
            }
        }
        parts[0]
    }

    fn pick_each<const COUNT: usize>(chunk: &[[u16; COUNT]], words: &[u16; COUNT]) -> [u16; COUNT] {
        std::array::from_fn(|lane| chunk[usize::from(words[lane]) & (chunk.len() - 1)][lane])
    }

    #[target_feature(enable = "avx2")]
    fn narrow<const BITS: u32>(group: &Group, codes: &[Lanes], totals: &mut [u64]) {
        let columns = group.columns();
        let mut sums = [[0_u32; LANES]; CHUNKS];
        for tree in &group.trees {
            let top = top(group, tree);
            let sums = sums.iter_mut().take(totals.len().div_ceil(LANES));
            for (chunk, sums) in codes.chunks_exact(columns).zip(sums) {
                for (half, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                    let mut ends = [0_u16; 16];
                    store_half(&mut ends, narrow_walk::<BITS>(tree, &top, chunk, half));
                    for (sum, end) in sums.iter_mut().zip(ends) {
                        *sum += tree.ends[usize::from(end) % NODES];
                    }
                }
            }
        }
        totals.iter_mut().zip(sums.as_flattened()).for_each(|(total, sum)| *total += u64::from(*sum));
    }

    /// The places at which 16 rows end, 256 to 511.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_walk<const BITS: u32>(
        tree: &PackedTree,
        top: &[(u16, usize); TOP],
        chunk: &[Lanes],
        half: usize,
    ) -> __m256i {
        let column = |node: usize| load_half(&chunk[top[node].1].as_chunks().0[half]);
        let word = |node: usize| _mm256_set1_epi16(top[node].0.cast_signed());
        let pair = |left: __m256i, node: usize| _mm256_blendv_epi8(column(node + 1), column(node), left);
        let four = |first: __m256i, second: __m256i, node: usize| {
            _mm256_blendv_epi8(pair(second, node + 2), pair(second, node), first)
        };
        let first = narrow_left(column(1), word(1));
        let mut place = narrow_down(_mm256_set1_epi16(1), first);
        let second = narrow_left(pair(first, 2), _mm256_blendv_epi8(word(3), word(2), first));
        place = narrow_down(place, second);
        let here = narrow_find::<1>(&tree.words, 0, place);
        let values = if BITS < 2 { narrow_pick::<BITS>(chunk, half, here) } else { four(first, second, 4) };
        let third = narrow_left(values, here);
        place = narrow_down(place, third);
        let here = narrow_find::<1>(&tree.words, 1, place);
        let values = if BITS < 3 {
            narrow_pick::<BITS>(chunk, half, here)
        } else {
            _mm256_blendv_epi8(four(second, third, 12), four(second, third, 8), first)
        };
        place = narrow_down(place, narrow_left(values, here));
        let here = narrow_find::<2>(&tree.words, 2, place);
        place = narrow_down(place, narrow_left(narrow_pick::<BITS>(chunk, half, here), here));
        let here = narrow_find::<4>(&tree.words, 4, place);
        place = narrow_down(place, narrow_left(narrow_pick::<BITS>(chunk, half, here), here));
        let here = narrow_find::<8>(&tree.words, 8, place);
        place = narrow_down(place, narrow_left(narrow_pick::<BITS>(chunk, half, here), here));
        let here = narrow_find::<16>(&tree.words, 16, place);
        narrow_down(place, narrow_left(narrow_pick::<BITS>(chunk, half, here), here))
    }

    /// All ones where a row goes left: its code is not above the word.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_left(codes: __m256i, words: __m256i) -> __m256i {
        _mm256_cmpeq_epi16(_mm256_min_epu16(codes, words), codes)
    }

    /// The children of the nodes at `place`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_down(place: __m256i, left: __m256i) -> __m256i {
        let right = _mm256_add_epi16(_mm256_add_epi16(place, place), _mm256_set1_epi16(1));
        _mm256_add_epi16(right, left)
    }

    /// All ones where bit `BIT` is set.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_bit(words: __m256i, bit: u32) -> __m256i {
        let wanted = _mm256_set1_epi16(1 << bit);
        _mm256_cmpeq_epi16(_mm256_and_si256(words, wanted), wanted)
    }

    /// Words of the nodes at `place`, which lie in `PARTS` parts of eight words from part `start` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_find<const PARTS: usize>(words: &[u16; NODES], start: usize, place: __m256i) -> __m256i {
        // the two bytes of word `n` of a part are its bytes 2n and 2n + 1
        let byte = _mm256_and_si256(_mm256_add_epi16(place, place), _mm256_set1_epi16(0x0e));
        let bytes = _mm256_or_si256(_mm256_mullo_epi16(byte, _mm256_set1_epi16(0x0101)), _mm256_set1_epi16(0x0100));
        let eights: &[[u16; 8]] = &words.as_chunks().0[start..start + PARTS];
        let mut found = [_mm256_setzero_si256(); 16];
        for (found, eight) in found.iter_mut().zip(eights) {
            *found = _mm256_shuffle_epi8(load_twice(eight), bytes);
        }
        for bit in 0..PARTS.trailing_zeros() {
            let set = narrow_bit(place, 3 + bit);
            for index in 0..PARTS >> (bit + 1) {
                found[index] = _mm256_blendv_epi8(found[2 * index], found[2 * index + 1], set);
            }
        }
        found[0]
    }

    /// Each row's code in the column that its word numbers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow_pick<const BITS: u32>(chunk: &[Lanes], half: usize, words: __m256i) -> __m256i {
        if BITS == MANY {
            let mut numbers = [0_u16; 16];
            store_half(&mut numbers, words);
            let picked: [u16; 16] = std::array::from_fn(|lane| {
                chunk[usize::from(numbers[lane]) & (chunk.len() - 1)][(half * 16 + lane) % LANES]
            });
            return load_half(&picked);
        }
        let mut parts = [_mm256_setzero_si256(); 32];
        for (part, column) in parts.iter_mut().zip(&chunk[..1 << BITS]) {
            *part = load_half(&column.as_chunks().0[half]);
        }
        for bit in 0..BITS {
            let set = narrow_bit(words, bit);
            for index in 0..1 << (BITS - 1 - bit) {
                parts[index] = _mm256_blendv_epi8(parts[2 * index], parts[2 * index + 1], set);
            }
        }
        parts[0]
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load(from: &Lanes) -> __m512i {
        // SAFETY: `from` is 64 bytes long, as many as are read, and need not be aligned.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn store(to: &mut Lanes, words: __m512i) {
        // SAFETY: `to` is 64 bytes long, as many as are written, and need not be aligned.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), words) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half(from: &[u16; 16]) -> __m256i {
        // SAFETY: `from` is 32 bytes long, as many as are read, and need not be aligned.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_half(to: &mut [u16; 16], words: __m256i) {
        // SAFETY: `to` is 32 bytes long, as many as are written, and need not be aligned.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) }
    }

    /// Eight words, twice.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_twice(from: &[u16; 8]) -> __m256i {
        // SAFETY: `from` is 16 bytes long, as many as are read, and need not be aligned.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
    }
}
