//! The numbers by which the nodes of a group live together, in one place: [`TABLE`].
//!
//! Each constant stays beside the code that obeys it, with its reason. `docs/limits.md` is this table
//! for people, and a test sees to it that both say the same. None of them can be set: a group works
//! because all its nodes keep to them.

use std::{fmt, time::Duration};

use crate::{
    admission, binding, deferred,
    discovery::schedule,
    engine::{self, direct, gate, group, hear, quota, sync},
    neighbours, reconcile, roster, wire,
};

/// One number.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The constant.
    pub name: &'static str,
    /// How much it is.
    pub value: Value,
    /// What the original said about the same thing, if it did.
    pub original: &'static str,
    /// What it governs.
    pub about: &'static str,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A length of time.
    Time(Duration),
    /// A number of things.
    Count(u64),
    /// A number of bytes.
    Bytes(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) if time.subsec_millis() != 0 => write!(f, "{} ms", time.as_millis()),
            Self::Time(time) => write!(f, "{} s", time.as_secs()),
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) if bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            Self::Bytes(bytes) if bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
        }
    }
}

macro_rules! limits {
    ($($path:path, $kind:ident, $original:literal, $about:literal;)*) => {
        &[$(Limit {
            name: last_segment(stringify!($path)),
            value: Value::$kind(limits!(@ $kind $path)),
            original: $original,
            about: $about,
        }),*]
    };
    (@ Time $path:path) => { $path };
    (@ $kind:ident $path:path) => { $path as u64 };
}

/// The name behind the last `::`.
const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' && bytes[start - 1] != b' ' {
        start -= 1;
    }
    path.split_at(start).1
}

/// All of them.
pub const TABLE: &[Limit] = limits! {
    neighbours::MIN_NEIGHBOURS, Count, "2", "fewer, and nobody turns the node away";
    neighbours::WANTED_NEIGHBOURS, Count, "3", "fewer, and the node looks for more; more, and it parts with one a round";
    neighbours::MAX_NEIGHBOURS, Count, "7", "never more";
    gate::MAX_LINKS_PER_MEMBER, Count, "", "links with nodes of one member";
    neighbours::MAX_CANDIDATES, Count, "100", "peers remembered that may become neighbours";
    neighbours::MAX_APPROACHES, Count, "", "peers approached at once";
    wire::admission::MAX_REFERRALS, Count, "10", "members that a full node names";
    neighbours::APPROACH_TIMEOUT, Time, "60 s", "an approach that led nowhere has failed";
    neighbours::FIRST_PAUSE, Time, "", "first pause after a failed approach; doubles";
    neighbours::MAX_PAUSE, Time, "", "longest pause after a failed approach";
    neighbours::BAN, Time, "", "who broke the protocol stays away";
    hear::MAX_OFFENCES, Count, "", "records no honest peer hands over, before the ban";
    group::EXPLORATION_INTERVAL, Time, "300 s", "a round of maintenance: half to one and a half of it";
    gate::FAREWELL_TIME, Time, "", "a neighbour sent away may read where else to go";
    admission::REFUSAL_DELAY, Time, "", "every refusal comes after it";
    gate::MAX_REFUSALS, Count, "", "refusals that wait";
    engine::SEARCH_TIME, Time, "", "a search that knows of nobody has failed";
    engine::SEARCH_PATIENCE, Time, "30 s", "any search has failed";
    engine::ADDRESS_TIME, Time, "", "the next address that was named is tried";
    engine::ADDRESS_PATIENCE, Time, "30 s", "an attempt at addresses has failed";
    engine::MAX_ADDRESSES_NAMED, Count, "", "addresses in one attempt";
    engine::MAX_ATTEMPTS, Count, "", "attempts at addresses at once";
    schedule::FIRST_SEARCH_SPACING, Time, "30 s", "between lookups without neighbours, at first; doubles";
    schedule::LAST_SEARCH_SPACING, Time, "300 s", "between lookups, at most";
    group::ENTRY_LIFETIME, Time, "900 s", "of the entry in the cloud; published three times within";
    binding::MAX_BINDING_LIFETIME, Time, "", "of the proof that an identity is on a node";
    group::RENEWAL, Time, "", "before a neighbour's proof ends, a newer one is asked for";
    group::SWEEP_INTERVAL, Time, "30 s", "between looks at proofs that end";
    sync::PERIOD, Time, "", "each neighbour is compared with: half to one and a half of it";
    sync::NEWS_PAUSE, Time, "", "the others are compared with after news";
    sync::NOT_READY_PAUSE, Time, "", "a newcomer asks a neighbour again that is none the wiser";
    sync::MAX_SESSIONS, Count, "", "comparisons of our own at once";
    reconcile::STALL_TIMEOUT, Time, "60 s", "a comparison without progress ends the link";
    reconcile::MAX_SESSION, Time, "", "a comparison ends";
    reconcile::MAX_ROUNDS, Count, "", "turns of one comparison";
    reconcile::MAX_DIFFERENCES, Count, "", "differences found by one comparison, each way";
    sync::MAX_SERVED, Count, "", "questions of a neighbour that wait";
    sync::MAX_TAKING, Count, "", "offers of a neighbour that wait";
    sync::MAX_FETCHES, Count, "", "memberships asked of a neighbour";
    sync::ANSWER_BYTES, Bytes, "", "one answer ends after it";
    wire::link::MAX_LINK_FRAME_BYTES, Bytes, "32768 bytes", "a frame on a link";
    wire::link::MAX_RECORDS_PER_FRAME, Count, "10", "records in a frame";
    wire::admission::MAX_ADMISSION_FRAME_BYTES, Bytes, "", "a frame of an admission";
    deferred::MAX_DEFERRED, Count, "", "records that wait for a membership";
    quota::RECORD_BURST, Count, "", "records of one member that gossip carries at once";
    quota::RECORDS_PER_SECOND, Count, "", "and then per second";
    quota::RESERVED_BURST, Count, "", "the same of memberships and other reserved types";
    quota::RESERVED_PER_SECOND, Count, "", "and then per second";
    quota::BYTE_BURST, Bytes, "", "bytes of one member that gossip carries at once";
    quota::BYTES_PER_SECOND, Bytes, "", "and then per second";
    quota::CATCH_UP_PAUSE, Time, "", "after it the rest is compared for";
    quota::NOTICE_INTERVAL, Time, "", "between two words about one member's flood";
    quota::MAX_BUCKETS, Count, "", "members whose use is remembered";
    roster::MAX_PER_SIGNER, Count, "", "memberships for others, and revocations, of one signer that count";
    engine::MAX_DIRECTS_PER_GROUP, Count, "", "direct connections of one group";
    engine::MAX_DIRECTS, Count, "", "direct connections of a node";
    engine::MAX_DIRECTS_PER_MEMBER, Count, "", "direct connections with one member in one group";
    engine::MAX_DIRECTS_OPENING, Count, "", "direct connections being opened at once in one group";
    engine::MAX_DIRECT_PLACES, Count, "", "places at which a member is tried";
    engine::DIRECT_PATIENCE, Time, "", "an attempt at one place has failed";
    engine::DIRECT_EXPECTED, Time, "", "the stream that was accepted is waited for no longer";
    direct::MAX_DIRECT_REFUSALS, Count, "", "silent refusals of direct connections that wait";
    wire::direct::MAX_DIRECT_FRAME_BYTES, Bytes, "", "question about a direct connection, and answer";
    wire::direct::MAX_DIRECT_MESSAGE_BYTES, Bytes, "", "message on a direct connection";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = include_str!("../../docs/limits.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let of = |limit: &Limit| {
            let (name, original) = (limit.name, limit.original);
            format!(
                "| `{name}` | {} | {original} | {} |",
                limit.value, limit.about
            )
        };
        let wanted: Vec<String> = TABLE.iter().map(of).collect();
        let found: Vec<&str> = rows.collect();
        assert_eq!(found, wanted, "the table should be:\n{}", wanted.join("\n"));
    }

    #[test]
    fn numbers_that_depend_on_one_another_fit() {
        const { assert!(neighbours::MIN_NEIGHBOURS < neighbours::WANTED_NEIGHBOURS) };
        const { assert!(neighbours::WANTED_NEIGHBOURS < neighbours::MAX_NEIGHBOURS) };
        assert!(engine::SEARCH_TIME < engine::SEARCH_PATIENCE);
        assert!(
            engine::ADDRESS_TIME * (engine::MAX_ADDRESSES_NAMED as u32) < engine::ADDRESS_PATIENCE
        );
        assert!(sync::PERIOD > reconcile::STALL_TIMEOUT);
        assert!(group::ENTRY_LIFETIME > schedule::LAST_SEARCH_SPACING);
        assert!(group::SWEEP_INTERVAL < group::RENEWAL);
        const { assert!(engine::MAX_DIRECTS_PER_MEMBER < engine::MAX_DIRECTS_PER_GROUP) };
        const { assert!(engine::MAX_DIRECTS_PER_GROUP < engine::MAX_DIRECTS) };
        assert!(engine::DIRECT_EXPECTED < engine::DIRECT_PATIENCE);
    }
}
