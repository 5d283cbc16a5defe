//! Presence: which members are online, on which of their nodes, and where.
//!
//! Each node of a member says so itself, in a record signed by the member's identity that lapses unless
//! it is refreshed. Layout and rules: `docs/protocols/presence.md`.
//!
//! [`NodePresence`] is what such a record says, [`PresenceBook`] what is known of all nodes, and
//! [`Plan`] decides when our own node says something.

mod book;
mod plan;

use std::{fmt, time::Duration};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, IdentityKey, RecordId, RecordType},
    judge::Refusal,
    record::Record,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

pub use book::{MAX_NODES_PER_MEMBER, PresenceBook, PresenceChange, Seen};
pub use plan::{Plan, Situation, Step};

use crate::{properties::MAX_PRESENCE_LIFETIME, signing};

/// At most this many addresses of a node.
pub const MAX_ADDRESSES: usize = 8;
/// At most this many bytes per address; a relayed QUIC address with two peer ids has about 150.
pub const MAX_ADDRESS_BYTES: usize = 256;
/// At most this many bytes of attributes: a few words or a small JSON object.
pub const MAX_ATTRIBUTES_BYTES: usize = 1_024;
/// At most this many bytes encoded.
pub const MAX_PRESENCE_BYTES: usize = 4 * 1_024;

const VERSION: u8 = 1;

/// `[1, peer id, boot id, present, [address, …], attributes or null, applied]`.
#[derive(Serialize, Deserialize)]
struct Body(
    u8,
    ByteBuf,
    ByteArray<16>,
    bool,
    Vec<ByteBuf>,
    Option<String>,
    u64,
);

/// What one node of a member says about itself.
#[derive(Clone, PartialEq, Eq)]
pub struct NodePresence {
    /// The node.
    pub peer: PeerId,
    /// Which start of it.
    pub boot: [u8; 16],
    /// Whether it is online; a node that leaves in order says that it is not.
    pub present: bool,
    /// Where it listens, best first; none when it is not online.
    pub addresses: Vec<Multiaddr>,
    /// What the application says there; none when it is not online.
    pub attributes: Option<String>,
    /// A digest of the revocations the node has applied.
    pub applied: u64,
}

impl NodePresence {
    /// A node that is online. Takes the first [`MAX_ADDRESSES`] addresses that are not too long.
    #[must_use]
    pub fn online(
        peer: PeerId,
        boot: [u8; 16],
        addresses: &[Multiaddr],
        attributes: Option<String>,
        applied: u64,
    ) -> Self {
        Self {
            peer,
            boot,
            present: true,
            addresses: addresses
                .iter()
                .filter(|address| address.len() <= MAX_ADDRESS_BYTES)
                .take(MAX_ADDRESSES)
                .cloned()
                .collect(),
            attributes,
            applied,
        }
    }

    /// A node that has gone.
    #[must_use]
    pub fn gone(peer: PeerId, boot: [u8; 16]) -> Self {
        Self {
            peer,
            boot,
            present: false,
            addresses: Vec::new(),
            attributes: None,
            applied: 0,
        }
    }

    /// The payload of a presence record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        signing::to_cbor(&Body(
            VERSION,
            ByteBuf::from(self.peer.to_bytes()),
            ByteArray::new(self.boot),
            self.present,
            self.addresses
                .iter()
                .map(|address| ByteBuf::from(address.to_vec()))
                .collect(),
            self.attributes.clone(),
            self.applied,
        ))
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When it is anything else, or beyond a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, PresenceError> {
        if bytes.len() > MAX_PRESENCE_BYTES {
            return Err(PresenceError::Malformed);
        }
        let Body(version, peer, boot, present, addresses, attributes, applied) =
            signing::from_cbor(bytes).ok_or(PresenceError::Malformed)?;
        let silent = addresses.is_empty() && attributes.is_none() && applied == 0;
        if version != VERSION
            || addresses.len() > MAX_ADDRESSES
            || addresses.iter().any(|a| a.len() > MAX_ADDRESS_BYTES)
            || !(present || silent)
        {
            return Err(PresenceError::Malformed);
        }
        check_attributes(attributes.as_deref())?;
        let node = Self {
            peer: PeerId::from_bytes(&peer).map_err(|_| PresenceError::Malformed)?,
            boot: boot.into_array(),
            present,
            addresses: addresses
                .into_iter()
                .map(|address| Multiaddr::try_from(address.into_vec()))
                .collect::<Result<_, _>>()
                .map_err(|_| PresenceError::Malformed)?,
            attributes,
            applied,
        };
        // Peer ids and addresses have other spellings than the one we write.
        if node.encode() != bytes {
            return Err(PresenceError::Malformed);
        }
        Ok(node)
    }

    /// The id of the record of this node of `member`: one, so that nothing piles up.
    #[must_use]
    pub fn id(&self, member: &IdentityKey) -> RecordId {
        RecordId::reserved_for(member, RecordType::PRESENCE, &self.peer.to_bytes())
    }

    /// The next version of this node's record.
    ///
    /// Versions are the seconds since 1970, so that a node which knows nothing of its earlier life still
    /// outdoes it; `held` is what is known of it, for clocks that went backwards. `None` when there is
    /// no version left, or no time: the record may not live beyond `limit`.
    #[must_use]
    pub fn record(
        &self,
        group: GroupId,
        member: IdentityKey,
        held: Option<&Seen>,
        lifetime: Duration,
        limit: Timestamp,
        now: Timestamp,
    ) -> Option<Record> {
        let after = match held {
            Some(held) => held.version.checked_add(1)?,
            None => 2,
        };
        let created = held.map_or(now, |held| held.created);
        let modified = now.max(created);
        // An older copy must not outlive this one, see `Record::delete`.
        let expires = (modified + lifetime)
            .max(held.map_or(modified, |held| held.expires))
            .min(modified + MAX_PRESENCE_LIFETIME)
            .min(limit);
        (expires > modified).then(|| Record {
            group,
            id: self.id(&member),
            kind: RecordType::PRESENCE,
            version: u32::try_from(now.as_secs()).unwrap_or(after).max(after),
            creator: member,
            modifier: Some(member),
            created,
            modified,
            expires,
            deleted: false,
            attributes: Vec::new(),
            payload: self.encode(),
        })
    }
}

/// Addresses and attributes stay out of logs.
impl fmt::Debug for NodePresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodePresence")
            .field("peer", &self.peer)
            .field("present", &self.present)
            .finish_non_exhaustive()
    }
}

/// Checks what an application wants to be said about its node.
///
/// # Errors
/// When it is longer than [`MAX_ATTRIBUTES_BYTES`].
pub fn check_attributes(attributes: Option<&str>) -> Result<(), PresenceError> {
    match attributes.map(str::len) {
        Some(bytes) if bytes > MAX_ATTRIBUTES_BYTES => {
            Err(PresenceError::AttributesTooLong { bytes })
        }
        _ => Ok(()),
    }
}

/// What the judge asks of a presence record besides the membership of its creator.
///
/// # Errors
/// When it is not by the member it is about, or not what a presence record is, whoever looks at it.
pub fn check(record: &Record) -> Result<(), Refusal> {
    let malformed = |reason: &str| Refusal::Malformed(reason.to_owned());
    if record.deleted {
        return Err(malformed("presence is not deleted but withdrawn"));
    }
    let node =
        NodePresence::decode(&record.payload).map_err(|error| malformed(&error.to_string()))?;
    if record.id != node.id(&record.creator) || !record.attributes.is_empty() {
        return Err(malformed("not the presence record of the node it names"));
    }
    if record.expires.since(record.modified) > MAX_PRESENCE_LIFETIME {
        return Err(malformed("presence for longer than 30 days"));
    }
    // Not even an Admin speaks for another member's node.
    if record.toucher() != record.creator {
        return Err(Refusal::NotAuthorised);
    }
    Ok(())
}

/// Why presence is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// Not canonical CBOR of a node's presence, or of a version this build does not know.
    #[error("not the presence of a node")]
    Malformed,
    /// The attributes are too long.
    #[error("attributes of {bytes} bytes are longer than {MAX_ATTRIBUTES_BYTES}")]
    AttributesTooLong {
        /// Their length.
        bytes: usize,
    },
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    pub(crate) const LIFE: Duration = Duration::from_secs(300);

    pub(crate) fn group() -> GroupId {
        GroupId::of_name("0.g")
    }

    pub(crate) fn member(number: u8) -> IdentityKey {
        IdentityKey::from_bytes([number; 32])
    }

    pub(crate) fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&[number; 32]);
        PeerId::from_bytes(&bytes).unwrap()
    }

    pub(crate) fn online(number: u8) -> NodePresence {
        let address = "/ip4/192.0.2.77/udp/3587/quic-v1".parse().unwrap();
        NodePresence::online(peer(number), [7; 16], &[address], Some("busy".into()), 3)
    }

    pub(crate) fn record(node: &NodePresence, by: IdentityKey, held: Option<&Seen>) -> Record {
        node.record(group(), by, held, LIFE, NOW + LIFE * 1_000, NOW)
            .unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for node in [online(1), NodePresence::gone(peer(2), [1; 16])] {
            assert_eq!(NodePresence::decode(&node.encode()), Ok(node));
        }
    }

    #[test]
    fn the_largest_presence_fits() {
        let long = format!("/dns6/{}/udp/3587/quic-v1", "x".repeat(240));
        let long: Multiaddr = long.parse().unwrap();
        assert!(long.len() <= MAX_ADDRESS_BYTES);
        let text = "x".repeat(MAX_ATTRIBUTES_BYTES);
        let node = NodePresence::online(peer(1), [7; 16], &vec![long; 20], Some(text), u64::MAX);
        assert_eq!(node.addresses.len(), MAX_ADDRESSES);
        assert_eq!(NodePresence::decode(&node.encode()), Ok(node));
    }

    #[test]
    fn what_is_beyond_a_limit_is_refused() {
        let mut long = online(1);
        long.attributes = Some("x".repeat(MAX_ATTRIBUTES_BYTES + 1));
        assert!(NodePresence::decode(&long.encode()).is_err());
        let mut many = online(1);
        many.addresses = vec![many.addresses[0].clone(); MAX_ADDRESSES + 1];
        assert!(NodePresence::decode(&many.encode()).is_err());
        let mut talkative = online(1);
        talkative.present = false;
        assert!(NodePresence::decode(&talkative.encode()).is_err());
        let mut trailing = online(1).encode();
        trailing.push(0);
        assert!(NodePresence::decode(&trailing).is_err());
    }

    #[test]
    fn a_record_is_about_a_node_of_its_creator_alone() {
        let good = record(&online(1), member(1), None);
        assert_eq!(check(&good), Ok(()));
        let malformed = |record: &Record| matches!(check(record), Err(Refusal::Malformed(_)));
        let mut other_node = good.clone();
        other_node.payload = online(2).encode();
        assert!(malformed(&other_node));
        let mut other_member = good.clone();
        other_member.creator = member(2);
        assert!(malformed(&other_member));
        let mut by_another = good.clone();
        by_another.modifier = Some(member(2));
        assert_eq!(check(&by_another), Err(Refusal::NotAuthorised));
        let mut deleted = good.clone();
        deleted.deleted = true;
        assert!(malformed(&deleted));
        let mut for_ever = good;
        for_ever.expires = for_ever.modified + MAX_PRESENCE_LIFETIME + Duration::from_millis(1);
        assert!(malformed(&for_ever));
    }

    #[test]
    fn each_version_outdoes_the_one_before_even_when_the_clock_went_back() {
        let (node, me) = (online(1), member(1));
        let first = record(&node, me, None);
        let seen = Seen::of(&first).unwrap();
        let back = NOW - Duration::from_secs(86_400);
        let next = node.record(group(), me, Some(&seen), LIFE, NOW + LIFE * 9, back);
        let next = next.unwrap();
        assert!(next.version > first.version);
        assert!(next.expires >= first.expires);
        assert!(next.modified >= next.created);
        // One that knows nothing of its earlier life.
        let later = node.record(group(), me, None, LIFE, NOW + LIFE * 9, NOW + LIFE);
        assert!(later.unwrap().version > first.version);
    }

    #[test]
    fn a_record_never_outlives_its_limit() {
        let (node, me) = (online(1), member(1));
        let limit = NOW + Duration::from_secs(1);
        let short = node.record(group(), me, None, LIFE, limit, NOW).unwrap();
        assert_eq!(short.expires, limit);
        assert_eq!(node.record(group(), me, None, LIFE, NOW, NOW), None);
    }

    #[test]
    fn debug_shows_no_address_and_no_attributes() {
        let shown = format!("{:?}", online(1));
        assert!(!shown.contains("192.0.2") && !shown.contains("busy"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_one_way_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(node) = NodePresence::decode(&bytes) {
                prop_assert_eq!(node.encode(), bytes);
            }
        }
    }
}
