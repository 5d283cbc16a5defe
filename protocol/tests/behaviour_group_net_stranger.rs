//! `GroupNet` before strangers and hostile members: they learn nothing, inject nothing and cost little.
#![cfg(feature = "net")]

mod group_net;

use std::{collections::BTreeSet, io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use group_net::{
    DEADLINE, Node, QUIET, Seen, group, heard, link, lost, members,
    raw::{CHANNEL, EXCHANGE, GOSSIP, Raw, gossip_frame, header},
};
use libp2p::{
    StreamProtocol, Swarm,
    gossipsub::{self, IdentTopic, MessageAuthenticity},
    identify, kad,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
};
use libp2p_swarm_test::SwarmExt;
use peerage_protocol::net::group_net::{Event, PROTOCOL, gossip_config};
use tokio::time::timeout;

const G: u8 = 1;
const REFUSED: u8 = 0;
const ACCEPTED: u8 = 1;

/// Everything stock libp2p offers to look around with.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
struct Stranger {
    gossip: gossipsub::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
    rpc: request_response::Behaviour<Echo>,
}

#[tokio::test]
async fn stock_libp2p_sees_one_protocol_name_and_nothing_of_the_group() {
    let (a, mut b) = members(group(G)).await;
    let mut stranger = stranger();
    stranger.behaviour_mut().gossip.add_explicit_peer(&b.peer);
    let dial = DialOpts::peer_id(b.peer)
        .addresses(vec![b.address.clone()])
        .build();
    stranger.dial(dial).expect("the dial begins");

    let address = b.address.clone();
    let mut names = BTreeSet::new();
    let mut refused = [false; 2];
    let watch = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                    let behaviour = stranger.behaviour_mut();
                    behaviour.rpc.send_request(&peer_id, ());
                    behaviour.kad.bootstrap().ok();
                    behaviour.kad.add_address(&peer_id, address.clone());
                    behaviour.kad.get_closest_peers(peer_id);
                }
                SwarmEvent::Behaviour(StrangerEvent::Identify(identify::Event::Received {
                    info,
                    ..
                })) => names.extend(info.protocols.iter().map(StreamProtocol::to_string)),
                SwarmEvent::Behaviour(StrangerEvent::Gossip(
                    gossipsub::Event::GossipsubNotSupported { .. },
                )) => refused[0] = true,
                SwarmEvent::Behaviour(StrangerEvent::Gossip(event)) => {
                    panic!("gossip with a stranger: {event:?}")
                }
                SwarmEvent::Behaviour(StrangerEvent::Rpc(
                    request_response::Event::OutboundFailure { .. },
                )) => refused[1] = true,
                SwarmEvent::Behaviour(StrangerEvent::Rpc(event)) => {
                    panic!("answer to a stranger: {event:?}")
                }
                _ => {}
            }
        }
    };
    let members = async {
        a.tell(group(G), b"secret", &mut b).await;
        b.forget();
        b.never("message of a stranger", heard).await;
        tokio::time::sleep(QUIET).await;
    };
    tokio::select! {
        () = watch => unreachable!("it watches for ever"),
        () = members => {}
    }

    assert_eq!(refused, [true; 2]);
    let expected = [
        PROTOCOL.to_string(),
        "/ipfs/id/1.0.0".into(),
        "/ipfs/id/push/1.0.0".into(),
    ];
    assert_eq!(names, expected.into());
}

#[tokio::test]
async fn every_refusal_is_the_same() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut b = Node::memory().await;
    b.insert(group(G)).await;
    a.connect(&mut b).await;
    link(group(G), &mut a, &mut b, 7).await;
    let mut raw = Raw::connect(&mut a).await;

    let cases: [(&str, Vec<u8>); 9] = [
        ("nothing at all", vec![]),
        ("half a header", vec![GOSSIP; 20]),
        ("unknown kind", header(9, 7, 0)),
        ("unknown handle for gossip", header(GOSSIP, 42, 0)),
        ("unknown handle for a channel", header(CHANNEL, 42, 0)),
        ("somebody else's handle for gossip", header(GOSSIP, 7, 0)),
        (
            "somebody else's handle for a channel",
            header(CHANNEL, 7, 0),
        ),
        ("garbage", vec![0xff; 4096]),
        (
            "an unknown handle and a message",
            [header(GOSSIP, 42, 0), gossip_frame(b"x")].concat(),
        ),
    ];
    for (case, bytes) in cases {
        assert_eq!(raw.reply(&bytes).await, [REFUSED], "{case}");
    }
    a.never("message of a stranger", heard).await;
}

#[tokio::test]
async fn a_handle_works_for_its_peer_in_its_group_only() {
    let mut a = Node::memory().await;
    a.insert(group(1)).await;
    a.insert(group(2)).await;
    let (mut one, mut two) = (Raw::connect(&mut a).await, Raw::connect(&mut a).await);
    let _one = admit(&mut a, &mut one, 1, 11).await;
    let _two = admit(&mut a, &mut two, 2, 22).await;

    assert_eq!(one.reply(&header(GOSSIP, 22, 0)).await, [REFUSED]);
    assert_eq!(two.reply(&header(GOSSIP, 11, 0)).await, [REFUSED]);
    let (answer, mut stream) = one.ask(&header(GOSSIP, 11, 0)).await;
    assert_eq!(answer, ACCEPTED);
    stream
        .write_all(&gossip_frame(b"from group 1"))
        .await
        .expect("it is accepted");
    stream.flush().await.expect("it is accepted");

    a.hear(group(1), b"from group 1").await;
    a.never("message in the wrong group", heard).await;
}

#[tokio::test]
async fn a_closed_link_drops_its_streams_and_forgets_its_handle() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let _first = admit(&mut a, &mut raw, G, 5).await;
    let (answer, mut stream) = raw.ask(&header(GOSSIP, 5, 0)).await;
    assert_eq!(answer, ACCEPTED);

    a.close(group(G), raw.peer).await;

    let mut rest = Vec::new();
    let ended = timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream ends");
    assert_eq!(raw.reply(&header(GOSSIP, 5, 0)).await, [REFUSED]);
    let _ = stream.write_all(&gossip_frame(b"too late")).await;
    let _ = stream.flush().await;
    a.never("message after closing", heard).await;
}

/// Gossipsub would turn itself off at the fifth stream.
#[tokio::test]
async fn a_member_that_reopens_its_streams_is_introduced_anew() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let _first = admit(&mut a, &mut raw, G, 5).await;

    for _ in 0..4 {
        let (answer, _) = raw.ask(&header(GOSSIP, 5, 0)).await;
        assert_eq!(answer, ACCEPTED);
    }
    assert_eq!(raw.reply(&header(GOSSIP, 5, 0)).await, [REFUSED]);

    let (epoch, _second) = accept(&mut raw).await;
    assert_eq!(epoch, 1, "the node opens its own stream in the next epoch");
    assert_eq!(raw.reply(&header(GOSSIP, 5, 0)).await, [REFUSED], "stale");
    let (answer, mut stream) = raw.ask(&header(GOSSIP, 5, 1)).await;
    assert_eq!(answer, ACCEPTED);
    stream
        .write_all(&gossip_frame(b"still heard"))
        .await
        .expect("it is accepted");
    stream.flush().await.expect("it is accepted");
    a.hear(group(G), b"still heard").await;
    a.never("lost link", lost).await;
}

/// The other side has renewed itself: an instance introduces itself only to a peer that is new to it.
#[tokio::test]
async fn a_higher_epoch_is_followed() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let _first = admit(&mut a, &mut raw, G, 5).await;

    assert_eq!(raw.reply(&header(GOSSIP, 5, 3)).await, [REFUSED]);

    assert_eq!(accept(&mut raw).await.0, 3);
    assert_eq!(raw.ask(&header(GOSSIP, 5, 3)).await.0, ACCEPTED);
}

#[tokio::test]
async fn renewing_without_end_is_refused() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let _first = admit(&mut a, &mut raw, G, 5).await;

    for epoch in 1..40 {
        assert_eq!(raw.reply(&header(GOSSIP, 5, epoch)).await, [REFUSED]);
    }
    let mut epochs = Vec::new();
    while let Ok(Some(mut stream)) = timeout(QUIET, raw.accepted.recv()).await {
        let mut bytes = [0; 37];
        if stream.read_exact(&mut bytes).await.is_ok() {
            epochs.push(bytes[36]);
        }
    }

    assert!(
        epochs.len() <= 10,
        "it follows no more often than allowed: {epochs:?}"
    );
}

#[tokio::test]
async fn a_second_channel_is_refused_while_one_is_open() {
    let mut a = Node::memory().await;
    a.insert(group(G)).await;
    let mut raw = Raw::connect(&mut a).await;
    let _first = admit(&mut a, &mut raw, G, 5).await;

    let (answer, mut first) = raw.ask(&header(CHANNEL, 5, 0)).await;
    assert_eq!(answer, ACCEPTED);
    assert_eq!(raw.reply(&header(CHANNEL, 5, 0)).await, [REFUSED]);
    first.write_all(&[0, 0, 0, 2, 8, 9]).await.expect("open");
    first.flush().await.expect("open");

    let frame = a.wait("frame", |s| match s {
        Seen::Net(Event::Frame { frame, .. }) => Some(frame.clone()),
        _ => None,
    });
    assert_eq!(frame.await, [8, 9]);
    first.write_all(&[0xff; 4]).await.expect("open");
    first.flush().await.expect("open");
    a.wait("loss", lost).await;
    a.wait("misbehaviour", |s| {
        matches!(s, Seen::Net(Event::Misbehaved { .. })).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stranger_holds_few_exchanges_and_few_silent_streams() {
    let mut a = Node::memory().await;
    let mut raw = Raw::connect(&mut a).await;

    let mut held = Vec::new();
    let mut accepted = 0;
    for _ in 0..40 {
        let (answer, stream) = raw.ask(&header(EXCHANGE, 0, 0)).await;
        accepted += u32::from(answer == ACCEPTED);
        held.push(stream);
    }
    assert_eq!(accepted, 8);

    // Streams that say nothing: the ninth and later ones are refused without being listened to.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(raw.stream(&[]).await);
    }
    let mut refused = 0;
    for stream in &mut silent {
        let mut answer = [0xff];
        let read = timeout(Duration::from_millis(200), stream.read_exact(&mut answer)).await;
        refused += u32::from(read.is_ok() && answer == [REFUSED]);
    }
    assert_eq!(refused, 32);
}

#[tokio::test]
async fn an_exchange_frame_over_the_limit_ends_the_exchange() {
    let mut a = Node::memory().await;
    let mut raw = Raw::connect(&mut a).await;
    let (answer, mut stream) = raw.ask(&header(EXCHANGE, 0, 0)).await;
    assert_eq!(answer, ACCEPTED);

    stream.write_all(&[0, 0, 0x80, 1]).await.expect("open");
    stream.flush().await.expect("open");

    let mut rest = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, [], "without a word");
    a.wait("misbehaviour", |s| {
        matches!(s, Seen::Net(Event::Misbehaved { .. })).then_some(())
    })
    .await;
}

/// Runs an exchange with the raw peer and opens the gate for it; answers with the node's own gossip
/// stream, which proves that the node now knows the handle.
async fn admit(node: &mut Node, raw: &mut Raw, in_group: u8, handle: u8) -> libp2p::Stream {
    let (answer, _exchange) = raw.ask(&header(EXCHANGE, 0, 0)).await;
    assert_eq!(answer, ACCEPTED);
    let from = raw.peer;
    let id = node
        .wait("exchange", |s| match s {
            Seen::Net(Event::ExchangeOpened { id, peer }) if *peer == from => Some(*id),
            _ => None,
        })
        .await;
    node.open(group(in_group), from, id, handle).await;
    let (epoch, stream) = accept(raw).await;
    assert_eq!(epoch, 0);
    stream
}

/// Accepts the next gossip stream of the node; answers with its epoch.
async fn accept(raw: &mut Raw) -> (u32, libp2p::Stream) {
    timeout(DEADLINE, async {
        loop {
            let mut stream = raw.accepted.recv().await.expect("the peer runs");
            let mut bytes = [0; 37];
            if stream.read_exact(&mut bytes).await.is_ok()
                && bytes[0] == GOSSIP
                && stream.write_all(&[ACCEPTED]).await.is_ok()
                && stream.flush().await.is_ok()
            {
                let epoch = u32::from_be_bytes([bytes[33], bytes[34], bytes[35], bytes[36]]);
                return (epoch, stream);
            }
        }
    })
    .await
    .expect("the node opens a stream in time")
}

fn stranger() -> Swarm<Stranger> {
    Swarm::new_ephemeral_tokio(|key| {
        let peer = key.public().to_peer_id();
        let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, gossip_config())
            .expect("anonymous goes with anonymous");
        gossip
            .subscribe(&IdentTopic::new("r"))
            .expect("nothing forbids it");
        Stranger {
            gossip,
            kad: kad::Behaviour::new(peer, kad::store::MemoryStore::new(peer)),
            identify: identify::Behaviour::new(identify::Config::new("/x/1".into(), key.public())),
            rpc: request_response::Behaviour::new(
                [(PROTOCOL, ProtocolSupport::Full)],
                request_response::Config::default()
                    .with_request_timeout(Duration::from_millis(500)),
            ),
        }
    })
}

/// A codec over the mux protocol's own name: it sends nothing and hopes for an answer.
#[derive(Clone, Default)]
struct Echo;

impl request_response::Codec for Echo {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> io::Result<()> {
        Ok(())
    }

    /// Anything but the refusal counts as an answer.
    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
    ) -> io::Result<()> {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        if answer == [REFUSED] || answer.is_empty() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        (): (),
    ) -> io::Result<()> {
        stream.write_all(&[GOSSIP; 100]).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        Ok(())
    }
}
