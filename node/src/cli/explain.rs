//! `peerage explain`: what an error means. Needs no daemon.

use super::{
    args::ExplainArgs,
    failure::Failure,
    output::{Output, fields, table},
};
use crate::{
    ErrorKind,
    error::catalogue,
    model::{ErrorInfo, ExitCodeInfo, Explanation, OriginalInfo},
};

pub(super) fn explain(args: &ExplainArgs, output: Output) -> Result<(), Failure> {
    if args.list {
        return output.show(&catalogue::everything(), list);
    }
    if args.code.is_empty() {
        return Err(Failure::usage("nothing is named that could be explained").advise(
            "name an error, as in: peerage explain group_not_found; or list all: peerage explain --list",
        ));
    }
    let found = catalogue::explain(&args.code.join(" "))?;
    output.show(&found, |found| {
        let errors = found.errors.iter().map(error);
        let originals = found.originals.iter().map(original);
        let exit_codes = found.exit_codes.iter().map(exit_code);
        let parts: Vec<_> = errors.chain(originals).chain(exit_codes).collect();
        parts.join("\n\n")
    })
}

fn error(error: &ErrorInfo) -> String {
    let kind = kind_text(error.kind);
    let facts = fields(&[
        ("next", error.next_step.clone()),
        ("kind", kind),
        ("HTTP status", error.status.to_string()),
        ("exit code", error.exit_code.to_string()),
        ("original", error.original.clone().unwrap_or_default()),
    ]);
    format!("{}\n{}\n\n{}", error.code, error.meaning, facts.trim_end())
}

fn original(original: &OriginalInfo) -> String {
    let here = match (&original.instead, original.errors.as_slice()) {
        (Some(instead), _) => instead.clone(),
        (None, errors) => errors.join(", "),
    };
    format!(
        "{}\n{}\n\n{}",
        original.name,
        original.meaning,
        fields(&[("number", original.hex.clone()), ("here", here)])
    )
}

fn exit_code(code: &ExitCodeInfo) -> String {
    let mut text = format!("exit code {}\n{}", code.exit_code, code.meaning);
    if !code.errors.is_empty() {
        text.push_str(&format!(
            "\n\n{}",
            fields(&[("errors", code.errors.join("\n"))])
        ));
    }
    text
}

fn list(all: &Explanation) -> String {
    let errors = table(
        ["CODE", "EXIT", "HTTP", "ORIGINAL"],
        all.errors.iter().map(|error| {
            [
                error.code.clone(),
                error.exit_code.to_string(),
                error.status.to_string(),
                error.original.clone().unwrap_or_default(),
            ]
        }),
        "",
    );
    let originals = table(
        ["ORIGINAL", "NUMBER", "HERE"],
        all.originals.iter().map(|original| {
            [
                original.name.clone(),
                original.hex.clone(),
                match &original.instead {
                    Some(instead) => instead.clone(),
                    None => original.errors.join(", "),
                },
            ]
        }),
        "",
    );
    let exit_codes = table(
        ["EXIT", "MEANING"],
        all.exit_codes
            .iter()
            .map(|code| [code.exit_code.to_string(), code.meaning.clone()]),
        "",
    );
    format!("{errors}\n\n{originals}\n\n{exit_codes}")
}

fn kind_text(kind: ErrorKind) -> String {
    format!("{}: {}", kind.as_str(), kind.meaning())
}
