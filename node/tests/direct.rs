//! Direct connections between complete nodes on loopback, as an application uses them.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{collections::BTreeSet, io, net::UdpSocket};

use futures::StreamExt;
use nodes::{DEADLINE, Member, code, eventually, gathering, linked, told};
use peerage::{
    DataInterest, DirectEvent, DirectInterest, DirectListener, DirectMessage, DirectTarget,
    GroupHandle, RemoveOptions,
    clock::Clock,
    model::{ConnectionInfo, ConnectionKind, EventKind},
};
use peerage_protocol::{
    direct::{ConnectionId, DirectMode},
    wire::direct::{MAX_DIRECT_MESSAGE_BYTES, MessageType},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn chat() -> MessageType {
    MessageType::from_name("chat")
}

/// The peer name of the member on this node.
async fn name(member: &Member) -> String {
    member.group.info().await.unwrap().identity
}

/// What a listener is told next.
async fn next(listener: &mut DirectListener) -> DirectEvent {
    tokio::time::timeout(DEADLINE, listener.next())
        .await
        .expect("told in time")
        .expect("the stream goes on")
}

async fn connected(listener: &mut DirectListener) -> ConnectionInfo {
    match next(listener).await {
        DirectEvent::Connected(info) => info,
        other => panic!("{other:?}"),
    }
}

async fn data(listener: &mut DirectListener) -> DirectMessage {
    match next(listener).await {
        DirectEvent::Data(message) => message,
        other => panic!("{other:?}"),
    }
}

/// Why a connection ended.
async fn ended(listener: &mut DirectListener, id: ConnectionId) -> &'static str {
    loop {
        match next(listener).await {
            DirectEvent::Disconnected(end) if end.id == id => return end.reason,
            DirectEvent::Data(_) | DirectEvent::Disconnected(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Opens a connection and waits until both sides have heard of it: its ids on both.
async fn open(
    from: &GroupHandle,
    to: &str,
    listener: &mut DirectListener,
) -> (ConnectionId, ConnectionId) {
    let id = from.open_direct(DirectTarget::to(to)).await.unwrap();
    let here = from.direct_connected(id).await.unwrap();
    let there = connected(listener).await;
    (here.id, there.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_connect_talk_and_part() {
    let [ada, ben]: [Member; 2] = gathering(2, &Clock::system())
        .await
        .try_into()
        .ok()
        .unwrap();
    let (to_ada, to_ben) = (name(&ada).await, name(&ben).await);
    let (a, b) = (&ada.group, &ben.group);

    // Opening is asynchronous, and needs the other side's consent (GRP-390, GRP-391, GRP-430, GRA-051).
    assert_eq!(
        code(a.open_direct(DirectTarget::to(&to_ada)).await),
        "connect_self"
    );
    let own = DirectTarget {
        node: Some(
            ada.home
                .node
                .status()
                .await
                .unwrap()
                .peer_id
                .parse()
                .unwrap(),
        ),
        ..DirectTarget::to(&to_ben)
    };
    assert_eq!(code(a.open_direct(own).await), "connect_self");
    assert_eq!(
        code(a.open_direct(DirectTarget::to("nobody")).await),
        "member_not_found"
    );
    let mut events = a.events(None).await.unwrap();
    let refused = a.open_direct(DirectTarget::to(&to_ben)).await.unwrap();
    assert_eq!(code(a.direct_connected(refused).await), "direct_refused");
    let event = told(&mut events, "the refusal", |event| {
        event.kind == EventKind::DirectFailed
    })
    .await;
    assert_eq!(event.connection, Some(refused.to_string()));
    assert_eq!(event.reason.as_deref(), Some("refused"));
    assert_eq!((event.member.as_ref(), event.next), (Some(&to_ben), None));

    // Both sides are told, with the ids each of them uses (GRP-390, GRA-052).
    let mut at_ada = a.listen_direct(DirectInterest::messages()).await.unwrap();
    let mut at_ben = b.listen_direct(DirectInterest::messages()).await.unwrap();
    let id = a.open_direct(DirectTarget::to(&to_ben)).await.unwrap();
    let here = a.direct_connected(id).await.unwrap();
    let (told_ada, there) = (connected(&mut at_ada).await, connected(&mut at_ben).await);
    assert_eq!((here.id, &told_ada), (id, &here));
    assert_eq!((here.incoming, there.incoming), (false, true));
    assert_eq!((&here.member, &there.member), (&to_ben, &to_ada));
    let event = told(&mut events, "the connection", |event| {
        event.kind == EventKind::DirectConnected
    })
    .await;
    assert_eq!(event.connection, Some(id.to_string()));
    let bens_node = ben.home.node.status().await.unwrap().peer_id;
    assert_eq!(
        (event.member.as_ref(), event.node.as_ref()),
        (Some(&to_ben), Some(&bens_node))
    );
    // Who listens for messages has not agreed to pipes.
    let pipe = a.open_pipe(DirectTarget::to(&to_ben)).await;
    assert_eq!(code(pipe), "direct_refused");
    assert!(matches!(next(&mut at_ada).await, DirectEvent::Failed(_)));

    // Data goes both ways, whole, in order, with its type (GRP-396, GRP-398, GRA-052, GRA-053).
    b.send_direct(there.id, chat(), "good evening")
        .await
        .unwrap();
    let message = data(&mut at_ada).await;
    assert_eq!((message.id, message.kind), (id, chat()));
    assert_eq!(
        (message.data.as_ref(), message.from.as_ref()),
        (&b"good evening"[..], &*to_ben)
    );
    for number in 0..500_u32 {
        a.send_direct(id, chat(), number.to_be_bytes().to_vec())
            .await
            .unwrap();
    }
    for number in 0..500_u32 {
        assert_eq!(data(&mut at_ben).await.data.as_ref(), number.to_be_bytes());
    }
    // What one application opened another one shares (GRP-465), until it is closed.
    let group = a.info().await.unwrap().name;
    let board = ada.home.node.attach("board").unwrap();
    let shared = board.open_group(&group, None).await.unwrap();
    assert!(
        shared
            .connections(Some(ConnectionKind::Direct))
            .await
            .unwrap()
            .iter()
            .any(|one| one.id == id)
    );
    shared
        .send_direct(id, chat(), "from another")
        .await
        .unwrap();
    let message = data(&mut at_ben).await;
    assert_eq!(
        (message.id, &message.data[..]),
        (there.id, &b"from another"[..])
    );

    // Larger than any frame, up to the limit (GRP-405, GRA-061).
    for size in [1_000_000, MAX_DIRECT_MESSAGE_BYTES] {
        let large: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let sending = a.send_direct(id, chat(), large.clone());
        let (sent, message) = tokio::join!(sending, data(&mut at_ben));
        sent.unwrap();
        assert!(message.data == large);
    }
    assert_eq!(
        code(
            a.send_direct(id, chat(), vec![0; MAX_DIRECT_MESSAGE_BYTES + 1])
                .await
        ),
        "too_large"
    );
    for kind in [MessageType::NIL, MessageType::PING] {
        assert_eq!(code(a.send_direct(id, kind, "x").await), "invalid_input");
    }

    // Enumeration by kind, on both sides (GRP-402, GRA-059).
    for (group, id) in [(a, id), (b, there.id)] {
        let ids = async |kind| -> Vec<(ConnectionId, ConnectionKind)> {
            let all = group.connections(kind).await.unwrap();
            all.into_iter().map(|info| (info.id, info.kind)).collect()
        };
        assert_eq!(
            ids(Some(ConnectionKind::Direct)).await,
            [(id, ConnectionKind::Direct)]
        );
        let near = ids(Some(ConnectionKind::Neighbour)).await;
        assert!(
            matches!(near[..], [(_, ConnectionKind::Neighbour)]),
            "{near:?}"
        );
        assert_eq!(ids(None).await.len(), 2);
    }

    // Closed once; the other side hears of it, and what was sent arrives (GRP-399..401, GRA-055, GRA-060).
    a.send_direct(id, chat(), "good night").await.unwrap();
    a.close_direct(id).await.unwrap();
    assert_eq!(code(a.close_direct(id).await), "connection_not_found");
    assert_eq!(
        code(a.send_direct(id, chat(), "x").await),
        "connection_not_found"
    );
    let never = ConnectionId::new(1).unwrap();
    assert_eq!(
        code(a.send_direct(never, chat(), "x").await),
        "connection_not_found"
    );
    assert_eq!(data(&mut at_ben).await.data.as_ref(), b"good night");
    assert_eq!(ended(&mut at_ada, id).await, "closed_here");
    assert_eq!(ended(&mut at_ben, there.id).await, "closed_there");
    assert_eq!(
        code(b.send_direct(there.id, chat(), "x").await),
        "connection_not_found"
    );

    // Several at once, and the group's end is theirs (GRA-060). Nothing was told twice: each listener
    // is asked for exactly what it is told.
    let (first, _) = open(a, &to_ben, &mut at_ben).await;
    assert_eq!(connected(&mut at_ada).await.id, first);
    let (second, _) = open(b, &to_ada, &mut at_ada).await;
    assert_eq!(connected(&mut at_ben).await.id, second);
    b.close().await.unwrap();
    for _ in 0..2 {
        assert!(matches!(
            next(&mut at_ada).await,
            DirectEvent::Disconnected(_)
        ));
    }
    assert!(
        a.connections(Some(ConnectionKind::Direct))
            .await
            .unwrap()
            .is_empty()
    );
    let offline = ben.home.node.open_group(a.name(), None).await.unwrap();
    assert_eq!(
        code(offline.open_direct(DirectTarget::to(&to_ada)).await),
        "group_offline"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_where_nobody_answers_succeeds_and_fails_afterwards() {
    let [ada, ben]: [Member; 2] = gathering(2, &Clock::system())
        .await
        .try_into()
        .ok()
        .unwrap();
    let to_ben = name(&ben).await;
    let mut events = ada.group.events(None).await.unwrap();
    // Nobody reads what comes to it.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let address = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let target = DirectTarget {
        address: Some(address.parse().unwrap()),
        ..DirectTarget::to(&to_ben)
    };
    let id = ada.group.open_direct(target).await.unwrap();
    assert_eq!(code(ada.group.direct_connected(id).await), "direct_failed");
    let event = told(&mut events, "the failure", |event| {
        event.kind == EventKind::DirectFailed
    })
    .await;
    assert_eq!(event.connection, Some(id.to_string()));
    assert_eq!(event.reason.as_deref(), Some("unreachable"));
    assert_eq!((event.member.as_ref(), event.next), (Some(&to_ben), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_nothing_is_told_nothing_and_neighbours_have_ids_too() {
    let [ada, ben]: [Member; 2] = gathering(2, &Clock::system())
        .await
        .try_into()
        .ok()
        .unwrap();
    let to_ben = name(&ben).await;
    let (a, b) = (&ada.group, &ben.group);
    let photo = MessageType::from_name("photo");

    // Data alone is no consent, and brings nothing (GRP-434).
    let mut data_alone = b
        .listen_direct(DirectInterest {
            connections: false,
            ..DirectInterest::messages()
        })
        .await
        .unwrap();
    let refused = a.open_direct(DirectTarget::to(&to_ben)).await.unwrap();
    assert_eq!(code(a.direct_connected(refused).await), "direct_refused");

    // Connections without data (GRP-397, GRA-054), and only some types (GRP-423).
    let mut connections = b
        .listen_direct(DirectInterest {
            data: DataInterest::None,
            ..DirectInterest::messages()
        })
        .await
        .unwrap();
    let mut photos = b
        .listen_direct(DirectInterest {
            data: DataInterest::Types(BTreeSet::from([photo])),
            ..DirectInterest::messages()
        })
        .await
        .unwrap();
    let (id, there) = open(a, &to_ben, &mut connections).await;
    connected(&mut photos).await;
    a.send_direct(id, chat(), "hello").await.unwrap();
    a.send_direct(id, photo, "smile").await.unwrap();
    assert_eq!(data(&mut photos).await.data.as_ref(), b"smile");
    a.close_direct(id).await.unwrap();
    // The end is the next thing both are told.
    for listener in [&mut connections, &mut photos] {
        match next(listener).await {
            DirectEvent::Disconnected(end) => assert_eq!(end.id, there),
            other => panic!("{other:?}"),
        }
    }
    let silent = futures::FutureExt::now_or_never(data_alone.next());
    assert!(silent.is_none(), "{silent:?}");

    // A neighbour has an id as well, and data reaches it (GRP-403, GRA-057).
    let near = a
        .connections(Some(ConnectionKind::Neighbour))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(near.member, to_ben);
    let sends = (0..20).map(|number: u8| a.send_direct(near.id, photo, vec![number]));
    for sent in futures::future::join_all(sends).await {
        sent.unwrap();
    }
    let carrier = connected(&mut photos).await.id;
    let mut received = BTreeSet::new();
    for _ in 0..20 {
        let message = data(&mut photos).await;
        assert_eq!(message.id, carrier, "on one connection");
        received.insert(message.data[0]);
    }
    assert_eq!(received.len(), 20);
    // It is opened anew when somebody has closed it.
    b.close_direct(carrier).await.unwrap();
    eventually("the end of it here", async || {
        let direct = a.connections(Some(ConnectionKind::Direct)).await.unwrap();
        direct.is_empty().then_some(())
    })
    .await;
    a.send_direct(near.id, photo, "again").await.unwrap();
    assert_eq!(ended(&mut photos, carrier).await, "closed_here");
    connected(&mut photos).await;
    assert_eq!(data(&mut photos).await.data.as_ref(), b"again");

    // Nobody who only sends is let in when the last listener is gone.
    drop((connections, photos));
    let refused = async || {
        let id = a.open_direct(DirectTarget::to(&to_ben)).await.unwrap();
        match a.direct_connected(id).await {
            Ok(_) => {
                a.close_direct(id).await.unwrap();
                None
            }
            Err(error) => Some(error.code()),
        }
    };
    assert_eq!(
        eventually("the end of consent", refused).await,
        "direct_refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_members_connections_and_pipes_are_cut_at_once() {
    let [ada, ben, cy]: [Member; 3] = gathering(3, &Clock::system())
        .await
        .try_into()
        .ok()
        .unwrap();
    for member in [&ada, &ben, &cy] {
        linked(&member.group, 2).await;
    }
    let (to_ben, to_cy) = (name(&ben).await, name(&cy).await);
    let mut at_ben = ben
        .group
        .listen_direct(DirectInterest {
            pipes: true,
            ..DirectInterest::messages()
        })
        .await
        .unwrap();
    let (_, messages) = open(&cy.group, &to_ben, &mut at_ben).await;
    let from_cy = cy.group.open_pipe(DirectTarget::to(&to_ben)).await.unwrap();
    let there = connected(&mut at_ben).await;
    assert_eq!(DirectMode::from(there.mode), DirectMode::Stream);
    let at_ben_pipe = ben.group.take_pipe(there.id).unwrap();
    assert_eq!(code(ben.group.take_pipe(there.id)), "connection_not_found");

    // The pipe is busy in both directions when the decision falls.
    let busy = |pipe| {
        tokio::spawn(async move {
            let (mut reading, mut writing) = tokio::io::split(pipe);
            let mut bytes = vec![0; 64 * 1024];
            let mut read = 0_u64;
            let write = async {
                loop {
                    if let Err(error) = writing.write_all(&[7; 16 * 1024]).await {
                        return error;
                    }
                }
            };
            let read = async {
                loop {
                    match reading.read(&mut bytes).await {
                        Ok(0) => return io::Error::other("ended in order"),
                        Ok(some) => read += some as u64,
                        Err(error) => return error,
                    }
                }
            };
            let (_, reason) = tokio::join!(write, read);
            reason
        })
    };
    let (here, there) = (busy(from_cy), busy(at_ben_pipe));
    ada.group
        .remove_member(&to_cy, RemoveOptions::default())
        .await
        .unwrap();
    for pipe in [here, there] {
        let error = tokio::time::timeout(DEADLINE, pipe).await.unwrap().unwrap();
        assert_ne!(error.to_string(), "ended in order");
    }
    let mut reasons = BTreeSet::new();
    for _ in 0..2 {
        match next(&mut at_ben).await {
            DirectEvent::Disconnected(end) => reasons.insert((end.id == messages, end.reason)),
            other => panic!("{other:?}"),
        };
    }
    // Who is removed hears it too, and may cut its side first.
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        ben.group
            .connections(Some(ConnectionKind::Direct))
            .await
            .unwrap()
            .is_empty()
    );
    let mut to_removed = ben.group.open_direct(DirectTarget::to(&to_cy)).await;
    if let Ok(id) = to_removed {
        to_removed = ben.group.direct_connected(id).await.map(|info| info.id);
    }
    assert_eq!(code(to_removed), "member_not_found");
}
