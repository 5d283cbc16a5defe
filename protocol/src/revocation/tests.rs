//! What a revocation may say, who may say it, and what follows from a set of them.

mod converging;
mod form;
mod quota;
mod settling;

use std::time::Duration;

use peerage_records::{
    id::{GroupId, RecordType},
    record::{Record, RecordDraft},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    gmc::IssueOptions,
    group::{GroupKey, Roles},
    identity::Identity,
    roster::Roster,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Somebody with a credential.
#[derive(Clone, Debug)]
struct Member {
    identity: Identity,
    gmc: VerifiedGmc,
}

impl Member {
    fn key(&self) -> IdentityKey {
        self.identity.key()
    }

    /// Its last certificate, as an act of whoever issued it.
    fn certificate(&self) -> ActId {
        self.gmc.links().last().unwrap().certificate
    }
}

/// A group, and a source of chance.
struct Club {
    key: GroupKey,
    rng: ChaCha20Rng,
}

impl Club {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = GroupKey::create("club", None, NOW - HOUR, &mut rng).unwrap();
        Self { key, rng }
    }

    fn id(&self) -> GroupId {
        self.key.root().id()
    }

    fn identity(&mut self) -> Identity {
        Identity::generate("peer", None, NOW, &mut self.rng).unwrap()
    }

    /// Somebody the group's key made an Admin.
    fn creator(&mut self) -> Member {
        let identity = self.identity();
        let chain = self
            .key
            .issue_first(&identity.card(), NOW - HOUR, &mut self.rng)
            .unwrap();
        self.member(identity, &chain)
    }

    fn invite(&mut self, by: &Member, role: Role, at: Timestamp) -> Member {
        let identity = self.identity();
        self.invite_again(by, identity, role, at).unwrap()
    }

    /// Issues a credential to somebody, who may have one.
    fn invite_again(
        &mut self,
        by: &Member,
        identity: Identity,
        role: impl Into<Roles>,
        at: Timestamp,
    ) -> Option<Member> {
        let options = IssueOptions::new(role);
        let card = identity.card();
        let rng = &mut self.rng;
        let chain = gmc::issue(&by.identity, &by.gmc, &card, None, &options, at, rng).ok()?;
        Some(self.member(identity, &chain))
    }

    fn member(&self, identity: Identity, chain: &Chain) -> Member {
        let gmc = gmc::verify_for_any_time(chain, &self.id()).unwrap();
        Member { identity, gmc }
    }

    /// The usual revocation of `subject` at this time, which keeps nothing.
    fn said(&self, by: &Member, subject: &Member, at: Timestamp) -> Revocation {
        let cause = if by.key() == subject.key() {
            Cause::Left
        } else {
            Cause::Removed
        };
        Revocation {
            subject: subject.key(),
            before: at + MILLISECOND,
            cause,
            reason: String::new(),
            kept: Kept::default(),
            authority: Some(by.gmc.chain().clone()),
            voided: None,
        }
    }

    fn record(&self, by: IdentityKey, said: &Revocation, at: Timestamp) -> Record {
        Record::create_reserved_for(
            said.subject.as_bytes(),
            RecordType::REVOCATION,
            self.id(),
            by,
            EXPIRES,
            said.encode(),
            at,
        )
        .unwrap()
    }

    fn signed(&self, by: &Member, said: &Revocation, at: Timestamp) -> SignedRecord {
        let record = self.record(by.key(), said, at);
        SignedRecord::sign(record, |bytes| by.identity.sign(bytes))
    }

    /// Removes, keeping these acts.
    fn removes(
        &self,
        by: &Member,
        subject: &Member,
        at: Timestamp,
        kept: &[ActId],
    ) -> SignedRecord {
        let said = Revocation {
            kept: Kept::new(kept.to_vec(), false),
            ..self.said(by, subject, at)
        };
        self.signed(by, &said, at)
    }

    /// As [`Club::removes`], by the group's key.
    fn key_removes(&self, subject: &Member, at: Timestamp) -> SignedRecord {
        let said = Revocation {
            subject: subject.key(),
            before: at + MILLISECOND,
            cause: Cause::Removed,
            reason: String::new(),
            kept: Kept::default(),
            authority: None,
            voided: None,
        };
        let record = self.record(self.key.root().key(), &said, at);
        SignedRecord::sign(record, |bytes| self.key.sign(bytes))
    }

    /// The membership record somebody publishes of itself.
    fn own(&self, member: &Member, at: Timestamp) -> SignedRecord {
        let record = Record::create_reserved(
            RecordType::MEMBERSHIP,
            self.id(),
            member.key(),
            member.gmc.not_after().min(MAX_EXPIRY),
            member.gmc.chain().encode().to_vec(),
            at,
        );
        SignedRecord::sign(record.unwrap(), |bytes| member.identity.sign(bytes))
    }

    /// The membership record an issuer publishes for somebody.
    fn grant(&self, issuer: &Member, to: &Member, at: Timestamp) -> SignedRecord {
        let record = Record::create_reserved_for(
            to.key().as_bytes(),
            RecordType::MEMBERSHIP,
            self.id(),
            issuer.key(),
            to.gmc.not_after().min(MAX_EXPIRY),
            to.gmc.chain().encode().to_vec(),
            at,
        );
        SignedRecord::sign(record.unwrap(), |bytes| issuer.identity.sign(bytes))
    }

    fn note(&mut self, by: &Member, at: Timestamp) -> SignedRecord {
        let mut entropy = [0; 8];
        rand::Rng::fill_bytes(&mut self.rng, &mut entropy);
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: NOW + HOUR * 24,
            attributes: Vec::new(),
            payload: b"note".to_vec(),
        };
        let record = Record::create(draft, self.id(), by.key(), entropy, at).unwrap();
        SignedRecord::sign(record, |bytes| by.identity.sign(bytes))
    }

    /// A roster that has heard all of this, in this order.
    fn roster<'a>(&self, records: impl IntoIterator<Item = &'a SignedRecord>) -> Roster {
        let mut roster = Roster::new(self.id(), self.key.root().key());
        for signed in records {
            learn(&mut roster, signed);
        }
        roster
    }

    fn verify(&self, signed: &SignedRecord) -> Result<VerifiedRevocation, Refusal> {
        Revocation::verify(signed, &self.id(), &self.key.root().key())
    }
}

fn learn(roster: &mut Roster, signed: &SignedRecord) {
    if signed.record().kind == RecordType::REVOCATION {
        roster.learn_revocation(signed).unwrap();
    } else {
        roster.learn_record(signed).unwrap();
    }
}
