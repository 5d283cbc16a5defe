//! What one insider can make everybody remember.

use std::collections::BTreeSet;

use peerage_records::judge::Judge;
use rand::seq::SliceRandom;

use super::*;
use crate::roster::MAX_PER_SIGNER;

/// So many more than count.
const EXCESS: usize = 40;

/// A roster that has judged all of these in this order and learned what it might; and which of them it
/// then holds no more, or never did.
fn flooded(
    club: &Club,
    first: &[SignedRecord],
    flood: &[SignedRecord],
) -> (Roster, BTreeSet<RecordId>) {
    let mut roster = club.roster(first);
    let mut dropped = BTreeSet::new();
    for signed in flood {
        match roster.judge(signed, NOW + HOUR) {
            Ok(()) => learn(&mut roster, signed),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::TooMany);
                dropped.insert(signed.record().id);
            }
        }
        dropped.extend(roster.take_displaced().into_iter().map(|(id, _)| id));
    }
    (roster, dropped)
}

/// The ids that do not count.
fn highest(flood: &[SignedRecord]) -> BTreeSet<RecordId> {
    let ids: BTreeSet<_> = flood.iter().map(|signed| signed.record().id).collect();
    ids.into_iter().skip(MAX_PER_SIGNER).collect()
}

#[test]
fn m20_of_ten_thousand_puppets_of_one_insider_the_same_few_count_everywhere() {
    let mut club = Club::new(40);
    let creator = club.creator();
    let insider = club.invite(&creator, Role::Admin, NOW);
    let honest = club.invite(&creator, Role::Member, NOW);
    let first = [
        club.own(&creator, NOW),
        club.own(&insider, NOW),
        club.grant(&creator, &honest, NOW),
    ];
    let mut flood: Vec<_> = (0..MAX_PER_SIGNER + EXCESS)
        .map(|_| {
            let puppet = club.invite(&insider, Role::Member, NOW);
            club.grant(&insider, &puppet, NOW)
        })
        .collect();
    let (one, dropped) = flooded(&club, &first, &flood);
    assert_eq!(dropped, highest(&flood));
    assert_eq!(one.len(), 3 + MAX_PER_SIGNER);
    for member in [&creator, &insider, &honest] {
        assert!(one.get(&member.key()).is_some());
    }
    let expected: Vec<_> = one.iter().map(|(key, _)| *key).collect();

    flood.shuffle(&mut club.rng);
    let (mut other, again) = flooded(&club, &first, &flood);
    assert!(other.iter().map(|(key, _)| *key).eq(expected));
    assert_eq!(again, dropped, "whatever came first");
    // The way out: who removes the insider is rid of all of them.
    learn(
        &mut other,
        &club.removes(&creator, &insider, NOW + SECOND, &[]),
    );
    assert_eq!(other.len(), 2);
}

#[test]
fn m20_a_flood_of_revocations_by_one_insider_is_cut_and_does_not_hide_those_of_others() {
    let mut club = Club::new(41);
    let creator = club.creator();
    let insider = club.invite(&creator, Role::Admin, NOW);
    let first = [club.own(&creator, NOW), club.own(&insider, NOW)];
    let victim = club.invite(&creator, Role::Member, NOW);
    let victims = club.own(&victim, NOW);
    let flood: Vec<_> = (0..MAX_PER_SIGNER + EXCESS)
        .map(|_| {
            let subject = IdentityKey::from_bytes(rand::RngExt::random(&mut club.rng));
            let said = Revocation {
                subject,
                ..club.said(&insider, &victim, NOW)
            };
            club.signed(&insider, &said, NOW)
        })
        .collect();
    let (mut one, dropped) = flooded(&club, &first, &flood);
    assert_eq!(dropped, highest(&flood));
    assert_eq!(one.revocations().iter().count(), MAX_PER_SIGNER);

    let backwards: Vec<_> = flood.iter().rev().cloned().collect();
    let (other, again) = flooded(&club, &first, &backwards);
    assert_eq!(again, dropped);
    assert_eq!(other.revocations().digest(), one.revocations().digest());

    learn(&mut one, &victims);
    learn(
        &mut one,
        &club.removes(&creator, &insider, NOW + SECOND, &[]),
    );
    assert_eq!(one.revocations().effective().count(), 1);
    assert!(one.get(&insider.key()).is_none());
    assert!(one.get(&victim.key()).is_some());
}
