//! What a creator says about a group, and who is seen in it, over real QUIC.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::time::Duration;

use nodes::{
    DAY, Home, Member, alone, code, eventually, gathering, holds, id_of, lacks, linked, note,
    publish, ready, told,
};
use peerage::{
    GroupHandle, InviteOptions,
    clock::Clock,
    model::{EventKind, GroupChange, GroupEvent, MemberInfo},
};
use peerage_protocol::group::Role;

const HOUR: Duration = Duration::from_secs(3_600);

fn renamed(name: &str) -> GroupChange {
    GroupChange {
        friendly_name: Some(name.to_owned()),
        ..GroupChange::default()
    }
}

async fn called(group: &GroupHandle, name: &str) {
    eventually(&format!("the name {name:?}"), async || {
        let properties = group.properties().await.ok()?;
        (properties.friendly_name == name).then_some(())
    })
    .await;
}

async fn member(group: &GroupHandle, of: &Member) -> MemberInfo {
    let card = of.home.node.card(None).await.unwrap();
    let mut members = group.members().await.unwrap();
    members.retain(|member| member.name == card.name().to_string());
    assert_eq!(members.len(), 1);
    members.remove(0)
}

async fn shows(group: &GroupHandle, of: &Member, present: bool) {
    eventually(&format!("presence {present}"), async || {
        (member(group, of).await.present == present).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_and_comment_reach_every_member_and_last() {
    let mut members = gathering(3, &Clock::system()).await;
    let mut events = members[2].group.events(None).await.unwrap();
    called(&members[2].group, "Chess").await;
    let change = GroupChange {
        comment: Some("every Tuesday".to_owned()),
        ..renamed("Go")
    };

    let set = members[0].group.set_properties(change).await.unwrap();

    assert_eq!((set.friendly_name.as_str(), set.changeable), ("Go", true));
    told(&mut events, "other properties", |event| {
        event.kind == EventKind::PropertiesChanged
    })
    .await;
    for Member { home, group } in &members {
        called(group, "Go").await;
        // The name by which it is shown, and found.
        eventually("the new name", async || {
            let info = group.info().await.unwrap();
            (info.friendly_name == "Go" && info.comment == "every Tuesday").then_some(())
        })
        .await;
        assert!(home.node.open_group("Go", None).await.is_ok());
    }
    let last = members.last_mut().unwrap();
    last.group.close().await.unwrap();
    last.home.restart().await;
    let group = last.home.node.open_group("Go", None).await.unwrap();
    let properties = group.properties().await.unwrap();
    assert_eq!(properties.comment, "every Tuesday", "offline");
    assert!(!properties.changeable);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_is_not_the_creator_changes_nothing() {
    let (ada, ben) = (Home::new().await, Home::new().await);
    let club = ada.host("Chess").await;
    let card = ben.node.card(None).await.unwrap();
    let options = InviteOptions {
        role: Role::Admin,
        ..InviteOptions::default()
    };
    let invitation = club.invite(&card, options).await.unwrap();
    let group = ben.node.join(invitation, None).await.unwrap();

    assert_eq!(code(group.properties().await), "group_not_ready");
    assert_eq!(
        code(group.set_properties(renamed("Mine")).await),
        "group_not_ready"
    );
    group.connect().await.unwrap();
    ready(&group).await;
    assert_eq!(group.info().await.unwrap().role, "admin");
    let refused = group.set_properties(renamed("Mine")).await;

    assert_eq!(code(refused), "not_authorised");
    for group in [&group, &club] {
        assert_eq!(group.properties().await.unwrap().friendly_name, "Chess");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_are_issued_for_as_long_as_the_group_says() {
    let clock = Clock::system();
    let (ada, ben) = (
        Home::with_clock(&clock).await,
        Home::with_clock(&clock).await,
    );
    let club = ada.host("Chess").await;
    let change = GroupChange {
        membership_lifetime: Some("28d".to_owned()),
        ..GroupChange::default()
    };
    let before = clock.timestamp();
    club.set_properties(change).await.unwrap();
    let card = ben.node.card(None).await.unwrap();
    let end = async |expires| {
        let options = InviteOptions {
            expires,
            ..InviteOptions::default()
        };
        let invitation = club.invite(&card, options).await.unwrap();
        invitation.inspect().not_after
    };

    let usual = end(None).await;
    let chosen = end(Some(before + HOUR)).await;

    let length = usual.since(before);
    let month = 28 * DAY;
    assert!((month - HOUR..month + HOUR).contains(&length), "{length:?}");
    assert!(chosen < before + 2 * HOUR, "who says otherwise decides");
    for wrong in ["7h", "3651d", "soon", "-1d"] {
        let change = GroupChange {
            membership_lifetime: Some(wrong.to_owned()),
            ..GroupChange::default()
        };
        let code = code(club.set_properties(change).await);
        assert!(
            ["invalid_properties", "invalid_input"].contains(&code),
            "{wrong}: {code}"
        );
    }
    let kept = club.properties().await.unwrap();
    assert_eq!(kept.membership_lifetime_seconds, Some(28 * 86_400));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_seen_as_they_come_say_something_and_go() {
    let members = gathering(3, &Clock::system()).await;
    let [ada, ben, cem] = &members[..] else {
        unreachable!()
    };
    for member in &members {
        shows(&ada.group, member, true).await;
    }
    let listed = ada.group.members().await.unwrap();
    assert!(listed[0].myself, "the local member comes first");
    let other = member(&ada.group, ben).await;
    assert_eq!(other.roles, ["member"]);
    assert_eq!(other.issued_by, listed[0].name);
    assert!(other.valid_from < other.valid_until && !other.friendly_name.is_empty());
    let nodes = ada.group.nodes().await.unwrap();
    assert!(nodes[0].local && nodes.len() == 3);
    let cems = member(&ada.group, cem).await.nodes[0].peer_id.clone();
    let of_cem = |event: &GroupEvent, kind| {
        event.kind == kind && event.node.as_deref() == Some(cems.as_str())
    };
    let mut events = ada.group.events(None).await.unwrap();

    let said = Some("back at eight".to_owned());
    cem.group.set_attributes(said.clone()).await.unwrap();

    told(&mut events, "what Cem says", |event| {
        of_cem(event, EventKind::MemberUpdated)
    })
    .await;
    // What others see of a node is what it knows of itself, its actual port included.
    let node = eventually("the same from both sides", async || {
        let own = cem.group.own_node().await.unwrap();
        let node = ada.group.node(&cems).await.unwrap();
        let same = (&own.addresses, &own.attributes) == (&node.addresses, &said)
            && (&node.attributes, &own.peer_id) == (&said, &cems);
        same.then_some(node)
    })
    .await;
    assert_eq!(
        member(&ada.group, cem).await.nodes,
        std::slice::from_ref(&node)
    );
    assert!(node.addresses[0].starts_with("/ip4/127.0.0.1/udp/"));
    assert!(!node.addresses[0].contains("/udp/0/"));
    let nobody = libp2p::PeerId::random().to_string();
    assert_eq!(code(ada.group.node(&nobody).await), "node_not_found");

    cem.group.close().await.unwrap();

    let left = std::time::Instant::now();
    told(&mut events, "that Cem went", |event| {
        of_cem(event, EventKind::MemberDisconnected)
    })
    .await;
    assert!(left.elapsed() < Duration::from_secs(30), "not by lapsing");
    for group in [&ada.group, &ben.group] {
        shows(group, cem, false).await;
        assert_eq!(member(group, cem).await.nodes, []);
    }
    // It is still a member, and offline one is listed alone.
    let again = cem.home.node.open_group("Chess", None).await.unwrap();
    assert_eq!(again.members().await.unwrap().len(), 3);
    again.connect().await.unwrap();
    told(&mut events, "that Cem came", |event| {
        of_cem(event, EventKind::MemberConnected)
    })
    .await;
    let node = ada.group.node(&cems).await.unwrap();
    assert_eq!(node.attributes, said, "kept while closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_of_a_node_is_kept_over_restarts_until_cleared() {
    let mut ada = Home::new().await;
    let club = ada.host("Chess").await;
    let long = "x".repeat(1_025);
    assert_eq!(code(club.set_attributes(Some(long)).await), "invalid_input");
    let said = Some("at home".to_owned());
    club.set_attributes(said.clone()).await.unwrap();
    ada.restart().await;
    let club = ada.node.open_group("Chess", None).await.unwrap();
    assert_eq!(club.own_node().await.unwrap().attributes, said);
    club.set_attributes(None).await.unwrap();
    ada.restart().await;
    let club = ada.node.open_group("Chess", None).await.unwrap();
    assert_eq!(club.own_node().await.unwrap().attributes, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_seen_where_the_group_wants_it_so() {
    let ada = Home::new().await;
    let club = ada.host("Chess").await;
    let change = GroupChange {
        presence: Some("none".to_owned()),
        ..GroupChange::default()
    };
    club.set_properties(change).await.unwrap();
    let ben = Home::new().await;
    let group = ben.enter(&club).await;
    linked(&group, 1).await;
    ready(&group).await;
    let ben = Member { home: ben, group };
    eventually("nobody", async || {
        club.nodes().await.unwrap().is_empty().then_some(())
    })
    .await;
    let seen = member(&club, &ben).await;
    assert!(!seen.present && seen.nodes.is_empty());
    assert!(seen.neighbour, "though he is connected");
    // One who insists is seen all the same.
    ben.group.force_presence(true).await.unwrap();
    shows(&club, &ben, true).await;
    ben.group.force_presence(false).await.unwrap();
    shows(&club, &ben, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_away_keeps_what_expired_where_the_group_wants_it_so() {
    let clock = Clock::system();
    let members = gathering(2, &clock).await;
    let [ada, ben] = &members[..] else {
        unreachable!()
    };
    for defer in [true, false] {
        let change = GroupChange {
            defer_expiry: Some(defer),
            ..GroupChange::default()
        };
        ada.group.set_properties(change).await.unwrap();
        let away = ben.home.node.open_group("Chess", None).await.unwrap();
        eventually("the policy", async || {
            (away.properties().await.unwrap().defer_expiry == defer).then_some(())
        })
        .await;
        let draft = note(&clock, "short", HOUR);
        let id = id_of(&ada.group.publish(draft).await.unwrap());
        holds(&away, id, "short").await;
        away.close().await.unwrap();
        alone(&ada.group).await;

        clock.advance(2 * HOUR);

        let away = ben.home.node.open_group("Chess", None).await.unwrap();
        if defer {
            // Long enough for the sweep to have come by.
            tokio::time::sleep(Duration::from_secs(11)).await;
            holds(&away, id, "short").await;
        } else {
            assert_eq!(code(away.get(id).await), "record_not_found");
        }
        away.connect().await.unwrap();
        linked(&away, 1).await;
        lacks(&away, id).await;
    }
    publish(&ada.group, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_beyond_the_groups_limit_is_refused() {
    let ada = Home::new().await;
    let club = ada.host("Chess").await;
    let change = GroupChange {
        max_record_bytes: Some(1_024),
        ..GroupChange::default()
    };
    club.set_properties(change).await.unwrap();
    let clock = Clock::system();
    let fits = note(&clock, &"x".repeat(1_024), DAY);
    club.publish(fits).await.unwrap();
    let larger = note(&clock, &"x".repeat(1_025), DAY);
    assert_eq!(code(club.publish(larger).await), "record_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_group_opens_again_with_its_records_and_nobody_present() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!("two were asked for")
    };
    shows(&ben.group, ada, true).await;
    let id = publish(&ada.group, "kept").await;
    holds(&ben.group, id, "kept").await;
    let name = ben.group.name().to_owned();

    ben.group.close().await.unwrap();
    let again = ben.home.node.open_group(&name, None).await.unwrap();

    holds(&again, id, "kept").await;
    let listed = again.members().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|member| !member.present));
    assert!(again.nodes().await.unwrap().is_empty());
    again.connect().await.unwrap();
    shows(&again, ada, true).await;
}
