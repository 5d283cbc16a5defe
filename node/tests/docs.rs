//! The reference parts of `docs/cli.md` and `docs/api.md` are made from what they describe. Run with
//! `PEERAGE_UPDATE_DOCS=1` to write them anew.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, Command, CommandFactory, Parser};
use peerage::{
    ErrorKind,
    cli::args::Cli,
    error::catalogue::{self, Here},
    model::EventKind,
};
use serde_json::Value;

/// Which request each command makes. What the command line can do, an application can do.
const COMMANDS: &[(&str, &str)] = &[
    ("up", "starts the node"),
    ("down", "POST /v1/shutdown"),
    ("status", "GET /v1/status"),
    ("doctor", "GET /v1/doctor"),
    ("id new", "POST /v1/identities"),
    ("id ls", "GET /v1/identities"),
    ("id show", "GET /v1/identities/{name}"),
    ("id card", "GET /v1/identities/{name}/card"),
    ("id rename", "PATCH /v1/identities/{name}"),
    ("id export", "POST /v1/identities/{name}/export"),
    ("id import", "POST /v1/identities/import"),
    ("id rm", "DELETE /v1/identities/{name}"),
    ("group create", "POST /v1/groups"),
    ("group ls", "GET /v1/groups"),
    ("group show", "GET /v1/groups/{group}"),
    ("group set", "PATCH /v1/groups/{group}/properties"),
    ("group open", "POST /v1/groups/{group}/open"),
    ("group connect", "POST /v1/groups/{group}/connect"),
    ("group ping", "POST /v1/groups/{group}/ping"),
    ("group close", "POST /v1/groups/{group}/close"),
    ("group door open", "PUT /v1/groups/{group}/door"),
    ("group door close", "DELETE /v1/groups/{group}/door"),
    ("group door show", "GET /v1/groups/{group}/door"),
    ("group address", "GET /v1/groups/{group}/address"),
    ("group join", "POST /v1/groups/visit"),
    ("group delete", "DELETE /v1/groups/{group}"),
    ("group leave", "POST /v1/groups/{group}/leave"),
    ("group key export", "POST /v1/groups/{group}/key/export"),
    ("group key import", "POST /v1/groups/recover"),
    ("group key issue-admin", "POST /v1/groups/{group}/key/admin"),
    ("graph show", "GET /v1/groups/{group}/graph"),
    ("invite create", "POST /v1/groups/{group}/invitations"),
    ("invite ls", "GET /v1/groups/{group}/invitations"),
    ("invite show", "GET /v1/invitations/{id}"),
    ("invite revoke", "POST /v1/invitations/{id}/revoke"),
    ("invite reissue", "POST /v1/invitations/{id}/reissue"),
    ("join", "POST /v1/groups/join"),
    ("requests ls", "GET /v1/groups/{group}/requests"),
    (
        "requests accept",
        "POST /v1/groups/{group}/requests/{who}/accept",
    ),
    (
        "requests deny",
        "POST /v1/groups/{group}/requests/{who}/deny",
    ),
    ("member ls", "GET /v1/groups/{group}/members"),
    ("member show", "GET /v1/groups/{group}/members/{member}"),
    ("member tree", "GET /v1/groups/{group}/member-tree"),
    (
        "member rm",
        "POST /v1/groups/{group}/members/{member}/remove",
    ),
    (
        "member role",
        "POST /v1/groups/{group}/members/{member}/renew",
    ),
    (
        "member renew",
        "POST /v1/groups/{group}/members/{member}/renew",
    ),
    ("member nodes", "GET /v1/groups/{group}/nodes"),
    ("member attributes", "PATCH /v1/groups/{group}/presence"),
    ("member presence", "PATCH /v1/groups/{group}/presence"),
    ("audit", "GET /v1/groups/{group}/audit"),
    ("audit verify", "reads a file"),
    ("record put", "POST /v1/groups/{group}/records"),
    ("record get", "GET /v1/groups/{group}/records/{id}"),
    ("record ls", "GET /v1/groups/{group}/records"),
    ("record update", "PATCH /v1/groups/{group}/records/{id}"),
    ("record rm", "DELETE /v1/groups/{group}/records/{id}"),
    ("record watch", "GET /v1/groups/{group}/events"),
    ("direct open", "POST /v1/groups/{group}/direct"),
    ("direct send", "GET /v1/groups/{group}/direct/{id}/socket"),
    ("direct recv", "GET /v1/groups/{group}/direct/listen"),
    ("direct ls", "GET /v1/groups/{group}/direct"),
    ("direct close", "DELETE /v1/groups/{group}/direct/{id}"),
    ("direct pipe", "GET /v1/groups/{group}/direct/{id}/socket"),
    ("events tail", "GET /v1/groups/{group}/events"),
    ("events consumers ls", "GET /v1/groups/{group}/consumers"),
    (
        "events consumers rm",
        "DELETE /v1/groups/{group}/consumers/{consumer}",
    ),
    ("group export", "POST /v1/groups/{group}/config/export"),
    ("group import", "POST /v1/groups/import"),
    ("group db export", "GET /v1/groups/{group}/database"),
    ("group db import", "PUT /v1/groups/{group}/database"),
    ("group settle", "POST /v1/groups/{group}/settle"),
    ("backup create", "POST /v1/backup"),
    ("backup verify", "reads a file"),
    ("backup restore", "reads a file, while no node runs"),
    ("app register", "POST /v1/applications"),
    ("app ls", "GET /v1/applications"),
    ("app show", "GET /v1/applications/{name}"),
    ("app token", "POST /v1/applications/{name}/token"),
    ("app revoke", "DELETE /v1/applications/{name}"),
    ("app attach", "GET /v1/session"),
    ("explain", "GET /v1/errors/{code}"),
    ("completions", "prints a script"),
];

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
        .filter(|_| !argument.is_hide_possible_values_set())
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
            "\n### {description}\n\n| request | | for | body | answer |\n|---|---|---|---|---|"
        )
        .unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if operation["tags"][0] == tag["name"] {
                    writeln!(
                        text,
                        "| `{} {path}` | {} | {} | {} | {} |",
                        method.to_uppercase(),
                        operation["summary"].as_str().unwrap(),
                        operation["x-peerage-access"].as_str().unwrap(),
                        schema(&operation["requestBody"]["content"]),
                        answer(&operation["responses"]),
                    )
                    .unwrap();
                }
            }
        }
    }
    text.push_str("\n## Commands as requests\n\n| command | request |\n|---|---|\n");
    for (command, request) in COMMANDS {
        writeln!(text, "| `peerage {command}` | {} |", as_code(request)).unwrap();
    }
    text.push_str("\n## Metrics\n\n| name | what it counts |\n|---|---|\n");
    let source = include_str!("../src/metrics.rs");
    let source = source.split("mod tests").next().unwrap();
    for metric in source.split("\"peerage_").skip(1) {
        let mut quoted = metric.split('"');
        let (name, help) = (quoted.next().unwrap(), quoted.nth(1).unwrap());
        writeln!(text, "| `peerage_{name}` | {help} |").unwrap();
    }
    text.push_str("\n## Error codes\n\n| code | kind | status | the original's name | meaning |\n|---|---|---|---|---|\n");
    let mut errors: Vec<_> = catalogue::entries().collect();
    errors.sort_by_key(|entry| entry.code);
    for entry in errors {
        let original = entry.original.map(|code| format!("`{}`", code.name));
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            entry.code,
            entry.kind.as_str(),
            entry.http_status(),
            original.unwrap_or_default(),
            entry.meaning
        )
        .unwrap();
    }
    text.push_str("\n## The original's codes\n\n| name | number | here |\n|---|---|---|\n");
    for original in catalogue::ORIGINALS {
        let ours = catalogue::ours(original).map(|entry| format!("`{}`", entry.code));
        let here = match original.here {
            Here::Outcome(how) => format!("no error: {how}"),
            Here::Never(why) => format!("cannot happen: {why}"),
            _ => ours.collect::<Vec<_>>().join(", "),
        };
        writeln!(
            text,
            "| `{}` | {} | {here} |",
            original.name,
            original.hex()
        )
        .unwrap();
    }
    check("api.md", &text);
}

/// The table of events is written by hand, and must not forget one.
#[test]
fn every_kind_of_event_is_in_the_table_of_events() {
    let page = include_str!("../../docs/api.md");
    let (_, table) = page.split_once("| kind | number | fields").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    for kind in EventKind::ALL {
        let name = format!("`{}`", kind.as_str());
        let row = rows.iter().find(|row| row[1].contains(&name));
        let row = row.unwrap_or_else(|| panic!("{name} is not in docs/api.md"));
        if let Some(number) = kind.number() {
            assert_eq!(row[2], number.to_string(), "{name}");
        }
    }
}

/// A command without a request would be something that only people can do.
#[test]
fn every_command_is_a_request_too() {
    let document = serde_json::to_value(peerage::api::openapi()).unwrap();
    let mut commands = BTreeSet::new();
    collect_commands(&Cli::command(), "", &mut commands);
    for (command, request) in COMMANDS {
        assert!(commands.remove(*command), "there is no command {command}");
        if let Some((method, path)) = request.split_once(" /") {
            let operation = &document["paths"][format!("/{path}")][method.to_lowercase()];
            assert!(operation.is_object(), "{command}: there is no {request}");
        }
    }
    assert!(
        commands.is_empty(),
        "add the request of each to COMMANDS in node/tests/docs.rs: {commands:?}"
    );
}

fn collect_commands(command: &Command, words: &str, found: &mut BTreeSet<String>) {
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name())
            .trim_start()
            .to_owned();
        if !below.is_subcommand_required_set() {
            found.insert(words.clone());
        }
        collect_commands(below, &words, found);
    }
}

fn as_code(request: &str) -> String {
    if request.contains(" /") {
        format!("`{request}`")
    } else {
        request.to_owned()
    }
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
        (Some(name), _) => match name.strip_prefix("Page_") {
            Some(item) => format!("page of {item}"),
            None => name,
        },
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
