//! Records of a CSV text: where they begin, on which line, how many cells they have.
//!
//! Only used for the header, for checks that must name a line, and for files with blank lines; polars reads the rest.
//! Quotes count as in polars: a cell is quoted when it begins with a quote.

/// One record: a line, or several where a quoted cell holds line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// First byte.
    pub start: usize,
    /// Byte after the last one, its line break excluded.
    pub end: usize,
    /// Byte at which the next record begins.
    pub next: usize,
    /// Line of its first byte, from 1.
    pub line: usize,
    /// Number of cells, at least 1.
    pub cells: usize,
    /// The text ended inside quotes.
    pub unclosed: bool,
}

/// The records of `bytes`, the first of which stands on `line`.
pub(super) fn records(bytes: &[u8], separator: u8, line: usize) -> impl Iterator<Item = Record> {
    let (mut at, mut line) = (0, line);
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let record = scan(bytes, at, separator, line);
        line += bytes[record.start..record.next].iter().filter(|b| **b == b'\n').count();
        at = record.next;
        Some(record)
    })
}

/// Whether a record has nothing but separators and white space.
pub(super) fn is_blank(record: &[u8], separator: u8) -> bool {
    record.iter().all(|b| *b == separator || matches!(b, b' ' | b'\t' | b'\r'))
}

/// Cells of a record, unquoted and trimmed. For the header only.
pub(super) fn cells(record: &str, separator: u8) -> Vec<String> {
    let separator = char::from(separator);
    let (mut cells, mut cell, mut quoted, mut began) = (Vec::new(), String::new(), false, false);
    let mut chars = record.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || !began => quoted = !quoted,
            c if c == separator && !quoted => {
                cells.push(std::mem::take(&mut cell).trim().to_owned());
                began = false;
                continue;
            }
            c => cell.push(c),
        }
        began = true;
    }
    cells.push(cell.trim().to_owned());
    cells
}

fn scan(bytes: &[u8], start: usize, separator: u8, line: usize) -> Record {
    let (mut quoted, mut inside, mut at_start, mut cells) = (false, false, true, 1);
    for (offset, byte) in bytes[start..].iter().enumerate() {
        match *byte {
            b'"' if at_start => (quoted, inside) = (true, true),
            b'"' if quoted => inside = !inside,
            b if b == separator && !inside => {
                cells += 1;
                (quoted, at_start) = (false, true);
                continue;
            }
            b'\n' if !inside => {
                let end = start + offset;
                return Record { start, end, next: end + 1, line, cells, unclosed: false };
            }
            _ => {}
        }
        at_start = false;
    }
    Record { start, end: bytes.len(), next: bytes.len(), line, cells, unclosed: inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_quotes_and_count_lines() {
        let text = b"a,b\n\"x\ny\",2\r\n3,\"q\"\"r\",5\n\n4,\"open";
        let all: Vec<(usize, usize, bool)> = records(text, b',', 1).map(|r| (r.line, r.cells, r.unclosed)).collect();
        assert_eq!(all, [(1, 2, false), (2, 2, false), (4, 3, false), (5, 1, false), (6, 2, true)]);
        assert_eq!(records(b"", b',', 1).count(), 0);
    }

    #[test]
    fn header_cells_are_unquoted() {
        assert_eq!(cells("a, \"b,c\" ,\"d\"\"e\"\r", b','), ["a", "\"b", "c\"", "d\"e"]);
        assert_eq!(cells("\"b,c\",", b','), ["b,c", ""]);
    }
}
