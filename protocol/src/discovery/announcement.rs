//! What a member tells the other members: where it is.

use std::fmt;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use serde_bytes::{ByteBuf, Bytes};
use thiserror::Error;
use zeroize::Zeroizing;

use super::entry::MAX_CIPHERTEXT_BYTES;

/// Addresses per announcement: enough for two networks in both IP versions.
pub const MAX_ADDRESSES: usize = 4;

/// One address. A relayed address over IPv6 needs about 80 bytes.
pub const MAX_ADDRESS_BYTES: usize = 96;

/// The node binding, which is opaque here.
pub const MAX_BINDING_BYTES: usize = 512;

/// The length of the AEAD tag.
const TAG_BYTES: usize = 16;
/// Ciphertexts have a multiple of this length, so that it does not tell how many addresses a member has.
const PADDING_STEP_BYTES: usize = 256;
const LENGTH_BYTES: usize = 2;

/// Whether the member can be reached, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Online at these addresses, best first; at most [`MAX_ADDRESSES`].
    Online(Vec<Multiaddr>),
    /// Going offline: takes the place of what was published before.
    Withdrawn,
}

/// Where one member is, as it says itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Announcement {
    peer: PeerId,
    presence: Presence,
    binding: Vec<u8>,
}

impl Announcement {
    /// Announces that `peer` is online. Takes the first [`MAX_ADDRESSES`] addresses that are not too long, so
    /// give the best ones first. `binding` is the encoded node binding that names the identity.
    ///
    /// # Errors
    /// The binding is longer than [`MAX_BINDING_BYTES`].
    pub fn online(
        peer: PeerId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        binding: Vec<u8>,
    ) -> Result<Self, AnnouncementError> {
        if binding.len() > MAX_BINDING_BYTES {
            return Err(AnnouncementError::BindingTooLarge(binding.len()));
        }
        let addresses = addresses
            .into_iter()
            .filter(|address| address.len() <= MAX_ADDRESS_BYTES)
            .take(MAX_ADDRESSES)
            .collect();
        Ok(Self {
            peer,
            presence: Presence::Online(addresses),
            binding,
        })
    }

    /// Announces that `peer` goes offline.
    pub fn withdrawn(peer: PeerId) -> Self {
        Self {
            peer,
            presence: Presence::Withdrawn,
            binding: Vec::new(),
        }
    }

    /// The node.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Whether it is online, and where.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// The encoded node binding; empty when withdrawn. Not checked yet.
    pub fn binding(&self) -> &[u8] {
        &self.binding
    }

    /// The plaintext of an entry: length, CBOR, zeros.
    pub(super) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        let peer = self.peer.to_bytes();
        let addresses = match &self.presence {
            Presence::Online(addresses) => Some(addresses.iter().map(bytes_of).collect::<Vec<_>>()),
            Presence::Withdrawn => None,
        };
        let content =
            serde_cbor::to_vec(&(Bytes::new(&peer), addresses, Bytes::new(&self.binding)))
                .expect("bytes are written to memory");
        let length = u16::try_from(content.len()).expect("the parts of an announcement are short");
        let used = LENGTH_BYTES + content.len() + TAG_BYTES;
        let padded = used.next_multiple_of(PADDING_STEP_BYTES) - TAG_BYTES;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(padded));
        plaintext.extend_from_slice(&length.to_be_bytes());
        plaintext.extend_from_slice(&content);
        plaintext.resize(padded, 0);
        plaintext
    }

    pub(super) fn from_plaintext(plaintext: &[u8]) -> Result<Self, AnnouncementError> {
        if plaintext.len() > MAX_CIPHERTEXT_BYTES {
            return Err(AnnouncementError::Malformed);
        }
        let (length, rest) = plaintext
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or(AnnouncementError::Malformed)?;
        let content = rest
            .get(..usize::from(u16::from_be_bytes(*length)))
            .ok_or(AnnouncementError::Malformed)?;
        let (peer, addresses, binding): (ByteBuf, Option<Vec<ByteBuf>>, ByteBuf) =
            serde_cbor::from_slice(content).map_err(|_| AnnouncementError::Malformed)?;
        let peer = PeerId::from_bytes(&peer).map_err(|_| AnnouncementError::Malformed)?;
        let Some(addresses) = addresses else {
            return Ok(Self::withdrawn(peer));
        };
        if addresses.len() > MAX_ADDRESSES {
            return Err(AnnouncementError::TooManyAddresses(addresses.len()));
        }
        if addresses
            .iter()
            .any(|address| address.len() > MAX_ADDRESS_BYTES)
        {
            return Err(AnnouncementError::Malformed);
        }
        let addresses = addresses
            .into_iter()
            .map(|address| Multiaddr::try_from(address.into_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| AnnouncementError::Malformed)?;
        Self::online(peer, addresses, binding.into_vec())
    }
}

fn bytes_of(address: &Multiaddr) -> &Bytes {
    Bytes::new(address.as_ref())
}

/// Addresses stay out of logs.
impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.presence {
            Presence::Online(_) => "online",
            Presence::Withdrawn => "withdrawn",
        };
        write!(f, "Announcement({}, {state})", self.peer)
    }
}

/// Why something is no announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnnouncementError {
    /// Longer than [`MAX_BINDING_BYTES`].
    #[error("node binding of {0} bytes is larger than {MAX_BINDING_BYTES}")]
    BindingTooLarge(usize),
    /// More than [`MAX_ADDRESSES`].
    #[error("{0} addresses are more than {MAX_ADDRESSES}")]
    TooManyAddresses(usize),
    /// Not the shape of an announcement.
    #[error("not an announcement")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn largest() -> Announcement {
        let long = address(&format!("/dns6/{}/udp/3587/quic-v1", "x".repeat(88)));
        assert_eq!(long.len(), MAX_ADDRESS_BYTES);
        Announcement::online(PeerId::random(), vec![long; 4], vec![7; MAX_BINDING_BYTES]).unwrap()
    }

    #[test]
    fn the_largest_announcement_fits_an_entry() {
        let announcement = largest();
        let plaintext = announcement.to_plaintext();
        assert!(plaintext.len() + TAG_BYTES <= MAX_CIPHERTEXT_BYTES);
        assert_eq!(
            Announcement::from_plaintext(&plaintext).unwrap(),
            announcement
        );
    }

    #[test]
    fn at_most_four_addresses_are_published() {
        let many = (1..=9).map(|n| address(&format!("/ip4/192.0.2.{n}/udp/3587/quic-v1")));
        let announcement = Announcement::online(PeerId::random(), many, vec![]).unwrap();
        let Presence::Online(kept) = announcement.presence() else {
            panic!("online");
        };
        assert_eq!(kept.len(), 4);
        assert_eq!(kept[0], address("/ip4/192.0.2.1/udp/3587/quic-v1"));
    }

    #[test]
    fn five_addresses_of_another_publisher_are_refused() {
        let peer = PeerId::random().to_bytes();
        let one = address("/ip4/192.0.2.1/udp/3587/quic-v1");
        let addresses = vec![bytes_of(&one); 5];
        let content =
            serde_cbor::to_vec(&(Bytes::new(&peer), Some(addresses), Bytes::new(&[]))).unwrap();
        let mut plaintext = u16::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        plaintext.extend(content);
        assert_eq!(
            Announcement::from_plaintext(&plaintext),
            Err(AnnouncementError::TooManyAddresses(5))
        );
    }

    #[test]
    fn length_does_not_tell_online_from_withdrawn() {
        let peer = PeerId::random();
        let one = address("/ip4/192.0.2.1/udp/3587/quic-v1");
        let online = Announcement::online(peer, [one], vec![1; 100]).unwrap();
        let withdrawn = Announcement::withdrawn(peer);
        assert_eq!(online.to_plaintext().len(), withdrawn.to_plaintext().len());
    }

    #[test]
    fn debug_shows_no_address() {
        let announcement =
            Announcement::online(PeerId::random(), [address("/ip4/192.0.2.77/udp/1")], vec![])
                .unwrap();
        assert!(!format!("{announcement:?}").contains("192.0.2.77"));
    }

    proptest! {
        #[test]
        fn arbitrary_plaintext_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1200)) {
            let _ = Announcement::from_plaintext(&bytes);
        }
    }
}
