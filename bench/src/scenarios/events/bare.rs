//! The rival: tokio's broadcast with a queue as long as the feed's memory. Nothing is signed, checked,
//! stored or numbered, and who is slow loses.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::JoinSet,
};

use super::{Parameters, crowd};
use crate::{Result, report::Report};

/// As many events as a feed keeps in memory.
const QUEUE: usize = 1_024;
/// Messages sent before the readers have a turn.
const BURST: usize = 64;

pub(super) struct Outcome {
    per_second: f64,
    lost: u64,
    stalled_lost: u64,
}

pub(super) async fn measure(parameters: &Parameters) -> Result<Outcome> {
    let (sender, mut stalled) = broadcast::channel(QUEUE);
    let mut readers = JoinSet::new();
    for _ in 1..parameters.readers {
        readers.spawn(lost(sender.subscribe()));
    }
    let began = Instant::now();
    for number in 0..parameters.records {
        let message = Arc::new((number, vec![0x5a_u8; parameters.payload]));
        sender.send(message)?;
        if number % BURST == BURST - 1 {
            tokio::task::yield_now().await;
        }
    }
    drop(sender);
    let lost_by = readers.join_all().await;
    let took = began.elapsed().max(Duration::from_micros(1));
    let stalled_lost = match stalled.recv().await {
        Err(RecvError::Lagged(lost)) => lost,
        _ => 0,
    };
    Ok(Outcome {
        per_second: parameters.records as f64 / took.as_secs_f64(),
        lost: lost_by.iter().sum(),
        stalled_lost,
    })
}

/// Reads to the end; how many messages were lost on the way.
async fn lost(mut reader: broadcast::Receiver<Arc<(usize, Vec<u8>)>>) -> u64 {
    let mut lost = 0;
    loop {
        match reader.recv().await {
            Ok(message) => {
                std::hint::black_box(message.0);
            }
            Err(RecvError::Lagged(more)) => lost += more,
            Err(RecvError::Closed) => return lost,
        }
    }
}

pub(super) fn report(report: &mut Report, system: &str, outcomes: &[Outcome]) {
    let mut note = |name: &str, unit: &str, of: fn(&Outcome) -> f64| {
        report.measure(system, name, unit, outcomes.iter().map(of).collect());
    };
    note(crowd::RATE, "/s", |o| o.per_second);
    note(crowd::LOST, "", |o| o.lost as f64);
    note(crowd::STALLED_LOST, "", |o| o.stalled_lost as f64);
}
