//! Reads a Rust source: what is code, what is comment, what is test, and which paths the code names.

/// One `.rs` file, taken apart. `code` and `comments` have the same lines as the file, with the rest blanked.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// Code without comments, the contents of literals and test items.
    pub(crate) code: String,
    /// Comments only.
    pub(crate) comments: String,
    /// For each line, whether it lies in an item under `#[cfg(test)]`.
    pub(crate) is_test_line: Vec<bool>,
}

/// A path that the code names, with the names it binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Segments. `root` says where they start.
    pub(crate) segments: Vec<String>,
    /// Where the path starts.
    pub(crate) root: Root,
    /// The name it gets in this file, for `use` and `mod`.
    pub(crate) binds: Option<String>,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Re-exported with `pub use`.
    pub(crate) public: bool,
}

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// At the crate: `crate::…`, or `self::…` and `super::…` resolved.
    Crate,
    /// At a name in scope or an external crate.
    Name,
}

#[derive(Debug, Clone)]
struct Token {
    text: String,
    line: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split_code_and_comments(text);
        let (code, is_test_line) = blank_tests(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, comments, is_test_line }
    }

    /// The segments of the module that this file is: `src/a/b.rs` and `src/a/b/mod.rs` are `[a, b]`.
    pub(crate) fn module_path(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }

    /// The row of the table that the file belongs to: its top-level module, or `lib` or `main`.
    pub(crate) fn row(&self) -> String {
        match self.path.as_str() {
            "src/lib.rs" => "lib".to_owned(),
            "src/main.rs" => "main".to_owned(),
            _ => self.module_path().first().cloned().unwrap_or_default(),
        }
    }

    /// Whether the file as a whole is a test, by its name; [`super::imports`] checks that `#[cfg(test)]` declares it.
    pub(crate) fn is_test_file(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The words and signs of the code with their lines.
    pub(crate) fn words(&self) -> Vec<(String, usize)> {
        tokens(&self.code).into_iter().map(|token| (token.text, token.line)).collect()
    }

    /// Every path of two or more segments, and everything that `use`, `mod` and `extern crate` name.
    pub(crate) fn named(&self) -> Vec<Named> {
        PathReader { tokens: tokens(&self.code), module: self.module_path(), depth: 0, inline: Vec::new() }.read()
    }
}

/// Splits `text` into code (literals emptied) and comments.
fn split_code_and_comments(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = next_piece(&chars, at);
        for &c in &chars[at..end] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Piece::Code { c } else { blank });
            comments.push(if kind == Piece::Comment { c } else { blank });
        }
        at = end;
    }
    (code, comments)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Code,
    Comment,
    Literal,
}

fn next_piece(chars: &[char], at: usize) -> (usize, Piece) {
    let peek = |i: usize| chars.get(at + i).copied().unwrap_or('\0');
    match (chars[at], peek(1)) {
        ('/', '/') => (find(chars, at, |i| chars[i] == '\n'), Piece::Comment),
        ('/', '*') => (end_of_block_comment(chars, at), Piece::Comment),
        ('"', _) => (end_of_string(chars, at), Piece::Literal),
        ('\'', '\\') => (find(chars, at + 3, |i| chars[i] == '\'') + 1, Piece::Literal),
        ('\'', _) if peek(2) == '\'' => (at + 3, Piece::Literal),
        ('r', '"' | '#') if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if peek(1 + hashes) == '"' {
                (end_of_raw_string(chars, at + 2 + hashes, hashes), Piece::Literal)
            } else {
                (at + 1, Piece::Code)
            }
        }
        _ => (at + 1, Piece::Code),
    }
}

fn find(chars: &[char], from: usize, matches: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|i| matches(*i)).unwrap_or(chars.len().saturating_sub(1).max(from.min(chars.len())))
}

fn end_of_block_comment(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0_usize, at);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

fn end_of_raw_string(chars: &[char], from: usize, hashes: usize) -> usize {
    (from..chars.len())
        .find(|&i| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
        .map_or(chars.len(), |i| i + 1 + hashes)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Blanks every item under `#[cfg(test)]` and says which lines those were.
fn blank_tests(code: &str) -> (String, Vec<bool>) {
    let mut bytes = code.as_bytes().to_vec();
    let mut is_test = vec![false; code.lines().count()];
    if let Some(at) = code.find("#![cfg(test)]") {
        let line = code[..at].matches('\n').count();
        is_test[line..].fill(true);
        return (code[..at].to_owned() + &"\n".repeat(is_test.len() - line), is_test);
    }
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|at| from + at) {
        let end = end_of_item(code, at + "#[cfg(test)]".len());
        let first_line = code[..at].matches('\n').count();
        let last_line = code[..end].matches('\n').count();
        for flag in is_test.iter_mut().take(last_line + 1).skip(first_line) {
            *flag = true;
        }
        for byte in &mut bytes[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    (String::from_utf8(bytes).expect("whole characters were replaced"), is_test)
}

/// The end of the item that starts at `from`: its `;`, or the brace that closes its body.
fn end_of_item(code: &str, from: usize) -> usize {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (offset, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly == 0 && round == 0 {
                    return from + offset + 1;
                }
            }
            ';' if round == 0 && curly == 0 => return from + offset + 1,
            _ => {}
        }
    }
    code.len()
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Token { text: rest[..length].to_owned(), line: line + 1 });
            rest = rest[length..].trim_start();
        }
    }
    found
}

struct PathReader {
    tokens: Vec<Token>,
    module: Vec<String>,
    depth: usize,
    /// Inline modules that are open, with the depth of their brace.
    inline: Vec<(String, usize)>,
}

impl PathReader {
    fn read(mut self) -> Vec<Named> {
        let mut named = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at, &mut named);
        }
        named
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn step(&mut self, at: usize, named: &mut Vec<Named>) -> usize {
        let before = if at == 0 { "" } else { self.text(at - 1) };
        match self.text(at) {
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.retain(|(_, depth)| *depth <= self.depth);
            }
            "mod" if is_identifier(self.text(at + 1)) => {
                let name = self.text(at + 1).to_owned();
                named.push(Named { binds: Some(name.clone()), ..self.resolve(&["self".to_owned(), name.clone()], at) });
                if self.text(at + 2) == "{" {
                    self.depth += 1;
                    self.inline.push((name, self.depth));
                    return at + 3;
                }
            }
            "use" if self.text(at + 1) != "<" => {
                let public = before == "pub" || before == ")";
                let start = named.len();
                let end = self.read_tree(at + 1, &[], named);
                named[start..].iter_mut().for_each(|one| one.public = public);
                return end;
            }
            "extern" if self.text(at + 1) == "crate" && self.text(at + 2) == "self" => {
                let binds = Some(self.text(at + 4).to_owned());
                named.push(Named { binds, ..self.resolve(&["crate".to_owned()], at) });
                return at + 5;
            }
            "extern" if self.text(at + 1) == "crate" => return self.read_tree(at + 2, &[], named),
            word if is_identifier(word) && before != "." && !self.continues(at) && self.text(at + 1) == "::" => {
                let (segments, end) = self.read_segments(at);
                named.push(self.resolve(&segments, at));
                return end;
            }
            _ => {}
        }
        at + 1
    }

    /// Whether the word at `at` continues a path, as `b` does in `a::b` and `<T>::b`, but not in `::b`.
    fn continues(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).map_or("", |i| self.text(i));
        before(1) == "::" && (is_identifier(before(2)) || before(2) == ">")
    }

    fn read_segments(&self, mut at: usize) -> (Vec<String>, usize) {
        let mut segments = vec![self.text(at).to_owned()];
        at += 1;
        while self.text(at) == "::" && is_identifier(self.text(at + 1)) {
            segments.push(self.text(at + 1).to_owned());
            at += 2;
        }
        (segments, at)
    }

    /// Reads a `use` tree that starts at `at`; gives the position after it.
    fn read_tree(&self, mut at: usize, prefix: &[String], named: &mut Vec<Named>) -> usize {
        let mut path = prefix.to_vec();
        let start = at;
        loop {
            match self.text(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        at = self.read_tree(at, &path, named);
                        at += usize::from(self.text(at) == ",");
                    }
                    return at + 1;
                }
                "*" => {
                    path.push("*".to_owned());
                    at += 1;
                }
                "as" => {
                    let alias = self.text(at + 1).to_owned();
                    named.push(Named { binds: Some(alias), ..self.resolve(&path, start) });
                    return at + 2;
                }
                word if is_identifier(word) => {
                    path.push(word.to_owned());
                    at += 1;
                }
                _ => break,
            }
        }
        if !path.is_empty() {
            let one = self.resolve(&path, start);
            let binds = one.segments.last().cloned();
            named.push(Named { binds, ..one });
        }
        at.max(start + usize::from(path.len() == prefix.len()))
    }

    fn resolve(&self, path: &[String], at: usize) -> Named {
        let mut here: Vec<String> = self.module.clone();
        here.extend(self.inline.iter().map(|(name, _)| name.clone()));
        let mut segments: Vec<String> = Vec::new();
        let mut root = Root::Name;
        for (index, segment) in path.iter().enumerate() {
            match (segment.as_str(), index) {
                ("crate", 0) => root = Root::Crate,
                ("self", 0) => (root, segments) = (Root::Crate, here.clone()),
                ("super", 0) => {
                    here.pop();
                    (root, segments) = (Root::Crate, here.clone());
                }
                ("super", _) => {
                    segments.pop();
                }
                ("self", _) => {}
                (name, _) => segments.push(name.to_owned()),
            }
        }
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        Named { segments, root, binds: None, line, public: false }
    }
}

fn is_identifier(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}
