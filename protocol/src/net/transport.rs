//! The transport and the swarm settings of a node.
//!
//! # Key logging
//! libp2p's TLS installs rustls' key logger: with `SSLKEYLOGFILE` in the environment, the secrets of
//! every connection are written to that file. The variable cannot be removed safely from within a
//! process with threads, so whoever starts a node must look at [`KEY_LOG_VARIABLE`] first and refuse
//! to start when it is set.

use std::time::Duration;

use libp2p::{
    Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed},
    quic, swarm,
};
use libp2p_identity::{Keypair, PeerId};

/// The environment variable that makes TLS write session secrets to a file.
pub const KEY_LOG_VARIABLE: &str = "SSLKEYLOGFILE";

/// A handshake with a post-quantum key exchange on a loaded machine takes seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Streams a peer may have open at a time: four per common group, and those of other protocols.
const MAX_STREAMS: u32 = 1024;

/// Inbound streams that may be negotiating at a time on one connection; more are reset.
const MAX_NEGOTIATING: usize = 256;

/// A connection nobody uses is closed after this. Every lookup in the cloud opens some, and each
/// costs keep-alive packets every few seconds, so it is kept no longer than the next lookup of the
/// same search may take.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);

/// The settings of the QUIC transport.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct QuicSettings {
    /// A connection without a sign of life is given up after this. Default 10 s. A third of it passes
    /// between keep-alives, so that two may be lost.
    pub idle_timeout: Duration,
}

impl Default for QuicSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(10),
        }
    }
}

/// Builds the QUIC transport of a node.
#[must_use]
pub fn quic(keypair: &Keypair, settings: QuicSettings) -> Boxed<(PeerId, StreamMuxerBox)> {
    let mut config = quic::Config::new(keypair);
    config.handshake_timeout = HANDSHAKE_TIMEOUT;
    config.max_concurrent_stream_limit = MAX_STREAMS;
    config.max_idle_timeout = u32::try_from(settings.idle_timeout.as_millis()).unwrap_or(u32::MAX);
    config.keep_alive_interval = settings.idle_timeout / 3;
    quic::tokio::Transport::new(config)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
        .boxed()
}

/// The settings of a node's swarm, on the tokio runtime it is created in.
#[must_use]
pub fn swarm_config() -> swarm::Config {
    swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_CONNECTION_TIMEOUT)
        .with_max_negotiating_inbound_streams(MAX_NEGOTIATING)
}
