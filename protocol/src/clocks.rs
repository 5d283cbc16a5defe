//! What people are told when a credential is refused for the time: whose clock may be off, and by how much.

use std::time::Duration;

use peerage_records::time::{CLOCK_TOLERANCE, Timestamp};

use crate::certificate::calendar;

/// Why what ended at `not_after` is refused at `now`.
pub(crate) fn expired(not_after: Timestamp, now: Timestamp) -> String {
    format!(
        "expired at {}, {} ago by this computer's clock, which says {}; if it has not expired, this clock is \
         fast by at least {} ({} are tolerated): set it",
        calendar(not_after),
        span(now.since(not_after)),
        calendar(now),
        span(now.since(not_after).saturating_sub(CLOCK_TOLERANCE)),
        span(CLOCK_TOLERANCE),
    )
}

/// Why what begins at `not_before` is refused at `now`.
pub(crate) fn not_yet(not_before: Timestamp, now: Timestamp) -> String {
    format!(
        "is not valid before {}, {} from now by this computer's clock, which says {}; if it should be valid, \
         either this clock is slow or the issuer's was fast, by at least {} ({} are tolerated): set that clock",
        calendar(not_before),
        span(not_before.since(now)),
        calendar(now),
        span(not_before.since(now).saturating_sub(CLOCK_TOLERANCE)),
        span(CLOCK_TOLERANCE),
    )
}

const UNITS: [(u64, &str); 5] = [
    (365 * 24 * 3_600, "year"),
    (24 * 3_600, "day"),
    (3_600, "hour"),
    (60, "minute"),
    (1, "second"),
];

/// A length for people: the largest unit and what is left in the next one, cut off below.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let Some(first) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return "less than a second".to_owned();
    };
    let (unit, word) = UNITS[first];
    let mut text = counted(seconds / unit, word);
    if let Some((next, word)) = UNITS.get(first + 1) {
        let rest = seconds % unit / next;
        if rest > 0 {
            text.push(' ');
            text.push_str(&counted(rest, word));
        }
    }
    text
}

fn counted(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_clock_and_by_how_much() {
        let at = Timestamp::from_secs(1_800_000_000);
        let hours = Duration::from_secs(2 * 3_600);
        let late = expired(at, at + hours);
        assert!(late.contains("2 hours ago"), "{late}");
        assert!(
            late.contains("fast by at least 1 hour 50 minutes (10 minutes"),
            "{late}"
        );
        let early = not_yet(at + hours, at);
        assert!(early.contains("2 hours from now"), "{early}");
        assert!(
            early.contains("slow or the issuer's was fast, by at least 1 hour 50"),
            "{early}"
        );
    }

    #[test]
    fn two_units_at_most_and_the_largest_first() {
        for (seconds, text) in [
            (0, "less than a second"),
            (1, "1 second"),
            (90, "1 minute 30 seconds"),
            (3_600, "1 hour"),
            (273_605, "3 days 4 hours"),
            (2 * 365 * 86_400 + 86_400, "2 years 1 day"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
