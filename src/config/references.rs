//! `${env:NAME}` and `${file:PATH}` in values.

use super::environment::Environment;
use super::fault::Problem;
use super::node::{self, Node, Plain, Scalar, Value};

/// Keys whose values are secrets: they must be references, never literals.
const SECRET_KEYS: [&str; 6] = ["password", "bearer_token", "secret", "token", "api_key", "routing_key"];
/// Headers whose values are secrets.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

/// Fills in the references of every value below `node`, which is `setting`, and refuses secrets that are literals.
/// A literal `${` that is no reference stays; `$${` stands for a literal `${`.
pub(super) fn fill_in(node: &mut Node, setting: &str, environment: &Environment, problems: &mut Vec<Problem>) {
    let place = node.place;
    match &mut node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            if let Err(message) = fill_in_scalar(scalar, environment) {
                problems.push(problem(place, setting, message));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_in(item, &format!("{setting}[{index}]"), environment, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let inner = if setting.is_empty() { entry.key.clone() } else { format!("{setting}.{}", entry.key) };
                if is_secret(&entry.key, setting) && is_literal(&entry.node) {
                    problems.push(problem(entry.node.place, &inner, NOT_A_REFERENCE.to_owned()));
                }
                fill_in(&mut entry.node, &inner, environment, problems);
            }
        }
    }
}

const NOT_A_REFERENCE: &str = "a secret may not stand in the file; write `${env:NAME}` or `${file:PATH}` and put it there (its value is not shown here)";

fn problem(place: (u64, u64), setting: &str, message: String) -> Problem {
    Problem { line: place.0, column: place.1, setting: setting.to_owned(), message }
}

fn is_secret(key: &str, setting: &str) -> bool {
    let in_settings = ["sources.", "notify.destinations."].iter().any(|prefix| setting.starts_with(prefix));
    let lower = key.to_ascii_lowercase();
    let is_header = setting.ends_with(".headers");
    in_settings && if is_header { SECRET_HEADERS.contains(&lower.as_str()) } else { SECRET_KEYS.contains(&key) }
}

fn is_literal(node: &Node) -> bool {
    let Value::Scalar(scalar) = &node.value else { return false };
    !scalar.text.is_empty() && find_reference(&scalar.text).is_none()
}

fn fill_in_scalar(scalar: &mut Scalar, environment: &Environment) -> Result<(), String> {
    if scalar.plain != Plain::Text || !scalar.text.contains("${") {
        return Ok(());
    }
    let (mut filled, mut brought_in) = (String::new(), Vec::new());
    let mut rest = scalar.text.as_str();
    while let Some(reference) = find_reference(rest) {
        let before = &rest[..reference.start];
        if let Some(literal) = before.strip_suffix('$') {
            filled.push_str(literal);
            filled.push_str("${");
            rest = &rest[reference.start + 2..];
            continue;
        }
        filled.push_str(before);
        let Some(length) = rest[reference.start..].find('}') else {
            return Err(format!("reference without end: `{}`; write `}}` after it", &rest[reference.start..]));
        };
        let name = &rest[reference.start + reference.prefix.len()..reference.start + length];
        let value = look_up(reference.prefix, name, environment)?;
        filled.push_str(&value);
        brought_in.push(value);
        rest = &rest[reference.start + length + 1..];
    }
    filled.push_str(rest);
    let written = std::mem::replace(&mut scalar.text, filled);
    scalar.reference = (!brought_in.is_empty()).then_some(node::Reference { written, brought_in });
    Ok(())
}

/// `message`, which is about `node`, without what references brought into it: their text as written stands there
/// instead. Where a part of it is left, cut or changed, less is said.
pub(super) fn without_secrets(message: String, node: &Node) -> String {
    let Value::Scalar(Scalar { text, reference: Some(reference), .. }) = &node.value else { return message };
    let written = &reference.written;
    let leaks = |message: &str| reference.brought_in.iter().any(|value| shows_part_of(message, value));
    let replaced = if text.is_empty() { message } else { message.replace(text.as_str(), written) };
    if !leaks(&replaced) {
        return replaced;
    }
    match replaced.split(", got ").next() {
        Some(head) if !leaks(head) => format!("{head}; what `{written}` brings in is not shown"),
        _ => format!("what `{written}` brings in is not allowed here; it is not shown"),
    }
}

/// Whether `message` has `secret` in it, or six characters of it in a row.
fn shows_part_of(message: &str, secret: &str) -> bool {
    const TELLING_CHARS: usize = 6;
    let characters: Vec<char> = secret.chars().collect();
    if characters.len() < TELLING_CHARS {
        return !secret.is_empty() && message.contains(secret);
    }
    characters.windows(TELLING_CHARS).any(|part| message.contains(&part.iter().collect::<String>()))
}

struct Reference {
    start: usize,
    prefix: &'static str,
}

/// The first reference in `text`.
fn find_reference(text: &str) -> Option<Reference> {
    let found = ["${env:", "${file:"].map(|prefix| text.find(prefix).map(|start| Reference { start, prefix }));
    found.into_iter().flatten().min_by_key(|reference| reference.start)
}

fn look_up(prefix: &str, name: &str, environment: &Environment) -> Result<String, String> {
    if name.is_empty() {
        return Err(format!("`{prefix}}}` names nothing; write `${{env:NAME}}` or `${{file:PATH}}`"));
    }
    if prefix == "${env:" {
        let value = environment.variable(name).map(str::to_owned);
        return value
            .ok_or_else(|| format!("environment variable `{name}` is not set; set it before starting tidewatch"));
    }
    environment.file(name).map_err(|error| format!("cannot read file `{name}`: {error}"))
}
