//! The generated half of the Python client.

use std::{collections::BTreeSet, fmt::Write};

use super::api::{Answer, Api, Field, Model, Operation, Shape, Type};

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

pub(crate) fn models(api: &Api) -> String {
    let mut text = String::from(
        "\"\"\"What the node tells and is told. Made by node/tests/clients.rs from the API's description.\"\"\"\n\n\
         from __future__ import annotations\n\nfrom typing import Any, Literal, NotRequired, TypeAlias, TypedDict\n",
    );
    // A base comes before what is made of it.
    let mut waiting: Vec<&Model> = api.models.iter().collect();
    let mut written = BTreeSet::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<&Model>, Vec<&Model>) =
            waiting.into_iter().partition(|model| match &model.shape {
                Shape::Object { bases, .. } => bases.iter().all(|base| written.contains(base)),
                Shape::Alias(_) => true,
            });
        assert!(!ready.is_empty(), "a model is made of itself: {rest:?}");
        for model in ready {
            text.push_str("\n\n");
            text.push_str(&model_text(model));
            written.insert(&model.name);
        }
        waiting = rest;
    }
    text
}

fn model_text(model: &Model) -> String {
    let name = &model.name;
    match &model.shape {
        Shape::Alias(kind) => {
            let kind = type_text(kind);
            let mut text = format!("{name}: TypeAlias = {}\n", quoted_if_needed(&kind));
            if !model.about.is_empty() {
                writeln!(text, "{}", docstring(&model.about, 0)).unwrap();
            }
            text
        }
        Shape::Object { bases, fields } if fields.iter().any(|field| is_keyword(&field.name)) => {
            assert!(
                bases.is_empty(),
                "{name}: a keyword among fields that are inherited"
            );
            let mut text = format!("{name} = TypedDict(\n    \"{name}\",\n    {{\n");
            for field in fields {
                let kind = field_type(field);
                writeln!(
                    text,
                    "        \"{}\": \"{}\",",
                    field.name,
                    kind.replace('"', "'")
                )
                .unwrap();
            }
            text.push_str("    },\n)\n");
            if !model.about.is_empty() {
                writeln!(text, "{}", docstring(&model.about, 0)).unwrap();
            }
            text
        }
        Shape::Object { bases, fields } => {
            let bases = match bases.is_empty() {
                true => "TypedDict".to_owned(),
                false => bases.join(", "),
            };
            let mut text = format!("class {name}({bases}):\n");
            let about = match model.about.is_empty() {
                true => name.clone(),
                false => model.about.clone(),
            };
            writeln!(text, "{}", docstring(&about, 4)).unwrap();
            for field in fields {
                writeln!(text, "\n    {}: {}", field.name, field_type(field)).unwrap();
                if !field.about.is_empty() {
                    writeln!(text, "{}", docstring(&field.about, 4)).unwrap();
                }
            }
            text
        }
    }
}

fn field_type(field: &Field) -> String {
    let kind = type_text(&field.kind);
    match field.required {
        true => kind,
        false => format!("NotRequired[{kind}]"),
    }
}

/// Names that come later have to be text outside of annotations.
fn quoted_if_needed(kind: &str) -> String {
    match kind.starts_with("Literal") {
        true => kind.to_owned(),
        false => format!("\"{}\"", kind.replace('"', "'")),
    }
}

fn type_text(kind: &Type) -> String {
    match kind {
        Type::Text => "str".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Null => "None".to_owned(),
        Type::Any => "Any".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Model(name) => name.clone(),
        Type::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("Literal[{}]", words.join(", "))
        }
        Type::List(of) => format!("list[{}]", type_text(of)),
        Type::Map(of) => format!("dict[str, {}]", type_text(of)),
        Type::Either(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(type_text).collect();
            kinds.join(" | ")
        }
    }
}

pub(crate) fn operations(api: &Api) -> String {
    let mut text = String::from(
        "\"\"\"One method per request of the API. Made by node/tests/clients.rs from the API's description.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from collections.abc import Mapping\nfrom typing import Any, Final, Literal\n\n\
         from . import models\nfrom .transport import QueryValue, segment\n\n\
         #: Every operation with its method and path, streams and sockets among them.\n\
         OPERATIONS: Final[dict[str, tuple[str, str]]] = {\n",
    );
    for operation in &api.operations {
        let (id, method, path) = (&operation.id, &operation.method, &operation.path);
        writeln!(text, "    \"{id}\": (\"{method}\", \"{path}\"),").unwrap();
    }
    text.push_str(
        "}\n\n\ndef path_of(operation: str, **names: str) -> str:\n    \"\"\"The path of an operation.\"\"\"\n    \
         names = {name: segment(value) for name, value in names.items()}\n    \
         return OPERATIONS[operation][1].format(**names)\n\n\n\
         class Operations:\n    \"\"\"The requests; `Client` carries them out.\"\"\"\n\n    \
         async def _call(\n        self,\n        method: str,\n        path: str,\n        \
         query: Mapping[str, QueryValue] | None = None,\n        body: object = None,\n        \
         headers: Mapping[str, str] | None = None,\n    ) -> Any:\n        raise NotImplementedError\n",
    );
    for operation in api.operations.iter().filter(|one| one.is_plain()) {
        text.push('\n');
        text.push_str(&method_text(operation));
    }
    text
}

fn method_text(operation: &Operation) -> String {
    let mut parameters = vec!["self".to_owned()];
    for field in &operation.in_path {
        parameters.push(format!("{}: str", parameter(&field.name)));
    }
    if let Some(body) = &operation.body {
        let kind = qualified(&body.kind);
        parameters.push(match body.required {
            true => format!("body: {kind}"),
            false => format!("body: {kind} | None = None"),
        });
    }
    let named: Vec<&Field> = operation.query.iter().chain(&operation.headers).collect();
    if !named.is_empty() {
        parameters.push("*".to_owned());
    }
    for field in &named {
        let kind = qualified(&field.kind);
        parameters.push(match field.required {
            true => format!("{}: {kind}", parameter(&field.name)),
            false => format!("{}: {kind} | None = None", parameter(&field.name)),
        });
    }
    let answer = match &operation.answer {
        Answer::Json(kind) => qualified(kind),
        Answer::Text => "str".to_owned(),
        _ => "None".to_owned(),
    };
    let id = &operation.id;
    let mut text = format!("    async def {id}(\n");
    for parameter in parameters {
        writeln!(text, "        {parameter},").unwrap();
    }
    writeln!(text, "    ) -> {answer}:").unwrap();
    writeln!(text, "{}", docstring(&operation.about, 8)).unwrap();
    let names: Vec<String> = operation
        .in_path
        .iter()
        .map(|field| format!(", {0}={0}", parameter(&field.name)))
        .collect();
    let mut arguments = format!(
        "\"{}\", path_of(\"{id}\"{})",
        operation.method,
        names.concat()
    );
    if !operation.query.is_empty() {
        let query: Vec<String> = operation
            .query
            .iter()
            .map(|field| format!("\"{}\": {}", field.name, parameter(&field.name)))
            .collect();
        write!(arguments, ", query={{{}}}", query.join(", ")).unwrap();
    }
    if operation.body.is_some() {
        arguments.push_str(", body=body");
    }
    if !operation.headers.is_empty() {
        let headers: Vec<String> = operation
            .headers
            .iter()
            .map(|field| {
                let variable = parameter(&field.name);
                format!(
                    "**({{\"{}\": str({variable})}} if {variable} is not None else {{}})",
                    field.name
                )
            })
            .collect();
        write!(arguments, ", headers={{{}}}", headers.join(", ")).unwrap();
    }
    match &operation.answer {
        Answer::Json(_) | Answer::Text => {
            writeln!(
                text,
                "        answer: {answer} = await self._call({arguments})"
            )
            .unwrap();
            writeln!(text, "        return answer").unwrap();
        }
        _ => writeln!(text, "        await self._call({arguments})").unwrap(),
    }
    text
}

/// With the module in front of the models.
fn qualified(kind: &Type) -> String {
    match kind {
        Type::Model(name) => format!("models.{name}"),
        Type::List(of) => format!("list[{}]", qualified(of)),
        Type::Map(of) => format!("dict[str, {}]", qualified(of)),
        Type::Either(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(qualified).collect();
            kinds.join(" | ")
        }
        other => type_text(other),
    }
}

fn parameter(name: &str) -> String {
    let name = name.to_lowercase().replace('-', "_");
    match is_keyword(&name) {
        true => format!("{name}_"),
        false => name,
    }
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

fn docstring(about: &str, indent: usize) -> String {
    let space = " ".repeat(indent);
    let about = about.replace('\\', "\\\\").replace("\"\"\"", "'''");
    let lines: Vec<String> = about
        .lines()
        .enumerate()
        .map(|(number, line)| match (number, line.trim_end()) {
            (0, line) => line.to_owned(),
            (_, "") => String::new(),
            (_, line) => format!("{space}{line}"),
        })
        .collect();
    let end = match (lines.len(), about.ends_with('"')) {
        (1, false) => String::new(),
        (1, true) => " ".to_owned(),
        _ => format!("\n{space}"),
    };
    format!("{space}\"\"\"{}{end}\"\"\"", lines.join("\n"))
}
