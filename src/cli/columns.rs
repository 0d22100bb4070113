//! Tables for people: columns of equal width.

/// Columns of equal width: the first and the last column to the left, numbers to the right.
pub(super) fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| table.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let words = |column: usize| {
        table
            .iter()
            .skip(1)
            .any(|row| row.get(column).is_some_and(|cell| cell.chars().all(|c| c.is_alphabetic() || c == ' ')))
    };
    let mut out = String::new();
    for row in table {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let left = column == 0 || words(column);
            line.push_str(gap);
            line.push_str(&if left { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
