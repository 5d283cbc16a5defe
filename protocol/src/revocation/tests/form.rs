//! The bytes of a revocation, and who may sign one.

use peerage_records::record::RecordUpdate;
use proptest::prelude::*;

use super::*;

fn any_revocation() -> impl Strategy<Value = Revocation> {
    let chain = {
        let mut club = Club::new(1);
        let creator = club.creator();
        creator.gmc.chain().clone()
    };
    let chain = proptest::option::of(Just(chain));
    (
        any::<[u8; 32]>(),
        any::<u64>(),
        proptest::sample::select(&Cause::ALL[..]),
        "[\\PC&&[^\\p{C}]]{0,40}",
        proptest::collection::vec(any::<[u8; 16]>(), 0..40),
        any::<bool>(),
        chain.clone(),
        chain,
    )
        .prop_map(
            |(subject, before, cause, reason, acts, by_date, authority, voided)| Revocation {
                subject: IdentityKey::from_bytes(subject),
                before: Timestamp::from_millis(before),
                cause,
                reason,
                kept: Kept::new(acts.into_iter().map(ActId).collect(), by_date),
                authority,
                voided,
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read(revocation in any_revocation()) {
        let bytes = revocation.encode();
        prop_assert_eq!(Revocation::decode(&bytes), Ok(revocation));
    }

    #[test]
    fn one_altered_byte_is_refused_or_is_another_revocation(
        revocation in any_revocation(),
        at in any::<proptest::sample::Index>(),
        xor in 1..=255_u8,
    ) {
        let mut bytes = revocation.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        if let Ok(other) = Revocation::decode(&bytes) {
            prop_assert_ne!(&other, &revocation);
            prop_assert_eq!(other.encode(), bytes, "one meaning, one encoding");
        }
    }

    #[test]
    fn any_bytes_are_refused_or_written_the_same(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(revocation) = Revocation::decode(&bytes) {
            prop_assert_eq!(revocation.encode(), bytes);
        }
    }
}

type Parts = (u8, u8, String, Vec<u8>, Option<Vec<u8>>);

fn encoded((version, cause, reason, acts, chain): Parts) -> Vec<u8> {
    signing::to_cbor(&Body(
        version,
        ByteArray::new([7; 32]),
        5,
        cause,
        reason,
        ByteBuf::from(acts),
        false,
        chain.map(ByteBuf::from),
        None,
    ))
}

#[test]
fn only_the_one_encoding_within_bounds_is_read() {
    let good: Parts = (VERSION, 0, "x".repeat(MAX_REASON_CHARS), vec![], None);
    assert!(Revocation::decode(&encoded(good.clone())).is_ok());
    let two = [[1; ACT_BYTES], [2; ACT_BYTES]].concat();
    let sorted = (VERSION, 3, String::new(), two.clone(), None);
    assert_eq!(Revocation::decode(&encoded(sorted)).unwrap().kept.len(), 2);

    let plain = |acts| (VERSION, 0, String::new(), acts, None);
    let disorder = [&two[ACT_BYTES..], &two[..ACT_BYTES]].concat();
    let twice = two[..ACT_BYTES].repeat(2);
    let cases: [(&str, Parts); 10] = [
        ("version 0", (0, 0, String::new(), vec![], None)),
        ("a later version", (2, 0, String::new(), vec![], None)),
        (
            "an unknown cause",
            (VERSION, 4, String::new(), vec![], None),
        ),
        (
            "a long reason",
            (VERSION, 0, "x".repeat(MAX_REASON_CHARS + 1), vec![], None),
        ),
        (
            "a reason that moves the cursor",
            (VERSION, 0, "\u{1b}[2J".into(), vec![], None),
        ),
        ("acts out of order", plain(disorder)),
        ("an act twice", plain(twice)),
        ("half an act", plain(vec![1; ACT_BYTES / 2])),
        (
            "garbage for a chain",
            (VERSION, 0, String::new(), vec![], Some(vec![1, 2, 3])),
        ),
        (
            "a chain beyond its size",
            (VERSION, 0, String::new(), vec![], Some(vec![0; 17 * 1024])),
        ),
    ];
    for (what, parts) in cases {
        let judged = Revocation::decode(&encoded(parts));
        assert!(matches!(judged, Err(Refusal::Malformed(_))), "{what}");
    }
    let bytes = encoded(good);
    let trailing = [&bytes[..], &[0]].concat();
    assert!(Revocation::decode(&trailing).is_err(), "something after it");
    assert!(Revocation::decode(&bytes[..bytes.len() - 1]).is_err());
    // The same array, its length written in two bytes.
    let long = [&[0x98, 9], &bytes[1..]].concat();
    assert_eq!(bytes[0], 0x89);
    assert!(Revocation::decode(&long).is_err(), "not the short form");
}

#[test]
fn as_many_acts_as_are_allowed_fit_a_record() {
    let mut club = Club::new(2);
    let mut above = club.creator();
    while above.gmc.depth() < gmc::MAX_CHAIN_GMCS - 1 {
        above = club.invite(&above, Role::Admin, NOW);
    }
    let last = club.invite(&above, Role::Admin, NOW);
    let subject = club.invite(&above, Role::Admin, NOW);
    let chain = subject.gmc.chain();
    let limit = Revocation::max_kept(Some(last.gmc.chain()), Some(chain));
    assert!(
        limit > 1_000,
        "{limit} acts beside two chains of full length"
    );
    let acts = (0..limit as u32).map(|number| {
        let mut act = [0; ACT_BYTES];
        act[..4].copy_from_slice(&number.to_be_bytes());
        ActId(act)
    });
    let said = Revocation {
        reason: "\u{1f600}".repeat(MAX_REASON_CHARS),
        kept: Kept::new(acts.collect(), true),
        voided: Some(chain.clone()),
        ..club.said(&last, &subject, NOW)
    };
    let signed = club.signed(&last, &said, NOW);
    assert_eq!(club.verify(&signed).unwrap().said().kept.len(), limit);
}

/// A change to an otherwise good revocation by an Admin.
type Change = Box<dyn Fn(&Club, &mut Revocation)>;

#[test]
fn m2_only_an_admin_of_this_group_revokes_and_in_its_own_name() {
    let mut club = Club::new(3);
    let creator = club.creator();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let other_admin = club.invite(&creator, Role::Admin, NOW);
    let inviting = club.invite(&creator, Role::InvitingMember, NOW);
    let member = club.invite(&creator, Role::Member, NOW);
    let victim = club.invite(&creator, Role::Member, NOW);
    let at = NOW + SECOND;

    let good = club.removes(&admin, &victim, at, &[]);
    let verified = club.verify(&good).unwrap();
    assert_eq!(verified.revoker(), admin.key());
    assert_eq!(verified.said().subject, victim.key());
    assert_eq!(verified.at(), at);

    for (who, by) in [("a Member", &member), ("an Inviting Member", &inviting)] {
        let judged = club.verify(&club.removes(by, &victim, at, &[]));
        assert!(
            matches!(judged, Err(Refusal::Malformed(_))),
            "{who}: {judged:?}"
        );
    }

    let mut elsewhere = Club::new(4);
    let foreign = elsewhere.creator();
    let foreign_chain = foreign.gmc.chain().clone();
    let (chain, victims) = (other_admin.gmc.chain().clone(), victim.gmc.chain().clone());
    let foreign_victims = foreign_chain.clone();
    let others = member.gmc.chain().clone();
    let cases: Vec<(&str, Change)> = vec![
        ("no chain", Box::new(|_, said| said.authority = None)),
        (
            "an Admin of another group",
            Box::new(move |_, said| said.authority = Some(foreign_chain.clone())),
        ),
        (
            "the chain of another Admin",
            Box::new(move |_, said| said.authority = Some(chain.clone())),
        ),
        (
            "credentials still to be issued",
            Box::new(move |_, said| said.before = at + MILLISECOND * 2),
        ),
        (
            "leaving in the name of another",
            Box::new(|_, said| said.cause = Cause::Left),
        ),
        (
            "somebody else's chain to void",
            Box::new(move |_, said| said.voided = Some(others.clone())),
        ),
        (
            "a chain of another group to void",
            Box::new(move |_, said| said.voided = Some(foreign_victims.clone())),
        ),
    ];
    for (what, change) in cases {
        let mut said = club.said(&admin, &victim, at);
        change(&club, &mut said);
        let judged = club.verify(&club.signed(&admin, &said, at));
        let refused = matches!(
            judged,
            Err(Refusal::Malformed(_) | Refusal::BadMembership(_))
        );
        assert!(refused, "{what}: {judged:?}");
    }
    let said = Revocation {
        voided: Some(victims),
        ..club.said(&admin, &victim, at)
    };
    let verified = club.verify(&club.signed(&admin, &said, at)).unwrap();
    assert_eq!(verified.voided(), Some(&victim.gmc));

    let removed_by_itself = Revocation {
        cause: Cause::Removed,
        ..club.said(&admin, &admin, at)
    };
    let judged = club.verify(&club.signed(&admin, &removed_by_itself, at));
    assert!(matches!(judged, Err(Refusal::Malformed(_))), "{judged:?}");
    let left = club.said(&member, &member, at);
    assert!(club.verify(&club.signed(&member, &left, at)).is_ok());
}

#[test]
fn the_record_around_it_says_the_same() {
    let mut club = Club::new(5);
    let creator = club.creator();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let victim = club.invite(&creator, Role::Member, NOW);
    let at = NOW + SECOND;
    let said = club.said(&admin, &victim, at);
    let good = club.record(admin.key(), &said, at);
    let judge = |record: Record| {
        club.verify(&SignedRecord::sign(record, |bytes| {
            admin.identity.sign(bytes)
        }))
    };
    assert!(judge(good.clone()).is_ok());
    let later = good
        .update_reserved(EXPIRES, said.encode(), at + SECOND)
        .unwrap();
    assert!(judge(later.clone()).is_ok(), "said again");

    let cases = [
        (
            "the place of another subject",
            Record {
                id: Revocation::record_id(&admin.key(), &admin.key()),
                ..good.clone()
            },
        ),
        (
            "one that ends",
            Record {
                expires: EXPIRES - MILLISECOND,
                ..good.clone()
            },
        ),
        (
            "changed by another",
            Record {
                modifier: Some(creator.key()),
                ..later.clone()
            },
        ),
        (
            "deleted",
            Record {
                deleted: true,
                payload: Vec::new(),
                ..later
            },
        ),
    ];
    for (what, record) in cases {
        let judged = judge(record);
        assert!(
            matches!(judged, Err(Refusal::Malformed(_))),
            "{what}: {judged:?}"
        );
    }
    let update = good.update(RecordUpdate::default(), admin.key(), at);
    assert!(update.is_err(), "nor does an application change it");
}

#[test]
fn m2_a_credential_that_had_lapsed_or_not_begun_revokes_nothing() {
    let mut club = Club::new(6);
    let creator = club.creator();
    let victim = club.invite(&creator, Role::Member, NOW);
    let identity = club.identity();
    let options = IssueOptions {
        not_before: Some(NOW + HOUR * 2),
        not_after: Some(NOW + HOUR * 4),
        ..IssueOptions::new(Role::Admin)
    };
    let card = identity.card();
    let (by, rng) = (&creator, &mut club.rng);
    let chain = gmc::issue(&by.identity, &by.gmc, &card, None, &options, NOW, rng).unwrap();
    let admin = club.member(identity, &chain);
    for (hours, good) in [(1, false), (3, true), (5, false)] {
        let at = NOW + HOUR * hours;
        let judged = club.verify(&club.removes(&admin, &victim, at, &[]));
        let expected = match judged {
            Ok(_) => good,
            Err(Refusal::BadMembership(_)) => !good,
            Err(_) => false,
        };
        assert!(expected, "at {hours} h: {judged:?}");
    }
}

#[test]
fn the_groups_key_needs_no_chain() {
    let mut club = Club::new(7);
    let creator = club.creator();
    let signed = club.key_removes(&creator, NOW);
    let verified = club.verify(&signed).unwrap();
    assert_eq!(verified.revoker(), club.key.root().key());
    assert!(verified.authority().is_none());
}
