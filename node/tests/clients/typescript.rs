//! The generated half of the TypeScript client.

use std::fmt::Write;

use super::api::{Answer, Api, Field, Operation, Shape, Type, camel};

const MADE: &str = "// Made by node/tests/clients.rs from the API's description.\n";

/// What the node tells and is told, and the methods' types.
pub(crate) fn declarations(api: &Api) -> String {
    let mut text = String::from(MADE);
    for model in &api.models {
        text.push('\n');
        text.push_str(&comment(&model.about, 0));
        let name = &model.name;
        match &model.shape {
            Shape::Alias(kind) => {
                writeln!(text, "export type {name} = {};", type_text(kind)).unwrap()
            }
            Shape::Object { bases, fields } => {
                let bases = match bases.is_empty() {
                    true => String::new(),
                    false => format!("{} & ", bases.join(" & ")),
                };
                writeln!(text, "export type {name} = {bases}{{").unwrap();
                for field in fields {
                    text.push_str(&comment(&field.about, 2));
                    let mark = if field.required { "" } else { "?" };
                    let name = property(&field.name);
                    writeln!(text, "  {name}{mark}: {};", type_text(&field.kind)).unwrap();
                }
                text.push_str("};\n");
            }
        }
    }
    text.push_str(
        "\n/** Every operation with its method and path, streams and sockets among them. */\n\
         export const OPERATIONS: {\n",
    );
    for operation in &api.operations {
        writeln!(
            text,
            "  readonly {}: readonly [string, string];",
            operation.id
        )
        .unwrap();
    }
    text.push_str(
        "};\n\n/** The path of an operation. */\n\
         export function pathOf(operation: keyof typeof OPERATIONS, names?: Record<string, string>): string;\n\n\
         /** The requests; `Client` carries them out. */\nexport abstract class Operations {\n",
    );
    for operation in api.operations.iter().filter(|one| one.is_plain()) {
        text.push_str(&comment(&operation.about, 2));
        let answer = match &operation.answer {
            Answer::Json(kind) => type_text(kind),
            Answer::Text => "string".to_owned(),
            _ => "void".to_owned(),
        };
        let mut parameters: Vec<String> = operation
            .in_path
            .iter()
            .map(|field| format!("{}: string", camel(&field.name, false)))
            .collect();
        if let Some(body) = &operation.body {
            let mark = if body.required { "" } else { "?" };
            parameters.push(format!("body{mark}: {}", type_text(&body.kind)));
        }
        let named: Vec<&Field> = named(operation);
        if !named.is_empty() {
            let all_optional = named.iter().all(|field| !field.required);
            let fields: Vec<String> = named
                .iter()
                .map(|field| {
                    let mark = if field.required { "" } else { "?" };
                    format!(
                        "{}{mark}: {}",
                        option_name(&field.name),
                        type_text(&field.kind)
                    )
                })
                .collect();
            let mark = if all_optional { "?" } else { "" };
            parameters.push(format!("options{mark}: {{ {} }}", fields.join("; ")));
        }
        let name = camel(&operation.id, false);
        writeln!(
            text,
            "  {name}({}): Promise<{answer}>;",
            parameters.join(", ")
        )
        .unwrap();
    }
    text.push_str("}\n");
    text
}

/// The methods.
pub(crate) fn code(api: &Api) -> String {
    let mut text = String::from(MADE);
    text.push_str("\nexport const OPERATIONS = Object.freeze({\n");
    for operation in &api.operations {
        let (id, method, path) = (&operation.id, &operation.method, &operation.path);
        writeln!(text, "  {id}: [\"{method}\", \"{path}\"],").unwrap();
    }
    text.push_str(
        "});\n\nexport function pathOf(operation, names = {}) {\n  \
         return OPERATIONS[operation][1].replace(/\\{(\\w+)\\}/g, (_, name) => encodeURIComponent(names[name]));\n}\n\n\
         export class Operations {\n",
    );
    for operation in api.operations.iter().filter(|one| one.is_plain()) {
        text.push_str(&method(operation));
    }
    text.push_str("}\n");
    text
}

fn method(operation: &Operation) -> String {
    let mut parameters: Vec<String> = operation
        .in_path
        .iter()
        .map(|field| camel(&field.name, false))
        .collect();
    let names: Vec<String> = operation
        .in_path
        .iter()
        .map(|field| format!("{}: {}", field.name, camel(&field.name, false)))
        .collect();
    let mut call = Vec::new();
    if operation.body.is_some() {
        parameters.push("body".to_owned());
        call.push("body".to_owned());
    }
    if !named(operation).is_empty() {
        parameters.push("options = {}".to_owned());
    }
    let of = |fields: &[Field]| -> String {
        let fields: Vec<String> = fields
            .iter()
            .map(|field| format!("\"{}\": options.{}", field.name, option_name(&field.name)))
            .collect();
        format!("{{ {} }}", fields.join(", "))
    };
    if !operation.query.is_empty() {
        call.push(format!("query: {}", of(&operation.query)));
    }
    if !operation.headers.is_empty() {
        call.push(format!("headers: {}", of(&operation.headers)));
    }
    let path = match names.is_empty() {
        true => format!("pathOf(\"{}\")", operation.id),
        false => format!("pathOf(\"{}\", {{ {} }})", operation.id, names.join(", ")),
    };
    let call = match call.is_empty() {
        true => String::new(),
        false => format!(", {{ {} }}", call.join(", ")),
    };
    format!(
        "  {}({}) {{\n    return this.request(\"{}\", {path}{call});\n  }}\n",
        camel(&operation.id, false),
        parameters.join(", "),
        operation.method,
    )
}

fn named(operation: &Operation) -> Vec<&Field> {
    operation.query.iter().chain(&operation.headers).collect()
}

fn option_name(name: &str) -> String {
    match name.contains('-') {
        true => camel(&name.to_lowercase(), false),
        false => camel(name, false),
    }
}

fn property(name: &str) -> String {
    let plain = name
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_');
    match plain {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    }
}

fn type_text(kind: &Type) -> String {
    match kind {
        Type::Text => "string".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::Null => "null".to_owned(),
        Type::Any => "unknown".to_owned(),
        Type::Bytes => "Uint8Array".to_owned(),
        Type::Model(name) => name.clone(),
        Type::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            words.join(" | ")
        }
        Type::List(of) => match of.as_ref() {
            Type::Either(_) | Type::Words(_) => format!("({})[]", type_text(of)),
            _ => format!("{}[]", type_text(of)),
        },
        Type::Map(of) => format!("Record<string, {}>", type_text(of)),
        Type::Either(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(type_text).collect();
            kinds.join(" | ")
        }
    }
}

fn comment(about: &str, indent: usize) -> String {
    if about.is_empty() {
        return String::new();
    }
    let space = " ".repeat(indent);
    let about = about.replace("*/", "* /");
    let lines: Vec<&str> = about.lines().map(str::trim_end).collect();
    match lines.as_slice() {
        [only] => format!("{space}/** {only} */\n"),
        _ => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("{space} * {line}").trim_end().to_owned())
                .collect();
            format!("{space}/**\n{}\n{space} */\n", lines.join("\n"))
        }
    }
}
