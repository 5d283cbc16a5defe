//! The reference parts of `docs/cli.md` and `docs/api.md` are made from what they describe. Run with
//! `PEERAGE_UPDATE_DOCS=1` to write them anew.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, Command, CommandFactory, Parser};
use peerage::{ErrorKind, cli::args::Cli};
use serde_json::Value;

const BEGIN: &str = "<!-- made by node/tests/docs.rs -->";

/// Compares, or replaces, everything after the marker.
fn check(name: &str, reference: &str) {
    let path = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("../docs")
        .join(name);
    let text = fs::read_to_string(&path).unwrap();
    let (written, found) = text.split_once(BEGIN).expect("the marker is in the page");
    let wanted = format!("\n\n{}\n", reference.trim());
    if std::env::var_os("PEERAGE_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{written}{BEGIN}{wanted}")).unwrap();
    } else {
        assert_eq!(found, wanted, "docs/{name} is out of date");
    }
}

#[test]
fn the_command_line_is_documented_as_it_is() {
    let mut text = String::from("## For every command\n\n");
    for argument in Cli::command()
        .get_arguments()
        .filter(|argument| argument.is_global_set())
    {
        describe_argument(&mut text, argument);
    }
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | success |\n");
    for kind in ErrorKind::ALL {
        writeln!(text, "| {} | {} |", kind.exit_code(), kind.meaning()).unwrap();
    }
    describe_commands(&mut text, &Cli::command(), "peerage");
    check("cli.md", &text);
}

fn describe_commands(text: &mut String, command: &Command, words: &str) {
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        if below.has_subcommands() {
            describe_commands(text, below, &words);
            continue;
        }
        writeln!(text, "\n## `{words}`\n\n{}.\n", below.get_about().unwrap()).unwrap();
        let mut arguments = below
            .get_arguments()
            .filter(|argument| argument.get_id() != "help")
            .peekable();
        let separator = if arguments.peek().is_some() { "\n" } else { "" };
        for argument in arguments {
            describe_argument(text, argument);
        }
        text.push_str(separator);
        if let Some(help) = below.get_after_help() {
            let help = help.to_string();
            let (examples, rest) = help.split_once("\n\n").unwrap_or((&help, ""));
            let examples: Vec<_> = examples
                .lines()
                .filter_map(|line| line.strip_prefix("  "))
                .collect();
            writeln!(text, "```sh\n{}\n```", examples.join("\n")).unwrap();
            if !rest.is_empty() {
                writeln!(text, "\n{rest}").unwrap();
            }
        }
    }
}

fn describe_argument(text: &mut String, argument: &Arg) {
    let value = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values())
        .map(|names| format!("<{}>", names.join(" ")));
    let name = match (argument.get_long(), value) {
        (Some(long), Some(value)) => format!("--{long} {value}"),
        (Some(long), None) => format!("--{long}"),
        (None, value) => value.unwrap_or_default(),
    };
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!(": {}", values.join(", "))
    };
    let help = argument.get_help().unwrap();
    let required = if argument.is_required_set() {
        " (required)"
    } else {
        ""
    };
    writeln!(text, "- `{name}`{required}: {help}{values}").unwrap();
}

#[test]
fn the_api_is_documented_as_it_is() {
    let document = serde_json::to_value(peerage::api::openapi()).unwrap();
    let mut text = String::from("## Paths\n");
    for tag in document["tags"].as_array().unwrap() {
        let description = tag["description"].as_str().unwrap();
        writeln!(
            text,
            "\n### {description}\n\n| request | | body | answer |\n|---|---|---|---|"
        )
        .unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if operation["tags"][0] == tag["name"] {
                    writeln!(
                        text,
                        "| `{} {path}` | {} | {} | {} |",
                        method.to_uppercase(),
                        operation["summary"].as_str().unwrap(),
                        schema(&operation["requestBody"]["content"]),
                        answer(&operation["responses"]),
                    )
                    .unwrap();
                }
            }
        }
    }
    text.push_str("\n## Metrics\n\n| name | what it counts |\n|---|---|\n");
    let source = include_str!("../src/metrics.rs");
    let source = source.split("mod tests").next().unwrap();
    for metric in source.split("\"peerage_").skip(1) {
        let mut quoted = metric.split('"');
        let (name, help) = (quoted.next().unwrap(), quoted.nth(1).unwrap());
        writeln!(text, "| `peerage_{name}` | {help} |").unwrap();
    }
    text.push_str("\n## Error codes\n\n| code | kind | the original's name |\n|---|---|---|\n");
    for (code, (kind, originals)) in codes() {
        writeln!(text, "| `{code}` | {kind} | {originals} |").unwrap();
    }
    check("api.md", &text);
}

/// Every command a reader may copy is one the program takes.
#[test]
fn the_commands_in_the_pages_are_taken() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let mut pages = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    let mut tried = 0;
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|end| end == "md"))
    {
        let text = fs::read_to_string(page).unwrap();
        for line in text.lines() {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            if !line.starts_with("peerage ") {
                continue;
            }
            for command in line
                .split(" && ")
                .filter(|command| command.starts_with("peerage "))
            {
                let words = shell_words(command);
                if let Err(error) = Cli::try_parse_from(&words) {
                    let shown = !error.use_stderr();
                    assert!(shown, "{}: {line}\n{error}", page.display());
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "{tried}");
}

/// Whoever attacks a group finds in the page which test has tried it already: each one named there exists.
#[test]
fn the_tests_the_attacks_name_exist() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let mut known = BTreeSet::new();
    for (folder, library) in [
        ("records", "peerage_records"),
        ("protocol", "peerage_protocol"),
        ("node", "peerage"),
    ] {
        for part in ["src", "tests"] {
            let folder = root.join(folder).join(part);
            collect_tests(&folder, (part == "src").then_some(library), &mut known);
        }
    }
    let page = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let mut cases = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "four cells: {line}");
        let (fault, tests, expected) = (cells[2], cells[3], cells[4]);
        if fault == "fault" {
            continue;
        }
        let digits = fault.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        assert!(
            digits.len() + 1 == fault.len() && digits.parse::<u8>().is_ok(),
            "the id of a fault: {line}"
        );
        assert!(!cells[1].is_empty() && !expected.is_empty(), "{line}");
        for test in tests
            .split(',')
            .map(str::trim)
            .filter(|test| !test.is_empty())
        {
            let (program, path) = test.split_once("::").expect(test);
            let own = path.rsplit("::").next().unwrap();
            let found = known.contains(&(program.to_owned(), own.to_owned()));
            assert!(found, "docs/attacks.md names {test}, which does not exist");
        }
        cases += 1;
    }
    assert!(cases > 20, "{cases}");
}

/// The tests in a folder, each with its program: the library, or the file in which it is.
fn collect_tests(folder: &Path, library: Option<&str>, known: &mut BTreeSet<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect_tests(&path, library, known);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let program = library.unwrap_or_else(|| path.file_stem().unwrap().to_str().unwrap());
            let text = fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    marked = true;
                } else if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ") {
                    let name = name.split(['(', '<']).next().unwrap();
                    if std::mem::take(&mut marked) {
                        known.insert((program.to_owned(), name.to_owned()));
                    }
                }
            }
        }
    }
}

/// Words of a line up to a comment, a pipe or a redirection, with both kinds of quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '#' | '|' | '>' | '<' | ';') => break,
            (None, letter) if letter.is_whitespace() => words.push(String::new()),
            (_, letter) => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn schema(content: &Value) -> String {
    let Some(content) = content
        .as_object()
        .and_then(|content| content.values().next())
    else {
        return String::new();
    };
    let name = |schema: &Value| {
        schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next())
            .map(str::to_owned)
    };
    let schema = &content["schema"];
    match (name(schema), name(&schema["items"])) {
        (Some(name), _) => name,
        (None, Some(item)) => format!("list of {item}"),
        (None, None) => schema["type"].as_str().unwrap_or_default().to_owned(),
    }
}

fn answer(responses: &Value) -> String {
    let (status, response) = responses
        .as_object()
        .unwrap()
        .iter()
        .find(|(status, _)| *status != "default")
        .unwrap();
    format!("{status} {}", schema(&response["content"]))
        .trim_end()
        .to_owned()
}

/// The codes in the sources of the errors, each with its kind and the original's names for it.
fn codes() -> BTreeMap<String, (String, String)> {
    let mut codes: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let sources = [
        include_str!("../src/error/facts.rs"),
        include_str!("../src/error/conversions.rs"),
    ];
    for call in sources
        .iter()
        .flat_map(|source| source.split("plain(").chain(source.split("as_original(")))
    {
        let call = call.trim_start();
        if !call.starts_with('"') {
            continue;
        }
        let call = call.split(')').next().unwrap();
        let words: Vec<&str> = call
            .split(',')
            .map(|word| word.trim())
            .filter(|word| !word.is_empty())
            .collect();
        let (code, kind) = (words[0].trim_matches('"'), words[1]);
        let entry = codes.entry(code.to_owned()).or_default();
        entry.0 = kind.to_owned();
        if let Some(original) = words.get(2) {
            let original = format!("`{}`", original.trim_matches('"'));
            if !entry.1.contains(&original) {
                entry.1.push(original);
            }
        }
    }
    for (code, kind, original) in [
        (
            "classifier_too_long",
            "FixInput",
            "PEER_E_CLASSIFIER_TOO_LONG",
        ),
        (
            "invalid_classifier",
            "FixInput",
            "PEER_E_INVALID_CLASSIFIER",
        ),
        (
            "invalid_friendly_name",
            "FixInput",
            "PEER_E_INVALID_FRIENDLY_NAME",
        ),
        ("invalid_peer_name", "FixInput", "PEER_E_INVALID_PEER_NAME"),
    ] {
        codes.insert(
            code.to_owned(),
            (kind.to_owned(), vec![format!("`{original}`")]),
        );
    }
    codes
        .into_iter()
        .map(|(code, (kind, originals))| (code, (words(&kind), originals.join(", "))))
        .collect()
}

/// `fix_input` from `FixInput`.
fn words(kind: &str) -> String {
    let mut text = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
