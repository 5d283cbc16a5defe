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
fn judge(roster: &Roster, record: &Record) -> Result<(), Refusal> {
    let signed = SignedRecord::sign(record.clone(), |_| [0; 64]);
    roster.judge(&signed, NOW)
}

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
    assert_eq!(judge(&f.roster, &record), unknown);
    assert_eq!(f.roster.learn(gmc), Learned::New);
    assert_eq!(judge(&f.roster, &record), Ok(()));
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
            judge(&f.roster, &update),
            unknown,
            "the modifier may be unknown too"
        );
        f.roster.learn(gmc);
        assert_eq!(judge(&f.roster, &update), judged, "{role:?}");
        assert_eq!(judge(&f.roster, &deletion), judged, "{role:?}");
    }
}

#[test]
fn a_record_lives_inside_its_signers_membership() {
    let mut f = fixture();
    let (member, gmc) = f.member(Role::Member);
    let end = gmc.not_after();
    f.roster.learn(gmc);
    assert_eq!(judge(&f.roster, &f.note(&member, end)), Ok(()));
    let later = f.note(&member, end + Duration::from_millis(1));
    assert_eq!(judge(&f.roster, &later), Err(Refusal::OutsideMembership));
    let mut before = f.note(&member, end);
    before.modified = NOW - HOUR * 2;
    assert_eq!(judge(&f.roster, &before), Err(Refusal::OutsideMembership));
}

#[test]
fn a_membership_record_is_by_its_subject_of_this_group_and_not_deleted() {
    let mut f = fixture();
    let (ann, anns) = f.member(Role::Admin);
    let (ben, bens) = f.member(Role::Member);
    let end = anns.not_after();
    assert!(judge(&f.roster, &f.membership(&ann, &anns, end)).is_ok());
    let bad = |judged| matches!(judged, Err(Refusal::BadMembership(_)));
    assert!(bad(judge(&f.roster, &f.membership(&ann, &bens, end))));
    let mut deleted = f.membership(&ben, &bens, end);
    deleted.deleted = true;
    assert!(bad(judge(&f.roster, &deleted)));
    let mut garbage = f.membership(&ben, &bens, end);
    garbage.payload = vec![1, 2, 3];
    assert!(bad(judge(&f.roster, &garbage)));

    let mut other = fixture();
    other.key = GroupKey::create("other", None, NOW, &mut f.rng).unwrap();
    let foreign = other.issue(&ben, Role::Admin, NOW, NOW + HOUR);
    assert!(bad(judge(
        &f.roster,
        &f.membership(&ben, &foreign, NOW + HOUR)
    )));
    let too_long = f.membership(&ben, &bens, bens.not_after() + HOUR);
    assert_eq!(judge(&f.roster, &too_long), Err(Refusal::OutsideMembership));
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
        let judged = judge(&f.roster, &record.unwrap());
        assert_eq!(judged, Err(Refusal::NotAuthorised));
    }
    let (group, root) = (f.key.root().id(), f.key.root().key());
    let properties = Record::create_reserved(RecordType::PROPERTIES, group, root, end, vec![], NOW);
    let mut properties = properties.unwrap();
    let judged = judge(&f.roster, &properties);
    assert!(matches!(judged, Err(Refusal::Malformed(_))), "{judged:?}");
    properties.payload = properties::Properties::default().encode();
    assert_eq!(judge(&f.roster, &properties), Ok(()));
}
