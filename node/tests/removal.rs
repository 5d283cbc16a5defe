//! Removing members, their leaving, and what they may do in between, between real nodes.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use nodes::{
    Home, alone, code, converged, eventually, gathering, holds, lacks, linked, publish, ready,
    texts, told,
};
use peerage::{
    CredentialOptions, DirectTarget, GroupHandle, InviteOptions, RemoveOptions,
    clock::Clock,
    model::{EventKind, GroupStatus, Validity},
};
use peerage_protocol::{audit::Bundle, group::Role};

fn because(reason: &str) -> RemoveOptions {
    RemoveOptions {
        reason: reason.into(),
        ..RemoveOptions::default()
    }
}

fn role(role: Role) -> CredentialOptions {
    CredentialOptions {
        role: Some(role),
        expires: None,
    }
}

async fn name_of(home: &Home) -> String {
    home.node.identity(None).await.unwrap().name
}

/// Waits until a member has so many members besides itself.
async fn knows(group: &GroupHandle, count: usize) {
    eventually("the members", async || {
        (group.members().await.unwrap().len() == count).then_some(())
    })
    .await;
}

async fn role_of(group: &GroupHandle, role: &str) {
    eventually(&format!("the role {role}"), async || {
        (group.info().await.unwrap().role == role).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m8_a_removed_member_loses_its_live_links_and_hears_nothing_more() {
    let members = gathering(3, &Clock::system()).await;
    let [ada, ben, cy] = &members[..] else {
        unreachable!("three were asked for")
    };
    for member in &members {
        linked(&member.group, 2).await;
        knows(&member.group, 3).await;
    }
    let before = publish(&cy.group, "before").await;
    converged(members.iter().map(|member| &member.group)).await;
    let mut heard = ben.group.events(None).await.unwrap();
    let cys = name_of(&cy.home).await;

    ada.group
        .remove_member(&cys, because("lost her key"))
        .await
        .unwrap();

    let event = told(&mut heard, "the removal", |event| {
        event.kind == EventKind::MemberRemoved
    })
    .await;
    let detail = event.detail.unwrap();
    assert!(
        detail.contains(&cys) && detail.ends_with(": lost her key"),
        "{detail}"
    );
    alone(&cy.group).await;
    for other in [ada, ben] {
        knows(&other.group, 2).await;
        eventually("one neighbour", async || {
            (other.group.info().await.unwrap().neighbours == 1).then_some(())
        })
        .await;
    }
    let progress = eventually("applied everywhere", async || {
        let progress = ada.group.removal_progress().await.unwrap();
        (progress.applied == 2).then_some(progress)
    })
    .await;
    assert_eq!((progress.members, progress.pending.len()), (2, 0));

    // Nothing of what comes reaches her, and nothing of hers is taken.
    let after = publish(&ada.group, "after").await;
    holds(&ben.group, after, "after").await;
    holds(&ben.group, before, "before").await;
    converged([&ada.group, &ben.group]).await;
    assert_eq!(code(cy.group.get(after).await), "record_not_found");
    let refused = cy
        .group
        .publish(nodes::note(&Clock::system(), "late", nodes::DAY))
        .await;
    // She may have been cut before she could be told why.
    if let Ok(late) = refused {
        let late = nodes::id_of(&late);
        cy.group.connect().await.unwrap();
        linked(&ada.group, 1).await;
        assert_eq!(code(ada.group.get(late).await), "record_not_found");
    }
    assert_eq!(texts(&ada.group).await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_that_is_invited_again_is_back() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ada.group, 2).await;
    let bens = name_of(&ben.home).await;
    ada.group
        .remove_member(&bens, RemoveOptions::default())
        .await
        .unwrap();
    alone(&ben.group).await;
    knows(&ada.group, 1).await;

    let invitation = ben.home.invitation(&ada.group).await;
    ben.group.delete().await.unwrap();
    let again = ben.home.node.join(invitation, None).await.unwrap();
    again.connect().await.unwrap();
    linked(&again, 1).await;
    ready(&again).await;
    let id = publish(&again, "back").await;
    holds(&ada.group, id, "back").await;
    knows(&ada.group, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_given_and_taken_hold_at_once_and_survive_a_restart() {
    let mut members = gathering(3, &Clock::system()).await;
    for member in &members {
        knows(&member.group, 3).await;
    }
    let bens = name_of(&members[1].home).await;
    let [ada, ben, cy] = &members[..] else {
        unreachable!("three were asked for")
    };
    let theirs = publish(&cy.group, "Cy's").await;
    holds(&ben.group, theirs, "Cy's").await;
    assert_eq!(
        code(ben.group.delete_record(theirs).await),
        "not_authorised"
    );

    ada.group
        .renew_member(&bens, role(Role::Admin))
        .await
        .unwrap();
    role_of(&ben.group, "admin").await;
    ben.group.delete_record(theirs).await.unwrap();
    lacks(&cy.group, theirs).await;

    members[1].home.restart().await;
    let chess = members[0].group.name().to_owned();
    let group = members[1].home.node.open_group(&chess, None).await.unwrap();
    members[1].group = group;
    role_of(&members[1].group, "admin").await;
    linked(&members[1].group, 1).await;

    let [ada, ben, cy] = &members[..] else {
        unreachable!("three were asked for")
    };
    ada.group
        .renew_member(&bens, role(Role::Member))
        .await
        .unwrap();
    role_of(&ben.group, "member").await;
    let more = publish(&cy.group, "more").await;
    holds(&ben.group, more, "more").await;
    assert_eq!(code(ben.group.delete_record(more).await), "not_authorised");
    // What was done with the right stays done.
    lacks(&cy.group, theirs).await;
    converged(members.iter().map(|member| &member.group)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_out_and_says_so() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ada.group, 2).await;
    let kept = publish(&ben.group, "farewell").await;
    holds(&ada.group, kept, "farewell").await;
    let mut heard = ada.group.events(None).await.unwrap();

    ben.group.leave("moving away").await.unwrap();

    let event = told(&mut heard, "the leaving", |event| {
        event.kind == EventKind::MemberLeft
    })
    .await;
    assert!(event.detail.unwrap().ends_with(": moving away"));
    knows(&ada.group, 1).await;
    alone(&ada.group).await;
    holds(&ada.group, kept, "farewell").await;
    assert_eq!(ben.group.info().await.unwrap().status, GroupStatus::Offline);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_member_any_more_is_told_so_wherever_it_asks() {
    let mut members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &mut members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ben.group, 2).await;
    assert!(!ben.group.info().await.unwrap().revoked);
    let adas = name_of(&ada.home).await;
    // Who leaves knows it for certain; who is removed may be cut before it hears of it.
    ben.group.leave("").await.unwrap();

    for restarted in [false, true] {
        if restarted {
            ben.home.restart().await;
            let chess = ada.group.name();
            ben.group = ben.home.node.open_group(chess, None).await.unwrap();
        }
        let group = &ben.group;
        assert!(group.info().await.unwrap().revoked);
        let memberships = ben.home.node.memberships().await.unwrap();
        assert_eq!(memberships[0].memberships[0].validity, Validity::Revoked);
        let direct = group.open_direct(DirectTarget::to(&adas)).await;
        let published = group
            .publish(nodes::note(&Clock::system(), "late", nodes::DAY))
            .await;
        for code in [code(group.connect().await), code(direct), code(published)] {
            assert_eq!(code, "membership_revoked");
        }
    }
    assert!(!ada.group.info().await.unwrap().revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_only_told_of_is_listed_and_not_online() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ben.group, 2).await;
    let cy = Home::new().await;
    let card = cy.node.card(None).await.unwrap();
    let told = InviteOptions {
        publish: true,
        ..InviteOptions::default()
    };
    ada.group.invite(&card, told).await.unwrap();
    knows(&ben.group, 3).await;
    let listed = ben.group.members().await.unwrap();
    let cys = listed
        .iter()
        .find(|member| member.name == card.name().to_string())
        .unwrap();
    assert!(!cys.present && !cys.neighbour && cys.nodes.is_empty());
    assert_eq!(cys.roles, ["member"]);
    // Who was only invited is not known to the others.
    let dis = Home::new().await;
    let card = dis.node.card(None).await.unwrap();
    ada.group
        .invite(&card, InviteOptions::default())
        .await
        .unwrap();
    let id = publish(&ada.group, "since then").await;
    holds(&ben.group, id, "since then").await;
    assert_eq!(ben.group.members().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_without_being_heard() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ben.group, 2).await;
    ada.home.node.shutdown().await.unwrap();
    alone(&ben.group).await;
    assert_eq!(code(ben.group.leave("").await), "not_connected");
    assert_eq!(ben.group.members().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_is_refused_and_the_others_hear_that_it_tries() {
    let mut members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &mut members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ada.group, 2).await;
    let bens = name_of(&ben.home).await;
    let mut heard = ada.group.events(None).await.unwrap();
    // Who knows that it was removed does not try.
    ben.home.node.shutdown().await.unwrap();
    alone(&ada.group).await;
    ada.group
        .remove_member(&bens, RemoveOptions::default())
        .await
        .unwrap();
    ben.home.restart().await;
    let event = told(&mut heard, "a refusal", |event| {
        event.kind == EventKind::AdmissionRefused
    })
    .await;
    assert!(event.detail.unwrap().ends_with(": revoked"));
    let metrics = ada.home.node.metrics();
    assert!(metrics.contains("peerage_members_removed_total{cause=\"removed\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn m13_the_last_admin_and_the_creator_are_not_removed_by_mistake() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    knows(&ada.group, 2).await;
    knows(&ben.group, 2).await;
    let (adas, bens) = (name_of(&ada.home).await, name_of(&ben.home).await);
    let remove = async |group: &GroupHandle, name: &str| {
        code(group.remove_member(name, RemoveOptions::default()).await)
    };
    assert_eq!(code(ada.group.leave("").await), "last_admin");
    assert_eq!(remove(&ada.group, &adas).await, "own_membership");
    assert_eq!(remove(&ben.group, &adas).await, "not_authorised");
    ada.group
        .renew_member(&bens, role(Role::Admin))
        .await
        .unwrap();
    role_of(&ben.group, "admin").await;
    assert_eq!(remove(&ben.group, &adas).await, "creator_not_removable");
    assert_eq!(
        code(
            ada.group
                .remove_member("nobody", RemoveOptions::default())
                .await
        ),
        "member_not_found"
    );
    // With another Admin there, the creator may go.
    ada.group.leave("").await.unwrap();
    knows(&ben.group, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_told_exported_and_verified_offline() {
    let members = gathering(3, &Clock::system()).await;
    let [ada, ben, cy] = &members[..] else {
        unreachable!("three were asked for")
    };
    knows(&ada.group, 3).await;
    let (bens, cys) = (name_of(&ben.home).await, name_of(&cy.home).await);
    ada.group
        .renew_member(&bens, role(Role::Admin))
        .await
        .unwrap();
    role_of(&ben.group, "admin").await;
    knows(&ben.group, 3).await;
    ben.group
        .remove_member(&cys, because("spam"))
        .await
        .unwrap();
    knows(&ada.group, 2).await;

    let told = ada.group.audit().await.unwrap();
    let lines: Vec<_> = told
        .iter()
        .map(|entry| {
            (
                entry.action.as_str(),
                entry.subject.as_str(),
                entry.in_force,
            )
        })
        .collect();
    let adas = name_of(&ada.home).await;
    assert_eq!(lines[0], ("founded", adas.as_str(), true));
    assert!(
        lines.contains(&("promoted", bens.as_str(), true)),
        "{lines:?}"
    );
    assert!(
        lines.contains(&("invited", cys.as_str(), false)),
        "{lines:?}"
    );
    let last = told.last().unwrap();
    assert_eq!(
        (
            last.action.as_str(),
            &last.actor,
            &last.subject,
            last.reason.as_str()
        ),
        ("removed", &bens, &cys, "spam")
    );

    let file = ada.group.export_audit().await.unwrap();
    let (bundle, _) = Bundle::verify(&file).unwrap();
    assert_eq!(bundle.root().name().to_string(), ada.group.name());
    for at in [20, file.len() / 2, file.len() - 1] {
        let mut altered = file.clone();
        altered[at] ^= 1;
        assert!(Bundle::verify(&altered).is_err(), "altered at {at}");
    }
}
