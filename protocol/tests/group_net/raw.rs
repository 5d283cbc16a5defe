//! A peer that opens sub-streams of the mux protocol by hand and writes whatever it likes to them.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, SubstreamProtocol, SwarmEvent, ToSwarm,
        dial_opts::DialOpts, handler::ConnectionEvent,
    },
};
use libp2p_swarm_test::SwarmExt;
use peerage_protocol::net::group_net::PROTOCOL;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{DEADLINE, Node};

pub(crate) const EXCHANGE: u8 = 1;
pub(crate) const GOSSIP: u8 = 2;
pub(crate) const CHANNEL: u8 = 3;

/// A raw peer and its connection to one node.
pub(crate) struct Raw {
    pub(crate) peer: PeerId,
    open: mpsc::UnboundedSender<()>,
    opened: mpsc::UnboundedReceiver<Stream>,
    pub(crate) accepted: mpsc::UnboundedReceiver<Stream>,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// Connects to the node.
    pub(crate) async fn connect(node: &mut Node) -> Self {
        let mut swarm = Swarm::new_ephemeral_tokio(|_| Mux::default());
        let peer = *swarm.local_peer_id();
        let to = node.peer;
        let dial = DialOpts::peer_id(to)
            .addresses(vec![node.address.clone()])
            .build();
        swarm.dial(dial).expect("the dial begins");
        let (open, mut wanted) = mpsc::unbounded_channel();
        let (tell_opened, opened) = mpsc::unbounded_channel();
        let (tell_accepted, accepted) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    open = wanted.recv() => match open {
                        Some(()) => swarm.behaviour_mut().wanted.push_back(to),
                        None => return,
                    },
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::Behaviour(Side::Ours(stream)) => { let _ = tell_opened.send(stream); }
                        SwarmEvent::Behaviour(Side::Theirs(stream)) => { let _ = tell_accepted.send(stream); }
                        _ => {}
                    }
                }
            }
        });
        node.wait("raw connection", |s| match s {
            super::Seen::Connected(p, _) if *p == peer => Some(()),
            _ => None,
        })
        .await;
        Self {
            peer,
            open,
            opened,
            accepted,
            task,
        }
    }

    /// Opens a sub-stream and writes `bytes` to it.
    pub(crate) async fn stream(&mut self, bytes: &[u8]) -> Stream {
        self.open.send(()).expect("the peer runs");
        let mut stream = timeout(DEADLINE, self.opened.recv())
            .await
            .expect("it opens in time")
            .expect("the peer runs");
        stream.write_all(bytes).await.expect("it takes the bytes");
        stream.flush().await.expect("it takes the bytes");
        stream
    }

    /// Opens a sub-stream with a header; answers with the status byte and the stream.
    pub(crate) async fn ask(&mut self, header: &[u8]) -> (u8, Stream) {
        let mut stream = self.stream(header).await;
        let mut answer = [0xff];
        timeout(DEADLINE, stream.read_exact(&mut answer))
            .await
            .expect("it answers in time")
            .expect("it answers");
        (answer[0], stream)
    }

    /// All a peer gets for its bytes, until the end of the stream.
    pub(crate) async fn reply(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.stream(bytes).await;
        let _ = stream.close().await;
        let mut reply = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut reply)).await;
        reply
    }
}

pub(crate) fn header(kind: u8, handle: u8, epoch: u32) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&[handle; 32]);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes
}

/// A gossipsub frame that publishes `data` on the topic of every group.
pub(crate) fn gossip_frame(data: &[u8]) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        assert!(bytes.len() < 128, "one byte of length");
        let mut field = vec![tag << 3 | 2, bytes.len() as u8];
        field.extend_from_slice(bytes);
        field
    };
    let message = [field(2, data), field(4, b"r")].concat();
    let rpc = field(2, &message);
    [vec![rpc.len() as u8], rpc].concat()
}

#[derive(Debug)]
enum Side {
    Ours(Stream),
    Theirs(Stream),
}

#[derive(Default)]
struct Mux {
    wanted: VecDeque<PeerId>,
    streams: VecDeque<Side>,
}

impl NetworkBehaviour for Mux {
    type ConnectionHandler = Handler;
    type ToSwarm = Side;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, stream: Side) {
        self.streams.push_back(stream);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Side, ()>> {
        if let Some(stream) = self.streams.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(stream));
        }
        match self.wanted.pop_front() {
            Some(peer_id) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::Any,
                event: (),
            }),
            None => Poll::Pending,
        }
    }
}

#[derive(Default)]
struct Handler {
    wanted: usize,
    streams: VecDeque<Side>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ();
    type ToBehaviour = Side;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, (): ()) {
        self.wanted += 1;
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(i) => {
                self.streams.push_back(Side::Theirs(i.protocol));
            }
            ConnectionEvent::FullyNegotiatedOutbound(o) => {
                self.streams.push_back(Side::Ours(o.protocol));
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Side>> {
        if let Some(stream) = self.streams.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
                    .with_timeout(Duration::from_secs(10)),
            });
        }
        Poll::Pending
    }
}
