//! The object model: identities, groups and their properties as objects, with the life they had in the
//! managed wrapper.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use futures::{StreamExt, future::join_all};
use nodes::{DAY, DEADLINE, code, eventually, note};
use peerage::{
    DirectInterest, DirectTarget, Error, InviteOptions, NewGroup, NewIdentity, Node, Settings,
    clock::Clock,
    model::{EventKind, GroupStatus},
    objects::{
        PeerGroup, PeerGroupEvent, PeerGroupEvents, PeerGroupFactory, PeerGroupFlags,
        PeerGroupService, PeerIdentity,
    },
};
use peerage_protocol::wire::direct::MessageType;
use tempfile::TempDir;

fn settings(folder: &TempDir) -> Settings {
    let mut settings = Settings::in_folder(folder.path().join("data"));
    settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    settings
}

/// Somebody with a folder, and so with a node, of their own.
struct Person {
    _folder: TempDir,
    identity: PeerIdentity,
}

impl Person {
    async fn new(friendly_name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = PeerGroupService::of(settings(&folder));
        let new = NewIdentity {
            friendly_name: Some(friendly_name.to_owned()),
            ..NewIdentity::default()
        };
        let identity = PeerIdentity::create(&service, new).await.unwrap();
        Self {
            _folder: folder,
            identity,
        }
    }

    async fn create(&self, friendly_name: &str) -> PeerGroup {
        let new = NewGroup {
            friendly_name: Some(friendly_name.to_owned()),
            ..NewGroup::default()
        };
        let name = PeerGroup::create(&self.identity, new).await.unwrap();
        self.identity.groups().get(&name).await.unwrap()
    }

    async fn status(&self, group: &PeerGroup) -> GroupStatus {
        let node = self.identity.service().node().await.unwrap();
        let info = node
            .group_info(group.group_name(), Some(group.owner()))
            .await;
        info.unwrap().status
    }

    async fn end(self) {
        self.identity.service().shutdown().await.unwrap();
    }
}

/// An application's own kind of group.
struct Game {
    group: PeerGroup,
    moves: Vec<String>,
}

struct Games;

impl PeerGroupFactory for Games {
    type Group = Game;

    fn create(&self, group: PeerGroup) -> Game {
        let moves = vec![format!("{} begins", group.owner())];
        Game { group, moves }
    }
}

/// Reads until an event fits.
async fn told(
    events: &mut PeerGroupEvents,
    what: &str,
    fits: impl Fn(&PeerGroupEvent) -> bool,
) -> PeerGroupEvent {
    let wait = async {
        loop {
            let event = events.next().await.expect("the events go on").unwrap();
            if fits(&event) {
                return event;
            }
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.unwrap_or_else(|_| panic!("not told in time: {what}"))
}

/// Reads the rest, which has an end.
async fn rest(mut events: PeerGroupEvents) {
    let rest = async { while events.next().await.is_some() {} };
    tokio::time::timeout(DEADLINE, rest).await.unwrap();
}

/// The code, and what the original called it.
fn names<T>(result: Result<T, Error>) -> (&'static str, &'static str) {
    let Err(error) = result else {
        panic!("it succeeded");
    };
    (error.code(), error.original().unwrap().name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_starts_the_infrastructure_once_and_the_last_object_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let service = PeerGroupService::of(settings.clone());
    assert!(!settings.data_dir.exists(), "nobody has needed it yet");

    let first_uses = (0..8).map(|_| {
        let service = PeerGroupService::of(settings.clone());
        tokio::spawn(async move {
            let identities = PeerIdentity::all(&service).await.unwrap();
            assert!(identities.is_empty());
            service.node().await.unwrap().status().await.unwrap().listen
        })
    });
    let ports: BTreeSet<_> = join_all(first_uses)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(ports.len(), 1, "each start takes another port: {ports:?}");

    let ada = PeerIdentity::create(&service, NewIdentity::default())
        .await
        .unwrap();
    drop(service);
    assert!(ada.groups().list().await.unwrap().is_empty());
    let another = Node::builder(settings.clone()).start().await;
    assert_eq!(code(another), "folder_in_use", "an object is left");

    // Whoever comes right after the last object waits until the folder is free.
    drop(ada);
    let service = PeerGroupService::of(settings.clone());
    assert_eq!(PeerIdentity::all(&service).await.unwrap().len(), 1);
    drop(service);
    let node = eventually("a free folder", async || {
        Node::builder(settings.clone()).start().await.ok()
    })
    .await;
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_closed_and_is_opened_closed_and_deleted_as_an_object() {
    let ada = Person::new("Ada").await;
    let new = NewGroup {
        classifier: Some("chess".to_owned()),
        // The creator is whose object it is.
        identity: Some("somebody else".to_owned()),
        ..NewGroup::default()
    };
    let name = PeerGroup::create(&ada.identity, new).await.unwrap();

    // A collection yields the type of its factory.
    let identity = ada.identity.clone().with_factory(Games);
    let mut games: Vec<Game> = identity.groups().list().await.unwrap();
    let Game { mut group, moves } = games.pop().unwrap();
    assert!(games.is_empty() && moves[0].ends_with("begins"));
    assert_eq!(group.group_name(), name);
    assert_eq!(group.owner(), ada.identity.peer_name());
    assert!(!group.is_open());
    assert_eq!(ada.status(&group).await, GroupStatus::Offline);
    assert_eq!(names(group.handle()).1, "PEER_E_INVALID_GROUP");
    let properties = group.properties().await.unwrap();
    assert_eq!(properties.classifier, "chess");
    assert_eq!(
        properties.creator.as_deref(),
        Some(ada.identity.peer_name())
    );
    assert_eq!(properties.cloud, "Global_");
    let four_weeks = Duration::from_secs(2_419_200);
    assert_eq!(properties.member_data_lifetime, Some(four_weeks));
    assert_eq!(properties.presence_lifetime, Duration::from_secs(300));

    // The first status comes by connecting, and is not missed however late it is read.
    let is_status = |event: &PeerGroupEvent| matches!(event, PeerGroupEvent::StatusChanged(_));
    let mut events = group.open().await.unwrap();
    assert!(group.is_open());
    told(&mut events, "the first status", is_status).await;
    assert_eq!(ada.status(&group).await, GroupStatus::Listening);

    // Opening an open one closes it first.
    let first = group.handle().unwrap().clone();
    let mut again = group.open().await.unwrap();
    rest(events).await;
    assert_eq!(names(first.info().await).0, "group_gone");
    told(&mut again, "the status of the second opening", is_status).await;
    assert_eq!(ada.status(&group).await, GroupStatus::Listening);

    group.close().await.unwrap();
    rest(again).await;
    assert!(!group.is_open());
    assert_eq!(ada.status(&group).await, GroupStatus::Offline);
    group.close().await.unwrap();

    // Two objects have it open until the second is gone, and be it by being dropped.
    let _events = group.open().await.unwrap();
    let mut other = ada.identity.groups().get(&name).await.unwrap();
    let _others = other.open().await.unwrap();
    group.close().await.unwrap();
    assert_eq!(ada.status(&group).await, GroupStatus::Listening);
    drop(other);
    eventually("the end of the last one", async || {
        (ada.status(&group).await == GroupStatus::Offline).then_some(())
    })
    .await;

    // Deleting an open one closes it first.
    let events = group.open().await.unwrap();
    let second = group.handle().unwrap().clone();
    group.delete().await.unwrap();
    rest(events).await;
    assert!(!group.is_open());
    assert_eq!(names(second.info().await).0, "group_gone");
    assert!(ada.identity.groups().list().await.unwrap().is_empty());
    assert_eq!(names(group.delete().await).0, "group_not_found");
    ada.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_told_of_everything_and_what_fails_has_its_code() {
    let (ada, ben) = (Person::new("Ada").await, Person::new("Ben").await);
    let mut chess = ada.create("Chess").await;
    let mut adas = chess.open().await.unwrap();
    let card = ben.identity.card().await.unwrap();
    let invite = chess
        .handle()
        .unwrap()
        .invite(&card, InviteOptions::default());
    let invitation = invite.await.unwrap();
    let mut bens_chess = ben
        .identity
        .groups()
        .join(invitation.clone())
        .await
        .unwrap();
    assert!(!bens_chess.is_open());
    let listening = bens_chess.open_listening(DirectInterest::messages());
    let mut bens = listening.await.unwrap();

    told(&mut adas, "a status", |event| {
        matches!(event, PeerGroupEvent::StatusChanged(_))
    })
    .await;
    told(&mut adas, "a connection", |event| {
        matches!(event, PeerGroupEvent::ConnectionChanged(_))
    })
    .await;
    told(&mut adas, "a member", |event| {
        matches!(event, PeerGroupEvent::MemberChanged(_))
    })
    .await;
    eventually("Ben's synchronisation", async || {
        bens_chess.properties().await.ok().map(drop)
    })
    .await;

    // What the creator sets is everywhere without another call.
    chess.set_comment("Thursdays at eight").await.unwrap();
    chess.set_friendly_name("Chess club").await.unwrap();
    eventually("the new properties", async || {
        let properties = bens_chess.properties().await.unwrap();
        let now = (
            properties.comment.as_str(),
            properties.friendly_name.as_str(),
        );
        (now == ("Thursdays at eight", "Chess club")).then_some(())
    })
    .await;
    told(&mut bens, "changed properties", |event| {
        matches!(event, PeerGroupEvent::PropertyChanged(_))
    })
    .await;
    let draft = note(&Clock::system(), "e2 e4", DAY);
    chess.handle().unwrap().publish(draft).await.unwrap();
    told(&mut bens, "a record", |event| {
        matches!(event, PeerGroupEvent::RecordChanged(_))
    })
    .await;

    // Private data comes to who listens for it, and to nobody else.
    let handle = chess.handle().unwrap();
    let to = DirectTarget::to(ben.identity.peer_name());
    let id = handle.open_direct(to).await.unwrap();
    handle.direct_connected(id).await.unwrap();
    told(&mut bens, "a direct connection", |event| {
        matches!(event, PeerGroupEvent::ConnectionChanged(event)
            if event.kind == EventKind::DirectConnected)
    })
    .await;
    let kind = MessageType::from_name("move");
    handle.send_direct(id, kind, &b"e7 e5"[..]).await.unwrap();
    let data = told(&mut bens, "private data", |event| {
        matches!(event, PeerGroupEvent::IncomingData(_))
    });
    let PeerGroupEvent::IncomingData(message) = data.await else {
        unreachable!("it was looked for");
    };
    assert_eq!((message.kind, &message.data[..]), (kind, &b"e7 e5"[..]));
    assert_eq!(&*message.from, ada.identity.peer_name());
    let handle = bens_chess.handle().unwrap();
    let to = DirectTarget::to(ada.identity.peer_name());
    let id = handle.open_direct(to).await.unwrap();
    assert_eq!(code(handle.direct_connected(id).await), "direct_refused");

    // Nobody else sets anything, and what was tried is not shown either.
    let not_authorised = ("not_authorised", "PEER_E_NOT_AUTHORIZED");
    assert_eq!(names(bens_chess.set_comment("mine").await), not_authorised);
    assert_eq!(
        names(bens_chess.set_friendly_name("Mine").await),
        not_authorised
    );
    let refused = bens_chess.set_comment("mine").await.unwrap_err();
    assert_eq!(refused.original().unwrap().number, 0x8063_2020);
    let flags = PeerGroupFlags {
        disable_presence: true,
        ..PeerGroupFlags::default()
    };
    assert_eq!(names(bens_chess.set_flags(flags).await), not_authorised);
    assert_eq!(bens_chess.cached_properties().comment, "Thursdays at eight");

    // A closed one changes for itself alone, until it is opened again; the others see it go.
    chess.close().await.unwrap();
    let (parted, offline) = (Cell::new(false), Cell::new(false));
    told(&mut bens, "that Ada went", |event| {
        match event {
            PeerGroupEvent::ConnectionChanged(event)
                if event.kind == EventKind::NeighbourDisconnected =>
            {
                parted.set(true);
            }
            PeerGroupEvent::MemberChanged(event)
                if event.kind == EventKind::MemberDisconnected
                    && event.member.as_deref() == Some(ada.identity.peer_name()) =>
            {
                offline.set(true);
            }
            _ => {}
        }
        parted.get() && offline.get()
    })
    .await;
    chess.set_comment("Fridays").await.unwrap();
    assert_eq!(chess.properties().await.unwrap().comment, "Fridays");
    let mut other = ada.identity.groups().get(chess.group_name()).await.unwrap();
    assert_eq!(
        other.properties().await.unwrap().comment,
        "Thursdays at eight"
    );
    let _events = chess.open().await.unwrap();
    assert_eq!(
        chess.properties().await.unwrap().comment,
        "Thursdays at eight"
    );
    chess.set_flags(flags).await.unwrap();
    assert_eq!(chess.properties().await.unwrap().flags, flags);

    // Whatever fails says what the original would have said.
    let too_long = "x".repeat(256);
    assert_eq!(
        names(chess.set_comment(&too_long).await).1,
        "PEER_E_INVALID_GROUP_PROPERTIES"
    );
    assert_eq!(
        names(ben.identity.groups().join(invitation).await).1,
        "PEER_E_ALREADY_EXISTS"
    );
    assert_eq!(names(ben.identity.delete().await).1, "PEER_E_GROUPS_EXIST");
    assert_eq!(
        names(ben.identity.groups().get("0.nothing").await).1,
        "PEER_E_NOT_FOUND"
    );
    bens_chess.delete().await.unwrap();
    assert_eq!(names(bens_chess.open().await).1, "PEER_E_NOT_FOUND");
    ada.end().await;
    ben.end().await;
}
