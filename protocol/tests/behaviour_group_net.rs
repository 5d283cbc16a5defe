//! `GroupNet` among members: what flows when the gate is open, and only then.
#![cfg(feature = "net")]

mod group_net;

use std::{collections::BTreeSet, time::Duration};

use group_net::{Node, Seen, group, heard, link, lost, members, strangers};
use libp2p_identity::Keypair;
use peerage_protocol::net::group_net::{
    Config, Event, LinkLoss, MAX_FRAME_BYTES, MAX_GOSSIP_BYTES, Misbehaviour, OpenError, PROTOCOL,
    PublishError, SendError,
};
use tokio::time::sleep;

const G: u8 = 1;

#[tokio::test]
async fn a_closed_gate_delivers_nothing() {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let (ours, _) = a.exchange(&mut b).await;

    a.open(group(G), b.peer, ours, 1).await;

    let published = a.groups(|g| g.publish(&group(G), vec![7; 10])).await;
    assert_eq!(published, Err(PublishError::NoNeighbours));
    let to = a.peer;
    let sent = b
        .groups(move |g| g.send_frame(&group(G), &to, vec![1]))
        .await;
    assert_eq!(sent, Err(SendError::NoLink));
    b.never("message through a closed gate", heard).await;
}

#[tokio::test]
async fn peers_see_the_static_protocol_name_and_no_other() {
    let (mut a, mut b) = members(group(G)).await;
    link(group(G), &mut a, &mut b, 2).await;
    a.tell(group(G), b"hello", &mut b).await;

    let expected: BTreeSet<String> = [
        PROTOCOL.to_string(),
        "/ipfs/id/1.0.0".into(),
        "/ipfs/id/push/1.0.0".into(),
    ]
    .into();
    let names = b
        .wait("identify", |s| match s {
            Seen::Identified(names) => Some(names.clone()),
            _ => None,
        })
        .await;
    assert_eq!(names, expected);
    b.never("change of protocols", |s| match s {
        Seen::Identified(names) => (*names != expected).then(|| names.clone()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn messages_flow_both_ways_when_both_gates_open_at_once() {
    let (mut a, mut b) = members(group(G)).await;

    a.tell(group(G), b"from a", &mut b).await;
    b.tell(group(G), b"from b", &mut a).await;
}

#[tokio::test]
async fn messages_flow_however_far_apart_the_gates_open() {
    let pairs = [0, 200, 1_500, 5_000].into_iter().flat_map(|apart| {
        [true, false].map(|first_is_dialler| async move {
            let (a, b) = tokio::join!(Node::memory(), Node::memory());
            let (mut a, mut b) = strangers(group(G), a, b).await;
            let (ours, theirs) = a.exchange(&mut b).await;
            if first_is_dialler {
                a.open(group(G), b.peer, ours, 1).await;
                sleep(Duration::from_millis(apart)).await;
                b.open(group(G), a.peer, theirs, 1).await;
            } else {
                b.open(group(G), a.peer, theirs, 1).await;
                sleep(Duration::from_millis(apart)).await;
                a.open(group(G), b.peer, ours, 1).await;
            }
            a.tell(group(G), b"from a", &mut b).await;
            b.tell(group(G), b"from b", &mut a).await;
            a.never("lost link", lost).await;
        })
    });
    futures::future::join_all(pairs).await;
}

#[tokio::test]
async fn a_duplicate_connection_neither_repeats_messages_nor_matters_when_it_goes() {
    let (mut a, mut b) = members(group(G)).await;
    let (spare, _) = a.connect(&mut b).await;
    b.connect(&mut a).await;

    a.tell(group(G), b"once", &mut b).await;
    b.never("second copy", heard).await;

    a.swarm(move |s| s.close_connection(spare)).await;
    let dialler = a.peer;
    b.wait("disconnection", |s| match s {
        Seen::Disconnected(p, _) if *p == dialler => Some(()),
        _ => None,
    })
    .await;
    a.tell(group(G), b"a again", &mut b).await;
    b.tell(group(G), b"b again", &mut a).await;
    a.never("lost link", lost).await;
}

#[tokio::test]
async fn a_link_whose_connection_goes_is_lost_and_can_be_opened_on_another() {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = (a, b);
    a.insert(group(G)).await;
    b.insert(group(G)).await;
    a.connect(&mut b).await;
    let (newest, _) = a.connect(&mut b).await;
    link(group(G), &mut a, &mut b, 1).await;

    a.swarm(move |s| s.close_connection(newest)).await;

    let expected = LinkLoss::Disconnected;
    let at_a = a.wait("loss", lost).await;
    let at_b = b.wait("loss", lost).await;
    assert_eq!(at_a, (group(G), b.peer, expected));
    assert_eq!(at_b, (group(G), a.peer, expected));
    link(group(G), &mut a, &mut b, 2).await;
    a.tell(group(G), b"from a", &mut b).await;
    b.tell(group(G), b"from b", &mut a).await;
}

#[tokio::test]
async fn a_closed_link_is_silent_and_opens_again_many_times_on_one_connection() {
    let (mut a, mut b) = members(group(G)).await;
    for round in 2..12 {
        a.close(group(G), b.peer).await;
        let early = a.groups(|g| g.publish(&group(G), vec![0; 10])).await;
        assert_eq!(early, Err(PublishError::NoNeighbours));

        link(group(G), &mut a, &mut b, round).await;
        a.tell(group(G), &[round, 1], &mut b).await;
        b.tell(group(G), &[round, 2], &mut a).await;
    }
    a.close(group(G), b.peer).await;
    a.forget();
    b.publish(group(G), b"to nobody").await;
    a.never("message after closing", heard).await;
}

#[tokio::test]
async fn m8_a_muted_link_carries_a_last_word_and_no_gossip() {
    let (mut a, mut b) = members(group(G)).await;
    let to = b.peer;
    a.groups(move |g| g.mute(&group(G), &to)).await;
    let early = a.groups(|g| g.publish(&group(G), vec![0; 10])).await;
    assert_eq!(early, Err(PublishError::NoNeighbours));
    a.groups(move |g| g.send_frame(&group(G), &to, b"removed".to_vec()))
        .await
        .expect("the channel is still there");
    assert_eq!(b.wait("frame", frame).await, b"removed");
    a.forget();
    b.publish(group(G), b"still here?").await;
    a.never("message of a muted peer", heard).await;

    // Muted again, closed, and opened anew, it is as ever.
    a.groups(move |g| g.mute(&group(G), &to)).await;
    a.close(group(G), b.peer).await;
    b.close(group(G), a.peer).await;
    link(group(G), &mut a, &mut b, 9).await;
    a.tell(group(G), b"hello again", &mut b).await;
    b.tell(group(G), b"and you", &mut a).await;
}

#[tokio::test]
async fn closing_one_side_ends_the_channel_of_the_other() {
    let (mut a, mut b) = members(group(G)).await;
    let to = b.peer;
    a.groups(move |g| g.send_frame(&group(G), &to, b"hello".to_vec()))
        .await
        .expect("it fits");
    b.wait("frame", frame).await;

    b.close(group(G), a.peer).await;

    let loss = a.wait("loss", lost).await;
    assert_eq!(loss, (group(G), b.peer, LinkLoss::StreamEnded));
    b.never("loss of a link it closed", lost).await;
}

#[tokio::test]
async fn a_member_that_never_opens_its_gate_is_given_up() {
    let mut config = Config::default();
    config.patience = Duration::from_secs(1);
    let (a, b) = tokio::join!(Node::memory_with(config), Node::memory());
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let (ours, _) = a.exchange(&mut b).await;

    a.open(group(G), b.peer, ours, 1).await;

    let loss = a.wait("loss", lost).await;
    assert_eq!(loss, (group(G), b.peer, LinkLoss::Refused));
    assert_eq!(a.groups(|g| g.links(&group(G)).count()).await, 0);
}

#[tokio::test]
async fn a_restarted_peer_with_the_same_identity_is_linked_anew() {
    let (key_a, key_b) = (Keypair::generate_ed25519(), Keypair::generate_ed25519());
    let (a, b) = tokio::join!(Node::quic(&key_a), Node::quic(&key_b));
    let (mut a, mut b) = strangers(group(G), a, b).await;
    link(group(G), &mut a, &mut b, 1).await;
    a.tell(group(G), b"before", &mut b).await;

    // No goodbye: the old connection is still open as far as `a` knows.
    let mut reborn = Node::quic(&key_b).await;
    reborn.insert(group(G)).await;
    reborn.connect(&mut a).await;
    let (theirs, ours) = reborn.exchange(&mut a).await;
    a.open(group(G), reborn.peer, ours, 2).await;
    reborn.open(group(G), a.peer, theirs, 2).await;
    drop(b);

    a.tell(group(G), b"from a", &mut reborn).await;
    reborn.tell(group(G), b"from b", &mut a).await;
}

#[tokio::test]
async fn groups_do_not_hear_one_another() {
    let (mut a, mut b) = members(group(1)).await;
    a.insert(group(2)).await;
    b.insert(group(2)).await;

    let published = a.groups(|g| g.publish(&group(2), vec![2; 20])).await;
    assert_eq!(published, Err(PublishError::NoNeighbours));
    a.tell(group(1), b"for group 1", &mut b).await;
    link(group(2), &mut a, &mut b, 2).await;
    a.tell(group(2), b"for group 2", &mut b).await;

    b.never("message in the wrong group", |s| match s {
        Seen::Net(Event::Heard {
            group: g, bytes, ..
        }) => Some((*g, bytes.clone())),
        _ => None,
    })
    .await;
    b.groups(|g| g.remove_group(&group(1))).await;
    b.tell(group(2), b"the other goes on", &mut a).await;
}

#[tokio::test]
async fn a_removed_group_is_gone_for_its_peers() {
    let (a, mut b) = members(group(G)).await;

    b.groups(|g| g.remove_group(&group(G))).await;
    a.publish(group(G), b"to nobody").await;

    b.never("message in a removed group", heard).await;
    let published = b.groups(|g| g.publish(&group(G), vec![1])).await;
    assert_eq!(published, Err(PublishError::UnknownGroup));
    a.close(group(G), b.peer).await;
}

#[tokio::test]
async fn the_largest_messages_arrive_back_to_back() {
    let (a, mut b) = members(group(G)).await;
    let message = |n: u8| vec![n; MAX_GOSSIP_BYTES];

    for n in 0..20 {
        a.publish(group(G), &message(n)).await;
    }

    for n in 0..20 {
        b.hear(group(G), &message(n)).await;
    }
    let too_long = vec![0; MAX_GOSSIP_BYTES + 1];
    let published = a.groups(|g| g.publish(&group(G), too_long)).await;
    assert_eq!(published, Err(PublishError::TooLong));
}

#[tokio::test]
async fn a_thousand_small_messages_all_arrive() {
    let (a, mut b) = members(group(G)).await;

    for n in 0..1_000_u32 {
        a.publish(group(G), &n.to_be_bytes()).await;
    }

    let mut missing: BTreeSet<Vec<u8>> = (0..1_000_u32).map(|n| n.to_be_bytes().into()).collect();
    while !missing.is_empty() {
        let bytes = b
            .wait("message", |s| match s {
                Seen::Net(Event::Heard { bytes, .. }) => Some(bytes.clone()),
                _ => None,
            })
            .await;
        assert!(missing.remove(&bytes), "heard once");
    }
}

#[tokio::test]
async fn a_message_crosses_a_member_in_the_middle_only_when_accepted() {
    let (a, mut b) = members(group(G)).await;
    let mut c = Node::memory().await;
    c.insert(group(G)).await;
    b.connect(&mut c).await;
    link(group(G), &mut b, &mut c, 2).await;

    a.tell(group(G), b"through b", &mut b).await;

    c.hear(group(G), b"through b").await;
    a.tell(group(G), b"bad news", &mut b).await;
    c.never("message its neighbour rejected", |s| match s {
        Seen::Net(Event::Heard { bytes, .. }) => (bytes == b"bad news").then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_hundred_mebibytes_cross_the_channel_in_order_and_in_bounded_memory() {
    const FRAMES: u32 = 100;
    let (mut a, mut b) = members(group(G)).await;
    let to = b.peer;

    let sending = async {
        let (mut sent, mut refusals) = (0, 0);
        while sent < FRAMES {
            let queued = a
                .groups(move |g| {
                    (sent..FRAMES)
                        .take_while(|n| g.send_frame(&group(G), &to, numbered(*n)).is_ok())
                        .count()
                })
                .await;
            assert!(queued <= 4, "no more is queued than 4 MiB");
            sent += queued as u32;
            if sent < FRAMES {
                refusals += 1;
                a.wait("drained", |s| {
                    matches!(s, Seen::Net(Event::Drained { .. })).then_some(())
                })
                .await;
            }
        }
        refusals
    };
    let receiving = async {
        for n in 0..FRAMES {
            assert!(b.wait("frame", frame).await == numbered(n), "frame {n}");
        }
    };
    let (refusals, ()) = tokio::join!(sending, receiving);

    assert!(
        refusals >= 24,
        "every 4 MiB at the latest the sender is told to wait"
    );
}

#[tokio::test]
async fn small_frames_keep_their_order_and_their_edges() {
    let (a, mut b) = members(group(G)).await;
    let to = b.peer;
    for n in 0..5_000_usize {
        let frame = vec![n as u8; n % 37];
        a.groups(move |g| g.send_frame(&group(G), &to, frame))
            .await
            .expect("5 000 small frames fit");
    }

    for n in 0..5_000_usize {
        assert_eq!(b.wait("frame", frame).await, vec![n as u8; n % 37]);
    }
    let sent = a
        .groups(move |g| g.send_frame(&group(G), &to, vec![0; MAX_FRAME_BYTES + 1]))
        .await;
    assert_eq!(sent, Err(SendError::TooLong));
}

#[tokio::test]
async fn an_exchange_carries_frames_both_ways_and_its_last_words() {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let (ours, theirs) = a.exchange(&mut b).await;

    a.groups(move |g| g.send_exchange(ours, b"question".to_vec()))
        .await;
    assert_eq!(b.wait("frame", exchange_frame).await, b"question");
    b.groups(move |g| {
        g.send_exchange(theirs, b"answer".to_vec());
        g.end_exchange(theirs);
    })
    .await;

    assert_eq!(a.wait("frame", exchange_frame).await, b"answer");
    a.wait("end", exchange_ended).await;
    b.never("end of an exchange it ended", exchange_ended).await;
    // A link can still be opened by it.
    a.open(group(G), b.peer, ours, 1).await;
    b.open(group(G), a.peer, theirs, 1).await;
    a.tell(group(G), b"linked", &mut b).await;
}

#[tokio::test]
async fn an_exchange_ends_by_itself() {
    let mut config = Config::default();
    config.exchange_lifetime = Duration::from_millis(300);
    let (a, b) = tokio::join!(Node::memory(), Node::memory_with(config));
    let (mut a, mut b) = strangers(group(G), a, b).await;

    a.exchange(&mut b).await;

    b.wait("end", exchange_ended).await;
    a.wait("end", exchange_ended).await;
}

#[tokio::test]
async fn an_exchange_with_too_many_frames_is_misbehaviour() {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let (ours, _) = a.exchange(&mut b).await;

    for _ in 0..100 {
        a.groups(move |g| g.send_exchange(ours, vec![0; 10])).await;
    }

    let what = b
        .wait("misbehaviour", |s| match s {
            Seen::Net(Event::Misbehaved { what, .. }) => Some(*what),
            _ => None,
        })
        .await;
    assert_eq!(what, Misbehaviour::TooManyExchangeFrames);
    b.wait("end", exchange_ended).await;
}

#[tokio::test]
async fn a_link_opens_only_by_an_exchange_with_that_peer() {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let mut c = Node::memory().await;
    a.connect(&mut c).await;
    let (ours, _) = a.exchange(&mut b).await;
    let (other, unknown_group) = (c.peer, group(9));

    let handle = || peerage_protocol::net::group_net::LinkHandle::from_bytes([1; 32]);
    let opened = a
        .groups(move |g| g.open(group(G), other, ours, handle()))
        .await;
    assert_eq!(opened, Err(OpenError::UnknownExchange));
    let to = b.peer;
    let opened = a
        .groups(move |g| g.open(unknown_group, to, ours, handle()))
        .await;
    assert_eq!(opened, Err(OpenError::UnknownGroup));
}

#[tokio::test]
async fn messages_frames_and_exchanges_pass_over_quic() {
    let (key_a, key_b) = (Keypair::generate_ed25519(), Keypair::generate_ed25519());
    let (a, b) = tokio::join!(Node::quic(&key_a), Node::quic(&key_b));
    let (mut a, mut b) = strangers(group(G), a, b).await;
    let (ours, theirs) = a.exchange(&mut b).await;
    b.groups(move |g| {
        g.send_exchange(theirs, b"last word".to_vec());
        g.end_exchange(theirs);
    })
    .await;
    assert_eq!(a.wait("frame", exchange_frame).await, b"last word");
    a.open(group(G), b.peer, ours, 1).await;
    b.open(group(G), a.peer, theirs, 1).await;

    a.tell(group(G), b"from a", &mut b).await;
    b.tell(group(G), &[1; MAX_GOSSIP_BYTES], &mut a).await;
    let to = b.peer;
    a.groups(move |g| g.send_frame(&group(G), &to, vec![3; MAX_FRAME_BYTES]))
        .await
        .expect("it fits");
    assert_eq!(b.wait("frame", frame).await, vec![3; MAX_FRAME_BYTES]);
    b.close(group(G), a.peer).await;
    assert_eq!(a.wait("loss", lost).await.2, LinkLoss::StreamEnded);
}

fn frame(seen: &Seen) -> Option<Vec<u8>> {
    match seen {
        Seen::Net(Event::Frame { frame, .. }) => Some(frame.clone()),
        _ => None,
    }
}

fn exchange_frame(seen: &Seen) -> Option<Vec<u8>> {
    match seen {
        Seen::Net(Event::ExchangeFrame { frame, .. }) => Some(frame.clone()),
        _ => None,
    }
}

fn exchange_ended(seen: &Seen) -> Option<()> {
    matches!(seen, Seen::Net(Event::ExchangeEnded { .. })).then_some(())
}

fn numbered(n: u32) -> Vec<u8> {
    let mut frame = vec![n as u8; MAX_FRAME_BYTES];
    frame[..4].copy_from_slice(&n.to_be_bytes());
    frame
}
