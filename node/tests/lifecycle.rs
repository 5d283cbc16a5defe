//! The life of a group on a node: made, connected, found or not found, connected by address, closed.
//! What the application is told on the way, and how each attempt to connect ends.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{net::UdpSocket, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use nodes::{
    DAY, Home, Place, alone, code, converged, eventually, holds, id_of, linked, note, pending,
    publish, ready, texts, told,
};
use peerage::{
    EventStream, GroupHandle, Node,
    clock::Clock,
    model::{EventKind, GroupStatus},
};
use peerage_protocol::engine::{ADDRESS_PATIENCE, SEARCH_TIME};
use peerage_records::record::RecordUpdate;

/// Where a node listens.
async fn address(node: &Node) -> Multiaddr {
    node.status().await.unwrap().listen[0].parse().unwrap()
}

async fn peer(node: &Node) -> PeerId {
    node.status().await.unwrap().peer_id.parse().unwrap()
}

/// An address where nobody is, for as long as the socket lives.
fn dead() -> (UdpSocket, Multiaddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let address = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    (socket, address.parse().unwrap())
}

async fn status(group: &GroupHandle) -> GroupStatus {
    group.info().await.unwrap().status
}

/// Waits for the next event of this kind, and gives back its reason, or else what it says.
async fn detail(stream: &mut EventStream, kind: EventKind) -> String {
    let event = told(stream, kind.as_str(), |event| event.kind == kind).await;
    event.reason.or(event.detail).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_group_takes_records_and_is_neither_listening_nor_connected() {
    let home = Home::new().await;
    let before = home.node.status().await.unwrap().listen;
    let group = home.create("Chess").await;

    let id = publish(&group, "alone").await;
    let change = RecordUpdate {
        payload: Some(b"changed".to_vec()),
        ..RecordUpdate::default()
    };
    group.update(id, change).await.unwrap();
    holds(&group, id, "changed").await;
    group.delete_record(id).await.unwrap();

    let info = group.info().await.unwrap();
    assert_eq!((info.status, info.neighbours), (GroupStatus::Offline, 0));
    assert!(info.synchronised, "what is new has nothing to wait for");
    let after = home.node.status().await.unwrap().listen;
    assert_eq!(before, after, "a group opens no socket of its own");

    // Until it is connected nobody there is in it, members included.
    let ben = Home::new().await;
    let bens = ben.join(&group).await;
    let refused = bens.connect_at(vec![address(&home.node).await]).await;
    assert_eq!(code(refused), "connection_not_authorised");
    bens.close().await.unwrap();
    group.connect().await.unwrap();
    assert_eq!(status(&group).await, GroupStatus::Listening);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_one_name_are_two_groups() {
    let home = Home::new().await;
    let (one, other) = (home.create("Chess").await, home.create("Chess").await);
    assert_ne!(one.name(), other.name());
    let (one, other) = (one.info().await.unwrap(), other.info().await.unwrap());
    assert_ne!(one.id, other.id, "an id is the hash of a fresh key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joined_group_says_that_it_is_new_here_and_a_returning_one_that_it_is_not() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    publish(&chess, "before").await;
    let mut ben = Home::new().await;
    let group = ben.join(&chess).await;
    let info = group.info().await.unwrap();
    assert!(!info.synchronised && texts(&group).await.is_empty());
    group.connect().await.unwrap();
    ready(&group).await;
    group.close().await.unwrap();
    ben.restart().await;
    let again = ben.node.open_group("Chess", None).await.unwrap();
    let info = again.info().await.unwrap();
    assert_eq!(
        (info.synchronised, info.status),
        (true, GroupStatus::Offline)
    );
    assert_eq!(texts(&again).await, ["before"]);

    // With what is kept it may wait alone.
    ada.node.shutdown().await.unwrap();
    again.connect().await.unwrap();
    assert_eq!(status(&again).await, GroupStatus::Listening);
    publish(&again, "alone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_time_joiner_that_finds_nobody_is_told_why_and_found_later() {
    let mut ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let ben = Home::new().await;
    let group = ben.join(&chess).await;
    ada.node.shutdown().await.unwrap();
    let mut events = group.events(None).await.unwrap();

    group.connect().await.unwrap();

    assert_eq!(
        detail(&mut events, EventKind::StatusChanged).await,
        "connecting"
    );
    let reason = tokio::time::timeout(
        SEARCH_TIME + Duration::from_secs(40),
        detail(&mut events, EventKind::ConnectionFailed),
    );
    // Nobody at the address in the invitation, and nobody in the cloud.
    let reason = reason.await.unwrap();
    assert!(
        ["no_members_found", "unreachable"].contains(&reason.as_str()),
        "{reason}"
    );
    assert_eq!(status(&group).await, GroupStatus::Connecting);
    assert!(!group.info().await.unwrap().synchronised);
    let draft = note(&Clock::system(), "too early", DAY);
    assert_eq!(code(group.publish(draft).await), "group_not_ready");

    ada.node = ada.place.start().await;
    let chess = ada.node.open_group("Chess", None).await.unwrap();
    chess.connect().await.unwrap();
    group
        .connect_at(vec![address(&ada.node).await])
        .await
        .unwrap();
    ready(&group).await;
    assert_eq!(
        detail(&mut events, EventKind::StatusChanged).await,
        "connected"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_told_as_they_change_and_a_close_is_seen_at_once() {
    let (ada, ben) = (Home::new().await, Home::new().await);
    let chess = ada.create("Chess").await;
    let mut events = chess.events(None).await.unwrap();
    chess.connect().await.unwrap();
    chess.connect().await.unwrap();
    assert_eq!(
        detail(&mut events, EventKind::StatusChanged).await,
        "listening"
    );
    let group = ben.enter(&chess).await;
    assert_eq!(
        detail(&mut events, EventKind::StatusChanged).await,
        "connected"
    );
    linked(&group, 1).await;
    assert_eq!(status(&chess).await, GroupStatus::Connected);
    assert_eq!(status(&group).await, GroupStatus::Connected);
    let bens = peer(&ben.node).await.to_string();
    assert_eq!(chess.neighbours().await.unwrap()[0].peer_id, bens);
    // Connecting again makes no second link.
    group.connect().await.unwrap();
    ready(&group).await;
    assert_eq!(chess.neighbours().await.unwrap().len(), 1);

    // Nothing but closing takes it offline: not dropping a handle.
    let other = ben.node.open_group("Chess", None).await.unwrap();
    drop(group);
    assert_eq!(status(&other).await, GroupStatus::Connected);

    let began = std::time::Instant::now();
    other.close().await.unwrap();
    let event = told(&mut events, "the neighbour's end", |event| {
        event.kind == EventKind::NeighbourDisconnected
    })
    .await;
    assert!(event.detail.is_some());
    assert!(began.elapsed() < Duration::from_secs(5), "not by a timeout");
    assert_eq!(
        detail(&mut events, EventKind::StatusChanged).await,
        "listening"
    );
    alone(&chess).await;
    assert_eq!(code(other.info().await), "group_gone");
    let somewhere = vec![address(&ada.node).await];
    assert_eq!(code(other.connect_at(somewhere).await), "group_gone");
    let kinds: Vec<EventKind> = pending(&mut events).into_iter().map(|e| e.kind).collect();
    assert!(!kinds.contains(&EventKind::ConnectionFailed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_connected_to_by_its_address_alone() {
    let ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let ben = Home::new().await;
    // The invitation was made before the group was ever online, so it names no other member; what it
    // says of the inviter is taken away by a restart on another port.
    let group = ben.join(&chess).await;
    let mut ada = ada;
    ada.restart().await;
    let chess = ada.node.open_group("Chess", None).await.unwrap();
    chess.connect().await.unwrap();
    let (at, them) = (address(&ada.node).await, peer(&ada.node).await);

    // The first address is dead, another one names a peer that is not there.
    let (_socket, nobody) = dead();
    let neighbour = group.connect_at(vec![nobody, at.clone()]).await.unwrap();
    assert_eq!(neighbour.peer_id, them.to_string());
    ready(&group).await;
    converged([&chess, &group]).await;

    // Who is connected already is found again, and not linked twice.
    let named = at.clone().with(Protocol::P2p(them));
    let again = group.connect_at(vec![named]).await.unwrap();
    assert_eq!(again.peer_id, them.to_string());
    assert_eq!(group.neighbours().await.unwrap().len(), 1);
    assert_eq!(chess.neighbours().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_to_an_address_fails_for_a_reason() {
    let home = Home::new().await;
    let group = home.host("Chess").await;
    let mut events = group.events(None).await.unwrap();
    let (own, local) = (address(&home.node).await, peer(&home.node).await);

    // Our own address, and ourselves elsewhere: at once, and nothing is tried.
    assert_eq!(code(group.connect_at(vec![own]).await), "connect_self");
    let (socket, nobody) = dead();
    let ourselves = nobody.clone().with(Protocol::P2p(local));
    assert_eq!(
        code(group.connect_at(vec![ourselves]).await),
        "connect_self"
    );
    assert_eq!(code(group.connect_at(Vec::new()).await), "invalid_input");
    let tcp = "/ip4/127.0.0.1/tcp/4001".parse().unwrap();
    assert_eq!(code(group.connect_at(vec![tcp]).await), "invalid_input");
    let kinds: Vec<EventKind> = pending(&mut events).into_iter().map(|e| e.kind).collect();
    assert!(!kinds.contains(&EventKind::ConnectionFailed));

    // Another node than the one meant.
    let other = Home::new().await;
    let there = address(&other.node).await;
    let somebody = libp2p::identity::Keypair::generate_ed25519()
        .public()
        .to_peer_id();
    let named = there.clone().with(Protocol::P2p(somebody));
    let failed = group.connect_at(vec![named]).await;
    assert_eq!(code(failed), "connection_other_peer");
    assert_eq!(
        detail(&mut events, EventKind::ConnectionFailed).await,
        "other_peer"
    );

    // A node that is in another group only.
    let theirs = other.host("Go").await;
    let failed = group.connect_at(vec![there]).await;
    assert_eq!(code(failed), "connection_not_authorised");
    assert_eq!(
        detail(&mut events, EventKind::ConnectionFailed).await,
        "not_authorised"
    );
    assert_eq!(theirs.info().await.unwrap().members, 1);
    assert!(theirs.neighbours().await.unwrap().is_empty());

    // Nobody.
    let began = std::time::Instant::now();
    let error = group.connect_at(vec![nobody]).await.unwrap_err();
    assert_eq!(error.code(), "connection_failed");
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_CONNECTION_FAILED")
    );
    assert!(!error.next_step().is_empty());
    assert!(began.elapsed() < ADDRESS_PATIENCE + Duration::from_secs(5));
    assert_eq!(
        detail(&mut events, EventKind::ConnectionFailed).await,
        "unreachable"
    );
    drop(socket);
    assert_eq!(
        status(&group).await,
        GroupStatus::Listening,
        "it stays online"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_changes_and_deletes_its_own_record() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    let group = ben.enter(&chess).await;
    ready(&group).await;
    assert_eq!(group.info().await.unwrap().role, "member");
    let id = publish(&group, "mine").await;
    holds(&chess, id, "mine").await;
    let change = RecordUpdate {
        payload: Some(b"mine still".to_vec()),
        ..RecordUpdate::default()
    };
    let updated = group.update(id, change).await.unwrap();
    assert_eq!((id_of(&updated), updated.version), (id, 2));
    holds(&chess, id, "mine still").await;
    group.delete_record(id).await.unwrap();
    eventually("the deletion", async || {
        chess.get(id).await.err().map(|error| {
            assert_eq!(error.code(), "record_not_found");
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_its_scope_cannot_be_listened_on() {
    let place = Place::new();
    let mut settings = place.settings();
    settings.listen = vec!["/ip6/fe80::1/udp/0/quic-v1".parse().unwrap()];
    let refused = place.try_start(settings).await.unwrap_err();
    assert_eq!(refused.code(), "unable_to_listen", "{refused}");
    place.start().await.shutdown().await.unwrap();
}
