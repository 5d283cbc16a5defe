//! Direct connections of `GroupNet` over real streams: who gets one, what it carries, and how it ends.
#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod group_net;

use std::{io, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt, future::join};
use group_net::{
    DEADLINE, Node, Seen, group, heard, lost, members,
    raw::{Raw, header},
};
use libp2p::PeerId;
use libp2p_identity::Keypair;
use peerage_protocol::{
    direct::ConnectionId,
    net::{
        DirectStream,
        group_net::{Event, LinkHandle},
    },
};
use tokio::time::timeout;

const G: u8 = 1;
const DIRECT: u8 = 4;
const REFUSED: u8 = 0;
const ACCEPTED: u8 = 1;

fn id(number: u64) -> ConnectionId {
    ConnectionId::new(number).unwrap()
}

fn handle(byte: u8) -> LinkHandle {
    LinkHandle::from_bytes([byte; 32])
}

async fn expect(node: &Node, number: u64, from: PeerId, byte: u8) {
    node.groups(move |g| g.expect_direct(id(number), group(G), from, &handle(byte)))
        .await;
}

async fn open(node: &Node, number: u64, to: PeerId, byte: u8) {
    node.groups(move |g| g.open_direct(id(number), group(G), to, handle(byte)))
        .await;
}

async fn close(node: &Node, number: u64) {
    node.groups(move |g| g.close_direct(id(number))).await;
}

async fn taken(node: &mut Node, number: u64) -> DirectStream {
    node.wait("open stream", |s| match s {
        Seen::Net(Event::DirectOpened { id: of, address }) if *of == id(number) => {
            assert!(address.is_some());
            Some(())
        }
        _ => None,
    })
    .await;
    let stream = node.groups(move |g| g.take_direct(id(number))).await;
    let again = node.groups(move |g| g.take_direct(id(number))).await;
    assert!(again.is_none(), "it is there once");
    stream.unwrap()
}

async fn failed(node: &mut Node, number: u64) {
    node.wait("failure", |s| match s {
        Seen::Net(Event::DirectFailed { id: of }) if *of == id(number) => Some(()),
        _ => None,
    })
    .await;
}

async fn connected(a: &mut Node, b: &mut Node, number: u64) -> (DirectStream, DirectStream) {
    let byte = number as u8;
    expect(b, number, a.peer, byte).await;
    open(a, number, b.peer, byte).await;
    (taken(a, number).await, taken(b, number).await)
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("in time")
}

async fn pair() -> (Node, Node) {
    let (mut a, mut b) = tokio::join!(
        async { Node::quic(&Keypair::generate_ed25519()).await },
        async { Node::quic(&Keypair::generate_ed25519()).await }
    );
    a.insert(group(G)).await;
    b.insert(group(G)).await;
    a.connect(&mut b).await;
    (a, b)
}

#[tokio::test]
async fn bytes_go_both_ways_and_a_close_is_told_from_a_cut() {
    let (mut a, mut b) = pair().await;
    let (mut ours, mut theirs) = connected(&mut a, &mut b, 1).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let copy = sent.clone();
    let write = async {
        ours.write_all(&copy).await.unwrap();
        ours.close().await.unwrap();
        let mut back = Vec::new();
        ours.read_to_end(&mut back).await.unwrap();
        back
    };
    let read = async {
        let mut found = Vec::new();
        theirs.read_to_end(&mut found).await.unwrap();
        theirs.write_all(b"thank you").await.unwrap();
        theirs.close().await.unwrap();
        found
    };
    let (back, found) = in_time(join(write, read)).await;
    assert!(found == sent, "3 MB arrive as they were");
    assert_eq!(back, b"thank you");

    // Dropped without a close: what was flushed arrives, and that there was more to come is seen.
    let (mut ours, mut theirs) = connected(&mut a, &mut b, 2).await;
    ours.write_all(b"half").await.unwrap();
    ours.flush().await.unwrap();
    drop(ours);
    let mut found = Vec::new();
    let end = in_time(theirs.read_to_end(&mut found)).await;
    assert_eq!(found, b"half");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    a.never("message", heard).await;
}

#[tokio::test]
async fn a_cut_wakes_and_fails_whoever_holds_the_stream_on_both_sides() {
    let (mut a, mut b) = pair().await;
    let (ours, theirs) = connected(&mut a, &mut b, 1).await;
    let (mut reader, mut writer) = ours.split();
    let reading = tokio::spawn(async move { reader.read(&mut [0; 8]).await });
    // Writes until the other side's window is full, and then waits.
    let (tell, told) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn(async move {
        let block = vec![0; 1 << 20];
        let mut tell = Some(tell);
        loop {
            let full = timeout(Duration::from_millis(300), writer.write_all(&block)).await;
            match full {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.kind(),
                Err(_) => {
                    if let Some(tell) = tell.take() {
                        let _ = tell.send(());
                    }
                }
            }
        }
    });
    in_time(told).await.expect("it is full after a while");

    close(&a, 1).await;

    let error = in_time(reading).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    let kind = in_time(writing).await.unwrap();
    assert_eq!(kind, io::ErrorKind::ConnectionAborted);
    let mut theirs = theirs;
    let end = in_time(theirs.read_to_end(&mut Vec::new())).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let after = async {
        loop {
            if let Err(error) = theirs.write_all(&[0; 1 << 16]).await {
                return error;
            }
        }
    };
    in_time(after).await;

    // Before anybody has taken it, and by the end of the group.
    let (mut ours, _theirs) = connected(&mut a, &mut b, 2).await;
    a.groups(|g| g.remove_group(&group(G))).await;
    let error = ours.write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    open(&a, 3, b.peer, 3).await;
    failed(&mut a, 3).await;
}

#[tokio::test]
async fn a_handle_is_good_once_for_one_peer_while_it_is_expected() {
    let (mut a, mut b) = members(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let mut other = Raw::connect(&mut a).await;

    assert_eq!(raw.reply(&header(DIRECT, 9, 0)).await, [REFUSED], "unknown");
    expect(&a, 1, raw.peer, 9).await;
    let reply = other.reply(&header(DIRECT, 9, 0)).await;
    assert_eq!(reply, [REFUSED], "another peer's");
    let (answer, stream) = raw.ask(&header(DIRECT, 9, 0)).await;
    assert_eq!(answer, ACCEPTED);
    let mut ours = taken(&mut a, 1).await;
    assert_eq!(raw.reply(&header(DIRECT, 9, 0)).await, [REFUSED], "again");

    // What is no chunk ends this connection, and nothing else.
    let mut stream = stream;
    stream.write_all(&[0xff; 64]).await.unwrap();
    stream.flush().await.unwrap();
    let error = in_time(ours.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    a.tell(group(G), b"still here", &mut b).await;
    a.never("lost link", lost).await;

    expect(&a, 2, raw.peer, 10).await;
    close(&a, 2).await;
    let reply = raw.reply(&header(DIRECT, 10, 0)).await;
    assert_eq!(reply, [REFUSED], "expected no more");

    // Somebody who opens what nobody expects is told that it failed.
    open(&b, 4, a.peer, 11).await;
    failed(&mut b, 4).await;
    let stranger = PeerId::random();
    open(&b, 5, stranger, 12).await;
    failed(&mut b, 5).await;
}

#[tokio::test]
async fn a_lost_connection_ends_its_streams_with_an_error_and_keeps_none_alive() {
    let (mut a, mut b) = pair().await;
    let (mut ours, mut theirs) = connected(&mut a, &mut b, 1).await;
    let to = b.peer;
    a.swarm(move |s| s.disconnect_peer_id(to)).await.unwrap();
    assert!(in_time(ours.read(&mut [0; 8])).await.is_err());
    assert!(in_time(theirs.read(&mut [0; 8])).await.is_err());
}
