//! One order for all, whoever reads how fast.

use std::task::Waker;

use peerage_records::{
    id::{EnvelopeHash, RecordId, RecordType},
    store::{self, ChangeKind},
};
use proptest::prelude::*;

use super::*;
use crate::model::EventKind;

fn feed() -> Arc<Feed> {
    let origin = Origin {
        newest: 0,
        at: Timestamp::from_millis(0),
    };
    Arc::new(Feed::new("chess".into(), origin))
}

fn change(sequence: u64, name: &str) -> Change {
    Change {
        sequence,
        kind: ChangeKind::Added,
        id: RecordId::from_bytes([1; 16]),
        record_type: RecordType::from_name(name),
        hash: EnvelopeHash::from_bytes([2; 32]),
        origin: store::Origin::Local,
        at: Timestamp::from_millis(sequence),
    }
}

fn moment(feed: &Feed, kind: EventKind) {
    feed.moment(GroupEvent::of(kind), Timestamp::from_millis(1_000));
}

/// What a reader does, with a store in which change `n` is of the type it was appended with.
struct Reader {
    listening: Listening,
    filter: EventFilter,
    queue: VecDeque<Entry>,
    heard: Vec<Position>,
    missed: u64,
}

impl Reader {
    fn new(feed: &Arc<Feed>, filter: EventFilter, after: Option<Position>) -> Self {
        let (listening, place) = feed.listen(filter.clone(), after);
        assert_eq!(place, Place::There);
        Self {
            listening,
            filter,
            queue: VecDeque::new(),
            heard: Vec::new(),
            missed: 0,
        }
    }

    /// Asks once; whether there may be more.
    fn read(&mut self, store: &[Change]) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let heard = self.listening.poll(&mut self.queue, &mut cx);
        self.heard
            .extend(self.queue.drain(..).map(|entry| entry.position()));
        match heard {
            Poll::Pending => return false,
            Poll::Ready(Heard::Some) => {}
            Poll::Ready(Heard::Behind(after, upto)) => {
                let kept = store.iter().filter(|change| {
                    change.sequence > after.sequence && change.sequence <= upto.sequence
                });
                let wanted = kept.filter(|change| self.filter.wants_change(change));
                let positions = wanted.map(|change| Position::of(change.sequence));
                self.heard.extend(positions);
                if let Some((missed, _)) = self.listening.caught_up(upto) {
                    self.missed += missed;
                }
            }
        }
        true
    }

    fn read_all(&mut self, store: &[Change]) {
        while self.read(store) {}
    }
}

#[test]
fn what_happens_between_two_record_events_is_numbered_between_them() {
    let feed = feed();
    let mut reader = Reader::new(&feed, EventFilter::all(), None);
    feed.change(&change(1, "note"));
    moment(&feed, EventKind::StatusChanged);
    moment(&feed, EventKind::Synchronised);
    feed.change(&change(2, "note"));
    reader.read_all(&[]);
    let minor = |minor| Position { sequence: 1, minor };
    assert_eq!(
        reader.heard,
        [Position::of(1), minor(999), minor(1_000), Position::of(2)]
    );
    // The clock does not matter to the order.
    feed.moment(
        GroupEvent::of(EventKind::Synchronised),
        Timestamp::from_millis(0),
    );
    assert_eq!(
        feed.last(),
        Position {
            sequence: 2,
            minor: 1
        }
    );
}

#[test]
fn a_listener_begins_after_any_position() {
    let feed = feed();
    let store: Vec<Change> = (1..=3).map(|sequence| change(sequence, "note")).collect();
    for change in &store {
        feed.change(change);
        moment(&feed, EventKind::Synchronised);
    }
    let mut whole = Reader::new(&feed, EventFilter::all(), Some(Position::START));
    whole.read_all(&store);
    assert_eq!(whole.heard.len(), 6);
    for (index, position) in whole.heard.iter().enumerate() {
        let mut rest = Reader::new(&feed, EventFilter::all(), Some(*position));
        rest.read_all(&store);
        assert_eq!(rest.heard, whole.heard[index + 1..]);
    }
    let (_, place) = feed.listen(EventFilter::all(), Some(Position::of(9)));
    assert_eq!(place, Place::Elsewhere(feed.last()));
}

#[test]
fn what_nobody_registered_for_wakes_nobody() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let feed = feed();
    let notes = EventFilter::all().record_type(RecordType::from_name("note"));
    let (listening, _) = feed.listen(notes.kinds([EventKind::RecordAdded]), None);
    let woken = Arc::new(Count(0.into()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut queue = VecDeque::new();
    let mut poll = || listening.poll(&mut queue, &mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    for sequence in 1..=2 * MAX_RECENT as u64 {
        feed.change(&change(sequence, "other"));
        moment(&feed, EventKind::Synchronised);
    }
    assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert!(poll().is_pending(), "nor is it behind");
    feed.change(&change(2 * MAX_RECENT as u64 + 1, "note"));
    assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(matches!(poll(), Poll::Ready(Heard::Some)));
}

#[test]
fn changes_that_were_not_told_are_read_from_the_store() {
    let feed = feed();
    let store: Vec<Change> = (1..=9).map(|sequence| change(sequence, "note")).collect();
    let mut reader = Reader::new(&feed, EventFilter::all(), None);
    for told in [1, 2, 6, 4, 6, 7] {
        feed.change(&store[told - 1]);
    }
    reader.read_all(&store);
    assert_eq!(reader.heard, (1..=7).map(Position::of).collect::<Vec<_>>());
}

#[test]
fn a_listener_that_stalls_costs_no_memory_and_is_told_what_it_missed() {
    let feed = feed();
    let mut stalled = Reader::new(&feed, EventFilter::all(), None);
    let mut quick = Reader::new(&feed, EventFilter::all(), None);
    let status = EventFilter::all().kinds([EventKind::StatusChanged]);
    let mut picky = Reader::new(&feed, status, None);
    let rounds = 5 * MAX_RECENT as u64;
    let mut kept = Vec::new();
    for sequence in 1..=rounds {
        kept.push(change(sequence, "note"));
        feed.change(&kept[kept.len() - 1]);
        moment(&feed, EventKind::Synchronised);
        quick.read_all(&kept);
    }
    assert_eq!((quick.heard.len() as u64, quick.missed), (2 * rounds, 0));
    assert!(quick.heard.is_sorted());
    assert_eq!(feed.lock().recent.len(), MAX_RECENT);
    stalled.read_all(&kept);
    assert!(stalled.heard.is_sorted());
    let records = stalled.heard.iter().filter(|position| position.minor == 0);
    assert_eq!(records.count() as u64, rounds, "no record event is lost");
    assert_eq!(stalled.heard.len() as u64 + stalled.missed, 2 * rounds);
    picky.read_all(&kept);
    assert_eq!(
        (picky.heard.len(), picky.missed),
        (0, 0),
        "nothing it wants"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Change(bool),
    Moment,
    Burst(u16),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Change),
        3 => Just(Step::Moment),
        1 => (1..1_500u16).prop_map(Step::Burst),
        4 => (0..3usize).prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever reads when: everybody hears a part of one order, every record event that it wants
    /// exactly once, and of the others each one or that it was missed.
    #[test]
    fn everybody_hears_one_order(steps in prop::collection::vec(step(), 1..60)) {
        let feed = feed();
        let notes = EventFilter::all().record_type(RecordType::from_name("note"));
        let changes = EventFilter::all().kinds(EventKind::matching("record_*").unwrap());
        let filters = [EventFilter::all(), notes, changes];
        let mut readers = filters.map(|filter| Reader::new(&feed, filter, None));
        let (mut kept, mut order): (Vec<Change>, Vec<Position>) = (Vec::new(), Vec::new());
        for step in steps {
            let times = match &step {
                Step::Burst(times) => *times,
                _ => 1,
            };
            for _ in 0..times {
                match &step {
                    Step::Read(reader) => {
                        readers[*reader].read(&kept);
                        continue;
                    }
                    Step::Moment => moment(&feed, EventKind::Synchronised),
                    Step::Change(_) | Step::Burst(_) => {
                        let name = if matches!(step, Step::Change(true)) { "note" } else { "else" };
                        kept.push(change(kept.len() as u64 + 1, name));
                        feed.change(&kept[kept.len() - 1]);
                    }
                }
                order.push(feed.last());
            }
        }
        prop_assert!(order.windows(2).all(|two| two[0] < two[1]));
        for reader in &mut readers {
            reader.read_all(&kept);
            prop_assert!(reader.heard.windows(2).all(|two| two[0] < two[1]));
            let is_wanted = |position: &&Position| match position.minor {
                0 => reader.filter.wants_change(&kept[position.sequence as usize - 1]),
                _ => reader.filter.wants(EventKind::Synchronised),
            };
            let wanted: Vec<Position> = order.iter().filter(is_wanted).copied().collect();
            let lost: Vec<_> = wanted.iter().filter(|one| !reader.heard.contains(one)).collect();
            prop_assert!(lost.iter().all(|position| position.minor > 0));
            prop_assert_eq!(lost.len() as u64, reader.missed);
            prop_assert_eq!(reader.heard.len() + lost.len(), wanted.len());
        }
    }
}
