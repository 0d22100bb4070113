//! The forest: score, learn, attribute.

use serde::{Deserialize, Serialize};

use super::code::{Scale, Spread};
use super::params::{MOST_FEATURES, OnlineForestParams, OnlineParamsError};
use super::stored::Stored;
use super::tree::{self, Codes, Draws, LANES, Node, Rows};
use crate::detect::isolation_forest::{average_path_length, score_of_mean_path};

/// Rows that are learned before the first tree is grown.
const WARM_UP: u64 = 32;
/// With each of the first trees the scales of all features are looked at, later of one in so many.
const FIRST_LOOKS: u64 = 3;
const TURNS: u64 = 7;

/// A forest that learns row after row. `serde` stores all of it; one that was read back goes on bit for bit.
///
/// State: `8 × trees × nodes + 3 × sample_size × features + 24 × features` bytes and some hundred more (see
/// [`Self::state_bytes`]), from the first point to the last. One row costs O(trees × levels) to score, and at most one
/// tree's growth, O(sample_size × levels + sample_size × features), to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct OnlineForest {
    pub(super) params: OnlineForestParams,
    pub(super) width: usize,
    pub(super) scales: Vec<Scale>,
    /// Median, lowest and highest code of each feature in the reservoir when a tree was last grown.
    pub(super) medians: Vec<i16>,
    pub(super) bounds: Vec<(i16, i16)>,
    /// The reservoir, row-major.
    pub(super) rows: Vec<i16>,
    /// Trees of `params.slots()` nodes each, one behind the other.
    pub(super) nodes: Vec<Node>,
    /// Rows that each tree was grown on.
    pub(super) grown_on: Vec<u16>,
    pub(super) seen: u64,
    pub(super) grown: u64,
    /// Trees that are due, in fractions.
    pub(super) due: f64,
    pub(super) drawn: u64,
}

impl OnlineForest {
    /// A forest that has seen nothing, for rows of `width` features (1 to 256).
    ///
    /// # Errors
    /// [`OnlineParamsError::Features`] for another width.
    pub fn try_new(params: OnlineForestParams, width: usize) -> Result<Self, OnlineParamsError> {
        if !(1..=MOST_FEATURES).contains(&width) {
            return Err(OnlineParamsError::Features(width));
        }
        Ok(Self {
            params,
            width,
            scales: vec![Scale::default(); width],
            medians: vec![0; width],
            bounds: vec![(0, 0); width],
            rows: Vec::with_capacity(params.held() * width),
            nodes: Vec::with_capacity(params.trees() * params.slots()),
            grown_on: Vec::with_capacity(params.trees()),
            seen: 0,
            grown: 0,
            due: 0.0,
            drawn: 0,
        })
    }

    /// Number of features.
    #[must_use]
    pub const fn features(&self) -> usize {
        self.width
    }

    /// Parameters it was made with.
    #[must_use]
    pub const fn params(&self) -> &OnlineForestParams {
        &self.params
    }

    /// Whether it has trees by now: after 32 rows.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        !self.grown_on.is_empty()
    }

    /// Score of a row: in (0, 1), higher is more anomalous, 0.5 when it has nothing to say. Does not learn.
    ///
    /// NaN counts as the feature's median; features that are missing at the end of the row count as NaN.
    #[must_use]
    pub fn score(&self, row: &[f64]) -> f64 {
        self.score_codes(&self.codes(row))
    }

    /// Learns a row.
    pub fn learn(&mut self, row: &[f64]) {
        for (scale, value) in self.scales.iter_mut().zip(row) {
            scale.meet(*value);
        }
        let codes = self.codes(row);
        self.keep(row, &codes);
    }

    /// Score of a row, then learns it.
    pub fn score_then_learn(&mut self, row: &[f64]) -> f64 {
        let codes = self.codes(row);
        let score = self.score_codes(&codes);
        if self.seen < WARM_UP {
            self.learn(row);
        } else {
            self.keep(row, &codes);
        }
        score
    }

    /// Share of each feature in a row's score; at least 0, summing to 1; even shares when nothing stands out.
    ///
    /// A cut earns by how much it makes the expected path shorter, by sending the row to the side of few rows or by its
    /// range, which the row lies outside of.
    #[must_use]
    pub fn attribute(&self, row: &[f64]) -> Vec<f64> {
        let codes = self.codes(row);
        let mut shares = vec![0.0; self.width];
        for nodes in self.nodes.chunks_exact(self.params.slots()) {
            tree::credit(nodes, &codes, &mut shares);
        }
        let trees = self.grown_on.len().max(1) as f64;
        for (share, apart) in shares.iter_mut().zip(self.apart(&codes)) {
            *share = *share / trees + apart / self.width as f64;
        }
        let total: f64 = shares.iter().sum();
        let even = 1.0 / self.width as f64;
        shares.iter_mut().for_each(|s| *s = if total > 0.0 { *s / total } else { even });
        shares
    }

    /// Bytes of state in memory, the heap included.
    #[must_use]
    pub const fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + self.scales.capacity() * size_of::<Scale>()
            + self.medians.capacity() * size_of::<i16>()
            + self.bounds.capacity() * size_of::<(i16, i16)>()
            + self.rows.capacity() * size_of::<i16>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.grown_on.capacity() * size_of::<u16>()
    }

    fn codes(&self, row: &[f64]) -> Codes {
        let mut codes = [0; MOST_FEATURES];
        let known = self.scales.iter().zip(&self.medians);
        let values = row.iter().copied().chain(std::iter::repeat(f64::NAN));
        for ((code, (scale, median)), value) in codes.iter_mut().zip(known).zip(values) {
            *code = scale.code(value, *median);
        }
        codes
    }

    /// The chance that a random cut of the whole reservoir's range sets the row apart, for each feature.
    fn apart<'a>(&'a self, codes: &'a Codes) -> impl Iterator<Item = f64> + 'a {
        codes.iter().zip(&self.bounds).map(|(code, (low, high))| f64::from(tree::chance_apart(*code, *low, *high)))
    }

    fn score_codes(&self, codes: &Codes) -> f64 {
        if !self.is_ready() {
            return 0.5;
        }
        let sample = self.params.sample_size();
        let (slots, most_depth) = (self.params.slots(), self.params.most_depth());
        warm(&self.nodes);
        let mut sum = 0.0_f32;
        let mut add = |path: f32, rows: u16| {
            let full = usize::from(rows) == sample;
            sum += if full { path } else { path * relative_path(sample, usize::from(rows)) };
        };
        let together = self.nodes.chunks_exact(LANES * slots);
        let (rest, rows) = (together.remainder(), self.grown_on.chunks_exact(LANES));
        let rows_of_rest = rows.remainder();
        for (nodes, rows) in together.zip(rows) {
            let paths = tree::expected_paths(nodes, slots, codes, most_depth);
            paths.into_iter().zip(rows).for_each(|(path, rows)| add(path, *rows));
        }
        for (nodes, rows) in rest.chunks_exact(slots).zip(rows_of_rest) {
            add(tree::expected_path(nodes, codes), *rows);
        }
        let mean = f64::from(sum) / self.grown_on.len() as f64;
        let at_once = self.apart(codes).sum::<f64>() / self.width as f64;
        score_of_mean_path(at_once + (1.0 - at_once) * mean, sample)
    }

    /// The row into the reservoir, and a tree from it when one is due.
    fn keep(&mut self, row: &[f64], codes: &Codes) {
        self.seen += 1;
        let held = self.rows.len() / self.width;
        if held < self.params.held() {
            self.rows.extend_from_slice(&codes[..self.width]);
        } else {
            let span = self.seen.min(self.params.time_constant()) as f64;
            let place = (self.draw() * span) as usize;
            if let Some(old) = self.rows.chunks_exact_mut(self.width).nth(place) {
                old.copy_from_slice(&codes[..self.width]);
            }
        }
        if self.seen < WARM_UP {
            return;
        }
        let trees = self.params.trees();
        if self.grown_on.len() < trees {
            self.nodes.resize(self.nodes.len() + self.params.slots(), Node::default());
            self.grown_on.push(0);
            return self.grow(row, self.grown_on.len() - 1);
        }
        // all trees within half of the age, at last within the time constant
        let life = (self.seen / 2).min(self.params.time_constant());
        self.due += trees as f64 / life.max(1) as f64;
        if self.due >= 1.0 {
            self.due = (self.due - 1.0).min(1.0);
            self.grow(row, (self.grown % trees as u64) as usize);
        }
    }

    /// Grows the `index`-th tree anew; `row` is the newest row.
    fn grow(&mut self, row: &[f64], index: usize) {
        self.look(row);
        let held = self.rows.len() / self.width;
        let rows = held.min(self.params.sample_size());
        let mut sample: Vec<u16> = (0..held as u16).collect();
        let mut draws = Draws { seed: self.params.seed(), drawn: self.drawn };
        for place in 0..rows {
            let other = place + draws.below(held - place);
            sample.swap(place, other);
        }
        let slots = self.params.slots();
        let from = Rows { codes: &self.rows, width: self.width };
        let first = (self.grown % self.width as u64) as usize;
        let nodes = &mut self.nodes[index * slots..(index + 1) * slots];
        tree::grow(nodes, from, &mut sample[..rows], self.params.most_depth(), first, &mut draws);
        self.grown_on[index] = rows as u16;
        self.drawn = draws.drawn;
        self.grown += 1;
    }

    /// Range of each feature in the reservoir; of some features, in turn, the median too, and a better scale where the
    /// data have moved.
    fn look(&mut self, row: &[f64]) {
        let mut column = Vec::with_capacity(self.rows.len() / self.width);
        for feature in 0..self.width {
            let due = self.grown < FIRST_LOOKS || (feature as u64 + self.grown).is_multiple_of(TURNS);
            if !due {
                continue;
            }
            self.sort_column(feature, &mut column);
            let at = |tenths: usize| column[tenths * (column.len() - 1) / 10];
            let spread = Spread { tenth: at(1), median: at(5), ninetieth: at(9) };
            self.medians[feature] = spread.median;
            let value = row.get(feature).copied().unwrap_or(f64::NAN);
            if let Some(better) = self.scales[feature].better(spread, value) {
                self.rescale(feature, spread, better);
                self.sort_column(feature, &mut column);
                self.medians[feature] = column[5 * (column.len() - 1) / 10];
            }
        }
        self.bounds.fill((i16::MAX, i16::MIN));
        for row in self.rows.chunks_exact(self.width) {
            for ((low, high), code) in self.bounds.iter_mut().zip(row) {
                (*low, *high) = ((*low).min(*code), (*high).max(*code));
            }
        }
    }

    fn sort_column(&self, feature: usize, column: &mut Vec<i16>) {
        column.clear();
        column.extend(self.rows.iter().skip(feature).step_by(self.width));
        column.sort_unstable();
    }

    /// Rewrites a feature's codes, in rows and in cuts.
    fn rescale(&mut self, feature: usize, spread: Spread, to: Scale) {
        let from = self.scales[feature];
        for code in self.rows.iter_mut().skip(feature).step_by(self.width) {
            *code = from.recode_held(*code, spread, &to);
        }
        for node in self.nodes.iter_mut().filter(|n| n.left > 0 && usize::from(n.feature) == feature) {
            for code in [&mut node.cut, &mut node.low, &mut node.high] {
                *code = from.recode(*code, &to);
            }
        }
        self.scales[feature] = to;
    }

    fn draw(&mut self) -> f64 {
        let mut draws = Draws { seed: self.params.seed(), drawn: self.drawn };
        let drawn = draws.unit();
        self.drawn = draws.drawn;
        drawn
    }
}

/// Reads every cache line of the nodes, in order: loads that do not wait for each other fetch a model that was not used
/// for a while twice as fast as the walks, whose next load depends on the last. With thousands of models that is most of
/// the time; for one that is still in the cache it costs next to nothing.
fn warm(nodes: &[Node]) {
    let lines = nodes.iter().step_by(64 / size_of::<Node>());
    std::hint::black_box(lines.fold(0, |all, node| all ^ node.left));
}

/// How much longer paths are in trees of `sample` rows than in trees of `rows`.
fn relative_path(sample: usize, rows: usize) -> f32 {
    (average_path_length(sample) / average_path_length(rows.max(2))) as f32
}
