//! The kernels that add up path lengths, and the choice among them.

use super::packed::{BLOCK, Group, LANES, LEVELS, Lanes, NODES, PackedTree};
use super::simd;

/// Rows whose walks overlap in the portable kernel.
const OVERLAP: usize = 16;

/// Instructions that a batch is scored with. All kernels give the same bits.
///
/// Only [`Kernel::available`] makes one, so whoever has one is on a processor that can run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    Portable,
    Avx2(simd::Avx2),
    Avx512(simd::Avx512),
}

impl Kernel {
    /// The kernels that this processor has, the fastest first. The portable one is always there.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let wide = simd::Avx512::detect().map(Instructions::Avx512);
        let narrow = simd::Avx2::detect().map(Instructions::Avx2);
        wide.into_iter().chain(narrow).chain([Instructions::Portable]).map(Self).collect()
    }

    /// The fastest of them.
    #[must_use]
    pub fn best() -> Self {
        let wide = simd::Avx512::detect().map(Instructions::Avx512);
        let narrow = || simd::Avx2::detect().map(Instructions::Avx2);
        Self(wide.or_else(narrow).unwrap_or(Instructions::Portable))
    }

    /// Its name: `avx512`, `avx2` or `portable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Instructions::Portable => "portable",
            Instructions::Avx2(_) => "avx2",
            Instructions::Avx512(_) => "avx512",
        }
    }

    /// Adds the path lengths of the first `totals.len()` rows of a block (at most [`BLOCK`]) through all trees of `group`.
    ///
    /// `codes` holds, for each 32 rows, [`Group::columns`] columns.
    pub(super) fn add(self, group: &Group, codes: &[Lanes], totals: &mut [u64]) {
        match self.0 {
            Instructions::Portable => portable(group, codes, totals),
            Instructions::Avx2(token) => token.add(group, codes, totals),
            Instructions::Avx512(token) => token.add(group, codes, totals),
        }
    }
}

fn portable(group: &Group, codes: &[Lanes], totals: &mut [u64]) {
    let columns = group.columns();
    let mut sums = [[0_u32; LANES]; BLOCK / LANES];
    for tree in &group.trees {
        let sums = sums.iter_mut().take(totals.len().div_ceil(LANES));
        for (chunk, sums) in codes.chunks_exact(columns).zip(sums) {
            for (half, sums) in sums.as_chunks_mut::<OVERLAP>().0.iter_mut().enumerate() {
                add_some(tree, chunk, half * OVERLAP, sums);
            }
        }
    }
    totals.iter_mut().zip(sums.as_flattened()).for_each(|(total, sum)| *total += u64::from(*sum));
}

fn add_some(tree: &PackedTree, chunk: &[Lanes], start: usize, sums: &mut [u32; OVERLAP]) {
    let mut places = [1_usize; OVERLAP];
    for _ in 0..LEVELS {
        for (lane, place) in places.iter_mut().enumerate() {
            let word = tree.words[*place % NODES];
            let code = chunk[usize::from(word) & (chunk.len() - 1)][(start + lane) % LANES];
            *place = 2 * *place + usize::from(code > word);
        }
    }
    for (sum, place) in sums.iter_mut().zip(places) {
        *sum += tree.ends[place % NODES];
    }
}
