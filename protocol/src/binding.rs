//! Node bindings: an identity vouches for a node for at most a day.
//!
//! The libp2p key belongs to the node, the identity's key does not leave the identity. TLS proves the
//! node's peer id; a binding says that the identity is present there. Together with a GMC chain it is a
//! complete proof of membership in one message.

use std::{fmt, time::Duration};

use libp2p_identity::PeerId;
use peerage_records::{
    id::IdentityKey,
    time::{CLOCK_TOLERANCE, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use crate::{certificate::calendar, identity::Identity, signing};

/// A binding is good for at most this long, so that a stolen node key is worth a day.
pub const MAX_BINDING_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// One that is shown is no older than this, so that it tells what time it is at the node that shows it.
/// One signature per group and minute, and only while somebody is shown it.
pub const FRESHNESS: Duration = Duration::from_secs(60);

/// At most this many bytes encoded: keys, times, and a peer id of at most 64 bytes.
pub const MAX_BINDING_BYTES: usize = 320;

const DOMAIN: &[u8] = b"peerage node binding v1\0";
const VERSION: u8 = 1;

/// The signed part: `[identity, peer, not before, not after, boot id]`.
#[derive(Serialize, Deserialize)]
struct Body(IdentityKey, ByteBuf, Timestamp, Timestamp, ByteArray<16>);

/// The whole: `[1, body, signature]`.
#[derive(Serialize, Deserialize)]
struct Envelope(u8, ByteBuf, ByteArray<{ signing::SIGNATURE_BYTES }>);

/// An identity's statement that it is present on a node. Decoded ones are not believed until
/// [`NodeBinding::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct NodeBinding {
    identity: IdentityKey,
    peer: PeerId,
    not_before: Timestamp,
    not_after: Timestamp,
    boot: [u8; 16],
    encoded: Vec<u8>,
}

impl NodeBinding {
    /// Vouches for the node `peer` from `now` for [`MAX_BINDING_LIFETIME`]. `boot` is drawn anew whenever
    /// the node starts, so that neighbours notice restarts.
    #[must_use]
    pub fn create(identity: &Identity, peer: PeerId, now: Timestamp, boot: [u8; 16]) -> Self {
        let not_after = now + MAX_BINDING_LIFETIME;
        let body = signing::to_cbor(&Body(
            identity.key(),
            ByteBuf::from(peer.to_bytes()),
            now,
            not_after,
            ByteArray::new(boot),
        ));
        let signature = identity.sign(&signing::domain_separated(DOMAIN, &body));
        let encoded = signing::to_cbor(&Envelope(
            VERSION,
            ByteBuf::from(body),
            ByteArray::new(signature),
        ));
        Self {
            identity: identity.key(),
            peer,
            not_before: now,
            not_after,
            boot,
            encoded,
        }
    }

    /// Decodes a binding. Nothing is believed yet.
    ///
    /// # Errors
    /// When it is not canonical CBOR of a binding, or of an unknown version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BindingError> {
        if bytes.len() > MAX_BINDING_BYTES {
            return Err(BindingError::Malformed);
        }
        let Envelope(version, body, _) =
            signing::from_cbor(bytes).ok_or(BindingError::Malformed)?;
        if version != VERSION {
            return Err(BindingError::UnsupportedVersion { version });
        }
        let Body(identity, peer, not_before, not_after, boot) =
            signing::from_cbor(&body).ok_or(BindingError::Malformed)?;
        let peer_id = PeerId::from_bytes(&peer).map_err(|_| BindingError::Malformed)?;
        if peer_id.to_bytes() != *peer {
            return Err(BindingError::Malformed);
        }
        Ok(Self {
            identity,
            peer: peer_id,
            not_before,
            not_after,
            boot: boot.into_array(),
            encoded: bytes.to_vec(),
        })
    }

    /// The encoded binding.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// Checks that this is a binding of the node `peer` that is good at `now`, and says whose it is.
    ///
    /// # Errors
    /// When it is for another node, out of its time (give or take ten minutes), longer than a day, or the
    /// signature does not verify.
    pub fn verify(&self, peer: &PeerId, now: Timestamp) -> Result<IdentityKey, BindingError> {
        if self.peer != *peer {
            return Err(BindingError::WrongPeer);
        }
        if self.not_after.since(self.not_before) > MAX_BINDING_LIFETIME
            || self.not_after < self.not_before
        {
            return Err(BindingError::TooLong);
        }
        if now > self.not_after + CLOCK_TOLERANCE {
            return Err(BindingError::Expired {
                not_after: self.not_after,
                now,
            });
        }
        if now + CLOCK_TOLERANCE < self.not_before {
            return Err(BindingError::NotYetValid {
                not_before: self.not_before,
                now,
            });
        }
        let key = signing::verifying_key(&self.identity).ok_or(BindingError::WeakKey)?;
        let Envelope(_, body, signature) =
            signing::from_cbor(&self.encoded).ok_or(BindingError::Malformed)?;
        if !signing::verify(
            &key,
            &signing::domain_separated(DOMAIN, &body),
            signature.as_slice(),
        ) {
            return Err(BindingError::BrokenSignature);
        }
        Ok(self.identity)
    }

    /// Who is said to vouch.
    #[must_use]
    pub const fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// For which node.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Until when.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Which start of the node.
    #[must_use]
    pub const fn boot(&self) -> [u8; 16] {
        self.boot
    }

    /// Since when it is good, by the clock of whoever made it.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Whether it is time for a new one before it is shown again: once it is older than [`FRESHNESS`].
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now > self.not_before + FRESHNESS || now < self.not_before
    }
}

impl fmt::Debug for NodeBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBinding")
            .field("identity", &self.identity.short())
            .field("peer", &self.peer)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Why a binding is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// Not canonical CBOR of a binding.
    #[error("not an encoded node binding")]
    Malformed,
    /// A version this build does not know.
    #[error("the node binding has version {version}, which this build does not know")]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// It is for another node than the one that shows it.
    #[error("the node binding is for another node")]
    WrongPeer,
    /// It claims more than [`MAX_BINDING_LIFETIME`].
    #[error("the node binding is for longer than a day")]
    TooLong,
    /// It ended.
    #[error(
        "the node binding expired at {}, this computer's clock says {}; one of the two clocks may be wrong",
        calendar(*not_after),
        calendar(*now)
    )]
    Expired {
        /// When it ended.
        not_after: Timestamp,
        /// The time it was checked for.
        now: Timestamp,
    },
    /// It has not begun.
    #[error(
        "the node binding is not valid before {}, this computer's clock says {}; one of the two clocks may be wrong",
        calendar(*not_before),
        calendar(*now)
    )]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
        /// The time it was checked for.
        now: Timestamp,
    },
    /// The identity's key is one that anybody can sign for.
    #[error("the key in the node binding is invalid or weak")]
    WeakKey,
    /// The signature does not verify.
    #[error("the signature of the node binding does not verify")]
    BrokenSignature,
}

#[cfg(test)]
mod tests;
