//! Splits CSV text into records (RFC 4180): quotes, doubled quotes, line breaks inside quotes, CRLF, a byte-order mark.

/// One record: the line it starts on (from 1) and its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

/// A quote where none may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadQuote {
    pub(super) line: usize,
}

/// The records of `text`; blank lines are left out.
pub(super) fn records(text: &str) -> Records<'_> {
    Records { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
}

/// Iterator over the records; ends after the first error.
#[derive(Debug)]
pub(super) struct Records<'a> {
    rest: &'a str,
    line: usize,
}

/// What ended a cell.
enum End {
    Comma,
    Record,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, BadQuote>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r'])) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, cells: Vec::new() };
        loop {
            match self.cell() {
                Ok((cell, end)) => {
                    record.cells.push(cell);
                    if matches!(end, End::Record) {
                        return Some(Ok(record));
                    }
                }
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Records<'_> {
    fn cell(&mut self) -> Result<(String, End), BadQuote> {
        let cell = match self.rest.strip_prefix('"') {
            Some(quoted) => {
                self.rest = quoted;
                self.quoted()?
            }
            None => {
                let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
                let (cell, rest) = self.rest.split_at(end);
                self.rest = rest;
                cell.to_owned()
            }
        };
        let end = self.end_of_cell()?;
        Ok((cell, end))
    }

    /// The inside of quotes, up to and with the closing one.
    fn quoted(&mut self) -> Result<String, BadQuote> {
        let (start, mut cell) = (self.line, String::new());
        loop {
            let Some((inside, rest)) = self.rest.split_once('"') else { return Err(BadQuote { line: start }) };
            self.line += inside.matches('\n').count();
            cell.push_str(inside);
            match rest.strip_prefix('"') {
                Some(after) => {
                    cell.push('"');
                    self.rest = after;
                }
                None => {
                    self.rest = rest;
                    return Ok(cell);
                }
            }
        }
    }

    fn end_of_cell(&mut self) -> Result<End, BadQuote> {
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok(End::Comma);
        }
        if self.rest.is_empty() {
            return Ok(End::Record);
        }
        let Some(rest) = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r'])) else {
            return Err(BadQuote { line: self.line });
        };
        self.rest = rest;
        self.line += 1;
        Ok(End::Record)
    }
}

/// A cell as it must be written: quoted when it holds a comma, a quote, a line break or outer spaces.
pub(super) fn quote(cell: &str) -> String {
    let plain = !cell.contains([',', '"', '\n', '\r', '\u{feff}']) && cell.trim() == cell;
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, want: &[(usize, &[&str])]) {
        let got: Vec<Record> = records(text).collect::<Result<_, _>>().unwrap();
        let got: Vec<(usize, Vec<&str>)> =
            got.iter().map(|r| (r.line, r.cells.iter().map(String::as_str).collect())).collect();
        let want: Vec<(usize, Vec<&str>)> = want.iter().map(|(line, cells)| (*line, cells.to_vec())).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn records_are_split() {
        check("", &[]);
        check("\n\r\n", &[]);
        check("a,b\n1,2\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("\u{feff}a,b\r\n1,\r\n\r\n,2", &[(1, &["a", "b"]), (2, &["1", ""]), (4, &["", "2"])]);
        check("\"a,\"\"b\"\"\",\"x\ny\"\nz,", &[(1, &["a,\"b\"", "x\ny"]), (3, &["z", ""])]);
        check("a\"b,c", &[(1, &["a\"b", "c"])]);
        check("\"\"", &[(1, &[""])]);
    }

    #[test]
    fn open_quotes_and_text_after_quotes_are_errors() {
        let error = |text: &str| records(text).find_map(Result::err).map(|error| error.line);
        assert_eq!(error("a\n\"b\nc"), Some(2));
        assert_eq!(error("a\n\"b\"c"), Some(2));
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(cells in proptest::collection::vec(".*", 2..5)) {
            let line = cells.iter().map(|cell| quote(cell)).collect::<Vec<_>>().join(",");
            let got = records(&line).next().unwrap().unwrap();
            prop_assert_eq!(got.cells, cells);
        }

        #[test]
        fn no_text_panics(text in "[a,\"\r\n]{0,40}") {
            prop_assert!(records(&text).count() <= text.len() + 1);
        }
    }
}
