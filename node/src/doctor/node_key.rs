//! Does another node run with our key?

use std::time::Duration;

use peerage_records::time::Timestamp;

use super::span;
use crate::{
    ErrorKind,
    model::{Check, Finding, instant_text},
};

/// Two nodes that go on with one key meet again sooner than this.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// `last` is when another node was last seen with it, since the start.
#[must_use]
pub fn check(now: Timestamp, last: Option<Timestamp>) -> Finding {
    let Some(last) = last else {
        return Finding::ok(Check::NodeKey, "no other node was seen with it");
    };
    let ago = now.since(last);
    let detail = format!(
        "the key of this node is in use on another machine too, last seen at {}, {} ago",
        instant_text(last),
        span(ago)
    );
    let next = "stop one of the two; if this one was restored from a backup, restore it with a key of its own: peerage backup restore FILE --force --new-node-key";
    if ago <= RECENT {
        Finding::problem(Check::NodeKey, ErrorKind::Conflict, detail, next)
    } else {
        Finding::warning(Check::NodeKey, ErrorKind::Conflict, detail, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    #[test]
    fn a_key_that_was_seen_elsewhere_is_a_problem_until_that_is_long_ago() {
        let last = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(check(last, None).level, Level::Ok);
        let found = check(last + Duration::from_secs(60), Some(last));
        assert_eq!(found.level, Level::Problem);
        assert!(found.detail.ends_with(", 1 min ago"), "{}", found.detail);
        let next = found.next_step.unwrap();
        assert!(next.contains("--new-node-key"), "{next}");
        let later = last + RECENT + Duration::from_secs(1);
        assert_eq!(check(later, Some(last)).level, Level::Warning);
    }
}
