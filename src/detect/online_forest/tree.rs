//! One small isolation tree of 16-bit codes.

use super::code::{decode, encode};
use crate::detect::isolation_forest::{average_path_length, mix};

/// Path lengths of leaves are held in this fraction.
const PATH_UNIT: f32 = 1_024.0;
/// Features that are drawn before the next varying one is taken.
const DRAWS: usize = 8;

/// Trees that are walked together.
pub(super) const LANES: usize = 8;

/// A row's codes; those beyond its features are 0. As long as a node's feature can reach.
pub(super) type Codes = [i16; 256];

/// Eight bytes. An inner node sends `code <= cut` to `left`, the others to `left + 1`, and knows the range of its rows in
/// its feature. A leaf has `left` 0, its path length in `cut` and its rows in `low`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) cut: i16,
    pub(super) low: i16,
    pub(super) high: i16,
    pub(super) feature: u8,
    pub(super) left: u8,
}

/// Draws of a seed, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    pub(super) seed: u64,
    pub(super) drawn: u64,
}

/// Rows to grow on, row-major codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) codes: &'a [i16],
    pub(super) width: usize,
}

struct Task {
    node: usize,
    start: usize,
    end: usize,
    depth: u32,
}

struct Cut {
    feature: usize,
    low: i16,
    high: i16,
    cut: i16,
}

impl Draws {
    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        self.drawn = self.drawn.wrapping_add(1);
        (mix(self.seed, self.drawn) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of 0 to `count - 1`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }
}

impl Node {
    const fn is_leaf(self) -> bool {
        self.left == 0
    }

    fn path(self) -> f32 {
        f32::from(self.cut) / PATH_UNIT
    }

    const fn excludes(self, code: i16) -> bool {
        (code < self.low) | (code > self.high)
    }

    /// The chance that a random cut of the range, widened to hold the code, sets it apart; 0 inside the range.
    fn apart(self, code: i16) -> f32 {
        chance_apart(code, self.low, self.high)
    }

    pub(super) const fn pack(self) -> u64 {
        (self.cut as u16 as u64)
            | (self.low as u16 as u64) << 16
            | (self.high as u16 as u64) << 32
            | (self.feature as u64) << 48
            | (self.left as u64) << 56
    }

    pub(super) const fn unpack(bits: u64) -> Self {
        Self {
            cut: bits as u16 as i16,
            low: (bits >> 16) as u16 as i16,
            high: (bits >> 32) as u16 as i16,
            feature: (bits >> 48) as u8,
            left: (bits >> 56) as u8,
        }
    }
}

/// `gap / (gap + range)` for a code outside of `low..=high`, 0 inside.
pub(super) fn chance_apart(code: i16, low: i16, high: i16) -> f32 {
    let gap = if code < low {
        decode(low) - decode(code)
    } else if code > high {
        decode(code) - decode(high)
    } else {
        return 0.0;
    };
    gap / (gap + (decode(high) - decode(low)))
}

/// Grows a tree of at most `slots.len()` nodes and `most_depth` levels on the rows numbered in `sample`, level after
/// level. The first cut is in `first` where that feature varies. O(sample × levels).
pub(super) fn grow(
    slots: &mut [Node],
    rows: Rows<'_>,
    sample: &mut [u16],
    most_depth: u32,
    first: usize,
    draws: &mut Draws,
) {
    let mut tasks = Vec::with_capacity(slots.len());
    tasks.push(Task { node: 0, start: 0, end: sample.len(), depth: 0 });
    let (mut next, mut used) = (0, 1);
    while let Some(Task { node, start, end, depth }) = tasks.get(next).map(Task::copy) {
        next += 1;
        let here = &mut sample[start..end];
        let room = depth < most_depth && here.len() > 1 && used + 2 <= slots.len();
        let wanted = if depth == 0 { Some(first) } else { None };
        let Some(cut) = room.then(|| choose(rows, here, wanted, draws)).flatten() else {
            let path = depth as f32 + average_path_length(here.len()) as f32;
            slots[node] = Node { cut: (path * PATH_UNIT) as i16, low: here.len() as i16, high: 0, feature: 0, left: 0 };
            continue;
        };
        let middle = start + partition(rows, here, &cut);
        slots[node] = Node { cut: cut.cut, low: cut.low, high: cut.high, feature: cut.feature as u8, left: used as u8 };
        tasks.push(Task { node: used, start, end: middle, depth: depth + 1 });
        tasks.push(Task { node: used + 1, start: middle, end, depth: depth + 1 });
        used += 2;
    }
    slots[used..].fill(Node::default());
}

/// Expected path length of a row in one tree.
pub(super) fn expected_path(nodes: &[Node], codes: &Codes) -> f32 {
    let (mut path, mut still, mut depth) = (0.0, 1.0, 1.0);
    let mut node = nodes[0];
    while !node.is_leaf() {
        let code = codes[usize::from(node.feature)];
        if node.excludes(code) {
            let apart = node.apart(code);
            path += still * apart * depth;
            still *= 1.0 - apart;
        }
        node = nodes[usize::from(node.left) + usize::from(code > node.cut)];
        depth += 1.0;
    }
    path + still * node.path()
}

/// Expected path lengths in [`LANES`] trees of `slots` nodes, one behind the other: the walks go step by step together,
/// so that their loads overlap and no branch depends on where a walk ends. Equal to [`expected_path`] of each.
pub(super) fn expected_paths(nodes: &[Node], slots: usize, codes: &Codes, most_depth: u32) -> [f32; LANES] {
    let (mut paths, mut still) = ([0.0_f32; LANES], [1.0_f32; LANES]);
    let mut at: [usize; LANES] = std::array::from_fn(|lane| lane * slots);
    for step in 1..=most_depth {
        let (mut own, mut low, mut high) = ([0_i16; LANES], [-i16::MAX; LANES], [i16::MAX; LANES]);
        for lane in 0..LANES {
            let node = nodes[at[lane]];
            let code = codes[usize::from(node.feature)];
            let inner = !node.is_leaf();
            own[lane] = code;
            low[lane] = if inner { node.low } else { -i16::MAX };
            high[lane] = if inner { node.high } else { i16::MAX };
            let child = lane * slots + usize::from(node.left) + usize::from(code > node.cut);
            at[lane] = if inner { child } else { at[lane] };
        }
        for lane in 0..LANES {
            let (own, low, high) = (decode(own[lane]), decode(low[lane]), decode(high[lane]));
            let gap = (low - own).max(own - high).max(0.0);
            let apart = gap / (gap + (high - low)).max(f32::MIN_POSITIVE);
            paths[lane] += still[lane] * apart * step as f32;
            still[lane] *= 1.0 - apart;
        }
    }
    for ((path, still), place) in paths.iter_mut().zip(still).zip(at) {
        *path += still * nodes[place].path();
    }
    paths
}

/// Adds to each feature by how much its cuts made the expected path shorter, as a share of the tree's mean path.
pub(super) fn credit(nodes: &[Node], codes: &Codes, credits: &mut [f64]) {
    let means = mean_paths(nodes);
    let (mut at, mut still, mut depth) = (0, 1.0, 1.0_f32);
    let end = leaf(nodes, codes);
    let ordinary = f64::from(means[0].max(f32::MIN_POSITIVE));
    while !nodes[at].is_leaf() {
        let node = nodes[at];
        let code = codes[usize::from(node.feature)];
        let apart = node.apart(code);
        let mut earned = still * apart * (nodes[end].path() - depth).max(0.0);
        still *= 1.0 - apart;
        let next = usize::from(node.left) + usize::from(code > node.cut);
        earned += still * (means[at] - means[next]).max(0.0);
        credits[usize::from(node.feature)] += f64::from(earned) / ordinary;
        at = next;
        depth += 1.0;
    }
}

/// Whether the nodes are a tree whose walks end, over `width` features.
pub(super) fn is_sound(nodes: &[Node], width: usize) -> bool {
    !nodes.is_empty()
        && nodes.iter().enumerate().all(|(at, node)| {
            let left = usize::from(node.left);
            node.is_leaf() || (left > at && left + 1 < nodes.len() && usize::from(node.feature) < width)
        })
}

impl Task {
    const fn copy(&self) -> Self {
        Self { node: self.node, start: self.start, end: self.end, depth: self.depth }
    }
}

fn leaf(nodes: &[Node], codes: &Codes) -> usize {
    let mut at = 0;
    while !nodes[at].is_leaf() {
        at = usize::from(nodes[at].left) + usize::from(codes[usize::from(nodes[at].feature)] > nodes[at].cut);
    }
    at
}

/// Mean path length of the rows below each node; children come after their parent.
fn mean_paths(nodes: &[Node]) -> Vec<f32> {
    let mut sums = vec![(0.0_f32, 0.0_f32); nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        sums[at] = if node.is_leaf() {
            let rows = f32::from(node.low.max(1));
            (rows * node.path(), rows)
        } else {
            let (left, right) = (sums[usize::from(node.left)], sums[usize::from(node.left) + 1]);
            (left.0 + right.0, left.1 + right.1)
        };
    }
    sums.into_iter().map(|(sum, rows)| sum / rows).collect()
}

/// A random cut that leaves rows on both sides, in a feature that varies; `None` when none does.
fn choose(rows: Rows<'_>, here: &[u16], wanted: Option<usize>, draws: &mut Draws) -> Option<Cut> {
    let width = rows.width;
    let mut feature = wanted.unwrap_or_else(|| draws.below(width));
    for _ in 0..DRAWS {
        if let Some(cut) = cut_in(rows, here, feature, draws) {
            return Some(cut);
        }
        feature = draws.below(width);
    }
    (0..width).find_map(|step| cut_in(rows, here, (feature + step) % width, draws))
}

fn cut_in(rows: Rows<'_>, here: &[u16], feature: usize, draws: &mut Draws) -> Option<Cut> {
    let (low, high) = here.iter().fold((i16::MAX, i16::MIN), |(low, high), row| {
        let code = rows.codes[usize::from(*row) * rows.width + feature];
        (low.min(code), high.max(code))
    });
    if low >= high {
        return None;
    }
    let (from, to) = (decode(low), decode(high));
    let cut = encode(from + draws.unit() as f32 * (to - from)).clamp(low, high - 1);
    Some(Cut { feature, low, high, cut })
}

/// Rows of the left side first; their number.
fn partition(rows: Rows<'_>, here: &mut [u16], cut: &Cut) -> usize {
    let mut left = 0;
    for place in 0..here.len() {
        if rows.codes[usize::from(here[place]) * rows.width + cut.feature] <= cut.cut {
            here.swap(place, left);
            left += 1;
        }
    }
    left
}
