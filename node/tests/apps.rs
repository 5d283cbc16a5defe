//! Several applications in the process of one node: they share its groups, and what one holds stays until
//! the last of them lets go.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use nodes::{Home, alone, code, eventually, holds, linked, publish, ready, told, told_of};
use peerage::{
    EventStream, GroupHandle, InviteOptions,
    model::{EventKind, GroupStatus},
};

async fn status(group: &GroupHandle) -> GroupStatus {
    group.info().await.unwrap().status
}

async fn becomes(group: &GroupHandle, wanted: GroupStatus) {
    eventually(wanted.as_str(), async || {
        (status(group).await == wanted).then_some(())
    })
    .await;
}

async fn told_status(events: &mut EventStream, wanted: GroupStatus) {
    told(events, wanted.as_str(), |event| {
        event.kind == EventKind::StatusChanged && event.status == Some(wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_share_a_group_until_the_last_of_them_has_closed_it() {
    let (home, ben) = (Home::new().await, Home::new().await);
    let chess = home.create("Chess").await;
    let ports = home.node.status().await.unwrap().listen;
    let attach = |name| home.node.attach(name).unwrap();
    let (board, clock) = (attach("board"), attach("clock"));
    let first = board.open_group("Chess", None).await.unwrap();
    let second = clock.open_group("Chess", None).await.unwrap();

    // What one adds offline the other reads.
    let offline = publish(&first, "offline").await;
    holds(&second, offline, "offline").await;
    assert_eq!(status(&second).await, GroupStatus::Offline);

    // One connects, and the other is online and told so.
    let mut heard = second.events(None).await.unwrap();
    first.connect().await.unwrap();
    told_status(&mut heard, GroupStatus::Listening).await;
    assert_eq!(status(&second).await, GroupStatus::Listening);
    let bens = ben.enter(&first).await;
    ready(&bens).await;
    told_status(&mut heard, GroupStatus::Connected).await;
    eventually("two nodes present", async || {
        (bens.nodes().await.unwrap().len() == 2).then_some(())
    })
    .await;

    // Who opens it now is online at once, with the same neighbours and on the same port.
    let late = attach("late");
    let third = late.open_group("Chess", None).await.unwrap();
    assert_eq!(status(&third).await, GroupStatus::Connected);
    assert_eq!(
        third.neighbours().await.unwrap(),
        first.neighbours().await.unwrap()
    );
    assert_eq!(home.node.status().await.unwrap().listen, ports);

    // Another group has its members on that port, too.
    let go = home.create("Go").await;
    go.connect().await.unwrap();
    assert_eq!(home.node.status().await.unwrap().listen, ports);
    let cara = Home::new().await;
    let caras = cara.join(&go).await;
    let port = vec![ports[0].parse().unwrap()];
    caras.connect_at(port).await.unwrap();
    linked(&caras, 1).await;
    linked(&go, 1).await;
    let near = caras.neighbours().await.unwrap();
    let here = home.node.status().await.unwrap();
    assert_eq!(near[0].peer_id, here.peer_id);
    assert_eq!(here.listen, ports);

    // Each hears everything, whoever has heard it before.
    let mut also = third.events(None).await.unwrap();
    let remote = publish(&bens, "from Ben").await;
    told_of(&mut heard, EventKind::RecordAdded, remote).await;
    told_of(&mut also, EventKind::RecordAdded, remote).await;

    // One closes: its handle and its clones are done, the others go on.
    let clone = first.clone();
    first.close().await.unwrap();
    assert_eq!(code(clone.info().await), "group_gone");
    assert_eq!(status(&second).await, GroupStatus::Connected);
    holds(&bens, publish(&second, "still here").await, "still here").await;
    // It opens the group again and is online.
    let again = board.open_group("Chess", None).await.unwrap();
    assert_eq!(status(&again).await, GroupStatus::Connected);
    again.close().await.unwrap();

    // One crashes: all that is left of it is dropped. That is a close.
    drop((board, late));
    assert_eq!(code(third.info().await), "group_gone");
    assert!(futures::StreamExt::next(&mut also).await.is_none());
    assert_eq!(status(&second).await, GroupStatus::Connected);

    // The last one closes: offline, gone from the members' list, and nobody answers for the group.
    second.close().await.unwrap();
    // What the other one held is let go of in its own time.
    becomes(&chess, GroupStatus::Offline).await;
    alone(&bens).await;
    eventually("one node present", async || {
        (bens.nodes().await.unwrap().len() == 1).then_some(())
    })
    .await;
    let there = vec![ports[0].parse().unwrap()];
    let refused = bens.connect_at(there).await;
    assert_eq!(code(refused), "connection_not_authorised");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_connects_stays_online_whoever_closes() {
    let mut home = Home::new().await;
    let chess = home.create("Chess").await;
    let board = home.node.attach("board").unwrap();
    let held = board.open_group("Chess", None).await.unwrap();
    held.connect().await.unwrap();
    chess.connect().await.unwrap();
    held.close().await.unwrap();
    assert_eq!(status(&chess).await, GroupStatus::Listening);

    // The operator lets go, and an application that only opened it keeps it.
    let held = board.open_group("Chess", None).await.unwrap();
    let twice = board.open_group("Chess", None).await.unwrap();
    chess.close().await.unwrap();
    assert_eq!(status(&held).await, GroupStatus::Listening);
    // A handle that is dropped is not closed; its application holds the group.
    drop(twice);
    held.close().await.unwrap();
    let chess = home.node.open_group("Chess", None).await.unwrap();
    assert_eq!(status(&chess).await, GroupStatus::Listening);
    drop(board);
    becomes(&chess, GroupStatus::Offline).await;

    // Only the operator's wish holds over a restart.
    let board = home.node.attach("board").unwrap();
    let held = board.open_group("Chess", None).await.unwrap();
    held.connect().await.unwrap();
    drop((held, board, chess));
    home.restart().await;
    let chess = home.node.open_group("Chess", None).await.unwrap();
    assert_eq!(status(&chess).await, GroupStatus::Offline);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_one_deletes_is_gone_for_the_others() {
    let home = Home::new().await;
    home.create("Chess").await;
    let (board, clock) = (
        home.node.attach("board").unwrap(),
        home.node.attach("clock").unwrap(),
    );
    let first = board.open_group("Chess", None).await.unwrap();
    let second = clock.open_group("Chess", None).await.unwrap();
    let mut events = second.events(None).await.unwrap();
    first.delete().await.unwrap();
    let gone = second.info().await.unwrap_err();
    assert_eq!(gone.code(), "group_gone");
    assert!(format!("{:?}", gone.original()).contains("PEER_E_INVALID_GROUP"));
    assert_eq!(code(second.connect().await), "group_gone");
    assert_eq!(code(second.close().await), "group_gone");
    assert!(futures::StreamExt::next(&mut events).await.is_none());
    let again = clock.open_group("Chess", None).await;
    assert_eq!(code(again), "group_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_of_one_user_share_neither_records_nor_connections() {
    let home = Home::new().await;
    let chess = home.create("Chess").await;
    let first = chess.info().await.unwrap().identity;
    let second = home.another_identity("Second").await;
    let card = home.node.card(Some(&second)).await.unwrap();
    let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
    home.node.join(invitation, Some(&second)).await.unwrap();
    let (board, clock) = (
        home.node.attach("board").unwrap(),
        home.node.attach("clock").unwrap(),
    );
    let one = board.open_group("Chess", Some(&first)).await.unwrap();
    let two = clock.open_group("Chess", Some(&second)).await.unwrap();
    let own = publish(&one, "mine").await;
    one.connect().await.unwrap();
    assert_eq!(status(&two).await, GroupStatus::Offline);
    assert_eq!(code(two.get(own).await), "record_not_found");
    assert_eq!(code(two.connect().await), "group_in_use");
    one.close().await.unwrap();
    two.connect().await.unwrap();
    assert_eq!(status(&two).await, GroupStatus::Connecting);
    assert_eq!(status(&chess).await, GroupStatus::Offline);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_applications_have_rules() {
    let home = Home::new().await;
    for name in ["", "operator", "Board", "a b"] {
        assert_eq!(code(home.node.attach(name)), "invalid_input", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_joins_by_invitation_holds_what_it_has_joined() {
    let (ada, ben) = (Home::new().await, Home::new().await);
    let chess = ada.host("Chess").await;
    let board = ben.node.attach("board").unwrap();
    let invitation = ben.invitation(&chess).await;
    let group = board
        .join_with(invitation, Default::default())
        .await
        .unwrap();
    group.connect().await.unwrap();
    linked(&group, 1).await;
    ready(&group).await;
    drop(board);
    alone(&chess).await;
    let again = ben.node.open_group("Chess", None).await.unwrap();
    becomes(&again, GroupStatus::Offline).await;
}
