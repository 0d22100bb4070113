//! Features cut into at most 255 value bins and a bin for missing values.

use crate::learn::table::Table;

/// The cuts of one feature, rising: bin `b` holds the values in `(cuts[b-1], cuts[b]]`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learn) struct Bins {
    pub(in crate::learn) cuts: Vec<f64>,
}

/// A table as bin numbers, row by row.
#[derive(Debug)]
pub(in crate::learn) struct Binned {
    pub(in crate::learn) features: Vec<Bins>,
    /// `(n_rows, n_features)`, row-major.
    pub(in crate::learn) codes: Vec<u8>,
    /// Where the bins of each feature start in a histogram; the last entry is the length of a histogram.
    pub(in crate::learn) offsets: Vec<usize>,
}

impl Bins {
    /// The cuts of a column: between all values if they are few, at quantiles otherwise. NaN is left out.
    pub(in crate::learn) fn fit(column: impl Iterator<Item = f64>, max_bins: usize) -> Self {
        let mut values: Vec<f64> = column.filter(|value| value.is_finite()).map(|value| value + 0.0).collect();
        values.sort_by(f64::total_cmp);
        let mut distinct: Vec<(f64, usize)> = Vec::new();
        for value in &values {
            match distinct.last_mut() {
                Some((last, count)) if last.total_cmp(value).is_eq() => *count += 1,
                _ => distinct.push((*value, 1)),
            }
        }
        let few = distinct.len() <= max_bins;
        let (mut seen, mut cuts) = (0_usize, Vec::new());
        for pair in distinct.windows(2) {
            seen += pair[0].1;
            let due = seen * max_bins >= values.len() * (cuts.len() + 1);
            if few || (due && cuts.len() + 1 < max_bins) {
                cuts.push(short_between(pair[0].0, pair[1].0));
            }
        }
        Self { cuts }
    }

    /// Number of bins for values; the bin for missing values is the next.
    pub(in crate::learn) const fn n_values(&self) -> usize {
        self.cuts.len() + 1
    }

    /// Bin of a value; NaN is in the bin after the last.
    pub(in crate::learn) fn code(&self, value: f64) -> u8 {
        let bin = if value.is_nan() { self.n_values() } else { self.cuts.partition_point(|cut| *cut < value) };
        u8::try_from(bin).unwrap_or(u8::MAX)
    }

    /// Bin of a value as a number for learners that know no missing values: those are -1.
    pub(in crate::learn) fn number(&self, value: f64) -> f64 {
        if value.is_nan() { -1.0 } else { f64::from(self.code(value)) }
    }
}

/// Cuts every column of `table` and codes every value.
pub(in crate::learn) fn bin_table(table: &Table, max_bins: usize) -> Binned {
    let n_features = table.n_columns();
    let features: Vec<Bins> =
        (0..n_features).map(|f| Bins::fit(table.column(f).iter().copied(), max_bins.min(255))).collect();
    let mut codes = vec![0; table.n_rows() * n_features];
    for (f, bins) in features.iter().enumerate() {
        for (row, value) in table.column(f).iter().enumerate() {
            codes[row * n_features + f] = bins.code(*value);
        }
    }
    let mut offsets = vec![0];
    for bins in &features {
        offsets.push(offsets.last().copied().unwrap_or(0) + bins.n_values() + 1);
    }
    Binned { features, codes, offsets }
}

/// A number `t` of few digits with `low <= t < high`, which survives being written as JSON and read again.
fn short_between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    (0..17)
        .filter_map(|digits| format!("{middle:.digits$e}").parse::<f64>().ok())
        .chain([middle])
        .find(|t| low <= *t && *t < high && survives_json(*t))
        .unwrap_or(low)
}

fn survives_json(value: f64) -> bool {
    let back = serde_json::to_string(&value).ok().and_then(|text| serde_json::from_str::<f64>(&text).ok());
    back.is_some_and(|back| back.total_cmp(&value).is_eq())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_short_and_separate_the_values() {
        let bins = Bins::fit([1.0, 2.0, f64::NAN, 10.0, 2.0].into_iter(), 255);
        assert_eq!(bins.cuts, [1.5, 6.0]);
        assert_eq!([1.0, 2.0, 10.0, f64::NAN, -5.0, 1.5].map(|v| bins.code(v)), [0, 1, 2, 3, 0, 0]);
    }

    #[test]
    fn many_values_are_cut_at_quantiles_within_the_limit() {
        let bins = Bins::fit((0..10_000).map(f64::from), 255);
        assert!(bins.n_values() <= 255 && bins.n_values() >= 250, "{}", bins.n_values());
        assert!(bins.cuts.windows(2).all(|pair| pair[0] < pair[1]));
        let two = Bins::fit((0..100).map(f64::from), 2);
        assert_eq!(two.cuts.len(), 1);
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let bins = Bins::fit([-1e308, 1e308, 5e-324, 0.0, -0.0].into_iter(), 255);
        assert_eq!(bins.n_values(), 4);
        assert!(bins.cuts.iter().all(|cut| cut.is_finite()));
        assert_eq!(Bins::fit([f64::NAN].into_iter(), 255).n_values(), 1);
    }

    #[test]
    fn neighbouring_floats_are_still_separated() {
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        let cut = short_between(1.0, next);
        assert!(1.0 <= cut && cut < next);
    }
}
