//! Every node judges every record, whoever it is from: what is refused goes nowhere, and what cannot be
//! judged yet waits unseen until it can be.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    engine::{ChangeError, Event, Output, Verdict},
    group::Role,
    identity::Identity,
    sim::{Config, GroupIndex, Membership, NodeIndex, World},
};
use peerage_records::{
    codec::SignedRecord,
    id::RecordType,
    record::{Record, RecordDraft, RecordUpdate},
};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Members in a row: each is linked to the one before and the one after, and finds nobody else.
fn row(seed: u64, count: usize) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    world.config_mut().lookup = 10_000 * MINUTE;
    let group = world.create_group();
    let nodes: Vec<NodeIndex> = (0..count).map(|_| world.add_node()).collect();
    for (index, node) in nodes.iter().enumerate() {
        let role = if index == 0 {
            Role::Admin
        } else {
            Role::Member
        };
        world.enrol(*node, group, role);
        let known: Vec<NodeIndex> = nodes[..index].last().copied().into_iter().collect();
        world.connect_knowing(*node, group, &known);
    }
    let formed = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &nodes) && nodes.iter().all(|n| w.is_synchronised(*n, group))
    });
    assert!(formed, "seed {seed}");
    assert_eq!(world.neighbours(nodes[0], group).len(), 1);
    assert_eq!(world.neighbours(nodes[count - 1], group).len(), 1);
    (world, group, nodes)
}

fn note(world: &World, group: GroupIndex, by: &Identity, payload: &[u8]) -> SignedRecord {
    let draft = RecordDraft {
        kind: RecordType::from_name("note"),
        expires: world.now() + YEAR,
        attributes: Vec::new(),
        payload: payload.to_vec(),
    };
    let (id, now) = (world.group_id(group), world.now());
    let record = Record::create(draft, id, by.key(), [3; 8], now).unwrap();
    SignedRecord::sign(record, |bytes| by.sign(bytes))
}

fn membership_record(world: &World, group: GroupIndex, of: &Membership) -> SignedRecord {
    let record = Record::create_reserved(
        RecordType::MEMBERSHIP,
        world.group_id(group),
        of.identity.key(),
        world.now() + YEAR,
        of.gmc.chain().encode().to_vec(),
        world.now(),
    );
    SignedRecord::sign(record.unwrap(), |bytes| of.identity.sign(bytes))
}

fn gossip(world: &mut World, group: GroupIndex, from: NodeIndex, record: &SignedRecord) {
    let (group, bytes) = (world.group_id(group), record.bytes().to_vec());
    world.inject(from, Output::Gossip { group, bytes });
}

fn told_of(world: &World, node: NodeIndex, record: &SignedRecord) -> usize {
    let hash = record.hash();
    let fits = |e: &Event| matches!(e, Event::RecordChanged { change, .. } if change.hash == hash);
    world.events(node).iter().filter(|(_, e)| fits(e)).count()
}

#[test]
fn what_is_refused_is_neither_stored_nor_forwarded_nor_told() {
    let (mut world, group, nodes) = row(500, 3);
    let id = world.published(nodes[2], group, b"not yours");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
    // The second member changes the third one's record, which its role does not allow.
    let liar = world.membership_of(nodes[1], group).identity.clone();
    let change = RecordUpdate {
        payload: Some(b"changed".to_vec()),
        ..RecordUpdate::default()
    };
    let held = world.held(nodes[1], group, id).unwrap();
    let forged = held
        .record()
        .update(change, liar.key(), world.now())
        .unwrap();
    let forged = SignedRecord::sign(forged, |bytes| liar.sign(bytes));
    let hops = world.counts().gossip_hops;
    gossip(&mut world, group, nodes[1], &forged);
    world.run_for(3 * MINUTE);
    assert_eq!(
        world.counts().gossip_hops - hops,
        2,
        "to its neighbours and no further"
    );
    for node in [nodes[0], nodes[2]] {
        assert!(!world.holds(node, group, &forged.hash()));
        assert_eq!(told_of(&world, node, &forged), 0);
        let refused = |e: &Event| matches!(e, Event::RecordRefused { verdict, .. } if *verdict != Verdict::Accept);
        assert!(world.events(node).iter().any(|(_, e)| refused(e)));
    }
}

#[test]
fn what_waited_for_its_member_goes_on_to_everybody_once_it_is_accepted() {
    for seed in 501..506 {
        let (mut world, group, nodes) = row(seed, 4);
        let identity = world.identity();
        let newcomer = world.issue(group, identity, Role::Member, None);
        let record = note(&world, group, &newcomer.identity, b"ahead of its member");
        gossip(&mut world, group, nodes[0], &record);
        world.run_for(5 * SECOND);
        for node in &nodes {
            assert!(!world.holds(*node, group, &record.hash()), "unseen as yet");
            assert_eq!(told_of(&world, *node, &record), 0);
            assert!(world.payloads(*node, group).is_empty());
        }
        let membership = membership_record(&world, group, &newcomer);
        gossip(&mut world, group, nodes[0], &membership);
        let rest = &nodes[1..];
        let arrived = world.run_until(10 * SECOND, |w| {
            rest.iter().all(|n| w.holds(*n, group, &record.hash()))
        });
        assert!(
            arrived,
            "seed {seed}: far sooner than the next comparison in turn"
        );
        for node in rest {
            assert_eq!(told_of(&world, *node, &record), 1, "a normal event, once");
        }
    }
}

#[test]
fn only_what_waits_for_a_member_is_judged_again_when_it_appears() {
    let (mut world, group, nodes) = row(510, 2);
    let mut made = Vec::new();
    for payload in [b"of one", b"of two"] {
        let identity = world.identity();
        let member = world.issue(group, identity, Role::Member, None);
        let record = note(&world, group, &member.identity, payload);
        gossip(&mut world, group, nodes[0], &record);
        made.push((member, record));
    }
    world.run_for(5 * SECOND);
    let (first, second) = (&made[0], &made[1]);
    let membership = membership_record(&world, group, &first.0);
    gossip(&mut world, group, nodes[0], &membership);
    world.run_for(5 * SECOND);
    assert!(world.holds(nodes[1], group, &first.1.hash()));
    assert!(
        !world.holds(nodes[1], group, &second.1.hash()),
        "that one waits on"
    );
    let membership = membership_record(&world, group, &second.0);
    gossip(&mut world, group, nodes[0], &membership);
    world.run_for(5 * SECOND);
    assert!(world.holds(nodes[1], group, &second.1.hash()));
}

#[test]
fn ones_own_records_are_judged_like_anybodys() {
    let (mut world, group, nodes) = row(511, 2);
    let id = world.published(nodes[0], group, b"the admin's");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
    let before = world.fingerprint(nodes[1], group);
    let hops = world.counts().gossip_hops;
    let refused = [
        world.update(nodes[1], group, id, b"mine now"),
        world.delete(nodes[1], group, id),
    ];
    world.run_for(SECOND);
    for (number, command) in refused.into_iter().enumerate() {
        let reply = world.reply(nodes[1], command);
        assert!(
            matches!(reply, Some(Err(ChangeError::Refused(_)))),
            "{number}: {reply:?}"
        );
    }
    assert_eq!(
        world.fingerprint(nodes[1], group),
        before,
        "nothing is stored"
    );
    assert_eq!(world.counts().gossip_hops, hops, "and nothing is sent");
}

#[test]
fn an_addition_that_is_refused_changes_nothing_here_or_elsewhere() {
    let mut world = World::new(Config::from_env(512));
    let group = world.create_group();
    let nodes = world.populate(group, 2);
    let brief = world.add_node();
    let identity = world.identity();
    let end = world.now() + 30 * MINUTE;
    let membership = world.issue(group, identity, Role::Member, Some(end));
    world.enrol_as(brief, group, membership);
    world.connect(brief, group);
    let all = [nodes, vec![brief]].concat();
    let settled = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &all) && all.iter().all(|n| w.is_synchronised(*n, group))
    });
    assert!(settled);
    let before = world.fingerprint(brief, group);
    let hops = world.counts().gossip_hops;
    world.clear_events(brief);
    // A record may not outlive its creator's membership.
    let command = world.publish_for(brief, group, b"outlives me", 60 * MINUTE);
    world.run_for(5 * SECOND);
    let reply = world.reply(brief, command);
    assert!(
        matches!(reply, Some(Err(ChangeError::Refused(_)))),
        "{reply:?}"
    );
    assert_eq!(world.fingerprint(brief, group), before);
    assert_eq!(world.counts().gossip_hops, hops);
    let told = |e: &Event| matches!(e, Event::RecordChanged { .. });
    assert!(!world.events(brief).iter().any(|(_, e)| told(e)));
    assert!(world.converged(group, &all));
}
