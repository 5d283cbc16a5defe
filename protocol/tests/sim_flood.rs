//! Floods: of records that are good, bad or too large, and of attempts to get in.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{sync::Arc, time::Duration};

use peerage_protocol::{
    admission::{Chooser, Gate, is_chooser},
    engine::{Event, Input, Output, RECORD_BURST, RECORDS_PER_SECOND, Verdict},
    group::Role,
    identity::Identity,
    sim::{Config, GroupIndex, NodeIndex, World},
    wire::{
        admission::MAX_ADMISSION_FRAME_BYTES,
        link::{LinkFrame, MAX_LINK_FRAME_BYTES},
    },
};
use peerage_records::{
    codec::{MAX_ENVELOPE_BYTES, SignedRecord},
    id::{RecordType, ReplicaId},
    record::{Record, RecordDraft},
};
use rand::Rng;
use serde_bytes::ByteBuf;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Five members that are all linked; the last one means no good.
fn group_with_flooder(seed: u64) -> (World, GroupIndex, Vec<NodeIndex>, NodeIndex) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group();
    let mut nodes = world.populate(group, 5);
    let done = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &nodes)
            && nodes
                .iter()
                .all(|n| w.neighbours(*n, group).len() == 4 && w.is_synchronised(*n, group))
    });
    assert!(done, "seed {seed}: the group settles");
    let flooder = nodes.pop().unwrap();
    (world, group, nodes, flooder)
}

fn identity(world: &World, node: NodeIndex, group: GroupIndex) -> Arc<Identity> {
    Arc::clone(&world.membership_of(node, group).identity)
}

fn signed(world: &World, group: GroupIndex, by: &Identity, number: u64) -> SignedRecord {
    let draft = RecordDraft {
        kind: RecordType::from_name("note"),
        expires: world.now() + YEAR,
        attributes: Vec::new(),
        payload: number.to_be_bytes().to_vec(),
    };
    let (id, now) = (world.group_id(group), world.now());
    let record = Record::create(draft, id, by.key(), number.to_be_bytes(), now).unwrap();
    SignedRecord::sign(record, |bytes| by.sign(bytes))
}

fn gossip(world: &mut World, group: GroupIndex, from: NodeIndex, bytes: &[u8]) {
    let (group, bytes) = (world.group_id(group), bytes.to_vec());
    world.inject(from, Output::Gossip { group, bytes });
}

fn count(world: &World, node: NodeIndex, fits: impl Fn(&Event) -> bool) -> usize {
    world.events(node).iter().filter(|(_, e)| fits(e)).count()
}

fn parted(world: &World, node: NodeIndex, other: NodeIndex) -> Vec<&'static str> {
    let from = world.peer(other);
    let reason = |event: &Event| match event {
        Event::NeighbourDisconnected { peer, reason, .. } if *peer == from => Some(*reason),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| reason(e))
        .collect()
}

#[test]
fn g8_a_member_that_floods_with_good_records_delays_nobody_else() {
    let (mut world, group, honest, flooder) = group_with_flooder(400);
    // A slow disk: what is flooded would keep it busy for a minute and a half.
    world.config_mut().disk = Duration::from_millis(10);
    let by = identity(&world, flooder, group);
    let flood = 9_000;
    for number in 0..flood {
        let record = signed(&world, group, &by, number);
        gossip(&mut world, group, flooder, record.bytes());
    }
    world.run_for(SECOND);
    let record = {
        let by = identity(&world, honest[0], group);
        signed(&world, group, &by, 0)
    };
    gossip(&mut world, group, honest[0], record.bytes());
    let begun = world.elapsed();
    let others = &honest[1..];
    let arrived = world.run_until(2 * MINUTE, |w| {
        others.iter().all(|n| w.holds(*n, group, &record.hash()))
    });
    assert!(arrived);
    let took = world.elapsed() - begun;
    let burst = Duration::from_millis(10) * u32::try_from(RECORD_BURST).unwrap();
    assert!(
        took < burst + 5 * SECOND,
        "not behind the whole flood: {took:?}"
    );
    for node in &honest {
        let stored = count(&world, *node, |e| matches!(e, Event::RecordChanged { .. })) as u64;
        let most = RECORD_BURST + took.as_secs() * RECORDS_PER_SECOND + 100;
        assert!(stored < most, "{stored}");
        let told = |e: &Event| matches!(e, Event::QuotaExceeded { .. });
        assert_eq!(
            count(&world, *node, told),
            1,
            "the application is told, once"
        );
        assert!(
            parted(&world, *node, flooder).is_empty(),
            "much is not wrong: nobody is banned"
        );
        let from = world.peer(flooder);
        let refused = |e: &Event| {
            matches!(e, Event::RecordRefused { peer, verdict, .. }
                if *peer == from && *verdict == Verdict::Reject)
        };
        assert_eq!(count(&world, *node, refused), 0);
    }
}

#[test]
fn g8_what_gossip_did_not_carry_of_a_flood_comes_by_reconciliation() {
    let (mut world, group, honest, flooder) = group_with_flooder(401);
    for number in 0..4_000u32 {
        world.publish(flooder, group, &number.to_be_bytes());
    }
    world.run_for(10 * SECOND);
    assert_eq!(world.payloads(flooder, group).len(), 4_000);
    let over = |e: &Event| matches!(e, Event::QuotaExceeded { .. });
    assert!(honest.iter().any(|n| count(&world, *n, over) > 0));
    let all = [honest.clone(), vec![flooder]].concat();
    assert!(
        world.run_until(2 * MINUTE, |w| w.converged(group, &all)),
        "nothing is lost"
    );
    assert_eq!(world.payloads(honest[0], group).len(), 4_000);
}

#[test]
fn g8_nobody_uses_up_the_quota_of_another() {
    let (mut world, group, honest, flooder) = group_with_flooder(402);
    let victim = identity(&world, honest[0], group);
    // In the victim's name, with signatures that are none.
    for number in 0..3_000 {
        let good = signed(&world, group, &victim, number);
        let forged = SignedRecord::sign(good.record().clone(), |_| [7; 64]);
        gossip(&mut world, group, flooder, forged.bytes());
    }
    world.run_for(2 * SECOND);
    let id = world.published(honest[0], group, b"mine");
    world.run_for(SECOND);
    for node in &honest {
        assert!(world.held(*node, group, id).is_some(), "by gossip, at once");
        let told = |e: &Event| matches!(e, Event::QuotaExceeded { .. });
        assert_eq!(count(&world, *node, told), 0);
    }
}

#[test]
fn g7_a_flood_of_bad_signatures_costs_its_sender_the_link_and_the_others_nothing() {
    let (mut world, group, honest, flooder) = group_with_flooder(403);
    let by = identity(&world, flooder, group);
    for number in 0..20_000 {
        let forged = SignedRecord::sign(
            signed(&world, group, &by, number % 16).record().clone(),
            |_| {
                let mut signature = [7; 64];
                signature[..8].copy_from_slice(&number.to_be_bytes());
                signature
            },
        );
        gossip(&mut world, group, flooder, forged.bytes());
        if number == 10_000 {
            world.run_for(SECOND);
        }
    }
    let id = world.published(honest[0], group, b"meanwhile");
    world.run_for(SECOND);
    for node in &honest {
        assert!(world.held(*node, group, id).is_some());
        assert!(!world.neighbours(*node, group).contains(&flooder));
        assert_eq!(parted(&world, *node, flooder).first(), Some(&"offences"));
        let from = world.peer(flooder);
        let verified = |e: &Event| matches!(e, Event::RecordRefused { peer, .. } if *peer == from);
        // Those under way when the link was cut are the network's to drop.
        assert_eq!(
            count(&world, *node, verified),
            8,
            "and not one more is verified"
        );
    }
}

#[test]
fn g13_what_is_too_large_is_refused_before_it_is_read() {
    let (mut world, group, honest, flooder) = group_with_flooder(404);
    gossip(
        &mut world,
        group,
        flooder,
        &vec![0xa5; MAX_ENVELOPE_BYTES + 1],
    );
    world.run_for(SECOND);
    let from = world.peer(flooder);
    for node in &honest {
        let rejected = |e: &Event| {
            matches!(e, Event::RecordRefused { peer, verdict, .. }
                if *peer == from && *verdict == Verdict::Reject)
        };
        assert_eq!(count(&world, *node, rejected), 1);
    }
    let frames = [
        vec![0; MAX_LINK_FRAME_BYTES + 1],
        LinkFrame::Offer {
            request: 1,
            envelopes: vec![ByteBuf::from(vec![0; MAX_ENVELOPE_BYTES + 1])],
        }
        .encode(),
    ];
    for (frame, node) in frames.into_iter().zip(&honest) {
        let (group_id, peer) = (world.group_id(group), world.peer(*node));
        world.inject(
            flooder,
            Output::Send {
                group: group_id,
                peer,
                frame,
            },
        );
        world.run_for(SECOND);
        assert_eq!(parted(&world, *node, flooder), ["malformed frame"]);
    }
}

/// A peer without an engine that begins the exchanges with `node`.
fn raw(world: &mut World, node: NodeIndex) -> NodeIndex {
    loop {
        let raw = world.add_raw();
        if is_chooser(&world.peer(raw), &world.peer(node)) {
            world.link_up(raw, node);
            return raw;
        }
    }
}

/// Begins an exchange and says this first.
fn attempt(world: &mut World, from: NodeIndex, to: NodeIndex, frame: Vec<u8>) {
    let (peer, replica) = (world.peer(to), ReplicaId::from_bytes([0; 16]));
    world.inject(from, Output::StartExchange { peer, replica });
    world.run_for(Duration::ZERO);
    let started = world.inbox(from).iter().rev().find_map(|(_, i)| match i {
        Input::ExchangeStarted { exchange, .. } => *exchange,
        _ => None,
    });
    let exchange = started.unwrap();
    world.inject(from, Output::SendExchange { exchange, frame });
}

#[test]
fn m1_ten_thousand_attempts_of_strangers_keep_no_member_out() {
    let mut world = World::new(Config::from_env(405));
    let group = world.create_group();
    let node = world.add_node();
    world.enrol(node, group, Role::Admin);
    world.connect(node, group);
    world.run_for(2 * SECOND);
    let strangers: Vec<NodeIndex> = (0..50).map(|_| raw(&mut world, node)).collect();
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    let mut most = 0;
    for number in 0..10_000usize {
        let mut junk = vec![0; [0, 1, 64, 600, MAX_ADMISSION_FRAME_BYTES + 1][number % 5]];
        world.rng().fill_bytes(&mut junk);
        attempt(&mut world, strangers[number % 50], node, junk);
        if number % 100 == 0 {
            world.run_for(Duration::from_millis(20));
        }
        if number == 5_000 {
            world.connect_knowing(newcomer, group, &[node]);
        }
        most = most.max(world.unfinished(node));
    }
    // Each that waits for its refusal counts as an exchange and as a refusal.
    assert!(most <= 2 * 4_096 + 64, "bounded: {most} at once");
    let joined = world.run_until(10 * SECOND, |w| w.is_synchronised(newcomer, group));
    assert!(joined, "in the middle of it");
    world.run_for(MINUTE);
    assert_eq!(world.unfinished(node), 0, "nothing is left behind");
    assert_eq!(world.neighbours(node, group).len(), 1);
    for stranger in strangers {
        let said = |i: &Input| matches!(i, Input::ExchangeFrame { .. });
        let heard = world
            .inbox(stranger)
            .iter()
            .filter(|(_, i)| said(i))
            .count();
        assert_eq!(heard, 0, "not a byte");
    }
}

#[test]
fn q6_members_that_never_finish_an_exchange_hold_a_place_for_seconds_only() {
    // Former or present members are the only ones who get so far.
    let mut world = World::new(Config::from_env(406));
    let group = world.create_group();
    let node = world.add_node();
    world.enrol(node, group, Role::Admin);
    world.connect(node, group);
    world.run_for(2 * SECOND);
    for _ in 0..30 {
        let slow = raw(&mut world, node);
        let identity = world.identity();
        let membership = world.issue(group, identity, Role::Member, None);
        let shown = world.presented(slow, &membership);
        let (id, secret) = (world.group_id(group), world.secret(group).clone());
        let roster = world.empty_roster(group);
        let gate = Gate {
            group: &id,
            secret: &secret,
            roster: &roster,
        };
        let (local, peer) = (world.peer(slow), world.peer(node));
        let (_, hello) = Chooser::start(gate, &shown, &local, &peer, world.rng());
        attempt(&mut world, slow, node, hello);
    }
    world.run_for(SECOND);
    assert!(world.unfinished(node) > 0, "they wait");
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect_knowing(newcomer, group, &[node]);
    // Needy, so that a place is made for it even now.
    let joined = world.run_until(30 * SECOND, |w| w.is_synchronised(newcomer, group));
    assert!(joined);
    world.run_for(MINUTE);
    assert_eq!(world.unfinished(node), 0);
    assert_eq!(
        world.neighbours(node, group).len(),
        1,
        "none of them got in"
    );
}
