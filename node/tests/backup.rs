//! Backups of a running node, what a restored one knows of its later life, and one key on two machines.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{fs, path::Path};

use nodes::{
    DAY, Home, Place, code, converged, eventually, holds, id_of, linked, note, publish, told,
};
use peerage::{
    GroupHandle, Node, Settings,
    backup::{RestoreOptions, restore, verify},
    clock::Clock,
    model::{Check, EventKind, Finding, Level},
};
use peerage_records::{id::RecordId, record::RecordUpdate};
use zeroize::Zeroizing;

fn pass(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

async fn update(group: &GroupHandle, id: RecordId, text: &str) -> peerage::Result<u32> {
    let change = RecordUpdate {
        payload: Some(text.as_bytes().to_vec()),
        ..RecordUpdate::default()
    };
    group.update(id, change).await.map(|info| info.version)
}

/// A node in a folder that a test has made.
async fn start_in(data_dir: &Path) -> Node {
    let mut settings = Settings::in_folder(data_dir);
    settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    Node::builder(settings).start().await.unwrap()
}

fn restored(file: &Path, data_dir: &Path, later: u64) {
    let now = Clock::system().timestamp() + std::time::Duration::from_secs(later);
    let options = RestoreOptions::default();
    restore(
        file,
        "correct horse",
        data_dir,
        options,
        now,
        &mut |_, _| {},
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_node_forks_nothing_and_reuses_no_number() {
    let members = nodes::gathering(2, &Clock::system()).await;
    let (ada, ben) = (&members[0], &members[1]);
    let shared = publish(&ben.group, "one").await;
    holds(&ada.group, shared, "one").await;
    let peer = ben.home.node.status().await.unwrap().peer_id;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ben.backup");
    // While the node runs, and is online.
    let manifest = ben
        .home
        .node
        .backup(&file, pass("correct horse"))
        .await
        .unwrap();
    assert_eq!(manifest.node, peer);
    // The later life: two more versions, a record more, and numbers of events that somebody has seen.
    assert_eq!(update(&ben.group, shared, "two").await.unwrap(), 2);
    assert_eq!(update(&ben.group, shared, "three").await.unwrap(), 3);
    holds(&ada.group, shared, "three").await;
    let mut events = ben.group.events(Some(0)).await.unwrap();
    let seen = told(&mut events, "the third version", |event| {
        event.kind == EventKind::RecordUpdated
            && event
                .sequence
                .is_some_and(|n| n > manifest.groups[0].newest + 1)
    })
    .await;
    ben.home.node.shutdown().await.unwrap();

    let verified = verify(&file, "correct horse", &mut |_, _| {}).unwrap();
    assert_eq!(verified.manifest, manifest);
    assert!(verified.records >= manifest.groups[0].records);
    // One that goes on without asking anybody, and one that meets a member first.
    let (lonely, patient) = (folder.path().join("lonely"), folder.path().join("patient"));
    restored(&file, &lonely, 60);
    restored(&file, &patient, 0);
    let node = start_in(&patient).await;
    assert_eq!(node.status().await.unwrap().peer_id, peer);
    let group = node.open_group(ada.group.name(), None).await.unwrap();
    assert_eq!(
        group.get(shared).await.unwrap().payload_text.as_deref(),
        Some("one")
    );
    // Whoever goes on from a number of the later life hears of a gap, not of something else by that number.
    let mut events = group.events(seen.sequence).await.unwrap();
    let gap = told(&mut events, "a gap", |_| true).await;
    assert_eq!(gap.kind, EventKind::Gap);
    assert!(gap.position.sequence > seen.position.sequence);
    if group.info().await.unwrap().behind {
        match update(&group, shared, "rash").await {
            Err(refused) => assert_eq!(refused.code(), "group_behind"),
            // It has met Ada in between; then it builds on what she has.
            Ok(version) => assert!(version > 3),
        }
    }
    linked(&group, 1).await;
    eventually("being up to date", async || {
        (!group.info().await.unwrap().behind).then_some(())
    })
    .await;
    let version = update(&group, shared, "four").await.unwrap();
    assert!(version > 3, "version {version} was given out before");
    holds(&ada.group, shared, "four").await;
    converged([&ada.group, &group]).await;
    let fresh = id_of(
        &group
            .publish(note(&Clock::system(), "new", DAY))
            .await
            .unwrap(),
    );
    holds(&ada.group, fresh, "new").await;
    // Once up to date it stays so.
    node.shutdown().await.unwrap();
    let node = start_in(&patient).await;
    let group = node.open_group(ada.group.name(), None).await.unwrap();
    assert!(!group.info().await.unwrap().behind);
    node.shutdown().await.unwrap();

    // Nobody is met: nothing that is there is changed, until somebody decides so.
    let settings = |data_dir: &Path| {
        let mut settings = Settings::in_folder(data_dir);
        settings.listen = Vec::new();
        settings
    };
    ada.group.close().await.unwrap();
    let node = Node::builder(settings(&lonely)).start().await.unwrap();
    let group = node.open_group(ada.group.name(), None).await.unwrap();
    assert!(group.info().await.unwrap().behind);
    let refused = update(&group, shared, "rash").await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.kind().http_status()),
        ("group_behind", 503)
    );
    assert_eq!(code(group.delete_record(shared).await), "group_behind");
    publish(&group, "a new record harms nobody").await;
    group.settle_restored().await.unwrap();
    let rash = update(&group, shared, "rash").await.unwrap();
    assert!(![1, 2, 3].contains(&rash) && rash != version, "{rash}");
    node.shutdown().await.unwrap();
    // When they meet after all, all hold one version of it.
    let node = start_in(&lonely).await;
    let group = node.open_group(ada.group.name(), None).await.unwrap();
    let of_ada = ada
        .home
        .node
        .open_group(ada.group.name(), None)
        .await
        .unwrap();
    of_ada.connect().await.unwrap();
    linked(&group, 1).await;
    converged([&of_ada, &group]).await;
    node.shutdown().await.unwrap();
}

/// Copies a folder as somebody does who does not know better.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// N17.
#[tokio::test(flavor = "multi_thread")]
async fn n17_a_node_key_on_two_machines_is_noticed_by_them_and_by_others() {
    let mut members = nodes::gathering(2, &Clock::system()).await;
    let mut ben = members.pop().unwrap();
    let ada = members.pop().unwrap();
    ben.home.node.shutdown().await.unwrap();
    let data = ben.home.place.settings().data_dir;
    let folder = tempfile::tempdir().unwrap();
    let copied = folder.path().join("copy");
    copy(&data, &copied);
    let mut events = ada.group.events(None).await.unwrap();
    ben.home.node = ben.home.place.start().await;
    // On one machine the second is refused.
    let second = ben.home.place.try_start(ben.home.place.settings()).await;
    assert_eq!(code(second), "folder_in_use");
    assert_eq!(
        ben.home.node.status().await.unwrap().key_used_elsewhere,
        None
    );
    let twin = start_in(&copied).await;
    let peer = twin.status().await.unwrap().peer_id;

    let told = told(&mut events, "the twins, to another member", |event| {
        event.kind == EventKind::NodeDuplicated
    })
    .await;
    assert_eq!(told.node.as_deref(), Some(&*peer));
    // The one that hears of the other says so itself.
    let warned = eventually("a twin to notice", async || {
        for node in [&ben.home.node, &twin] {
            if node.status().await.unwrap().key_used_elsewhere.is_some() {
                return Some(node.clone());
            }
        }
        None
    })
    .await;
    let about_key = |findings: Vec<Finding>| {
        let mut of_key = findings
            .into_iter()
            .filter(|found| found.check == Check::NodeKey);
        of_key.next().unwrap()
    };
    for found in [
        about_key(warned.status().await.unwrap().warnings),
        about_key(warned.doctor().await.unwrap().findings),
    ] {
        assert_eq!(found.level, Level::Problem);
        assert!(found.next_step.unwrap().contains("--new-node-key"));
    }
    let theirs = about_key(ada.home.node.doctor().await.unwrap().findings);
    assert_eq!(theirs.level, Level::Ok);
    let warned = warned.metrics();
    assert!(warned.contains("peerage_node_duplicated_total{whose=\"ours\"}"));
    assert!(ada.home.node.metrics().contains("{whose=\"theirs\"}"));
    twin.shutdown().await.unwrap();
    let _: &Place = &ben.home.place;
    let _: &Home = &ada.home;
}
