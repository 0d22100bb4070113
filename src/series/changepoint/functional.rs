//! Changes of the mean by functional pruning: exact, and nearly linear in the number of points.
//!
//! For each mean `μ` of the last segment, only the start that is best at that `μ` can be part of an optimum: all starts
//! pay the same for the points to come. The best starts over `μ` are pieces of the line, and a new start takes a stretch of
//! it away from some of them. With a shortest segment `m` a start joins `m` points late, with what those cost it; the
//! argument stays the same, so the result is exact for every `m`.
//!
//! Cost of start `s` at time `t` and mean `μ`: `a + Q(t) + 2μ (b − S(t)) + (t − s) μ²` with `a = F(s) + β − Q(s)` and
//! `b = S(s)`, where `S` and `Q` are sums of values and squares. The difference of two starts does not depend on `t`.

/// Stretches of means, in rising order, each with the start that is best there; one list for each part of a start.
#[derive(Debug, Default)]
struct Pieces {
    /// Upper end of each stretch; that of the last is the largest value, since no mean lies beyond.
    end: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    start: Vec<f64>,
}

/// A start of the last segment.
#[derive(Debug, Clone, Copy)]
struct Start {
    a: f64,
    b: f64,
    at: f64,
}

/// Starts of the segments but the first, in rising order, of the segmentation with the smallest sum of squared deviations
/// plus `penalty` for each change; segments have at least `min_segment ≥ 1` points. `values` are finite, at most about 1 in
/// size and near 0 in the middle.
///
/// O(n k) for k pieces: some tens on noise, at worst n.
pub(super) fn starts_of_means(values: &[f64], penalty: f64, min_segment: usize) -> Vec<usize> {
    let n = values.len();
    let mut last = vec![0_usize; n + 1];
    let (mut sums, mut squares, mut best) = (vec![0.0; n + 1], vec![0.0; n + 1], vec![f64::INFINITY; n + 1]);
    best[0] = -penalty;
    let (mut pieces, mut spare) = (Pieces::default(), Pieces::default());
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (i, value) in values.iter().enumerate() {
        let t = i + 1;
        sums[t] = sums[i] + value;
        squares[t] = value.mul_add(*value, squares[i]);
        let Some(joins) = t.checked_sub(min_segment) else { continue };
        if best[joins].is_finite() {
            let start = Start { a: best[joins] + penalty - squares[joins], b: sums[joins], at: joins as f64 };
            if pieces.take_in(start, (least, most), &mut spare) {
                std::mem::swap(&mut pieces, &mut spare);
            }
        }
        let (cost, start) = pieces.cheapest(sums[t], t as f64);
        best[t] = cost + squares[t];
        last[t] = start;
    }
    trace_back(&last)
}

/// The starts of all segments but the first, given the start of the last segment of each prefix.
pub(super) fn trace_back(last: &[usize]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = last.len().saturating_sub(1);
    while let Some(start) = last.get(at).copied().filter(|start| *start > 0 && *start < at) {
        starts.push(start);
        at = start;
    }
    starts.reverse();
    starts
}

impl Pieces {
    /// The least cost at time `t`, without `Q(t)`, and its start. Each start's own minimum bounds the pieces from above,
    /// and the least of them lies on its own piece.
    fn cheapest(&self, sum: f64, t: f64) -> (f64, usize) {
        let mut cost = f64::INFINITY;
        let mut at = 0.0;
        for ((a, b), start) in self.a.iter().zip(&self.b).zip(&self.start) {
            let moved = sum - b;
            let own = a - moved * moved / (t - start);
            // both selections without a branch
            at = if own < cost { *start } else { at };
            cost = if own < cost { own } else { cost };
        }
        (cost, at as usize)
    }

    /// Writes the pieces with `new` among them to `out`; `false` when `new` is best nowhere and nothing was written.
    fn take_in(&self, new: Start, (least, most): (f64, f64), out: &mut Self) -> bool {
        out.clear();
        let mut won = self.end.is_empty();
        let mut low = least;
        for (((end, a), b), start) in self.end.iter().zip(&self.a).zip(&self.b).zip(&self.start) {
            let old = Start { a: *a, b: *b, at: *start };
            // where the old start stays best: between the roots of old − new, a parabola that opens upwards
            let (from, to) = old.kept_against(&new);
            let (from, to) = (from.max(low), to.min(*end));
            if from < to {
                if from > low {
                    out.append(new, from);
                    won = true;
                }
                out.append(old, to);
                if to < *end {
                    out.append(new, *end);
                    won = true;
                }
            } else {
                out.append(new, *end);
                won = true;
            }
            low = *end;
        }
        if self.end.is_empty() {
            out.append(new, most);
        }
        won
    }

    /// A stretch up to `end`; it joins the one before when that has the same start.
    fn append(&mut self, start: Start, end: f64) {
        if self.start.last().is_some_and(|last| last.to_bits() == start.at.to_bits()) {
            if let Some(last) = self.end.last_mut() {
                *last = end;
            }
            return;
        }
        self.end.push(end);
        self.a.push(start.a);
        self.b.push(start.b);
        self.start.push(start.at);
    }

    fn clear(&mut self) {
        self.end.clear();
        self.a.clear();
        self.b.clear();
        self.start.clear();
    }
}

impl Start {
    /// The means at which this start costs no more than a later one; an empty stretch is `(0, 0)`.
    fn kept_against(&self, later: &Self) -> (f64, f64) {
        let (half, square, constant) = (self.b - later.b, later.at - self.at, self.a - later.a);
        let discriminant = half.mul_add(half, -(square * constant));
        if discriminant.is_nan() || discriminant <= 0.0 {
            return (0.0, 0.0);
        }
        let root = discriminant.sqrt();
        ((-half - root) / square, (root - half) / square)
    }
}
