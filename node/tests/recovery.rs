//! What goes wrong between two steps, or while nobody looks, and how a node gets over it: no
//! restart and no second invitation is needed, and errors say what is the matter.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::StreamExt;
use nodes::{DEADLINE, Home, Place, code, eventually, holds, publish, told};
use peerage::{
    EventStream, InviteOptions, NewGroup, NewIdentity, Node,
    clock::Clock,
    model::{EventKind, GroupStatus, Position},
};
use peerage_records::{
    id::ReplicaId,
    store::{
        Store,
        rocks::{RocksOptions, RocksStore},
    },
};
use zeroize::Zeroizing;

const TEN_DAYS: Duration = Duration::from_secs(10 * 24 * 60 * 60);

fn later() -> Clock {
    let clock = Clock::system();
    clock.advance(TEN_DAYS);
    clock
}

/// The one file with this extension below the folder of memberships.
fn membership_file(data: &Path, extension: &str) -> PathBuf {
    let folder = fs::read_dir(data.join("groups")).unwrap().next().unwrap();
    let files: Vec<PathBuf> = fs::read_dir(folder.unwrap().path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    assert_eq!(files.len(), 1);
    files[0].clone()
}

/// The replicas in the store of a node that is not running.
fn replicas(data: &Path) -> Vec<ReplicaId> {
    let store = RocksStore::open(data.join("store"), &RocksOptions::default()).unwrap();
    store.replicas().unwrap()
}

async fn ended(stream: &mut EventStream) {
    let end = async { while stream.next().await.is_some_and(|event| event.is_ok()) {} };
    tokio::time::timeout(DEADLINE, end)
        .await
        .expect("the stream ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_did_not_open_at_the_start_opens_when_it_can() {
    let mut home = Home::with_clock(&later()).await;
    let group = home.host("Chess").await;
    let draft = nodes::note(&home.place.clock, "from before", nodes::DAY);
    let id = nodes::id_of(&group.publish(draft).await.unwrap());
    // The machine comes up with a clock that is days behind.
    home.place.clock = Clock::system();
    home.restart().await;
    let groups = home.node.groups().await.unwrap();
    assert_eq!(groups[0].status, GroupStatus::Offline);
    let again = home.node.open_group(group.name(), None).await.unwrap();
    // Every error says what is the matter.
    assert_eq!(code(again.connect().await), "invalid_time_period");
    assert_eq!(code(again.members().await), "invalid_time_period");
    assert_eq!(code(again.get(id).await), "invalid_time_period");
    assert_eq!(code(again.events(None).await), "invalid_time_period");
    let draft = nodes::note(&home.place.clock, "too early", nodes::DAY);
    assert_eq!(code(again.publish(draft).await), "invalid_time_period");

    // The clock is set right; nothing is restarted.
    home.place.clock.advance(TEN_DAYS);
    holds(&again, id, "from before").await;
    let draft = nodes::note(&home.place.clock, "and on", nodes::DAY);
    again.publish(draft).await.unwrap();
    again.connect().await.unwrap();
    assert_eq!(again.info().await.unwrap().status, GroupStatus::Listening);
    home.node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_that_has_lapsed_does_not_keep_other_groups_offline() {
    let ada = Home::new().await;
    let short = ada.host("Short").await;
    let mut ben = Home::new().await;
    let card = ben.node.card(None).await.unwrap();
    let options = InviteOptions {
        expires: Some(ben.place.clock.timestamp() + Duration::from_secs(24 * 60 * 60)),
        ..InviteOptions::default()
    };
    let invitation = short.invite(&card, options).await.unwrap();
    let lapsing = ben.node.join(invitation, None).await.unwrap();
    lapsing.connect().await.unwrap();
    let other = ben.host("Long").await;

    ben.place.clock = later();
    ben.restart().await;

    let other = ben.node.open_group(other.name(), None).await.unwrap();
    assert_eq!(other.info().await.unwrap().status, GroupStatus::Listening);
    let lapsed = ben.node.open_group(lapsing.name(), None).await.unwrap();
    assert_eq!(lapsed.info().await.unwrap().status, GroupStatus::Offline);
    assert_eq!(code(lapsed.connect().await), "invalid_time_period");
    lapsed.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_again_finishes_what_was_left_unfinished() {
    let ada = Home::with_clock(&later()).await;
    let chess = ada.host("Chess").await;
    let mut ben = Home::with_clock(&later()).await;
    let invitation = ben.invitation(&chess).await;
    ben.node.join(invitation.clone(), None).await.unwrap();
    // The membership is kept and not open.
    ben.place.clock = Clock::system();
    ben.restart().await;
    ben.place.clock.advance(TEN_DAYS);

    let group = ben.node.join(invitation.clone(), None).await.unwrap();

    assert_eq!(group.members().await.unwrap().len(), 1);
    group.connect().await.unwrap();
    let again = ben.node.join(invitation, None).await;
    assert_eq!(code(again), "already_member");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_up_leaves_groups_whole() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    let invitation = ben.invitation(&chess).await;
    for step in 0..20 {
        let patience = Duration::from_micros(200 * step);
        let made = ben.node.create_group(NewGroup::default());
        let _ = tokio::time::timeout(patience, made).await;
        let joined = ben.node.join(invitation.clone(), None);
        let _ = tokio::time::timeout(patience, joined).await;
    }
    let joined = eventually("the end of what was begun", async || {
        ben.node.open_group(chess.name(), None).await.ok()
    })
    .await;
    joined.connect().await.unwrap();
    for info in ben.node.groups().await.unwrap() {
        let group = ben.node.open_group(&info.name, None).await.unwrap();
        if group.name() != chess.name() {
            publish(&group, "works").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_from_another_life_of_the_group_is_told_of_a_gap() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    publish(&group, "one").await;
    let mut events = group.events(Some(0)).await.unwrap();
    let newest = told(&mut events, "the record", |event| {
        event.kind == EventKind::RecordAdded
            && event.record_type.as_deref()
                == Some(&*peerage_records::id::RecordType::from_name("note").to_string())
    })
    .await
    .sequence
    .unwrap();
    let mut resumed = Vec::new();
    for cursor in [newest + 1, newest + 1_000, u64::MAX - 1, u64::MAX] {
        let mut stream = group.events(Some(cursor)).await.unwrap();
        let gap = told(&mut stream, "a gap", |_| true).await;
        assert_eq!(
            (gap.kind, gap.position),
            (EventKind::Gap, Position::of(newest))
        );
        resumed.push(stream);
    }
    let id = publish(&group, "two").await;
    for stream in &mut resumed {
        let next = told(stream, "what comes after", |_| true).await;
        assert_eq!(next.sequence, Some(newest + 1));
        assert_eq!(next.record, Some(id.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_with_the_group_the_handle_or_the_node() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    let other = home.node.open_group(group.name(), None).await.unwrap();
    let mut events = group.events(None).await.unwrap();
    let mut others = other.events(Some(0)).await.unwrap();
    group.close().await.unwrap();
    ended(&mut events).await;
    // Another handle is another matter.
    let id = publish(&other, "still there").await;
    told(&mut others, "the record", |event| {
        event.record.as_deref() == Some(&*id.to_string())
    })
    .await;
    other.delete().await.unwrap();
    ended(&mut others).await;

    let group = home.create("Go").await;
    let mut events = group.events(None).await.unwrap();
    home.node.shutdown().await.unwrap();
    ended(&mut events).await;
    home.node.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_half_deleted_group_are_removed_at_the_next_start() {
    let mut home = Home::new().await;
    let data = home.place.settings().data_dir;
    let group = home.create("Chess").await;
    let id = publish(&group, "one").await;
    home.node.shutdown().await.unwrap();
    assert_eq!(replicas(&data).len(), 1);

    // A membership that cannot be read may be anybody's: nothing is removed.
    let file = membership_file(&data, "json");
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[1..]).unwrap();
    home.restart().await;
    assert!(home.node.groups().await.unwrap().is_empty());
    home.node.shutdown().await.unwrap();
    assert_eq!(fs::read(&file).unwrap(), &content[1..]);
    assert_eq!(replicas(&data).len(), 1);
    fs::write(&file, &content).unwrap();
    home.restart().await;
    let group = home.node.open_group(group.name(), None).await.unwrap();
    holds(&group, id, "one").await;
    home.node.shutdown().await.unwrap();

    // As a deletion leaves it that was cut short after its first step.
    fs::remove_file(&file).unwrap();
    home.restart().await;
    assert!(home.node.groups().await.unwrap().is_empty());
    home.node.shutdown().await.unwrap();
    assert!(replicas(&data).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_and_joining_at_once_leaves_one_or_the_other() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    for _ in 0..10 {
        let group = ben.join(&chess).await;
        let invitation = ben.invitation(&chess).await;
        let (_, joined) = tokio::join!(group.delete(), ben.node.join(invitation, None));
        match joined {
            // Joined after the deletion, or renewed before it.
            Ok(joined) => match joined.connect().await {
                Ok(()) => {
                    joined.fingerprint().await.unwrap();
                    joined.delete().await.unwrap();
                }
                Err(error) => assert_eq!(error.code(), "group_gone"),
            },
            Err(error) => assert_eq!(error.code(), "already_member"),
        }
        assert!(ben.node.groups().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_around_one_key_do_not_share_a_membership() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    let seed = Zeroizing::new([7; 32]);
    let mut names = Vec::new();
    for classifier in ["home", "work"] {
        let new = NewIdentity {
            classifier: Some(classifier.to_owned()),
            friendly_name: Some(classifier.to_owned()),
        };
        let made = ben.node.create_identity_from_seed(seed.clone(), new).await;
        names.push(made.unwrap().name);
    }
    // Without a name, the identity joins that was invited.
    for name in [&names[1], &names[0]] {
        let card = ben.node.card(Some(name)).await.unwrap();
        let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
        let group = ben.node.join(invitation, None).await.unwrap();
        assert_eq!(group.info().await.unwrap().identity, **name);
        // The other one is refused, and the membership stays whose it is.
        let other = names.iter().find(|other| *other != name).unwrap();
        ben.place.clock.advance(Duration::from_secs(2));
        let card = ben.node.card(Some(other)).await.unwrap();
        let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
        let refused = ben.node.join(invitation, Some(other)).await;
        assert_eq!(code(refused), "already_member");
        let groups = ben.node.groups().await.unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].identity, **name);
        group.delete().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_dropped_has_the_folder_until_its_store_is_closed() {
    let place = Place::new();
    for _ in 0..5 {
        let node: Node = place.start().await;
        drop(node);
        let again = eventually("the folder", async || {
            match place.try_start(place.settings()).await {
                Ok(node) => Some(node),
                Err(error) => {
                    assert_eq!(error.code(), "folder_in_use", "{error}");
                    None
                }
            }
        })
        .await;
        again.shutdown().await.unwrap();
        // After a shutdown it is free at once.
        place.start().await.shutdown().await.unwrap();
    }
}
