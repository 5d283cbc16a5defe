//! Floods and drips at the door of a node, over real sockets: a member gets in all the same.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/attacker.rs"]
mod attacker;
#[path = "common/nodes.rs"]
mod nodes;

use std::time::{Duration, Instant};

use attacker::{Attacker, Side, Victim};
use nodes::{DEADLINE, Home, linked, publish, ready};
use peerage_protocol::{
    engine::{ExchangeNumber, Input, Output},
    wire::admission::MAX_ADMISSION_FRAME_BYTES,
};
use peerage_records::id::{GroupId, IdentityKey, ReplicaId};

/// How many strangers come at once.
const STRANGERS: usize = 8;
/// How long each of them goes on.
const STORM: Duration = Duration::from_secs(8);

/// Opens exchanges as fast as it may and says `frame` in each; counts what came back.
async fn storm(mut attacker: Attacker, frame: Option<Vec<u8>>) -> (usize, usize) {
    let replica = ReplicaId::of(
        &IdentityKey::from_bytes([0; 32]),
        &GroupId::from_bytes([0; 32]),
    );
    let (mut attempts, mut answers) = (0, 0);
    let mut open: Vec<ExchangeNumber> = Vec::new();
    let until = Instant::now() + STORM;
    let ask = |attacker: &mut Attacker| {
        let peer = attacker.victim.peer;
        attacker.order(Output::StartExchange { peer, replica });
    };
    for _ in 0..4 {
        ask(&mut attacker);
    }
    while Instant::now() < until {
        let next = tokio::time::timeout(Duration::from_millis(50), attacker.network.next()).await;
        match next {
            Err(_) => ask(&mut attacker),
            Ok(Input::ExchangeStarted {
                exchange: Some(exchange),
                ..
            }) => {
                attempts += 1;
                open.push(exchange);
                if let Some(frame) = frame.clone() {
                    attacker.order(Output::SendExchange { exchange, frame });
                }
            }
            Ok(Input::ExchangeFrame { .. }) => answers += 1,
            Ok(Input::ExchangeEnded { exchange }) => {
                open.retain(|of| *of != exchange);
                ask(&mut attacker);
            }
            Ok(Input::PeerDisconnected(_)) => break,
            Ok(_) => {}
        }
    }
    (attempts, answers)
}

/// While strangers do this, a newcomer joins and hears of news.
async fn a_member_gets_in_during(frame: Option<Vec<u8>>) {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let victim = Victim::of(&ada.node).await;
    let mut storms = Vec::new();
    for _ in 0..STRANGERS {
        let attacker = Attacker::connect(&victim, Side::Chooser).await;
        storms.push(tokio::spawn(storm(attacker, frame.clone())));
    }
    let ben = Home::new().await;
    let began = Instant::now();
    let group = ben.enter(&chess).await;
    linked(&group, 1).await;
    ready(&group).await;
    let id = publish(&chess, "in the storm").await;
    nodes::holds(&group, id, "in the storm").await;
    assert!(began.elapsed() < DEADLINE / 2, "{:?}", began.elapsed());
    let mut attempts = 0;
    for storm in storms {
        let (made, answers) = storm.await.unwrap();
        assert_eq!(answers, 0, "not a byte to a stranger");
        attempts += made;
    }
    assert!(attempts >= STRANGERS, "they did come: {attempts}");
    assert_eq!(chess.neighbours().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_a_storm_of_attempts_keeps_no_member_out() {
    a_member_gets_in_during(Some(vec![0x5a; 600])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g13_a_storm_of_frames_that_are_too_large_keeps_no_member_out() {
    a_member_gets_in_during(Some(vec![0x5a; MAX_ADMISSION_FRAME_BYTES + 1])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn q6_strangers_that_open_exchanges_and_say_nothing_keep_no_member_out() {
    a_member_gets_in_during(None).await;
}
