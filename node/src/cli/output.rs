//! What is printed, for people or for programs.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use comfy_table::{Table, presets};
use serde::Serialize;

use super::failure::Failure;
use crate::Error;
pub(super) use crate::harmless;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document, or one per line in a stream.
    Json,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints the value as JSON, or the text.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::Text => print(&format!("{}\n", text(value).trim_end())),
            Self::Json => print(&format!("{}\n", pretty(value))),
        }
    }

    /// Prints one element of a stream on one line.
    pub(super) fn line<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::Text => print(&format!("{}\n", text(value))),
            Self::Json => print(&format!("{}\n", compact(value))),
        }
    }

    /// Prints bytes as they are.
    pub(super) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Says on standard error what went wrong, why, what to do next, and by which code more is to be found.
    pub(super) fn failure(self, failure: &Failure) -> ExitCode {
        let problem = &failure.0;
        let text = match self {
            Self::Json => format!("{}\n", pretty(problem.as_ref())),
            Self::Text => {
                let lines: Vec<_> = problem.detail.lines().map(harmless).collect();
                let (next_step, code) = (harmless(&problem.next_step), harmless(&problem.code));
                format!(
                    "error: {}\nnext:  {next_step}\ncode:  {code}\n",
                    lines.join("\n")
                )
            }
        };
        // Nothing can be done when even this cannot be written.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        ExitCode::from(failure.kind().exit_code())
    }
}

/// A table without lines, or the words for an empty one.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    empty: &str,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| harmless_lines(&cell)));
    }
    if table.row_count() == 0 {
        return empty.to_owned();
    }
    lines(&table)
}

/// Names and values below each other.
pub(super) fn fields(rows: &[(&str, String)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in rows {
        table.add_row([(*name).to_owned(), harmless_lines(value)]);
    }
    lines(&table)
}

/// Without the padding at both ends.
fn lines(table: &Table) -> String {
    let lines: Vec<String> = table
        .lines()
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

/// `2026-11-22 18:30:00Z` from RFC 3339.
pub(super) fn short_time(text: &str) -> String {
    match text.split_once('T') {
        Some((date, time)) if time.len() >= 8 && time.is_char_boundary(8) => {
            format!("{date} {}Z", &time[..8])
        }
        _ => text.to_owned(),
    }
}

/// The same for a cell, in which we put line ends ourselves. Whatever a table shows may come from others:
/// names, addresses, and what they say.
fn harmless_lines(cell: &str) -> String {
    let lines: Vec<String> = cell.split('\n').map(harmless).collect();
    lines.join("\n")
}

/// Foreign text on one line: without the line end that closes it, the others as `\n`.
pub(super) fn on_one_line(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(harmless).collect();
    lines.join("\\n")
}

pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// A reader that has seen enough (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Error::io("standard output", error).into()),
    }
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("our own types have string keys only")
}

fn compact(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own types have string keys only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_other_text_stays() {
        assert_eq!(
            short_time("2026-11-22T18:30:00.250Z"),
            "2026-11-22 18:30:00Z"
        );
        assert_eq!(short_time("never"), "never");
    }

    #[test]
    fn tables_begin_at_the_margin() {
        let rows = [["a".to_owned(), "b".to_owned()]];
        assert_eq!(table(["ONE", "TWO"], rows, "none"), "ONE  TWO\na    b");
        assert_eq!(table(["ONE"], [], "none"), "none");
        assert_eq!(
            fields(&[("x", String::new()), ("long", "y\nz".to_owned())]),
            "x\nlong  y\n      z"
        );
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        // Lines are told apart, and a carriage return does not overwrite one.
        assert_eq!(
            on_one_line("a\n\u{1b}b\r\n\rc\n"),
            "a\\n\u{fffd}b\\n\u{fffd}c"
        );
        assert_eq!(on_one_line(""), "");
        // Nor turn around what follows, nor hide in it.
        assert_eq!(harmless("a\u{202e}b\u{200b}"), "a\u{fffd}b\u{fffd}");
        // Nor through a table, whoever forgot to ask for it.
        let row = [["/dns4/a\u{1b}[2J/udp/1\nb".to_owned()]];
        assert_eq!(table(["X"], row, ""), "X\n/dns4/a\u{fffd}[2J/udp/1\nb");
        assert_eq!(fields(&[("x", "a\u{1b}c".to_owned())]), "x  a\u{fffd}c");
    }
}
