//! Running means.

/// Parts of a series that are walked at the same time, so that no sum waits for the one before it.
const LANES: usize = 8;

/// Means of every `width` neighbours of `values`, into the first `values.len() - width + 1` of `means`. O(n).
///
/// `width` is 1 to `values.len()`; `means` is long enough.
#[inline(always)]
pub(super) fn running_means(values: &[f64], width: usize, means: &mut [f64]) {
    let count = values.len() + 1 - width;
    let share = 1.0 / width as f64;
    let means = &mut means[..count];
    if width == 3 {
        for (mean, three) in means.iter_mut().zip(values.windows(3)) {
            *mean = (three[0] + three[1] + three[2]) * share;
        }
        return;
    }
    let part = count / LANES;
    let mut sums: [f64; LANES] = std::array::from_fn(|lane| sum(&values[lane * part..lane * part + width]));
    for index in 0..part {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let at = lane * part + index;
            means[at] = *sum * share;
            // the sum after the last mean of a part is used in the last part only
            *sum += values.get(at + width).copied().unwrap_or(0.0) - values[at];
        }
    }
    let mut rest = sums[LANES - 1];
    for at in LANES * part..count {
        means[at] = rest * share;
        rest += values.get(at + width).copied().unwrap_or(0.0) - values[at];
    }
}

#[inline(always)]
fn sum(values: &[f64]) -> f64 {
    let (wide, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for values in wide {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
    rest.iter().sum::<f64>() + sums.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mean_is_the_mean_of_its_window() {
        let values: Vec<f64> = (0..100).map(|index| f64::from((index * 37) % 41)).collect();
        for points in [1, 2, 5, 8, 17, 63, 100] {
            for width in (1..=points).filter(|width| *width < 12 || *width > points - 3) {
                let mut means = vec![f64::NAN; points];
                running_means(&values[..points], width, &mut means);
                for (at, window) in values[..points].windows(width).enumerate() {
                    let want = window.iter().sum::<f64>() / width as f64;
                    assert!((means[at] - want).abs() < 1e-12, "{points} {width} {at}: {} is not {want}", means[at]);
                }
            }
        }
    }
}
