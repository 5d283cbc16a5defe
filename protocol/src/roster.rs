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
    presence, properties,
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
            None => gmc::verify_for_any_time(&chain, &self.group)
                .map_err(|error| bad(error.to_string()))?,
        };
        // Judged as of the record's own date, so that what a member signed while it was one stays
        // verifiable after its membership has lapsed; and whether or not the chain was known, so
        // that every member decides alike.
        gmc.check_at(record.modified)
            .map_err(|error| bad(error.to_string()))?;
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
                    properties::check(record)
                } else {
                    Err(Refusal::NotAuthorised)
                }
            }
            RecordType::PRESENCE => {
                presence::check(record).and_then(|()| self.judge_as_member(record))
            }
            kind if kind.is_reserved() => Err(Refusal::NotAuthorised),
            _ => self.judge_as_member(record),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use peerage_records::record::{RecordDraft, RecordUpdate};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{
        gmc::IssueOptions,
        group::{GroupKey, Role},
        identity::Identity,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    struct Fixture {
        key: GroupKey,
        roster: Roster,
        rng: ChaCha20Rng,
    }

    fn fixture() -> Fixture {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = GroupKey::create("group", None, NOW, &mut rng).unwrap();
        let roster = Roster::new(key.root().id(), key.root().key());
        Fixture { key, roster, rng }
    }

    impl Fixture {
        fn identity(&mut self) -> Identity {
            Identity::generate("peer", None, NOW, &mut self.rng).unwrap()
        }

        fn issue(
            &mut self,
            identity: &Identity,
            role: Role,
            issued: Timestamp,
            not_after: Timestamp,
        ) -> VerifiedGmc {
            let options = IssueOptions {
                not_after: Some(not_after),
                ..IssueOptions::new(role)
            };
            let card = identity.card();
            let chain = self
                .key
                .issue(&card, None, &options, issued, &mut self.rng)
                .unwrap();
            gmc::verify(&chain, &self.key.root().id(), issued).unwrap()
        }

        fn member(&mut self, role: Role) -> (Identity, VerifiedGmc) {
            let identity = self.identity();
            let gmc = self.issue(&identity, role, NOW, NOW + HOUR * 10);
            (identity, gmc)
        }

        fn note(&self, by: &Identity, expires: Timestamp) -> Record {
            let draft = RecordDraft {
                kind: RecordType::from_name("note"),
                expires,
                attributes: Vec::new(),
                payload: b"note".to_vec(),
            };
            Record::create(draft, self.key.root().id(), by.key(), [1; 8], NOW).unwrap()
        }

        fn membership(&self, by: &Identity, gmc: &VerifiedGmc, expires: Timestamp) -> Record {
            let payload = gmc.chain().encode().to_vec();
            let kind = RecordType::MEMBERSHIP;
            let group = self.key.root().id();
            Record::create_reserved(kind, group, by.key(), expires, payload, NOW).unwrap()
        }
    }

    #[test]
    fn records_of_unknown_members_are_deferred() {
        let mut f = fixture();
        let (member, gmc) = f.member(Role::Member);
        let record = f.note(&member, NOW + HOUR);
        let unknown = Err(Refusal::UnknownMember(member.key()));
        assert_eq!(f.roster.judge(&record, NOW), unknown);
        assert_eq!(f.roster.learn(gmc), Learned::New);
        assert_eq!(f.roster.judge(&record, NOW), Ok(()));
    }

    #[test]
    fn only_an_admin_changes_the_record_of_another() {
        let mut f = fixture();
        let (author, gmc) = f.member(Role::Member);
        f.roster.learn(gmc);
        let record = f.note(&author, NOW + HOUR);
        for (role, judged) in [
            (Role::Member, Err(Refusal::NotAuthorised)),
            (Role::InvitingMember, Err(Refusal::NotAuthorised)),
            (Role::Admin, Ok(())),
        ] {
            let (other, gmc) = f.member(role);
            let update = record
                .update(RecordUpdate::default(), other.key(), NOW)
                .unwrap();
            let deletion = record.delete(other.key(), NOW).unwrap();
            let unknown = Err(Refusal::UnknownMember(other.key()));
            assert_eq!(
                f.roster.judge(&update, NOW),
                unknown,
                "the modifier may be unknown too"
            );
            f.roster.learn(gmc);
            assert_eq!(f.roster.judge(&update, NOW), judged, "{role:?}");
            assert_eq!(f.roster.judge(&deletion, NOW), judged, "{role:?}");
        }
    }

    #[test]
    fn a_record_lives_inside_its_signers_membership() {
        let mut f = fixture();
        let (member, gmc) = f.member(Role::Member);
        let end = gmc.not_after();
        f.roster.learn(gmc);
        assert_eq!(f.roster.judge(&f.note(&member, end), NOW), Ok(()));
        let later = f.note(&member, end + Duration::from_millis(1));
        assert_eq!(f.roster.judge(&later, NOW), Err(Refusal::OutsideMembership));
        let mut before = f.note(&member, end);
        before.modified = NOW - HOUR * 2;
        assert_eq!(
            f.roster.judge(&before, NOW),
            Err(Refusal::OutsideMembership)
        );
    }

    #[test]
    fn a_membership_record_is_by_its_subject_of_this_group_and_not_deleted() {
        let mut f = fixture();
        let (ann, anns) = f.member(Role::Admin);
        let (ben, bens) = f.member(Role::Member);
        let end = anns.not_after();
        assert!(f.roster.judge(&f.membership(&ann, &anns, end), NOW).is_ok());
        let bad = |judged| matches!(judged, Err(Refusal::BadMembership(_)));
        assert!(bad(f.roster.judge(&f.membership(&ann, &bens, end), NOW)));
        let mut deleted = f.membership(&ben, &bens, end);
        deleted.deleted = true;
        assert!(bad(f.roster.judge(&deleted, NOW)));
        let mut garbage = f.membership(&ben, &bens, end);
        garbage.payload = vec![1, 2, 3];
        assert!(bad(f.roster.judge(&garbage, NOW)));

        let mut other = fixture();
        other.key = GroupKey::create("other", None, NOW, &mut f.rng).unwrap();
        let foreign = other.issue(&ben, Role::Admin, NOW, NOW + HOUR);
        assert!(bad(f
            .roster
            .judge(&f.membership(&ben, &foreign, NOW + HOUR), NOW)));
        let too_long = f.membership(&ben, &bens, bens.not_after() + HOUR);
        assert_eq!(
            f.roster.judge(&too_long, NOW),
            Err(Refusal::OutsideMembership)
        );
    }

    #[test]
    fn the_membership_issued_later_stays_in_whatever_order_they_come() {
        let mut f = fixture();
        let identity = f.identity();
        let first = f.issue(&identity, Role::Member, NOW, NOW + HOUR);
        let second = f.issue(&identity, Role::Admin, NOW + HOUR / 2, NOW + HOUR);
        assert_eq!(f.roster.learn(second.clone()), Learned::New);
        assert_eq!(f.roster.learn(first.clone()), Learned::Known);
        assert_eq!(f.roster.learn(second.clone()), Learned::Known);
        assert_eq!(f.roster.get(&identity.key()), Some(&second));
        let mut other = Roster::new(f.key.root().id(), f.key.root().key());
        assert_eq!(other.learn(first), Learned::New);
        assert_eq!(other.learn(second.clone()), Learned::Newer);
        assert_eq!(other.get(&identity.key()), Some(&second));
    }

    #[test]
    fn nobody_but_the_group_writes_its_properties_and_nobody_other_reserved_types() {
        let mut f = fixture();
        let (admin, gmc) = f.member(Role::Admin);
        let end = gmc.not_after();
        f.roster.learn(gmc);
        for kind in [RecordType::PROPERTIES, RecordType::CONTACT] {
            let group = f.key.root().id();
            let record = Record::create_reserved(kind, group, admin.key(), end, vec![], NOW);
            let judged = f.roster.judge(&record.unwrap(), NOW);
            assert_eq!(judged, Err(Refusal::NotAuthorised));
        }
        let (group, root) = (f.key.root().id(), f.key.root().key());
        let properties =
            Record::create_reserved(RecordType::PROPERTIES, group, root, end, vec![], NOW);
        let mut properties = properties.unwrap();
        let judged = f.roster.judge(&properties, NOW);
        assert!(matches!(judged, Err(Refusal::Malformed(_))), "{judged:?}");
        properties.payload = properties::Properties::default().encode();
        assert_eq!(f.roster.judge(&properties, NOW), Ok(()));
    }
}
