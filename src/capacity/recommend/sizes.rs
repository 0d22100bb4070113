//! Sizes that people would choose, and how Kubernetes writes them.

use crate::series::Unit;

const MEBI: f64 = 1_048_576.0;
const GIBI: f64 = 1_073_741_824.0;
/// Keeps 0.3 / 0.1 from being rounded up to 4.
const LESS: f64 = 1.0 - 1e-9;

/// The next sensible size at or above `value`: steps of 1, 2.5 or 5 times a power of ten that are at most a tenth of it.
///
/// Bytes are rounded in GiB (below 1 GiB in MiB), countable things to whole numbers. At most 10 % above `value` beyond
/// ten units, and finite.
pub(super) fn round_up(value: f64, unit: Unit) -> f64 {
    let base = match unit {
        Unit::Bytes | Unit::BytesPerSecond if value >= GIBI => GIBI,
        Unit::Bytes | Unit::BytesPerSecond => MEBI,
        _ => 1.0,
    };
    let units = value / base;
    if !(units > 0.0 && units.is_finite()) {
        return value;
    }
    let power = 10_f64.powf((units / 10.0).log10().floor());
    let grain = [5.0, 2.5, 1.0].into_iter().map(|m| m * power).find(|g| *g <= units / 10.0).unwrap_or(power);
    let whole = matches!(unit, Unit::Bytes | Unit::BytesPerSecond | Unit::Count);
    let grain = if whole { grain.max(1.0).round() } else { grain };
    let rounded = (units / grain * LESS).ceil() * grain * base;
    if rounded.is_finite() { rounded } else { value }
}

/// CPU cores as a Kubernetes quantity in millicores, rounded up: `250m`. NaN and negative numbers give `0m`.
#[must_use]
pub fn cpu_quantity(cores: f64) -> String {
    format!("{}m", whole(cores * 1_000.0))
}

/// Bytes as a Kubernetes quantity, rounded up to MiB: `512Mi`, or `20Gi` when it is a whole number of GiB of at least
/// 10. NaN and negative numbers give `0Mi`.
#[must_use]
pub fn memory_quantity(bytes: f64) -> String {
    let mebibytes = whole(bytes / MEBI);
    if mebibytes >= 10_240 && mebibytes % 1_024 == 0 {
        format!("{}Gi", mebibytes / 1_024)
    } else {
        format!("{mebibytes}Mi")
    }
}

/// CPU request in steps of 5 millicores below 100, 10 below 1,000, else 50.
pub(super) fn round_cpu(cores: f64) -> f64 {
    let millis = cores * 1_000.0;
    let grain = if millis <= 100.0 {
        5.0
    } else if millis <= 1_000.0 {
        10.0
    } else {
        50.0
    };
    (millis / grain * LESS).ceil() * grain / 1_000.0
}

/// Memory in steps of 16 MiB below 1 GiB, else 64 MiB.
pub(super) fn round_memory(bytes: f64) -> f64 {
    let grain = if bytes <= GIBI { 16.0 * MEBI } else { 64.0 * MEBI };
    (bytes / grain * LESS).ceil() * grain
}

fn whole(value: f64) -> u64 {
    // a cast saturates, and turns NaN into 0
    (value * LESS).ceil().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_sensible_and_never_smaller() {
        for (gib, want) in
            [(137.0, 140.0), (83.0, 85.0), (101.0, 110.0), (1_043.0, 1_100.0), (2.3, 3.0), (640.0, 650.0)]
        {
            let got = round_up(gib * GIBI, Unit::Bytes) / GIBI;
            assert!((got - want).abs() < 1e-9, "{gib} became {got}");
        }
        assert!((round_up(17.2, Unit::Count) - 18.0).abs() < 1e-9);
        assert!((round_up(0.83, Unit::Ratio) - 0.85).abs() < 1e-9);
        for exponent in -300..308 {
            let value = 1.234 * 10_f64.powi(exponent);
            for unit in [Unit::None, Unit::Bytes, Unit::Count, Unit::Ratio] {
                let got = round_up(value, unit);
                assert!(got.is_finite() && got >= value * (1.0 - 1e-8), "{value} {unit:?} {got}");
            }
        }
    }

    #[test]
    fn quantities_are_written_as_kubernetes_reads_them() {
        assert_eq!(cpu_quantity(0.25), "250m");
        assert_eq!(cpu_quantity(2.0), "2000m");
        assert_eq!(cpu_quantity(0.0001), "1m");
        assert_eq!(memory_quantity(512.0 * MEBI), "512Mi");
        assert_eq!(memory_quantity(1.0), "1Mi");
        assert_eq!(memory_quantity(20.0 * GIBI), "20Gi");
        assert_eq!(memory_quantity(1.5 * GIBI), "1536Mi");
        for odd in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!((cpu_quantity(odd), memory_quantity(odd)), ("0m".into(), "0Mi".into()));
        }
        assert!((round_cpu(0.231) - 0.24).abs() < 1e-9 && (round_cpu(0.031) - 0.035).abs() < 1e-9);
        assert!((round_cpu(1.01) - 1.05).abs() < 1e-9);
        assert!((round_memory(100.0 * MEBI) - 112.0 * MEBI).abs() < 1.0);
    }
}
