//! Invitations over complete nodes: how they are kept track of, and what becomes of those who use one
//! that is not theirs, is over, or was altered.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::time::{Duration, Instant};

use nodes::{DAY, Home, code, eventually, holds, linked, publish, ready};
use peerage::{
    Error, GroupHandle, InviteOptions, JoinOptions, NewGroup, NewIdentity, ReissueOptions,
    clock::Clock,
    model::{InvitationState, InvitationSummary},
};
use peerage_protocol::{
    cloud::Cloud,
    gmc::{self, IssueOptions},
    group::{GroupKey, Role},
    identity::Identity,
    invitation::{Invitation, InvitationDraft},
    secret::DiscoverySecret,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn state_of(group: &GroupHandle, invitation: &Invitation) -> InvitationState {
    found(group, &invitation.id()).await.state
}

async fn found(group: &GroupHandle, id: &str) -> InvitationSummary {
    let all = group.invitations().await.unwrap();
    all.into_iter().find(|made| made.id == id).unwrap()
}

async fn brief(home: &Home, group: &GroupHandle, lives: Duration) -> Invitation {
    let card = home.node.card(None).await.unwrap();
    let options = InviteOptions {
        expires: Some(home.place.clock.timestamp() + lives),
        note: Some("welcome".to_owned()),
        ..InviteOptions::default()
    };
    group.invite(&card, options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_invitation_is_known_and_survives_a_restart() {
    let clock = Clock::system();
    let mut ada = Home::with_clock(&clock).await;
    let chess = ada.host("Chess").await;
    let (ben, cy) = (
        Home::with_clock(&clock).await,
        Home::with_clock(&clock).await,
    );
    let for_ben = brief(&ben, &chess, DAY).await;
    let for_cy = brief(&cy, &chess, HOUR).await;
    let listed = chess.invitations().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        listed[0].invitee,
        ben.node.identity(None).await.unwrap().name
    );
    assert_eq!(listed[0].roles, ["member"]);
    assert!(
        listed
            .iter()
            .all(|made| made.state == InvitationState::Open)
    );

    let of_ben = ben.node.join(for_ben.clone(), None).await.unwrap();
    of_ben.connect().await.unwrap();
    eventually("the news that it was used", async || {
        (state_of(&chess, &for_ben).await == InvitationState::Used).then_some(())
    })
    .await;
    assert_eq!(state_of(&chess, &for_cy).await, InvitationState::Open);
    clock.advance(HOUR + 11 * MINUTE);
    assert_eq!(state_of(&chess, &for_cy).await, InvitationState::Expired);

    // A member stays one who was invited so, also when it is invited again later.
    let name = chess.name().to_owned();
    ada.restart().await;
    let chess = ada.node.open_group(&name, None).await.unwrap();
    assert_eq!(state_of(&chess, &for_ben).await, InvitationState::Used);
    assert_eq!(state_of(&chess, &for_cy).await, InvitationState::Expired);
    let shown = ada.node.invitation(&for_cy.id()[..6]).await.unwrap();
    assert_eq!(shown.invitation.uri, for_cy.to_uri());
    assert_eq!(shown.made.state, InvitationState::Expired);
    assert_eq!(
        code(ada.node.invitation("0123456789abcdef").await),
        "invitation_not_found"
    );
    assert_eq!(
        code(ada.node.invitation("012").await),
        "invitation_not_found"
    );
    // What is gone with the group is gone.
    chess.delete().await.unwrap();
    assert_eq!(
        code(ada.node.invitation(&for_cy.id()).await),
        "invitation_not_found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_made_again_is_fresh_and_wins_over_the_first() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let chess = ada.host("Chess").await;
    let ben = Home::with_clock(&clock).await;
    let first = brief(&ben, &chess, HOUR).await;
    clock.advance(2 * HOUR);
    assert_eq!(
        code(ben.node.join(first.clone(), None).await),
        "invalid_time_period"
    );

    let options = ReissueOptions::default();
    let second = ada
        .node
        .reissue_invitation(&first.id(), options.clone())
        .await
        .unwrap();

    let (old, new) = (first.inspect(), second.inspect());
    assert_eq!((old.subject, old.roles), (new.subject, new.roles));
    assert_eq!(new.note.as_deref(), Some("welcome"));
    // It lasts as long as the first did, from now on.
    let lasts = new.not_after.since(clock.timestamp());
    assert!(lasts > HOUR - MINUTE && lasts <= HOUR, "{lasts:?}");
    assert_ne!(first.id(), second.id());
    let summary = found(&chess, &first.id()).await;
    assert_eq!(summary.state, InvitationState::Replaced);
    assert_eq!(summary.replaced_by, Some(second.id()));
    assert_eq!(state_of(&chess, &second).await, InvitationState::Open);
    let again = ada
        .node
        .reissue_invitation(&first.id(), options.clone())
        .await;
    assert_eq!(code(again), "invitation_over");

    let of_ben = ben.node.join(second.clone(), None).await.unwrap();
    of_ben.connect().await.unwrap();
    ready(&of_ben).await;
    eventually("the news that it was used", async || {
        (state_of(&chess, &second).await == InvitationState::Used).then_some(())
    })
    .await;
    let used = ada.node.reissue_invitation(&second.id(), options).await;
    assert_eq!(code(used), "invitation_over");
    // The first is of no use any more: the newer membership stays.
    assert!(ben.node.join(first, None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn m7_an_invitation_is_of_no_use_to_another_key() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let (ben, eve) = (Home::new().await, Home::new().await);
    let invitation = ben.invitation(&chess).await;
    eve.node.card(None).await.unwrap();

    let refused = eve.node.join(invitation.clone(), None).await.unwrap_err();

    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_INVITATION_NOT_TRUSTED"),
        "{refused}"
    );
    assert_eq!(refused.code(), "invitation_for_another");
    assert!(eve.node.groups().await.unwrap().is_empty());
    // Taking the name of the invited is not taking the key.
    let invited = ben.node.identity(None).await.unwrap();
    let imitation = NewIdentity {
        classifier: None,
        friendly_name: Some(invited.friendly_name),
    };
    let imitation = eve.node.create_identity(imitation).await.unwrap();
    let refused = eve
        .node
        .join(invitation.clone(), Some(&imitation.name))
        .await;
    assert_eq!(code(refused), "invitation_for_another");
    // Whom it is for can use it all the same, and only once.
    let of_ben = ben.node.join(invitation.clone(), None).await.unwrap();
    of_ben.connect().await.unwrap();
    linked(&chess, 1).await;
    assert_eq!(
        code(ben.node.join(invitation, None).await),
        "already_member"
    );
    let members = chess.members().await.unwrap();
    assert_eq!(members.len(), 2, "{members:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn m7_an_expired_invitation_says_whose_clock_may_be_off() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let chess = ada.create("Chess").await;
    let ben = Home::with_clock(&clock).await;
    let invitation = brief(&ben, &chess, HOUR).await;
    // Ten minutes are forgiven, and not a second more.
    clock.advance(HOUR + 10 * MINUTE + 30 * Duration::from_secs(1));
    let late = ben.node.join(invitation, None).await.unwrap_err();
    assert_eq!(
        late.original().map(|code| code.name),
        Some("PEER_E_INVALID_TIME_PERIOD")
    );
    let text = late.to_string();
    assert!(text.contains("10 minutes 3"), "{text}");
    assert!(text.contains("clock is fast by at least 3"), "{text}");
    assert!(ben.node.groups().await.unwrap().is_empty());

    // One from the future: the inviter's clock or this one.
    let slow = Home::new().await;
    clock.advance(2 * HOUR);
    let early = slow.invitation(&chess).await;
    let text = slow.node.join(early, None).await.unwrap_err().to_string();
    assert!(
        text.contains("either this clock is slow or the issuer's was fast"),
        "{text}"
    );
    assert!(text.contains("2 hours"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn m7_an_altered_invitation_joins_nobody() {
    let ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let ben = Home::new().await;
    let invitation = ben.invitation(&chess).await;
    let bytes = invitation.to_bytes();
    for at in (0..bytes.len()).step_by(bytes.len() / 64) {
        let mut altered = bytes.to_vec();
        altered[at] ^= 1;
        let read = match Invitation::decode(&altered) {
            Err(error) => Err(Error::from(error)),
            Ok(read) => ben.node.join(read, None).await.map(drop),
        };
        assert!(read.is_err(), "altered at {at}");
    }
    // An administrator's role cannot be written into it either: the inviter did not sign that.
    assert!(ben.node.groups().await.unwrap().is_empty());
    ben.node.join(invitation, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn m7_a_revoked_invitation_admits_nobody_until_there_is_a_new_one() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let (ben, cy) = (Home::new().await, Home::new().await);
    let of_cy = cy.enter(&chess).await;
    linked(&of_cy, 1).await;
    let invitation = ben.invitation(&chess).await;

    let revoked = ada.node.revoke_invitation(&invitation.id()).await.unwrap();

    assert_eq!(revoked.state, InvitationState::Revoked);
    let again = ada.node.revoke_invitation(&invitation.id()).await.unwrap();
    assert_eq!(again, revoked, "twice is as once");
    // Ben has not heard of it. Cy, who has, and Ada keep him out all the same.
    let seen = publish(&chess, "after the revocation").await;
    holds(&of_cy, seen, "after the revocation").await;
    let of_ben = ben.node.join(invitation, None).await.unwrap();
    of_ben.connect().await.unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(of_ben.info().await.unwrap().neighbours, 0);
        assert_eq!(chess.members().await.unwrap().len(), 2);
        assert_eq!(of_cy.members().await.unwrap().len(), 2);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A used one is no longer an invitation, but a member.
    let all = chess.invitations().await.unwrap();
    let used = all
        .iter()
        .find(|made| made.state == InvitationState::Used)
        .unwrap();
    let refused = ada.node.revoke_invitation(&used.id).await;
    assert_eq!(code(refused), "invitation_over");
    // Invited anew, he comes in.
    let options = ReissueOptions::default();
    let fresh = ada
        .node
        .reissue_invitation(&revoked.id, options)
        .await
        .unwrap();
    let of_ben = ben.node.join(fresh.clone(), None).await.unwrap();
    of_ben.connect().await.unwrap();
    linked(&of_ben, 1).await;
    ready(&of_ben).await;
    holds(&of_ben, seen, "after the revocation").await;
    // He may have met Cy, and Ada hears of it from her.
    eventually("a used invitation", async || {
        (state_of(&chess, &fresh).await == InvitationState::Used).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m21_a_group_that_looks_like_another_is_another() {
    let (ada, eve, ben) = (Home::new().await, Home::new().await, Home::new().await);
    let real = named(&ada, "Chess club").await;
    let mut forged = Vec::new();
    // The very name, and one that only looks like it.
    for name in ["Chess club", "Che\u{455}s club"] {
        forged.push(named(&eve, name).await);
    }
    let of_real = ben.join(&real).await;
    assert_eq!(
        ben.node
            .open_group("Chess club", None)
            .await
            .unwrap()
            .name(),
        real.name()
    );
    for group in &forged {
        assert_ne!(real.name(), group.name());
        // What it is called does not make it the same: ids derive from keys.
        let joined = ben.join(group).await;
        assert_ne!(
            joined.info().await.unwrap().id,
            of_real.info().await.unwrap().id
        );
        let error = ben.node.open_group("Chess club", None).await.unwrap_err();
        assert_eq!(error.code(), "group_ambiguous");
        let text = error.to_string();
        assert!(
            text.contains(real.name()) && text.contains(group.name()),
            "{text}"
        );
        // By its own name it is found all the same.
        let found = ben.node.open_group(real.name(), None).await.unwrap();
        assert_eq!(found.name(), real.name());
        joined.delete().await.unwrap();
    }
    // An invitation shows the name that cannot be imitated.
    let shown = ben.invitation(&forged[0]).await.inspect();
    assert_eq!(shown.group_name.to_string(), forged[0].name());
    assert_ne!(shown.group_name.to_string(), real.name());
}

async fn named(home: &Home, name: &str) -> GroupHandle {
    home.node.card(None).await.unwrap();
    let new = NewGroup {
        classifier: Some("chess".to_owned()),
        friendly_name: Some(name.to_owned()),
        ..NewGroup::default()
    };
    home.node.create_group(new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_a_group_refuses_what_breaks_the_rules() {
    let home = Home::new().await;
    home.node.card(None).await.unwrap();
    let long = "x".repeat(256);
    let refused = [
        (
            NewGroup {
                cloud: Some("Site_nowhere".to_owned()),
                ..NewGroup::default()
            },
            "no_cloud",
            Some("PEER_E_NO_CLOUD"),
        ),
        (
            NewGroup {
                classifier: Some("x".repeat(150)),
                ..NewGroup::default()
            },
            "classifier_too_long",
            Some("PEER_E_CLASSIFIER_TOO_LONG"),
        ),
        (
            NewGroup {
                identity: Some("no such name".to_owned()),
                ..NewGroup::default()
            },
            "identity_not_found",
            Some("PEER_E_NOT_FOUND"),
        ),
        (
            NewGroup {
                friendly_name: Some(long.clone()),
                ..NewGroup::default()
            },
            "invalid_friendly_name",
            Some("PEER_E_INVALID_FRIENDLY_NAME"),
        ),
        (
            NewGroup {
                comment: Some(long.clone()),
                ..NewGroup::default()
            },
            "invalid_input",
            Some("E_INVALIDARG"),
        ),
    ];
    for (new, code, original) in refused {
        let asked = format!("{new:?}");
        let error = home.node.create_group(new).await.unwrap_err();
        assert_eq!(
            (error.code(), error.original().map(|code| code.name)),
            (code, original),
            "{asked}"
        );
        assert!(home.node.groups().await.unwrap().is_empty(), "{asked}");
    }
    // Up to the limits it is fine.
    let allowed = NewGroup {
        classifier: Some("x".repeat(149)),
        friendly_name: Some("x".repeat(255)),
        comment: Some("x".repeat(255)),
        cloud: Some("Global_".to_owned()),
        ..NewGroup::default()
    };
    let made = home.node.create_group(allowed).await.unwrap();
    assert_eq!(made.info().await.unwrap().cloud, "Global_");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_being_deleted_gets_no_group() {
    let home = Home::new().await;
    for _ in 0..8 {
        let name = home.another_identity("brief").await;
        let new = NewGroup {
            identity: Some(name.clone()),
            ..NewGroup::default()
        };
        let (made, deleted) = tokio::join!(
            home.node.create_group(new),
            home.node.delete_identity(&name)
        );
        // Whichever came first, no group is left without its identity.
        match (made, deleted) {
            (Ok(group), Err(error)) => {
                assert_eq!(error.code(), "groups_exist");
                group.delete().await.unwrap();
                home.node.delete_identity(&name).await.unwrap();
            }
            (Err(error), Ok(())) => assert_eq!(error.code(), "identity_not_found"),
            other => panic!("{other:?}"),
        }
        assert!(home.node.groups().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_invited_whose_identity_was_deleted_here() {
    let mut ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let name = ada.another_identity("Ada's other").await;
    let card = ada.node.card(Some(&name)).await.unwrap();
    let pass = || zeroize::Zeroizing::new("passphrase".to_owned());
    let exported = ada.node.export_identity(&name, pass()).await.unwrap();
    chess.invite(&card, InviteOptions::default()).await.unwrap();
    ada.node.delete_identity(&name).await.unwrap();
    let group = chess.name().to_owned();
    ada.restart().await;
    let chess = ada.node.open_group(&group, None).await.unwrap();

    let refused = chess
        .invite(&card, InviteOptions::default())
        .await
        .unwrap_err();

    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_IDENTITY_DELETED"),
        "{refused}"
    );
    let again = chess.invitations().await.unwrap().remove(0).id;
    let again = ada
        .node
        .reissue_invitation(&again, ReissueOptions::default())
        .await;
    assert_eq!(code(again), "identity_deleted");
    // Brought back, it may be invited again.
    ada.node.import_identity(exported, pass()).await.unwrap();
    chess.invite(&card, InviteOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_what_is_open_already_changes_nothing() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    let invitation = ben.invitation(&chess).await;
    let group = ben.node.join(invitation.clone(), None).await.unwrap();
    group.connect().await.unwrap();
    ready(&group).await;
    let before = group.info().await.unwrap();

    let refused = ben.node.join(invitation, None).await.unwrap_err();

    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_ALREADY_EXISTS"),
        "{refused}"
    );
    let after = group.info().await.unwrap();
    assert_eq!(before.valid_until, after.valid_until);
    // It is as online as before: what is published still comes.
    let id = publish(&chess, "still here").await;
    holds(&group, id, "still here").await;
}

/// An invitation into a group that is looked up in another cloud.
fn elsewhere(invited: &Identity, clock: &Clock, cloud: &str) -> Invitation {
    let (now, rng) = (clock.timestamp(), &mut rand::rng());
    let ada = Identity::generate("", Some("Ada"), now, rng).unwrap();
    let key = GroupKey::create("chess", Some("Chess"), now, rng).unwrap();
    let chain = key.issue_first(&ada.card(), now, rng).unwrap();
    let admin = gmc::verify(&chain, &key.root().id(), now).unwrap();
    let options = IssueOptions::new(Role::InvitingMember);
    let card = invited.card();
    let chain = gmc::issue(&ada, &admin, &card, None, &options, now, rng).unwrap();
    let draft = InvitationDraft {
        chain,
        cloud: cloud.parse::<Cloud>().unwrap(),
        bootstrap: Vec::new(),
        note: None,
    };
    Invitation::create(draft, &ada, &card, &DiscoverySecret::generate(rng), rng).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_named_at_joining_overrides_that_of_the_invitation() {
    let home = Home::new().await;
    let seed = [7; 32];
    let clock = Clock::system();
    let invited =
        Identity::from_seed(&seed, "", None, clock.timestamp(), &mut rand::rng()).unwrap();
    home.node
        .create_identity_from_seed(zeroize::Zeroizing::new(seed), NewIdentity::default())
        .await
        .unwrap();
    let invitation = elsewhere(&invited, &clock, "Site_north");
    // As it is, it leads where this node is not.
    let error = home.node.join(invitation.clone(), None).await.unwrap_err();
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_NO_CLOUD"),
        "{error}"
    );
    assert!(error.next_step().contains("Global_"));
    assert!(home.node.groups().await.unwrap().is_empty());

    let options = JoinOptions {
        identity: None,
        cloud: Some("Global_".to_owned()),
    };
    let group = home.node.join_with(invitation, options).await.unwrap();

    assert_eq!(group.info().await.unwrap().cloud, "Global_");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_names_the_cloud_of_its_group() {
    let ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let ben = Home::new().await;
    let invitation = ben.invitation(&chess).await;
    let info = chess.info().await.unwrap();
    assert_eq!(invitation.inspect().cloud.name(), info.cloud);
    let shown = peerage::model::InvitationInfo::from(&invitation);
    assert_eq!(
        (shown.cloud.as_str(), shown.scope.as_str()),
        ("Global_", "global")
    );
    let joined = ben.node.join(invitation, None).await.unwrap();
    assert_eq!(joined.info().await.unwrap().cloud, info.cloud);
    // Whatever the kind of cloud: the scope is that of its name.
    let invited = Identity::generate("", None, ben.place.clock.timestamp(), &mut rand::rng());
    let invited = invited.unwrap();
    for (cloud, scope) in [("Site_north", "site-local"), ("LinkLocal_", "link-local")] {
        let other = elsewhere(&invited, &Clock::system(), cloud);
        let shown = peerage::model::InvitationInfo::from(&other);
        assert_eq!((shown.cloud.as_str(), shown.scope.as_str()), (cloud, scope));
    }
}
