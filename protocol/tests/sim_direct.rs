//! Direct connections on virtual time: opening, refusing, failing over, being cut, and who lies about it.
#![cfg(feature = "sim")]

mod members;

use std::time::Duration;

use members::*;
use peerage_protocol::{
    admission::{Gate, REFUSAL_DELAY, is_chooser},
    direct::{
        Asked, Asking, ConnectionId, DirectConsent, DirectEnd, DirectFailure, DirectMode,
        DirectState, Proven,
    },
    engine::{
        DIRECT_EXPECTED, DIRECT_PATIENCE, DirectEvent, DirectInput, DirectOutput, Event, Input,
        MAX_DIRECTS_OPENING, MAX_DIRECTS_PER_MEMBER, Output, Place,
    },
    group::Role,
    neighbours::MAX_NEIGHBOURS,
    sim::{Config, GroupIndex, Membership, NodeIndex, World, removal_of},
    wire::direct::DirectRefusal,
};
use peerage_records::id::IdentityKey;

/// A creator and members, all of whom accept direct connections, and know one another.
fn club(seed: u64, count: usize) -> (World, GroupIndex, Vec<NodeIndex>) {
    let (mut world, group, creator) = founded(Config::from_env(seed));
    let mut nodes = vec![creator];
    nodes.extend(grown(
        &mut world,
        group,
        creator,
        &vec![Role::Member; count],
    ));
    for node in &nodes {
        world.listen_direct(*node, group, DirectConsent::ALL);
    }
    (world, group, nodes)
}

/// A member without an engine, connected to `node`.
fn raw_member(world: &mut World, group: GroupIndex, node: NodeIndex) -> (NodeIndex, Membership) {
    let identity = world.identity();
    let membership = world.issue(group, identity, Role::Member, None);
    let raw = world.add_raw();
    world.link_up(raw, node);
    (raw, membership)
}

/// What a node's application was told of direct connections, in order.
fn told(world: &World, node: NodeIndex) -> Vec<DirectEvent> {
    let direct = |(_, event): &(Duration, Event)| match event {
        Event::Direct(event) => Some(event.clone()),
        _ => None,
    };
    world.events(node).iter().filter_map(direct).collect()
}

fn connected(world: &World, node: NodeIndex) -> Vec<(ConnectionId, bool)> {
    let events = told(world, node);
    let opened = events.iter().filter_map(|event| match event {
        DirectEvent::Connected { id, incoming, .. } => Some((*id, *incoming)),
        _ => None,
    });
    opened.collect()
}

fn failures(
    world: &World,
    node: NodeIndex,
) -> Vec<(ConnectionId, DirectFailure, Option<ConnectionId>)> {
    let events = told(world, node);
    let failed = events.iter().filter_map(|event| match event {
        DirectEvent::Failed {
            id, reason, next, ..
        } => Some((*id, *reason, *next)),
        _ => None,
    });
    failed.collect()
}

fn ends(world: &World, node: NodeIndex) -> Vec<(ConnectionId, DirectEnd)> {
    let events = told(world, node);
    let ended = events.iter().filter_map(|event| match event {
        DirectEvent::Disconnected { id, end, .. } => Some((*id, *end)),
        _ => None,
    });
    ended.collect()
}

/// Opens one and gives its names on both sides.
#[track_caller]
fn opened(
    world: &mut World,
    group: GroupIndex,
    from: NodeIndex,
    to: NodeIndex,
) -> (ConnectionId, ConnectionId) {
    let before = connected(world, to).len();
    let id = world.open_direct(from, group, to, vec![]);
    let open = world.run_until(MINUTE, |w| {
        connected(w, from).iter().any(|(of, _)| *of == id) && connected(w, to).len() > before
    });
    assert!(open, "{:?}", told(world, from));
    (id, connected(world, to)[before].0)
}

/// Opens at these places, and gives the one reason why that failed.
fn failed_at(
    world: &mut World,
    group: GroupIndex,
    from: NodeIndex,
    to: NodeIndex,
    places: Vec<Place>,
) -> DirectFailure {
    let id = world.open_direct(from, group, to, places);
    let over = world.run_until(MINUTE, |w| !failures(w, from).is_empty());
    assert!(over, "{:?}", told(world, from));
    let found = failures(world, from);
    world.clear_events(from);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].2), (id, None));
    found[0].1
}

fn ask(
    world: &mut World,
    raw: NodeIndex,
    to: NodeIndex,
    group: GroupIndex,
    by: &Membership,
    wanted: IdentityKey,
    mode: Option<DirectMode>,
) -> (Asking, Vec<u8>) {
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let presented = world.presented(raw, by);
    let (local, remote) = (world.peer(raw), world.peer(to));
    Asking::start(
        gate,
        &presented,
        (&local, &remote),
        wanted,
        mode,
        world.rng(),
    )
}

const RAW_ID: u64 = 77;

/// Sends a question; gives what came back, and after how long.
fn sent(
    world: &mut World,
    raw: NodeIndex,
    to: NodeIndex,
    request: Vec<u8>,
) -> (Result<Vec<u8>, DirectFailure>, Duration) {
    let id = ConnectionId::new(RAW_ID).expect("it is not 0");
    let (begun, before) = (world.elapsed(), world.inbox(raw).len());
    let peer = world.peer(to);
    world.inject(raw, Output::Direct(DirectOutput::Ask { id, peer, request }));
    let answer = |world: &World| {
        world.inbox(raw)[before..]
            .iter()
            .find_map(|(at, input)| match input {
                Input::Direct(DirectInput::Answered { result, .. }) => {
                    Some((result.clone(), *at - begun))
                }
                _ => None,
            })
    };
    world.run_until(15 * SECOND, |w| answer(w).is_some());
    answer(world).expect("a question ends")
}

fn proven(
    world: &World,
    raw: NodeIndex,
    group: GroupIndex,
    asking: &Asking,
    reply: &[u8],
) -> Result<Proven, DirectFailure> {
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    asking.on_reply(gate, &world.peer(raw), reply, world.now())
}

/// The number and the bytes of a question.
fn question(input: &Input) -> Option<(u64, Vec<u8>)> {
    match input {
        Input::Direct(DirectInput::Asked { ask, request, .. }) => Some((*ask, request.clone())),
        _ => None,
    }
}

/// What a raw member reads in a question of `from`.
fn heard(
    world: &mut World,
    group: GroupIndex,
    raw: NodeIndex,
    from: NodeIndex,
    request: &[u8],
) -> Asked {
    let (id, secret) = (world.group_id(group), world.secret(group).clone());
    let roster = world.empty_roster(group);
    let gate = Gate {
        group: &id,
        secret: &secret,
        roster: &roster,
    };
    let (local, remote, now) = (world.peer(raw), world.peer(from), world.now());
    let gates = [gate].into_iter();
    let asked = Asked::hear(request, gates, &local, &remote, now, world.rng());
    asked.expect("a member asks")
}

/// A raw member's connection to `node`, open on both sides.
fn raw_opened(
    world: &mut World,
    group: GroupIndex,
    node: NodeIndex,
) -> (NodeIndex, Membership, ConnectionId) {
    let (raw, membership) = raw_member(world, group, node);
    let wanted = world.member(node, group);
    let mode = Some(DirectMode::Stream);
    let (asking, request) = ask(world, raw, node, group, &membership, wanted, mode);
    let (answer, _) = sent(world, raw, node, request);
    let proven = proven(world, raw, group, &asking, &answer.expect("accepted")).expect("proven");
    stream(world, raw, group, node, proven);
    world.run_for(SECOND);
    let id = connected(world, node).last().expect("it is open").0;
    (raw, membership, id)
}

fn stream(world: &mut World, raw: NodeIndex, group: GroupIndex, to: NodeIndex, proven: Proven) {
    let open = DirectOutput::OpenStream {
        id: ConnectionId::new(RAW_ID).expect("it is not 0"),
        group: world.group_id(group),
        peer: world.peer(to),
        handle: proven.handle,
    };
    world.inject(raw, Output::Direct(open));
}

#[test]
fn a_member_is_reached_only_while_an_application_there_accepts() {
    let (mut world, group, nodes) = club(300, 1);
    let (a, b) = (nodes[0], nodes[1]);
    world.listen_direct(b, group, DirectConsent::NONE);
    let refused = failed_at(&mut world, group, a, b, vec![]);
    assert_eq!(refused, DirectFailure::Refused);
    assert_eq!(refused.reason(), "refused");
    assert!(told(&world, b).is_empty(), "its applications do not care");
    // Who accepts bytes has not accepted messages.
    let streams = DirectConsent {
        messages: false,
        streams: true,
    };
    world.listen_direct(b, group, streams);
    let refused = failed_at(&mut world, group, a, b, vec![]);
    assert_eq!(refused, DirectFailure::Refused);
    assert!(told(&world, b).is_empty(), "nobody there hears of it");

    world.listen_direct(b, group, DirectConsent::ALL);
    let neighbours = world.neighbours(a, group);
    let (ours, theirs) = opened(&mut world, group, a, b);

    assert_eq!(connected(&world, a), [(ours, false)]);
    assert_eq!(connected(&world, b), [(theirs, true)]);
    for (node, other, id, incoming) in [(a, b, ours, false), (b, a, theirs, true)] {
        let view = world.directs(node, group);
        assert_eq!(view.len(), 1);
        assert_eq!((view[0].id, view[0].incoming), (id, incoming));
        assert_eq!(view[0].state, DirectState::Open);
        assert_eq!(view[0].member, world.member(other, group));
        assert_eq!(view[0].peer, Some(world.peer(other)));
        assert_eq!(view[0].address, Some(world.address(other)));
    }
    assert_eq!(world.neighbours(a, group), neighbours);

    let close = DirectInput::Close { id: ours };
    world.command(a, Input::Direct(close));
    world.run_for(SECOND);
    assert_eq!(ends(&world, a), [(ours, DirectEnd::ClosedHere)]);
    assert_eq!(ends(&world, b), [(theirs, DirectEnd::ClosedThere)]);
    for node in [a, b] {
        assert!(world.directs(node, group).is_empty());
    }
    let idle = world.run_until(MINUTE, |w| w.unfinished(a) + w.unfinished(b) == 0);
    assert!(idle, "nothing is left of it");
    // Who closes what is closed changes nothing, and is told nothing.
    world.command(a, Input::Direct(DirectInput::Close { id: ours }));
    assert_eq!(ends(&world, a).len(), 1);
}

#[test]
fn a_connection_that_cannot_be_fails_with_its_reason() {
    let (mut world, group, nodes) = club(301, 2);
    let (a, b, c) = (nodes[0], nodes[1], nodes[2]);
    let nowhere = Place {
        peer: None,
        addresses: vec!["/memory/900".parse().expect("an address")],
    };
    let failed = failed_at(&mut world, group, a, b, vec![nowhere]);
    assert_eq!(failed, DirectFailure::Unreachable);
    let to_c = world.place(c);
    let failed = failed_at(&mut world, group, a, b, vec![to_c]);
    assert_eq!(
        failed,
        DirectFailure::OtherMember,
        "the target says who it is"
    );
    let wrong = Place {
        peer: Some(world.peer(b)),
        addresses: vec![world.address(c)],
    };
    world.cut(a, b);
    world.run_for(6 * SECOND);
    world.partition(&[&[a, c], &[b]]);
    world.run_for(MINUTE);
    let failed = failed_at(&mut world, group, a, b, vec![wrong]);
    assert_eq!(failed, DirectFailure::OtherMember, "another node is there");
    assert!(told(&world, c).is_empty(), "nobody there hears of it");
    let failed = failed_at(&mut world, group, a, a, vec![]);
    assert_eq!(failed, DirectFailure::ConnectSelf);
    let own = world.place(a);
    let failed = failed_at(&mut world, group, a, a, vec![own]);
    assert_eq!(failed, DirectFailure::ConnectSelf);
    let at = world.place(b);
    let id = world.open_direct(a, group, b, vec![at]);
    world.command(a, Input::Direct(DirectInput::Close { id }));
    assert_eq!(failures(&world, a), [(id, DirectFailure::Closed, None)]);
    world.clear_events(a);
    world.disconnect(a, group);
    let failed = failed_at(&mut world, group, a, c, vec![]);
    assert_eq!(failed, DirectFailure::Offline);
    world.run_for(MINUTE);
    for node in [a, c] {
        assert_eq!(world.unfinished(node), 0, "node {node}");
    }
}

#[test]
fn places_are_tried_one_after_the_other_and_each_failure_names_the_next() {
    let (mut world, group, nodes) = club(302, 2);
    let (a, b, c) = (nodes[0], nodes[1], nodes[2]);
    let places = vec![
        Place {
            peer: None,
            addresses: vec!["/memory/900".parse().expect("an address"), world.address(c)],
        },
        world.place(b),
    ];
    let first = world.open_direct(a, group, b, places);
    let open = world.run_until(MINUTE, |w| !connected(w, a).is_empty());
    assert!(open, "{:?}", told(&world, a));

    let failed = failures(&world, a);
    let reasons: Vec<DirectFailure> = failed.iter().map(|(_, reason, _)| *reason).collect();
    assert_eq!(
        reasons,
        [DirectFailure::Unreachable, DirectFailure::OtherMember]
    );
    let mut expected = first;
    for (id, _, next) in failed {
        assert_eq!(id, expected);
        expected = next.expect("another one follows");
    }
    assert_eq!(connected(&world, a), [(expected, false)]);
}

#[test]
fn a_removed_member_loses_its_direct_connections_in_the_same_moment() {
    let (mut world, group, nodes) = club(303, 3);
    let (admin, a, outcast) = (nodes[0], nodes[1], nodes[2]);
    let (ours, _) = opened(&mut world, group, a, outcast);
    let (_, incoming) = opened(&mut world, group, outcast, a);
    let (stays, _) = opened(&mut world, group, a, nodes[3]);
    let waits = world.open_direct(
        a,
        group,
        outcast,
        vec![Place {
            peer: None,
            addresses: vec!["/memory/900".parse().expect("an address")],
        }],
    );
    let key = world.member(outcast, group);
    let command = world.revoke(admin, group, removal_of(key));
    world.succeeded(admin, command);
    let gone = world.run_until(MINUTE, |w| !removed(w, a, key).is_empty());
    assert!(gone);

    let at = removed(&world, a, key)[0].0;
    let cut: Vec<(Duration, ConnectionId, DirectEnd)> = world
        .events(a)
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Direct(DirectEvent::Disconnected { id, end, .. }) => Some((*at, *id, *end)),
            _ => None,
        })
        .collect();
    let mut expected = [
        (at, ours, DirectEnd::Removed),
        (at, incoming, DirectEnd::Removed),
    ];
    expected.sort_by_key(|(_, id, _)| *id);
    assert_eq!(cut, expected);
    assert_eq!(
        failures(&world, a),
        [(waits, DirectFailure::UnknownMember, None)]
    );
    let left = world.directs(a, group);
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [stays]);
    // Nor does it get another one.
    world.clear_events(a);
    let failed = failed_at(&mut world, group, a, outcast, vec![]);
    assert_eq!(failed, DirectFailure::UnknownMember);
    world.run_for(5 * SECOND);
    assert!(
        ends(&world, outcast)
            .iter()
            .all(|(_, end)| { matches!(end, DirectEnd::Removed | DirectEnd::ClosedThere) })
    );
    assert!(world.directs(outcast, group).is_empty());
}

#[test]
fn whoever_cannot_prove_itself_hears_nothing_and_always_as_late() {
    let delay = Duration::from_millis(20);
    let (mut world, group, node) = founded(Config {
        delay: delay..delay + Duration::from_nanos(1),
        ..Config::from_env(304)
    });
    world.listen_direct(node, group, DirectConsent::ALL);
    let other = world.create_group();
    let wanted = world.member(node, group);
    let mode = Some(DirectMode::Messages);
    let (raw, membership) = raw_member(&mut world, group, node);
    let honest = ask(&mut world, raw, node, group, &membership, wanted, mode).1;

    let stranger = world.add_raw();
    world.link_up(stranger, node);
    let identity = world.identity();
    let elsewhere = world.issue(other, identity, Role::Member, None);
    let foreign = ask(&mut world, stranger, node, other, &elsewhere, wanted, mode).1;
    let mixed = ask(&mut world, stranger, node, group, &elsewhere, wanted, mode).1;
    let identity = world.identity();
    let lapsed = world.issue(group, identity, Role::Member, Some(world.now() + SECOND));
    world.run_for(HOUR);
    let late = ask(&mut world, stranger, node, group, &lapsed, wanted, mode).1;
    let mut altered = ask(&mut world, raw, node, group, &membership, wanted, mode).1;
    if let Some(last) = altered.last_mut() {
        *last ^= 1;
    }

    let cases = [
        (stranger, vec![], "malformed"),
        (stranger, vec![0x80; 64], "malformed"),
        (stranger, foreign, "unknown_group"),
        (stranger, honest.clone(), "unknown_group"),
        (stranger, mixed, "chain"),
        (stranger, late, "chain"),
        (raw, altered, "sealed"),
    ];
    for (from, request, reason) in cases {
        world.clear_events(node);
        let (answer, after) = sent(&mut world, from, node, request);
        assert_eq!(answer, Err(DirectFailure::NotAuthorised), "{reason}");
        assert_eq!(after, REFUSAL_DELAY + 2 * delay, "{reason}");
        assert_eq!(
            refusals(&world, node, from).into_iter().collect::<Vec<_>>(),
            [reason]
        );
    }
    assert!(told(&world, node).is_empty());
    // The same question in the hands of who made it.
    let (answer, after) = sent(&mut world, raw, node, honest);
    assert!(answer.is_ok());
    assert_eq!(after, 2 * delay, "a member need not wait");
    world.run_for(MINUTE);
    assert_eq!(world.unfinished(node), 0);
}

#[test]
fn a_handle_opens_one_stream_for_its_peer_and_only_for_a_while() {
    let (mut world, group, node) = founded(Config::from_env(305));
    world.listen_direct(node, group, DirectConsent::ALL);
    let (raw, membership) = raw_member(&mut world, group, node);
    let (thief, _) = raw_member(&mut world, group, node);
    let wanted = world.member(node, group);
    let mode = Some(DirectMode::Messages);
    let (asking, request) = ask(&mut world, raw, node, group, &membership, wanted, mode);
    let (answer, _) = sent(&mut world, raw, node, request.clone());
    let late = proven(&world, raw, group, &asking, &answer.expect("accepted")).expect("proven");
    world.run_for(DIRECT_EXPECTED);
    stream(&mut world, raw, group, node, late);
    world.run_for(SECOND);
    assert!(connected(&world, node).is_empty(), "too late");

    // The question said again by the same peer leads to another handle.
    let before = world.inbox(raw).len();
    let id = ConnectionId::new(RAW_ID).expect("it is not 0");
    let peer = world.peer(node);
    world.inject(raw, Output::Direct(DirectOutput::Ask { id, peer, request }));
    world.run_for(SECOND);
    let reply = world.inbox(raw)[before..]
        .iter()
        .find_map(|(_, input)| match input {
            Input::Direct(DirectInput::Answered { result, .. }) => result.clone().ok(),
            _ => None,
        })
        .expect("accepted");
    let good = proven(&world, raw, group, &asking, &reply).expect("proven");
    stream(&mut world, thief, group, node, good.clone());
    world.run_for(SECOND);
    assert!(
        connected(&world, node).is_empty(),
        "not the peer it was given to"
    );
    for _ in 0..2 {
        stream(&mut world, raw, group, node, good.clone());
        world.run_for(SECOND);
    }
    assert_eq!(connected(&world, node).len(), 1, "once");
    world.run_for(MINUTE);
    assert_eq!(world.unfinished(node), 0);
}

#[test]
fn who_is_another_member_than_the_one_named_is_found_out_by_the_opener_too() {
    let (mut world, group, a) = founded(Config::from_env(306));
    let b = world.enrol_under(a, group, Role::Member);
    settle(&mut world, group, &[a, b]);
    let (liar, membership) = raw_member(&mut world, group, a);
    let at = world.place(liar);
    let id = world.open_direct(a, group, b, vec![at]);
    world.run_for(SECOND);
    let (number, request) = world
        .inbox(liar)
        .iter()
        .find_map(|(_, input)| question(input))
        .expect("it was asked");
    let asked = heard(&mut world, group, liar, a, &request);
    assert_eq!(asked.wanted, world.member(b, group));
    let presented = world.presented(liar, &membership);
    let reply = Some(asked.accept(&presented));
    let answer = DirectOutput::Answer { ask: number, reply };
    world.inject(liar, Output::Direct(answer));
    world.run_for(SECOND);
    assert_eq!(
        failures(&world, a),
        [(id, DirectFailure::OtherMember, None)]
    );
    assert_ne!(asked.refuse(DirectRefusal::Busy), asked.accept(&presented));
    // Answers nobody waits for any more change nothing.
    for input in [
        DirectInput::Answered {
            id,
            result: Ok(vec![1, 2, 3]),
        },
        DirectInput::Dialled {
            id,
            result: Ok(world.peer(liar)),
        },
        DirectInput::StreamOpened { id, address: None },
        DirectInput::StreamFailed { id },
        DirectInput::Ended {
            id,
            end: DirectEnd::Broken,
        },
    ] {
        world.command(a, Input::Direct(input));
    }
    assert_eq!(told(&world, a).len(), 1);
    assert_eq!(world.unfinished(a), 0);
}

#[test]
fn a_direct_connection_makes_no_neighbour_and_brings_no_records() {
    let (mut world, group, node) = founded(Config::from_env(307));
    world.listen_direct(node, group, DirectConsent::ALL);
    let (raw, membership, id) = raw_opened(&mut world, group, node);
    let record = world.note_by(&membership, b"pushed in", world.now());
    spread_direct(&mut world, group, raw, node, record.bytes());
    let command = world.publish(node, group, b"news");
    world.succeeded(node, command);
    world.run_for(MINUTE);
    assert!(world.neighbours(node, group).is_empty());
    assert!(!world.holds(node, group, &record.hash()));
    let heard = world
        .inbox(raw)
        .iter()
        .any(|(_, input)| matches!(input, Input::Heard { .. } | Input::Frame { .. }));
    assert!(!heard, "what the group says does not go that way");
    assert_eq!(world.directs(node, group)[0].id, id);
}

#[test]
fn direct_connections_and_neighbours_take_no_room_from_each_other() {
    let (mut world, group, node) = founded(Config::from_env(312));
    world.listen_direct(node, group, DirectConsent::ALL);
    for _ in 0..MAX_NEIGHBOURS {
        raw_opened(&mut world, group, node);
    }
    assert_eq!(world.directs(node, group).len(), MAX_NEIGHBOURS);
    assert!(world.neighbours(node, group).is_empty());

    // As many neighbours as there may be, all the same.
    let members = grown(&mut world, group, node, &[Role::Member; MAX_NEIGHBOURS]);
    for member in members {
        if world.neighbours(node, group).contains(&member) {
            continue;
        }
        let (from, to) = match is_chooser(&world.peer(node), &world.peer(member)) {
            true => (node, member),
            false => (member, node),
        };
        let (peer, replica) = (world.peer(to), world.replica(from, group).expect("it runs"));
        world.link_up(from, to);
        world.inject(from, Output::StartExchange { peer, replica });
    }
    world.run_for(5 * SECOND);
    assert_eq!(world.neighbours(node, group).len(), MAX_NEIGHBOURS);
    assert_eq!(world.directs(node, group).len(), MAX_NEIGHBOURS);

    // And one more who is none of them.
    let (raw, ..) = raw_opened(&mut world, group, node);
    assert_eq!(world.directs(node, group).len(), MAX_NEIGHBOURS + 1);
    assert_eq!(world.neighbours(node, group).len(), MAX_NEIGHBOURS);
    assert!(!world.neighbours(node, group).contains(&raw));
}

fn spread_direct(
    world: &mut World,
    group: GroupIndex,
    from: NodeIndex,
    to: NodeIndex,
    bytes: &[u8],
) {
    let (group, peer, bytes) = (world.group_id(group), world.peer(to), bytes.to_vec());
    let frame = bytes.clone();
    world.inject(from, Output::Gossip { group, bytes });
    world.inject(from, Output::Send { group, peer, frame });
}

#[test]
fn a_proof_that_is_not_renewed_ends_the_connection_and_one_that_is_does_not() {
    let (mut world, group, node) = founded(Config::from_env(308));
    world.listen_direct(node, group, DirectConsent::ALL);
    let (mute, _, mute_id) = raw_opened(&mut world, group, node);
    let (good, membership, good_id) = raw_opened(&mut world, group, node);
    let mut seen = world.inbox(good).len();
    // Two days: longer than any proof holds, and as long again.
    for _ in 0..2 * 24 * 60 * 12 {
        world.run_for(5 * SECOND);
        let asked = world.inbox(good)[seen..]
            .iter()
            .find_map(|(_, input)| question(input));
        seen = world.inbox(good).len();
        let Some((number, request)) = asked else {
            continue;
        };
        let asked = heard(&mut world, group, good, node, &request);
        assert_eq!(asked.mode, None, "it wants no other connection");
        let reply = Some(asked.accept(&world.presented(good, &membership)));
        let answer = DirectOutput::Answer { ask: number, reply };
        world.inject(good, Output::Direct(answer));
    }
    let asked = world
        .inbox(mute)
        .iter()
        .any(|(_, input)| question(input).is_some());
    assert!(asked, "it was asked in time");
    assert_eq!(ends(&world, node), [(mute_id, DirectEnd::Expired)]);
    assert_eq!(world.directs(node, group).len(), 1);
    assert_eq!(world.directs(node, group)[0].id, good_id);

    // The other side may ask as well, while there is a connection, whoever listens.
    world.listen_direct(node, group, DirectConsent::NONE);
    let wanted = world.member(node, group);
    let (asking, request) = ask(&mut world, good, node, group, &membership, wanted, None);
    let (answer, _) = sent(&mut world, good, node, request);
    assert!(proven(&world, good, group, &asking, &answer.expect("accepted")).is_ok());
    let (raw, membership) = raw_member(&mut world, group, node);
    let (asking, request) = ask(&mut world, raw, node, group, &membership, wanted, None);
    let (answer, _) = sent(&mut world, raw, node, request);
    let refused = proven(&world, raw, group, &asking, &answer.expect("an answer"));
    assert_eq!(refused.map(|_| ()), Err(DirectFailure::Refused));
}

#[test]
fn going_offline_ends_them_and_so_does_a_torn_network() {
    let (mut world, group, nodes) = club(309, 2);
    let (a, b, c) = (nodes[0], nodes[1], nodes[2]);
    let (with_b, at_b) = opened(&mut world, group, a, b);
    let (with_c, at_c) = opened(&mut world, group, a, c);
    world.partition(&[&[a, c], &[b]]);
    let lost = world.run_until(MINUTE, |w| !ends(w, a).is_empty() && !ends(w, b).is_empty());
    assert!(lost);
    assert_eq!(ends(&world, a), [(with_b, DirectEnd::Broken)]);
    assert_eq!(ends(&world, b), [(at_b, DirectEnd::Broken)]);
    let waits = world.open_direct(a, group, b, vec![]);
    let over = world.run_until(2 * DIRECT_PATIENCE, |w| !failures(w, a).is_empty());
    assert!(over);
    assert_eq!(failures(&world, a)[0].0, waits);

    world.disconnect(a, group);
    world.run_for(SECOND);
    assert_eq!(ends(&world, a)[1..], [(with_c, DirectEnd::GroupClosed)]);
    assert_eq!(ends(&world, c), [(at_c, DirectEnd::ClosedThere)]);
    // The wish to accept outlives it.
    world.heal();
    world.connect(a, group);
    settle(&mut world, group, &nodes);
    let at = world.place(a);
    world.open_direct(b, group, a, vec![at]);
    let open = world.run_until(MINUTE, |w| !w.directs(a, group).is_empty());
    assert!(open);
    world.crash(a);
    let noticed = world.run_until(MINUTE, |w| ends(w, b).len() == 2);
    assert!(noticed);
}

#[test]
fn nobody_gets_more_connections_than_there_may_be() {
    let (mut world, group, nodes) = club(310, 2);
    let (a, b, c) = (nodes[0], nodes[1], nodes[2]);
    for _ in 0..MAX_DIRECTS_PER_MEMBER {
        opened(&mut world, group, a, b);
    }
    world.clear_events(a);
    let failed = failed_at(&mut world, group, a, b, vec![]);
    assert_eq!(failed, DirectFailure::TooMany, "ours");
    world.command(
        a,
        Input::Direct(DirectInput::Close {
            id: world.directs(a, group)[0].id,
        }),
    );
    // Told at once here, and not yet there.
    let id = world.open_direct(a, group, b, vec![]);
    world.run_for(5 * SECOND);
    let events = told(&world, a);
    let ended = events.iter().any(|event| match event {
        DirectEvent::Connected { id: of, .. } => *of == id,
        DirectEvent::Failed { id: of, reason, .. } => *of == id && *reason == DirectFailure::Busy,
        _ => false,
    });
    assert!(ended, "{events:?}");
    // Another member has its own share, and attempts are bounded too.
    opened(&mut world, group, a, c);
    world.clear_events(a);
    let nowhere = Place {
        peer: None,
        addresses: vec!["/memory/900".parse().expect("an address")],
    };
    for _ in 0..MAX_DIRECTS_OPENING {
        // One connection is open; one attempt of these is too many with the same member already.
        world.open_direct(a, group, c, vec![nowhere.clone()]);
    }
    let too_many = failures(&world, a);
    assert_eq!(too_many.len(), 1);
    assert_eq!(too_many[0].1, DirectFailure::TooMany);
}

#[test]
fn a_member_that_asks_for_more_than_its_share_is_told_busy() {
    let (mut world, group, node) = founded(Config::from_env(311));
    world.listen_direct(node, group, DirectConsent::ALL);
    let (raw, membership) = raw_member(&mut world, group, node);
    let wanted = world.member(node, group);
    let mode = Some(DirectMode::Messages);
    let before = world.inbox(raw).len();
    let mut askings = Vec::new();
    for number in 1..=MAX_DIRECTS_PER_MEMBER as u64 + 1 {
        let (asking, request) = ask(&mut world, raw, node, group, &membership, wanted, mode);
        askings.push(asking);
        let id = ConnectionId::new(number).expect("it is not 0");
        let peer = world.peer(node);
        world.inject(raw, Output::Direct(DirectOutput::Ask { id, peer, request }));
    }
    world.run_for(SECOND);
    let mut verdicts = Vec::new();
    for (_, input) in &world.inbox(raw)[before..] {
        if let Input::Direct(DirectInput::Answered { id, result }) = input {
            let asking = &askings[id.get() as usize - 1];
            let reply = result.clone().expect("a member gets an answer");
            verdicts.push(proven(&world, raw, group, asking, &reply).map(drop));
        }
    }
    let busy = verdicts
        .iter()
        .filter(|verdict| **verdict == Err(DirectFailure::Busy));
    assert_eq!(busy.count(), 1);
    assert_eq!(verdicts.len(), MAX_DIRECTS_PER_MEMBER + 1);
    // What was accepted and never opened is forgotten.
    world.run_for(DIRECT_EXPECTED + SECOND);
    assert_eq!(world.unfinished(node), 0);
    assert!(told(&world, node).is_empty());
}
