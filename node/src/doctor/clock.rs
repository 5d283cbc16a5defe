//! Is the clock right?
//!
//! Neighbours show what their clocks say, also those whose clocks are too far off to be admitted. With
//! nobody to compare with, a clock that is behind the files it has written is certainly wrong.

use std::time::Duration;

use peerage_protocol::binding::FRESHNESS;
use peerage_records::time::{CLOCK_TOLERANCE, Timestamp};

use super::span;
use crate::{
    ErrorKind,
    model::{Check, Finding, instant_text},
};

/// Clocks that differ by less are as good as equal.
const SLACK: Duration = Duration::from_secs(60);
/// No clock that is right says anything earlier: this was written later.
const WRITTEN: Timestamp = Timestamp::from_secs(1_795_000_000);
const SET_IT: &str = "set the clock: timedatectl set-ntp true";

/// What one other clock said, and what ours said at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whose it is, for people.
    pub whose: String,
    /// What it said, up to [`FRESHNESS`] earlier.
    pub theirs: Timestamp,
    /// What ours said.
    pub ours: Timestamp,
}

/// How far a clock is off from another, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Off {
    No,
    /// Ours is ahead.
    Fast(Duration),
    /// Ours is behind.
    Slow(Duration),
}

/// Looks at what other clocks said, and at the time of the newest file written here.
#[must_use]
pub fn check(now: Timestamp, newest_file: Option<Timestamp>, seen: &[Seen]) -> Finding {
    if now < WRITTEN {
        let detail = format!(
            "this computer's clock says {}, which is before this version of peerage was made",
            instant_text(now)
        );
        return Finding::problem(Check::Clock, ErrorKind::Unavailable, detail, SET_IT);
    }
    if let Some(newest) = newest_file.filter(|newest| *newest > now + CLOCK_TOLERANCE) {
        let detail = format!(
            "this computer's clock says {}, {} before a file in the data folder was written: it is slow, or was fast",
            instant_text(now),
            span(newest.since(now))
        );
        return Finding::problem(Check::Clock, ErrorKind::Unavailable, detail, SET_IT);
    }
    if seen.is_empty() {
        let detail = "no other member's clock was seen yet to compare with";
        return Finding::ok(Check::Clock, detail);
    }
    compared(seen)
}

/// One who is off among many is off itself; when most see us off in the same way, we are.
fn compared(seen: &[Seen]) -> Finding {
    let all: Vec<(&Seen, Off)> = seen.iter().map(|one| (one, one.off())).collect();
    let fast: Vec<Duration> = all.iter().filter_map(|(_, off)| off.fast()).collect();
    let slow: Vec<Duration> = all.iter().filter_map(|(_, off)| off.slow()).collect();
    let (ours, word) = match fast.len() >= slow.len() {
        true => (median(fast), "fast"),
        false => (median(slow), "slow"),
    };
    let Some((by, count)) = ours else {
        let detail = format!("agrees with {} of other members", clocks(seen.len()));
        return Finding::ok(Check::Clock, detail);
    };
    let others = all.iter().filter(|(_, off)| *off != Off::No);
    if count * 2 <= seen.len() && seen.len() > 1 {
        let names: Vec<&str> = others.map(|(one, _)| one.whose.as_str()).collect();
        let detail = format!(
            "this clock agrees with most of {}; off are those of {}",
            clocks(seen.len()),
            names.join(", ")
        );
        let next = "tell them to set their clocks; this one is right";
        return Finding::warning(Check::Clock, ErrorKind::Unavailable, detail, next);
    }
    let detail = match all.as_slice() {
        [(one, _)] => format!(
            "this computer's clock is {word} by {}, or that of {} is wrong",
            span(by),
            one.whose
        ),
        _ => format!(
            "this computer's clock is {word} by {}, say {count} of {} clocks of other members",
            span(by),
            seen.len()
        ),
    };
    let kind = ErrorKind::Unavailable;
    if by >= CLOCK_TOLERANCE {
        let refused = format!(
            "{detail}; more than {} keeps members apart",
            span(CLOCK_TOLERANCE)
        );
        Finding::problem(Check::Clock, kind, refused, SET_IT)
    } else {
        Finding::warning(Check::Clock, kind, detail, SET_IT)
    }
}

impl Seen {
    /// What is shown may be a minute old, so that ours seems ahead by as much without being so.
    fn off(&self) -> Off {
        let slow = self.theirs.since(self.ours);
        let fast = self.ours.since(self.theirs).saturating_sub(FRESHNESS);
        if slow > SLACK {
            Off::Slow(slow)
        } else if fast > SLACK {
            Off::Fast(fast)
        } else {
            Off::No
        }
    }
}

impl Off {
    fn fast(self) -> Option<Duration> {
        match self {
            Self::Fast(by) => Some(by),
            Self::No | Self::Slow(_) => None,
        }
    }

    fn slow(self) -> Option<Duration> {
        match self {
            Self::Slow(by) => Some(by),
            Self::No | Self::Fast(_) => None,
        }
    }
}

/// The one in the middle, which no single liar moves far, and how many there are.
fn median(mut all: Vec<Duration>) -> Option<(Duration, usize)> {
    all.sort();
    all.get(all.len() / 2).map(|by| (*by, all.len()))
}

fn clocks(count: usize) -> String {
    match count {
        1 => "the clock".to_owned(),
        _ => format!("the clocks of {count} nodes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn says(whose: &str, theirs: Timestamp) -> Seen {
        Seen {
            whose: whose.to_owned(),
            theirs,
            ours: NOW,
        }
    }

    #[test]
    fn a_single_liar_does_not_make_our_clock_wrong() {
        let seen = [
            says("Ada", NOW),
            says("Ben", NOW),
            says("Cy", NOW + HOUR * 9),
        ];
        let found = check(NOW, None, &seen);
        assert_eq!(found.level, Level::Warning);
        assert!(found.detail.contains("Cy") && !found.detail.contains("Ada"));
    }

    #[test]
    fn most_of_the_others_tell_which_way_and_how_far() {
        let seen = [
            says("Ada", NOW - HOUR),
            says("Ben", NOW - HOUR),
            says("Cy", NOW),
        ];
        let found = check(NOW, None, &seen);
        assert_eq!(found.level, Level::Problem);
        assert!(found.detail.contains("fast by 59 min"), "{}", found.detail);
        let found = check(NOW, None, &[says("Ada", NOW + Duration::from_secs(300))]);
        assert_eq!(found.level, Level::Warning);
        assert!(found.detail.contains("slow by 5 min"), "{}", found.detail);
        // What was shown is up to a minute old.
        let found = check(NOW, None, &[says("Ada", NOW - FRESHNESS)]);
        assert_eq!(found.level, Level::Ok);
    }

    #[test]
    fn alone_a_clock_is_compared_with_what_was_written_by_it() {
        assert_eq!(check(NOW, None, &[]).level, Level::Ok);
        assert_eq!(check(NOW, Some(NOW), &[]).level, Level::Ok);
        let found = check(NOW, Some(NOW + HOUR), &[]);
        assert_eq!(found.level, Level::Problem);
        assert!(found.next_step.unwrap().contains("timedatectl"));
        let found = check(Timestamp::from_secs(1_000), None, &[]);
        assert_eq!(found.level, Level::Problem);
    }
}
