//! The door of complete nodes over real sockets: who comes in by password or by asking, and who does not.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/attacker.rs"]
mod attacker;
#[path = "common/nodes.rs"]
mod nodes;

use std::time::Duration;

use attacker::{Answer, Attacker, Papers, Side, Victim};
use nodes::{Home, code, converged, eventually, holds, linked, publish, ready, told};
use peerage::{
    GroupHandle, InviteOptions, NewGroup, Node,
    clock::Clock,
    model::{DoorRequest, EventKind, GroupInfo, GroupStatus, Outcome},
};
use peerage_protocol::{
    admission::REFUSAL_DELAY,
    binding::NodeBinding,
    door::{
        GroupAddress,
        password::Password,
        visitor::{Caller, Met, Rung},
    },
    group::Role,
};

const PASSWORD: &str = "quiet lamp seven onions";
const WRONG: &str = "quiet lamp eight onions";

fn password(text: &str) -> Option<Password> {
    Some(Password::new(text.to_owned()))
}

fn door(password: Option<&str>, requests: bool) -> DoorRequest {
    DoorRequest {
        password: password.map(ToOwned::to_owned),
        role: None,
        requests,
    }
}

/// A node that hosts a group with an open door, and the group's address.
async fn house() -> (Home, GroupHandle, GroupAddress) {
    let home = Home::new().await;
    home.node.card(None).await.unwrap();
    let new = NewGroup {
        friendly_name: Some("House".to_owned()),
        door: Some(door(Some(PASSWORD), true)),
        ..NewGroup::default()
    };
    let group = home.node.create_group(new).await.unwrap();
    group.connect().await.unwrap();
    let address = group.address().await.unwrap();
    (home, group, address)
}

/// Waits until the group knows so many members: who was let in tells so itself.
async fn has_members(group: &GroupHandle, count: usize) {
    eventually("members", async || {
        (group.members().await.unwrap().len() == count).then_some(())
    })
    .await;
}

async fn visit(home: &Home, address: &GroupAddress, with: Option<Password>) -> GroupInfo {
    home.node.card(None).await.unwrap();
    let joined = home
        .node
        .join_by_address(address.clone(), None, with, None)
        .await;
    joined.unwrap()
}

async fn open(node: &Node, name: &str) -> GroupHandle {
    eventually("being let in", async || {
        node.open_group(name, None).await.ok()
    })
    .await
}

fn refusals(node: &Node, reason: &str) -> u64 {
    let label = format!("peerage_admissions_total{{outcome=\"refused\",reason=\"{reason}\"}} ");
    let metrics = node.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&label));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_breaks_the_policy_makes_no_group() {
    let home = Home::new().await;
    home.node.card(None).await.unwrap();
    for weak in ["short", "passwordpassword", "house house house"] {
        let new = NewGroup {
            friendly_name: Some("House".to_owned()),
            door: Some(door(Some(weak), false)),
            ..NewGroup::default()
        };
        let error = home.node.create_group(new).await.unwrap_err();
        assert_eq!(error.code(), "password_does_not_meet_policy", "{weak}");
        assert_eq!(
            error.original().map(|code| code.name),
            Some("PEER_E_PASSWORD_DOES_NOT_MEET_POLICY")
        );
        assert!(!error.full_text().contains(weak), "it is not repeated");
    }
    assert!(home.node.groups().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_door_has_no_address() {
    let home = Home::new().await;
    let group = home.host("Chess").await;
    assert!(!group.door().await.unwrap().open);
    assert_eq!(code(group.address().await), "door_closed");
    group.open_door(door(None, true)).await.unwrap();
    let address = group.address().await.unwrap();
    assert!(!address.kinds().password);
    // A password cannot be given where none is asked for.
    let ben = Home::new().await;
    ben.node.card(None).await.unwrap();
    let joined = ben
        .node
        .join_by_address(address, None, password(PASSWORD), None)
        .await;
    assert_eq!(code(joined), "invalid_input");
    group.close_door().await.unwrap();
    assert_eq!(code(group.address().await), "door_closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_lets_in_once_and_the_certificate_ever_after() {
    let (_ada, house, address) = house().await;
    let mut ben = Home::new().await;
    let joined = visit(&ben, &address, password(PASSWORD)).await;
    assert_eq!(
        joined.status,
        GroupStatus::Offline,
        "joining needs no network"
    );
    assert_eq!(joined.friendly_name, "House");
    let connected = ben.node.connect_group("House", None).await.unwrap();
    assert_eq!(connected.role, "member");
    let group = open(&ben.node, house.name()).await;
    linked(&group, 1).await;
    ready(&group).await;
    let id = publish(&house, "welcome").await;
    holds(&group, id, "welcome").await;

    // A second time he is a member already.
    let again = ben
        .node
        .join_by_address(address.clone(), None, password(PASSWORD), None)
        .await
        .unwrap();
    assert_eq!(again.outcome, Some(Outcome::AlreadyAMember));
    assert_eq!(again.role, "member");
    let again = ben.node.connect_group("House", None).await.unwrap();
    assert_eq!(again.outcome, Some(Outcome::AlreadyConnected));
    // The door closes, and he comes back all the same.
    house.close_door().await.unwrap();
    drop(group);
    ben.restart().await;
    let group = open(&ben.node, house.name()).await;
    linked(&group, 1).await;
    // To take up what was finished long ago does no harm.
    ben.node.connect_group("House", None).await.unwrap();
    converged([&house, &group]).await;
    // Nothing of the password is left on his disk.
    let folder = ben.node.status().await.unwrap().data_dir;
    let kept = std::fs::read_dir(format!("{folder}/groups")).unwrap();
    for folder in kept {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            assert_ne!(path.extension().unwrap(), "join");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_joins_here_and_is_refused_there() {
    let (ada, house, address) = house().await;
    let mut eve = Home::new().await;
    let joined = visit(&eve, &address, password(WRONG)).await;
    assert_eq!(joined.name, house.name(), "locally it succeeds");
    let error = eve.node.connect_group("House", None).await.unwrap_err();
    assert_eq!(error.code(), "not_authorised");
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_NOT_AUTHORIZED")
    );
    let groups = eve.node.groups().await.unwrap();
    assert_eq!(groups[0].status, GroupStatus::Refused);
    assert_eq!(house.members().await.unwrap().len(), 1);

    // That survives a restart, and nothing is guessed meanwhile.
    eve.restart().await;
    let groups = eve.node.groups().await.unwrap();
    assert_eq!(groups[0].status, GroupStatus::Refused);
    // Connecting again is another try with what was given.
    let error = eve.node.connect_group("House", None).await.unwrap_err();
    assert_eq!(error.code(), "not_authorised");
    // With the right one she comes in.
    visit(&eve, &address, password(PASSWORD)).await;
    eve.node.connect_group("House", None).await.unwrap();
    has_members(&house, 2).await;
    drop(ada);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_identities_come_in_by_one_address() {
    let (_ada, house, address) = house().await;
    let text = address.to_block();
    for _ in 0..2 {
        let home = Home::new().await;
        visit(&home, &text.parse().unwrap(), password(PASSWORD)).await;
        home.node.connect_group("House", None).await.unwrap();
    }
    has_members(&house, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_holds_nothing_of_the_password() {
    let (_ada, _house, address) = house().await;
    let bytes = address.to_bytes();
    assert!(!contains(bytes, PASSWORD.as_bytes()));
    for word in PASSWORD.split(' ') {
        assert!(!contains(bytes, word.as_bytes()));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_plain_members_only_nobody_comes_in() {
    let (ada, house, _) = house().await;
    let ben = Home::new().await;
    let bens = ben.enter(&house).await;
    linked(&bens, 1).await;
    ready(&bens).await;
    eventually("the door", async || {
        bens.door().await.unwrap().open.then_some(())
    })
    .await;
    // Ben's own address for the group's door leads to Ben, and to Ada, who is gone.
    let address = bens.address().await.unwrap();
    ada.node.shutdown().await.unwrap();
    let dan = Home::new().await;
    visit(&dan, &address, password(PASSWORD)).await;
    let tried = dan.node.connect_group("House", None).await.unwrap();
    assert_eq!(tried.status, GroupStatus::Connecting);
    // Which of the two it says depends on whose peer id is the lower one.
    let asked = refusals(&ben.node, "unknown_group") + refusals(&ben.node, "not_chooser");
    assert!(asked > 0, "Ben was asked");
    assert_eq!(bens.members().await.unwrap().len(), 2);
    assert_eq!(bens.requests().await.unwrap().len(), 0);
}

async fn open_or_try(home: &Home, name: &str) -> GroupHandle {
    eventually("being let in", async || {
        home.node.connect_group("House", None).await.unwrap();
        home.node.open_group(name, None).await.ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_let_in_once_somebody_has_accepted() {
    let (mut ada, house, address) = house().await;
    let mut events = house.events(None).await.unwrap();
    let mut ben = Home::new().await;
    let card = ben.node.card(None).await.unwrap();
    let note = "it is Ben, from the lake";
    let joined = ben
        .node
        .join_by_address(address.clone(), None, None, Some(note.to_owned()))
        .await;
    joined.unwrap();
    let waiting = ben.node.connect_group("House", None).await.unwrap();
    assert_eq!(waiting.status, GroupStatus::Waiting);
    let asked = told(&mut events, "a request", |event| {
        event.kind == EventKind::JoinRequested
    })
    .await;
    assert_eq!(asked.detail, Some(card.name().to_string()));

    // Both sides restart: the one still waits, the other still has the request.
    ada.restart().await;
    ben.restart().await;
    assert_eq!(ben.node.groups().await.unwrap()[0].name, house.name());
    let house = open(&ada.node, house.name()).await;
    let requests = house.requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].note, note);
    assert_eq!(requests[0].standing, "waiting");
    assert_eq!(house.members().await.unwrap().len(), 1);

    let options = InviteOptions {
        role: Role::InvitingMember,
        ..InviteOptions::default()
    };
    let nobody = house.accept_request("0123456789", options.clone()).await;
    assert_eq!(code(nobody), "request_not_found");
    let done = house
        .accept_request(&card.name().to_string(), options)
        .await
        .unwrap();
    assert_eq!(done.standing, "accepted");
    // Ada listens elsewhere now, so Ben is told where.
    let address = house.address().await.unwrap();
    let asked = ben.node.join_by_address(address, None, None, None).await;
    asked.unwrap();
    let group = open_or_try(&ben, house.name()).await;
    linked(&group, 1).await;
    assert_eq!(group.info().await.unwrap().role, "inviting-member");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_hears_nothing_more_and_can_be_given_up() {
    let (_ada, house, address) = house().await;
    let eve = Home::new().await;
    let card = eve.node.card(None).await.unwrap();
    visit(&eve, &address, None).await;
    eve.node.connect_group("House", None).await.unwrap();
    let name = card.name().to_string();
    let done = house.deny_request(&name).await.unwrap();
    assert_eq!(done.standing, "denied");
    let tried = eve.node.connect_group("House", None).await.unwrap();
    assert_eq!(tried.status, GroupStatus::Connecting, "no word");
    assert!(refusals(&_ada.node, "door_unwelcome") > 0);
    assert_eq!(house.requests().await.unwrap()[0].standing, "denied");
    // An identity that waits for something cannot be deleted under it.
    assert_eq!(code(eve.node.delete_identity(&name).await), "groups_exist");
    eve.node.delete_group("House", None).await.unwrap();
    assert!(eve.node.groups().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_creator_opens_and_closes_the_door() {
    let (_ada, house, _) = house().await;
    let ben = Home::new().await;
    let card = ben.node.card(None).await.unwrap();
    let options = InviteOptions {
        role: Role::Admin,
        ..InviteOptions::default()
    };
    let invitation = house.invite(&card, options).await.unwrap();
    let group = ben.node.join(invitation, None).await.unwrap();
    group.connect().await.unwrap();
    ready(&group).await;
    assert_eq!(code(group.close_door().await), "not_authorised");
    assert_eq!(
        code(group.open_door(door(Some(PASSWORD), true)).await),
        "not_authorised"
    );
    assert!(house.door().await.unwrap().open);
}

fn rings(by: &Attacker, address: &GroupAddress, text: &str) -> (Rung, Vec<u8>) {
    let password = Password::new(text.to_owned());
    let (local, porter) = (&by.peer, &by.victim.peer);
    Rung::ring(address, Some(&password), local, porter, &mut rand::rng()).unwrap()
}

fn said(answer: Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::Said(_, frame) => Some(frame),
        Answer::Ended(after) => {
            assert!(
                after + Duration::from_millis(50) >= REFUSAL_DELAY,
                "{after:?}"
            );
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn m6_recorded_frames_are_of_no_use_to_anybody() {
    let (ada, house, address) = house().await;
    let victim = Victim::of(&ada.node).await;
    let clock = Clock::system();
    let mut ben = Attacker::connect(&victim, Side::Chooser).await;
    let identity = Papers::identity(&clock);
    let (rung, ring) = rings(&ben, &address, PASSWORD);
    let exchange = ben.exchange().await;
    let greeting = said(ben.say(exchange, ring.clone()).await).unwrap();
    let now = clock.timestamp();
    let met = rung.on_greeting(&address, &greeting, now, &mut rand::rng());
    let Ok(Met::Password(proving)) = met else {
        panic!("it rang with a password: {met:?}");
    };
    let caller = Caller {
        card: identity.card(),
        binding: NodeBinding::create(&identity, ben.peer, now, [7; 16]),
    };
    let (_, proof) = proving.stretch().unwrap().show(&caller);
    let let_in = said(ben.say(exchange, proof.clone()).await);
    assert!(let_in.is_some());

    // The same frames by the same peer: what it is greeted with is new, and the proof fits no more.
    let exchange = ben.exchange().await;
    let again = said(ben.say(exchange, ring.clone()).await);
    assert_ne!(again.unwrap(), greeting);
    assert_eq!(said(ben.say(exchange, proof.clone()).await), None);
    // By another peer neither is anything.
    let mut eve = Attacker::connect(&victim, Side::Chooser).await;
    assert_eq!(said(eve.hello(ring).await), None);
    assert_eq!(said(eve.hello(proof).await), None);
    assert_eq!(
        house.members().await.unwrap().len(),
        1,
        "Ben has not come yet"
    );
    assert!(refusals(&ada.node, "door_sealed") == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn m7_a_hundred_guesses_are_not_a_hundred_answers() {
    let (ada, _house, address) = house().await;
    let victim = Victim::of(&ada.node).await;
    let mut answered = 0;
    for peer in 0..10 {
        let mut guesser = Attacker::connect(&victim, Side::Chooser).await;
        // Eight exchanges may run at once, and a refused one takes its time.
        for guess in 0..10 {
            let (_, ring) = rings(&guesser, &address, &format!("guess {peer} {guess}"));
            answered += usize::from(said(guesser.hello(ring).await).is_some());
        }
    }
    // Thirty, and what the door earns while the test runs.
    assert!((30..=34).contains(&answered), "{answered} answers");
    assert!(refusals(&ada.node, "door_throttled") >= 60);
}
