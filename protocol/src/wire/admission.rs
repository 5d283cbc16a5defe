//! The three frames of an admission exchange, and the knock that asks for one.
//!
//! Source: `docs/protocols/admission.md`.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::{WireError, at_most, decode, encode};

/// Longest admission frame: a chain of 16 KiB, a binding, addresses and sealing overhead.
pub const MAX_ADMISSION_FRAME_BYTES: usize = 24 * 1024;
/// Longest knock: nonce, tag and framing.
pub const MAX_KNOCK_BYTES: usize = 96;
/// Addresses a peer tells of itself or of another member; the original published four (GRP-052).
pub const MAX_ADDRESSES: usize = 4;
/// Members a full node names to a newcomer it cannot take.
pub const MAX_REFERRALS: usize = 8;
/// Longest multiaddr accepted, bytes.
pub const MAX_ADDRESS_BYTES: usize = 128;

/// Asks the chooser of a pair to start an exchange. Recognisable only with the group's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knock {
    /// Fresh random bytes.
    pub nonce: ByteArray<32>,
    /// Proof of knowing the group's discovery secret, bound to both peers and the nonce.
    pub tag: ByteArray<16>,
}

/// First frame, from the chooser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The chooser's fresh random bytes.
    pub nonce: ByteArray<32>,
    /// Tells a member which of its groups is meant, and a stranger nothing.
    pub tag: ByteArray<16>,
    /// [`Credentials`], sealed under a key of the group's discovery secret.
    pub sealed: ByteBuf,
}

/// Second frame, only ever sent to a peer whose credentials verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The responder's fresh random bytes.
    pub nonce: ByteArray<32>,
    /// [`Answer`], sealed.
    pub sealed: ByteBuf,
}

/// What the responder says to a verified member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// "You are admitted; here is my own proof."
    Accept(Credentials),
    /// "You are a member, but I have all the neighbours I may have; try these."
    Busy(Vec<Referral>),
}

/// Third frame: the chooser has verified the responder too. Sealed and otherwise empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// An authenticated empty message.
    pub sealed: ByteBuf,
}

/// A complete proof of membership, and what a neighbour needs to know beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The node binding: the identity vouches for this connection's peer id.
    pub binding: ByteBuf,
    /// The chain of certificates from the group root to that identity.
    pub chain: ByteBuf,
    /// Where this node listens, most useful first.
    pub addresses: Vec<ByteBuf>,
    /// How many neighbours it has in the group now.
    pub neighbours: u8,
}

/// Another member and where it may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// Its libp2p peer id, bytes.
    pub peer: ByteBuf,
    /// Its addresses.
    pub addresses: Vec<ByteBuf>,
}

macro_rules! bounded {
    ($message:ty, $limit:expr, |$m:ident| $check:expr) => {
        impl $message {
            /// The bytes that are sent.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// Reads what a peer sent.
            ///
            /// # Errors
            /// When it is too long, malformed, or a list in it is over its limit.
            pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
                let $m: Self = decode(bytes, $limit)?;
                $check?;
                Ok($m)
            }
        }
    };
}

bounded!(Knock, MAX_KNOCK_BYTES, |m| Ok::<(), WireError>(()));
bounded!(
    Hello,
    MAX_ADMISSION_FRAME_BYTES,
    |m| Ok::<(), WireError>(())
);
bounded!(
    Reply,
    MAX_ADMISSION_FRAME_BYTES,
    |m| Ok::<(), WireError>(())
);
bounded!(Confirm, MAX_KNOCK_BYTES, |m| Ok::<(), WireError>(()));
bounded!(Credentials, MAX_ADMISSION_FRAME_BYTES, |m| m.check());
bounded!(Answer, MAX_ADMISSION_FRAME_BYTES, |m| m.check());

impl Credentials {
    fn check(&self) -> Result<(), WireError> {
        check_addresses(&self.addresses)
    }
}

impl Answer {
    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Accept(credentials) => credentials.check(),
            Self::Busy(referrals) => check_referrals(referrals),
        }
    }
}

pub(super) fn check_referrals(referrals: &[Referral]) -> Result<(), WireError> {
    at_most("referrals", referrals.len(), MAX_REFERRALS)?;
    referrals
        .iter()
        .try_for_each(|referral| check_addresses(&referral.addresses))
}

fn check_addresses(addresses: &[ByteBuf]) -> Result<(), WireError> {
    at_most("addresses", addresses.len(), MAX_ADDRESSES)?;
    addresses
        .iter()
        .try_for_each(|address| at_most("address bytes", address.len(), MAX_ADDRESS_BYTES))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Knock::decode(&bytes);
            let _ = Hello::decode(&bytes);
            let _ = Reply::decode(&bytes);
            let _ = Confirm::decode(&bytes);
            let _ = Credentials::decode(&bytes);
            let _ = Answer::decode(&bytes);
        }
    }

    #[test]
    fn lists_over_their_limit_are_refused() {
        let address = ByteBuf::from(vec![4, 127, 0, 0, 1]);
        let credentials = Credentials {
            binding: ByteBuf::new(),
            chain: ByteBuf::new(),
            addresses: vec![address; MAX_ADDRESSES + 1],
            neighbours: 0,
        };
        assert!(matches!(
            Credentials::decode(&credentials.encode()),
            Err(WireError::TooMany { .. })
        ));
    }

    #[test]
    fn every_knock_fits_its_limit() {
        for byte in [0, 23, 24, 255] {
            let knock = Knock {
                nonce: ByteArray::new([byte; 32]),
                tag: ByteArray::new([byte; 16]),
            };
            assert_eq!(Knock::decode(&knock.encode()), Ok(knock));
        }
    }

    #[test]
    fn a_message_survives_its_encoding() {
        let answer = Answer::Busy(vec![Referral {
            peer: ByteBuf::from(vec![1, 2, 3]),
            addresses: vec![ByteBuf::from(vec![9])],
        }]);
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
    }
}
