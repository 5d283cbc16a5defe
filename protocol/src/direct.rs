//! Direct connections: a stream between two members of a group, for applications only.
//!
//! Who opens one asks the other node first. The question and its answer are one message each, sealed
//! as those of an [admission](crate::admission): a stranger cannot tell what is asked, a member that
//! does not want the connection says why not, and everybody else hears nothing. Both sides have proved
//! themselves with these two messages and derive the same [`Handle`], which begins the one stream of
//! the connection.
//!
//! ```text
//! opener                                             target
//!   DirectHello { nonce, tag, sealed request }  ──►    finds the group by the tag, verifies,
//!          verifies  ◄── DirectReply { nonce, sealed accept | refuse }   expects the handle
//!   one stream that begins with the handle      ──►    connected
//! ```
//!
//! There is no chooser here: whoever wants the connection asks. See `docs/protocols/direct.md`.

mod keys;

use std::{fmt, num::NonZeroU64, str::FromStr};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};
use rand::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_bytes::{ByteArray, ByteBuf};
use thiserror::Error;

use crate::{
    admission::{
        AdmissionError, Gate, Handle, Presented, Proof,
        keys::{HelloKeys, ReplyKeys, same},
        prove, random,
    },
    gmc::VerifiedGmc,
    wire::direct::{
        DirectAnswer, DirectHello, DirectRefusal, DirectReply, DirectRequest, DirectWish,
    },
};
use keys::LABELS;

/// Names a direct connection on one node, from the first attempt to the end. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(NonZeroU64);

impl ConnectionId {
    /// The connection with this number, unless it is 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The one after this; after the last one the first.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that names no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a connection id: a whole number from 1 to 18446744073709551615")]
pub struct ParseConnectionIdError;

impl FromStr for ConnectionId {
    type Err = ParseConnectionIdError;

    fn from_str(text: &str) -> Result<Self, ParseConnectionIdError> {
        text.parse().map(Self).map_err(|_| ParseConnectionIdError)
    }
}

/// As text: JSON's numbers do not hold all of them.
impl Serialize for ConnectionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConnectionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a direct connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectMode {
    /// Typed messages, each framed by a [`MessageHeader`](crate::wire::direct::MessageHeader).
    Messages,
    /// Bytes, as they are.
    Stream,
}

/// Which connections the applications of a group accept. None at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectConsent {
    /// Those for messages.
    pub messages: bool,
    /// Those for bytes.
    pub streams: bool,
}

impl DirectConsent {
    /// No connections.
    pub const NONE: Self = Self {
        messages: false,
        streams: false,
    };
    /// Connections of both kinds.
    pub const ALL: Self = Self {
        messages: true,
        streams: true,
    };

    /// Whether it covers a connection that carries this.
    #[must_use]
    pub fn covers(self, mode: DirectMode) -> bool {
        match mode {
            DirectMode::Messages => self.messages,
            DirectMode::Stream => self.streams,
        }
    }
}

impl DirectMode {
    fn wish(self) -> DirectWish {
        match self {
            Self::Messages => DirectWish::Messages,
            Self::Stream => DirectWish::Stream,
        }
    }

    /// A short stable word for events and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Stream => "stream",
        }
    }
}

/// Why a direct connection did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DirectFailure {
    /// No application of the member accepts direct connections in this group ("disallowed").
    #[error("the member accepts no direct connections in this group")]
    Refused,
    /// The member has as many as it may have.
    #[error("the member has as many direct connections as it may have")]
    Busy,
    /// Another member, or another node, than the one that was named answers there.
    #[error("another member than the one named answers there")]
    OtherMember,
    /// Nobody answers there.
    #[error("nobody answers there")]
    Unreachable,
    /// Whoever answers there does not find us to be a member, or did not prove to be one. All of it
    /// looks alike.
    #[error("who answers there did not take this member for one, or is none")]
    NotAuthorised,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// There are as many on this node as there may be, or too many are being opened.
    #[error("this node has as many direct connections as it may have")]
    TooMany,
    /// It would lead to ourselves.
    #[error("a direct connection cannot lead to oneself")]
    ConnectSelf,
    /// The group is not online.
    #[error("the group is not online")]
    Offline,
    /// The identity is no member of the group, as far as is known here.
    #[error("no member of the group has this identity")]
    UnknownMember,
    /// Nobody knows where the member is, and no address was named.
    #[error("no address of the member is known")]
    NoAddress,
    /// The node there is of a version that knows no direct connections.
    #[error("the node there knows no direct connections")]
    Unsupported,
    /// It was closed before it was open.
    #[error("it was closed before it was open")]
    Closed,
    /// The connection broke before it was open.
    #[error("the connection broke before it was open")]
    Broken,
}

impl DirectFailure {
    /// A short stable word for events, logs and metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::OtherMember => "other_member",
            Self::Unreachable => "unreachable",
            Self::NotAuthorised => "not_authorised",
            Self::TimedOut => "timed_out",
            Self::TooMany => "too_many",
            Self::ConnectSelf => "connect_self",
            Self::Offline => "offline",
            Self::UnknownMember => "unknown_member",
            Self::NoAddress => "no_address",
            Self::Unsupported => "unsupported",
            Self::Closed => "closed",
            Self::Broken => "broken",
        }
    }
}

impl From<DirectRefusal> for DirectFailure {
    fn from(refusal: DirectRefusal) -> Self {
        match refusal {
            DirectRefusal::Disallowed => Self::Refused,
            DirectRefusal::Busy => Self::Busy,
            DirectRefusal::NotThatMember => Self::OtherMember,
        }
    }
}

/// How an open direct connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DirectEnd {
    /// An application here closed it.
    ClosedHere,
    /// The other side closed it in order: everything it sent has arrived.
    ClosedThere,
    /// The member, or ourselves, is no member of the group any more.
    Removed,
    /// The proof of membership ran out and was not renewed.
    Expired,
    /// The group went offline here, or was closed.
    GroupClosed,
    /// It broke: the other side is gone or cut it, or sent what no honest one does.
    Broken,
}

impl DirectEnd {
    /// A short stable word for events, logs and metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::ClosedHere => "closed_here",
            Self::ClosedThere => "closed_there",
            Self::Removed => "removed",
            Self::Expired => "expired",
            Self::GroupClosed => "group_closed",
            Self::Broken => "broken",
        }
    }
}

/// How far a direct connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectState {
    /// It is being opened from here.
    Opening,
    /// It is open.
    Open,
}

/// One direct connection as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectView {
    /// Its name.
    pub id: ConnectionId,
    /// The node on the other side, once it is known.
    pub peer: Option<PeerId>,
    /// The member on the other side.
    pub member: IdentityKey,
    /// Whether the other side opened it.
    pub incoming: bool,
    /// What it carries.
    pub mode: DirectMode,
    /// Since when it has been open, or been being opened.
    pub since: Timestamp,
    /// Where the other side is, once it is open.
    pub address: Option<Multiaddr>,
    /// How far it has got.
    pub state: DirectState,
}

/// A peer that has proved its membership for a direct connection.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Its membership.
    pub gmc: VerifiedGmc,
    /// The proof holds until then.
    pub until: Timestamp,
    /// Names the connection on the wire.
    pub handle: Handle,
}

/// The opener's side, between question and answer.
#[derive(Debug)]
pub struct Asking {
    remote: PeerId,
    member: IdentityKey,
    nonce: [u8; 32],
}

impl Asking {
    /// Asks `remote` for `member`; the bytes are the question. Without a mode it asks only that the proofs
    /// of the connections there are be made anew.
    pub fn start(
        gate: Gate<'_>,
        presented: &Presented,
        (local, remote): (&PeerId, &PeerId),
        member: IdentityKey,
        mode: Option<DirectMode>,
        rng: &mut impl CryptoRng,
    ) -> (Self, Vec<u8>) {
        let nonce = random(rng);
        let keys = HelloKeys::derive(&LABELS, gate.secret, (local, remote), &nonce);
        let request = DirectRequest {
            binding: ByteBuf::from(presented.binding.to_vec()),
            chain: ByteBuf::from(presented.chain.to_vec()),
            member: ByteArray::new(*member.as_bytes()),
            wish: mode.map_or(DirectWish::Renewal, DirectMode::wish),
        };
        let hello = DirectHello {
            nonce: ByteArray::new(nonce),
            tag: ByteArray::new(keys.tag()),
            sealed: ByteBuf::from(keys.seal(&request.encode())),
        };
        let asking = Self {
            remote: *remote,
            member,
            nonce,
        };
        (asking, hello.encode())
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// When it refuses, or when anything in it does not verify.
    pub fn on_reply(
        &self,
        gate: Gate<'_>,
        local: &PeerId,
        reply: &[u8],
        now: Timestamp,
    ) -> Result<Proven, DirectFailure> {
        let unproven = |_| DirectFailure::NotAuthorised;
        let reply = DirectReply::decode(reply).map_err(unproven)?;
        let keys = ReplyKeys::derive(
            &LABELS,
            gate.secret,
            (local, &self.remote),
            &self.nonce,
            &reply.nonce,
        );
        let opened = keys
            .open(&reply.sealed)
            .ok_or(DirectFailure::NotAuthorised)?;
        match DirectAnswer::decode(&opened).map_err(unproven)? {
            DirectAnswer::Refuse(refusal) => Err(refusal.into()),
            DirectAnswer::Accept { binding, chain } => {
                let Proof { gmc, until, .. } = prove(&binding, &chain, gate, &self.remote, now)
                    .map_err(|_| DirectFailure::NotAuthorised)?;
                if gmc.subject() != self.member {
                    return Err(DirectFailure::OtherMember);
                }
                let handle = keys.handle();
                Ok(Proven { gmc, until, handle })
            }
        }
    }
}

/// The target's side: a question from a proven member, before it is answered.
#[derive(Debug)]
pub struct Asked {
    /// About which group.
    pub group: GroupId,
    /// Who asks.
    pub proven: Proven,
    /// Who is wanted.
    pub wanted: IdentityKey,
    /// For what; `None` when only the proofs are to be made anew.
    pub mode: Option<DirectMode>,
    keys: ReplyKeys,
    nonce: [u8; 32],
}

impl Asked {
    /// Reads a question from `remote`: about which group, and is it a member?
    ///
    /// # Errors
    /// When it belongs to none of the groups, or does not verify. All are to be refused alike.
    pub fn hear<'a>(
        hello: &[u8],
        mut gates: impl Iterator<Item = Gate<'a>>,
        local: &PeerId,
        remote: &PeerId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, (Option<GroupId>, AdmissionError)> {
        let hello = DirectHello::decode(hello).map_err(|error| (None, error.into()))?;
        let (gate, hello_keys) = gates
            .find_map(|gate| {
                let keys = HelloKeys::derive(&LABELS, gate.secret, (remote, local), &hello.nonce);
                same(&keys.tag(), &hello.tag).then_some((gate, keys))
            })
            .ok_or((None, AdmissionError::UnknownGroup))?;
        let group = *gate.group;
        let here = |error: AdmissionError| (Some(group), error);
        let opened = hello_keys
            .open(&hello.sealed)
            .ok_or_else(|| here(AdmissionError::Sealed))?;
        let request = DirectRequest::decode(&opened).map_err(|error| here(error.into()))?;
        let nonce = random(rng);
        let keys = ReplyKeys::derive(&LABELS, gate.secret, (remote, local), &hello.nonce, &nonce);
        let Proof { gmc, until, .. } =
            prove(&request.binding, &request.chain, gate, remote, now).map_err(here)?;
        let handle = keys.handle();
        Ok(Self {
            group,
            proven: Proven { gmc, until, handle },
            wanted: IdentityKey::from_bytes(*request.member),
            mode: match request.wish {
                DirectWish::Messages => Some(DirectMode::Messages),
                DirectWish::Stream => Some(DirectMode::Stream),
                DirectWish::Renewal => None,
            },
            keys,
            nonce,
        })
    }

    /// The bytes that accept, with our own proof.
    #[must_use]
    pub fn accept(&self, presented: &Presented) -> Vec<u8> {
        self.reply(&DirectAnswer::Accept {
            binding: ByteBuf::from(presented.binding.to_vec()),
            chain: ByteBuf::from(presented.chain.to_vec()),
        })
    }

    /// The bytes that refuse.
    #[must_use]
    pub fn refuse(&self, refusal: DirectRefusal) -> Vec<u8> {
        self.reply(&DirectAnswer::Refuse(refusal))
    }

    fn reply(&self, answer: &DirectAnswer) -> Vec<u8> {
        DirectReply {
            nonce: ByteArray::new(self.nonce),
            sealed: ByteBuf::from(self.keys.seal(&answer.encode())),
        }
        .encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_is_never_zero_and_survives_text_and_json() {
        assert_eq!(ConnectionId::new(0), None);
        assert!("0".parse::<ConnectionId>().is_err());
        assert!("-1".parse::<ConnectionId>().is_err());
        let last: ConnectionId = u64::MAX.to_string().parse().expect("the last one");
        assert_eq!(last.get(), u64::MAX);
        assert_eq!(Some(last.next()), ConnectionId::new(1));
        assert_eq!(last.to_string(), u64::MAX.to_string());
    }
}
