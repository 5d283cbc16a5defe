//! The visitor's side of a conversation at a door: rings, looks who opens, says who it is and what for.

use std::fmt;

use libp2p_identity::PeerId;
use peerage_records::time::Timestamp;
use rand::CryptoRng;
use serde_bytes::{ByteArray, ByteBuf};

use super::{
    DoorError, GroupAddress,
    keys::{Ends, ProvenKeys, RingKeys, TalkKeys, context},
    password::{Attempt, Password, SessionKey, Stretching, WrongPassword},
    porter::may_open,
};
use crate::{
    admission::keys::SealingKey,
    binding::NodeBinding,
    gmc::{self, Chain},
    identity::IdentityCard,
    invitation::Invitation,
    wire::{
        admission::{Hello, Reply},
        door::{Answer, Greeting, Ring, Sealed, Visit, Visitor as WireVisitor},
    },
};

/// What a visitor shows of itself, once it knows who opens.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its identity card.
    pub card: IdentityCard,
    /// Its identity's binding to this node.
    pub binding: NodeBinding,
}

impl Caller {
    fn wire(&self) -> WireVisitor {
        WireVisitor {
            card: ByteBuf::from(self.card.certificate()),
            binding: ByteBuf::from(self.binding.encode()),
        }
    }
}

/// A visitor that has rung.
pub struct Rung {
    ends: Ends,
    nonce: [u8; 32],
    attempt: Option<Attempt>,
}

/// A visitor that knows who opened.
pub enum Met {
    /// It has a password: to be stretched, which is slow, then [`Proven::show`].
    Password(Box<Proving>),
    /// It asks: [`Asking::ask`].
    Request(Asking),
}

/// A visitor about to prove that it knows the password.
pub struct Proving {
    keys: TalkKeys,
    stretching: Stretching,
}

/// A visitor about to ask.
pub struct Asking {
    keys: TalkKeys,
}

/// A visitor that knows the door's password, as the porter will.
pub struct Proven {
    keys: TalkKeys,
    proof: Vec<u8>,
    session: SessionKey,
}

/// A visitor that waits for the porter's answer.
pub struct Waiting {
    answer: SealingKey,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Welcome.
    Invited(Box<Invitation>),
    /// The request lies with the porter's owner.
    Waiting,
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
opaque!(Rung, Met, Proving, Asking, Proven, Waiting);

impl Rung {
    /// Rings at the node `porter`: with the password, or to ask. Gives the first frame.
    ///
    /// # Errors
    /// When the password cannot be used, for example because it is empty.
    pub fn ring(
        address: &GroupAddress,
        password: Option<&Password>,
        local: &PeerId,
        porter: &PeerId,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<u8>), DoorError> {
        let ends = Ends {
            visitor: *local,
            porter: *porter,
        };
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let (attempt, ring) = match password {
            Some(password) => {
                let (attempt, first) = Attempt::begin(password, rng)?;
                (Some(attempt), Ring::Password(ByteBuf::from(first)))
            }
            None => (None, Ring::Request),
        };
        let keys = RingKeys::derive(address.secret(), &ends, &nonce);
        let hello = Hello {
            nonce: ByteArray::new(nonce),
            tag: ByteArray::new(keys.tag),
            sealed: ByteBuf::from(keys.ring.seal(&ring.encode())),
        };
        let rung = Self {
            ends,
            nonce,
            attempt,
        };
        Ok((rung, hello.encode()))
    }

    /// Looks who opened: a member of this group that may issue memberships, on the node we called.
    /// Before that is certain, the visitor proves nothing and does not say who it is (GRP-250).
    ///
    /// # Errors
    /// When it is anybody else, or not what a porter says now.
    pub fn on_greeting(
        self,
        address: &GroupAddress,
        frame: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Met, DoorError> {
        let reply = Reply::decode(frame)?;
        let keys = TalkKeys::derive(address.secret(), &self.ends, &self.nonce, &reply.nonce);
        let greeting = keys.greeting.open(&reply.sealed).ok_or(DoorError::Sealed)?;
        let Greeting {
            binding,
            chain,
            challenge,
        } = Greeting::decode(&greeting)?;
        let gmc = gmc::verify(&Chain::decode(&chain)?, &address.group(), now)?;
        let identity = NodeBinding::decode(&binding)?.verify(&self.ends.porter, now)?;
        if identity != gmc.subject() {
            return Err(DoorError::OtherIdentity);
        }
        if !may_open(&gmc) {
            return Err(DoorError::NoPorter);
        }
        match (self.attempt, challenge) {
            (Some(attempt), Some(second)) => {
                let context = context(
                    &address.group(),
                    &self.ends,
                    &self.nonce,
                    &reply.nonce,
                    &chain,
                );
                let mut seed = [0; 32];
                rng.fill_bytes(&mut seed);
                let stretching = attempt.meet(second.into_vec(), context, seed);
                Ok(Met::Password(Box::new(Proving { keys, stretching })))
            }
            (None, None) => Ok(Met::Request(Asking { keys })),
            _ => Err(DoorError::OutOfTurn),
        }
    }
}

impl Proving {
    /// Stretches the password, which takes a good part of a second, and finds out whether it is right.
    ///
    /// # Errors
    /// [`WrongPassword`].
    pub fn stretch(self) -> Result<Proven, WrongPassword> {
        let (proof, session) = self.stretching.run()?;
        Ok(Proven {
            keys: self.keys,
            proof,
            session,
        })
    }
}

impl Proven {
    /// Shows the proof and, to who can check it, who the visitor is.
    #[must_use]
    pub fn show(self, caller: &Caller) -> (Waiting, Vec<u8>) {
        let proven = ProvenKeys::derive(&self.session);
        let visit = Visit::Proof {
            proof: ByteBuf::from(self.proof),
            visitor: ByteBuf::from(proven.visitor.seal(&caller.wire().encode())),
        };
        let waiting = Waiting {
            answer: proven.answer,
        };
        (waiting, sealed(&self.keys.visit, &visit.encode()))
    }
}

impl Asking {
    /// Says who asks, and why.
    #[must_use]
    pub fn ask(self, caller: &Caller, note: &str) -> (Waiting, Vec<u8>) {
        let visit = Visit::Request {
            visitor: caller.wire(),
            note: note.to_owned(),
        };
        let waiting = Waiting {
            answer: self.keys.answer,
        };
        (waiting, sealed(&self.keys.visit, &visit.encode()))
    }
}

impl Waiting {
    /// Takes the porter's answer.
    ///
    /// # Errors
    /// When it is none, or the invitation in it is into another group.
    pub fn on_answer(self, address: &GroupAddress, frame: &[u8]) -> Result<Outcome, DoorError> {
        let answer = self
            .answer
            .open(&Sealed::decode(frame)?.sealed)
            .ok_or(DoorError::Sealed)?;
        match Answer::decode(&answer)? {
            Answer::Waiting => Ok(Outcome::Waiting),
            Answer::Invitation(bytes) => {
                let invitation = Invitation::decode(&bytes)?;
                if invitation.inspect().group != address.group() {
                    return Err(DoorError::OtherGroup);
                }
                Ok(Outcome::Invited(Box::new(invitation)))
            }
        }
    }
}

fn sealed(key: &SealingKey, plain: &[u8]) -> Vec<u8> {
    Sealed {
        sealed: ByteBuf::from(key.seal(plain)),
    }
    .encode()
}
