//! What is said at a group's door, inside the frames of an exchange.
//!
//! From outside, the first two frames are the [`Hello`](super::admission::Hello) and the
//! [`Reply`](super::admission::Reply) of an admission: nonce, tag and a sealed part, so that nobody
//! without the group's address can tell one from the other. Only what is sealed differs.
//!
//! Source: `docs/protocols/door.md`.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{WireError, at_most, decode, encode};
use crate::{
    binding::MAX_BINDING_BYTES,
    door::password::{FIRST_BYTES, SECOND_BYTES, THIRD_BYTES},
    gmc::{MAX_CERTIFICATE_BYTES, MAX_CHAIN_BYTES},
    invitation::MAX_INVITATION_BYTES,
};

/// Longest frame at a door: an invitation and what seals it.
pub const MAX_DOOR_FRAME_BYTES: usize = MAX_INVITATION_BYTES + 512;
/// Longest note of a visitor, in bytes: 255 characters of four bytes.
pub const MAX_NOTE_BYTES: usize = 4 * crate::name::MAX_FRIENDLY_NAME_CHARS;

/// Inside the visitor's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ring {
    /// "I know the password": the first message of a key exchange, which tells nothing of it.
    Password(ByteBuf),
    /// "I would like to ask": nothing more.
    Request,
}

/// Inside the porter's answer: who opens, so that the visitor can check before it says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The porter's node binding.
    pub binding: ByteBuf,
    /// The porter's chain of certificates.
    pub chain: ByteBuf,
    /// The second message of the key exchange, when there is one.
    pub challenge: Option<ByteBuf>,
}

/// The visitor's second frame. Sealed with the keys of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visit {
    /// The third message of the key exchange, and the [`Visitor`] sealed under the key it led to.
    Proof {
        /// The proof.
        proof: ByteBuf,
        /// Who proves it.
        visitor: ByteBuf,
    },
    /// Who asks, and why.
    Request {
        /// Who.
        visitor: Visitor,
        /// A word to whoever decides.
        note: String,
    },
}

/// Who is at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// Its identity certificate.
    pub card: ByteBuf,
    /// That identity vouches for this connection's peer id.
    pub binding: ByteBuf,
}

/// The porter's last frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Welcome: an invitation made out to the visitor.
    Invitation(ByteBuf),
    /// The request lies with the one who decides; ask again later.
    Waiting,
}

/// The outside of the visitor's second and the porter's last frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// What is inside.
    pub sealed: ByteBuf,
}

macro_rules! bounded {
    ($message:ty, |$m:ident| $check:expr) => {
        impl $message {
            /// The bytes that are sealed or sent.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// Reads what a peer sent.
            ///
            /// # Errors
            /// When it is too long, malformed, or a part of it is over its limit.
            pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
                let $m: Self = decode(bytes, MAX_DOOR_FRAME_BYTES)?;
                $check?;
                Ok($m)
            }
        }
    };
}

bounded!(Ring, |m| match &m {
    Ring::Password(first) => at_most("first message", first.len(), FIRST_BYTES),
    Ring::Request => Ok(()),
});
bounded!(Greeting, |m| {
    at_most("binding", m.binding.len(), MAX_BINDING_BYTES)
        .and_then(|()| at_most("chain", m.chain.len(), MAX_CHAIN_BYTES))
        .and_then(|()| {
            let challenge = m.challenge.as_ref().map_or(0, |second| second.len());
            at_most("challenge", challenge, SECOND_BYTES)
        })
});
bounded!(Visit, |m| match &m {
    Visit::Proof { proof, visitor } => at_most("proof", proof.len(), THIRD_BYTES)
        .and_then(|()| at_most("visitor", visitor.len(), 2 * MAX_CERTIFICATE_BYTES)),
    Visit::Request { visitor, note } =>
        visitor
            .check()
            .and_then(|()| at_most("note", note.len(), MAX_NOTE_BYTES)),
});
bounded!(Visitor, |m| m.check());
bounded!(Answer, |m| match &m {
    Answer::Invitation(bytes) => at_most("invitation", bytes.len(), MAX_INVITATION_BYTES),
    Answer::Waiting => Ok(()),
});
bounded!(Sealed, |m| Ok::<(), WireError>(()));

impl Visitor {
    fn check(&self) -> Result<(), WireError> {
        at_most("card", self.card.len(), MAX_CERTIFICATE_BYTES)?;
        at_most("binding", self.binding.len(), MAX_BINDING_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Ring::decode(&bytes);
            let _ = Greeting::decode(&bytes);
            let _ = Visit::decode(&bytes);
            let _ = Visitor::decode(&bytes);
            let _ = Answer::decode(&bytes);
            let _ = Sealed::decode(&bytes);
        }
    }

    #[test]
    fn a_message_survives_its_encoding() {
        let visit = Visit::Request {
            visitor: Visitor {
                card: ByteBuf::from(vec![1]),
                binding: ByteBuf::from(vec![2]),
            },
            note: "it is me".into(),
        };
        assert_eq!(Visit::decode(&visit.encode()), Ok(visit));
        let ring = Ring::Password(ByteBuf::from(vec![7; FIRST_BYTES]));
        assert_eq!(Ring::decode(&ring.encode()), Ok(ring));
        assert_eq!(Ring::decode(&Ring::Request.encode()), Ok(Ring::Request));
    }

    #[test]
    fn parts_over_their_limit_are_refused() {
        let ring = Ring::Password(ByteBuf::from(vec![7; FIRST_BYTES + 1]));
        let visit = Visit::Request {
            visitor: Visitor {
                card: ByteBuf::new(),
                binding: ByteBuf::new(),
            },
            note: "x".repeat(MAX_NOTE_BYTES + 1),
        };
        let too_many =
            |result: Result<(), WireError>| matches!(result, Err(WireError::TooMany { .. }));
        assert!(too_many(Ring::decode(&ring.encode()).map(drop)));
        assert!(too_many(Visit::decode(&visit.encode()).map(drop)));
    }
}
