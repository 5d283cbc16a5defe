//! The two messages by which a direct connection is asked for, and the frames of messages on one.
//!
//! Source: `docs/protocols/direct.md`.

use std::{fmt, str::FromStr};

use peerage_records::id::{ParseIdError, RecordType};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use thiserror::Error;

use super::{WireError, decode, encode};

/// Longest of the two messages: a chain of 16 KiB, a binding and sealing overhead.
pub const MAX_DIRECT_FRAME_BYTES: usize = 20 * 1024;
/// Longest message on a direct connection: what its receiver may have to hold in memory at once.
pub const MAX_DIRECT_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Before each message: its type and its length.
pub const MESSAGE_HEADER_BYTES: usize = 16 + 4;

/// Asks for a direct connection. Recognisable only with the group's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectHello {
    /// The opener's fresh random bytes.
    pub nonce: ByteArray<32>,
    /// Tells a member which of its groups is meant, and a stranger nothing.
    pub tag: ByteArray<16>,
    /// [`DirectRequest`], sealed under a key of the group's discovery secret.
    pub sealed: ByteBuf,
}

/// Answers a [`DirectHello`]; only ever sent to a member that has proved itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectReply {
    /// The target's fresh random bytes.
    pub nonce: ByteArray<32>,
    /// [`DirectAnswer`], sealed.
    pub sealed: ByteBuf,
}

/// What is asked, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectRequest {
    /// The node binding: the identity vouches for this connection's peer id.
    pub binding: ByteBuf,
    /// The chain of certificates from the group root to that identity.
    pub chain: ByteBuf,
    /// The key of the identity that is wanted.
    pub member: ByteArray<32>,
    /// What is wanted of it.
    pub wish: DirectWish,
}

/// What a direct connection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectWish {
    /// A connection that carries typed messages.
    Messages,
    /// A connection that carries bytes.
    Stream,
    /// None: the proofs of the connections there are, made anew.
    Renewal,
}

/// What the target says to a member that has proved itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectAnswer {
    /// "Open the stream; here is my own proof."
    Accept {
        /// The target's node binding.
        binding: ByteBuf,
        /// Its chain of certificates.
        chain: ByteBuf,
    },
    /// "No, and here is why."
    Refuse(DirectRefusal),
}

/// Why a member is refused a direct connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectRefusal {
    /// No application here accepts direct connections in this group.
    Disallowed,
    /// There are as many as there may be.
    Busy,
    /// The identity that is wanted is not online in this group at this node.
    NotThatMember,
}

macro_rules! bounded {
    ($($message:ty)*) => { $(
        impl $message {
            /// The bytes that are sent.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// Reads what a peer sent.
            ///
            /// # Errors
            /// When it is too long or malformed.
            pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
                decode(bytes, MAX_DIRECT_FRAME_BYTES)
            }
        }
    )* };
}

bounded!(DirectHello DirectReply DirectRequest DirectAnswer);

/// What kind of message: a UUID, for people a readable name, as of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(RecordType);

impl MessageType {
    /// No type. Nothing can be sent without one (GRA-056).
    pub const NIL: Self = Self::from_bytes([0; 16]);
    /// What the original kept its connections alive with: reserved (GRA-056).
    pub const PING: Self =
        Self::from_bytes(0x0ccb_b0d2_be41_4bd6_914b_058e_c5dc_ce64_u128.to_be_bytes());

    /// The type with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(RecordType::from_bytes(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The type with this readable name: the same UUID as a record type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self(RecordType::from_name(name))
    }

    /// Whether an application may send messages of this type.
    #[must_use]
    pub fn may_be_sent(&self) -> bool {
        *self != Self::NIL && *self != Self::PING
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({self})")
    }
}

impl FromStr for MessageType {
    type Err = ParseIdError;

    /// Reads UUID text, and takes anything else for a readable name.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self)
    }
}

/// Why a message is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Longer than [`MAX_DIRECT_MESSAGE_BYTES`].
    #[error("a message of {length} bytes exceeds the limit of {MAX_DIRECT_MESSAGE_BYTES}")]
    TooLong {
        /// How long it is, or says that it will be.
        length: u64,
    },
    /// The nil type, or the reserved one.
    #[error("messages of type {0} cannot be sent")]
    Type(MessageType),
}

/// What precedes a message on a connection in [`DirectMode::Messages`](crate::direct::DirectMode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHeader {
    kind: MessageType,
    length: u32,
}

impl MessageHeader {
    /// The header of a message.
    ///
    /// # Errors
    /// When the type may not be sent or the message is too long.
    pub fn new(kind: MessageType, length: usize) -> Result<Self, MessageError> {
        if !kind.may_be_sent() {
            return Err(MessageError::Type(kind));
        }
        match u32::try_from(length) {
            Ok(short) if length <= MAX_DIRECT_MESSAGE_BYTES => Ok(Self {
                kind,
                length: short,
            }),
            _ => Err(MessageError::TooLong {
                length: length as u64,
            }),
        }
    }

    /// The type of the message.
    #[must_use]
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// How many bytes follow.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length as usize
    }

    /// The bytes that are sent: the type, then the length, big-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_HEADER_BYTES] {
        let mut bytes = [0; MESSAGE_HEADER_BYTES];
        bytes[..16].copy_from_slice(self.kind.as_bytes());
        bytes[16..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    /// Reads what a peer sent.
    ///
    /// # Errors
    /// As [`MessageHeader::new`]: what may not be sent is not taken either.
    pub fn decode(bytes: &[u8; MESSAGE_HEADER_BYTES]) -> Result<Self, MessageError> {
        let (mut kind, mut length) = ([0; 16], [0; 4]);
        kind.copy_from_slice(&bytes[..16]);
        length.copy_from_slice(&bytes[16..]);
        Self::new(
            MessageType::from_bytes(kind),
            u32::from_be_bytes(length) as usize,
        )
    }
}

/// Collects a header from bytes as they come.
#[derive(Debug, Default)]
pub struct HeaderReader {
    bytes: [u8; MESSAGE_HEADER_BYTES],
    filled: usize,
}

impl HeaderReader {
    /// Takes from the front of `bytes` what still belongs to the header; the header once it is whole.
    /// The reader then begins anew.
    ///
    /// # Errors
    /// When it is the header of no message: the connection is of no more use.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<MessageHeader>, MessageError> {
        let n = (MESSAGE_HEADER_BYTES - self.filled).min(bytes.len());
        let (mine, rest) = bytes.split_at(n);
        self.bytes[self.filled..self.filled + n].copy_from_slice(mine);
        self.filled += n;
        *bytes = rest;
        if self.filled < MESSAGE_HEADER_BYTES {
            return Ok(None);
        }
        self.filled = 0;
        MessageHeader::decode(&self.bytes).map(Some)
    }

    /// Whether nothing of a header has arrived yet: where a connection may end in order.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.filled == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = DirectHello::decode(&bytes);
            let _ = DirectReply::decode(&bytes);
            let _ = DirectRequest::decode(&bytes);
            let _ = DirectAnswer::decode(&bytes);
        }

        #[test]
        fn headers_come_out_as_they_went_in_however_the_bytes_arrive(
            headers in proptest::collection::vec((any::<[u8; 16]>(), 0..=MAX_DIRECT_MESSAGE_BYTES), 0..8),
            pieces in proptest::collection::vec(1..50_usize, 1..8),
        ) {
            let headers: Vec<MessageHeader> = headers
                .into_iter()
                .filter_map(|(kind, length)| MessageHeader::new(MessageType::from_bytes(kind), length).ok())
                .collect();
            let bytes: Vec<u8> = headers.iter().flat_map(MessageHeader::encode).collect();

            let mut reader = HeaderReader::default();
            let mut found = Vec::new();
            let mut rest = bytes.as_slice();
            for piece in pieces.into_iter().cycle() {
                let (mut now, later) = rest.split_at(piece.min(rest.len()));
                while !now.is_empty() {
                    found.extend(reader.take(&mut now)?);
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }

            prop_assert_eq!(found, headers);
            prop_assert!(reader.is_between_messages());
        }

        #[test]
        fn no_header_announces_more_than_the_limit(bytes in any::<[u8; MESSAGE_HEADER_BYTES]>()) {
            if let Ok(header) = MessageHeader::decode(&bytes) {
                prop_assert!(header.length() <= MAX_DIRECT_MESSAGE_BYTES);
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }

    #[test]
    fn the_nil_type_and_the_reserved_one_are_refused() {
        for kind in [MessageType::NIL, MessageType::PING] {
            assert_eq!(MessageHeader::new(kind, 1), Err(MessageError::Type(kind)));
            let mut bytes = [0; MESSAGE_HEADER_BYTES];
            bytes[..16].copy_from_slice(kind.as_bytes());
            assert_eq!(MessageHeader::decode(&bytes), Err(MessageError::Type(kind)));
        }
        assert_eq!(
            MessageType::PING.to_string(),
            "0ccbb0d2-be41-4bd6-914b-058ec5dcce64"
        );
    }

    #[test]
    fn the_header_has_the_documented_layout() {
        let header = MessageHeader::new(MessageType::from_bytes([0xab; 16]), 0x0001_0203);

        let mut expected = vec![0xab; 16];
        expected.extend_from_slice(&[0, 1, 2, 3]);
        assert_eq!(header.map(|header| header.encode().to_vec()), Ok(expected));
    }

    #[test]
    fn the_longest_message_fits_and_no_longer_one() {
        let kind = MessageType::from_name("chat");
        assert!(MessageHeader::new(kind, MAX_DIRECT_MESSAGE_BYTES).is_ok());
        let over = MAX_DIRECT_MESSAGE_BYTES + 1;
        let length = over as u64;
        assert_eq!(
            MessageHeader::new(kind, over),
            Err(MessageError::TooLong { length })
        );
    }
}
