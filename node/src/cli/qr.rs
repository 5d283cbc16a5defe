//! A QR code in the terminal: two rows of it to a line, in colours of its own.

use std::io::IsTerminal;

use qrcode::{Color, EcLevel, QrCode};

use super::failure::Failure;
use crate::Error;

/// Blank modules around it, as the standard asks for; cameras find it by them.
const QUIET_MODULES: usize = 4;

/// Black on white, whatever the terminal's own colours are: an inverted code is not read by everybody.
const COLOURS: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// Draws the text, for the terminal there is.
pub(super) fn draw(text: &str) -> Result<String, Failure> {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let width = terminal
        .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
        .flatten()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0);
    rows(text, width, terminal)
}

fn rows(text: &str, width: Option<usize>, coloured: bool) -> Result<String, Failure> {
    // The least correction: a screen has no creases, and the code is as small as it gets.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| {
        refuse(format!(
            "{} characters are more than a QR code holds (2953)",
            text.len()
        ))
    })?;
    let modules = code.width();
    let columns = modules + 2 * QUIET_MODULES;
    if let Some(width) = width
        && columns > width
    {
        return Err(refuse(format!(
            "the code takes {columns} columns, the terminal has {width}: widen it or make its letters smaller"
        )));
    }
    let colors = code.to_colors();
    let dark = |row: usize, column: usize| {
        let (row, column) = (
            row.checked_sub(QUIET_MODULES),
            column.checked_sub(QUIET_MODULES),
        );
        match (row, column) {
            (Some(row), Some(column)) if row < modules && column < modules => {
                colors[row * modules + column] == Color::Dark
            }
            _ => false,
        }
    };
    let mut lines = Vec::new();
    for row in (0..columns).step_by(2) {
        let line: String = (0..columns)
            .map(|column| match (dark(row, column), dark(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        lines.push(if coloured {
            format!("{COLOURS}{line}{PLAIN}")
        } else {
            line
        });
    }
    Ok(lines.join("\n"))
}

fn refuse(reason: String) -> Failure {
    Failure::from(Error::invalid("qr", reason))
        .advise("send it as a file: --format file --out FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_as_wide_and_the_margin_is_light() {
        let drawn = rows("peerage:invite:abc", None, false).unwrap();
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let columns = lines[0].len();
        assert_eq!(lines.len(), columns.div_ceil(2));
        for line in &lines {
            assert_eq!(line.len(), columns);
            assert!(line[..QUIET_MODULES].iter().all(|c| *c == ' '));
            assert!(line[columns - QUIET_MODULES..].iter().all(|c| *c == ' '));
        }
        assert!(lines[..2].iter().flatten().all(|c| *c == ' '));
        // The top edge of a finder pattern: seven dark modules over a light ring.
        let corner: String = lines[2][QUIET_MODULES..QUIET_MODULES + 7].iter().collect();
        assert_eq!(corner, "█▀▀▀▀▀█");
    }

    #[test]
    fn colours_do_not_depend_on_the_terminals() {
        let drawn = rows("x", Some(80), true).unwrap();
        for line in drawn.lines() {
            assert!(line.starts_with(COLOURS) && line.ends_with(PLAIN));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_drawn() {
        let long = rows(&"x".repeat(2_954), None, true).unwrap_err();
        assert!(
            long.0.detail.contains("2954 characters"),
            "{}",
            long.0.detail
        );
        let narrow = rows(&"x".repeat(2_000), Some(80), true).unwrap_err();
        assert!(
            narrow.0.detail.contains("the terminal has 80"),
            "{}",
            narrow.0.detail
        );
        assert!(rows(&"x".repeat(2_953), None, true).is_ok());
    }
}
