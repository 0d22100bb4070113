//! The rounds of boosting, with early stopping.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::artefact::BoosterError;
use super::bins::{Binned, bin_table};
use super::booster::Booster;
use super::grow::grow;
use super::histogram::Rules;
use super::objective::{Objective, softmax_in_place};
use super::params::{Params, Trend};
use super::tree::Tree;
use crate::learn::table::{Table, Targets};

/// A table with the class of each row.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// The features.
    pub table: &'a Table,
    /// The classes.
    pub targets: &'a Targets,
}

/// A fitted booster and how fitting went.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model, cut back to its best round.
    pub booster: Booster,
    /// Loss by round.
    pub history: History,
}

/// How fitting went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Weighted log-loss of the training rows after each round that ran.
    pub train_loss: Vec<f64>,
    /// The same of the validation rows; empty without any.
    pub validation_loss: Vec<f64>,
    /// Rounds that were kept.
    pub rounds: usize,
}

/// Rows, heads and losses of one part of the data while rounds run.
struct Part<'a> {
    rows: Vec<f64>,
    classes: &'a [usize],
    weights: Vec<f64>,
    heads: Vec<f64>,
}

impl Booster {
    /// Fits `objective` on `train`. With `validation`, stops after `patience` rounds without a better validation loss
    /// and keeps the best round. `trends` has an entry per column, or none at all.
    ///
    /// O(rounds × heads × rows × columns × log leaves). Deterministic for a seed.
    ///
    /// # Errors
    /// A parameter out of range, no rows, parts that differ in columns or classes, trends that do not fit.
    pub fn fit(
        objective: Objective,
        train: Labelled<'_>,
        validation: Option<Labelled<'_>>,
        trends: &[Trend],
        params: &Params,
        seed: u64,
    ) -> Result<Fitted, BoosterError> {
        params.check()?;
        check_parts(objective, train, validation, trends)?;
        let n_classes = train.targets.n_classes();
        let class_weights = class_weights(train.targets, params.class_balance);
        let counts: Vec<f64> =
            train.targets.counts().iter().zip(&class_weights).map(|(count, weight)| *count as f64 * weight).collect();
        let mut booster = Self::new(objective, train.table.names().to_vec(), n_classes, objective.base(&counts));
        let binned = bin_table(train.table, params.max_bins);
        let mut train = Part::new(train, &class_weights, &booster);
        let mut validation = validation.map(|part| Part::new(part, &class_weights, &booster));
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut history = History::default();
        let mut best = f64::INFINITY;
        for _ in 0..params.rounds {
            let Some(trees) = round(&booster, &binned, &mut train, (trends, params), &mut rng) else { break };
            history.train_loss.push(train.loss(&booster));
            booster.push_round(trees);
            if let Some(part) = &mut validation {
                part.follow(&booster);
                let loss = part.loss(&booster);
                history.validation_loss.push(loss);
                if loss < best {
                    best = loss;
                    history.rounds = booster.rounds();
                } else if booster.rounds() - history.rounds >= params.patience {
                    break;
                }
            } else {
                history.rounds = booster.rounds();
            }
        }
        booster.truncate(history.rounds);
        Ok(Fitted { booster, history })
    }
}

impl<'a> Part<'a> {
    fn new(part: Labelled<'a>, class_weights: &[f64], booster: &Booster) -> Self {
        let classes = part.targets.classes();
        Self {
            rows: part.table.row_major(),
            classes,
            weights: classes.iter().map(|class| class_weights[*class]).collect(),
            heads: booster.base().repeat(classes.len()),
        }
    }

    fn row(&self, index: usize, columns: usize) -> &[f64] {
        &self.rows[index * columns..(index + 1) * columns]
    }

    /// Adds what the last round of `booster` says.
    fn follow(&mut self, booster: &Booster) {
        let (columns, n_heads) = (booster.features().len(), booster.base().len());
        for index in 0..self.classes.len() {
            for (head, tree) in booster.last_round().iter().enumerate() {
                let add = tree.predict(self.row(index, columns));
                self.heads[index * n_heads + head] += add;
            }
        }
    }

    /// Weighted mean log-loss; infinite without rows.
    fn loss(&self, booster: &Booster) -> f64 {
        let n_heads = booster.base().len();
        let mut p = vec![0.0; booster.n_classes()];
        let mut sum = 0.0;
        for (index, (class, weight)) in self.classes.iter().zip(&self.weights).enumerate() {
            booster.objective().scores(&self.heads[index * n_heads..(index + 1) * n_heads], &mut p);
            softmax_in_place(&mut p);
            sum -= weight * p[*class].max(1e-15).ln();
        }
        let total: f64 = self.weights.iter().sum();
        if total > 0.0 { sum / total } else { f64::INFINITY }
    }
}

/// Grows a tree per head and adds them to the heads of the training rows; `None` when no tree found a split.
fn round(
    booster: &Booster,
    binned: &Binned,
    train: &mut Part<'_>,
    (trends, params): (&[Trend], &Params),
    rng: &mut Pcg64,
) -> Option<Vec<Tree>> {
    let (n_rows, n_heads) = (train.classes.len(), booster.base().len());
    let derivatives = derivatives(booster, train);
    let sampled: Vec<bool> =
        (0..n_rows).map(|_| params.row_fraction >= 1.0 || rng.random::<f64>() < params.row_fraction).collect();
    let mut trees = Vec::with_capacity(n_heads);
    for (head, derivatives) in derivatives.iter().enumerate() {
        let features = sample_columns(booster.features().len(), params.column_fraction, rng);
        let rules = Rules { params, trends, features: &features };
        let mut rows: Vec<u32> = (0..).zip(&sampled).filter(|(_, taken)| **taken).map(|(row, _)| row).collect();
        let (tree, leaves) = grow(binned, &mut rows, derivatives, &rules);
        for (leaf, range) in tree.leaves.iter().zip(leaves) {
            for row in &rows[range] {
                train.heads[*row as usize * n_heads + head] += leaf.value;
            }
        }
        for (row, _) in sampled.iter().enumerate().filter(|(_, taken)| !**taken) {
            let add = tree.predict(train.row(row, booster.features().len()));
            train.heads[row * n_heads + head] += add;
        }
        trees.push(tree);
    }
    trees.iter().any(|tree| !tree.nodes.is_empty()).then_some(trees)
}

/// Gradient and second derivative per head and row.
fn derivatives(booster: &Booster, train: &Part<'_>) -> Vec<Vec<[f64; 2]>> {
    let n_heads = booster.base().len();
    let mut all = vec![vec![[0.0; 2]; train.classes.len()]; n_heads];
    let mut p = vec![0.0; booster.n_classes()];
    let mut of_row = vec![[0.0; 2]; n_heads];
    for (row, (class, weight)) in train.classes.iter().zip(&train.weights).enumerate() {
        booster.objective().scores(&train.heads[row * n_heads..(row + 1) * n_heads], &mut p);
        softmax_in_place(&mut p);
        booster.objective().derivatives(&p, *class, *weight, &mut of_row);
        all.iter_mut().zip(&of_row).for_each(|(head, pair)| head[row] = *pair);
    }
    all
}

/// A seeded choice of columns, rising, at least one.
fn sample_columns(columns: usize, fraction: f64, rng: &mut Pcg64) -> Vec<usize> {
    if fraction >= 1.0 {
        return (0..columns).collect();
    }
    let wanted = ((columns as f64 * fraction).ceil() as usize).clamp(1, columns);
    let mut chosen = rand::seq::index::sample(rng, columns, wanted).into_vec();
    chosen.sort_unstable();
    chosen
}

/// Row weight of each class, with mean 1 over the rows.
fn class_weights(targets: &Targets, balance: f64) -> Vec<f64> {
    let counts = targets.counts();
    let n = targets.classes().len() as f64;
    let raw: Vec<f64> = counts
        .iter()
        .map(|count| if *count == 0 { 1.0 } else { (n / (counts.len() as f64 * *count as f64)).powf(balance) })
        .collect();
    let mean = raw.iter().zip(&counts).map(|(weight, count)| weight * *count as f64).sum::<f64>() / n;
    raw.into_iter().map(|weight| f64::from((weight / mean) as f32)).collect()
}

fn check_parts(
    objective: Objective,
    train: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    trends: &[Trend],
) -> Result<(), BoosterError> {
    let n_classes = train.targets.n_classes();
    if n_classes < 2 {
        return Err(BoosterError::Classes { got: n_classes });
    }
    if train.table.n_rows() == 0 {
        return Err(BoosterError::NoRows);
    }
    for part in [Some(train), validation].into_iter().flatten() {
        let fits = part.table.n_rows() == part.targets.classes().len()
            && part.targets.n_classes() == n_classes
            && part.table.names() == train.table.names();
        if !fits {
            return Err(BoosterError::Parts);
        }
    }
    if !(trends.is_empty() || trends.len() == train.table.n_columns()) {
        return Err(BoosterError::Trends { got: trends.len(), needed: train.table.n_columns() });
    }
    if objective == Objective::Nominal && trends.iter().any(|trend| *trend != Trend::Free) {
        return Err(BoosterError::TrendsNeedAnOrder);
    }
    if train.table.n_columns() > usize::from(u16::MAX) {
        return Err(BoosterError::Trends { got: train.table.n_columns(), needed: usize::from(u16::MAX) });
    }
    Ok(())
}
