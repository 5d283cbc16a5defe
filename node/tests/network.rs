//! Groups of complete nodes over real QUIC: records reach everybody, and what happens offline,
//! at restarts and at deletions is what the application was promised.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{
    collections::BTreeSet,
    fs,
    net::UdpSocket,
    time::{Duration, Instant},
};

use nodes::{
    DAY, Home, Member, Place, alone, code, converged, eventually, gathering, holds, id_of, lacks,
    linked, note, publish, ready, texts, told, told_of,
};
use peerage::{
    ErrorKind, InviteOptions,
    clock::Clock,
    model::{EventKind, EventOrigin, GroupEvent, GroupStatus},
};
use peerage_protocol::{admission::is_chooser, neighbours};
use peerage_records::{
    id::{RecordId, RecordType},
    record::RecordUpdate,
};

const MINUTE: Duration = Duration::from_secs(60);

fn new_text(text: &str) -> RecordUpdate {
    RecordUpdate {
        payload: Some(text.as_bytes().to_vec()),
        ..RecordUpdate::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connected_member_gets_every_record() {
    let members = gathering(5, &Clock::system()).await;
    let mut streams = Vec::new();
    for member in &members {
        streams.push(member.group.events(None).await.unwrap());
    }

    let mut ids = Vec::new();
    for (number, member) in members.iter().enumerate() {
        ids.push(publish(&member.group, &format!("from {number}")).await);
    }

    for (reader, member) in members.iter().enumerate() {
        for (writer, id) in ids.iter().enumerate() {
            holds(&member.group, *id, &format!("from {writer}")).await;
        }
        let mut heard = BTreeSet::new();
        while heard.len() < ids.len() {
            let event = told(&mut streams[reader], "an added record", |event| {
                event.kind == EventKind::RecordAdded
                    && event.record_type == Some(RecordType::from_name("note").to_string())
            })
            .await;
            let id: RecordId = event.record.unwrap().parse().unwrap();
            let origin = match id == ids[reader] {
                true => EventOrigin::Local,
                false => EventOrigin::Remote,
            };
            assert_eq!(event.origin, Some(origin));
            assert!(heard.insert(id), "told once");
        }
    }
    converged(members.iter().map(|member| &member.group)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_offline_reaches_the_others_on_the_next_connect() {
    let members = gathering(2, &Clock::system()).await;
    let [ada, ben] = &members[..] else {
        unreachable!()
    };
    let common = publish(&ada.group, "before").await;
    holds(&ben.group, common, "before").await;

    ben.group.close().await.unwrap();
    alone(&ada.group).await;
    // Opening needs no invitation, and the group can be looked at and written to offline.
    let name = ada.group.name();
    let offline = ben.home.node.open_group(name, None).await.unwrap();
    let info = offline.info().await.unwrap();
    assert_eq!(info.status, GroupStatus::Offline);
    assert_eq!((info.members, info.neighbours), (2, 0));
    assert_eq!(info.friendly_name, "Chess");
    let there = publish(&offline, "by Ben, offline").await;
    let foreign = offline.update(common, new_text("not his")).await;
    assert_eq!(foreign.unwrap_err().kind(), ErrorKind::NotAuthorised);
    let here = publish(&ada.group, "by Ada, meanwhile").await;
    assert_eq!(code(ada.group.get(there).await), "record_not_found");
    assert_eq!(code(offline.get(here).await), "record_not_found");

    offline.connect().await.unwrap();

    holds(&ada.group, there, "by Ben, offline").await;
    holds(&offline, here, "by Ada, meanwhile").await;
    converged([&ada.group, &offline]).await;
    assert_eq!(offline.info().await.unwrap().status, GroupStatus::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_is_gone_everywhere_and_does_not_come_back() {
    let mut members = gathering(3, &Clock::system()).await;
    let id = publish(&members[0].group, "old news").await;
    let kept = publish(&members[0].group, "good news").await;
    for member in &members {
        holds(&member.group, id, "old news").await;
        holds(&member.group, kept, "good news").await;
    }
    let mut events = members[1].group.events(None).await.unwrap();
    // The third member is away with the old version.
    members[2].home.node.shutdown().await.unwrap();

    members[0].group.delete_record(id).await.unwrap();

    let event = told_of(&mut events, EventKind::RecordDeleted, id).await;
    assert_eq!(event.origin, Some(EventOrigin::Remote));
    for member in &members[..2] {
        lacks(&member.group, id).await;
        assert_eq!(texts(&member.group).await, ["good news"]);
        assert_eq!(
            code(member.group.delete_record(id).await),
            "record_not_found"
        );
    }
    let name = members[0].group.name().to_owned();
    let third = &mut members[2];
    third.home.node = third.home.place.start().await;
    third.group = third.home.node.open_group(&name, None).await.unwrap();
    lacks(&third.group, id).await;
    assert_eq!(texts(&third.group).await, ["good news"]);
    converged(members.iter().map(|member| &member.group)).await;
    for member in &members {
        assert_eq!(code(member.group.get(id).await), "record_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_makes_the_next_version_and_keeps_the_rest() {
    let members = gathering(2, &Clock::system()).await;
    let (ada, ben) = (&members[0].group, &members[1].group);
    let first = ada
        .publish(note(&Clock::system(), "first", DAY))
        .await
        .unwrap();
    let id = id_of(&first);

    let second = ada.update(id, new_text("second")).await.unwrap();

    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!(
        (&first.modifier, second.modifier.as_ref()),
        (&None, Some(&first.creator))
    );
    assert!(second.modified >= first.modified);
    let fixed = |info: &peerage::model::RecordInfo| {
        (
            info.id.clone(),
            info.kind.clone(),
            info.creator.clone(),
            info.created.clone(),
        )
    };
    assert_eq!(fixed(&first), fixed(&second));
    assert_eq!(holds(ben, id, "second").await, second);

    let until = |lives| RecordUpdate {
        expires: Some(Clock::system().timestamp() + lives),
        ..RecordUpdate::default()
    };
    let lowered = ada.update(id, until(DAY / 2)).await.unwrap_err();
    assert_eq!(lowered.kind(), ErrorKind::FixInput, "{lowered}");
    assert_eq!(ada.get(id).await.unwrap(), second);
    assert_eq!(ada.update(id, until(DAY * 2)).await.unwrap().version, 3);
    assert_eq!(
        ada.update(id, RecordUpdate::default())
            .await
            .unwrap()
            .version,
        4
    );

    let unknown: RecordId = "00000000-0000-0000-0000-000000000001".parse().unwrap();
    assert_eq!(
        code(ada.update(unknown, new_text("x")).await),
        "record_not_found"
    );
    assert_eq!(code(ada.delete_record(unknown).await), "record_not_found");
    ada.delete_record(id).await.unwrap();
    assert_eq!(
        code(ada.update(id, new_text("x")).await),
        "record_not_found"
    );
    assert_eq!(code(ada.delete_record(id).await), "record_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_expire_on_every_node_online_or_not() {
    let clock = Clock::system();
    let members = gathering(3, &clock).await;
    let (ada, ben) = (&members[0].group, &members[1].group);
    let draft = note(&clock, "soon over", 10 * MINUTE);
    let id = id_of(&ada.publish(draft).await.unwrap());
    let lasting = publish(ada, "lasting").await;
    for member in &members {
        holds(&member.group, id, "soon over").await;
        holds(&member.group, lasting, "lasting").await;
    }
    members[2].group.close().await.unwrap();
    let node = &members[2].home.node;
    let offline = node.open_group(ada.name(), None).await.unwrap();
    let mut streams = Vec::new();
    for group in [ada, ben, &offline] {
        streams.push(group.events(None).await.unwrap());
    }

    clock.advance(11 * MINUTE);

    for (group, events) in [ada, ben, &offline].into_iter().zip(&mut streams) {
        assert_eq!(code(group.get(id).await), "record_not_found");
        assert_eq!(texts(group).await, ["lasting"]);
        told_of(events, EventKind::RecordExpired, id).await;
    }
    // Nor does it reach whoever comes later.
    let late = Home::with_clock(&clock).await;
    let group = late.enter(ada).await;
    holds(&group, lasting, "lasting").await;
    converged([ada, ben, &group]).await;
    assert_eq!(code(group.get(id).await), "record_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_forgotten_here_returns_with_the_next_reconciliation() {
    let members = gathering(2, &Clock::system()).await;
    let (ada, ben) = (&members[0], &members[1]);
    let id = publish(&ada.group, "memorable").await;
    holds(&ben.group, id, "memorable").await;

    ben.group.forget_record(id).await.unwrap();

    assert_eq!(code(ben.group.get(id).await), "record_not_found");
    assert!(ada.group.get(id).await.is_ok(), "others keep it");
    ben.group.close().await.unwrap();
    let node = &ben.home.node;
    let again = node.open_group(ada.group.name(), None).await.unwrap();
    again.connect().await.unwrap();
    holds(&again, id, "memorable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_found_by_its_identity_and_by_nobody_else() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    let ben = home.another_identity("Ben").await;
    let ada = home.node.identity(None).await.unwrap().name;

    let groups = home.node.groups().await.unwrap();

    assert_eq!(groups.len(), 1);
    let info = &groups[0];
    assert_eq!(*info, group.info().await.unwrap());
    assert_eq!(
        (info.name.as_str(), info.identity.as_str()),
        (group.name(), ada.as_str())
    );
    assert_eq!(
        (info.status, info.synchronised),
        (GroupStatus::Offline, true)
    );
    assert_eq!(info.role, "admin");
    let open =
        async |name: &str, identity: Option<&str>| home.node.open_group(name, identity).await;
    assert!(open(group.name(), Some(&ada)).await.is_ok());
    assert_eq!(
        code(open(group.name(), Some(&ben)).await),
        "group_not_found"
    );
    assert_eq!(code(open("nothing", None).await), "group_not_found");
    assert_eq!(
        code(home.node.delete_group("nothing", None).await),
        "group_not_found"
    );
    assert_eq!(
        code(home.node.delete_group(group.name(), Some(&ben)).await),
        "group_not_found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_handle_is_of_no_use_but_others_are() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    let id = publish(&group, "kept").await;
    let clone = group.clone();
    let other = home.node.open_group("Chess", None).await.unwrap();

    group.close().await.unwrap();

    let card = Home::new().await.node.card(None).await.unwrap();
    for handle in [&group, &clone] {
        let draft = note(&Clock::system(), "x", DAY);
        let answers = [
            code(handle.info().await),
            code(handle.connect().await),
            code(handle.close().await),
            code(handle.delete().await),
            code(handle.members().await),
            code(handle.neighbours().await),
            code(handle.invite(&card, InviteOptions::default()).await),
            code(handle.publish(draft).await),
            code(handle.update(id, new_text("x")).await),
            code(handle.delete_record(id).await),
            code(handle.forget_record(id).await),
            code(handle.get(id).await),
            code(handle.events(None).await.map(drop)),
            code(handle.fingerprint().await),
        ];
        assert_eq!(answers, ["group_gone"; 14]);
    }
    holds(&other, id, "kept").await;
    let again = home.node.open_group("Chess", None).await.unwrap();
    assert_eq!(texts(&again).await, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_deleted_here_lives_on_elsewhere_and_can_be_joined_again() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let id = publish(&chess, "e4").await;
    let ben = Home::new().await;
    let invitation = ben.invitation(&chess).await;
    let group = ben.node.join(invitation.clone(), None).await.unwrap();
    group.connect().await.unwrap();
    holds(&group, id, "e4").await;
    let other = ben.node.open_group(chess.name(), None).await.unwrap();

    group.delete().await.unwrap();

    for handle in [&group, &other] {
        assert_eq!(code(handle.info().await), "group_gone");
        assert_eq!(code(handle.get(id).await), "group_gone");
        assert_eq!(code(handle.delete().await), "group_gone");
    }
    assert!(ben.node.groups().await.unwrap().is_empty());
    assert_eq!(
        code(ben.node.open_group(chess.name(), None).await),
        "group_not_found"
    );
    assert_eq!(
        code(ben.node.delete_group(chess.name(), None).await),
        "group_not_found"
    );
    // The others have lost a neighbour and nothing else.
    alone(&chess).await;
    assert_eq!(texts(&chess).await, ["e4"]);
    assert_eq!(chess.members().await.unwrap().len(), 2);

    let again = ben.node.join(invitation, None).await.unwrap();
    let info = again.info().await.unwrap();
    assert_eq!(
        (info.status, info.synchronised),
        (GroupStatus::Offline, false)
    );
    assert_eq!(texts(&again).await, [""; 0], "the old database is gone");
    again.connect().await.unwrap();
    holds(&again, id, "e4").await;
    converged([&chess, &again]).await;
    assert_eq!(
        code(group.info().await),
        "group_gone",
        "old handles stay of no use"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_identities_of_one_node_have_databases_of_their_own() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let id = publish(&chess, "e4").await;
    let home = Home::new().await;
    let one = home.enter(&chess).await;
    let second = home.another_identity("Second").await;
    let card = home.node.card(Some(&second)).await.unwrap();
    let invitation = chess.invite(&card, InviteOptions::default()).await.unwrap();
    let two = home.node.join(invitation, Some(&second)).await.unwrap();
    holds(&one, id, "e4").await;
    let own = publish(&one, "by the first").await;

    // Both are listed, and a name without an identity would mean either.
    assert_eq!(home.node.groups().await.unwrap().len(), 2);
    assert_eq!(
        code(home.node.open_group(chess.name(), None).await),
        "group_ambiguous"
    );
    assert_eq!(code(two.get(id).await), "record_not_found");
    assert_eq!(code(two.get(own).await), "record_not_found");
    assert_eq!(texts(&two).await, [""; 0]);
    // One identity at a time is online in one group.
    assert_eq!(code(two.connect().await), "group_in_use");
    assert_eq!(two.info().await.unwrap().status, GroupStatus::Offline);

    one.close().await.unwrap();
    two.connect().await.unwrap();

    holds(&two, id, "e4").await;
    converged([&chess, &two]).await;
    two.delete().await.unwrap();
    let one = home.node.open_group(chess.name(), None).await.unwrap();
    assert_eq!(texts(&one).await.len(), 2, "deleting one leaves the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_needs_no_network_and_leaves_the_group_offline() {
    let ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let ben = Home::new().await;
    let default = ben.node.card(None).await.unwrap();
    let second = ben.another_identity("Second").await;
    let other = ben.node.card(Some(&second)).await.unwrap();
    assert_ne!(default.key(), other.key());
    let invitation = chess
        .invite(&default, InviteOptions::default())
        .await
        .unwrap();
    ada.node.shutdown().await.unwrap();

    let refused = ben.node.join(invitation.clone(), Some(&second)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotAuthorised);
    let group = ben.node.join(invitation, None).await.unwrap();

    let info = group.info().await.unwrap();
    assert_eq!(info.identity, default.name().to_string());
    assert_eq!(
        (info.status, info.synchronised),
        (GroupStatus::Offline, false)
    );
    let draft = note(&Clock::system(), "too early", DAY);
    assert_eq!(code(group.publish(draft).await), "group_not_ready");
    let guest = ben.node.card(Some(&second)).await.unwrap();
    let invited = group.invite(&guest, InviteOptions::default()).await;
    assert_eq!(code(invited), "group_not_ready");
    group.connect().await.unwrap();
    assert_eq!(group.info().await.unwrap().status, GroupStatus::Connecting);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_joins_in_its_time_only() {
    let ada = Home::new().await;
    let chess = ada.create("Chess").await;
    let (early, late) = (Clock::system(), Clock::system());
    late.advance(2 * DAY);
    let ben = Home::with_clock(&late).await;
    let card = ben.node.card(None).await.unwrap();
    let options = InviteOptions {
        expires: Some(early.timestamp() + DAY),
        ..InviteOptions::default()
    };
    let expired = chess.invite(&card, options).await.unwrap();

    let error = ben.node.join(expired, None).await.unwrap_err();

    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_INVALID_TIME_PERIOD"),
        "{error}"
    );
    // And one that comes from the future.
    let zoe = Home::with_clock(&late).await;
    let future = zoe.create("Futures").await;
    let today = Home::new().await;
    let invitation = today.invitation(&future).await;
    let error = today.node.join(invitation, None).await.unwrap_err();
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_INVALID_TIME_PERIOD"),
        "{error}"
    );
    assert!(today.node.groups().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_is_renewed_by_another_invitation() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let chess = ada.host("Chess").await;
    let mut ben = Home::with_clock(&clock).await;
    let mut zoe = Home::with_clock(&clock).await;
    let brief = async |home: &Home| {
        let card = home.node.card(None).await.unwrap();
        let options = InviteOptions {
            expires: Some(clock.timestamp() + 5 * MINUTE),
            ..InviteOptions::default()
        };
        let invitation = chess.invite(&card, options).await.unwrap();
        let group = home.node.join(invitation, None).await.unwrap();
        group.connect().await.unwrap();
        group
    };
    let (of_ben, of_zoe) = (brief(&ben).await, brief(&zoe).await);
    let id = publish(&chess, "before").await;
    holds(&of_ben, id, "before").await;
    holds(&of_zoe, id, "before").await;
    zoe.node.shutdown().await.unwrap();

    // In time, and without going offline.
    let ended = of_ben.info().await.unwrap().valid_until;
    let longer = ben.invitation(&chess).await;
    let renewed = ben.node.join(longer.clone(), None).await.unwrap();
    assert_eq!(code(ben.node.join(longer, None).await), "already_member");
    let ends = renewed.info().await.unwrap().valid_until;
    assert!(ends > ended, "{ends:?} after {ended:?}");
    clock.advance(16 * MINUTE);

    // Too late: the group is still there, and of use again after another invitation.
    zoe.node = zoe.place.start().await;
    let lapsed = zoe.node.open_group(chess.name(), None).await.unwrap();
    let info = lapsed.info().await.unwrap();
    assert_eq!(
        (info.status, info.valid_until),
        (GroupStatus::Offline, None)
    );
    let again = zoe.enter(&chess).await;
    holds(&again, id, "before").await;

    let after = publish(&chess, "after").await;
    holds(&of_ben, after, "after").await;
    holds(&again, after, "after").await;
    // Who holds a record has not necessarily been brought up to date.
    ready(&of_ben).await;
    ready(&again).await;
    // What either publishes is believed under its new membership.
    let by_ben = publish(&of_ben, "by Ben").await;
    let by_zoe = publish(&again, "by Zoe").await;
    holds(&chess, by_ben, "by Ben").await;
    holds(&chess, by_zoe, "by Zoe").await;
    ben.restart().await;
    let of_ben = ben.node.open_group(chess.name(), None).await.unwrap();
    linked(&of_ben, 1).await;
    converged([&chess, &of_ben, &again]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_in_order_after_a_restart() {
    let clock = Clock::system();
    let mut home = Home::with_clock(&clock).await;
    let group = home.create("Chess").await;
    let brief = id_of(
        &group
            .publish(note(&clock, "brief", 10 * MINUTE))
            .await
            .unwrap(),
    );
    let changed = publish(&group, "one").await;
    group.update(changed, new_text("two")).await.unwrap();
    group.delete_record(changed).await.unwrap();
    let mut live = group.events(None).await.unwrap();
    clock.advance(11 * MINUTE);
    told_of(&mut live, EventKind::RecordExpired, brief).await;

    home.restart().await;

    let group = home.node.open_group("Chess", None).await.unwrap();
    let last = publish(&group, "after the restart").await;
    let mut replayed = group.events(Some(0)).await.unwrap();
    let mut events: Vec<GroupEvent> = Vec::new();
    while events.last().and_then(|event| event.record.clone()) != Some(last.to_string()) {
        events.push(told(&mut replayed, "a kept event", |_| true).await);
    }
    let sequences: Vec<u64> = events.iter().filter_map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>());
    let note = RecordType::from_name("note").to_string();
    let notes: Vec<(EventKind, String)> = events
        .iter()
        .filter(|event| event.record_type.as_ref() == Some(&note))
        .map(|event| (event.kind, event.record.clone().unwrap()))
        .collect();
    let expected = [
        (EventKind::RecordAdded, brief),
        (EventKind::RecordAdded, changed),
        (EventKind::RecordUpdated, changed),
        (EventKind::RecordDeleted, changed),
        (EventKind::RecordExpired, brief),
        (EventKind::RecordAdded, last),
    ];
    assert_eq!(notes, expected.map(|(kind, id)| (kind, id.to_string())));
    // From the middle, and on to what happens next.
    let middle = sequences[2];
    let mut resumed = group.events(Some(middle)).await.unwrap();
    let first = told(&mut resumed, "the next event", |_| true).await;
    assert_eq!(first.sequence, Some(middle + 1));
    let next = publish(&group, "live").await;
    told_of(&mut resumed, EventKind::RecordAdded, next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_start_says_why_and_changes_nothing() {
    let place = Place::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut settings = place.settings();
    settings.listen = vec![
        format!("/ip4/127.0.0.1/udp/{port}/quic-v1")
            .parse()
            .unwrap(),
    ];

    let taken = place.try_start(settings.clone()).await.unwrap_err();

    assert_eq!(taken.code(), "unable_to_listen", "{taken}");
    assert!(taken.to_string().contains(&port.to_string()), "{taken}");
    drop(socket);
    let node = place.try_start(settings).await.unwrap();
    assert!(node.status().await.unwrap().listen[0].contains(&port.to_string()));
    let second = place.try_start(place.settings()).await.unwrap_err();
    assert_eq!(second.code(), "folder_in_use", "{second}");
    let folder = place.settings().data_dir;
    let named = second.to_string();
    assert!(named.contains(folder.to_str().unwrap()), "{named}");
    node.shutdown().await.unwrap();

    let current = folder.join("store/CURRENT");
    let kept = fs::read(&current).unwrap();
    fs::write(&current, "no manifest").unwrap();
    let damaged = place.try_start(place.settings()).await.unwrap_err();
    assert_eq!(damaged.code(), "store_damaged", "{damaged}");
    assert!(damaged.to_string().contains("the database"), "{damaged}");
    assert_eq!(fs::read(&current).unwrap(), b"no manifest");
    fs::write(&current, kept).unwrap();
    place.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_keeps_everything_and_reconnects_by_itself() {
    let mut members = gathering(2, &Clock::system()).await;
    let id = publish(&members[0].group, "kept").await;
    holds(&members[1].group, id, "kept").await;
    let before = members[1].group.get(id).await.unwrap();
    let peer = members[1].home.node.status().await.unwrap().peer_id;

    let ben = &mut members[1];
    ben.home.node.shutdown().await.unwrap();
    ben.home.node.shutdown().await.unwrap();
    assert_eq!(code(ben.home.node.status().await), "shutting_down");
    assert_eq!(code(ben.group.info().await), "shutting_down");
    ben.home.node = ben.home.place.start().await;

    let status = ben.home.node.status().await.unwrap();
    assert_eq!((status.peer_id, status.identities), (peer, 1));
    assert_eq!(status.groups.len(), 1);
    let name = members[0].group.name().to_owned();
    let again = members[1].home.node.open_group(&name, None).await.unwrap();
    assert_eq!(again.get(id).await.unwrap(), before);
    assert_eq!(again.members().await.unwrap().len(), 2);
    linked(&again, 1).await;
    linked(&members[0].group, 1).await;
    let after = publish(&members[0].group, "after").await;
    holds(&again, after, "after").await;
    // A group that was closed stays offline.
    again.close().await.unwrap();
    members[1].home.restart().await;
    let closed = members[1].home.node.open_group(&name, None).await.unwrap();
    assert_eq!(closed.info().await.unwrap().status, GroupStatus::Offline);
}

/// As after a power cut: nobody is there to be asked, and all remember one another.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_group_that_restarts_finds_itself_again() {
    let mut members = gathering(3, &Clock::system()).await;
    let id = publish(&members[0].group, "kept").await;
    let mut ports = Vec::new();
    for member in &members {
        holds(&member.group, id, "kept").await;
        let status = member.home.node.status().await.unwrap();
        ports.push(status.listen[0].parse().unwrap());
    }
    converged(members.iter().map(|member| &member.group)).await;
    for member in &members {
        member.home.node.shutdown().await.unwrap();
    }

    let name = members[0].group.name().to_owned();
    for (member, port) in members.iter_mut().zip(ports) {
        let mut settings = member.home.place.settings();
        settings.listen = vec![port];
        // QUIC keeps the socket for up to three seconds, for the last words of its connections.
        member.home.node = eventually("the port", async || {
            member.home.place.try_start(settings.clone()).await.ok()
        })
        .await;
        member.group = member.home.node.open_group(&name, None).await.unwrap();
    }

    for member in &members {
        linked(&member.group, 1).await;
    }
    // Who is online, and where, has been said anew; all else is as it was.
    converged(members.iter().map(|member| &member.group)).await;
    for member in &members {
        assert_eq!(texts(&member.group).await, ["kept"]);
        assert_eq!(member.group.members().await.unwrap().len(), 3);
    }
    let id = publish(&members[2].group, "all back").await;
    for member in &members {
        holds(&member.group, id, "all back").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_member_is_enumerated_as_soon_as_it_connects() {
    let members = gathering(2, &Clock::system()).await;
    let silent = members[1].home.node.identity(None).await.unwrap().name;
    eventually("the silent member", async || {
        let known = members[0].group.members().await.unwrap();
        known
            .iter()
            .any(|member| member.name == silent)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creator_alone_listens() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    let mut events = group.events(None).await.unwrap();

    group.connect().await.unwrap();

    let event = told(&mut events, "the status", |event| {
        event.kind == EventKind::StatusChanged
    })
    .await;
    assert_eq!(event.detail.as_deref(), Some("listening"));
    assert_eq!(group.info().await.unwrap().status, GroupStatus::Listening);
    assert_eq!(home.node.status().await.unwrap().listen.len(), 1);
    group.connect().await.unwrap();
    publish(&group, "to myself").await;
    group.close().await.unwrap();
    let offline = home.node.open_group("Chess", None).await.unwrap();
    assert_eq!(offline.info().await.unwrap().status, GroupStatus::Offline);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_has_a_few_neighbours_and_the_group_heals() {
    let mut members = gathering(8, &Clock::system()).await;
    neighbourly(&members).await;
    let id = publish(&members[3].group, "to all").await;
    for member in &members {
        holds(&member.group, id, "to all").await;
    }

    // The creator, whom all were told of, goes.
    let gone = members.remove(0);
    gone.home.node.shutdown().await.unwrap();

    neighbourly(&members).await;
    let id = publish(&members[0].group, "still here").await;
    for member in &members {
        holds(&member.group, id, "still here").await;
    }
    converged(members.iter().map(|member| &member.group)).await;
}

/// Waits until each has as many neighbours as it should.
async fn neighbourly(members: &[Member]) {
    let wanted = neighbours::MIN_NEIGHBOURS..=neighbours::MAX_NEIGHBOURS;
    let everybody: BTreeSet<String> = {
        let mut peers = BTreeSet::new();
        for member in members {
            peers.insert(member.home.node.status().await.unwrap().peer_id);
        }
        peers
    };
    eventually("3 to 7 neighbours each", async || {
        for member in members {
            let neighbours = member.group.neighbours().await.unwrap();
            assert!(neighbours.len() <= neighbours::MAX_NEIGHBOURS);
            let present = neighbours.iter().filter(|n| everybody.contains(&n.peer_id));
            if !wanted.contains(&present.count()) {
                return None;
            }
        }
        Some(())
    })
    .await;
}

/// Either of two peers may be the one that starts the exchange; both must find each other at
/// once, first and after every restart.
#[tokio::test(flavor = "multi_thread")]
async fn pairs_connect_within_seconds_whoever_chooses() {
    const SECONDS: Duration = Duration::from_secs(12);
    let mut orders = BTreeSet::new();
    for round in 0.. {
        let (ada, mut ben) = tokio::join!(Home::new(), Home::new());
        let peer = async |home: &Home| {
            let status = home.node.status().await.unwrap();
            status.peer_id.parse::<libp2p::PeerId>().unwrap()
        };
        orders.insert(is_chooser(&peer(&ada).await, &peer(&ben).await));
        let chess = ada.host("Chess").await;
        let began = Instant::now();
        let mut group = ben.enter(&chess).await;
        both(&chess, &group).await;
        assert!(began.elapsed() < SECONDS, "first: {:?}", began.elapsed());
        ready(&group).await;
        for restart in 0..2 {
            let began = Instant::now();
            ben.restart().await;
            group = ben.node.open_group(chess.name(), None).await.unwrap();
            let id = publish(&chess, &format!("restart {restart}")).await;
            both(&chess, &group).await;
            holds(&group, id, &format!("restart {restart}")).await;
            let took = began.elapsed();
            assert!(took < SECONDS, "restart {restart}: {took:?}, {orders:?}");
        }
        let (one, two) = tokio::join!(ada.node.shutdown(), ben.node.shutdown());
        one.and(two).unwrap();
        if round >= 5 && orders.len() == 2 {
            return;
        }
        assert!(round < 40, "both orders occur");
    }
}

async fn both(one: &peerage::GroupHandle, other: &peerage::GroupHandle) {
    linked(other, 1).await;
    linked(one, 1).await;
}
