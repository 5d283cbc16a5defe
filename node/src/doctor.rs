//! The doctor: small checks, each of which looks at one thing and says what is wrong with it, and what
//! to do next.
//!
//! A check is a function of what it looks at, so that each can be shown the very trouble it is there to
//! find. What only a running node knows is looked at by [`Node::doctor`](crate::Node::doctor); what
//! can be seen without one by the command line, which puts both together.

use std::time::Duration;

pub mod bootstrap;
pub mod buffers;
pub mod clock;
pub mod credentials;
pub mod disk;
pub mod environment;
pub mod files;
pub mod folder;
pub mod members;
pub mod node_key;
pub mod open_files;
pub mod port;
pub mod socket;
pub mod synchronisation;

/// `3 d 4 h`: a length of time for people, in its two largest units.
#[must_use]
pub fn span(length: Duration) -> String {
    const UNITS: [(u64, &str); 5] = [
        (365 * 86_400, "y"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "min"),
        (1, "s"),
    ];
    let seconds = length.as_secs();
    let Some(first) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return "0 s".to_owned();
    };
    let (unit, word) = UNITS[first];
    let mut text = format!("{} {word}", seconds / unit);
    if let Some((next, word)) = UNITS.get(first + 1)
        && seconds % unit / next > 0
    {
        text.push_str(&format!(" {} {word}", seconds % unit / next));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (7_200, "2 h"),
            (1_000 * 365 * 86_400, "1000 y"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
