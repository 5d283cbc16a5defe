//! The members of a group that are known here, and the judgement of records by what they may do.

mod quota;

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, GroupId, IdentityKey, RecordId, RecordType},
    judge::{Judge, Refusal},
    order::wins,
    record::Record,
    time::Timestamp,
};

use crate::{
    door,
    gmc::{self, Chain, ChainHash, GmcError, VerifiedGmc},
    group::Role,
    presence, properties,
    revocation::{ActId, Effect, Revocation, Revocations, Tail, VerifiedRevocation},
};

pub use quota::MAX_PER_SIGNER;
use quota::Quotas;

/// Every member of one group whose membership has been verified here: current, lapsed or revoked.
///
/// It is a function of the group's membership records and revocations, whatever their order: each
/// record counts in the version that wins, and of a member's credentials the latest issued that no
/// revocation voids. What a peer has shown counts beside them until its own record is as new.
#[derive(Debug)]
pub struct Roster {
    group: GroupId,
    root: IdentityKey,
    known: BTreeMap<IdentityKey, Known>,
    /// The credential of each who is a member, as far as revocations go.
    members: BTreeMap<IdentityKey, VerifiedGmc>,
    revocations: Revocations,
    quotas: Quotas,
    /// What has been displaced and not been asked for; see [`Roster::take_displaced`].
    displaced: Vec<(RecordId, EnvelopeHash)>,
    /// The chain verified last. Judging a membership record and learning from it follow each
    /// other at once, so one slot saves every second verification.
    last: RefCell<Option<(ChainHash, VerifiedGmc)>>,
}

/// The credentials of one identity that have been seen.
#[derive(Debug, Default)]
struct Known {
    /// From membership records: its own, and those of issuers.
    recorded: BTreeMap<RecordId, (SignedRecord, VerifiedGmc)>,
    /// What it showed us itself, or what we are.
    shown: Option<VerifiedGmc>,
    /// From the revocations that void them.
    voided: BTreeMap<RecordId, VerifiedGmc>,
}

impl Known {
    fn credentials(&self) -> impl Iterator<Item = &VerifiedGmc> {
        self.recorded
            .values()
            .map(|(_, gmc)| gmc)
            .chain(&self.shown)
            .chain(self.voided.values())
    }
}

/// Of two credentials for one subject the greater counts.
fn age(gmc: &VerifiedGmc) -> (Timestamp, Timestamp, ChainHash) {
    (gmc.issued_at(), gmc.not_after(), gmc.chain().hash())
}

/// What learning a membership changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// A member not known before.
    New,
    /// A known member with a newer certificate.
    Newer,
    /// Nothing: the same or an older certificate, or one that is void.
    Known,
}

/// What a revocation changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Whether it was news at all.
    pub news: bool,
    /// Who was a member and is none any more.
    pub gone: Vec<IdentityKey>,
    /// Who is a member again.
    pub back: Vec<IdentityKey>,
    /// Whose credential now is another one.
    pub changed: Vec<IdentityKey>,
}

impl Roster {
    /// An empty roster of the group whose root key is `root`.
    #[must_use]
    pub fn new(group: GroupId, root: IdentityKey) -> Self {
        Self {
            group,
            root,
            known: BTreeMap::new(),
            members: BTreeMap::new(),
            revocations: Revocations::default(),
            quotas: Quotas::default(),
            displaced: Vec::new(),
            last: RefCell::new(None),
        }
    }

    /// The group's own key.
    #[must_use]
    pub fn root(&self) -> IdentityKey {
        self.root
    }

    /// The membership of `member`, if it is one: known and not revoked, though perhaps lapsed.
    #[must_use]
    pub fn get(&self, member: &IdentityKey) -> Option<&VerifiedGmc> {
        self.members.get(member)
    }

    /// The newest credential seen of an identity, revoked or not: for names and for history.
    #[must_use]
    pub fn credential(&self, identity: &IdentityKey) -> Option<&VerifiedGmc> {
        self.members.get(identity).or_else(|| {
            self.known
                .get(identity)?
                .credentials()
                .max_by_key(|gmc| age(gmc))
        })
    }

    /// All members in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&IdentityKey, &VerifiedGmc)> {
        self.members.iter()
    }

    /// Every credential seen of anybody, those that are void included.
    pub fn credentials(&self) -> impl Iterator<Item = &VerifiedGmc> {
        self.known.values().flat_map(Known::credentials)
    }

    /// The revocations known.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The revocation by which an identity is no member, if one is to blame.
    #[must_use]
    pub fn revoked(&self, identity: &IdentityKey) -> Option<&VerifiedRevocation> {
        if self.members.contains_key(identity) {
            return None;
        }
        let newest = self.credential(identity)?;
        self.revocations.voids(newest.links(), None)
    }

    /// How many members are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a verified membership that was shown; the latest issued one counts.
    pub fn learn(&mut self, gmc: VerifiedGmc) -> Learned {
        let subject = gmc.subject();
        let known = self.known.entry(subject).or_default();
        if known
            .shown
            .as_ref()
            .is_none_or(|held| age(held) < age(&gmc))
        {
            known.shown = Some(gmc);
        }
        self.recount(&subject)
    }

    /// Takes a membership record that has been validated.
    ///
    /// # Errors
    /// As [`Roster::membership_of`].
    pub fn learn_record(
        &mut self,
        signed: &SignedRecord,
    ) -> Result<(IdentityKey, Learned), Refusal> {
        let gmc = self.membership_of(signed.record())?;
        let subject = gmc.subject();
        let (signer, id) = (signed.record().creator, signed.record().id);
        if !self.counts(signed.record()) {
            return Err(Refusal::TooMany);
        }
        let known = self.known.entry(subject).or_default();
        if known
            .recorded
            .get(&id)
            .is_some_and(|(held, _)| wins(signed, held) != Ordering::Greater)
        {
            return Ok((subject, Learned::Known));
        }
        // What was shown counts only until it is on record, like everywhere else.
        if signer == subject
            && known
                .shown
                .as_ref()
                .is_some_and(|shown| age(shown) <= age(&gmc))
        {
            known.shown = None;
        }
        known.recorded.insert(id, (signed.clone(), gmc));
        let kind = RecordType::MEMBERSHIP;
        if id != RecordId::reserved(&signer, kind)
            && let Some((id, other)) = self.quotas.take(signer, kind, id, subject)
        {
            let known = self.known.get_mut(&other);
            let record = known.and_then(|known| known.recorded.remove(&id));
            self.displaced
                .extend(record.map(|(signed, _)| (id, signed.hash())));
            self.forget_if_unknown(&other);
            self.recount(&other);
        }
        Ok((subject, self.recount(&subject)))
    }

    /// Takes a revocation record that has been validated.
    ///
    /// # Errors
    /// As [`Revocation::verify`].
    pub fn learn_revocation(&mut self, signed: &SignedRecord) -> Result<Settled, Refusal> {
        let verified = Revocation::verify(signed, &self.group, &self.root)?;
        let (id, subject, signer) = (verified.id(), verified.said().subject, verified.revoker());
        let kind = RecordType::REVOCATION;
        if !self.counts(signed.record()) {
            return Err(Refusal::TooMany);
        }
        let voided = verified.voided().cloned();
        let mut effects = vec![(subject, self.revocations.insert(signed, verified))];
        if effects[0].1 == Effect::None {
            return Ok(Settled::default());
        }
        // An earlier version may have carried another chain, or the only one known of the subject: who
        // never saw that version must decide alike.
        let known = self.known.entry(subject).or_default();
        match voided {
            Some(gmc) => known.voided.insert(id, gmc),
            None => known.voided.remove(&id),
        };
        self.forget_if_unknown(&subject);
        if let Some((id, other)) = self.quotas.take(signer, kind, id, subject) {
            if let Some((hash, effect)) = self.revocations.remove(&id) {
                self.displaced.push((id, hash));
                effects.push((other, effect));
            }
            if let Some(known) = self.known.get_mut(&other) {
                known.voided.remove(&id);
            }
            self.forget_if_unknown(&other);
        }
        Ok(self.resettle(&effects))
    }

    /// Finds out whose standing these have changed, and how.
    fn resettle(&mut self, effects: &[(IdentityKey, Effect)]) -> Settled {
        let mut settled = Settled {
            news: true,
            ..Settled::default()
        };
        let touched = |known: &Known| {
            effects.iter().any(|(subject, effect)| {
                let through = |gmc: &VerifiedGmc| {
                    let mut links = gmc.links().iter();
                    links.any(|link| link.subject == *subject)
                };
                *effect == Effect::Any || known.credentials().any(through)
            })
        };
        let everybody: Vec<IdentityKey> = self
            .known
            .iter()
            .filter(|(_, known)| touched(known))
            .map(|(identity, _)| *identity)
            .collect();
        for identity in everybody {
            let before = self.members.get(&identity).cloned();
            self.recount(&identity);
            match (before, self.members.get(&identity)) {
                (Some(_), None) => settled.gone.push(identity),
                (None, Some(_)) => settled.back.push(identity),
                (Some(old), Some(new)) if old != *new => settled.changed.push(identity),
                _ => {}
            }
        }
        settled
    }

    /// Forgets an identity of which no credential is known any more.
    fn forget_if_unknown(&mut self, identity: &IdentityKey) {
        let known = self.known.get(identity);
        if known.is_some_and(|known| known.credentials().next().is_none()) {
            self.known.remove(identity);
            self.members.remove(identity);
        }
    }

    /// The records that counted until others of their signer displaced them: to be removed from the store,
    /// as everybody else removes them. Each is told once.
    pub fn take_displaced(&mut self) -> Vec<(RecordId, EnvelopeHash)> {
        std::mem::take(&mut self.displaced)
    }

    /// Whether a membership record or revocation counts beside the others of its signer. Of its own
    /// membership everybody has one record, which always does.
    fn counts(&self, record: &Record) -> bool {
        let Record {
            creator, kind, id, ..
        } = record;
        *id == RecordId::reserved(creator, RecordType::MEMBERSHIP)
            || self.quotas.admits(creator, *kind, id)
    }

    /// Whether one more record of this signer and kind would count beside all others.
    #[must_use]
    pub fn has_room(&self, signer: &IdentityKey, kind: RecordType, id: &RecordId) -> bool {
        self.quotas.has_room(signer, kind, id)
    }

    /// Finds out anew which credential of an identity counts.
    fn recount(&mut self, identity: &IdentityKey) -> Learned {
        let Some(known) = self.known.get(identity) else {
            return Learned::Known;
        };
        let counts = known
            .credentials()
            .filter(|gmc| self.revocations.voids(gmc.links(), None).is_none())
            .max_by_key(|gmc| age(gmc));
        match (self.members.get(identity), counts) {
            (None, None) => Learned::Known,
            (Some(held), Some(counts)) if held == counts => Learned::Known,
            (held, Some(counts)) => {
                let learned = match held {
                    None => Learned::New,
                    Some(_) => Learned::Newer,
                };
                let counts = counts.clone();
                self.members.insert(*identity, counts);
                learned
            }
            (Some(_), None) => {
                self.members.remove(identity);
                Learned::Known
            }
        }
    }

    /// The credential by which whoever shows `shown` is to be admitted now: the one that counts here, if
    /// we know a later one, even when the one shown has lapsed (GRP-245).
    ///
    /// # Errors
    /// [`NotAMember::Revoked`] when what is shown is void and nothing better is known;
    /// [`NotAMember::Chain`] when what counts is not valid now.
    pub fn standing(&self, shown: &VerifiedGmc, now: Timestamp) -> Result<VerifiedGmc, NotAMember> {
        let void = self.revocations.voids(shown.links(), None).is_some();
        let counts = self
            .members
            .get(&shown.subject())
            .into_iter()
            .chain((!void).then_some(shown))
            .max_by_key(|gmc| age(gmc))
            .ok_or(NotAMember::Revoked)?;
        counts.check_at(now)?;
        Ok(counts.clone())
    }

    /// Reads the membership out of a membership record and verifies it. The record is the subject's
    /// own, or by the issuer of the credential.
    ///
    /// # Errors
    /// When the payload is no chain, does not verify, or is about somebody else.
    pub fn membership_of(&self, record: &Record) -> Result<VerifiedGmc, Refusal> {
        let bad = |reason: String| Refusal::BadMembership(reason);
        if record.deleted {
            return Err(bad("a membership is not deleted but replaced".into()));
        }
        let chain = Chain::decode(&record.payload).map_err(|error| bad(error.to_string()))?;
        let hash = chain.hash();
        let known = self
            .last
            .borrow()
            .as_ref()
            .filter(|(last, _)| *last == hash)
            .map(|(_, gmc)| gmc.clone())
            .or_else(|| {
                self.known
                    .get(&record.creator)?
                    .credentials()
                    .find(|gmc| gmc.chain().hash() == hash)
                    .cloned()
            });
        let gmc = match known {
            Some(gmc) => gmc,
            None => gmc::verify_for_any_time(&chain, &self.group)
                .map_err(|error| bad(error.to_string()))?,
        };
        // Judged as of the record's own date, so that what a member signed while it was one stays
        // verifiable after its membership has lapsed; and whether or not the chain was known, so
        // that every member decides alike.
        gmc.check_at(record.modified)
            .map_err(|error| bad(error.to_string()))?;
        let subject = gmc.subject();
        let own = record.creator == subject
            && record.id == RecordId::reserved(&subject, RecordType::MEMBERSHIP);
        let granted =
            record.creator == gmc.issuer() && record.id == grant_id(&record.creator, &subject);
        if !(own || granted) || record.toucher() != record.creator {
            return Err(bad(
                "the record is neither by the certificate's subject nor by its issuer".into(),
            ));
        }
        *self.last.borrow_mut() = Some((hash, gmc.clone()));
        Ok(gmc)
    }

    fn judge_as_member(&self, signed: &SignedRecord) -> Result<(), Refusal> {
        let record = signed.record();
        if !self.known.contains_key(&record.creator) {
            return Err(Refusal::UnknownMember(record.creator));
        }
        let toucher = record.toucher();
        let known = self
            .known
            .get(&toucher)
            .ok_or(Refusal::UnknownMember(toucher))?;
        let refusal = match self.members.get(&toucher) {
            Some(gmc) => match may_touch(gmc, record) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
            None => Refusal::Revoked,
        };
        // By a credential it has no more: good if the revocation says so.
        let tail = Tail {
            act: ActId::of_record(&signed.hash()),
            dated: Some(record.modified),
        };
        let kept = |gmc: &VerifiedGmc| {
            self.revocations.voids(gmc.links(), None).is_some()
                && self.revocations.voids(gmc.links(), Some(tail)).is_none()
                && may_touch(gmc, record).is_ok()
        };
        if known.credentials().any(kept) {
            Ok(())
        } else {
            Err(refusal)
        }
    }

    /// Who may have signed records that do not count any more: the subjects of revocations in effect,
    /// and whoever held a credential through them.
    #[must_use]
    pub fn disputed(&self) -> BTreeSet<IdentityKey> {
        self.credentials()
            .filter(|gmc| self.revocations.voids(gmc.links(), None).is_some())
            .map(VerifiedGmc::subject)
            .collect()
    }
}

/// The id under which `issuer` publishes the credential it gave to `subject`.
#[must_use]
pub fn grant_id(issuer: &IdentityKey, subject: &IdentityKey) -> RecordId {
    RecordId::reserved_for(issuer, RecordType::MEMBERSHIP, subject.as_bytes())
}

/// Why somebody who has a chain is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMember {
    /// The credential is void, and no newer one is known.
    #[error("the credential is revoked")]
    Revoked,
    /// The credential that counts is not valid now.
    #[error(transparent)]
    Chain(#[from] GmcError),
}

impl Judge for Roster {
    /// May the signer of this record do this? Source: GRP-123..126, the receiving checks of 9.6.
    fn judge(&self, signed: &SignedRecord, _now: Timestamp) -> Result<(), Refusal> {
        let record = signed.record();
        match record.kind {
            RecordType::MEMBERSHIP | RecordType::REVOCATION if !self.counts(record) => {
                Err(Refusal::TooMany)
            }
            RecordType::MEMBERSHIP => {
                let gmc = self.membership_of(record)?;
                inside(&gmc, record)
            }
            RecordType::REVOCATION => Revocation::verify(signed, &self.group, &self.root).map(drop),
            RecordType::PROPERTIES => {
                if record.creator == self.root && record.toucher() == self.root && !record.deleted {
                    properties::check(record)
                } else {
                    Err(Refusal::NotAuthorised)
                }
            }
            RecordType::PRESENCE => {
                presence::check(record).and_then(|()| self.judge_as_member(signed))
            }
            RecordType::DOOR => {
                if record.creator == self.root && record.toucher() == self.root && !record.deleted {
                    door::check(record)
                } else {
                    Err(Refusal::NotAuthorised)
                }
            }
            kind if kind.is_reserved() => Err(Refusal::NotAuthorised),
            _ => self.judge_as_member(signed),
        }
    }
}

/// Whether this credential lets its subject be the last to touch the record.
fn may_touch(gmc: &VerifiedGmc, record: &Record) -> Result<(), Refusal> {
    inside(gmc, record)?;
    if gmc.subject() != record.creator && !gmc.roles().contains(Role::Admin) {
        return Err(Refusal::NotAuthorised);
    }
    Ok(())
}

/// A record lives inside the membership of its signer (GRP-171, GRP-172).
///
/// Its beginning is not asked: a renewed certificate begins anew, and would make everything the
/// member published before unacceptable to whoever comes later. An earlier date gains nothing,
/// because versions decide before dates do.
fn inside(gmc: &VerifiedGmc, record: &Record) -> Result<(), Refusal> {
    let dated = record.modified >= gmc.root().not_before() && record.modified <= gmc.not_after();
    if dated && record.expires <= gmc.not_after() {
        Ok(())
    } else {
        Err(Refusal::OutsideMembership)
    }
}
