//! The simplex search of Nelder and Mead (1965), for a handful of parameters and a cheap, rough objective.

/// The point with the lowest value of `objective` found from `start` within `evaluations`.
///
/// The first simplex steps 5 % along each coordinate (0.00025 where it is 0). Stops when the simplex is smaller than
/// `point_tolerance` and its values differ by less than `value_tolerance`. NaN counts as infinitely bad.
pub(super) fn minimise<const D: usize>(
    start: [f64; D],
    evaluations: usize,
    (point_tolerance, value_tolerance): (f64, f64),
    mut objective: impl FnMut(&[f64; D]) -> f64,
) -> [f64; D] {
    let mut used = 0;
    let mut value = |point: &[f64; D]| {
        used += 1;
        let value = objective(point);
        (if value.is_nan() { f64::INFINITY } else { value }, used)
    };
    let mut simplex: Vec<([f64; D], f64)> = Vec::with_capacity(D + 1);
    simplex.push((start, value(&start).0));
    for axis in 0..D {
        let mut point = start;
        point[axis] = if point[axis] == 0.0 { 0.00025 } else { point[axis] * 1.05 };
        simplex.push((point, value(&point).0));
    }
    loop {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (best, worst) = (simplex[0], simplex[D]);
        let extent = simplex[1..].iter().flat_map(|(point, _)| (0..D).map(move |i| (point[i] - best.0[i]).abs()));
        let settled = extent.fold(0.0, f64::max) <= point_tolerance && worst.1 - best.1 <= value_tolerance;
        let centre: [f64; D] = std::array::from_fn(|i| simplex[..D].iter().map(|(p, _)| p[i]).sum::<f64>() / D as f64);
        let along = |step: f64| -> [f64; D] { std::array::from_fn(|i| centre[i] + step * (centre[i] - worst.0[i])) };
        let reflected = along(1.0);
        let (reflected_value, count) = value(&reflected);
        if settled || count >= evaluations {
            let last = (reflected, reflected_value);
            return if last.1 < best.1 { last.0 } else { best.0 };
        }
        let replacement = if reflected_value < best.1 {
            let expanded = along(2.0);
            let expanded_value = value(&expanded).0;
            Some(if expanded_value < reflected_value {
                (expanded, expanded_value)
            } else {
                (reflected, reflected_value)
            })
        } else if reflected_value < simplex[D - 1].1 {
            Some((reflected, reflected_value))
        } else {
            let contracted = along(if reflected_value < worst.1 { 0.5 } else { -0.5 });
            let contracted_value = value(&contracted).0;
            (contracted_value < reflected_value.min(worst.1)).then_some((contracted, contracted_value))
        };
        if let Some(better) = replacement {
            simplex[D] = better;
        } else {
            for entry in &mut simplex[1..] {
                let point: [f64; D] = std::array::from_fn(|i| f64::midpoint(entry.0[i], best.0[i]));
                *entry = (point, value(&point).0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_bowl() {
        let found = minimise([-2.0, 1.0], 200, (1e-6, 1e-9), |x| (x[0] - 3.0).powi(2) + 2.0 * (x[1] + 1.0).powi(2));
        assert!((found[0] - 3.0).abs() < 1e-3 && (found[1] + 1.0).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn survives_an_objective_of_nan() {
        assert_eq!(minimise([1.0], 20, (1e-6, 1e-9), |_| f64::NAN).len(), 1);
    }
}
