//! A group's door on virtual time: who comes in by password or by asking, who does not, and what
//! whoever tries again and again, listens or repeats gets out of it.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{sync::Arc, time::Duration};

use multiaddr::{Multiaddr, Protocol};
use peerage_protocol::{
    admission::REFUSAL_DELAY,
    cloud::Cloud,
    door::{
        Decision, Door, GroupAddress, PasswordDoor, Standing,
        password::{Password, PasswordFile},
        visitor::Rung,
    },
    engine::{
        Change, DoorEvent, DoorInput, Entry, Event, Input, NewVisit, Output, Removal, VisitOutcome,
        visit_id,
    },
    gmc::{self, IssueOptions},
    group::Role,
    identity::Identity,
    invitation::{Accepted, Invitation, InvitationDraft},
    revocation::Cause,
    sim::{Config, GroupIndex, Membership, NodeIndex, World},
};
use peerage_records::id::{RecordId, RecordType, ReplicaId};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const PASSWORD: &str = "correct horse battery";

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

/// A group whose creator is online, with a door.
struct Club {
    world: World,
    club: GroupIndex,
    ann: NodeIndex,
    address: GroupAddress,
}

fn door(world: &mut World, secret: Option<&Door>) -> Door {
    let mut door = Door::closed(world.rng());
    door.requests = true;
    door.password = Some(PasswordDoor {
        role: Role::Member,
        file: PasswordFile::register(&password(PASSWORD), world.rng()).unwrap(),
    });
    if let Some(earlier) = secret {
        door.secret = earlier.secret.clone();
    }
    door
}

fn club(seed: u64) -> Club {
    let mut world = World::new(Config::from_env(seed));
    let club = world.create_group();
    let ann = world.add_node();
    world.enrol(ann, club, Role::Admin);
    world.connect(ann, club);
    let door = door(&mut world, None);
    world.set_door(ann, club, door);
    let address = address(&world, ann, club, &[ann]);
    Club {
        world,
        club,
        ann,
        address,
    }
}

fn address(world: &World, by: NodeIndex, club: GroupIndex, at: &[NodeIndex]) -> GroupAddress {
    let membership = world.membership_of(by, club);
    let bootstrap = at
        .iter()
        .map(|node| {
            let address: Multiaddr = format!("/memory/{}", node + 1).parse().unwrap();
            address.with(Protocol::P2p(world.peer(*node)))
        })
        .collect();
    let door = world.door(by, club).unwrap().door;
    GroupAddress::create(
        &membership.identity,
        &membership.gmc,
        &Cloud::global(),
        bootstrap,
        door,
    )
    .unwrap()
}

/// A visit that has begun.
struct Visit {
    node: NodeIndex,
    identity: Arc<Identity>,
    id: ReplicaId,
}

fn visit_from(
    world: &mut World,
    node: NodeIndex,
    identity: Arc<Identity>,
    address: &GroupAddress,
    entry: Entry,
) -> Visit {
    let id = visit_id(&identity.key(), &address.group());
    let new = NewVisit {
        identity: Arc::clone(&identity),
        address: address.clone(),
        entry,
    };
    world.command(node, Input::Door(DoorInput::Visit(Box::new(new))));
    Visit { node, identity, id }
}

fn visit(world: &mut World, address: &GroupAddress, entry: Entry) -> Visit {
    let node = world.add_node();
    let identity = Arc::new(world.identity());
    visit_from(world, node, identity, address, entry)
}

fn with_password(text: &str) -> Entry {
    Entry::Password(password(text))
}

fn outcomes(world: &World, visit: &Visit) -> Vec<VisitOutcome> {
    let outcome = |event: &Event| match event {
        Event::Door(DoorEvent::Visited { visit: id, outcome }) if *id == visit.id => {
            Some(outcome.clone())
        }
        _ => None,
    };
    let events = world.events(visit.node).iter();
    events.filter_map(|(_, event)| outcome(event)).collect()
}

fn admitted(world: &World, visit: &Visit) -> Option<Accepted> {
    outcomes(world, visit)
        .into_iter()
        .find_map(|outcome| match outcome {
            VisitOutcome::Admitted(accepted) => Some(*accepted),
            _ => None,
        })
}

fn is_refused(world: &World, visit: &Visit) -> bool {
    outcomes(world, visit)
        .iter()
        .any(|outcome| matches!(outcome, VisitOutcome::Refused))
}

fn is_waiting(world: &World, visit: &Visit) -> bool {
    outcomes(world, visit)
        .iter()
        .any(|outcome| matches!(outcome, VisitOutcome::Waiting))
}

fn let_in(world: &World, node: NodeIndex) -> usize {
    let events = world.events(node).iter();
    events
        .filter(|(_, event)| matches!(event, Event::Door(DoorEvent::LetIn { .. })))
        .count()
}

fn refusals(world: &World, node: NodeIndex) -> Vec<&'static str> {
    let events = world.events(node).iter();
    events
        .filter_map(|(_, event)| match event {
            Event::AdmissionRefused { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect()
}

/// Uses what a visit brought, as the node would.
fn move_in(world: &mut World, visit: &Visit, club: GroupIndex) -> Membership {
    let accepted = admitted(world, visit).unwrap();
    assert_eq!(accepted.secret.expose(), world.secret(club).expose());
    let membership = Membership {
        identity: Arc::clone(&visit.identity),
        gmc: accepted.gmc,
    };
    world.enrol_as(visit.node, club, membership.clone());
    world.connect(visit.node, club);
    membership
}

#[test]
fn the_right_password_makes_a_member_and_is_not_needed_again() {
    let mut c = club(1);
    let ben = visit(&mut c.world, &c.address, with_password(PASSWORD));
    let done = c
        .world
        .run_until(MINUTE, |world| admitted(world, &ben).is_some());
    assert!(done, "{:?}", outcomes(&c.world, &ben));
    let accepted = admitted(&c.world, &ben).unwrap();
    assert_eq!(accepted.gmc.roles(), Role::Member.into());
    assert_eq!(accepted.gmc.issuer(), c.world.member(c.ann, c.club));
    move_in(&mut c.world, &ben, c.club);
    c.world.publish(c.ann, c.club, b"hello");
    assert!(c.world.run_until(MINUTE * 3, |world| {
        world.converged(c.club, &[c.ann, ben.node]) && world.payloads(ben.node, c.club).len() == 1
    }));

    // The door closes; the member comes back with its certificate, and nobody asks for a password.
    let closed = Door::closed(c.world.rng());
    c.world.set_door(c.ann, c.club, closed);
    c.world.crash(ben.node);
    c.world.run_for(MINUTE);
    c.world.restart(ben.node);
    assert!(c.world.run_until(MINUTE * 5, |world| {
        world
            .view(ben.node, c.club)
            .is_some_and(|view| !view.neighbours.is_empty())
    }));
    assert_eq!(let_in(&c.world, c.ann), 1);
}

#[test]
fn a_wrong_password_comes_to_nothing_and_leaves_nothing() {
    let mut c = club(2);
    let records = c.world.record_count(c.ann, c.club);
    let eve = visit(&mut c.world, &c.address, with_password("incorrect horse"));
    assert!(c.world.run_until(MINUTE, |world| is_refused(world, &eve)));
    c.world.run_for(HOUR);
    assert!(admitted(&c.world, &eve).is_none());
    assert_eq!(
        outcomes(&c.world, &eve).len(),
        1,
        "it does not go on guessing"
    );
    assert_eq!(let_in(&c.world, c.ann), 0);
    assert_eq!(c.world.record_count(c.ann, c.club), records);
    assert_eq!(c.world.view(c.ann, c.club).unwrap().roster.len(), 1);
    assert_eq!(c.world.unfinished(c.ann), 0);

    // Again, with another password: the same visit, begun anew.
    let identity = Arc::clone(&eve.identity);
    let right = with_password(PASSWORD);
    visit_from(&mut c.world, eve.node, identity, &c.address, right);
    let done = |world: &World| admitted(world, &eve).is_some();
    assert!(c.world.run_until(MINUTE, done));
    // There is nothing to take up any more, and that is no failure.
    let before = outcomes(&c.world, &eve).len();
    let leave = DoorInput::Leave { visit: eve.id };
    c.world.command(eve.node, Input::Door(leave));
    c.world.run_for(MINUTE);
    assert_eq!(outcomes(&c.world, &eve).len(), before);
}

#[test]
fn who_was_removed_does_not_come_back_by_the_password() {
    let mut c = club(15);
    let ben = visit(&mut c.world, &c.address, with_password(PASSWORD));
    let done = |world: &World| admitted(world, &ben).is_some();
    assert!(c.world.run_until(MINUTE, done));
    move_in(&mut c.world, &ben, c.club);
    let known = |world: &World, count| world.view(c.ann, c.club).unwrap().roster.len() == count;
    assert!(c.world.run_until(MINUTE * 3, |world| known(world, 2)));
    let replica = c.world.replica(c.ann, c.club).unwrap();
    let removal = Removal {
        subject: ben.identity.key(),
        cause: Cause::Removed,
        reason: String::new(),
        cascade: false,
        with_records: false,
        by_group_key: false,
    };
    let revoke = Input::Command {
        command: 1_000,
        replica,
        change: Change::Revoke(removal),
    };
    c.world.command(c.ann, revoke);
    assert!(c.world.run_until(MINUTE * 5, |world| known(world, 1)));

    // From another node, so that nothing of the first membership is in the way.
    c.world.crash(ben.node);
    let node = c.world.add_node();
    let (right, identity) = (with_password(PASSWORD), Arc::clone(&ben.identity));
    let again = visit_from(&mut c.world, node, identity, &c.address, right);
    c.world.run_for(MINUTE);
    assert!(admitted(&c.world, &again).is_none());
    assert!(refusals(&c.world, c.ann).contains(&"door_unwelcome"));
    // Under another identity nobody can tell.
    let other = visit(&mut c.world, &c.address, with_password(PASSWORD));
    let done = |world: &World| admitted(world, &other).is_some();
    assert!(c.world.run_until(MINUTE, done));
}

#[test]
fn several_identities_come_in_with_one_address() {
    let mut c = club(3);
    let visits: Vec<Visit> = (0..4)
        .map(|_| visit(&mut c.world, &c.address, with_password(PASSWORD)))
        .collect();
    let done = |world: &World| visits.iter().all(|v| admitted(world, v).is_some());
    assert!(c.world.run_until(MINUTE, done));
    for visit in &visits {
        move_in(&mut c.world, visit, c.club);
    }
    let known = |world: &World| world.view(c.ann, c.club).unwrap().roster.len() == 5;
    assert!(c.world.run_until(MINUTE * 5, known));
}

#[test]
fn a_group_with_a_password_takes_members_with_invitations_too() {
    let mut c = club(4);
    let ben = c.world.add_node();
    c.world.enrol(ben, c.club, Role::Member);
    c.world.connect(ben, c.club);
    assert!(c.world.run_until(MINUTE * 3, |world| {
        world.view(c.ann, c.club).unwrap().roster.len() == 2
    }));
    // And it knows the door, to serve it one day.
    let knows = |world: &World| world.door(ben, c.club).is_some();
    assert!(c.world.run_until(MINUTE * 3, knows));
}

#[test]
fn a_plain_member_opens_to_nobody_and_an_inviting_one_does() {
    let mut c = club(5);
    let (ben, cy) = (c.world.add_node(), c.world.add_node());
    c.world.enrol(ben, c.club, Role::Member);
    c.world.enrol(cy, c.club, Role::InvitingMember);
    for node in [ben, cy] {
        c.world.connect(node, c.club);
    }
    let knows = |world: &World, node| world.door(node, c.club).is_some();
    assert!(
        c.world
            .run_until(MINUTE * 5, |world| knows(world, ben) && knows(world, cy))
    );
    c.world.disconnect(c.ann, c.club);
    c.world.disconnect(cy, c.club);
    let address = address(&c.world, c.ann, c.club, &[ben, cy]);
    let dan = visit(&mut c.world, &address, with_password(PASSWORD));
    c.world.run_for(MINUTE * 3);
    assert!(admitted(&c.world, &dan).is_none());
    assert!(
        !is_refused(&c.world, &dan),
        "nobody has looked at the password"
    );
    assert_eq!(let_in(&c.world, ben), 0);

    c.world.connect(cy, c.club);
    assert!(
        c.world
            .run_until(MINUTE * 10, |world| admitted(world, &dan).is_some())
    );
    let gmc = admitted(&c.world, &dan).unwrap().gmc;
    assert_eq!(gmc.issuer(), c.world.member(cy, c.club));
}

#[test]
fn the_membership_has_the_doors_role_and_ends_with_its_issuers() {
    let mut world = World::new(Config::from_env(6));
    let club = world.create_group();
    let (ann, cy) = (world.add_node(), world.add_node());
    world.enrol(ann, club, Role::Admin);
    let end = world.now() + HOUR * 48;
    let identity = world.identity();
    let membership = world.issue(club, identity, Role::InvitingMember, Some(end));
    world.enrol_as(cy, club, membership);
    world.connect(ann, club);
    world.connect(cy, club);
    let mut inviting = door(&mut world, None);
    inviting.password.as_mut().unwrap().role = Role::InvitingMember;
    world.set_door(ann, club, inviting);
    assert!(world.run_until(MINUTE * 5, |world| world.door(cy, club).is_some()));
    world.disconnect(ann, club);
    let address = address(&world, ann, club, &[cy]);
    let dan = visit(&mut world, &address, with_password(PASSWORD));
    assert!(world.run_until(MINUTE * 3, |world| admitted(world, &dan).is_some()));
    let gmc = admitted(&world, &dan).unwrap().gmc;
    assert_eq!(gmc.roles(), Role::InvitingMember.into());
    assert_eq!(
        gmc.not_after(),
        world.membership_of(cy, club).gmc.not_after()
    );

    // What the porter may not give, nobody gets.
    let held = world_door(&world, ann, club).unwrap();
    let mut admins = door(&mut world, Some(&held));
    admins.password.as_mut().unwrap().role = Role::Admin;
    world.connect(ann, club);
    world.set_door(ann, club, admins.clone());
    assert!(world.run_until(MINUTE * 5, |world| {
        world
            .door(cy, club)
            .is_some_and(|view| *view.door == admins)
    }));
    world.disconnect(ann, club);
    let eve = visit(&mut world, &address, with_password(PASSWORD));
    world.run_for(MINUTE * 3);
    assert!(admitted(&world, &eve).is_none());
    assert_eq!(let_in(&world, cy), 1);
}

fn world_door(world: &World, node: NodeIndex, club: GroupIndex) -> Option<Door> {
    world.door(node, club).map(|view| view.door.clone())
}

#[test]
fn doors_are_found_without_an_address_of_anybody() {
    let mut c = club(7);
    c.world.run_for(MINUTE);
    let address = address(&c.world, c.ann, c.club, &[]);
    let ben = visit(&mut c.world, &address, with_password(PASSWORD));
    let done = |world: &World| admitted(world, &ben).is_some();
    assert!(c.world.run_until(MINUTE * 5, done));
}

/// Accepts the request of a visitor, as a member with the role to.
fn accept(c: &mut Club, visit: &Visit) {
    let membership = c.world.membership_of(c.ann, c.club).clone();
    let card = visit.identity.card();
    let now = c.world.now();
    let options = IssueOptions::new(Role::Member);
    let (issuer, gmc) = (&membership.identity, &membership.gmc);
    let chain = gmc::issue(issuer, gmc, &card, None, &options, now, c.world.rng()).unwrap();
    let draft = InvitationDraft {
        chain,
        cloud: Cloud::global(),
        bootstrap: Vec::new(),
        note: None,
    };
    let secret = c.world.secret(c.club).clone();
    let invitation =
        Invitation::create(draft, &membership.identity, &card, &secret, c.world.rng()).unwrap();
    decide(c, visit, Decision::Accept(Box::new(invitation)));
}

fn decide(c: &mut Club, visit: &Visit, decision: Decision) {
    let replica = c.world.replica(c.ann, c.club).unwrap();
    let identity = visit.identity.key();
    let decide = DoorInput::Decide {
        replica,
        identity,
        decision,
    };
    c.world.command(c.ann, Input::Door(decide));
}

#[test]
fn who_asks_waits_until_somebody_decides() {
    let mut c = club(8);
    let ben = visit(&mut c.world, &c.address, Entry::Request("it is Ben".into()));
    let eve = visit(&mut c.world, &c.address, Entry::Request("let me in".into()));
    let both = |world: &World| is_waiting(world, &ben) && is_waiting(world, &eve);
    assert!(c.world.run_until(MINUTE, both));
    let asked: Vec<_> = c
        .world
        .events(c.ann)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Door(DoorEvent::Asked { request, .. }) => Some(request.note.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2, "told once each: {asked:?}");
    c.world.run_for(MINUTE * 10);
    assert!(admitted(&c.world, &ben).is_none(), "waiting is not joining");
    assert_eq!(c.world.view(c.ann, c.club).unwrap().roster.len(), 1);

    accept(&mut c, &ben);
    decide(&mut c, &eve, Decision::Deny);
    c.world.clear_events(eve.node);
    let done = |world: &World| admitted(world, &ben).is_some();
    assert!(c.world.run_until(MINUTE * 10, done));
    move_in(&mut c.world, &ben, c.club);
    c.world.run_for(HOUR);
    assert!(admitted(&c.world, &eve).is_none());
    assert!(!is_waiting(&c.world, &eve), "who was denied gets no answer");
    let queue = c.world.door(c.ann, c.club).unwrap().queue;
    let standing = &queue.get(&eve.identity.key()).unwrap().standing;
    assert_eq!(*standing, Standing::Denied);
    assert_eq!(c.world.view(c.ann, c.club).unwrap().roster.len(), 2);
}

// What follows is played frame by frame.

/// What came back in one exchange, and when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    exchange: u64,
    frames: Vec<Vec<u8>>,
    ended_after: Option<Duration>,
}

fn raw_at(world: &mut World, node: NodeIndex) -> NodeIndex {
    let raw = world.add_raw();
    world.link_up(raw, node);
    raw
}

fn say(world: &mut World, raw: NodeIndex, to: NodeIndex, frame: Vec<u8>) -> Heard {
    let peer = world.peer(to);
    let replica = ReplicaId::from_bytes([0; 16]);
    world.inject(raw, Output::StartExchange { peer, replica });
    world.run_for(Duration::ZERO);
    let exchange = world
        .inbox(raw)
        .iter()
        .rev()
        .find_map(|(_, input)| match input {
            Input::ExchangeStarted { exchange, .. } => *exchange,
            _ => None,
        })
        .unwrap();
    answer(world, raw, exchange, frame)
}

fn answer(world: &mut World, raw: NodeIndex, exchange: u64, frame: Vec<u8>) -> Heard {
    let begun = world.elapsed();
    let before = heard(world, raw, exchange, begun).frames.len();
    world.inject(raw, Output::SendExchange { exchange, frame });
    world.run_for(Duration::from_secs(5));
    let mut heard = heard(world, raw, exchange, begun);
    heard.frames.drain(..before);
    heard
}

fn heard(world: &World, raw: NodeIndex, wanted: u64, begun: Duration) -> Heard {
    let mut heard = Heard {
        exchange: wanted,
        frames: Vec::new(),
        ended_after: None,
    };
    for (at, input) in world.inbox(raw) {
        match input {
            Input::ExchangeFrame {
                exchange, frame, ..
            } if *exchange == wanted => heard.frames.push(frame.clone()),
            Input::ExchangeEnded { exchange } if *exchange == wanted => {
                heard.ended_after = at.checked_sub(begun);
            }
            _ => {}
        }
    }
    heard
}

fn ring(
    world: &mut World,
    address: &GroupAddress,
    text: Option<&str>,
    from: NodeIndex,
    to: NodeIndex,
) -> (Rung, Vec<u8>) {
    let (local, porter) = (world.peer(from), world.peer(to));
    let password = text.map(password);
    Rung::ring(address, password.as_ref(), &local, &porter, world.rng()).unwrap()
}

#[test]
fn k10_who_has_no_address_cannot_tell_that_there_is_a_door() {
    let mut c = club(9);
    let config = c.world.config_mut();
    config.delay = Duration::from_millis(20)..Duration::from_millis(20) + Duration::from_nanos(1);
    // The address of another group, as good as a guess at ours.
    let mut other = club(10);
    other.world.run_for(Duration::from_secs(1));
    let stranger = other.address.clone();

    let bare = c.world.add_node();
    let mut silences = Vec::new();
    for node in [c.ann, bare] {
        let raw = raw_at(&mut c.world, node);
        for text in [None, Some(PASSWORD)] {
            let (_, frame) = ring(&mut c.world, &stranger, text, raw, node);
            let heard = say(&mut c.world, raw, node, frame);
            assert!(heard.frames.is_empty());
            silences.push(heard.ended_after.unwrap());
        }
    }
    assert!(
        silences.iter().all(|silence| *silence == silences[0]),
        "{silences:?}"
    );
    assert!(silences[0] >= REFUSAL_DELAY);
}

#[test]
fn m6_a_recorded_conversation_is_of_no_use_again() {
    let mut c = club(11);
    let raw = raw_at(&mut c.world, c.ann);
    let mallory = raw_at(&mut c.world, c.ann);
    let ben = c.world.identity();
    let (rung, first) = ring(&mut c.world, &c.address, Some(PASSWORD), raw, c.ann);
    let greeted = say(&mut c.world, raw, c.ann, first.clone());
    let now = c.world.now();
    let met = rung
        .on_greeting(&c.address, &greeted.frames[0], now, c.world.rng())
        .unwrap();
    let peerage_protocol::door::visitor::Met::Password(proving) = met else {
        panic!("it rang with a password");
    };
    let caller = peerage_protocol::door::visitor::Caller {
        card: ben.card(),
        binding: peerage_protocol::binding::NodeBinding::create(
            &ben,
            c.world.peer(raw),
            now,
            [1; 16],
        ),
    };
    let (_, proof) = proving.stretch().unwrap().show(&caller);
    let answered = answer(&mut c.world, raw, greeted.exchange, proof.clone());
    assert_eq!(answered.frames.len(), 1, "it was let in once");
    assert_eq!(let_in(&c.world, c.ann), 1);

    // The same peer says it all again: the greeting is another one, and the proof fits it no more.
    let again = say(&mut c.world, raw, c.ann, first.clone());
    assert_ne!(again.frames, greeted.frames);
    let repeated = answer(&mut c.world, raw, again.exchange, proof.clone());
    assert!(repeated.frames.is_empty());
    // Nor does it fit where it did fit before.
    let twice = answer(&mut c.world, raw, greeted.exchange, proof.clone());
    assert!(twice.frames.is_empty());
    // Another peer is not even greeted.
    let stolen = say(&mut c.world, mallory, c.ann, first);
    assert!(stolen.frames.is_empty());
    // And a proof is not what a conversation begins with.
    let early = say(&mut c.world, mallory, c.ann, proof);
    assert!(early.frames.is_empty() && early.ended_after.is_some());
    assert_eq!(let_in(&c.world, c.ann), 1);
    c.world.run_for(MINUTE);
    assert_eq!(c.world.unfinished(c.ann), 0);
}

#[test]
fn m7_guesses_are_counted_per_peer_and_over_all_peers() {
    let mut c = club(12);
    let mut greeted = 0;
    let one = raw_at(&mut c.world, c.ann);
    for guess in 0..20 {
        let text = format!("guess number {guess}");
        let (_, frame) = ring(&mut c.world, &c.address, Some(&text), one, c.ann);
        let peer = c.world.peer(c.ann);
        let replica = ReplicaId::from_bytes([0; 16]);
        c.world.inject(one, Output::StartExchange { peer, replica });
        c.world.run_for(Duration::ZERO);
        let exchange = last_exchange(&c.world, one);
        c.world
            .inject(one, Output::SendExchange { exchange, frame });
    }
    c.world.run_for(Duration::from_secs(2));
    greeted += frames(&c.world, one);
    assert_eq!(greeted, 5, "one peer");

    for guess in 0..100 {
        let raw = raw_at(&mut c.world, c.ann);
        let text = format!("guess number {guess}");
        let (_, frame) = ring(&mut c.world, &c.address, Some(&text), raw, c.ann);
        let peer = c.world.peer(c.ann);
        let replica = ReplicaId::from_bytes([0; 16]);
        c.world.inject(raw, Output::StartExchange { peer, replica });
        c.world.run_for(Duration::ZERO);
        let exchange = last_exchange(&c.world, raw);
        c.world
            .inject(raw, Output::SendExchange { exchange, frame });
        c.world.run_for(Duration::from_millis(200));
        greeted += frames(&c.world, raw);
    }
    assert_eq!(greeted, 30, "a hundred peers");
    let throttled = refusals(&c.world, c.ann);
    let throttled = throttled
        .iter()
        .filter(|reason| **reason == "door_throttled");
    assert_eq!(throttled.count(), 90);
    // Meanwhile who knows the password has to wait, and then gets in.
    let ben = visit(&mut c.world, &c.address, with_password(PASSWORD));
    let done = |world: &World| admitted(world, &ben).is_some();
    assert!(c.world.run_until(MINUTE * 15, done));
}

fn last_exchange(world: &World, raw: NodeIndex) -> u64 {
    let started = world.inbox(raw).iter().rev();
    started
        .filter_map(|(_, input)| match input {
            Input::ExchangeStarted { exchange, .. } => *exchange,
            _ => None,
        })
        .next()
        .unwrap()
}

fn frames(world: &World, raw: NodeIndex) -> usize {
    let inbox = world.inbox(raw).iter();
    inbox
        .filter(|(_, input)| matches!(input, Input::ExchangeFrame { .. }))
        .count()
}

#[test]
fn a_visitor_proves_nothing_to_who_may_not_let_it_in() {
    use peerage_protocol::{
        admission::Presented,
        binding::NodeBinding,
        door::porter::{Bell, Heard},
    };
    let mut c = club(13);
    // Every member holds the door, so a plain one could answer with everything but the right.
    let identity = c.world.identity();
    let plain = c.world.issue(c.club, identity, Role::Member, None);
    let fake = c.world.add_raw();
    let address = address(&c.world, c.ann, c.club, &[fake]);
    let ben = visit(&mut c.world, &address, with_password(PASSWORD));
    c.world.disconnect(c.ann, c.club);
    c.world.run_for(Duration::from_secs(2));
    let (exchange, first) = c
        .world
        .inbox(fake)
        .iter()
        .find_map(|(_, input)| match input {
            Input::ExchangeFrame {
                exchange, frame, ..
            } => Some((*exchange, frame.clone())),
            _ => None,
        })
        .unwrap();
    let door = world_door(&c.world, c.ann, c.club).unwrap();
    let group = c.world.group_id(c.club);
    let (local, peer) = (c.world.peer(fake), c.world.peer(ben.node));
    let bell = Bell {
        group: &group,
        door: &door,
    };
    let heard = Heard::ring(&first, [bell].into_iter(), &local, &peer)
        .unwrap()
        .unwrap();
    let now = c.world.now();
    let presented = Presented {
        binding: NodeBinding::create(&plain.identity, local, now, [1; 16])
            .encode()
            .into(),
        chain: plain.gmc.chain().encode().into(),
        addresses: Vec::new(),
        neighbours: 0,
    };
    let (_, greeting) = heard.greet(&door, &presented, c.world.rng()).unwrap();
    let frame = greeting;
    c.world
        .inject(fake, Output::SendExchange { exchange, frame });
    c.world.run_for(Duration::from_secs(5));
    let said: Vec<u64> = c
        .world
        .inbox(fake)
        .iter()
        .filter_map(|(_, input)| match input {
            Input::ExchangeFrame { exchange, .. } => Some(*exchange),
            _ => None,
        })
        .collect();
    let in_this = said.iter().filter(|of| **of == exchange).count();
    assert_eq!(in_this, 1, "it rang, and showed neither proof nor name");
    assert!(refusals(&c.world, ben.node).contains(&"door_chain"));
    assert!(admitted(&c.world, &ben).is_none());
}

#[test]
fn only_the_groups_key_opens_and_closes() {
    use peerage_records::{codec::SignedRecord, record::Record};
    let mut c = club(14);
    let ben = c.world.add_node();
    c.world.enrol(ben, c.club, Role::Admin);
    c.world.connect(ben, c.club);
    assert!(
        c.world
            .run_until(MINUTE * 3, |world| world.door(ben, c.club).is_some())
    );
    let held = world_door(&c.world, c.ann, c.club).unwrap();
    // An Admin signs a door of its own making.
    let membership = c.world.membership_of(ben, c.club).clone();
    let forged = Door::closed(c.world.rng());
    let (group, now) = (c.world.group_id(c.club), c.world.now());
    let record = Record::create_reserved(
        RecordType::DOOR,
        group,
        membership.identity.key(),
        membership.gmc.not_after(),
        forged.encode(),
        now,
    )
    .unwrap();
    let signed = SignedRecord::sign(record, |bytes| membership.identity.sign(bytes));
    let bytes = signed.bytes().to_vec();
    c.world.inject(ben, Output::Gossip { group, bytes });
    c.world.run_for(MINUTE);
    assert_eq!(world_door(&c.world, c.ann, c.club), Some(held));
    let id = RecordId::reserved(&membership.identity.key(), RecordType::DOOR);
    assert!(c.world.held(c.ann, c.club, id).is_none());
}
