//! The pumps over streams in memory.

use std::{
    collections::BTreeSet,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite, FutureExt, future::poll_fn};
use peerage_protocol::net::DirectStream;
use peerage_records::id::{GroupId, IdentityKey};
use tokio::io::{
    AsyncRead as TokioRead, AsyncReadExt as _, AsyncWrite as TokioWrite, AsyncWriteExt as _,
    DuplexStream, ReadBuf,
};

use super::*;
use crate::model::{ConnectionKind, ConnectionMode};

/// By then everything has happened that happens at all, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// What has not happened by then is taken to be held up.
const BRIEF: Duration = Duration::from_secs(1);
/// What a stream in memory holds before its writer waits.
const WINDOW: usize = 256 * 1024;

/// A stream of tokio's as one of futures'.
struct InMemory(DuplexStream);

impl AsyncRead for InMemory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut into))?;
        Poll::Ready(Ok(into.filled().len()))
    }
}

impl AsyncWrite for InMemory {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn halves(stream: DuplexStream) -> Halves {
    DirectStream::new(InMemory(stream)).0.split()
}

/// One node's half, without the node.
struct Side {
    directs: Arc<Directs>,
    noted: mpsc::UnboundedReceiver<Note>,
}

fn replica() -> ReplicaId {
    ReplicaId::of(
        &IdentityKey::from_bytes([1; 32]),
        &GroupId::from_bytes([2; 32]),
    )
}

fn id(number: u64) -> ConnectionId {
    ConnectionId::new(number).unwrap()
}

fn chat() -> MessageType {
    MessageType::from_name("chat")
}

fn info(number: u64, mode: ConnectionMode, incoming: bool) -> ConnectionInfo {
    ConnectionInfo {
        id: id(number),
        kind: ConnectionKind::Direct,
        node: "node".to_owned(),
        member: "ada".to_owned(),
        friendly_name: "Ada".to_owned(),
        address: None,
        incoming,
        mode,
        since: String::new(),
    }
}

impl Side {
    fn new() -> Self {
        let (directs, noted) = Directs::new(Arc::new(Metrics::new()));
        Self { directs, noted }
    }

    fn listen(&self, interest: DirectInterest) -> Registration {
        self.directs.listen(replica(), interest, None).unwrap()
    }

    fn open(&self, number: u64, mode: ConnectionMode, stream: DuplexStream) {
        let info = info(number, mode, false);
        self.directs.connected(replica(), info, halves(stream));
    }

    async fn send(&self, number: u64, data: impl Into<Bytes>) -> Result<(), SendFailure> {
        let (directs, data) = (&self.directs, data.into());
        directs.send(replica(), id(number), chat(), data).await
    }

    async fn ended(&mut self) -> Option<(u64, DirectEnd)> {
        let wait = async {
            loop {
                match self.noted.recv().await? {
                    Note::Ended(id, end) => return Some((id.get(), end)),
                    Note::Close(_) | Note::Listening(_) => {}
                }
            }
        };
        timeout(DEADLINE, wait).await.ok().flatten()
    }
}

/// Two sides joined by one connection, called 1 on both.
fn joined(mode: ConnectionMode) -> (Side, Side) {
    let (here, there) = tokio::io::duplex(WINDOW);
    let (a, b) = (Side::new(), Side::new());
    a.open(1, mode, here);
    b.open(1, mode, there);
    (a, b)
}

async fn next(listener: &Registration) -> Option<DirectEvent> {
    let next = poll_fn(|cx| listener.poll_next(cx));
    timeout(DEADLINE, next).await.ok()
}

/// Whether the listener is told nothing.
async fn silent(listener: &Registration) -> bool {
    let next = poll_fn(|cx| listener.poll_next(cx));
    timeout(BRIEF, next).await.is_err()
}

async fn data(listener: &Registration) -> DirectMessage {
    match next(listener).await {
        Some(DirectEvent::Data(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_arrive_whole_in_order_and_of_any_size() {
    let (a, b) = joined(ConnectionMode::Messages);
    let listener = b.listen(DirectInterest::messages());
    let sizes = [
        0,
        1,
        64,
        16 * 1024,
        16 * 1024 + 1,
        1 << 20,
        MAX_DIRECT_MESSAGE_BYTES,
    ];
    let sender = tokio::spawn(async move {
        for (number, size) in sizes.into_iter().enumerate() {
            let data: Vec<u8> = (0..size).map(|at| (at % 251 + number) as u8).collect();
            a.send(1, data).await.unwrap();
        }
        a
    });
    for (number, size) in sizes.into_iter().enumerate() {
        let message = data(&listener).await;
        assert_eq!((message.id, message.kind), (id(1), chat()));
        assert_eq!(message.data.len(), size);
        let right = |(at, byte): (usize, &u8)| *byte == (at % 251 + number) as u8;
        assert!(message.data.iter().enumerate().all(right), "{size}");
    }
    let a = sender.await.unwrap();
    let too_long = a.send(1, vec![0; MAX_DIRECT_MESSAGE_BYTES + 1]).await;
    assert!(
        matches!(too_long, Err(SendFailure::Message(_))),
        "{too_long:?}"
    );
    for kind in [MessageType::NIL, MessageType::PING] {
        let sent = a.directs.send(replica(), id(1), kind, Bytes::new()).await;
        assert!(matches!(sent, Err(SendFailure::Message(_))), "{sent:?}");
    }
}

#[tokio::test]
async fn senders_take_turns_and_one_that_gives_up_spoils_nothing() {
    let (a, b) = joined(ConnectionMode::Messages);
    // Nobody takes anything out of the stream: more than it holds, so the sender is in the middle.
    let listener = b.listen(DirectInterest::messages());
    let fit = MAX_CONNECTION_BYTES / (1 << 20) - 1;
    for _ in 0..fit {
        a.send(1, vec![7; 1 << 20]).await.unwrap();
    }
    let given_up = timeout(BRIEF, a.send(1, vec![8; 1 << 20])).await;
    assert!(given_up.is_err(), "the stream is full");
    let a = Arc::new(a);
    let senders: Vec<_> = (0..8)
        .map(|number| {
            let a = Arc::clone(&a);
            tokio::spawn(async move {
                for _ in 0..50 {
                    a.send(1, vec![number; 3_000]).await.unwrap();
                }
            })
        })
        .collect();
    let mut whole = BTreeSet::new();
    for _ in 0..fit + 1 + 8 * 50 {
        let message = data(&listener).await;
        assert!(message.data.iter().all(|byte| *byte == message.data[0]));
        whole.insert((message.data[0], message.data.len()));
    }
    assert!(
        whole.contains(&(8, 1 << 20)),
        "what was begun is sent to its end"
    );
    assert_eq!(whole.len(), 2 + 8);
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn a_lone_listener_that_does_not_read_holds_the_sender_up() {
    let (a, b) = joined(ConnectionMode::Messages);
    let listener = b.listen(DirectInterest::messages());
    let mut sent = 0;
    while timeout(BRIEF, a.send(1, vec![0; 100_000])).await.is_ok() {
        sent += 100_000;
        assert!(sent < 2 * MAX_CONNECTION_BYTES, "nothing holds it up");
    }
    assert!(sent >= MAX_CONNECTION_BYTES / 2, "{sent}");
    // The last one was given up in the middle, and arrives all the same.
    for _ in 0..sent / 100_000 + 1 {
        data(&listener).await;
    }
    assert!(silent(&listener).await, "nothing was lost");
    // The same by number.
    let mut small = 0;
    while timeout(BRIEF, a.send(1, "x")).await.is_ok() {
        small += 1;
        assert!(
            small < 20 * MAX_CONNECTION_BYTES / 1_024,
            "nothing holds it up"
        );
    }
    // Without the listener everything goes on.
    drop(listener);
    assert!(timeout(DEADLINE, a.send(1, "x")).await.is_ok());
}

#[tokio::test]
async fn of_several_listeners_one_that_stalls_loses_and_is_told_how_much() {
    for size in [10, 1 << 20] {
        let (a, b) = joined(ConnectionMode::Messages);
        let stalled = b.listen(DirectInterest::messages());
        let busy = b.listen(DirectInterest::messages());
        let count = 3_000 * 10 / size.min(1_000) as u64 + 20;
        let sender = tokio::spawn(async move {
            for _ in 0..count {
                a.send(1, vec![0; size]).await.unwrap();
            }
            a
        });
        for _ in 0..count {
            data(&busy).await;
        }
        let a = sender.await.unwrap();
        let Some(DirectEvent::Missed { messages }) = next(&stalled).await else {
            panic!("it was not told");
        };
        assert_eq!(messages, count, "what waited went too");
        // It reads again, and is told of what comes.
        a.send(1, "again").await.unwrap();
        assert_eq!(data(&stalled).await.data.as_ref(), b"again");
    }
}

fn types(kind: MessageType) -> DirectInterest {
    DirectInterest {
        data: DataInterest::Types(BTreeSet::from([kind])),
        ..DirectInterest::messages()
    }
}

#[tokio::test]
async fn one_that_stalls_does_not_hold_up_those_behind_it_on_the_same_connection() {
    let (a, b) = joined(ConnectionMode::Messages);
    let photo = MessageType::from_name("photo");
    let stalled = b.listen(types(photo));
    let busy = b.listen(types(chat()));
    let mut photos = 0;
    let sending = async {
        loop {
            let picture = Bytes::from(vec![0; 1 << 20]);
            a.directs
                .send(replica(), id(1), photo, picture)
                .await
                .unwrap();
            photos += 1;
            a.send(1, "behind").await.unwrap();
        }
    };
    let reading = async {
        for _ in 0..100 {
            data(&busy).await;
        }
    };
    tokio::select! {
        () = sending => {}
        () = reading => {}
    }
    let Some(DirectEvent::Missed { messages }) = next(&stalled).await else {
        panic!("it was not told");
    };
    assert!((16..=photos).contains(&messages), "{messages} of {photos}");
}

#[tokio::test]
async fn the_room_of_stalled_groups_is_there_for_one_that_reads() {
    let (side, remote) = (Side::new(), Side::new());
    let group = |number: u8| {
        let group = GroupId::from_bytes([number; 32]);
        ReplicaId::of(&IdentityKey::from_bytes([3; 32]), &group)
    };
    let open = |group, number| {
        let (here, there) = tokio::io::duplex(WINDOW);
        let info = info(number, ConnectionMode::Messages, false);
        side.directs.connected(group, info, halves(here));
        remote.open(number, ConnectionMode::Messages, there);
    };
    let listen = |group| {
        let interest = DirectInterest::messages();
        side.directs.listen(group, interest, None).unwrap()
    };
    // Four groups whose applications do not read: all the room there is.
    let _stalled: Vec<_> = (1..=4).map(|number| listen(group(number))).collect();
    for number in 0..20 {
        open(group(number / 5 + 1), u64::from(number) + 1);
    }
    let large = || vec![0; MAX_DIRECT_MESSAGE_BYTES];
    let fill = futures::future::join_all((1..=20).map(|number| remote.send(number, large())));
    assert!(
        timeout(2 * BRIEF, fill).await.is_err(),
        "there is not room for all"
    );

    let busy = listen(group(9));
    open(group(9), 30);
    let sent = timeout(DEADLINE, remote.send(30, large())).await;
    sent.expect("it goes on").unwrap();
    assert!(matches!(next(&busy).await, Some(DirectEvent::Connected(_))));
    data(&busy).await;
}

#[tokio::test]
async fn each_listener_gets_what_it_asked_for() {
    let (a, b) = joined(ConnectionMode::Messages);
    let photo = MessageType::from_name("photo");
    let all = b.listen(DirectInterest::messages());
    let photos = b.listen(types(photo));
    let connections = b.listen(DirectInterest {
        data: DataInterest::None,
        ..DirectInterest::messages()
    });
    let data_alone = b.listen(DirectInterest {
        connections: false,
        ..DirectInterest::messages()
    });
    a.send(1, "hello").await.unwrap();
    a.directs
        .send(replica(), id(1), photo, Bytes::from_static(b"smile"))
        .await
        .unwrap();
    assert_eq!(data(&all).await.data.as_ref(), b"hello");
    assert_eq!(data(&all).await.data.as_ref(), b"smile");
    assert_eq!(data(&photos).await.data.as_ref(), b"smile");
    assert!(silent(&photos).await);
    assert!(silent(&connections).await);
    assert!(silent(&data_alone).await);
    // Nobody's messages are taken out of the stream and forgotten.
    drop((all, photos));
    for _ in 0..100 {
        let sent = timeout(DEADLINE, a.send(1, vec![0; 1 << 20])).await;
        sent.expect("it goes on").unwrap();
    }
}

#[tokio::test]
async fn what_was_sent_before_closing_arrives_and_then_the_end() {
    let (mut a, mut b) = joined(ConnectionMode::Messages);
    let listener = b.listen(DirectInterest::messages());
    for _ in 0..10 {
        a.send(1, vec![1; 10_000]).await.unwrap();
    }
    assert!(a.directs.close(replica(), id(1)).await);
    assert!(!a.directs.close(replica(), id(1)).await, "closed already");
    assert!(matches!(a.send(1, "x").await, Err(SendFailure::NotFound)));
    assert_eq!(a.ended().await, Some((1, DirectEnd::ClosedHere)));
    for _ in 0..10 {
        data(&listener).await;
    }
    assert_eq!(b.ended().await, Some((1, DirectEnd::ClosedThere)));
    let peer = PeerId::random();
    let gone = (peer, "ada".to_owned());
    b.directs
        .disconnected(replica(), id(1), gone, DirectEnd::ClosedThere);
    let last = next(&listener).await;
    assert!(
        matches!(&last, Some(DirectEvent::Disconnected(end)) if end.reason == "closed_there"),
        "{last:?}"
    );
    assert!(silent(&listener).await, "once");
    assert!(matches!(b.send(1, "x").await, Err(SendFailure::NotFound)));
}

/// As bytes lie on the stream.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

#[tokio::test]
async fn what_is_no_message_breaks_the_connection() {
    let header = |kind: MessageType, length: u32| {
        [kind.as_bytes().as_slice(), &length.to_be_bytes()].concat()
    };
    for bytes in [
        header(MessageType::NIL, 1),
        header(chat(), 1 << 25),
        header(chat(), 5),
        vec![1, 2, 3],
    ] {
        let bytes = chunk(&bytes);
        let (here, mut there) = tokio::io::duplex(WINDOW);
        let mut side = Side::new();
        let listener = side.listen(DirectInterest::messages());
        side.open(1, ConnectionMode::Messages, here);
        assert!(matches!(
            next(&listener).await,
            Some(DirectEvent::Connected(_))
        ));
        there.write_all(&bytes).await.unwrap();
        drop(there);
        assert_eq!(
            side.ended().await,
            Some((1, DirectEnd::Broken)),
            "{bytes:?}"
        );
    }
    // A large message that stops coming does not keep its room for ever.
    let (here, mut there) = tokio::io::duplex(WINDOW);
    let mut side = Side::new();
    side.open(1, ConnectionMode::Messages, here);
    let begun = chunk(&header(chat(), 1 << 20));
    there.write_all(&begun).await.unwrap();
    assert_eq!(side.ended().await, Some((1, DirectEnd::Broken)));
    // Nor does one that comes a byte at a time.
    let (here, mut there) = tokio::io::duplex(WINDOW);
    let mut side = Side::new();
    side.open(1, ConnectionMode::Messages, here);
    there.write_all(&begun).await.unwrap();
    let dripping = async {
        while there.write_all(&chunk(&[0])).await.is_ok() {
            tokio::time::sleep(BRIEF / 10).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        ended = side.ended() => assert_eq!(ended, Some((1, DirectEnd::Broken))),
        () = dripping => {}
    }
}

#[tokio::test]
async fn nobody_is_let_in_for_what_nobody_asked_for() {
    for (interest, mode) in [
        (DirectInterest::default(), ConnectionMode::Messages),
        (DirectInterest::messages(), ConnectionMode::Stream),
    ] {
        let (here, _there) = tokio::io::duplex(WINDOW);
        let mut side = Side::new();
        let listener = side.listen(interest);
        side.directs
            .connected(replica(), info(1, mode, true), halves(here));
        assert!(matches!(side.noted.recv().await, Some(Note::Close(of)) if of == id(1)));
        assert!(silent(&listener).await);
        assert!(side.directs.list(replica()).is_empty());
    }
}

#[tokio::test]
async fn a_pipe_carries_bytes_and_each_direction_ends_by_itself() {
    let (mut a, mut b) = joined(ConnectionMode::Stream);
    let mut here = a.directs.take_pipe(replica(), id(1)).unwrap();
    assert!(a.directs.take_pipe(replica(), id(1)).is_none(), "taken");
    let mut there = b.directs.take_pipe(replica(), id(1)).unwrap();
    let bytes: Vec<u8> = (0..3_000_000).map(|at| (at % 253) as u8).collect();
    let sent = bytes.clone();
    let sender = tokio::spawn(async move {
        here.write_all(&[]).await.unwrap();
        here.write_all(&sent).await.unwrap();
        here.shutdown().await.unwrap();
        let error = here.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let mut answer = String::new();
        here.read_to_string(&mut answer).await.unwrap();
        here.finish().await.unwrap();
        answer
    });
    let mut received = Vec::new();
    there.read_to_end(&mut received).await.unwrap();
    assert!(received == bytes);
    there.write_all(b"thank you").await.unwrap();
    there.shutdown().await.unwrap();
    assert_eq!(sender.await.unwrap(), "thank you");
    assert_eq!(a.ended().await, Some((1, DirectEnd::ClosedThere)));
    // Both directions have ended: dropped, it has ended in order.
    drop(there);
    assert_eq!(b.ended().await, Some((1, DirectEnd::ClosedThere)));
}

#[tokio::test]
async fn who_finishes_knows_whether_everything_was_taken() {
    // What arrived and was not read is not taken, and neither is what was read and is still in hand.
    for reads in [false, true] {
        let (mut a, b) = joined(ConnectionMode::Stream);
        let mut here = a.directs.take_pipe(replica(), id(1)).unwrap();
        let mut there = b.directs.take_pipe(replica(), id(1)).unwrap();
        there.take_by_hand();
        here.write_all(b"all of it").await.unwrap();
        there.shutdown().await.unwrap();
        here.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(timeout(BRIEF / 10, here.finish()).await.is_err());
        if reads {
            there.read_to_end(&mut Vec::new()).await.unwrap();
            assert!(timeout(BRIEF / 10, here.finish()).await.is_err());
        }
        drop(there);
        assert!(here.finish().await.is_err());
        assert_eq!(a.ended().await, Some((1, DirectEnd::Broken)));
    }
    let (a, b) = joined(ConnectionMode::Stream);
    let mut here = a.directs.take_pipe(replica(), id(1)).unwrap();
    let mut there = b.directs.take_pipe(replica(), id(1)).unwrap();
    there.take_by_hand();
    here.write_all(b"all of it").await.unwrap();
    let (ours, theirs) = tokio::join!(
        async {
            here.shutdown().await?;
            here.read_to_end(&mut Vec::new()).await?;
            here.finish().await
        },
        async {
            there.shutdown().await?;
            there.read_to_end(&mut Vec::new()).await?;
            there.finish().await
        },
    );
    assert!(ours.is_ok() && theirs.is_ok(), "{ours:?} {theirs:?}");
}

#[tokio::test]
async fn a_pipe_that_is_dropped_early_is_closed_here() {
    let (mut a, b) = joined(ConnectionMode::Stream);
    let mut here = a.directs.take_pipe(replica(), id(1)).unwrap();
    here.write_all(b"the first half").await.unwrap();
    drop(here);
    assert_eq!(a.ended().await, Some((1, DirectEnd::ClosedHere)));
    drop(b);
}

#[tokio::test]
async fn a_pipe_that_nobody_takes_is_closed() {
    let (mut a, b) = joined(ConnectionMode::Stream);
    let _there = b.directs.take_pipe(replica(), id(1)).unwrap();
    assert_eq!(a.ended().await, Some((1, DirectEnd::ClosedHere)));
    assert!(a.directs.take_pipe(replica(), id(1)).is_none());
}

#[tokio::test]
async fn an_attempt_is_followed_through_its_referrals() {
    let side = Side::new();
    let directs = &side.directs;
    let unknown = directs.outcome(replica(), id(9)).await;
    assert!(unknown.is_none());
    directs.opening(replica(), id(1));
    let mut waiting = std::pin::pin!(directs.outcome(replica(), id(1)));
    assert!(waiting.as_mut().now_or_never().is_none());
    let ada = || "ada".to_owned();
    directs.failed(
        replica(),
        (id(1), Some(id(2))),
        ada(),
        DirectFailure::Unreachable,
    );
    assert!(waiting.as_mut().now_or_never().is_none());
    directs.failed(replica(), (id(2), None), ada(), DirectFailure::Refused);
    for outcome in [waiting.await, directs.outcome(replica(), id(1)).await] {
        assert!(
            matches!(outcome, Some(Outcome::Failed(_, DirectFailure::Refused))),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn whoever_closes_an_attempt_closes_the_one_in_its_place() {
    let mut side = Side::new();
    side.directs.opening(replica(), id(1));
    let gave_way = (id(1), Some(id(2)));
    let ada = "ada".to_owned();
    side.directs
        .failed(replica(), gave_way, ada, DirectFailure::Unreachable);
    assert!(side.directs.close(replica(), id(1)).await);
    let note = side.noted.recv().await;
    assert!(
        matches!(note, Some(Note::Close(closed)) if closed == id(2)),
        "{note:?}"
    );
}

#[tokio::test]
async fn pipes_that_nobody_takes_leave_room_for_those_with_others() {
    let mut side = Side::new();
    let mut ends = Vec::new();
    let mut open = |number, member: &str| {
        let (here, there) = tokio::io::duplex(WINDOW);
        let info = ConnectionInfo {
            member: member.to_owned(),
            ..info(number, ConnectionMode::Stream, false)
        };
        side.directs.connected(replica(), info, halves(here));
        ends.push(there);
        side.directs.is_open(id(number))
    };
    let waiting = (1..=20).filter(|number| open(*number, "mallory")).count();
    assert_eq!(waiting, MAX_WAITING_PIPES_PER_MEMBER);
    assert!(open(30, "ada"));
    let closed = side.noted.recv().await;
    assert!(matches!(closed, Some(Note::Close(_))), "{closed:?}");
}

#[tokio::test]
async fn a_stalled_group_takes_no_room_from_another() {
    let side = Side::new();
    let other = ReplicaId::of(
        &IdentityKey::from_bytes([3; 32]),
        &GroupId::from_bytes([2; 32]),
    );
    let mut ends = Vec::new();
    // More than the whole node's room would be, if one group could have it.
    let _stalled = side.listen(DirectInterest::messages());
    let remote = Side::new();
    for number in 1..=20 {
        let (here, there) = tokio::io::duplex(WINDOW);
        side.open(number, ConnectionMode::Messages, here);
        remote.open(number, ConnectionMode::Messages, there);
        ends.push(number);
    }
    let sends = ends
        .into_iter()
        .map(|number| remote.send(number, vec![0; MAX_DIRECT_MESSAGE_BYTES]));
    let all = timeout(2 * BRIEF, futures::future::join_all(sends)).await;
    assert!(all.is_err(), "there is not room for all");
    let busy = side
        .directs
        .listen(other, DirectInterest::messages(), None)
        .unwrap();
    let (here, there) = tokio::io::duplex(WINDOW);
    let info = info(30, ConnectionMode::Messages, false);
    side.directs.connected(other, info, halves(here));
    remote.open(30, ConnectionMode::Messages, there);
    let sent = remote.send(30, vec![0; MAX_DIRECT_MESSAGE_BYTES]);
    timeout(DEADLINE, sent).await.expect("it goes on").unwrap();
    assert!(matches!(next(&busy).await, Some(DirectEvent::Connected(_))));
    data(&busy).await;
}

#[tokio::test]
async fn the_content_of_messages_is_not_in_their_debug_form() {
    let (a, b) = joined(ConnectionMode::Messages);
    let listener = b.listen(DirectInterest::messages());
    a.send(1, "nobody's business").await.unwrap();
    let event = next(&listener).await.unwrap();
    let shown = format!(
        "{event:?} {:?}",
        crate::model::DirectTold::from(event.clone())
    );
    assert!(
        !shown.contains("business") && shown.contains("17"),
        "{shown}"
    );
    assert!(
        !shown.contains(&data_encoding::BASE64.encode(b"nobody's")),
        "{shown}"
    );
}
