//! Two connected peers show each other their membership of one group.
//!
//! The peer with the lower peer id is the *chooser*: it picks the connection and sends the first
//! frame. The other may only [`Knock`]. Nobody learns anything before proving membership: the
//! first frame can be recognised only by who holds the group's discovery secret, it is answered
//! only once the chain and the node binding in it verify, and everything else is refused alike,
//! after the same delay ([`REFUSAL_DELAY`]), without a byte.
//!
//! ```text
//! chooser                                   responder
//!   Hello  { nonce, tag, sealed credentials } ──►  finds the group by tag, verifies
//!          verifies  ◄── Reply { nonce, sealed Accept(credentials) | Busy(referrals) }
//!   Confirm ──►                                    both sides open the link
//! ```
//!
//! TLS proves the peer id of each side, the binding ties it to an identity, the chain ties the
//! identity to the group: one message each way is a complete proof.

pub(crate) mod keys;

use std::{sync::Arc, time::Duration};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, IdentityKey},
    time::{CLOCK_TOLERANCE, Timestamp},
};
use rand::CryptoRng;
use serde_bytes::{ByteArray, ByteBuf};
use thiserror::Error;

pub use keys::{HANDLE_BYTES, Handle};
use keys::{HelloKeys, LABELS, ReplyKeys};

use crate::{
    binding::{BindingError, MAX_BINDING_LIFETIME, NodeBinding},
    door::DoorError,
    gmc::{self, Chain, GmcError, VerifiedGmc},
    roster::{NotAMember, Roster},
    secret::DiscoverySecret,
    wire::{
        WireError,
        admission::{
            Answer, Confirm, Credentials, Hello, Knock, MAX_ADDRESSES, MAX_REFERRALS, Referral,
            Reply,
        },
    },
};

/// Every refusal is given this long after the frame it refuses arrived, whatever the reason, so
/// that its timing says nothing. Longer than verifying the longest chain on a loaded machine.
pub const REFUSAL_DELAY: Duration = Duration::from_millis(500);

/// Why an exchange did not lead to admission.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// No group of ours has the secret this frame was made with.
    #[error("the frame belongs to no group of this node")]
    UnknownGroup,
    /// A frame that is not what the exchange expects now.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A sealed part does not open: altered, or made with another key.
    #[error("sealed part does not open")]
    Sealed,
    /// The peer id is not one that may start an exchange with us.
    #[error("the peer is not the chooser of this pair")]
    NotChooser,
    /// The chain of certificates does not verify.
    #[error("membership does not verify: {0}")]
    Chain(#[from] GmcError),
    /// The node binding does not verify.
    #[error("node binding does not verify: {0}")]
    Binding(#[from] BindingError),
    /// Chain and binding name different identities.
    #[error("the binding is by another identity than the membership's subject")]
    OtherIdentity,
    /// The member's credential is void: it was removed, or has left.
    #[error("the credential is revoked")]
    Revoked,
    /// The peer broke the rules lately.
    #[error("the peer is not welcome")]
    Unwelcome,
    /// A frame that does not fit the state of the exchange.
    #[error("frame out of turn")]
    OutOfTurn,
    /// A visitor at a group's door was not let in.
    #[error(transparent)]
    Door(DoorError),
}

impl From<NotAMember> for AdmissionError {
    fn from(error: NotAMember) -> Self {
        match error {
            NotAMember::Revoked => Self::Revoked,
            NotAMember::Chain(error) => Self::Chain(error),
        }
    }
}

impl AdmissionError {
    /// A short stable word for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownGroup => "unknown_group",
            Self::Wire(_) => "malformed",
            Self::Sealed => "sealed",
            Self::NotChooser => "not_chooser",
            Self::Chain(_) => "chain",
            Self::Binding(_) => "binding",
            Self::OtherIdentity => "other_identity",
            Self::Revoked => "revoked",
            Self::Unwelcome => "unwelcome",
            Self::OutOfTurn => "out_of_turn",
            Self::Door(error) => error.reason(),
        }
    }

    /// What the peer's clock said, where the proof was refused for its time.
    pub(crate) fn vouched(&self) -> Option<Timestamp> {
        match self {
            Self::Binding(BindingError::NotYetValid { not_before, .. }) => Some(*not_before),
            // An honest one is of full length.
            Self::Binding(BindingError::Expired { not_after, .. }) => {
                Some(*not_after - MAX_BINDING_LIFETIME)
            }
            _ => None,
        }
    }
}

/// What this node shows when it asks to be admitted to one group, or admits.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Our binding, encoded.
    pub binding: Arc<[u8]>,
    /// Our chain, encoded.
    pub chain: Arc<[u8]>,
    /// Where we listen.
    pub addresses: Vec<Multiaddr>,
    /// How many neighbours we have in the group.
    pub neighbours: u8,
}

impl Presented {
    fn credentials(&self) -> Credentials {
        Credentials {
            binding: ByteBuf::from(self.binding.to_vec()),
            chain: ByteBuf::from(self.chain.to_vec()),
            addresses: encode_addresses(&self.addresses),
            neighbours: self.neighbours,
        }
    }
}

/// A peer that has proved its membership of the group.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The group it is a member of.
    pub group: GroupId,
    /// The peer, as TLS proved it.
    pub peer: PeerId,
    /// Which start of its node this is.
    pub boot: [u8; 16],
    /// Its membership.
    pub gmc: VerifiedGmc,
    /// The proof holds until then: the earlier end of binding and membership, and the clock
    /// tolerance, so that nobody is cut off only to be admitted again.
    pub until: Timestamp,
    /// What its clock said when it vouched for the node, at most
    /// [`FRESHNESS`](crate::binding::FRESHNESS) ago.
    pub vouched: Timestamp,
    /// Where it says it listens.
    pub addresses: Vec<Multiaddr>,
    /// How many neighbours it had when it said so.
    pub neighbours: u8,
    /// Names the link on the wire; known to these two peers only.
    pub handle: Handle,
}

/// One group as admission sees it.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// Its discovery secret.
    pub secret: &'a DiscoverySecret,
    /// Who is a member as far as is known here, and who is none any more.
    pub roster: &'a Roster,
}

/// Whether `local` starts the exchanges between the two peers. The other side knocks.
#[must_use]
pub fn is_chooser(local: &PeerId, remote: &PeerId) -> bool {
    local.to_bytes() < remote.to_bytes()
}

/// Makes the bytes of a knock at `remote` for the group of `gate`.
pub fn knock(gate: Gate<'_>, local: &PeerId, remote: &PeerId, rng: &mut impl CryptoRng) -> Vec<u8> {
    let nonce = random(rng);
    let tag = keys::knock_tag(gate.secret, local, remote, &nonce);
    Knock {
        nonce: ByteArray::new(nonce),
        tag: ByteArray::new(tag),
    }
    .encode()
}

/// Finds the group a knock from `remote` is about.
///
/// # Errors
/// When the bytes are no knock, or belong to none of the groups.
pub fn hear_knock<'a>(
    bytes: &[u8],
    mut gates: impl Iterator<Item = Gate<'a>>,
    local: &PeerId,
    remote: &PeerId,
) -> Result<GroupId, AdmissionError> {
    let knock = Knock::decode(bytes)?;
    gates
        .find(|gate| {
            keys::same(
                &keys::knock_tag(gate.secret, remote, local, &knock.nonce),
                &knock.tag,
            )
        })
        .map(|gate| *gate.group)
        .ok_or(AdmissionError::UnknownGroup)
}

/// Finds the group a Hello from `remote` is about, if it is one of these. Believes nothing else in it.
pub fn recognise<'a>(
    frame: &[u8],
    mut gates: impl Iterator<Item = Gate<'a>>,
    local: &PeerId,
    remote: &PeerId,
) -> Option<GroupId> {
    let hello = Hello::decode(frame).ok()?;
    gates
        .find(|gate| {
            let keys = HelloKeys::derive(&LABELS, gate.secret, (remote, local), &hello.nonce);
            keys::same(&keys.tag(), &hello.tag)
        })
        .map(|gate| *gate.group)
}

/// The chooser's side, between Hello and Reply.
#[derive(Debug)]
pub struct Chooser {
    group: GroupId,
    remote: PeerId,
    nonce: [u8; 32],
}

/// What a Reply led to.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is returned, and never kept"
)]
pub enum Outcome {
    /// Send the frame, then open the link.
    Admitted(Admitted, Vec<u8>),
    /// The member is full; try the others it names.
    Busy(Vec<(PeerId, Vec<Multiaddr>)>),
}

impl Chooser {
    /// Starts an exchange; the bytes are the Hello frame.
    pub fn start(
        gate: Gate<'_>,
        presented: &Presented,
        local: &PeerId,
        remote: &PeerId,
        rng: &mut impl CryptoRng,
    ) -> (Self, Vec<u8>) {
        let nonce = random(rng);
        let keys = HelloKeys::derive(&LABELS, gate.secret, (local, remote), &nonce);
        let hello = Hello {
            nonce: ByteArray::new(nonce),
            tag: ByteArray::new(keys.tag()),
            sealed: ByteBuf::from(keys.seal(&presented.credentials().encode())),
        };
        let chooser = Self {
            group: *gate.group,
            remote: *remote,
            nonce,
        };
        (chooser, hello.encode())
    }

    /// The group this exchange is about.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.group
    }

    /// Takes the responder's Reply.
    ///
    /// # Errors
    /// When anything in it does not verify; the exchange is then to be ended.
    pub fn on_reply(
        &self,
        gate: Gate<'_>,
        local: &PeerId,
        frame: &[u8],
        now: Timestamp,
    ) -> Result<Outcome, AdmissionError> {
        let reply = Reply::decode(frame)?;
        let keys = ReplyKeys::derive(
            &LABELS,
            gate.secret,
            (local, &self.remote),
            &self.nonce,
            &reply.nonce,
        );
        let opened = keys.open(&reply.sealed).ok_or(AdmissionError::Sealed)?;
        match Answer::decode(&opened)? {
            Answer::Busy(referrals) => Ok(Outcome::Busy(read_referrals(&referrals))),
            Answer::Accept(credentials) => {
                let admitted = check(&credentials, gate, &self.remote, keys.handle(), now)?;
                let confirm = Confirm {
                    sealed: ByteBuf::from(keys.seal_confirm()),
                };
                Ok(Outcome::Admitted(admitted, confirm.encode()))
            }
        }
    }
}

/// The responder's side, between Reply and Confirm.
#[derive(Debug)]
pub struct Responder {
    admitted: Admitted,
    keys: ReplyKeys,
}

/// A Hello whose credentials verified, before the responder has decided what to answer.
#[derive(Debug)]
pub struct Heard {
    admitted: Admitted,
    keys: ReplyKeys,
    nonce: [u8; 32],
}

impl Heard {
    /// Reads a Hello from `remote`: which group, and is it a member?
    ///
    /// # Errors
    /// When it belongs to none of the groups, or does not verify. All are to be refused alike.
    pub fn hello<'a>(
        frame: &[u8],
        mut gates: impl Iterator<Item = Gate<'a>>,
        local: &PeerId,
        remote: &PeerId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, AdmissionError> {
        let hello = Hello::decode(frame)?;
        if is_chooser(local, remote) {
            return Err(AdmissionError::NotChooser);
        }
        let (gate, hello_keys) = gates
            .find_map(|gate| {
                let keys = HelloKeys::derive(&LABELS, gate.secret, (remote, local), &hello.nonce);
                keys::same(&keys.tag(), &hello.tag).then_some((gate, keys))
            })
            .ok_or(AdmissionError::UnknownGroup)?;
        let opened = hello_keys
            .open(&hello.sealed)
            .ok_or(AdmissionError::Sealed)?;
        let credentials = Credentials::decode(&opened)?;
        let nonce = random(rng);
        let keys = ReplyKeys::derive(&LABELS, gate.secret, (remote, local), &hello.nonce, &nonce);
        let admitted = check(&credentials, gate, remote, keys.handle(), now)?;
        Ok(Self {
            admitted,
            keys,
            nonce,
        })
    }

    /// Who it is.
    #[must_use]
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// Answers with our own proof; the bytes are the Reply frame.
    #[must_use]
    pub fn accept(self, presented: &Presented) -> (Responder, Vec<u8>) {
        let frame = self.reply(&Answer::Accept(presented.credentials()));
        let responder = Responder {
            admitted: self.admitted,
            keys: self.keys,
        };
        (responder, frame)
    }

    /// Answers that there is no room, and who else may have some.
    #[must_use]
    pub fn busy(self, others: &[(PeerId, Vec<Multiaddr>)]) -> Vec<u8> {
        self.reply(&Answer::Busy(write_referrals(others)))
    }

    fn reply(&self, answer: &Answer) -> Vec<u8> {
        Reply {
            nonce: ByteArray::new(self.nonce),
            sealed: ByteBuf::from(self.keys.seal(&answer.encode())),
        }
        .encode()
    }
}

impl Responder {
    /// The group this exchange is about.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.admitted.group
    }

    /// Takes the chooser's Confirm; the link may then be opened.
    ///
    /// # Errors
    /// When it does not open.
    pub fn on_confirm(self, frame: &[u8]) -> Result<Admitted, AdmissionError> {
        let confirm = Confirm::decode(frame)?;
        if !self.keys.opens_confirm(&confirm.sealed) {
            return Err(AdmissionError::Sealed);
        }
        Ok(self.admitted)
    }
}

fn check(
    credentials: &Credentials,
    gate: Gate<'_>,
    remote: &PeerId,
    handle: Handle,
    now: Timestamp,
) -> Result<Admitted, AdmissionError> {
    let proof = prove(&credentials.binding, &credentials.chain, gate, remote, now)?;
    Ok(Admitted {
        group: *gate.group,
        peer: *remote,
        boot: proof.boot,
        until: proof.until,
        gmc: proof.gmc,
        vouched: proof.vouched,
        addresses: decode_addresses(&credentials.addresses),
        neighbours: credentials.neighbours,
        handle,
    })
}

/// What a proof of membership comes to.
pub(crate) struct Proof {
    pub(crate) gmc: VerifiedGmc,
    /// Until when it holds.
    pub(crate) until: Timestamp,
    /// What the peer's clock said when it was made.
    pub(crate) vouched: Timestamp,
    /// Which start of the peer's node this is.
    pub(crate) boot: [u8; 16],
}

/// The whole proof: chain, binding, that they speak of one identity, and that it counts here.
pub(crate) fn prove(
    binding: &[u8],
    chain: &[u8],
    gate: Gate<'_>,
    remote: &PeerId,
    now: Timestamp,
) -> Result<Proof, AdmissionError> {
    let binding = NodeBinding::decode(binding)?;
    let identity: IdentityKey = binding.verify(remote, now)?;
    let chain = Chain::decode(chain)?;
    let shown = gmc::verify_for_any_time(&chain, gate.group)?;
    if shown.subject() != identity {
        return Err(AdmissionError::OtherIdentity);
    }
    let gmc = gate.roster.standing(&shown, now)?;
    Ok(Proof {
        until: gmc.not_after().min(binding.not_after()) + CLOCK_TOLERANCE,
        gmc,
        vouched: binding.not_before(),
        boot: binding.boot(),
    })
}

pub(crate) fn encode_addresses(addresses: &[Multiaddr]) -> Vec<ByteBuf> {
    addresses
        .iter()
        .take(MAX_ADDRESSES)
        .map(|address| ByteBuf::from(address.to_vec()))
        .collect()
}

/// Addresses that are none are left out: they are hints.
pub(crate) fn decode_addresses(addresses: &[ByteBuf]) -> Vec<Multiaddr> {
    addresses
        .iter()
        .filter_map(|bytes| Multiaddr::try_from(bytes.to_vec()).ok())
        .collect()
}

pub(crate) fn write_referrals(others: &[(PeerId, Vec<Multiaddr>)]) -> Vec<Referral> {
    others
        .iter()
        .take(MAX_REFERRALS)
        .map(|(peer, addresses)| Referral {
            peer: ByteBuf::from(peer.to_bytes()),
            addresses: encode_addresses(addresses),
        })
        .collect()
}

pub(crate) fn read_referrals(referrals: &[Referral]) -> Vec<(PeerId, Vec<Multiaddr>)> {
    referrals
        .iter()
        .filter_map(|referral| {
            let peer = PeerId::from_bytes(&referral.peer).ok()?;
            Some((peer, decode_addresses(&referral.addresses)))
        })
        .collect()
}

pub(crate) fn random(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}
