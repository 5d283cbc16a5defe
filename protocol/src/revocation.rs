//! Revocations: the group's decision that credentials of an identity are void.
//!
//! A revocation says "every credential of S issued before T is void", and lists which *acts* of S stay
//! good all the same: certificates S issued, records S signed, revocations S made. What is not listed
//! falls with the credential. So nothing S signs later counts, whatever date it carries, and members
//! who never met S decide like those who did.
//!
//! Removing a member, withdrawing an invitation, taking a role away and leaving are all the same
//! record with another [`Cause`]. It is signed by an Admin, by the group's key, or, to leave, by the
//! member itself. Which revocations take effect when they contradict one another is
//! [`Revocations`]' business; `docs/formats/revocation.md` describes the bytes.

mod settle;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, GroupId, IdentityKey, RecordId, RecordType},
    judge::Refusal,
    record::{MAX_EXPIRY, MAX_INLINE_BYTES, Record},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest, Sha256};

pub use settle::{Effect, Revocations, Tail};

use crate::{
    gmc::{self, Chain, VerifiedGmc},
    group::Role,
    name::{MAX_FRIENDLY_NAME_CHARS, check_friendly_name},
    signing,
};

/// At most this many characters of reason.
pub const MAX_REASON_CHARS: usize = MAX_FRIENDLY_NAME_CHARS;

/// A revocation never ends: some chain it voids may be valid as long as the group is.
pub const EXPIRES: Timestamp = MAX_EXPIRY;

const VERSION: u8 = 1;
const ACT_BYTES: usize = 16;
/// What a payload has besides its two chains, its reason and the acts it keeps, generously.
const FRAMING_BYTES: usize = 256;

/// Something somebody signed: the first half of the SHA-256 of a certificate in DER, or of a record's
/// envelope. 128 bits, because finding a second one for a given first is what would have to be hard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActId([u8; ACT_BYTES]);

impl ActId {
    /// A certificate, as an act of its issuer.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self::first_half(&Sha256::digest(der))
    }

    /// One version of a record, as an act of its signer.
    #[must_use]
    pub fn of_record(hash: &EnvelopeHash) -> Self {
        Self::first_half(hash.as_bytes())
    }

    fn first_half(digest: &[u8]) -> Self {
        let mut bytes = [0; ACT_BYTES];
        bytes.copy_from_slice(&digest[..ACT_BYTES]);
        Self(bytes)
    }
}

impl fmt::Display for ActId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ActId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActId({self})")
    }
}

/// Why credentials are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The member was removed.
    Removed,
    /// The member left by itself.
    Left,
    /// A newer credential with fewer rights, or an earlier end, takes the place of the older ones.
    Replaced,
    /// The invitation was withdrawn.
    InvitationWithdrawn,
}

impl Cause {
    const ALL: [Self; 4] = [
        Self::Removed,
        Self::Left,
        Self::Replaced,
        Self::InvitationWithdrawn,
    ];

    /// A short stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Left => "left",
            Self::Replaced => "replaced",
            Self::InvitationWithdrawn => "invitation_withdrawn",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Removed => 0,
            Self::Left => 1,
            Self::Replaced => 2,
            Self::InvitationWithdrawn => 3,
        }
    }
}

/// Which acts of the subject, and of whoever falls with it, stay good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The acts, in order and each once.
    acts: Vec<ActId>,
    /// Whether all records dated before the revocation stay: for a subject with more records than can be
    /// listed. Weaker, since dates are the signer's word: a friend could still hand over backdated ones.
    pub records_by_date: bool,
}

impl Kept {
    /// Keeps these acts.
    #[must_use]
    pub fn new(mut acts: Vec<ActId>, records_by_date: bool) -> Self {
        acts.sort_unstable();
        acts.dedup();
        Self {
            acts,
            records_by_date,
        }
    }

    /// Whether this act is listed.
    #[must_use]
    pub fn lists(&self, act: &ActId) -> bool {
        self.acts.binary_search(act).is_ok()
    }

    /// How many acts are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.acts.len()
    }

    /// Whether none is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }
}

/// What a revocation says. Whether it may is for [`Revocation::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose credentials are void.
    pub subject: IdentityKey,
    /// Those issued before this.
    pub before: Timestamp,
    /// Why, for machines.
    pub cause: Cause,
    /// Why, for people; at most [`MAX_REASON_CHARS`]. Every member can read it.
    pub reason: String,
    /// What stays good.
    pub kept: Kept,
    /// The membership of whoever signs; none when that is the group's key.
    pub authority: Option<Chain>,
    /// The chain of the subject, if the revoker knew one, so that what is kept can be verified by
    /// members who never heard of the subject.
    pub voided: Option<Chain>,
}

#[derive(Serialize, Deserialize)]
struct Body(
    u8,
    ByteArray<32>,
    u64,
    u8,
    String,
    ByteBuf,
    bool,
    Option<ByteBuf>,
    Option<ByteBuf>,
);

impl Revocation {
    /// How many acts fit beside these chains.
    #[must_use]
    pub fn max_kept(authority: Option<&Chain>, voided: Option<&Chain>) -> usize {
        let chain = |chain: Option<&Chain>| chain.map_or(0, |chain| chain.encode().len());
        let taken = FRAMING_BYTES + MAX_REASON_CHARS * 4 + chain(authority) + chain(voided);
        MAX_INLINE_BYTES.saturating_sub(taken) / ACT_BYTES
    }

    /// The payload of the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let chain = |chain: &Option<Chain>| {
            chain
                .as_ref()
                .map(|chain| ByteBuf::from(chain.encode().to_vec()))
        };
        let acts: Vec<u8> = self.kept.acts.iter().flat_map(|act| act.0).collect();
        signing::to_cbor(&Body(
            VERSION,
            ByteArray::new(*self.subject.as_bytes()),
            self.before.as_millis(),
            self.cause.code(),
            self.reason.clone(),
            ByteBuf::from(acts),
            self.kept.records_by_date,
            chain(&self.authority),
            chain(&self.voided),
        ))
    }

    /// Reads a payload. Its length is bounded by that of a record.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for anything but the one encoding of a revocation within bounds.
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::Malformed(format!("the revocation {what}"));
        let Body(version, subject, before, cause, reason, acts, records_by_date, authority, voided) =
            signing::from_cbor(payload).ok_or_else(|| malformed("does not decode"))?;
        if version != VERSION {
            return Err(malformed("has an unknown version"));
        }
        let cause = Cause::ALL
            .into_iter()
            .find(|known| known.code() == cause)
            .ok_or_else(|| malformed("has an unknown cause"))?;
        check_friendly_name(&reason).map_err(|_| malformed("has a bad reason"))?;
        let (acts, rest) = acts.as_chunks::<ACT_BYTES>();
        if !rest.is_empty() || !acts.is_sorted_by(|a, b| a < b) {
            return Err(malformed("lists what it keeps in disorder"));
        }
        let chain = |bytes: Option<ByteBuf>| {
            bytes
                .map(|bytes| Chain::decode(&bytes))
                .transpose()
                .map_err(|_| malformed("has a chain that does not decode"))
        };
        Ok(Self {
            subject: IdentityKey::from_bytes(subject.into_array()),
            before: Timestamp::from_millis(before),
            cause,
            reason,
            kept: Kept {
                acts: acts.iter().map(|act| ActId(*act)).collect(),
                records_by_date,
            },
            authority: chain(authority)?,
            voided: chain(voided)?,
        })
    }

    /// The id of the record in which `revoker` says this: one per subject.
    #[must_use]
    pub fn record_id(revoker: &IdentityKey, subject: &IdentityKey) -> RecordId {
        RecordId::reserved_for(revoker, RecordType::REVOCATION, subject.as_bytes())
    }

    /// Checks that the signer of `signed` may say this in the group with this root key. The signature
    /// itself is checked by [`validate`](peerage_records::validate::validate).
    ///
    /// # Errors
    /// Says what is wrong. Nothing here depends on what else is known, so every member decides alike.
    pub fn verify(
        signed: &SignedRecord,
        group: &GroupId,
        root: &IdentityKey,
    ) -> Result<VerifiedRevocation, Refusal> {
        let record = signed.record();
        let malformed = |what: &str| Refusal::Malformed(format!("the revocation {what}"));
        if record.deleted {
            return Err(malformed("is not deleted but replaced"));
        }
        let said = Self::decode(&record.payload)?;
        let revoker = record.creator;
        if record.toucher() != revoker || record.id != Self::record_id(&revoker, &said.subject) {
            return Err(malformed("is not the signer's own about its subject"));
        }
        if record.expires != EXPIRES {
            return Err(malformed("would end"));
        }
        // A later moment would void credentials that are still to be issued.
        if said.before > record.modified + std::time::Duration::from_millis(1) {
            return Err(malformed("reaches into the future"));
        }
        if (said.cause == Cause::Left) != (revoker == said.subject) {
            return Err(malformed("has a cause that does not fit its signer"));
        }
        let authority = said.authority(record, group, root)?;
        let voided = said
            .voided
            .as_ref()
            .map(|chain| gmc::verify_for_any_time(chain, group))
            .transpose()
            .map_err(|error| Refusal::BadMembership(error.to_string()))?;
        if voided
            .as_ref()
            .is_some_and(|gmc| gmc.subject() != said.subject)
        {
            return Err(malformed("carries the chain of somebody else"));
        }
        Ok(VerifiedRevocation(Arc::new(Inner {
            act: ActId::of_record(&signed.hash()),
            id: record.id,
            at: record.modified,
            revoker,
            authority,
            voided,
            said,
        })))
    }

    /// Whether the signer had the right, by the chain it shows.
    fn authority(
        &self,
        record: &Record,
        group: &GroupId,
        root: &IdentityKey,
    ) -> Result<Option<VerifiedGmc>, Refusal> {
        let revoker = record.creator;
        let Some(chain) = &self.authority else {
            return if revoker == *root {
                Ok(None)
            } else {
                Err(Refusal::Malformed("the revocation has no chain".into()))
            };
        };
        let bad = |error: gmc::GmcError| Refusal::BadMembership(error.to_string());
        let gmc = gmc::verify_for_any_time(chain, group).map_err(bad)?;
        gmc.check_subject(&revoker).map_err(bad)?;
        gmc.check_at(record.modified).map_err(bad)?;
        if revoker != self.subject && !gmc.roles().contains(Role::Admin) {
            return Err(Refusal::Malformed(
                "the revocation is by somebody who may not revoke".into(),
            ));
        }
        Ok(Some(gmc))
    }
}

/// A revocation whose signer had the right to make it. Whether it takes effect depends on the others: see
/// [`Revocations`]. Only [`Revocation::verify`] makes one; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRevocation(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    act: ActId,
    id: RecordId,
    at: Timestamp,
    revoker: IdentityKey,
    authority: Option<VerifiedGmc>,
    voided: Option<VerifiedGmc>,
    said: Revocation,
}

impl VerifiedRevocation {
    /// This version of the record, as an act of the revoker.
    #[must_use]
    pub fn act(&self) -> ActId {
        self.0.act
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.0.id
    }

    /// When it was made, as the revoker says.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// Who revokes: a member, or the group's key.
    #[must_use]
    pub fn revoker(&self) -> IdentityKey {
        self.0.revoker
    }

    /// By which membership; none for the group's key.
    #[must_use]
    pub fn authority(&self) -> Option<&VerifiedGmc> {
        self.0.authority.as_ref()
    }

    /// The chain it carries for its subject.
    #[must_use]
    pub fn voided(&self) -> Option<&VerifiedGmc> {
        self.0.voided.as_ref()
    }

    /// What it says.
    #[must_use]
    pub fn said(&self) -> &Revocation {
        &self.0.said
    }
}
