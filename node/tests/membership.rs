//! Who is in a group, by whom, and how a group outlives the disk of its creator.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use nodes::{Home, code, eventually, holds, linked, publish, ready};
use peerage::{
    ErrorKind, GroupHandle, InviteOptions, NewIdentity, RemoveOptions,
    model::{GroupChange, MemberNode, Standing},
};
use peerage_protocol::group::Role;
use zeroize::Zeroizing;

fn pass(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

async fn called(name: &str) -> Home {
    let home = Home::new().await;
    home.another_identity(name).await;
    home
}

async fn enter_as(home: &Home, from: &GroupHandle, role: Role) -> GroupHandle {
    let card = home.node.card(None).await.unwrap();
    let options = InviteOptions {
        role,
        ..InviteOptions::default()
    };
    let invitation = from.invite(&card, options).await.unwrap();
    let group = home.node.join(invitation, None).await.unwrap();
    group.connect().await.unwrap();
    ready(&group).await;
    group
}

/// Waits until the group knows so many members.
async fn knows(group: &GroupHandle, count: usize) {
    eventually("the members", async || {
        (group.members().await.unwrap().len() == count).then_some(())
    })
    .await;
}

fn names(nodes: &[MemberNode]) -> Vec<&str> {
    nodes
        .iter()
        .map(|node| node.friendly_name.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_shown_with_who_issued_whom() {
    let (ada, ben, cy) = (called("Ada").await, called("Ben").await, called("Cy").await);
    let of_ada = ada.host("Chess").await;
    let of_ben = enter_as(&ben, &of_ada, Role::InvitingMember).await;
    let of_cy = enter_as(&cy, &of_ben, Role::Member).await;
    knows(&of_ada, 3).await;

    let shown = of_ada.member("Cy").await.unwrap();

    let holders: Vec<_> = shown.chain.iter().map(|link| link.name.as_str()).collect();
    let identity = async |home: &Home| home.node.identity(None).await.unwrap();
    let (a, b, c) = (
        identity(&ada).await,
        identity(&ben).await,
        identity(&cy).await,
    );
    assert_eq!(holders, [of_ada.name(), &a.name, &b.name, &c.name]);
    let roles: Vec<_> = shown
        .chain
        .iter()
        .map(|link| link.roles.join("+"))
        .collect();
    assert_eq!(roles, ["", "admin", "inviting-member", "member"]);
    assert_eq!((shown.member.depth, &shown.member.issued_by), (3, &b.name));
    assert!(shown.chain.iter().all(|link| link.fingerprint.len() == 64));
    assert_eq!(
        of_ada.member("Ben").await.unwrap().invited,
        std::slice::from_ref(&c.name)
    );
    // Every member sees the same, whoever is asked for however.
    knows(&of_cy, 3).await;
    for name in [c.name.as_str(), &c.name[..8], &c.public_key, "Cy"] {
        assert_eq!(
            of_cy.member(name).await.unwrap().chain,
            shown.chain,
            "{name}"
        );
    }
    assert_eq!(code(of_ada.member("Di").await), "member_not_found");

    let tree = of_ada.member_tree().await.unwrap();
    assert_eq!(
        (tree.group.as_str(), tree.friendly_name.as_str()),
        (of_ada.name(), "Chess")
    );
    assert_eq!(names(&tree.invited), ["Ada"]);
    assert_eq!(names(&tree.invited[0].invited), ["Ben"]);
    let leaf = &tree.invited[0].invited[0].invited;
    assert_eq!(names(leaf), ["Cy"]);
    assert_eq!(leaf[0].standing, Standing::Member);
    assert!(tree.invited[0].myself && !leaf[0].myself);
}

#[tokio::test(flavor = "multi_thread")]
async fn m19_of_two_members_that_look_alike_none_is_chosen() {
    let ada = called("Ada").await;
    let chess = ada.host("Chess").await;
    let ben = called("Ben").await;
    let _of_ben = enter_as(&ben, &chess, Role::Member).await;
    knows(&chess, 2).await;
    let real = chess.member("Ben").await.unwrap().member;

    // Another key under the same name, and one under a name that only looks like it.
    for (count, imitation) in [(3, "Ben"), (4, "\u{412}en")] {
        let eve = called(imitation).await;
        let _of_eve = enter_as(&eve, &chess, Role::Member).await;
        knows(&chess, count).await;
        let refused = chess.member("Ben").await.unwrap_err();
        assert_eq!(refused.code(), "member_ambiguous");
        let text = refused.to_string();
        let forged = eve.node.identity(None).await.unwrap();
        assert!(
            text.contains(&real.name) && text.contains(&forged.name),
            "{text}"
        );
        // By what cannot be imitated, each is found.
        assert_eq!(
            chess.member(&real.name).await.unwrap().member.public_key,
            real.public_key
        );
        let found = chess.member(&forged.name).await.unwrap();
        assert_eq!(found.member.public_key, forged.public_key);
        assert_ne!(
            found.chain.last(),
            chess.member(&real.name).await.unwrap().chain.last()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn m19_the_same_key_under_another_name_is_the_same_authority() {
    let ada = called("Ada").await;
    let chess = ada.host("Chess").await;
    let seed = [9; 32];
    let ben = Home::new().await;
    let mut names = Vec::new();
    for classifier in ["first", "second"] {
        let new = NewIdentity {
            classifier: Some(classifier.to_owned()),
            friendly_name: Some("Ben".to_owned()),
        };
        let made = ben
            .node
            .create_identity_from_seed(Zeroizing::new(seed), new)
            .await;
        names.push(made.unwrap().name);
    }
    let card = ben.node.card(Some(&names[0])).await.unwrap();
    let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
    let of_ben = ben.node.join(invitation, None).await.unwrap();
    of_ben.connect().await.unwrap();
    knows(&chess, 2).await;
    // The other name is of the same key, which is a member once.
    let card = ben.node.card(Some(&names[1])).await.unwrap();
    let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
    let refused = ben.node.join(invitation, Some(&names[1])).await;
    assert_eq!(code(refused), "already_member");
    assert_eq!(chess.members().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_outlives_the_disk_of_its_creator() {
    let (ben, cy) = (called("Ben").await, called("Cy").await);
    let (recovery, name, id) = {
        let ada = called("Ada").await;
        let chess = ada.host("Chess").await;
        let of_ben = enter_as(&ben, &chess, Role::Member).await;
        assert!(chess.info().await.unwrap().group_key);
        assert!(!of_ben.info().await.unwrap().group_key);
        assert_eq!(
            code(of_ben.export_group_key(pass("p")).await),
            "group_key_missing"
        );
        assert_eq!(
            code(chess.export_group_key(pass("")).await),
            "invalid_input"
        );
        let file = chess.export_group_key(pass("correct horse")).await.unwrap();
        let id = publish(&chess, "before the fire").await;
        holds(&of_ben, id, "before the fire").await;
        (file, chess.name().to_owned(), id)
        // Here Ada's node ends, and its folder is removed for ever.
    };
    let of_ben = ben.node.open_group(&name, None).await.unwrap();
    let card = cy.node.card(None).await.unwrap();
    let stuck = of_ben.invite(&card, InviteOptions::default()).await;
    assert_eq!(code(stuck), "not_authorised");
    let wrong = ben
        .node
        .import_group_key(recovery.clone(), pass("wrong horse"), None)
        .await;
    assert_eq!(code(wrong), "wrong_passphrase");
    assert_eq!(code(of_ben.issue_admin(None).await), "group_key_missing");

    let recovered = ben
        .node
        .import_group_key(recovery.clone(), pass("correct horse"), None)
        .await
        .unwrap();
    // Still the member it was, now with the group's key.
    let info = recovered.info().await.unwrap();
    assert_eq!((info.role.as_str(), info.group_key), ("member", true));
    let admin = recovered.issue_admin(None).await.unwrap();
    let info = admin.info().await.unwrap();
    assert_eq!(
        (info.role.as_str(), info.name.as_str()),
        ("admin", name.as_str())
    );
    let shown = admin.member("Ben").await.unwrap();
    assert_eq!(
        (shown.member.depth, shown.chain.len()),
        (1, 2),
        "hangs on the group alone"
    );

    let of_cy = enter_as(&cy, &admin, Role::Admin).await;
    holds(&of_cy, id, "before the fire").await;
    let later = publish(&of_cy, "after the fire").await;
    holds(&admin, later, "after the fire").await;
    // The creator's rights are here: what is said of the group, and the end of the lost identity.
    let change = GroupChange {
        comment: Some("after the fire".to_owned()),
        ..GroupChange::default()
    };
    admin.set_properties(change).await.unwrap();
    eventually("the new comment", async || {
        (of_cy.info().await.unwrap().comment == "after the fire").then_some(())
    })
    .await;
    let by_member = of_cy.remove_member("Ada", RemoveOptions::default()).await;
    assert_eq!(by_member.unwrap_err().kind(), ErrorKind::NotAuthorised);
    let options = RemoveOptions {
        by_group_key: true,
        ..RemoveOptions::default()
    };
    admin.remove_member("Ada", options).await.unwrap();
    for group in [&admin, &of_cy] {
        knows(group, 2).await;
        assert_eq!(code(group.member("Ada").await), "member_not_found");
        holds(group, id, "before the fire").await;
    }
    // What was kept is kept: a restart changes nothing.
    let mut ben = ben;
    ben.restart().await;
    let again = ben.node.open_group(&name, None).await.unwrap();
    let info = again.info().await.unwrap();
    assert_eq!((info.role.as_str(), info.group_key), ("admin", true));
    again.export_group_key(pass("another")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_recovery_file_finds_the_group_without_being_a_member() {
    let ada = called("Ada").await;
    let chess = ada.host("Chess").await;
    let ben = called("Ben").await;
    let of_ben = enter_as(&ben, &chess, Role::Member).await;
    let file = chess.export_group_key(pass("p")).await.unwrap();
    let id = publish(&chess, "kept by Ben").await;
    holds(&of_ben, id, "kept by Ben").await;
    let other = called("Ada at home").await;

    let recovered = other
        .node
        .import_group_key(file.clone(), pass("p"), None)
        .await
        .unwrap();

    let info = recovered.info().await.unwrap();
    assert_eq!(
        (info.role.as_str(), info.group_key, info.synchronised),
        ("admin", true, false)
    );
    recovered.connect().await.unwrap();
    linked(&recovered, 1).await;
    ready(&recovered).await;
    holds(&recovered, id, "kept by Ben").await;
    knows(&chess, 3).await;
    // Twice is as once.
    let again = other
        .node
        .import_group_key(file, pass("p"), None)
        .await
        .unwrap();
    assert_eq!(again.info().await.unwrap().members, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_itself_invites_an_administrator_and_only_with_its_key() {
    let ada = called("Ada").await;
    let chess = ada.host("Chess").await;
    let (ben, cy) = (called("Ben").await, called("Cy").await);
    let of_ben = enter_as(&ben, &chess, Role::Admin).await;
    let card = cy.node.card(None).await.unwrap();
    let options = InviteOptions {
        role: Role::Admin,
        by_group_key: true,
        ..InviteOptions::default()
    };
    let refused = of_ben.invite(&card, options.clone()).await;
    assert_eq!(code(refused), "group_key_missing");
    let invitation = chess.invite(&card, options).await.unwrap();
    assert_eq!(invitation.inspect().issuer_names, None);
    let of_cy = cy.node.join(invitation, None).await.unwrap();
    of_cy.connect().await.unwrap();
    ready(&of_cy).await;
    knows(&of_ben, 3).await;
    let shown = of_ben.member("Cy").await.unwrap();
    assert_eq!(
        (shown.member.depth, shown.member.roles.as_slice()),
        (1, &["admin".to_owned()][..])
    );
    let tree = of_ben.member_tree().await.unwrap();
    let mut top = names(&tree.invited);
    top.sort_unstable();
    assert_eq!(top, ["Ada", "Cy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_file_of_another_kind_or_altered_is_refused() {
    let ada = called("Ada").await;
    let chess = ada.create("Chess").await;
    let file = chess.export_group_key(pass("p")).await.unwrap();
    let refused = async |text: &str| {
        let ben = Home::new().await;
        ben.node.card(None).await.unwrap();
        let error = ben
            .node
            .import_group_key(pass(text), pass("p"), None)
            .await
            .unwrap_err();
        assert!(ben.node.groups().await.unwrap().is_empty());
        error.code()
    };
    let identity = ada.node.identity(None).await.unwrap().name;
    let exported = ada
        .node
        .export_identity(&identity, pass("p"))
        .await
        .unwrap();
    assert_eq!(refused(&exported).await, "invalid_recovery");
    let (key, _) = file.split_once("-----BEGIN PEERAGE").unwrap();
    assert_eq!(refused(key).await, "invalid_recovery");
    let other = ada
        .create("Go")
        .await
        .export_group_key(pass("p"))
        .await
        .unwrap();
    let (_, block) = other.split_once("-----BEGIN PEERAGE").unwrap();
    let mixed = format!("{key}-----BEGIN PEERAGE{block}");
    assert_eq!(refused(&mixed).await, "invalid_recovery");
}
