//! The rival: tokio's broadcast with a queue as long as the feed's memory. Nothing is signed, checked,
//! stored or numbered, and who is slow loses. The sender waits for the quick readers, as publishers do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
/// Messages that the quick readers may be behind, all together, before the sender waits.
const AHEAD: usize = QUEUE / 2;

pub(super) struct Outcome {
    per_second: f64,
    lost: u64,
    stalled_lost: u64,
}

pub(super) async fn measure(parameters: &Parameters) -> Result<Outcome> {
    let (sender, mut stalled) = broadcast::channel(QUEUE);
    let mut readers = JoinSet::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let quick = parameters.readers - 1;
    for _ in 0..quick {
        readers.spawn(lost(sender.subscribe(), Arc::clone(&heard)));
    }
    let began = Instant::now();
    for number in 0..parameters.records {
        // One reader alone may be so far behind without losing anything.
        while number * quick > heard.load(Ordering::Relaxed) + AHEAD {
            tokio::task::yield_now().await;
        }
        let message = Arc::new((number, vec![0x5a_u8; parameters.payload]));
        sender.send(message)?;
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
async fn lost(
    mut reader: broadcast::Receiver<Arc<(usize, Vec<u8>)>>,
    heard: Arc<AtomicUsize>,
) -> u64 {
    let mut lost = 0;
    loop {
        match reader.recv().await {
            Ok(message) => {
                std::hint::black_box(message.0);
                heard.fetch_add(1, Ordering::Relaxed);
            }
            Err(RecvError::Lagged(more)) => {
                lost += more;
                heard.fetch_add(usize::try_from(more).unwrap_or_default(), Ordering::Relaxed);
            }
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
