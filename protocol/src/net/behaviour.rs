//! Everything this node speaks, as one `NetworkBehaviour`.

use std::time::Duration;

use libp2p::{
    PeerId, allow_block_list, connection_limits, identify, identity::PublicKey, ping,
    swarm::NetworkBehaviour,
};

use super::{direct, group_net, kad, knock};
use crate::cloud::Cloud;

/// Connections in all: each costs about 200 KB with QUIC's buffers, so 100 MB at most.
const MAX_CONNECTIONS: u32 = 512;
/// Connections that others may open of those, so that strangers who take all they can get leave us
/// room to reach members ourselves.
const MAX_INBOUND: u32 = 384;
/// Connections that have not finished their handshake; what a flood of strangers can hold.
const MAX_PENDING_INBOUND: u32 = 64;
/// Two peers that dial each other at once make two; a third is room for a restart.
const MAX_PER_PEER: u32 = 3;
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// What identify calls us; not a version, so that an upgrade does not split a cloud.
const IDENTIFY_PROTOCOL: &str = "/peerage/1";

/// The node's one behaviour. The order of the fields matters: what denies connections comes first,
/// because the derived code asks the fields in order and stops at the first refusal.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
pub struct Behaviour {
    /// Bounds what strangers can cost.
    limits: connection_limits::Behaviour,
    /// Peers that broke the protocol are not talked to for a while.
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    /// Tells peers our addresses and learns whether they serve the cloud.
    pub(super) identify: identify::Behaviour,
    /// Notices dead connections sooner than QUIC's idle timeout does.
    ping: ping::Behaviour,
    /// The cloud `Global_`: where members announce themselves and find one another.
    pub(super) kad: kad::Behaviour,
    /// Asks the chooser of a pair for an admission exchange.
    pub(super) knocks: knock::Behaviour,
    /// Asks for direct connections.
    pub(super) directs: direct::Behaviour,
    /// All groups, each behind the gate.
    pub(super) groups: group_net::GroupNet,
}

impl std::fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behaviour").finish_non_exhaustive()
    }
}

impl Behaviour {
    /// The behaviour of the node with this key.
    #[must_use]
    pub fn new(key: PublicKey, clock: kad::Clock) -> Self {
        let local = PeerId::from_public_key(&key);
        let limits = connection_limits::ConnectionLimits::default()
            .with_max_established(Some(MAX_CONNECTIONS))
            .with_max_established_incoming(Some(MAX_INBOUND))
            .with_max_pending_incoming(Some(MAX_PENDING_INBOUND))
            .with_max_established_per_peer(Some(MAX_PER_PEER));
        let identify = identify::Config::new(IDENTIFY_PROTOCOL.into(), key)
            .with_agent_version(concat!("peerage/", env!("CARGO_PKG_VERSION")).into());
        Self {
            limits: connection_limits::Behaviour::new(limits),
            blocked: allow_block_list::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL)),
            kad: kad::behaviour(local, &Cloud::global(), clock),
            knocks: knock::behaviour(),
            directs: direct::behaviour(),
            groups: group_net::GroupNet::new(group_net::Config::default()),
        }
    }
}
