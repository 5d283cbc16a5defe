//! What liars can do to a group, and what they cannot.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    engine::{ChangeError, Event, Output, Verdict},
    group::Role,
    identity::Identity,
    sim::{Config, GroupIndex, NodeIndex, World},
    wire::link::LinkFrame,
};
use peerage_records::{
    codec::SignedRecord,
    id::RecordType,
    record::{Record, RecordDraft, RecordUpdate},
};
use serde_bytes::ByteBuf;

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Five members; the first is Admin, the last is the liar.
fn group_with_liar(seed: u64) -> (World, GroupIndex, Vec<NodeIndex>, NodeIndex) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group();
    let mut nodes = world.populate(group, 5);
    let done = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &nodes) && nodes.iter().all(|n| w.neighbours(*n, group).len() == 4)
    });
    assert!(done);
    let liar = nodes.pop().unwrap();
    (world, group, nodes, liar)
}

fn draft(world: &World, payload: &[u8]) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name("note"),
        expires: world.now() + YEAR,
        attributes: Vec::new(),
        payload: payload.to_vec(),
    }
}

fn record_of(world: &World, group: GroupIndex, by: &Identity, payload: &[u8]) -> Record {
    let mut entropy = [0; 8];
    let length = payload.len().min(8);
    entropy[..length].copy_from_slice(&payload[..length]);
    let draft = draft(world, payload);
    Record::create(draft, world.group_id(group), by.key(), entropy, world.now()).unwrap()
}

fn signed(record: Record, by: &Identity) -> SignedRecord {
    SignedRecord::sign(record, |bytes| by.sign(bytes))
}

fn gossip(world: &mut World, group: GroupIndex, from: NodeIndex, bytes: &[u8]) {
    let group = world.group_id(group);
    let bytes = bytes.to_vec();
    world.inject(from, Output::Gossip { group, bytes });
}

fn send(world: &mut World, group: GroupIndex, from: NodeIndex, to: NodeIndex, frame: Vec<u8>) {
    let (group, peer) = (world.group_id(group), world.peer(to));
    world.inject(from, Output::Send { group, peer, frame });
}

/// Why `node` parted from `other`.
fn parted(world: &World, node: NodeIndex, other: NodeIndex) -> Vec<&'static str> {
    let peer = world.peer(other);
    let reason = |event: &Event| match event {
        Event::NeighbourDisconnected {
            peer: p, reason, ..
        } if *p == peer => Some(*reason),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| reason(e))
        .collect()
}

fn verdicts(world: &World, node: NodeIndex, other: NodeIndex) -> Vec<Verdict> {
    let from = world.peer(other);
    let verdict = |event: &Event| match event {
        Event::RecordRefused { peer, verdict, .. } if *peer == from => Some(*verdict),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| verdict(e))
        .collect()
}

#[test]
fn a_flood_of_bad_signatures_is_rejected_and_its_sender_banned() {
    let (mut world, group, honest, liar) = group_with_liar(80);
    let identity = world.membership_of(liar, group).identity.clone();
    for number in 0..20u8 {
        let record = record_of(&world, group, &identity, &[number; 8]);
        let forged = SignedRecord::sign(record, |_| [7; 64]);
        gossip(&mut world, group, liar, forged.bytes());
        world.run_for(Duration::from_millis(200));
    }
    world.run_for(Duration::from_secs(10));
    for node in &honest {
        assert_eq!(parted(&world, *node, liar), ["offences"]);
        let verdicts = verdicts(&world, *node, liar);
        assert_eq!(verdicts, [Verdict::Reject; 8], "after eight it is cut off");
        assert!(world.payloads(*node, group).is_empty());
        for other in &honest {
            assert!(
                parted(&world, *node, *other).is_empty(),
                "honest members stay"
            );
        }
    }
    world.run_for(5 * MINUTE);
    assert!(
        honest
            .iter()
            .all(|n| !world.neighbours(*n, group).contains(&liar)),
        "for a while"
    );
    world.run_for(10 * MINUTE);
    assert!(
        honest
            .iter()
            .any(|n| world.neighbours(*n, group).contains(&liar)),
        "not for ever"
    );
}

#[test]
fn undecodable_gossip_is_rejected_at_the_first_hop() {
    let (mut world, group, honest, liar) = group_with_liar(81);
    let hops = world.counts().gossip_hops;
    gossip(&mut world, group, liar, b"not a record");
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.counts().gossip_hops - hops, 4, "nobody forwards it");
    for node in &honest {
        assert_eq!(verdicts(&world, *node, liar), [Verdict::Reject]);
    }
}

#[test]
fn a_malformed_frame_ends_the_link() {
    let (mut world, group, honest, liar) = group_with_liar(82);
    send(&mut world, group, liar, honest[0], vec![0xff; 100]);
    world.run_for(Duration::from_secs(5));
    assert_eq!(parted(&world, honest[0], liar), ["malformed frame"]);
    assert!(parted(&world, honest[1], liar).is_empty());
    for other in &honest[1..] {
        let lost = parted(&world, honest[0], *other);
        assert!(lost.is_empty(), "that link alone: {lost:?}");
    }
    world.published(honest[0], group, b"life goes on");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &honest)));
}

#[test]
fn who_asks_too_much_at_once_is_cut_off() {
    let (mut world, group, honest, liar) = group_with_liar(83);
    world.config_mut().disk = Duration::from_secs(1);
    for request in 0..17 {
        let ids = vec![ByteBuf::from(vec![0; 16])];
        let frame = LinkFrame::Fetch { request, ids };
        send(&mut world, group, liar, honest[0], frame.encode());
    }
    world.run_for(Duration::from_secs(60));
    assert_eq!(parted(&world, honest[0], liar), ["too many questions"]);
}

#[test]
fn who_asks_often_but_waits_for_answers_is_not_cut_off() {
    let (mut world, group, honest, liar) = group_with_liar(84);
    for request in 0..200 {
        let ids = vec![ByteBuf::from(vec![0; 16])];
        let frame = LinkFrame::Fetch { request, ids };
        send(&mut world, group, liar, honest[0], frame.encode());
        world.run_for(Duration::from_millis(200));
    }
    assert!(
        parted(&world, honest[0], liar).is_empty(),
        "questions answered do not count"
    );
}

#[test]
fn who_offers_without_end_is_cut_off() {
    let (mut world, group, honest, liar) = group_with_liar(85);
    let identity = world.membership_of(liar, group).identity.clone();
    world.config_mut().disk = Duration::from_secs(1);
    for request in 0..100u32 {
        let record = record_of(&world, group, &identity, &request.to_be_bytes());
        let envelopes = vec![ByteBuf::from(signed(record, &identity).bytes().to_vec())];
        let frame = LinkFrame::Offer { request, envelopes };
        send(&mut world, group, liar, honest[0], frame.encode());
    }
    world.run_for(MINUTE);
    assert_eq!(parted(&world, honest[0], liar), ["too many offers"]);
}

#[test]
fn answers_nobody_asked_for_are_not_taken() {
    let (mut world, group, honest, liar) = group_with_liar(86);
    // While records are being compared, a wrong answer breaks that.
    world.run_for(Duration::from_secs(10));
    let identity = world.membership_of(liar, group).identity.clone();
    let record = signed(record_of(&world, group, &identity, b"unasked"), &identity);
    let frame = LinkFrame::Records {
        request: 77,
        envelopes: vec![ByteBuf::from(record.bytes().to_vec())],
        last: true,
    };
    send(&mut world, group, liar, honest[0], frame.encode());
    send(
        &mut world,
        group,
        liar,
        honest[0],
        LinkFrame::Taken { request: 5 }.encode(),
    );
    world.run_for(Duration::from_secs(5));
    assert!(!world.holds(honest[0], group, &record.hash()));
    assert!(
        parted(&world, honest[0], liar).is_empty(),
        "an answer that comes too late looks like this"
    );
    assert!(world.neighbours(honest[0], group).contains(&liar));
}

#[test]
fn a_silent_neighbour_holds_no_reconciliation_for_long() {
    let (mut world, group, honest, liar) = group_with_liar(87);
    world.turn_raw(liar);
    world.run_for(5 * MINUTE);
    for node in &honest {
        assert_eq!(
            parted(&world, *node, liar).first(),
            Some(&"reconciliation stalled")
        );
    }
    world.published(honest[0], group, b"life goes on");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &honest)));
}

#[test]
fn forged_memberships_and_those_of_others_are_rejected() {
    let (mut world, group, honest, liar) = group_with_liar(88);
    let other_group = world.create_group();
    let stranger = world.identity();
    let foreign = world.issue(other_group, stranger, Role::Admin, None);
    let victim = world.membership_of(honest[1], group).clone();
    let liars = world.membership_of(liar, group).clone();
    let cases = [
        ("a chain of another group", &foreign.identity, &foreign),
        ("the chain of somebody else", &liars.identity, &victim),
    ];
    for (what, by, membership) in cases {
        for node in &honest {
            world.clear_events(*node);
        }
        let record = Record::create_reserved(
            RecordType::MEMBERSHIP,
            world.group_id(group),
            by.key(),
            world.now() + YEAR,
            membership.gmc.chain().encode().to_vec(),
            world.now(),
        );
        let record = signed(record.unwrap(), by);
        gossip(&mut world, group, liar, record.bytes());
        world.run_for(Duration::from_secs(5));
        for node in &honest {
            assert_eq!(verdicts(&world, *node, liar), [Verdict::Reject], "{what}");
            assert!(!world.holds(*node, group, &record.hash()), "{what}");
            let view = world.view(*node, group).unwrap();
            assert!(view.roster.get(&foreign.identity.key()).is_none());
            assert_eq!(view.roster.len(), 5);
        }
    }
}

#[test]
fn a_member_cannot_change_anothers_record_here_or_elsewhere() {
    let (mut world, group, honest, liar) = group_with_liar(89);
    let id = world.published(honest[1], group, b"mine");
    let all = [honest.clone(), vec![liar]].concat();
    assert!(world.run_until(MINUTE, |w| w.converged(group, &all)));
    for change in [
        world.update(liar, group, id, b"stolen"),
        world.delete(liar, group, id),
    ] {
        world.run_for(Duration::from_secs(1));
        let refused = world.reply(liar, change);
        assert!(
            matches!(refused, Some(Err(ChangeError::Refused(_)))),
            "{refused:?}"
        );
    }

    let identity = world.membership_of(liar, group).identity.clone();
    let held = world.held(liar, group, id).unwrap();
    let change = RecordUpdate {
        payload: Some(b"stolen".to_vec()),
        ..RecordUpdate::default()
    };
    let update = held
        .record()
        .update(change, identity.key(), world.now())
        .unwrap();
    let deletion = held.record().delete(identity.key(), world.now()).unwrap();
    for forged in [signed(update, &identity), signed(deletion, &identity)] {
        gossip(&mut world, group, liar, forged.bytes());
        let envelopes = vec![ByteBuf::from(forged.bytes().to_vec())];
        let frame = LinkFrame::Offer {
            request: 1,
            envelopes,
        };
        send(&mut world, group, liar, honest[0], frame.encode());
        world.run_for(Duration::from_secs(5));
    }
    for node in &honest {
        let record = world.held(*node, group, id).unwrap();
        assert_eq!(record.record().payload, b"mine");
        assert!(!record.record().deleted);
    }
}

#[test]
fn an_admin_may_change_and_delete_anybodys_record() {
    let (mut world, group, honest, liar) = group_with_liar(90);
    let all = [honest.clone(), vec![liar]].concat();
    let id = world.published(honest[1], group, b"typo");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &all)));
    world.update(honest[0], group, id, b"corrected");
    assert!(world.run_until(MINUTE, |w| {
        all.iter().all(|n| w.payloads(*n, group) == [b"corrected"])
    }));
    world.delete(honest[0], group, id);
    assert!(world.run_until(MINUTE, |w| {
        all.iter().all(|n| w.payloads(*n, group).is_empty())
    }));
}

#[test]
fn a_record_of_an_unknown_member_waits_for_the_membership() {
    let (mut world, group, mut nodes, last) = group_with_liar(91);
    nodes.push(last);
    let identity = world.identity();
    let newcomer = world.issue(group, identity, Role::Member, None);
    let record = record_of(&world, group, &newcomer.identity, b"ahead");
    let record = signed(record, &newcomer.identity);
    gossip(&mut world, group, nodes[4], record.bytes());
    world.run_for(Duration::from_secs(5));
    for node in &nodes[..4] {
        assert!(!world.holds(*node, group, &record.hash()));
        assert_eq!(
            verdicts(&world, *node, nodes[4]),
            [Verdict::Ignore],
            "nobody's fault"
        );
    }

    let membership = Record::create_reserved(
        RecordType::MEMBERSHIP,
        world.group_id(group),
        newcomer.identity.key(),
        world.now() + YEAR,
        newcomer.gmc.chain().encode().to_vec(),
        world.now(),
    );
    let membership = signed(membership.unwrap(), &newcomer.identity);
    gossip(&mut world, group, nodes[4], membership.bytes());
    world.run_for(Duration::from_secs(5));
    for node in &nodes[..4] {
        assert!(world.holds(*node, group, &membership.hash()));
        assert!(
            world.holds(*node, group, &record.hash()),
            "what waited is accepted now"
        );
        let told: Vec<_> = world
            .events(*node)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::RecordChanged { change, .. } => Some(change.hash),
                _ => None,
            })
            .collect();
        assert!(told.ends_with(&[membership.hash(), record.hash()]));
    }
}

#[test]
fn a_member_whose_membership_ended_is_cut_off_and_cannot_publish() {
    let (mut world, group, honest, _) = group_with_liar(92);
    let leaving = world.add_node();
    let identity = world.identity();
    let end = world.now() + 30 * MINUTE;
    let membership = world.issue(group, identity, Role::Member, Some(end));
    world.enrol_as(leaving, group, membership.clone());
    world.connect(leaving, group);
    assert!(world.run_until(2 * MINUTE, |w| w.is_synchronised(leaving, group)));
    let late = world.publish_for(leaving, group, b"outlives me", 60 * MINUTE);
    world.run_for(Duration::from_secs(1));
    assert!(matches!(
        world.reply(leaving, late),
        Some(Err(ChangeError::Refused(_)))
    ));

    world.run_for(50 * MINUTE);
    assert!(world.neighbours(leaving, group).is_empty());
    assert!(
        honest
            .iter()
            .all(|n| !world.neighbours(*n, group).contains(&leaving))
    );
    let late = world.publish_for(leaving, group, b"too late", MINUTE);
    world.run_for(Duration::from_secs(1));
    assert!(matches!(
        world.reply(leaving, late),
        Some(Err(ChangeError::Refused(_)))
    ));

    // A newer certificate, taken up while the group stays open.
    let chain = {
        let (card, now) = (membership.identity.card(), world.now());
        let options = peerage_protocol::gmc::IssueOptions::new(Role::Member);
        let key = world.group_key(group).clone();
        key.issue(&card, Some(&membership.gmc), &options, now, world.rng())
            .unwrap()
    };
    let renewed = world.membership(group, Identity::clone(&membership.identity), &chain);
    world.renew(leaving, group, renewed);
    assert!(world.run_until(10 * MINUTE, |w| w.neighbours(leaving, group).len() >= 3));
    world.published(leaving, group, b"back");
    let all = [honest, vec![leaving]].concat();
    assert!(world.run_until(MINUTE, |w| w.converged(group, &all)));
}

#[test]
fn an_identical_record_changes_nothing_and_raises_no_event() {
    let (mut world, group, honest, liar) = group_with_liar(93);
    let id = world.published(liar, group, b"once");
    assert!(world.run_until(MINUTE, |w| {
        honest.iter().all(|n| w.held(*n, group, id).is_some())
    }));
    let bytes = world.held(liar, group, id).unwrap().bytes().to_vec();
    let envelopes = vec![ByteBuf::from(bytes)];
    for request in 0..3 {
        let frame = LinkFrame::Offer {
            request,
            envelopes: envelopes.clone(),
        };
        send(&mut world, group, liar, honest[0], frame.encode());
        world.run_for(Duration::from_secs(1));
    }
    let told = world
        .events(honest[0])
        .iter()
        .filter(|(_, e)| matches!(e, Event::RecordChanged { change, .. } if change.id == id));
    assert_eq!(told.count(), 1);
    assert!(
        verdicts(&world, honest[0], liar).is_empty(),
        "nor is it an offence"
    );
}

#[test]
fn changing_what_is_not_there_is_refused() {
    let (mut world, group, honest, _) = group_with_liar(94);
    let id = world.published(honest[0], group, b"gone soon");
    world.delete(honest[0], group, id);
    world.run_for(Duration::from_secs(1));
    for command in [
        world.update(honest[0], group, id, b"x"),
        world.delete(honest[0], group, id),
    ] {
        world.run_for(Duration::from_secs(1));
        let refused = world.reply(honest[0], command);
        assert!(
            matches!(refused, Some(Err(ChangeError::NotFound))),
            "{refused:?}"
        );
    }
}
