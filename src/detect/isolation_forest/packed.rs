//! A forest packed for batches: trees of one shape whose nodes are 16-bit words.

use super::codes::Codes;
use super::tree::Tree;

/// Levels of a packed tree; deeper trees are walked as they were grown.
pub(super) const LEVELS: u32 = 8;
/// Nodes of a packed tree, number 0 unused: the root is 1, the children of `n` are `2 n` and `2 n + 1`.
pub(super) const NODES: usize = 1 << LEVELS;
/// Rows that are scored together, tree after tree: codes and sums stay in the first cache.
pub(super) const BLOCK: usize = 1_024;
/// Most trees of a group, so that 32 bits hold a sum of path lengths.
const MOST_TREES: usize = 128;

/// Rows that go down a tree together.
pub(super) const LANES: usize = 32;
/// Codes of as many rows for one feature.
pub(super) type Lanes = [u16; LANES];

/// A tree in which every path has [`LEVELS`] steps: below a leaf all rows go left.
#[derive(Debug)]
pub(super) struct PackedTree {
    /// The threshold's rank above the number of its column. A row goes right when its code, shifted alike, is larger.
    pub(super) words: [u16; NODES],
    /// Path lengths of the paths' ends, from left to right.
    pub(super) ends: [u32; NODES],
    /// Their low and high 16 bits.
    pub(super) low: [u16; NODES],
    pub(super) high: [u16; NODES],
}

/// Trees whose thresholds are ranked together.
#[derive(Debug)]
pub(super) struct Group {
    /// One for each feature that the trees ask for; a word's column is its place here.
    pub(super) codes: Vec<Codes>,
    /// Low bits of a word that number the column.
    pub(super) column_bits: u32,
    pub(super) trees: Vec<PackedTree>,
}

/// A whole forest.
#[derive(Debug)]
pub(super) struct PackedForest {
    pub(super) groups: Vec<Group>,
}

impl PackedForest {
    /// Packs `trees`; `None` when they are oblique or too deep, or one alone has more thresholds than words can tell.
    pub(super) fn pack(trees: &[Tree], medians: &[f64]) -> Option<Self> {
        if trees.iter().any(|tree| tree.depth > LEVELS || !tree.planes.is_empty()) {
            return None;
        }
        let most = largest_group(trees, MOST_TREES, medians.len())?;
        // groups of like size: the last one should not be a remnant
        let groups = trees.len().div_ceil(most);
        let size = trees.len().div_ceil(groups);
        let groups = trees.chunks(size).map(|part| Group::pack(part, medians)).collect::<Option<_>>()?;
        Some(Self { groups })
    }
}

/// Most trees that go together wherever they are in the forest, `most` at most.
fn largest_group(trees: &[Tree], most: usize, width: usize) -> Option<usize> {
    let (mut counts, mut used) = (vec![0_u32; width], Vec::new());
    let mut size = most.min(trees.len());
    let mut start = 0;
    while start < trees.len() {
        used.drain(..).for_each(|feature: usize| counts[feature] = 0);
        let mut fitting = 0;
        for tree in trees.iter().skip(start).take(size) {
            for (index, node) in tree.nodes.iter().enumerate() {
                if !tree.is_leaf(index) {
                    let feature = node.feature as usize;
                    if counts[feature] == 0 {
                        used.push(feature);
                    }
                    counts[feature] += 1;
                }
            }
            let largest = used.iter().map(|feature| counts[*feature]).max().unwrap_or(0);
            if bits_of_codes(largest as usize) + bits_of_columns(used.len()) > u16::BITS {
                break;
            }
            fitting += 1;
        }
        if fitting == 0 {
            return None;
        }
        let wanted = size.min(trees.len() - start);
        if fitting < wanted {
            // smaller groups lie elsewhere: from the start
            size = fitting;
            start = 0;
        } else {
            start += wanted;
        }
    }
    Some(size)
}

/// Bits for the codes 0 to `thresholds`.
const fn bits_of_codes(thresholds: usize) -> u32 {
    usize::BITS - thresholds.leading_zeros()
}

const fn bits_of_columns(columns: usize) -> u32 {
    if columns < 2 { 0 } else { bits_of_codes(columns - 1) }
}

impl Group {
    fn pack(trees: &[Tree], medians: &[f64]) -> Option<Self> {
        let mut thresholds: Vec<Vec<f64>> = vec![Vec::new(); medians.len()];
        for tree in trees {
            let inner = tree.nodes.iter().enumerate().filter(|(index, node)| node.left as usize != *index);
            inner.for_each(|(_, node)| thresholds[node.feature as usize].push(node.threshold));
        }
        let mut column_of = vec![0_u16; medians.len()];
        let mut ranked: Vec<(usize, Vec<f64>)> = Vec::new();
        for (feature, mut all) in thresholds.into_iter().enumerate().filter(|(_, all)| !all.is_empty()) {
            // `==` and not the bits: 0 and -0 are one threshold
            all.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            all.dedup_by(|a, b| a.partial_cmp(&b) == Some(std::cmp::Ordering::Equal));
            column_of[feature] = u16::try_from(ranked.len()).ok()?;
            ranked.push((feature, all));
        }
        let column_bits = bits_of_columns(ranked.len());
        let most = ranked.iter().map(|(_, all)| all.len()).max().unwrap_or(0);
        if bits_of_codes(most) + column_bits > u16::BITS {
            return None;
        }
        let word = |feature: usize, threshold: f64| {
            let column = column_of[feature];
            let all = &ranked[usize::from(column)].1;
            let rank = all.partition_point(|other| *other < threshold);
            ((rank as u32) << column_bits) as u16 | column
        };
        let trees = trees.iter().map(|tree| PackedTree::pack(tree, &word)).collect();
        let codes = ranked.into_iter().map(|(feature, all)| Codes::new(feature, all, medians[feature])).collect();
        Some(Self { codes, column_bits, trees })
    }

    /// Columns that a block of codes has room for: a power of two.
    pub(super) const fn columns(&self) -> usize {
        1 << self.column_bits
    }
}

impl PackedTree {
    fn pack(tree: &Tree, word: &impl Fn(usize, f64) -> u16) -> Self {
        let mut packed = Self { words: [u16::MAX; NODES], ends: [0; NODES], low: [0; NODES], high: [0; NODES] };
        let mut waiting = vec![(1_usize, 0_usize)];
        while let Some((place, node)) = waiting.pop() {
            if place >= NODES {
                let path = tree.paths[node];
                packed.ends[place - NODES] = path;
                packed.low[place - NODES] = path as u16;
                packed.high[place - NODES] = (path >> 16) as u16;
            } else if tree.is_leaf(node) {
                // the largest word: no code is larger, so that all rows go left and no more is to be filled
                waiting.push((2 * place, node));
            } else {
                let cut = tree.nodes[node];
                packed.words[place] = word(cut.feature as usize, cut.threshold);
                waiting.push((2 * place, cut.left as usize));
                waiting.push((2 * place + 1, cut.left as usize + 1));
            }
        }
        packed
    }
}
