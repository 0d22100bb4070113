//! Filling what is missing.

/// Replaces every NaN of `values` and returns which points those were.
///
/// - Leading gap: the first value.
/// - Gap of at most `linear_steps` between two values: a straight line.
/// - Longer gap: the value one season earlier, `season` being the season's length in steps; the last value before the
///   gap where there is no season or nothing that early. A short gap at the end holds the last value.
///
/// Leaves `values` alone when none is finite. O(n).
pub(super) fn fill(values: &mut [f64], linear_steps: usize, season: Option<usize>) -> Vec<bool> {
    let imputed: Vec<bool> = values.iter().map(|v| v.is_nan()).collect();
    let Some(first) = imputed.iter().position(|missing| !missing) else {
        return imputed;
    };
    let first_value = values[first];
    values[..first].fill(first_value);
    let mut from = first;
    while let Some(gap) = next_gap(&imputed, from) {
        let before = values[gap.start - 1];
        if gap.len() > linear_steps {
            for index in gap.clone() {
                let earlier = season.and_then(|steps| index.checked_sub(steps));
                values[index] = earlier.map_or(before, |i| values[i]);
            }
        } else {
            let after = values.get(gap.end).copied().unwrap_or(before);
            let width = (gap.len() + 1) as f64;
            for (step, value) in values[gap.clone()].iter_mut().enumerate() {
                *value = before + (after - before) * ((step + 1) as f64 / width);
            }
        }
        from = gap.end;
    }
    imputed
}

fn next_gap(missing: &[bool], from: usize) -> Option<std::ops::Range<usize>> {
    let start = from + missing.get(from..)?.iter().position(|m| *m)?;
    let len = missing[start..].iter().position(|m| !m).unwrap_or(missing.len() - start);
    Some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::fill;

    const NAN: f64 = f64::NAN;

    #[track_caller]
    fn check(values: &[f64], linear: usize, season: Option<usize>, expected: &[f64]) {
        let mut filled = values.to_vec();
        let imputed = fill(&mut filled, linear, season);
        assert_eq!(filled, expected);
        assert_eq!(imputed, values.iter().map(|v| v.is_nan()).collect::<Vec<_>>());
    }

    #[test]
    fn gaps_are_filled_by_their_length() {
        check(&[NAN, NAN, 5.0], 3, None, &[5.0, 5.0, 5.0]);
        check(&[1.0, NAN, NAN, 4.0], 3, None, &[1.0, 2.0, 3.0, 4.0]);
        check(&[1.0, NAN, NAN, 4.0], 1, None, &[1.0, 1.0, 1.0, 4.0]);
        check(&[1.0, 2.0, 3.0, NAN, NAN, 9.0], 1, Some(3), &[1.0, 2.0, 3.0, 1.0, 2.0, 9.0]);
        check(&[1.0, 2.0, NAN, NAN, NAN, NAN], 1, Some(2), &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        check(&[1.0, 2.0, NAN], 3, Some(2), &[1.0, 2.0, 2.0]);
        check(&[1.0, NAN, NAN, 4.0, NAN, 6.0], 1, Some(10), &[1.0, 1.0, 1.0, 4.0, 5.0, 6.0]);
        check(&[-1e150, NAN, 1e150], 1, None, &[-1e150, 0.0, 1e150]);
        check(&[], 1, None, &[]);
    }
}
