//! The members of a group that are known here, and the judgement of records by what they may do.

use std::{cell::RefCell, collections::BTreeMap};

use peerage_records::{
    id::{GroupId, IdentityKey, RecordType},
    judge::{Judge, Refusal},
    record::Record,
    time::Timestamp,
};

use crate::{
    gmc::{self, Chain, ChainHash, VerifiedGmc},
    group::Role,
};

/// Every member of one group whose membership has been verified here, current or lapsed.
#[derive(Debug)]
pub struct Roster {
    group: GroupId,
    root: IdentityKey,
    members: BTreeMap<IdentityKey, VerifiedGmc>,
    /// The chain verified last. Judging a membership record and learning from it follow each
    /// other at once, so one slot saves every second verification.
    last: RefCell<Option<(ChainHash, VerifiedGmc)>>,
}

/// What learning a membership changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// A member not known before.
    New,
    /// A known member with a newer certificate.
    Newer,
    /// Nothing: the same or an older certificate.
    Known,
}

impl Roster {
    /// An empty roster of the group whose root key is `root`.
    #[must_use]
    pub fn new(group: GroupId, root: IdentityKey) -> Self {
        Self {
            group,
            root,
            members: BTreeMap::new(),
            last: RefCell::new(None),
        }
    }

    /// The membership of `member`, if it is known.
    #[must_use]
    pub fn get(&self, member: &IdentityKey) -> Option<&VerifiedGmc> {
        self.members.get(member)
    }

    /// All known members in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&IdentityKey, &VerifiedGmc)> {
        self.members.iter()
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

    /// Takes a verified membership; of two for one member the later issued one stays.
    pub fn learn(&mut self, gmc: VerifiedGmc) -> Learned {
        let age = |gmc: &VerifiedGmc| (gmc.issued_at(), gmc.not_after(), gmc.chain().hash());
        match self.members.get(&gmc.subject()) {
            Some(held) if age(held) >= age(&gmc) => Learned::Known,
            Some(_) => {
                self.members.insert(gmc.subject(), gmc);
                Learned::Newer
            }
            None => {
                self.members.insert(gmc.subject(), gmc);
                Learned::New
            }
        }
    }

    /// Reads the membership out of a membership record and verifies it.
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
                self.members
                    .get(&record.creator)
                    .filter(|gmc| gmc.chain().hash() == hash)
                    .cloned()
            });
        let gmc = match known {
            Some(gmc) => gmc,
            // Judged as of the record's own date, so that what a member signed while it was one
            // stays verifiable after its membership has lapsed.
            None => gmc::verify(&chain, &self.group, record.modified)
                .map_err(|error| bad(error.to_string()))?,
        };
        if gmc.subject() != record.creator || record.toucher() != record.creator {
            return Err(bad("the record is not by the certificate's subject".into()));
        }
        *self.last.borrow_mut() = Some((hash, gmc.clone()));
        Ok(gmc)
    }

    fn judge_as_member(&self, record: &Record) -> Result<(), Refusal> {
        self.members
            .get(&record.creator)
            .ok_or(Refusal::UnknownMember(record.creator))?;
        let toucher = record.toucher();
        let gmc = self
            .members
            .get(&toucher)
            .ok_or(Refusal::UnknownMember(toucher))?;
        inside(gmc, record)?;
        if toucher != record.creator && !gmc.roles().contains(Role::Admin) {
            return Err(Refusal::NotAuthorised);
        }
        Ok(())
    }
}

impl Judge for Roster {
    /// May the signer of this record do this? Source: GRP-123..126, the receiving checks of 9.6.
    fn judge(&self, record: &Record, _now: Timestamp) -> Result<(), Refusal> {
        match record.kind {
            RecordType::MEMBERSHIP => {
                let gmc = self.membership_of(record)?;
                inside(&gmc, record)
            }
            RecordType::PROPERTIES => {
                if record.creator == self.root && record.toucher() == self.root && !record.deleted {
                    Ok(())
                } else {
                    Err(Refusal::NotAuthorised)
                }
            }
            kind if kind.is_reserved() => Err(Refusal::NotAuthorised),
            _ => self.judge_as_member(record),
        }
    }
}

/// A record lives inside the membership of its signer (GRP-171, GRP-172).
fn inside(gmc: &VerifiedGmc, record: &Record) -> Result<(), Refusal> {
    let dated = record.modified >= gmc.not_before() && record.modified <= gmc.not_after();
    if dated && record.expires <= gmc.not_after() {
        Ok(())
    } else {
        Err(Refusal::OutsideMembership)
    }
}
