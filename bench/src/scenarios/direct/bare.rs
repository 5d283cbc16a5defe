//! The rivals: the same streams with nothing of ours on them.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    identity::Keypair,
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, SubstreamProtocol, SwarmEvent, ToSwarm,
        handler::ConnectionEvent,
    },
};
use peerage_protocol::net::transport;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio::sync::mpsc;

use super::{Outcome, Parameters, load};
use crate::Result;

// The settings of libp2p's QUIC, which does not let us at them.
const STREAM_WINDOW: u32 = 10_000_000;
const CONNECTION_WINDOW: u32 = 15_000_000;
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// Streams of quinn.
pub(super) async fn quinn(parameters: &Parameters) -> Result<Outcome> {
    let server = endpoint(true)?;
    let client = endpoint(false)?;
    let connecting = client.connect(server.local_addr()?, "l")?;
    let accepting = async {
        let incoming = server.accept().await.ok_or("the endpoint is closed")?;
        Result::<_>::Ok(incoming.await?)
    };
    let (near, far) = tokio::try_join!(async { Result::<_>::Ok(connecting.await?) }, accepting)?;
    let trips = quinn_stream(&near, &far).await?;
    let bulk = quinn_stream(&near, &far).await?;
    let outcome = load::measure(parameters, bulk, trips).await;
    client.close(0_u32.into(), &[]);
    outcome
}

async fn quinn_stream(
    near: &quinn::Connection,
    far: &quinn::Connection,
) -> Result<(QuinnStream, QuinnStream)> {
    let (send, recv) = near.open_bi().await?;
    let mut near = QuinnStream { send, recv };
    // A stream shows itself to the other side with its first byte.
    near.write_all(&[0]).await?;
    let (send, recv) = far.accept_bi().await?;
    let mut far = QuinnStream { send, recv };
    AsyncReadExt::read_exact(&mut far, &mut [0]).await?;
    Ok((near, far))
}

fn endpoint(server: bool) -> Result<quinn::Endpoint> {
    let key = Keypair::generate_ed25519();
    let mut settings = quinn::TransportConfig::default();
    settings.max_concurrent_uni_streams(0_u32.into());
    settings.datagram_receive_buffer_size(None);
    settings.keep_alive_interval(Some(KEEP_ALIVE));
    settings.allow_spin(false);
    settings.stream_receive_window(STREAM_WINDOW.into());
    settings.receive_window(CONNECTION_WINDOW.into());
    let settings = Arc::new(settings);
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    if server {
        let tls = QuicServerConfig::try_from(libp2p_tls::make_server_config(&key)?)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(settings);
        config.migration(false);
        Ok(quinn::Endpoint::server(config, at)?)
    } else {
        let tls = QuicClientConfig::try_from(libp2p_tls::make_client_config(&key, None)?)?;
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        config.transport_config(settings);
        let mut endpoint = quinn::Endpoint::client(at)?;
        endpoint.set_default_client_config(config);
        Ok(endpoint)
    }
}

/// Both directions of a stream of quinn as one.
struct QuinnStream {
    send: quinn::SendStream,
    recv: quinn::RecvStream,
}

impl AsyncRead for QuinnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        AsyncRead::poll_read(Pin::new(&mut self.recv), cx, buffer)
    }
}

impl AsyncWrite for QuinnStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_close(Pin::new(&mut self.send), cx)
    }
}

/// Streams of libp2p.
pub(super) async fn libp2p(parameters: &Parameters) -> Result<Outcome> {
    let mut far = swarm();
    far.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse()?)?;
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = far.select_next_some().await {
            break address;
        }
    };
    let mut near = swarm();
    near.dial(address)?;
    let (mut near, near_task) = run(near);
    let (mut far, far_task) = run(far);
    let trips = libp2p_stream(&mut near, &mut far).await?;
    let bulk = libp2p_stream(&mut near, &mut far).await?;
    let outcome = load::measure(parameters, bulk, trips).await;
    near_task.abort();
    far_task.abort();
    outcome
}

/// What is asked of a swarm's task, and what comes from it.
struct Host {
    open: mpsc::UnboundedSender<()>,
    streams: mpsc::UnboundedReceiver<Stream>,
}

async fn libp2p_stream(near: &mut Host, far: &mut Host) -> Result<(Stream, Stream)> {
    near.open.send(())?;
    let ended = "the swarm has ended";
    let mut near = near.streams.recv().await.ok_or(ended)?;
    near.write_all(&[0]).await?;
    near.flush().await?;
    let mut far = far.streams.recv().await.ok_or(ended)?;
    far.read_exact(&mut [0]).await?;
    Ok((near, far))
}

fn swarm() -> Swarm<Plain> {
    let key = Keypair::generate_ed25519();
    Swarm::new(
        transport::quic(&key, transport::QuicSettings::default()),
        Plain::default(),
        key.public().to_peer_id(),
        transport::swarm_config(),
    )
}

/// Runs a swarm in a task; it opens a stream to the one peer it has when it is asked.
fn run(mut swarm: Swarm<Plain>) -> (Host, tokio::task::JoinHandle<()>) {
    let (open, mut wanted) = mpsc::unbounded_channel();
    let (tell, streams) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let mut peer = None;
        loop {
            tokio::select! {
                Some(()) = wanted.recv(), if peer.is_some() => {
                    swarm.behaviour_mut().wanted.extend(peer);
                }
                event = swarm.select_next_some() => match event {
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => peer = Some(peer_id),
                    SwarmEvent::Behaviour(stream) => drop(tell.send(stream)),
                    _ => {}
                }
            }
        }
    });
    (Host { open, streams }, task)
}

const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerage-bench/stream/1");

/// Opens streams, and takes them.
#[derive(Default)]
struct Plain {
    wanted: VecDeque<PeerId>,
    streams: VecDeque<Stream>,
}

impl NetworkBehaviour for Plain {
    type ConnectionHandler = PlainHandler;
    type ToSwarm = Stream;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<PlainHandler, ConnectionDenied> {
        Ok(PlainHandler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<PlainHandler, ConnectionDenied> {
        Ok(PlainHandler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, stream: Stream) {
        self.streams.push_back(stream);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Stream, ()>> {
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
struct PlainHandler {
    wanted: usize,
    streams: VecDeque<Stream>,
}

impl ConnectionHandler for PlainHandler {
    type FromBehaviour = ();
    type ToBehaviour = Stream;
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
            ConnectionEvent::FullyNegotiatedInbound(inbound) => {
                self.streams.push_back(inbound.protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(outbound) => {
                self.streams.push_back(outbound.protocol);
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Stream>> {
        if let Some(stream) = self.streams.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()),
            });
        }
        Poll::Pending
    }
}
