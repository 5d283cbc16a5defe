//! What the first release that removed members wrote must be read by every later one. The files under
//! `golden` never change; a new version of a format gets new files beside them.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{fs, path::PathBuf, time::Duration};

use peerage_protocol::{
    gmc::{self, IssueOptions, VerifiedGmc},
    group::{GroupKey, Role},
    identity::Identity,
    name::PeerName,
    revocation::{ActId, Cause, EXPIRES, Kept, Revocation},
    roster::{Roster, grant_id},
};
use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordType},
    record::Record,
    time::Timestamp,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("tests/golden")
        .join(name)
}

fn signed(name: &str) -> SignedRecord {
    let text = fs::read_to_string(path(name)).unwrap();
    let bytes = data_encoding::HEXLOWER
        .decode(text.trim().as_bytes())
        .unwrap();
    let signed = SignedRecord::decode(&bytes).unwrap();
    assert_eq!(signed.verify_signature(), Ok(()));
    signed
}

fn empty_roster(record: &Record, root: IdentityKey) -> Roster {
    Roster::new(record.group, root)
}

#[test]
fn revocations_of_version_1_are_read() {
    let signed = signed("revocation-v1.hex");
    let record = signed.record();
    let said = Revocation::decode(&record.payload).unwrap();
    assert_eq!(said.encode(), record.payload);
    assert_eq!(said.cause, Cause::Removed);
    assert_eq!(said.reason, "lost her phone");
    assert_eq!(said.before, NOW + SECOND + Duration::from_millis(1));
    assert_eq!(said.kept.len(), 2);
    assert!(!said.kept.records_by_date);
    let name: PeerName = fs::read_to_string(path("revocation-group-v1.txt"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let voided = gmc::verify_for_any_time(said.voided.as_ref().unwrap(), &name.group_id()).unwrap();
    assert_eq!(voided.friendly_name(), "Bob");
    let root = voided.root().key();
    let verified = Revocation::verify(&signed, &name.group_id(), &root).unwrap();
    assert_eq!(verified.said(), &said);
    assert_eq!(verified.act(), ActId::of_record(&signed.hash()));
}

#[test]
fn granted_memberships_of_version_1_are_read() {
    let signed = signed("grant-v1.hex");
    let record = signed.record();
    let chain = gmc::Chain::decode(&record.payload).unwrap();
    let gmc = gmc::verify_for_any_time(&chain, &record.group).unwrap();
    assert_eq!(record.id, grant_id(&gmc.issuer(), &gmc.subject()));
    let mut roster = empty_roster(record, gmc.root().key());
    roster.learn_record(&signed).unwrap();
    assert_eq!(roster.get(&gmc.subject()), Some(&gmc));
}

/// Writes the files for a new version:
/// `cargo test -p peerage-protocol --test golden_revocation -- --ignored`
#[test]
#[ignore = "overwrites what must not change"]
fn write_golden_files() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let rng = &mut rng;
    let group = GroupKey::create("chess", Some("Chess club"), NOW, rng).unwrap();
    let ada = Identity::generate("ada", Some("Ada"), NOW, rng).unwrap();
    let bob = Identity::generate("bob", Some("Bob"), NOW, rng).unwrap();
    let cyd = Identity::generate("cyd", Some("Cyd"), NOW, rng).unwrap();
    let verified = |chain| gmc::verify(&chain, &group.root().id(), NOW).unwrap();
    let adas: VerifiedGmc = verified(group.issue_first(&ada.card(), NOW, rng).unwrap());
    let inviting = IssueOptions::new(Role::InvitingMember);
    let bobs = verified(gmc::issue(&ada, &adas, &bob.card(), None, &inviting, NOW, rng).unwrap());
    let member = IssueOptions::new(Role::Member);
    let cyds = verified(gmc::issue(&bob, &bobs, &cyd.card(), None, &member, NOW, rng).unwrap());
    let id = group.root().id();

    let at = NOW + SECOND;
    let granted = Record::create_reserved_for(
        cyd.key().as_bytes(),
        RecordType::MEMBERSHIP,
        id,
        bob.key(),
        cyds.not_after(),
        cyds.chain().encode().to_vec(),
        NOW,
    );
    let granted = SignedRecord::sign(granted.unwrap(), |bytes| bob.sign(bytes));
    let kept = vec![
        cyds.links().last().unwrap().certificate,
        ActId::of_record(&granted.hash()),
    ];
    let said = Revocation {
        subject: bob.key(),
        before: at + Duration::from_millis(1),
        cause: Cause::Removed,
        reason: "lost her phone".into(),
        kept: Kept::new(kept, false),
        authority: Some(adas.chain().clone()),
        voided: Some(bobs.chain().clone()),
    };
    let revoked = Record::create_reserved_for(
        bob.key().as_bytes(),
        RecordType::REVOCATION,
        id,
        ada.key(),
        EXPIRES,
        said.encode(),
        at,
    );
    let revoked = SignedRecord::sign(revoked.unwrap(), |bytes| ada.sign(bytes));
    let hex = |bytes: &[u8]| format!("{}\n", data_encoding::HEXLOWER.encode(bytes));
    for (name, content) in [
        ("revocation-v1.hex", hex(revoked.bytes())),
        ("grant-v1.hex", hex(granted.bytes())),
        (
            "revocation-group-v1.txt",
            format!("{}\n", group.root().name()),
        ),
    ] {
        fs::write(path(name), content).unwrap();
    }
}
