//! Two neighbours find and exchange what the other lacks.
//!
//! One side, the initiator, drives a [`Session`]: first the membership half of the database, then
//! the applications' half, so that every record can be judged when it arrives (GRA-108). Each
//! half is compared with negentropy (range fingerprints over modification time and envelope hash),
//! whose cost follows the difference and not the database; then the initiator pulls what it
//! needs and pushes what it has. The responder keeps no state between frames.
//!
//! A superseded version leaves the compared set, so two stores with different versions of a
//! record converge in one pass.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use negentropy::{Id, Negentropy};
use peerage_records::{id::EnvelopeHash, store::Partition, summary::Summary};
use serde_bytes::ByteBuf;
use thiserror::Error;

use crate::wire::link::{LinkFrame, RECONCILE_MESSAGE_BYTES};

/// Rounds of comparison in one half. 16-way splitting needs 6 for 10^7 records; the rest is
/// for frames that had to be cut.
pub const MAX_ROUNDS: u32 = 64;
/// Differences taken up in one session, each way; what is over waits for the next session.
/// Costs 32 bytes each.
pub const MAX_DIFFERENCES: usize = 250_000;
/// A session in which nothing arrives for so long has failed.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A session that takes longer is given up; what it moved stays, and the next one moves the rest. So a
/// neighbour that always answers a little cannot hold a session for good.
pub const MAX_SESSION: Duration = Duration::from_secs(600);
/// Hashes in one request.
const WANT_BATCH: usize = 256;
/// Requests unanswered at once: one travels while one is verified.
const MAX_WANTS: usize = 2;
/// Records handed to the store and not yet durable, before we stop asking for more.
const MAX_STORING: usize = 1_024;
/// Envelopes read from our store at once in order to be offered.
const OFFER_BATCH: usize = 64;

/// What the session wants done.
#[derive(Debug)]
pub enum Step {
    /// Read a snapshot of this half's summary and hand it to [`Session::on_summary`].
    ReadSummary(Partition),
    /// Read these envelopes and hand them, packed, to [`Session::on_envelopes`].
    ReadEnvelopes(Vec<EnvelopeHash>),
    /// Send the neighbour a frame.
    Send(LinkFrame),
    /// Both halves are equal, as far as both sides were willing; and durable here.
    Finished,
}

/// Why a session ends early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The neighbour's message is none, or does not belong to this comparison.
    #[error("reconciliation message does not fit: {0}")]
    Message(String),
    /// The comparison does not come to an end.
    #[error("no end after {MAX_ROUNDS} rounds")]
    TooManyRounds,
    /// A frame that was not asked for.
    #[error("unexpected frame")]
    OutOfTurn,
    /// More records in an answer than were asked for, or none where more was promised.
    #[error("an answer that does not fit its question")]
    BadAnswer,
}

/// The initiator's side of one reconciliation with one neighbour.
pub struct Session {
    id: u32,
    partition: Partition,
    compare: Option<Negentropy<'static, Summary>>,
    rounds: u32,
    need: Vec<EnvelopeHash>,
    have: Vec<EnvelopeHash>,
    next_request: u32,
    /// What was asked under each number and has not come yet.
    wants: BTreeMap<u32, Want>,
    offers: BTreeSet<u32>,
    reading: bool,
    storing: usize,
    began: Instant,
    last_progress: Instant,
    tally: Tally,
}

/// A question that is being answered.
#[derive(Debug)]
struct Want {
    missing: BTreeSet<EnvelopeHash>,
    answered: bool,
}

/// What a session moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Comparison messages sent.
    pub rounds: u32,
    /// Bytes of comparison, both ways.
    pub compare_bytes: u64,
    /// Records received.
    pub received: u64,
    /// Records sent.
    pub sent: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("partition", &self.partition)
            .field("need", &self.need.len())
            .field("have", &self.have.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Begins with the membership half.
    #[must_use]
    pub fn begin(id: u32, now: Instant) -> (Self, Step) {
        let session = Self {
            id,
            partition: Partition::Membership,
            compare: None,
            rounds: 0,
            need: Vec::new(),
            have: Vec::new(),
            next_request: 0,
            wants: BTreeMap::new(),
            offers: BTreeSet::new(),
            reading: false,
            storing: 0,
            began: now,
            last_progress: now,
            tally: Tally::default(),
        };
        (session, Step::ReadSummary(Partition::Membership))
    }

    /// The number on this session's frames.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it has moved so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// When it has to be given up unless something happens.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        (self.last_progress + STALL_TIMEOUT).min(self.began + MAX_SESSION)
    }

    /// Takes the snapshot asked for, and opens the comparison.
    ///
    /// # Errors
    /// When the summary cannot be compared, which is a fault of ours.
    pub fn on_summary(
        &mut self,
        summary: Summary,
        now: Instant,
    ) -> Result<Vec<Step>, ReconcileError> {
        self.last_progress = now;
        let mut compare = Negentropy::owned(summary, RECONCILE_MESSAGE_BYTES)
            .map_err(|error| ReconcileError::Message(error.to_string()))?;
        let message = compare
            .initiate()
            .map_err(|error| ReconcileError::Message(error.to_string()))?;
        self.compare = Some(compare);
        self.rounds = 0;
        Ok(vec![self.compare_frame(message)])
    }

    /// Takes the responder's turn of the comparison.
    ///
    /// # Errors
    /// When the message does not fit or the comparison does not end.
    pub fn on_compared(
        &mut self,
        message: &[u8],
        now: Instant,
    ) -> Result<Vec<Step>, ReconcileError> {
        self.last_progress = now;
        self.tally.compare_bytes += message.len() as u64;
        let compare = self.compare.as_mut().ok_or(ReconcileError::OutOfTurn)?;
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = compare
            .reconcile_with_ids(message, &mut have, &mut need)
            .map_err(|error| ReconcileError::Message(error.to_string()))?;
        take_up(&mut self.have, have);
        take_up(&mut self.need, need);
        match next {
            Some(_) if self.rounds >= MAX_ROUNDS => Err(ReconcileError::TooManyRounds),
            Some(message) => Ok(vec![self.compare_frame(message)]),
            None => {
                self.compare = None;
                Ok(self.exchange())
            }
        }
    }

    /// Notes that these records arrived for `request` and go to the store. What an answer leaves out
    /// because it grew too long is asked for again.
    ///
    /// # Errors
    /// When they were not asked for under that number.
    pub fn on_records(
        &mut self,
        request: u32,
        records: &[EnvelopeHash],
        last: bool,
        now: Instant,
    ) -> Result<Vec<Step>, ReconcileError> {
        let want = self
            .wants
            .get_mut(&request)
            .ok_or(ReconcileError::OutOfTurn)?;
        let asked_for = records.iter().all(|hash| want.missing.remove(hash));
        if !asked_for || (records.is_empty() && !last) {
            return Err(ReconcileError::BadAnswer);
        }
        want.answered |= !records.is_empty();
        self.last_progress = now;
        self.tally.received += records.len() as u64;
        if last && let Some(want) = self.wants.remove(&request) {
            // Who sends nothing of what it is asked for has it no more.
            if want.answered {
                self.need.extend(want.missing);
            }
        }
        Ok(self.exchange())
    }

    /// Notes that records of this session were handed to the store.
    pub fn on_storing(&mut self, count: usize) {
        self.storing += count;
    }

    /// Notes that they are durable.
    pub fn on_stored(&mut self, count: usize, now: Instant) -> Vec<Step> {
        self.last_progress = now;
        self.storing = self.storing.saturating_sub(count);
        self.exchange()
    }

    /// Takes envelopes read from our store, packed into frames, and offers them.
    /// `later` did not fit and is read again in its turn.
    pub fn on_envelopes(
        &mut self,
        frames: Vec<Vec<ByteBuf>>,
        later: Vec<EnvelopeHash>,
        now: Instant,
    ) -> Vec<Step> {
        self.last_progress = now;
        self.have.extend(later);
        self.reading = false;
        let mut steps = Vec::new();
        for envelopes in frames {
            self.tally.sent += envelopes.len() as u64;
            let request = self.request();
            self.offers.insert(request);
            steps.push(Step::Send(LinkFrame::Offer { request, envelopes }));
        }
        steps.extend(self.exchange());
        steps
    }

    /// The neighbour has stored one of our offers.
    ///
    /// # Errors
    /// When nothing was offered under that number.
    pub fn on_taken(&mut self, request: u32, now: Instant) -> Result<Vec<Step>, ReconcileError> {
        if !self.offers.remove(&request) {
            return Err(ReconcileError::OutOfTurn);
        }
        self.last_progress = now;
        Ok(self.exchange())
    }

    /// Asks for more, offers more, moves to the next half, or finishes.
    fn exchange(&mut self) -> Vec<Step> {
        if self.compare.is_some() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        while !self.need.is_empty() && self.wants.len() < MAX_WANTS && self.storing < MAX_STORING {
            let rest = self.need.len().saturating_sub(WANT_BATCH);
            let hashes = self.need.split_off(rest);
            let request = self.request();
            let missing = hashes.iter().copied().collect();
            let answered = false;
            self.wants.insert(request, Want { missing, answered });
            steps.push(Step::Send(LinkFrame::Want {
                request,
                hashes: hashes
                    .iter()
                    .map(|hash| ByteBuf::from(hash.as_bytes().to_vec()))
                    .collect(),
            }));
        }
        if !self.have.is_empty() && !self.reading && self.offers.is_empty() {
            let rest = self.have.len().saturating_sub(OFFER_BATCH);
            self.reading = true;
            steps.push(Step::ReadEnvelopes(self.have.split_off(rest)));
        }
        let idle = self.need.is_empty()
            && self.have.is_empty()
            && self.wants.is_empty()
            && self.offers.is_empty()
            && !self.reading
            && self.storing == 0;
        if idle {
            steps.push(self.next_half());
        }
        steps
    }

    fn next_half(&mut self) -> Step {
        match self.partition {
            Partition::Membership => {
                self.partition = Partition::Application;
                Step::ReadSummary(Partition::Application)
            }
            Partition::Application => Step::Finished,
        }
    }

    fn compare_frame(&mut self, message: Vec<u8>) -> Step {
        self.rounds += 1;
        self.tally.rounds += 1;
        self.tally.compare_bytes += message.len() as u64;
        Step::Send(LinkFrame::Compare {
            session: self.id,
            partition: self.partition.into(),
            message: ByteBuf::from(message),
        })
    }

    fn request(&mut self) -> u32 {
        self.next_request = self.next_request.wrapping_add(1);
        self.next_request
    }
}

/// The responder's turn: what our set looks like in answer to `message`.
///
/// # Errors
/// When the message is none.
pub fn respond(summary: Summary, message: &[u8]) -> Result<Vec<u8>, ReconcileError> {
    Negentropy::owned(summary, RECONCILE_MESSAGE_BYTES)
        .and_then(|mut responder| responder.reconcile(message))
        .map_err(|error| ReconcileError::Message(error.to_string()))
}

fn take_up(list: &mut Vec<EnvelopeHash>, ids: Vec<Id>) {
    let mut hashes: Vec<EnvelopeHash> = ids
        .into_iter()
        .map(|id| EnvelopeHash::from_bytes(id.to_bytes()))
        .collect();
    // They come out of a hash table; runs of the same seed have to be equal.
    hashes.sort_unstable();
    hashes.truncate(MAX_DIFFERENCES.saturating_sub(list.len()));
    list.append(&mut hashes);
}

#[cfg(test)]
mod tests {
    use peerage_records::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "only an origin; no result depends on it"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    fn hash(number: u16) -> EnvelopeHash {
        EnvelopeHash::of(&number.to_be_bytes())
    }

    fn summary(numbers: &BTreeSet<u16>) -> Summary {
        let mut summary = Summary::new();
        for number in numbers {
            summary.insert(
                Timestamp::from_millis(u64::from(*number / 3)),
                &hash(*number),
            );
        }
        summary
    }

    /// Answers a session as an honest neighbour and an honest store would, and says what moved.
    fn run(
        mine: &BTreeSet<u16>,
        theirs: &BTreeSet<u16>,
        portion: usize,
    ) -> (BTreeSet<EnvelopeHash>, BTreeSet<EnvelopeHash>, Tally) {
        let now = origin();
        let (mut session, first) = Session::begin(1, now);
        let (mut received, mut sent) = (BTreeSet::new(), BTreeSet::new());
        let mut steps = vec![first];
        let mut half = Partition::Membership;
        // The membership halves are equal here; what differs is in the other half.
        let of = |half, set: &BTreeSet<u16>| match half {
            Partition::Membership => Summary::new(),
            Partition::Application => summary(set),
        };
        while let Some(step) = steps.pop() {
            let more = match step {
                Step::ReadSummary(partition) => {
                    half = partition;
                    session.on_summary(of(half, mine), now).unwrap()
                }
                Step::Send(LinkFrame::Compare { message, .. }) => {
                    let answer = respond(of(half, theirs), &message).unwrap();
                    session.on_compared(&answer, now).unwrap()
                }
                Step::Send(LinkFrame::Want { request, hashes }) => {
                    let hashes = crate::wire::link::hashes(&hashes).unwrap();
                    let answer = &hashes[..hashes.len().min(portion)];
                    received.extend(answer.iter().copied());
                    session.on_storing(answer.len());
                    let mut more = session.on_records(request, answer, true, now).unwrap();
                    more.extend(session.on_stored(answer.len(), now));
                    more
                }
                Step::ReadEnvelopes(hashes) => {
                    let (first, later) = hashes.split_at(hashes.len().min(portion));
                    sent.extend(first.iter().copied());
                    let frame = first.iter().map(|_| ByteBuf::new()).collect();
                    session.on_envelopes(vec![frame], later.to_vec(), now)
                }
                Step::Send(LinkFrame::Offer { request, .. }) => {
                    session.on_taken(request, now).unwrap()
                }
                Step::Finished => {
                    assert!(steps.is_empty(), "the end is the end");
                    return (received, sent, session.tally());
                }
                Step::Send(other) => panic!("{other:?}"),
            };
            steps.extend(more);
        }
        panic!("the session hangs");
    }

    proptest! {
        #[test]
        fn exactly_the_difference_moves(
            mine in proptest::collection::btree_set(0u16..2_000, 0..600),
            theirs in proptest::collection::btree_set(0u16..2_000, 0..600),
            portion in 1usize..300,
        ) {
            let (received, sent, tally) = run(&mine, &theirs, portion);
            let lacking: BTreeSet<_> = theirs.difference(&mine).map(|n| hash(*n)).collect();
            let extra: BTreeSet<_> = mine.difference(&theirs).map(|n| hash(*n)).collect();
            prop_assert_eq!(tally.received, lacking.len() as u64);
            prop_assert_eq!(tally.sent, extra.len() as u64);
            prop_assert_eq!(received, lacking);
            prop_assert_eq!(sent, extra);
        }
    }

    /// A session that waits for the records it asked for.
    fn waiting() -> (Session, u32, Vec<EnvelopeHash>, Instant) {
        let now = origin();
        let theirs: BTreeSet<u16> = (0..10).collect();
        let (mut session, _) = Session::begin(1, now);
        for half in [Summary::new(), summary(&theirs)] {
            let steps = session.on_summary(Summary::new(), now).unwrap();
            let [Step::Send(LinkFrame::Compare { message, .. })] = &steps[..] else {
                panic!("{steps:?}");
            };
            let answer = respond(half, message).unwrap();
            for step in session.on_compared(&answer, now).unwrap() {
                if let Step::Send(LinkFrame::Want { request, hashes }) = step {
                    let hashes = crate::wire::link::hashes(&hashes).unwrap();
                    return (session, request, hashes, now);
                }
            }
        }
        panic!("ten records are wanted");
    }

    #[test]
    fn answers_that_do_not_fit_the_question_are_refused() {
        let (mut session, request, hashes, now) = waiting();
        let refused = session.on_records(request + 1, &hashes, true, now);
        assert!(matches!(refused, Err(ReconcileError::OutOfTurn)));
        let refused = session.on_records(request, &[hash(500)], false, now);
        assert!(
            matches!(refused, Err(ReconcileError::BadAnswer)),
            "not asked for"
        );
        let refused = session.on_records(request, &[], false, now);
        assert!(
            matches!(refused, Err(ReconcileError::BadAnswer)),
            "more, but nothing"
        );
        session
            .on_records(request, &hashes[..1], false, now)
            .unwrap();
        let refused = session.on_records(request, &hashes[..1], false, now);
        assert!(matches!(refused, Err(ReconcileError::BadAnswer)), "twice");
        let refused = session.on_taken(9, now);
        assert!(matches!(refused, Err(ReconcileError::OutOfTurn)));
        let refused = session.on_compared(&[0x61], now);
        assert!(matches!(refused, Err(ReconcileError::OutOfTurn)));
    }

    #[test]
    fn who_has_nothing_left_of_what_it_showed_ends_the_session() {
        let (mut session, request, _, now) = waiting();
        let steps = session.on_records(request, &[], true, now).unwrap();
        assert!(matches!(steps[..], [Step::Finished]), "{steps:?}");
    }

    #[test]
    fn a_session_ends_only_when_what_it_received_is_durable() {
        let (mut session, request, hashes, now) = waiting();
        session.on_storing(hashes.len());
        assert!(
            session
                .on_records(request, &hashes, true, now)
                .unwrap()
                .is_empty()
        );
        assert!(session.on_stored(hashes.len() - 1, now).is_empty());
        let steps = session.on_stored(1, now);
        assert!(matches!(steps[..], [Step::Finished]), "{steps:?}");
    }

    #[test]
    fn a_little_progress_now_and_then_does_not_keep_a_session_alive_for_ever() {
        let (mut session, request, hashes, begun) = waiting();
        assert_eq!(session.deadline(), begun + STALL_TIMEOUT);
        let mut now = begun;
        for hash in &hashes[..5] {
            now += STALL_TIMEOUT - Duration::from_secs(1);
            session.on_records(request, &[*hash], false, now).unwrap();
            assert!(session.deadline() > now);
        }
        let late = begun + MAX_SESSION - Duration::from_secs(1);
        session
            .on_records(request, &hashes[5..6], false, late)
            .unwrap();
        assert_eq!(session.deadline(), begun + MAX_SESSION);
    }

    proptest! {
        #[test]
        fn no_message_makes_a_responder_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = respond(summary(&(0..100).collect()), &bytes);
            let mut version = vec![0x61];
            version.extend(bytes);
            let _ = respond(summary(&(0..100).collect()), &version);
        }
    }
}
