//! Complete nodes on 127.0.0.1, as an application embeds them, and waiting for what they do.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use peerage::{
    Error, EventStream, GroupHandle, InviteOptions, NewGroup, NewIdentity, Node, Settings,
    clock::Clock,
    model::{EventKind, GroupEvent, RecordInfo},
};
use peerage_protocol::invitation::Invitation;
use peerage_records::{
    id::{RecordId, RecordType},
    record::RecordDraft,
    store::{Partition, RecordQuery},
};
use tempfile::TempDir;

/// Every wait ends by then: far longer than anything takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How long most records of these tests live.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// A place for a node, running or not.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) clock: Clock,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_clock(&Clock::system())
    }

    /// A place whose node goes by this clock.
    pub(crate) fn with_clock(clock: &Clock) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: clock.clone(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::in_folder(self.folder.path().join("data"));
        settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        settings
    }

    pub(crate) async fn start(&self) -> Node {
        self.try_start(self.settings()).await.unwrap()
    }

    pub(crate) async fn try_start(&self, settings: Settings) -> Result<Node, Error> {
        let builder = Node::builder(settings).clock(self.clock.clone());
        builder.start().await
    }
}

/// A running node and where it lives.
pub(crate) struct Home {
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// A process that ends while a store is being closed ends badly.
impl Drop for Home {
    fn drop(&mut self) {
        let node = self.node.clone();
        tokio::task::block_in_place(|| {
            let _ = tokio::runtime::Handle::current().block_on(node.shutdown());
        });
    }
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::with_clock(&Clock::system()).await
    }

    pub(crate) async fn with_clock(clock: &Clock) -> Self {
        let place = Place::with_clock(clock);
        let node = place.start().await;
        Self { place, node }
    }

    pub(crate) async fn restart(&mut self) {
        self.node.shutdown().await.unwrap();
        self.node = self.place.start().await;
    }

    /// Creates a group, offline as yet.
    pub(crate) async fn create(&self, name: &str) -> GroupHandle {
        self.node.card(None).await.unwrap();
        let new = NewGroup {
            friendly_name: Some(name.to_owned()),
            ..NewGroup::default()
        };
        self.node.create_group(new).await.unwrap()
    }

    /// Creates a group and goes online with it.
    pub(crate) async fn host(&self, name: &str) -> GroupHandle {
        let group = self.create(name).await;
        group.connect().await.unwrap();
        group
    }

    /// An invitation for this node's default identity.
    pub(crate) async fn invitation(&self, from: &GroupHandle) -> Invitation {
        let card = self.node.card(None).await.unwrap();
        from.invite(&card, InviteOptions::default()).await.unwrap()
    }

    /// Is invited and joins, offline as yet.
    pub(crate) async fn join(&self, from: &GroupHandle) -> GroupHandle {
        let invitation = self.invitation(from).await;
        self.node.join(invitation, None).await.unwrap()
    }

    /// Is invited, joins and goes online.
    pub(crate) async fn enter(&self, from: &GroupHandle) -> GroupHandle {
        let group = self.join(from).await;
        group.connect().await.unwrap();
        group
    }

    pub(crate) async fn another_identity(&self, name: &str) -> String {
        let new = NewIdentity {
            classifier: None,
            friendly_name: Some(name.to_owned()),
        };
        self.node.create_identity(new).await.unwrap().name
    }
}

/// A member's node, its place and its handle on the group.
pub(crate) struct Member {
    pub(crate) home: Home,
    pub(crate) group: GroupHandle,
}

/// A group of `count` members, all online and each with a neighbour; the creator comes first.
pub(crate) async fn gathering(count: usize, clock: &Clock) -> Vec<Member> {
    let home = Home::with_clock(clock).await;
    let group = home.host("Chess").await;
    let mut members = vec![Member { home, group }];
    for _ in 1..count {
        let home = Home::with_clock(clock).await;
        let group = home.enter(&members[0].group).await;
        members.push(Member { home, group });
    }
    for member in &members {
        linked(&member.group, 1).await;
        ready(&member.group).await;
    }
    members
}

/// Waits until a probe answers.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(PROBE_INTERVAL).await;
    }
}

/// Waits until the group has so many neighbours.
pub(crate) async fn linked(group: &GroupHandle, least: usize) {
    eventually("neighbours", async || {
        (group.info().await.unwrap().neighbours >= least).then_some(())
    })
    .await;
}

/// Waits until the group has no neighbour.
pub(crate) async fn alone(group: &GroupHandle) {
    eventually("being alone", async || {
        (group.info().await.unwrap().neighbours == 0).then_some(())
    })
    .await;
}

/// Waits until the replica has been brought up to date.
pub(crate) async fn ready(group: &GroupHandle) {
    eventually("synchronisation", async || {
        group.info().await.unwrap().synchronised.then_some(())
    })
    .await;
}

/// Waits until all hold the same.
pub(crate) async fn converged<'a>(groups: impl IntoIterator<Item = &'a GroupHandle>) -> String {
    let groups: Vec<&GroupHandle> = groups.into_iter().collect();
    eventually("one state everywhere", async || {
        let first = groups[0].fingerprint().await.unwrap();
        for group in &groups[1..] {
            if group.fingerprint().await.unwrap() != first {
                return None;
            }
        }
        Some(first)
    })
    .await
}

/// A draft of a note that lives for a while.
pub(crate) fn note(clock: &Clock, text: &str, lives: Duration) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name("note"),
        expires: clock.timestamp() + lives,
        attributes: Vec::new(),
        payload: text.as_bytes().to_vec(),
    }
}

/// Publishes a note that lives for a day.
pub(crate) async fn publish(group: &GroupHandle, text: &str) -> RecordId {
    id_of(
        &group
            .publish(note(&Clock::system(), text, DAY))
            .await
            .unwrap(),
    )
}

pub(crate) fn id_of(info: &RecordInfo) -> RecordId {
    info.id.parse().unwrap()
}

/// Waits until the group holds the record with this text.
pub(crate) async fn holds(group: &GroupHandle, id: RecordId, text: &str) -> RecordInfo {
    eventually(&format!("the record {text:?}"), async || {
        let info = group.get(id).await.ok()?;
        (info.payload_text.as_deref() == Some(text)).then_some(info)
    })
    .await
}

/// Waits until the group holds the record no longer.
pub(crate) async fn lacks(group: &GroupHandle, id: RecordId) {
    eventually("the end of the record", async || {
        let error = group.get(id).await.err()?;
        assert_eq!(error.code(), "record_not_found");
        Some(())
    })
    .await;
}

/// The texts of all notes, sorted.
pub(crate) async fn texts(group: &GroupHandle) -> Vec<String> {
    let query = RecordQuery {
        kind: Some(RecordType::from_name("note")),
        partition: Partition::Application,
        after: None,
        limit: 10_000,
    };
    let mut texts: Vec<String> = group
        .list(query)
        .await
        .unwrap()
        .into_iter()
        .map(|info| info.payload_text.unwrap())
        .collect();
    texts.sort();
    texts
}

/// Reads a stream until an event fits.
pub(crate) async fn told(
    stream: &mut EventStream,
    what: &str,
    fits: impl Fn(&GroupEvent) -> bool,
) -> GroupEvent {
    let wait = async {
        loop {
            let event = stream.next().await.expect("the stream goes on").unwrap();
            if fits(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("not told in time: {what}"))
}

/// Reads a stream until an event of this kind about this record.
pub(crate) async fn told_of(stream: &mut EventStream, kind: EventKind, id: RecordId) -> GroupEvent {
    told(stream, kind.as_str(), |event| {
        event.kind == kind && event.record.as_deref() == Some(id.to_string().as_str())
    })
    .await
}

/// Whatever a stream has to tell at once.
pub(crate) fn pending(stream: &mut EventStream) -> Vec<GroupEvent> {
    let mut events = Vec::new();
    while let Some(Some(event)) = stream.next().now_or_never() {
        events.push(event.unwrap());
    }
    events
}

/// The code of the error that must come.
pub(crate) fn code<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error.code(),
    }
}
