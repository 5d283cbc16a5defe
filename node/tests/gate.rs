//! The gate of complete nodes, everything composed: who cannot prove membership of a group now
//! learns nothing of it, reaches nobody in it, and cannot tell a member from a node without groups.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/attacker.rs"]
mod attacker;
#[path = "common/nodes.rs"]
mod nodes;
#[path = "common/stranger.rs"]
mod stranger;

use std::time::Duration;

use attacker::{Answer, Attacker, Papers, SIDES, Shown, Side, Victim};
use libp2p::PeerId;
use nodes::{
    DAY, Home, alone, converged, eventually, gathering, holds, linked, publish, ready, texts, told,
};
use peerage::{GroupHandle, InviteOptions, Node, clock::Clock, model::EventKind};
use peerage_protocol::{
    admission::{Chooser, Heard, REFUSAL_DELAY, is_chooser},
    cloud::Cloud,
    discovery::Rendezvous,
    secret::DiscoverySecret,
    wire::{
        admission::{Hello, Knock, MAX_ADMISSION_FRAME_BYTES},
        link::LinkFrame,
    },
};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, RecordId},
    record::Record,
};
use rand::Rng;
use serde_bytes::{ByteArray, ByteBuf};

/// A refusal comes at its time; well before what ends an exchange that nobody ends.
const REFUSED_BY: Duration = Duration::from_secs(8);
const MINUTE: Duration = Duration::from_secs(60);

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn group_id(name: &str) -> GroupId {
    GroupId::of_name(name)
}

/// How often the node has refused for this reason.
fn refusals(node: &Node, reason: &str) -> u64 {
    let label = format!("peerage_admissions_total{{outcome=\"refused\",reason=\"{reason}\"}} ");
    let metrics = node.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&label));
    line.map_or(0, |count| count.parse().unwrap())
}

/// A refusal says nothing, and says it late.
fn silent(answer: &Answer, what: &str) {
    let Answer::Ended(after) = answer else {
        panic!("{what}: {answer:?}");
    };
    in_time(*after, what);
}

fn in_time(after: Duration, what: &str) {
    assert!(after >= REFUSAL_DELAY, "{what}: after {after:?}");
    assert!(after < REFUSED_BY, "{what}: after {after:?}");
}

/// Shows papers on both sides of an exchange; they must be refused, and for this reason.
async fn refused(node: &Node, papers: &Papers, clock: &Clock, reason: &str) {
    let victim = Victim::of(node).await;
    for side in SIDES {
        let before = refusals(node, reason);
        let mut attacker = Attacker::connect(&victim, side).await;
        let presented = papers.present(attacker.peer, clock);
        let shown = attacker.show(papers, &presented, clock).await;
        let Shown::Refused(after) = shown else {
            panic!("{reason}, {side:?}: {shown:?}");
        };
        if side == Side::Chooser {
            in_time(after, reason);
        }
        counted(node, reason, before + 1).await;
    }
}

/// Waits until the node has counted so many refusals. Others may be refused meanwhile.
async fn counted(node: &Node, reason: &str, least: u64) {
    eventually(&format!("{least} refusals: {reason}"), async || {
        (refusals(node, reason) >= least).then_some(())
    })
    .await;
}

/// The same papers that are good, on both sides: what the refusals are measured against.
async fn admitted(node: &Node, papers: &Papers, clock: &Clock) {
    let victim = Victim::of(node).await;
    for side in SIDES {
        let mut attacker = Attacker::connect(&victim, side).await;
        let presented = papers.present(attacker.peer, clock);
        let shown = attacker.show(papers, &presented, clock).await;
        assert!(matches!(shown, Shown::Admitted(..)), "{side:?}: {shown:?}");
    }
}

/// Hello and knocks of somebody who knows the protocol and no secret.
async fn probe(victim: &Victim) {
    let hello = Hello {
        nonce: ByteArray::new(random()),
        tag: ByteArray::new(random()),
        sealed: ByteBuf::from(random::<700>().to_vec()),
    };
    let hellos = [
        ("nothing", Vec::new()),
        ("a byte", vec![0]),
        ("random bytes", random::<600>().to_vec()),
        ("too long", vec![0; MAX_ADMISSION_FRAME_BYTES + 1]),
        ("a Hello of no group", hello.encode()),
        ("half a Hello", hello.encode()[..300].to_vec()),
    ];
    let knock = Knock {
        nonce: ByteArray::new(random()),
        tag: ByteArray::new(random()),
    };
    let knocks = [
        Vec::new(),
        random::<20>().to_vec(),
        random::<200>().to_vec(),
        knock.encode(),
    ];
    for side in SIDES {
        let mut attacker = Attacker::connect(victim, side).await;
        for knock in &knocks {
            attacker.send_knock(knock.clone());
        }
        for (what, frame) in &hellos {
            silent(&attacker.hello(frame.clone()).await, what);
        }
        assert!(attacker.begun.is_empty(), "knocks that led to something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_a_member_from_a_node_without_groups() {
    let clock = Clock::system();
    let members = gathering(2, &clock).await;
    let (ada, ben) = (&members[0], &members[1]);
    let nobody = Home::new().await;
    let key = rendezvous_of(&ada.group, &clock).await;
    let before = converged([&ada.group, &ben.group]).await;
    let victims = [&ada.home.node, &ben.home.node, &nobody.node];
    let [member, other, empty] = [
        Victim::of(victims[0]).await,
        Victim::of(victims[1]).await,
        Victim::of(victims[2]).await,
    ];

    let name = ada.group.name();
    let (seen, also, of_nobody, ..) = tokio::join!(
        stranger::look_around(&member, key, name),
        stranger::look_around(&other, key, name),
        stranger::look_around(&empty, key, name),
        probe(&member),
        probe(&empty),
    );

    // What was published meanwhile reaches the member and no stranger.
    assert_eq!(seen, of_nobody);
    assert_eq!(also, of_nobody);
    assert_eq!(seen, stranger::nothing());
    assert_eq!(converged([&ada.group, &ben.group]).await, before);
    for member in [&ada.group, &ben.group] {
        assert_eq!(member.members().await.unwrap().len(), 2);
        assert_eq!(member.neighbours().await.unwrap().len(), 1);
    }
    for reason in ["malformed", "unknown_group", "not_chooser"] {
        let counts = [refusals(victims[0], reason), refusals(victims[2], reason)];
        assert_eq!(counts[0], counts[1], "{reason}");
        assert!(counts[0] > 0, "{reason}");
    }
}

/// The key under which the group's members announce themselves, as a traitor would tell it.
async fn rendezvous_of(group: &GroupHandle, clock: &Clock) -> [u8; 32] {
    let papers = Papers::issued(group, clock, InviteOptions::default()).await;
    Rendezvous::new(&papers.secret, &Cloud::global()).key()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_another_group_on_the_same_nodes_sees_its_own_group_only() {
    let clock = Clock::system();
    let (ada, ben) = (Home::new().await, Home::new().await);
    let chess = ada.host("Chess").await;
    let go = ada.host("Go").await;
    let chess_of_ben = ben.enter(&chess).await;
    let go_of_ben = ben.enter(&go).await;
    ready(&chess_of_ben).await;
    let secret = publish(&chess, "of chess players only").await;
    let open = publish(&go, "of go players").await;
    holds(&chess_of_ben, secret, "of chess players only").await;
    let before = converged([&chess, &chess_of_ben]).await;

    // As a node of its own.
    let eve = Home::new().await;
    let go_of_eve = eve.enter(&go).await;
    holds(&go_of_eve, open, "of go players").await;
    converged([&go, &go_of_ben, &go_of_eve]).await;
    let groups = eve.node.groups().await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].name, go.name());
    assert_eq!(texts(&go_of_eve).await, ["of go players"]);
    assert_eq!(nodes::code(go_of_eve.get(secret).await), "record_not_found");

    // By hand: on a link that go opened, chess is not to be had.
    let papers = Papers::issued(&go, &clock, InviteOptions::default()).await;
    let victim = Victim::of(&ada.node).await;
    let mut attacker = Attacker::connect(&victim, Side::Chooser).await;
    let presented = papers.present(attacker.peer, &clock);
    let shown = attacker.show(&papers, &presented, &clock).await;
    let Shown::Admitted(exchange, link) = shown else {
        panic!("a member of go: {shown:?}");
    };
    attacker.open(exchange, &link);
    let fetched = async |attacker: &mut Attacker, id: RecordId| {
        let fetch = LinkFrame::Fetch {
            request: 1,
            ids: vec![ByteBuf::from(id.as_bytes().to_vec())],
        };
        let records = |frame| match frame {
            LinkFrame::Records {
                request: 1,
                envelopes,
                last: true,
            } => Some(envelopes.len()),
            _ => None,
        };
        attacker.ask(link.group, &fetch, records).await
    };
    assert_eq!(fetched(&mut attacker, open).await, 1);
    assert_eq!(fetched(&mut attacker, secret).await, 0);
    let forged = |group: &str, text: &str| {
        let (me, now) = (papers.identity.key(), clock.timestamp());
        let draft = nodes::note(&clock, text, DAY);
        let record = Record::create(draft, group_id(group), me, random(), now).unwrap();
        SignedRecord::sign(record, |bytes| papers.identity.sign(bytes))
    };
    let into_chess = forged(chess.name(), "for chess");
    let into_go = forged(go.name(), "for go");
    for signed in [&into_chess, &into_go] {
        let offer = LinkFrame::Offer {
            request: 2,
            envelopes: vec![ByteBuf::from(signed.bytes().to_vec())],
        };
        let taken = |frame| matches!(frame, LinkFrame::Taken { request: 2 }).then_some(());
        attacker.ask(link.group, &offer, taken).await;
    }
    holds(&go, into_go.record().id, "for go").await;
    for (group, id) in [
        (&chess, into_chess.record().id),
        (&go, into_chess.record().id),
    ] {
        assert_eq!(nodes::code(group.get(id).await), "record_not_found");
    }
    // Nor do its papers open the other group, whatever secret it makes up.
    let mut guess = papers.clone();
    guess.group = group_id(chess.name());
    guess.secret = DiscoverySecret::from_bytes(*group_id(chess.name()).as_bytes());
    let mut second = Attacker::connect(&victim, Side::Chooser).await;
    let presented = guess.present(second.peer, &clock);
    let (_, frame) = second.hello_frame(&guess, &presented);
    silent(&second.hello(frame).await, "a guessed secret");
    assert_eq!(converged([&chess, &chess_of_ben]).await, before);
    assert_eq!(chess.members().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_cut_when_its_proof_lapses_and_refused_from_then_on() {
    let clock = Clock::system();
    let members = gathering(2, &clock).await;
    let (ada, ben) = (&members[0], &members[1]);
    let brief = InviteOptions {
        expires: Some(clock.timestamp() + 5 * MINUTE),
        ..InviteOptions::default()
    };
    // Its own clock does not tell it that its time is over.
    let eve = Home::new().await;
    let card = eve.node.card(None).await.unwrap();
    let invitation = ada.group.invite(&card, brief.clone()).await.unwrap();
    let of_eve = eve.node.join(invitation, None).await.unwrap();
    let papers = Papers::issued(&ada.group, &clock, brief).await;
    let mut events = ada.group.events(None).await.unwrap();
    of_eve.connect().await.unwrap();
    linked(&of_eve, 2).await;
    let allowed = publish(&ada.group, "while it lasts").await;
    holds(&of_eve, allowed, "while it lasts").await;
    admitted(&ben.home.node, &papers, &clock).await;

    // Its end and the clock tolerance of ten minutes.
    clock.advance(16 * MINUTE);

    let name = card.name().to_string();
    told(&mut events, "the cut", |event| {
        event.kind == EventKind::NeighbourDisconnected
            && event.detail.as_deref() == Some(name.as_str())
    })
    .await;
    alone(&of_eve).await;
    let denied = publish(&ada.group, "no longer for Eve").await;
    holds(&ben.group, denied, "no longer for Eve").await;
    for node in [&ada.home.node, &ben.home.node] {
        refused(node, &papers, &clock, "chain").await;
    }
    // Eve's node comes back by itself, and as often nothing comes of it: whoever of the two speaks first is
    // the one that is refused, for the membership here or for the clock there.
    let tries = || refusals(&ada.home.node, "chain") + refusals(&eve.node, "binding");
    let before = tries();
    eventually("another try", async || (tries() > before).then_some(())).await;
    for member in [&ada.group, &ben.group] {
        let neighbours = member.neighbours().await.unwrap();
        assert!(neighbours.iter().all(|neighbour| neighbour.member != name));
    }
    let since = nodes::pending(&mut events);
    assert!(
        since
            .iter()
            .all(|event| event.kind != EventKind::NeighbourConnected)
    );
    assert_eq!(of_eve.info().await.unwrap().neighbours, 0);
    assert_eq!(nodes::code(of_eve.get(denied).await), "record_not_found");
}

/// Else a member would be cut off and admitted again, over and over, while its time runs out.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_as_long_as_it_is_accepted() {
    let clock = Clock::system();
    let home = Home::new().await;
    let chess = home.create("Chess").await;
    let brief = InviteOptions {
        expires: Some(clock.timestamp() + 5 * MINUTE),
        ..InviteOptions::default()
    };
    let keys = [PeerId::random(), PeerId::random()];
    let [first, second] = match is_chooser(&keys[0], &keys[1]) {
        true => keys,
        false => [keys[1], keys[0]],
    };
    // The membership ends before the binding does, or the binding before the membership.
    for options in [brief, InviteOptions::default()] {
        let papers = Papers::issued(&chess, &clock, options).await;
        let presented = papers.present(first, &clock);
        let rng = &mut rand::rng();
        let (_, frame) = Chooser::start(papers.gate(), &presented, &first, &second, rng);
        let mut heard = |now| {
            let gates = [papers.gate()].into_iter();
            Heard::hello(&frame, gates, &second, &first, now, rng)
        };
        let until = heard(clock.timestamp()).unwrap().admitted().until;
        assert_eq!(heard(until).unwrap().admitted().until, until);
        heard(until + Duration::from_millis(1)).unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_papers_are_refused_like_none() {
    let clock = Clock::system();
    let home = Home::new().await;
    let chess = home.host("Chess").await;
    let go = home.create("Go").await;
    let good = Papers::issued(&chess, &clock, InviteOptions::default()).await;
    let of_go = Papers::issued(&go, &clock, InviteOptions::default()).await;
    let node = &home.node;

    let of_another_group = Papers {
        chain: of_go.chain.clone(),
        identity: of_go.identity.clone(),
        ..good.clone()
    };
    refused(node, &of_another_group, &clock, "chain").await;

    let of_somebody_else = Papers {
        identity: Papers::identity(&clock),
        ..good.clone()
    };
    refused(node, &of_somebody_else, &clock, "other_identity").await;

    let last = good.chain.len() - 1;
    for at in [0, good.chain.len() / 2, last] {
        let mut altered = good.clone();
        altered.chain[at] ^= 1;
        refused(node, &altered, &clock, "chain").await;
    }

    let mut unsigned = good.clone();
    unsigned.chain.clear();
    refused(node, &unsigned, &clock, "chain").await;

    // The very same way is open to good papers.
    admitted(node, &good, &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_peer_said_is_of_no_use_to_another() {
    let clock = Clock::system();
    let members = gathering(2, &clock).await;
    let node = &members[0].home.node;
    let victim = Victim::of(node).await;
    let other = Victim::of(&members[1].home.node).await;
    let papers = Papers::issued(&members[0].group, &clock, InviteOptions::default()).await;
    let first = Attacker::connect(&victim, Side::Chooser).await;
    let presented = papers.present(first.peer, &clock);
    let (_, hello) = first.hello_frame(&papers, &presented);

    // A Hello, from another peer.
    let mut second = Attacker::connect(&victim, Side::Chooser).await;
    let unknown = refusals(node, "unknown_group");
    silent(&second.hello(hello.clone()).await, "somebody else's Hello");
    counted(node, "unknown_group", unknown + 1).await;
    // A Hello, to another peer.
    let mut third = Attacker::connect(&other, Side::Chooser).await;
    silent(
        &third.hello(hello.clone()).await,
        "a Hello to somebody else",
    );
    // A binding, under a Hello of one's own: the secret alone proves nothing.
    let stolen = papers.present_with(&papers.binding(first.peer, &clock));
    for side in SIDES {
        let before = refusals(node, "binding");
        let mut thief = Attacker::connect(&victim, side).await;
        let shown = thief.show(&papers, &stolen, &clock).await;
        assert!(matches!(shown, Shown::Refused(_)), "{side:?}: {shown:?}");
        counted(node, "binding", before + 1).await;
    }
    // A binding of another day.
    let past = Clock::system();
    let yesterday = peerage_protocol::binding::NodeBinding::create(
        &papers.identity,
        second.peer,
        past.timestamp() - 2 * DAY,
        [0; 16],
    );
    let stale = papers.present_with(&yesterday);
    let (_, frame) = second.hello_frame(&papers, &stale);
    silent(&second.hello(frame).await, "a binding of another day");
    // A knock, from another peer.
    let knocker = Attacker::connect(&victim, Side::Responder).await;
    let knock = knocker.knock_bytes(&papers);
    let mut echo = Attacker::connect(&victim, Side::Responder).await;
    echo.send_knock(knock.clone());
    silent(&echo.hello(Vec::new()).await, "an empty Hello");
    assert!(echo.begun.is_empty(), "somebody else's knock is not heard");
    // The first peer itself is let in by the Hello that failed the others.
    let mut first = first;
    let answer = first.hello(hello).await;
    assert!(matches!(answer, Answer::Said(..)), "{answer:?}");
    let mut knocker = knocker;
    knocker.knock(knock).await;
}
