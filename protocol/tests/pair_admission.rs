//! Two peers and the proof of membership between them: who gets in, and that nobody else learns a thing.
#![cfg(feature = "sim")]

use std::time::Duration;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_protocol::{
    admission::{Admitted, Chooser, Gate, Outcome, Presented, REFUSAL_DELAY, is_chooser},
    engine::{Event, Input, Output, Removal},
    gmc::Chain,
    group::Role,
    revocation::Cause,
    sim::{Config, GroupIndex, Membership, NodeIndex, World, removal_of},
};
use peerage_records::id::ReplicaId;

const MINUTE: Duration = Duration::from_secs(60);
/// Every message takes this long here, so that delays can be compared.
const DELAY: Duration = Duration::from_millis(20);

/// One node of a group, and a world in which every message takes equally long.
fn one_node(seed: u64) -> (World, GroupIndex, NodeIndex) {
    let mut world = World::new(Config {
        delay: DELAY..DELAY + Duration::from_nanos(1),
        ..Config::from_env(seed)
    });
    let group = world.create_group();
    let node = world.add_node();
    world.enrol(node, group, Role::Admin);
    world.connect(node, group);
    world.run_for(Duration::from_secs(2));
    (world, group, node)
}

/// A raw peer that starts the exchanges with `node`, connected to it.
fn chooser_of(world: &mut World, node: NodeIndex) -> NodeIndex {
    raw(world, node, true)
}

fn raw(world: &mut World, node: NodeIndex, chooses: bool) -> NodeIndex {
    loop {
        let raw = world.add_raw();
        if is_chooser(&world.peer(raw), &world.peer(node)) == chooses {
            world.link_up(raw, node);
            return raw;
        }
    }
}

fn member(world: &mut World, group: GroupIndex) -> Membership {
    let identity = world.identity();
    world.issue(group, identity, Role::Member, None)
}

fn hello(
    world: &mut World,
    from: NodeIndex,
    to: PeerId,
    group: GroupIndex,
    presented: &Presented,
) -> (Chooser, Vec<u8>) {
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let local = world.peer(from);
    Chooser::start(gate, presented, &local, &to, world.rng())
}

/// What came back of one frame, and when the exchange ended.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    frames: Vec<Vec<u8>>,
    ended_after: Option<Duration>,
}

fn open(world: &mut World, from: NodeIndex, to: NodeIndex) -> u64 {
    let peer = world.peer(to);
    let replica = ReplicaId::from_bytes([0; 16]);
    world.inject(from, Output::StartExchange { peer, replica });
    world.run_for(Duration::ZERO);
    let started = world.inbox(from).iter().rev().find_map(|(_, i)| match i {
        Input::ExchangeStarted { exchange, .. } => *exchange,
        _ => None,
    });
    started.expect("they are connected")
}

fn send(world: &mut World, from: NodeIndex, to: NodeIndex, frame: Vec<u8>) -> (u64, Answer) {
    let exchange = open(world, from, to);
    let begun = world.elapsed();
    world.inject(from, Output::SendExchange { exchange, frame });
    world.run_for(Duration::from_secs(5));
    let mut answer = Answer {
        frames: Vec::new(),
        ended_after: None,
    };
    for (at, input) in world.inbox(from) {
        match input {
            Input::ExchangeFrame {
                exchange: of,
                frame,
                ..
            } if *of == exchange => answer.frames.push(frame.clone()),
            Input::ExchangeEnded { exchange: of } if *of == exchange => {
                answer.ended_after = Some(*at - begun);
            }
            _ => {}
        }
    }
    (exchange, answer)
}

fn refusals(world: &World, node: NodeIndex) -> Vec<&'static str> {
    let reason = |event: &Event| match event {
        Event::AdmissionRefused { reason, .. } => Some(*reason),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| reason(e))
        .collect()
}

/// Does everything an honest chooser does.
fn admitted(
    world: &mut World,
    from: NodeIndex,
    to: NodeIndex,
    group: GroupIndex,
    presented: &Presented,
) -> Result<Admitted, Vec<(PeerId, Vec<Multiaddr>)>> {
    let peer = world.peer(to);
    let (chooser, frame) = hello(world, from, peer, group, presented);
    let (exchange, answer) = send(world, from, to, frame);
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let local = world.peer(from);
    match chooser.on_reply(gate, &local, &answer.frames[0], world.now()) {
        Ok(Outcome::Busy(others)) => Err(others),
        Ok(Outcome::Admitted(admitted, frame)) => {
            world.inject(from, Output::SendExchange { exchange, frame });
            world.inject(
                from,
                Output::OpenLink {
                    group: id,
                    peer,
                    exchange,
                    handle: admitted.handle,
                },
            );
            world.run_for(Duration::from_secs(1));
            Ok(admitted)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn two_members_end_with_each_others_chain() {
    let (mut world, group, node) = one_node(60);
    let raw = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let presented = world.presented(raw, &membership);
    let proof = admitted(&mut world, raw, node, group, &presented).unwrap();

    let theirs = world.membership_of(node, group).gmc.chain().hash();
    assert_eq!(proof.gmc.chain().hash(), theirs);
    let view = world.view(node, group).unwrap();
    let mine = view.roster.get(&membership.identity.key()).unwrap();
    assert_eq!(mine.chain().hash(), membership.gmc.chain().hash());
    assert_eq!(view.neighbours.len(), 1);
}

#[test]
fn every_refusal_is_silent_and_takes_equally_long() {
    let (mut world, group, node) = one_node(61);
    let other_group = world.create_group();
    let target = world.peer(node);
    let mut expected: Vec<(&str, &str, NodeIndex, Vec<u8>)> = Vec::new();

    let good = member(&mut world, group);
    let identity = world.identity();
    let soon = world.now() + Duration::from_secs(3_600);
    let expired = world.issue(group, identity, Role::Member, Some(soon));
    let foreign = member(&mut world, other_group);
    world.run_for(2 * 60 * MINUTE);

    let raw1 = chooser_of(&mut world, node);
    let shown = world.presented(raw1, &foreign);
    let (_, frame) = hello(&mut world, raw1, target, other_group, &shown);
    expected.push(("a group the node is not in", "unknown_group", raw1, frame));

    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("a member of another group", "chain", raw1, frame));

    let shown = world.presented(raw1, &expired);
    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("an expired member", "chain", raw1, frame));

    let mut forged: Vec<Vec<u8>> = good
        .gmc
        .chain()
        .certificates()
        .map(<[u8]>::to_vec)
        .collect();
    *forged.last_mut().unwrap().last_mut().unwrap() ^= 1;
    let shown = Presented {
        chain: Chain::new(forged).unwrap().encode().into(),
        ..world.presented(raw1, &good)
    };
    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("a forged chain", "chain", raw1, frame));

    // Somebody who holds the secret, knows the chain of a member, and has an identity of its own.
    let thief = member(&mut world, other_group);
    let shown = Presented {
        chain: good.gmc.chain().encode().into(),
        ..world.presented(raw1, &thief)
    };
    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("the chain of another key", "other_identity", raw1, frame));

    let raw2 = chooser_of(&mut world, node);
    let shown = world.presented(raw1, &good);
    let (_, frame) = hello(&mut world, raw2, target, group, &shown);
    expected.push(("a binding of another node", "binding", raw2, frame));

    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("a replayed hello", "unknown_group", raw2, frame));

    let elsewhere = world.peer(raw2);
    let (_, frame) = hello(&mut world, raw1, elsewhere, group, &shown);
    expected.push(("a hello meant for another", "unknown_group", raw1, frame));

    let wrong_way = raw(&mut world, node, false);
    let shown = world.presented(wrong_way, &good);
    let (_, frame) = hello(&mut world, wrong_way, target, group, &shown);
    expected.push(("who may only knock", "not_chooser", wrong_way, frame));

    // Somebody whose invitation was withdrawn before it ever came.
    let identity = world.identity();
    let withdrawn = world.invite(node, group, identity, Role::Member, None);
    let removal = Removal {
        cause: Cause::InvitationWithdrawn,
        ..removal_of(withdrawn.identity.key())
    };
    let command = world.revoke(node, group, removal);
    world.succeeded(node, command);
    let shown = world.presented(raw1, &withdrawn);
    let (_, frame) = hello(&mut world, raw1, target, group, &shown);
    expected.push(("a withdrawn invitation", "revoked", raw1, frame));

    expected.push(("garbage", "malformed", raw1, vec![0xff; 300]));
    expected.push(("nothing", "malformed", raw1, Vec::new()));

    let silence = Answer {
        frames: Vec::new(),
        ended_after: Some(2 * DELAY + REFUSAL_DELAY),
    };
    for (what, reason, from, frame) in expected {
        world.clear_events(node);
        let (_, answer) = send(&mut world, from, node, frame);
        assert_eq!(answer, silence, "{what}");
        assert_eq!(refusals(&world, node), [reason], "{what}");
        assert!(world.neighbours(node, group).is_empty(), "{what}");
    }
}

#[test]
fn m8_a_member_removed_between_its_proof_and_the_confirmation_gets_no_link() {
    for removed in [false, true] {
        let (mut world, group, node) = one_node(66);
        let raw = chooser_of(&mut world, node);
        let identity = world.identity();
        let membership = world.invite(node, group, identity, Role::Member, None);
        let shown = world.presented(raw, &membership);
        let peer = world.peer(node);
        let (chooser, frame) = hello(&mut world, raw, peer, group, &shown);
        let (exchange, answer) = send(&mut world, raw, node, frame);
        let (id, secret) = (world.group_id(group), world.secret(group).clone());
        let roster = world.empty_roster(group);
        let gate = Gate {
            group: &id,
            secret: &secret,
            roster: &roster,
        };
        let local = world.peer(raw);
        let outcome = chooser.on_reply(gate, &local, &answer.frames[0], world.now());
        let Ok(Outcome::Admitted(_, frame)) = outcome else {
            panic!("the proof was good");
        };
        if removed {
            let removal = Removal {
                cause: Cause::InvitationWithdrawn,
                ..removal_of(membership.identity.key())
            };
            let command = world.revoke(node, group, removal);
            world.succeeded(node, command);
        }
        world.inject(raw, Output::SendExchange { exchange, frame });
        // Less than it takes to see that the raw peer has opened none.
        world.run_for(2 * DELAY);
        let met = world.neighbours(node, group).contains(&raw);
        assert_eq!(met, !removed);
        let expected: &[&str] = if removed { &["revoked"] } else { &[] };
        assert_eq!(refusals(&world, node), expected);
    }
}

#[test]
fn an_exchange_that_begins_with_anything_but_a_hello_ends() {
    let (mut world, group, node) = one_node(67);
    let raw = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let shown = world.presented(raw, &membership);
    let peer = world.peer(node);
    // Genuine frames of a genuine exchange, each where it does not belong.
    let (chooser, first) = hello(&mut world, raw, peer, group, &shown);
    let (exchange, answer) = send(&mut world, raw, node, first.clone());
    let reply = answer.frames[0].clone();
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let local = world.peer(raw);
    let outcome = chooser.on_reply(gate, &local, &reply, world.now());
    let Ok(Outcome::Admitted(_, confirm)) = outcome else {
        panic!("the proof was good");
    };
    // A second hello where the confirmation is due.
    world.inject(
        raw,
        Output::SendExchange {
            exchange,
            frame: first,
        },
    );
    world.run_for(Duration::from_secs(5));
    let ended = world.inbox(raw).iter().any(
        |(_, input)| matches!(input, Input::ExchangeEnded { exchange: of } if *of == exchange),
    );
    assert!(ended);
    for (what, frame) in [("a reply", reply), ("a confirmation", confirm)] {
        let (_, answer) = send(&mut world, raw, node, frame);
        assert!(
            answer.frames.is_empty() && answer.ended_after.is_some(),
            "{what}"
        );
    }
    assert!(world.neighbours(node, group).is_empty());
    assert_eq!(refusals(&world, node).len(), 3);
}

#[test]
fn a_knock_that_is_garbage_or_a_strangers_is_not_answered() {
    let (mut world, group, node) = one_node(62);
    let stranger = raw(&mut world, node, false);
    let other_group = world.create_group();
    let peer = world.peer(node);
    let local = world.peer(stranger);
    let id = world.group_id(other_group);
    let secret = world.secret(other_group).clone();
    let roster = world.empty_roster(other_group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let foreign = peerage_protocol::admission::knock(gate, &local, &peer, world.rng());
    for bytes in [foreign, vec![0; 50], Vec::new(), vec![0xff; 4_096]] {
        world.inject(stranger, Output::Knock { peer, bytes });
        world.run_for(Duration::from_secs(2));
    }
    let talked = world.inbox(stranger).iter();
    let talked = talked.filter(|(_, i)| matches!(i, Input::ExchangeFrame { .. }));
    assert_eq!(talked.count(), 0);

    let id = world.group_id(group);
    let secret = world.secret(group).clone();
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let bytes = peerage_protocol::admission::knock(gate, &local, &peer, world.rng());
    world.inject(
        stranger,
        Output::Knock {
            peer,
            bytes: bytes.clone(),
        },
    );
    world.run_for(Duration::from_secs(2));
    let heard = |world: &World| {
        let frames = world.inbox(stranger).iter();
        frames
            .filter(|(_, i)| matches!(i, Input::ExchangeFrame { .. }))
            .count()
    };
    assert_eq!(
        heard(&world),
        1,
        "a member's knock is answered with a hello"
    );
    for _ in 0..5 {
        world.inject(
            stranger,
            Output::Knock {
                peer,
                bytes: bytes.clone(),
            },
        );
    }
    world.run_for(Duration::from_secs(2));
    assert_eq!(
        heard(&world),
        1,
        "and not with a second one while it is unanswered"
    );
}

#[test]
fn a_knock_overheard_is_no_use_to_another_peer() {
    let (mut world, group, node) = one_node(63);
    let first = raw(&mut world, node, false);
    let second = raw(&mut world, node, false);
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let (local, peer) = (world.peer(first), world.peer(node));
    let bytes = peerage_protocol::admission::knock(gate, &local, &peer, world.rng());
    world.inject(second, Output::Knock { peer, bytes });
    world.run_for(Duration::from_secs(2));
    let talked = world.inbox(second).iter();
    assert_eq!(
        talked
            .filter(|(_, i)| matches!(i, Input::ExchangeFrame { .. }))
            .count(),
        0
    );
}

#[test]
fn an_altered_reply_or_confirm_opens_no_link() {
    let (mut world, group, node) = one_node(64);
    let raw = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let shown = world.presented(raw, &membership);
    let peer = world.peer(node);
    let (chooser, frame) = hello(&mut world, raw, peer, group, &shown);
    let (exchange, answer) = send(&mut world, raw, node, frame);
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let local = world.peer(raw);
    let reply = &answer.frames[0];
    for position in (0..reply.len()).step_by(7) {
        let mut altered = reply.clone();
        altered[position] ^= 1;
        let outcome = chooser.on_reply(gate, &local, &altered, world.now());
        assert!(outcome.is_err(), "byte {position}");
    }
    let Ok(Outcome::Admitted(_, mut confirm)) = chooser.on_reply(gate, &local, reply, world.now())
    else {
        panic!("the unaltered reply admits");
    };
    *confirm.last_mut().unwrap() ^= 1;
    world.inject(
        raw,
        Output::SendExchange {
            exchange,
            frame: confirm,
        },
    );
    world.run_for(Duration::from_secs(2));
    assert!(world.neighbours(node, group).is_empty());
    assert_eq!(refusals(&world, node), ["sealed"]);
}

#[test]
fn a_chooser_that_never_confirms_gets_no_link_and_does_no_harm() {
    let (mut world, group, node) = one_node(65);
    let raw = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let shown = world.presented(raw, &membership);
    let peer = world.peer(node);
    for _ in 0..20 {
        let (_, frame) = hello(&mut world, raw, peer, group, &shown);
        let (_, answer) = send(&mut world, raw, node, frame);
        assert_eq!(answer.frames.len(), 1);
    }
    world.run_for(MINUTE);
    assert!(world.neighbours(node, group).is_empty());
    assert_eq!(world.unfinished(node), 0, "and leaves nothing behind");
    assert!(admitted(&mut world, raw, node, group, &shown).is_ok());
}

#[test]
fn a_full_node_names_others_to_a_content_newcomer_and_takes_a_needy_one() {
    let (mut world, group, node) = one_node(66);
    let mut raws = Vec::new();
    for _ in 0..7 {
        let raw = chooser_of(&mut world, node);
        let membership = member(&mut world, group);
        let shown = world.presented(raw, &membership);
        admitted(&mut world, raw, node, group, &shown).unwrap();
        raws.push(world.peer(raw));
    }
    assert_eq!(world.neighbours(node, group).len(), 7);

    let eighth = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let content = Presented {
        neighbours: 3,
        ..world.presented(eighth, &membership)
    };
    let others = admitted(&mut world, eighth, node, group, &content).unwrap_err();
    assert!(!others.is_empty());
    assert!(
        others
            .iter()
            .all(|(peer, addresses)| raws.contains(peer) && !addresses.is_empty())
    );
    assert!(!world.neighbours(node, group).contains(&eighth));

    world.clear_events(node);
    let needy = Presented {
        neighbours: 2,
        ..content
    };
    admitted(&mut world, eighth, node, group, &needy).unwrap();
    let neighbours = world.neighbours(node, group);
    assert!(neighbours.contains(&eighth) && neighbours.len() == 7);
    let evicted: Vec<_> = world
        .events(node)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::NeighbourDisconnected { peer, reason, .. } => Some((*peer, *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0].1, "made room");
    let sent_away = world.node_of(&evicted[0].0).unwrap();
    let inbox = |world: &World, what: fn(&Input) -> bool| {
        world
            .inbox(sent_away)
            .iter()
            .filter(|(_, i)| what(i))
            .count()
    };
    world.run_for(Duration::from_secs(3));
    assert!(
        inbox(&world, |i| matches!(i, Input::Frame { .. })) > 0,
        "it is told where to go"
    );
    assert_eq!(inbox(&world, |i| matches!(i, Input::LinkLost { .. })), 1);
}

#[test]
fn credentials_without_a_hello_or_out_of_turn_end_the_exchange() {
    let (mut world, group, node) = one_node(67);
    let raw = chooser_of(&mut world, node);
    let membership = member(&mut world, group);
    let shown = world.presented(raw, &membership);
    let peer = world.peer(node);
    // The proof of membership alone, without the Hello around it.
    let alone = [shown.binding.to_vec(), shown.chain.to_vec()].concat();
    let (_, answer) = send(&mut world, raw, node, alone);
    assert!(answer.frames.is_empty() && answer.ended_after.is_some());
    assert_eq!(refusals(&world, node), ["malformed"]);

    // A second Hello where a Confirm is due.
    world.clear_events(node);
    let (_, frame) = hello(&mut world, raw, peer, group, &shown);
    let (exchange, answer) = send(&mut world, raw, node, frame.clone());
    assert_eq!(answer.frames.len(), 1);
    world.inject(raw, Output::SendExchange { exchange, frame });
    world.run_for(Duration::from_secs(2));
    assert_eq!(refusals(&world, node), ["malformed"]);
    let ended = |i: &Input| matches!(i, Input::ExchangeEnded { exchange: of } if *of == exchange);
    assert!(world.inbox(raw).iter().any(|(_, i)| ended(i)));
    assert!(world.neighbours(node, group).is_empty());

    // More after the end of it.
    world.clear_events(node);
    let (exchange, _) = send(&mut world, raw, node, b"nonsense".to_vec());
    let frame = b"and more".to_vec();
    world.inject(raw, Output::SendExchange { exchange, frame });
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.unfinished(node), 0);
    assert!(world.neighbours(node, group).is_empty());
}
