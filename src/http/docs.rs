//! The description of the API for people: one page made of the OpenAPI description, without scripts and network.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b2733}\
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f6f8;border-radius:4px}code{padding:.1em .3em}\
pre{padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0}\
td,th{border-bottom:1px solid #d9e1e7;padding:.3rem .5rem;text-align:left;vertical-align:top}\
section{border-top:1px solid #d9e1e7;margin-top:2rem}.method{font-weight:700;text-transform:uppercase}\
@media(prefers-color-scheme:dark){body{background:#10161c;color:#dbe4ea}code,pre{background:#1b252e}\
td,th,section{border-color:#2c3943}a{color:#7fb8e6}}";

/// The page for the description `api`.
pub(super) fn page(api: &Value) -> Markup {
    let operations = operations(api);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { "Tidewatch API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Tidewatch API" }
                p { (text(&api["info"]["description"])) }
                p { "For machines: " a href="/api/openapi.json" { "openapi.json" } " (OpenAPI 3.1)." }
                @for tag in list(&api["tags"]) {
                    h2 { (text(&tag["description"])) }
                    ul {
                        @for one in operations.iter().filter(|one| one.tag == text(&tag["name"])) {
                            li {
                                a href={ "#" (one.anchor()) } { code { span.method { (one.method) } " " (one.path) } }
                                " " (text(&one.operation["summary"]))
                            }
                        }
                    }
                }
                @for one in &operations { (section(api, one)) }
                h2 { "Shapes" }
                @for (name, schema) in entries(&api["components"]["schemas"]) { (shape(name, schema)) }
            }
        }
    }
}

/// One method on one path.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    tag: &'a str,
    operation: &'a Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        format!("{}{}", self.method, self.path.replace(['/', '{', '}'], "-"))
    }
}

fn operations(api: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in entries(&api["paths"]) {
        for (method, operation) in entries(item) {
            all.push(Operation { path, method, tag: text(&operation["tags"][0]), operation });
        }
    }
    all
}

fn section(api: &Value, one: &Operation<'_>) -> Markup {
    let operation = one.operation;
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    html! {
        section id=(one.anchor()) {
            h3 { code { span.method { (one.method) } " " (one.path) } }
            p { strong { (text(&operation["summary"])) } }
            @for paragraph in text(&operation["description"]).split("\n\n") { p { (paragraph) } }
            @if operation["parameters"].is_array() {
                table {
                    tr { th { "parameter" } th { "in" } th { "meaning" } }
                    @for parameter in list(&operation["parameters"]) {
                        tr {
                            td { code { (text(&parameter["name"])) } }
                            td { (text(&parameter["in"])) @if parameter["required"] == Value::Bool(true) { ", required" } }
                            td { (text(&parameter["description"])) }
                        }
                    }
                }
            }
            @if !body.is_null() {
                p { "Body: " (kind(body)) }
                @if let Some(example) = example(api, body, 0) { pre { (pretty(&example)) } }
            }
            table {
                tr { th { "status" } th { "meaning" } th { "body" } }
                @for (status, response) in entries(&operation["responses"]) {
                    tr {
                        td { code { (status) } }
                        td { (text(&response["description"])) }
                        td { @for (_, content) in entries(&response["content"]) { (kind(&content["schema"])) } }
                    }
                }
            }
        }
    }
}

fn shape(name: &str, schema: &Value) -> Markup {
    let required: Vec<&str> = list(&schema["required"]).iter().map(text).collect();
    html! {
        section id={ "shape-" (name) } {
            h3 { (name) }
            p { (text(&schema["description"])) }
            @if schema["properties"].is_object() {
                table {
                    tr { th { "field" } th { "type" } th { "meaning" } }
                    @for (field, property) in entries(&schema["properties"]) {
                        tr {
                            td { code { (field) } @if required.contains(&field) { " *" } }
                            td { (kind(property)) }
                            td { (text(&property["description"])) }
                        }
                    }
                }
            }
        }
    }
}

/// What a schema is, in a few words, with links to shapes.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = text(&schema["$ref"]).strip_prefix("#/components/schemas/") {
        return html! { a href={ "#shape-" (name) } { (name) } };
    }
    let choices = list(&schema["oneOf"]);
    if !choices.is_empty() {
        let named = choices.iter().filter(|choice| choice["type"] != "null");
        return html! { @for (index, choice) in named.enumerate() { @if index > 0 { " or " } (kind(choice)) } };
    }
    let named = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().map(text).filter(|name| *name != "null").collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    };
    html! {
        (named)
        @if schema["items"].is_object() { " of " (kind(&schema["items"])) }
        @if schema["additionalProperties"].is_object() { " of " (kind(&schema["additionalProperties"])) }
    }
}

/// An example of a schema, made of the examples of its fields; fields without one are left out.
fn example(api: &Value, schema: &Value, depth: usize) -> Option<Value> {
    if depth > 6 {
        return None;
    }
    let own = [&schema["example"], &schema["examples"][0]].into_iter().find(|example| !example.is_null());
    if let Some(own) = own {
        return Some(own.clone());
    }
    if let Some(name) = text(&schema["$ref"]).strip_prefix("#/components/schemas/") {
        return example(api, &api["components"]["schemas"][name], depth + 1);
    }
    if let Some(choice) = list(&schema["oneOf"]).iter().find(|choice| choice["type"] != "null") {
        return example(api, choice, depth + 1);
    }
    if schema["items"].is_object() {
        return example(api, &schema["items"], depth + 1).map(|item| Value::Array(vec![item]));
    }
    let fields: Map<String, Value> = entries(&schema["properties"])
        .filter_map(|(name, property)| Some((name.to_owned(), example(api, property, depth + 1)?)))
        .collect();
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
