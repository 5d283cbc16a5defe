//! The porter's side of a conversation at a door: hears who rings, shows who opens, and lets in.

use std::fmt;

use libp2p_identity::PeerId;
use peerage_records::{id::GroupId, time::Timestamp};
use rand::CryptoRng;
use serde_bytes::{ByteArray, ByteBuf};

use super::{
    Door, DoorError,
    keys::{Ends, ProvenKeys, RingKeys, TalkKeys, context},
    password::Challenge,
};
use crate::{
    admission::{Presented, keys::SealingKey, keys::same},
    binding::NodeBinding,
    gmc::VerifiedGmc,
    group::Role,
    identity::IdentityCard,
    invitation::Invitation,
    name::{MAX_FRIENDLY_NAME_CHARS, check_friendly_name},
    wire::{
        admission::{Hello, Reply},
        door::{Answer, Greeting, Ring, Sealed, Visit, Visitor},
    },
};

/// Whether a member with this membership opens doors: it must be able to let somebody in.
#[must_use]
pub fn may_open(gmc: &VerifiedGmc) -> bool {
    gmc.roles().may_issue(Role::Member)
}

/// One door, as far as hearing somebody ring goes.
#[derive(Debug, Clone, Copy)]
pub struct Bell<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// Its door.
    pub door: &'a Door,
}

/// Somebody rang at one of our doors.
pub struct Heard {
    group: GroupId,
    ends: Ends,
    nonce: [u8; 32],
    ring: Ring,
}

/// A porter that has shown itself and waits for the visitor to do so.
pub struct Porter {
    ends: Ends,
    keys: TalkKeys,
    challenge: Option<(Challenge, Vec<u8>)>,
}

/// Who is there, and what for. The peer id is proved by TLS, the identity by its binding.
#[derive(Debug, Clone)]
pub struct Visited {
    /// Who.
    pub card: IdentityCard,
    /// What for.
    pub purpose: Purpose,
}

/// What a visitor is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// It knows the password.
    Password,
    /// It asks, with this note.
    Request(String),
}

/// The way to answer a visitor.
pub struct Doorstep {
    answer: SealingKey,
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
opaque!(Heard, Porter, Doorstep);

impl Heard {
    /// Reads the first frame of an exchange as a ring at one of these doors; `None` when it is none.
    ///
    /// # Errors
    /// When it was made with a door's secret, and is wrong.
    pub fn ring<'a>(
        frame: &[u8],
        doors: impl Iterator<Item = Bell<'a>>,
        local: &PeerId,
        peer: &PeerId,
    ) -> Option<Result<Self, DoorError>> {
        let hello = Hello::decode(frame).ok()?;
        let ends = Ends {
            visitor: *peer,
            porter: *local,
        };
        for Bell { group, door } in doors {
            let keys = RingKeys::derive(&door.secret, &ends, &hello.nonce);
            if !same(&keys.tag, &hello.tag) {
                continue;
            }
            let ring = keys
                .ring
                .open(&hello.sealed)
                .ok_or(DoorError::Sealed)
                .and_then(|plain| Ok(Ring::decode(&plain)?));
            return Some(ring.map(|ring| Self {
                group: *group,
                ends,
                nonce: hello.nonce.into_array(),
                ring,
            }));
        }
        None
    }

    /// At which group's door.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// Whether it is a try at the password.
    #[must_use]
    pub const fn tries_password(&self) -> bool {
        matches!(self.ring, Ring::Password(_))
    }

    /// Shows who opens. From here on a visitor with a password can find out whether it is right, so this
    /// is what is throttled.
    ///
    /// # Errors
    /// When the door does not open to what the visitor rang for.
    pub fn greet(
        self,
        door: &Door,
        presented: &Presented,
        rng: &mut impl CryptoRng,
    ) -> Result<(Porter, Vec<u8>), DoorError> {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let keys = TalkKeys::derive(&door.secret, &self.ends, &self.nonce, &nonce);
        let challenge = match self.ring {
            Ring::Password(first) => {
                let password = door.password.as_ref().ok_or(DoorError::Closed)?;
                let context = context(
                    &self.group,
                    &self.ends,
                    &self.nonce,
                    &nonce,
                    &presented.chain,
                );
                let (challenge, second) = password.file.challenge(&first, &context, rng)?;
                Some((challenge, context, second))
            }
            Ring::Request if door.requests => None,
            Ring::Request => return Err(DoorError::Closed),
        };
        let greeting = Greeting {
            binding: ByteBuf::from(presented.binding.to_vec()),
            chain: ByteBuf::from(presented.chain.to_vec()),
            challenge: challenge
                .as_ref()
                .map(|(_, _, second)| ByteBuf::from(second.clone())),
        };
        let reply = Reply {
            nonce: ByteArray::new(nonce),
            sealed: ByteBuf::from(keys.greeting.seal(&greeting.encode())),
        };
        let porter = Porter {
            ends: self.ends,
            keys,
            challenge: challenge.map(|(challenge, context, _)| (challenge, context)),
        };
        Ok((porter, reply.encode()))
    }
}

impl Porter {
    /// Takes what the visitor shows: checks the proof, if it is to give one, and who it is.
    ///
    /// # Errors
    /// For a wrong password, an identity that does not verify, or anything else than what is due.
    pub fn on_visit(self, frame: &[u8], now: Timestamp) -> Result<(Visited, Doorstep), DoorError> {
        let plain = self
            .keys
            .visit
            .open(&Sealed::decode(frame)?.sealed)
            .ok_or(DoorError::Sealed)?;
        let (visitor, purpose, answer) = match (Visit::decode(&plain)?, self.challenge) {
            (Visit::Proof { proof, visitor }, Some((challenge, context))) => {
                let session = challenge.finish(&proof, &context)?;
                let keys = ProvenKeys::derive(&session);
                let visitor = keys.visitor.open(&visitor).ok_or(DoorError::Sealed)?;
                (Visitor::decode(&visitor)?, Purpose::Password, keys.answer)
            }
            (Visit::Request { visitor, note }, None) => {
                let bounded = note.chars().count() <= MAX_FRIENDLY_NAME_CHARS;
                if !bounded || check_friendly_name(&note).is_err() {
                    return Err(DoorError::BadNote);
                }
                (visitor, Purpose::Request(note), self.keys.answer)
            }
            _ => return Err(DoorError::OutOfTurn),
        };
        let card = IdentityCard::from_der(&visitor.card)?;
        let identity = NodeBinding::decode(&visitor.binding)?.verify(&self.ends.visitor, now)?;
        if identity != card.key() {
            return Err(DoorError::OtherIdentity);
        }
        Ok((Visited { card, purpose }, Doorstep { answer }))
    }
}

impl Doorstep {
    /// Lets the visitor in.
    #[must_use]
    pub fn invite(self, invitation: &Invitation) -> Vec<u8> {
        self.say(&Answer::Invitation(ByteBuf::from(invitation.to_bytes())))
    }

    /// Tells the visitor that its request waits.
    #[must_use]
    pub fn wait(self) -> Vec<u8> {
        self.say(&Answer::Waiting)
    }

    fn say(self, answer: &Answer) -> Vec<u8> {
        Sealed {
            sealed: ByteBuf::from(self.answer.seal(&answer.encode())),
        }
        .encode()
    }
}
