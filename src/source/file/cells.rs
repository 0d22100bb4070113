//! One cell of text into a number.

/// The number in `cell`; NaN for a missing value, infinite for one too large; `None` when it is no number.
pub(super) fn number(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    let missing = ["", "nan", "null", "na", "n/a", "none"];
    if missing.iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    cell.parse().ok()
}

/// The cell as it can be shown: one line, at most 40 characters.
pub(super) fn shown(cell: &str) -> String {
    let mut text: String = cell.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.chars().nth(40).is_some() {
        text.push('…');
    }
    text
}

/// Why `cell` is no number, with a hint where the cause is likely.
pub(super) fn refusal(cell: &str) -> String {
    let comma = cell.matches(',').count() == 1 && number(&cell.replace(',', ".")).is_some();
    let percent = cell.trim().strip_suffix('%').is_some_and(|rest| number(rest).is_some());
    let hint = match (comma, percent) {
        (true, _) => "; write decimals with a point",
        (_, true) => "; write a ratio from 0 to 1 without the sign",
        _ => ", and not a missing value (empty, NaN, null, NA)",
    };
    format!("`{}` is not a number{hint}", shown(cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_missing_or_refused() {
        for (cell, value) in
            [("1", 1.0), (" -2.5e3 ", -2_500.0), (".5", 0.5), ("1e400", f64::INFINITY), ("-inf", f64::NEG_INFINITY)]
        {
            assert_eq!(number(cell), Some(value), "{cell}");
        }
        for cell in ["", " ", "NaN", "null", "NA", "n/a", "None"] {
            assert!(number(cell).is_some_and(f64::is_nan), "{cell}");
        }
        for cell in ["abc", "1,5", "0x10", "1 2", "12%", "true", "-", "١"] {
            assert_eq!(number(cell), None, "{cell}");
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        assert!(refusal("1,5").contains("point"));
        assert!(refusal("12 %").contains("ratio"));
        assert!(refusal(&"é\n".repeat(100)).chars().count() < 120);
    }
}
