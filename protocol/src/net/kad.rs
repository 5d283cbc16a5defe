//! The DHT of one cloud: libp2p's Kademlia over a store that knows what it stores.
//!
//! Values are the sets of [`crate::discovery`] and nothing else. The storing node verifies and merges them in
//! [`Store::put`](libp2p::kad::store::RecordStore::put) and leaves a bad value unanswered, so its sender learns
//! that it was not stored. libp2p's own filter (`StoreInserts::FilterBoth`) would have told it "stored" before
//! anybody looked.
//!
//! libp2p closes a refused stream only in name: the sender waits out its ten seconds, and the stream counts
//! against the 32 a connection may have. Who is refused that often on one connection is heard no more on it
//! until it connects again.

mod clock;
mod store;

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{
    PeerId, StreamProtocol,
    kad::{self, BucketInserts, Caching, Config, Mode, Quorum, Record, RecordKey, StoreInserts},
};

pub use self::{
    clock::Clock,
    store::{Counts, MAX_KEYS, MAX_OWN_KEYS, MAX_STORE_BYTES, Refusal, Store},
};
use crate::{
    cloud::Cloud,
    discovery::{EntrySet, FUTURE_TOLERANCE, MAX_LIFETIME, MAX_SET_BYTES},
};

/// A reply holds a full set and up to 20 peers with their addresses. The encoder does not check, so the
/// room beside the set is generous: 2 800 bytes per peer.
pub const MAX_PACKET_BYTES: usize = 128 * 1024;
const _: () = assert!(MAX_SET_BYTES + 20 * 2800 <= MAX_PACKET_BYTES);

/// Addresses per peer to give to `add_address`: libp2p repeats all it was given in every reply.
pub const MAX_ADDRESSES_PER_PEER: usize = 8;

/// A search that has not ended by then has found what it will find.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// A search follows so many disjoint paths, so that one liar near the start cannot lead all of it astray.
const PARALLELISM: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

/// Kademlia over our store.
pub type Behaviour = kad::Behaviour<Store>;

/// The settings of a cloud's DHT. All nodes of a cloud must agree on the protocol and the packet size.
pub fn config(cloud: &Cloud) -> Config {
    let protocol = StreamProtocol::try_from_owned(cloud.kad_protocol())
        .expect("the protocol of a cloud begins with a slash");
    let mut config = Config::new(protocol);
    config
        .set_max_packet_size(MAX_PACKET_BYTES)
        .set_query_timeout(QUERY_TIMEOUT)
        .set_parallelism(PARALLELISM)
        .disjoint_query_paths(true)
        // Peers enter the routing table by `add_address` once identify has shown that they serve this cloud.
        .set_kbucket_inserts(BucketInserts::Manual)
        // `RecordStore::put` verifies.
        .set_record_filtering(StoreInserts::Unfiltered)
        // Members publish anew by their own schedule. libp2p's job would copy the whole store each hour and
        // send every set to 20 nodes at once.
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        // Entries carry their own expiry; this only has to outlast it.
        .set_record_ttl(Some(MAX_LIFETIME + FUTURE_TOLERANCE))
        // Sets change all the time, and a cached one would be read long after.
        .set_caching(Caching::Disabled);
    config
}

/// Kademlia for one cloud, serving from the start.
///
/// Left to itself libp2p would serve only once an external address is confirmed, which on a LAN or behind a
/// relay is never; a node that cannot be reached is not entered into routing tables anyway.
pub fn behaviour(local_peer: PeerId, cloud: &Cloud, clock: Clock) -> Behaviour {
    let store = Store::new(local_peer, cloud.clone(), clock);
    let mut behaviour = kad::Behaviour::with_config(local_peer, store, config(cloud));
    behaviour.set_mode(Some(Mode::Server));
    behaviour
}

/// The record to put for a sealed announcement. One node that stores it is enough: put it with
/// [`PUBLISH_QUORUM`].
pub fn record(key: [u8; 32], set: &EntrySet) -> Record {
    Record::new(record_key(key), set.encode())
}

/// The key to get for a rendezvous.
pub fn record_key(key: [u8; 32]) -> RecordKey {
    RecordKey::from(key.to_vec())
}

/// All replicas are tried; publishing has failed if none of them answers.
pub const PUBLISH_QUORUM: Quorum = Quorum::One;
