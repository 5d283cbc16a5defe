//! The API's description in the few terms both clients are written from.

use std::collections::BTreeMap;

use serde_json::Value;

/// Databases and backups.
const FILE: &str = "application/octet-stream";

/// A type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Text,
    Integer,
    Number,
    Boolean,
    Null,
    /// Anything.
    Any,
    /// A file.
    Bytes,
    /// One of the models.
    Model(String),
    /// One of these words.
    Words(Vec<String>),
    List(Box<Self>),
    /// Values by any name.
    Map(Box<Self>),
    Either(Vec<Self>),
}

/// A field of a model, or a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) kind: Type,
    pub(crate) required: bool,
}

/// What a model is.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Object {
        bases: Vec<String>,
        fields: Vec<Field>,
    },
    Alias(Type),
}

/// A named type.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) shape: Shape,
}

/// What an operation answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Json(Type),
    Text,
    /// Server-sent events of this type.
    Events(Type),
    WebSocket,
}

/// One thing that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Snake case.
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) about: String,
    pub(crate) in_path: Vec<Field>,
    pub(crate) query: Vec<Field>,
    pub(crate) headers: Vec<Field>,
    pub(crate) body: Option<Field>,
    pub(crate) answer: Answer,
}

impl Operation {
    /// Whether it is a request with an answer, and so a method that can be written by a rule.
    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self.answer, Answer::Events(_) | Answer::WebSocket)
    }
}

/// The whole.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) models: Vec<Model>,
    pub(crate) operations: Vec<Operation>,
}

impl Api {
    pub(crate) fn read(document: &Value) -> Self {
        let mut models = Vec::new();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            read_model(name, schema, &mut models);
        }
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                operations.push(read_operation(path, method, operation));
            }
        }
        operations.sort_by(|a, b| a.id.cmp(&b.id));
        let ids: BTreeMap<&str, usize> = operations
            .iter()
            .enumerate()
            .map(|(at, operation)| (operation.id.as_str(), at))
            .collect();
        assert_eq!(
            ids.len(),
            operations.len(),
            "every operation has an id of its own"
        );
        Self { models, operations }
    }
}

fn read_model(name: &str, schema: &Value, models: &mut Vec<Model>) {
    let about = about(schema);
    let at = models.len();
    let shape = if schema["allOf"].is_array() {
        let (mut bases, mut fields) = (Vec::new(), Vec::new());
        for part in schema["allOf"].as_array().unwrap() {
            match part["$ref"].as_str() {
                Some(path) => bases.push(last(path)),
                None => fields.extend(read_fields(part)),
            }
        }
        Shape::Object { bases, fields }
    } else if schema["properties"].is_object() {
        Shape::Object {
            bases: Vec::new(),
            fields: read_fields(schema),
        }
    } else if let Some(variants) = one_of(schema).filter(|all| all.iter().any(is_object)) {
        let mut kinds = Vec::new();
        for (number, variant) in variants.iter().enumerate() {
            match variant["$ref"].as_str() {
                Some(path) => kinds.push(Type::Model(last(path))),
                None if is_object(variant) => {
                    let word = tag(variant).unwrap_or_else(|| number.to_string());
                    let name = format!("{name}{}", camel(&word, true));
                    read_model(&name, variant, models);
                    kinds.push(Type::Model(name));
                }
                None => kinds.push(read_type(variant)),
            }
        }
        Shape::Alias(Type::Either(kinds))
    } else {
        Shape::Alias(read_type(schema))
    };
    let model = Model {
        name: name.to_owned(),
        about,
        shape,
    };
    // Variants come before what is made of them.
    let at = at + (models.len() - at);
    models.insert(at, model);
}

fn is_object(schema: &Value) -> bool {
    schema["properties"].is_object() || schema["allOf"].is_array()
}

/// The word by which a variant is told from the others.
fn tag(variant: &Value) -> Option<String> {
    let parts = match variant["allOf"].as_array() {
        Some(parts) => parts.as_slice(),
        None => std::slice::from_ref(variant),
    };
    let properties = parts
        .iter()
        .filter_map(|part| part["properties"].as_object());
    properties.flatten().find_map(|(_, schema)| {
        let only = schema["enum"].as_array().filter(|words| words.len() == 1);
        let word = only.map_or(&schema["const"], |words| &words[0]);
        word.as_str().map(ToOwned::to_owned)
    })
}

fn read_fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Field {
            name: name.clone(),
            about: about(schema),
            kind: read_type(schema),
            required: required.contains(&name.as_str()),
        })
        .collect()
}

fn one_of(schema: &Value) -> Option<&Vec<Value>> {
    schema["oneOf"].as_array().or(schema["anyOf"].as_array())
}

fn read_type(schema: &Value) -> Type {
    if let Some(path) = schema["$ref"].as_str() {
        return Type::Model(last(path));
    }
    if let Some(variants) = one_of(schema) {
        return either(variants.iter().map(read_type));
    }
    if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return read_type(only);
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned);
        return Type::Words(words.collect());
    }
    if let Some(word) = schema["const"].as_str() {
        return Type::Words(vec![word.to_owned()]);
    }
    match &schema["type"] {
        Value::Array(kinds) => either(kinds.iter().map(|kind| {
            let mut one = schema.clone();
            one["type"] = kind.clone();
            read_type(&one)
        })),
        Value::String(kind) => match kind.as_str() {
            "string" => Type::Text,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "null" => Type::Null,
            "array" => Type::List(Box::new(read_type(&schema["items"]))),
            "object" => match &schema["additionalProperties"] {
                values @ Value::Object(_) => Type::Map(Box::new(read_type(values))),
                _ => Type::Map(Box::new(Type::Any)),
            },
            other => panic!("a type nobody thought of: {other}"),
        },
        _ => Type::Any,
    }
}

/// Words next to one another are one choice of words; null comes last.
fn either(kinds: impl Iterator<Item = Type>) -> Type {
    let (mut all, mut words, mut null) = (Vec::new(), Vec::new(), false);
    for kind in kinds {
        match kind {
            Type::Null => null = true,
            Type::Words(more) => words.extend(more),
            Type::Either(more) => all.extend(more),
            other => all.push(other),
        }
    }
    if !words.is_empty() {
        all.push(Type::Words(words));
    }
    if null || all.contains(&Type::Null) {
        all.retain(|kind| *kind != Type::Null);
        all.push(Type::Null);
    }
    match all.len() {
        1 => all.remove(0),
        _ => Type::Either(all),
    }
}

fn read_operation(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = |place: &str| -> Vec<Field> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place)
            .map(|parameter| Field {
                name: parameter["name"].as_str().unwrap().to_owned(),
                about: about(parameter),
                kind: without_null(read_type(&parameter["schema"])),
                required: parameter["required"] == true,
            })
            .collect()
    };
    let mut in_path = parameters("path");
    in_path.sort_by_key(|field| path.find(&format!("{{{}}}", field.name)));
    let summary = operation["summary"].as_str().unwrap_or_default();
    let more = operation["description"].as_str().unwrap_or_default();
    Operation {
        id: operation["operationId"].as_str().unwrap().to_owned(),
        method: method.to_uppercase(),
        path: path.to_owned(),
        about: [summary, more].join("\n\n").trim().to_owned(),
        in_path,
        query: parameters("query"),
        headers: parameters("header"),
        body: operation["requestBody"].is_object().then(|| {
            let content = operation["requestBody"]["content"].as_object().unwrap();
            Field {
                name: "body".to_owned(),
                about: String::new(),
                kind: match content.contains_key(FILE) {
                    true => Type::Bytes,
                    false => without_null(read_type(&content.values().next().unwrap()["schema"])),
                },
                required: operation["requestBody"]["required"] == true,
            }
        }),
        answer: read_answer(&operation["responses"]),
    }
}

fn read_answer(responses: &Value) -> Answer {
    let responses = responses.as_object().unwrap();
    if responses.contains_key("101") {
        return Answer::WebSocket;
    }
    let first = responses.iter().find(|(status, _)| status.starts_with('2'));
    let Some(content) = first.and_then(|(_, response)| response["content"].as_object()) else {
        return Answer::Nothing;
    };
    if let Some(stream) = content.get("text/event-stream") {
        return Answer::Events(read_type(&stream["schema"]));
    }
    match content.iter().next() {
        Some((kind, _)) if kind == FILE => Answer::Json(Type::Bytes),
        Some((kind, json)) if kind.contains("json") => Answer::Json(read_type(&json["schema"])),
        Some(_) => Answer::Text,
        None => Answer::Nothing,
    }
}

/// A parameter that may be left out need not be null.
fn without_null(kind: Type) -> Type {
    match kind {
        Type::Either(kinds) => either(kinds.into_iter().filter(|kind| *kind != Type::Null)),
        other => other,
    }
}

fn about(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.trim().to_owned()
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

/// `showMember` from `show_member`; `ShowMember` with a capital.
pub(crate) fn camel(words: &str, capital: bool) -> String {
    let mut text = String::new();
    let mut upper = capital;
    for letter in words.chars() {
        if letter == '_' || letter == '-' || letter == '.' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            text.extend(letter.to_uppercase());
        } else {
            text.push(letter);
        }
    }
    text
}
