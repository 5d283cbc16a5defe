//! Which of several revocations take effect, and who is left.

use super::*;

/// The members of a group that has heard all this, and the same in reverse order.
fn members(club: &Club, records: &[&SignedRecord]) -> Vec<IdentityKey> {
    let forth = club.roster(records.iter().copied());
    let back = club.roster(records.iter().rev().copied());
    let keys: Vec<_> = forth.iter().map(|(key, _)| *key).collect();
    assert!(back.iter().map(|(key, _)| key).eq(&keys), "order matters");
    assert_eq!(forth.revocations().digest(), back.revocations().digest());
    keys
}

fn sorted<'a>(members: impl IntoIterator<Item = &'a Member>) -> Vec<IdentityKey> {
    let mut keys: Vec<_> = members.into_iter().map(Member::key).collect();
    keys.sort_unstable();
    keys
}

/// A creator, and what it has published.
fn club() -> (Club, Member, SignedRecord) {
    let mut club = Club::new(20);
    let creator = club.creator();
    let record = club.own(&creator, NOW);
    (club, creator, record)
}

#[test]
fn m11_of_two_admins_who_remove_each_other_the_senior_stays() {
    let (mut club, creator, published) = club();
    let senior = club.invite(&creator, Role::Admin, NOW + SECOND * 9);
    let junior = club.invite(&senior, Role::Admin, NOW + SECOND * 10);
    // The junior was quicker, and keeps nothing the senior ever did.
    let first = club.removes(&junior, &senior, NOW + SECOND * 11, &[]);
    let second = club.removes(&senior, &junior, NOW + SECOND * 12, &[]);
    let (a, b) = (
        club.own(&senior, NOW + SECOND * 10),
        club.own(&junior, NOW + SECOND * 10),
    );
    let left = members(&club, &[&published, &a, &b, &first, &second]);
    assert_eq!(left, sorted([&creator, &senior]));
    let roster = club.roster([&first, &second]);
    let in_effect: Vec<_> = roster
        .revocations()
        .effective()
        .map(|one| one.act())
        .collect();
    assert_eq!(in_effect, [ActId::of_record(&second.hash())]);
}

#[test]
fn m11_of_two_at_the_same_depth_the_credential_issued_earlier_counts() {
    for backdated in [Duration::ZERO, SECOND * 20] {
        let (mut club, creator, published) = club();
        let elder = club.invite(&creator, Role::Admin, NOW + SECOND);
        let younger = club.invite(&creator, Role::Admin, NOW + SECOND * 2);
        let at = NOW + SECOND * 30;
        // An earlier date on it gains the younger nothing.
        let first = club.removes(&younger, &elder, at - backdated, &[]);
        let second = club.removes(&elder, &younger, at + SECOND, &[]);
        let (a, b) = (club.own(&elder, at), club.own(&younger, at));
        let left = members(&club, &[&published, &a, &b, &first, &second]);
        assert_eq!(left, sorted([&creator, &elder]));
    }
}

#[test]
fn m11_three_admins_in_a_ring_are_settled_in_order() {
    let (mut club, creator, published) = club();
    let admins: Vec<Member> = (1..=3)
        .map(|age| club.invite(&creator, Role::Admin, NOW + SECOND * age))
        .collect();
    let at = NOW + SECOND * 9;
    let own: Vec<_> = admins.iter().map(|one| club.own(one, at)).collect();
    // 1 removes 2, 2 removes 3, 3 removes 1: what 2 did falls, and with it nobody removed 3; what 3 did
    // against 1 comes last, and nobody is left to forbid it.
    let ring: Vec<_> = (0..3)
        .map(|i| club.removes(&admins[i], &admins[(i + 1) % 3], at, &[]))
        .collect();
    let records: Vec<_> = own.iter().chain(&ring).chain([&published]).collect();
    // The third's revocation voids the first's credential, but not the decision that came before it
    // in the order.
    assert_eq!(members(&club, &records), sorted([&creator, &admins[2]]));
}

#[test]
fn m11_what_a_junior_did_to_a_senior_is_undone_when_somebody_above_removes_the_junior() {
    let (mut club, creator, published) = club();
    let senior = club.invite(&creator, Role::Admin, NOW);
    let junior = club.invite(&senior, Role::Admin, NOW);
    let (a, b) = (club.own(&senior, NOW), club.own(&junior, NOW));
    let revolt = club.removes(&junior, &senior, NOW + SECOND, &[junior.certificate()]);
    let left = members(&club, &[&published, &a, &b, &revolt]);
    assert_eq!(left, sorted([&creator, &junior]), "so far");
    // One behind it in the order cannot help.
    let friend = club.invite(&junior, Role::Admin, NOW);
    let helps = club.removes(&friend, &junior, NOW + SECOND * 2, &[friend.certificate()]);
    let friends = club.own(&friend, NOW);
    let left = members(&club, &[&published, &a, &b, &friends, &revolt, &helps]);
    assert_eq!(
        left,
        sorted([&creator, &friend]),
        "the junior goes, its decision stays"
    );
    let order = club.removes(&creator, &junior, NOW + SECOND * 3, &[]);
    let left = members(&club, &[&published, &a, &b, &revolt, &order]);
    assert_eq!(left, sorted([&creator, &senior]));
}

#[test]
fn m8_what_a_removed_admin_decides_counts_no_more_whatever_its_date() {
    let (mut club, creator, published) = club();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let victim = club.invite(&creator, Role::Member, NOW);
    let removal = club.removes(&creator, &admin, NOW + SECOND * 10, &[]);
    let victims = club.own(&victim, NOW + SECOND);
    for at in [1, 9, 11] {
        let revenge = club.removes(&admin, &victim, NOW + SECOND * at, &[]);
        let left = members(&club, &[&published, &victims, &removal, &revenge]);
        assert_eq!(left, sorted([&creator, &victim]), "dated {at} s");
    }
}

#[test]
fn removing_an_admin_brings_nobody_back_whose_removal_is_kept() {
    let (mut club, creator, published) = club();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let villain = club.invite(&creator, Role::Member, NOW);
    let decided = club.removes(&admin, &villain, NOW + SECOND, &[]);
    let villains = club.own(&villain, NOW);
    let act = ActId::of_record(&decided.hash());
    let records = |removal| {
        [
            published.clone(),
            villains.clone(),
            decided.clone(),
            removal,
        ]
    };

    let keeping = records(club.removes(&creator, &admin, NOW + SECOND * 2, &[act]));
    let left = members(&club, &keeping.each_ref());
    assert_eq!(left, sorted([&creator]));
    // It takes being listed.
    let keeping_nothing = records(club.removes(&creator, &admin, NOW + SECOND * 2, &[]));
    let left = members(&club, &keeping_nothing.each_ref());
    assert_eq!(left, sorted([&creator, &villain]));
}

#[test]
fn m17_whom_a_removed_admin_invited_stays_or_falls_as_the_revocation_says() {
    let (mut club, creator, published) = club();
    let issuer = club.invite(&creator, Role::Admin, NOW);
    let kept = club.invite(&issuer, Role::Admin, NOW);
    let below_kept = club.invite(&kept, Role::Member, NOW);
    let fallen = club.invite(&issuer, Role::Admin, NOW);
    let below_fallen = club.invite(&fallen, Role::Member, NOW);
    let all = [&issuer, &kept, &below_kept, &fallen, &below_fallen];
    let own: Vec<_> = all.iter().map(|one| club.own(one, NOW)).collect();
    let settle = |acts: &[ActId]| {
        let removal = club.removes(&creator, &issuer, NOW + SECOND, acts);
        let records: Vec<_> = own.iter().chain([&published, &removal]).collect();
        members(&club, &records)
    };
    assert_eq!(settle(&[]), sorted([&creator]), "the whole subtree");
    let left = settle(&[kept.certificate()]);
    assert_eq!(left, sorted([&creator, &kept, &below_kept]));
    // Keeping somebody further down does not hold up what is above it.
    let left = settle(&[below_kept.certificate()]);
    assert_eq!(left, sorted([&creator]));

    // The subject itself is gone in every case, and whom it invites from now on is not listed.
    let late = club.invite(&issuer, Role::Member, NOW);
    let lates = club.own(&late, NOW);
    let removal = club.removes(&creator, &issuer, NOW + SECOND, &[kept.certificate()]);
    let left = members(&club, &[&published, &own[1], &removal, &lates]);
    assert_eq!(left, sorted([&creator, &kept]), "a backdated invitation");
}

#[test]
fn who_is_invited_again_afterwards_is_a_member_again() {
    let (mut club, creator, published) = club();
    let member = club.invite(&creator, Role::Member, NOW);
    let removal = club.removes(&creator, &member, NOW + SECOND, &[]);
    let before = club.verify(&removal).unwrap().said().before;
    for (issued, back) in [(before - MILLISECOND, false), (before, true)] {
        let again = club
            .invite_again(&creator, member.identity.clone(), Role::Member, issued)
            .unwrap();
        let records = [&published, &club.own(&member, NOW), &removal];
        assert_eq!(members(&club, &records), sorted([&creator]));
        let records = [&published, &removal, &club.own(&again, issued)];
        let expected = if back {
            vec![&creator, &member]
        } else {
            vec![&creator]
        };
        assert_eq!(members(&club, &records), sorted(expected));
        let granted = [&published, &removal, &club.grant(&creator, &again, issued)];
        assert_eq!(members(&club, &granted).len(), if back { 2 } else { 1 });
    }
}

#[test]
fn m7_who_is_invited_again_by_an_accomplice_that_was_removed_too_stays_out() {
    let (mut club, creator, published) = club();
    let accomplice = club.invite(&creator, Role::Admin, NOW);
    let villain = club.invite(&creator, Role::Admin, NOW);
    let removals = [
        club.removes(&creator, &villain, NOW + SECOND, &[]),
        club.removes(&creator, &accomplice, NOW + SECOND * 2, &[]),
    ];
    for at in [NOW + SECOND + SECOND / 2, NOW + SECOND * 3] {
        let again = club
            .invite_again(&accomplice, villain.identity.clone(), Role::Admin, at)
            .unwrap();
        let records = [
            &published,
            &removals[0],
            &removals[1],
            &club.grant(&accomplice, &again, at),
            &club.own(&again, at),
        ];
        assert_eq!(members(&club, &records), sorted([&creator]));
    }
}

#[test]
fn the_creator_is_removed_by_the_groups_key_only() {
    let (mut club, creator, published) = club();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let admins = club.own(&admin, NOW);
    let revolt = club.removes(&admin, &creator, NOW + SECOND, &[]);
    let left = members(&club, &[&published, &admins, &revolt]);
    assert_eq!(left, sorted([&creator, &admin]));

    let decree = club.key_removes(&creator, NOW + SECOND);
    let left = members(&club, &[&published, &admins, &decree]);
    assert_eq!(left, [], "and all the creator invited, none being listed");
}

#[test]
fn leaving_takes_nobody_along_who_is_kept() {
    let (mut club, creator, published) = club();
    let leaver = club.invite(&creator, Role::InvitingMember, NOW);
    let friend = club.invite(&leaver, Role::Member, NOW);
    let leaves = club.removes(&leaver, &leaver, NOW + SECOND, &[friend.certificate()]);
    let (a, b) = (club.own(&leaver, NOW), club.own(&friend, NOW));
    let left = members(&club, &[&published, &a, &b, &leaves]);
    assert_eq!(left, sorted([&creator, &friend]));
    // Even the creator may go of its own accord.
    let leaves = club.removes(&creator, &creator, NOW + SECOND, &[leaver.certificate()]);
    let left = members(&club, &[&published, &a, &b, &leaves]);
    assert_eq!(left, sorted([&leaver, &friend]));
}

#[test]
fn m14_records_of_a_removed_member_count_if_they_are_listed_or_dated_as_allowed() {
    let (mut club, creator, published) = club();
    let author = club.invite(&creator, Role::Member, NOW);
    let authors = club.own(&author, NOW);
    let listed = club.note(&author, NOW + SECOND);
    let unlisted = club.note(&author, NOW + SECOND);
    let late = club.note(&author, NOW + HOUR);
    let judged = |said: Revocation| {
        let removal = club.signed(&creator, &said, NOW + SECOND * 2);
        let roster = club.roster([&published, &authors, &removal]);
        let judge = |signed| judge_note(&roster, signed);
        [judge(&listed), judge(&unlisted), judge(&late)]
    };
    let said = club.said(&creator, &author, NOW + SECOND * 2);
    let gone = Err(Refusal::Revoked);
    assert_eq!(
        judged(said.clone()),
        [gone.clone(), gone.clone(), gone.clone()]
    );
    let acts = vec![ActId::of_record(&listed.hash())];
    let by_name = Revocation {
        kept: Kept::new(acts, false),
        ..said.clone()
    };
    assert_eq!(judged(by_name), [Ok(()), gone.clone(), gone.clone()]);
    let by_date = Revocation {
        kept: Kept::new(Vec::new(), true),
        ..said
    };
    assert_eq!(judged(by_date), [Ok(()), Ok(()), gone]);
}

fn judge_note(roster: &Roster, signed: &SignedRecord) -> Result<(), Refusal> {
    peerage_records::judge::Judge::judge(roster, signed, NOW)
}

#[test]
fn m14_an_admins_changes_before_its_demotion_stay_and_later_ones_are_refused() {
    let (mut club, creator, published) = club();
    let admin = club.invite(&creator, Role::Admin, NOW);
    let author = club.invite(&creator, Role::Member, NOW);
    let note = club.note(&author, NOW + SECOND);
    let change = |at| {
        let update = peerage_records::record::RecordUpdate::default();
        let record = note.record().update(update, admin.key(), at).unwrap();
        SignedRecord::sign(record, |bytes| admin.identity.sign(bytes))
    };
    let (early, late) = (change(NOW + SECOND * 2), change(NOW + SECOND * 8));
    let demotion = Revocation {
        cause: Cause::Replaced,
        kept: Kept::new(vec![ActId::of_record(&early.hash())], false),
        ..club.said(&creator, &admin, NOW + SECOND * 5)
    };
    let demotion = club.signed(&creator, &demotion, NOW + SECOND * 5);
    let at = NOW + SECOND * 6;
    let demoted = club
        .invite_again(&creator, admin.identity.clone(), Role::Member, at)
        .unwrap();
    let records = [
        &published,
        &club.own(&author, NOW),
        &club.own(&admin, NOW),
        &demotion,
        &club.grant(&creator, &demoted, at),
    ];
    let roster = club.roster(records);
    assert_eq!(roster.get(&admin.key()), Some(&demoted.gmc));
    assert_eq!(judge_note(&roster, &early), Ok(()));
    assert_eq!(judge_note(&roster, &late), Err(Refusal::NotAuthorised));
    let own = club.note(&demoted, at);
    assert_eq!(judge_note(&roster, &own), Ok(()), "its own it still writes");
}

#[test]
fn a_revocation_said_again_takes_the_place_of_what_was_said_before() {
    let (mut club, creator, published) = club();
    let issuer = club.invite(&creator, Role::Admin, NOW);
    let friend = club.invite(&issuer, Role::Member, NOW);
    let (a, b) = (club.own(&issuer, NOW), club.own(&friend, NOW));
    let first = Revocation {
        voided: Some(issuer.gmc.chain().clone()),
        ..club.said(&creator, &issuer, NOW + SECOND)
    };
    let first = club.signed(&creator, &first, NOW + SECOND);
    let kinder = Revocation {
        kept: Kept::new(vec![friend.certificate()], false),
        ..club.said(&creator, &issuer, NOW + SECOND)
    };
    let second = first
        .record()
        .update_reserved(EXPIRES, kinder.encode(), NOW + SECOND * 2)
        .unwrap();
    let second = SignedRecord::sign(second, |bytes| creator.identity.sign(bytes));
    let left = members(&club, &[&published, &a, &b, &first, &second]);
    assert_eq!(left, sorted([&creator, &friend]));

    // What the first version said of the subject is forgotten, too: whoever never saw it decides alike.
    let stranger = club.note(&issuer, NOW);
    let late = club.roster([&published, &second]);
    let early = club.roster([&published, &first, &second]);
    let judged = judge_note(&early, &stranger);
    assert_eq!(judged, judge_note(&late, &stranger));
    assert_eq!(judged, Err(Refusal::UnknownMember(issuer.key())));
}
