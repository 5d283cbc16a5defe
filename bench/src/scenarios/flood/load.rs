//! The load, and who received what when: the same for every system.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Outcome, Parameters};
use crate::{
    scenarios::nodes::LOOK_INTERVAL,
    statistics::percentile,
    usage::{Usage, Used},
};

/// What is published, by whom: the same for every system of a run.
pub(super) struct Plan {
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) authors: Vec<usize>,
}

impl Plan {
    /// Payloads of `bytes` bytes that are all different.
    pub(super) fn new(parameters: &Parameters, bytes: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(parameters.seed);
        let authors = (0..parameters.records)
            .map(|_| rng.random_range(0..parameters.nodes))
            .collect();
        let payloads = (0..parameters.records)
            .map(|index| {
                let mut payload = vec![0; bytes];
                rng.fill_bytes(&mut payload);
                payload[..8].copy_from_slice(&(index as u64).to_be_bytes());
                payload
            })
            .collect();
        Self { payloads, authors }
    }
}

/// Who received what when. `K` names a record the way the system does.
pub(super) struct Arrivals<K> {
    seen: Mutex<Vec<(usize, K, Instant)>>,
    count: AtomicU64,
}

impl<K: Eq + Hash> Arrivals<K> {
    pub(super) fn new() -> Self {
        Self {
            seen: Mutex::new(Vec::new()),
            count: AtomicU64::new(0),
        }
    }

    /// Notes that a node other than the author has a record now.
    pub(super) fn note(&self, node: usize, record: K) {
        let now = Instant::now();
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((node, record, now));
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> Vec<(usize, K, Instant)> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A record as it was published.
pub(super) struct Published<K> {
    pub(super) record: K,
    pub(super) at: Instant,
}

/// Waits without load, and tells what that cost.
pub(super) async fn rest(parameters: &Parameters) -> Used {
    sleep(Duration::from_secs_f64(parameters.settle)).await;
    let before = Usage::now();
    sleep(Duration::from_secs_f64(parameters.idle)).await;
    before.used()
}

/// Publishes at the planned rate and waits until everything has arrived, or for as long as allowed.
///
/// `publish` is given the index of a record and the moment, and must not wait: a slow system gets no pause.
pub(super) async fn apply<K: Eq + Hash>(
    parameters: &Parameters,
    arrivals: &Arrivals<K>,
    mut publish: impl FnMut(usize, Instant),
) -> Used {
    let expected = (parameters.records * (parameters.nodes - 1)) as u64;
    let before = Usage::now();
    let mut pace = interval(Duration::from_secs_f64(1.0 / parameters.rate));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for index in 0..parameters.records {
        pace.tick().await;
        // Not the moment it was due: timers are a millisecond late, whatever is measured.
        publish(index, Instant::now());
    }
    let until = Instant::now() + Duration::from_secs_f64(parameters.drain);
    while arrivals.count.load(Ordering::Relaxed) < expected && Instant::now() < until {
        sleep(LOOK_INTERVAL).await;
    }
    before.used()
}

/// Works out latencies, completeness and the cost of a delivery.
pub(super) fn evaluate<K: Eq + Hash>(
    parameters: &Parameters,
    published: &[Published<K>],
    arrivals: &Arrivals<K>,
    idle: Used,
    load: Used,
) -> Outcome {
    let others = parameters.nodes - 1;
    let index: HashMap<&K, usize> = published
        .iter()
        .enumerate()
        .map(|(index, published)| (&published.record, index))
        .collect();
    let mut firsts: HashMap<(usize, usize), Instant> = HashMap::new();
    for (node, record, at) in arrivals.take() {
        if let Some(record) = index.get(&record) {
            firsts
                .entry((*record, node))
                .and_modify(|first| *first = at.min(*first))
                .or_insert(at);
        }
    }
    let mut deliveries = Vec::with_capacity(firsts.len());
    let mut reached = vec![(0_usize, 0_f64); published.len()];
    for ((record, _), at) in &firsts {
        let took = at
            .saturating_duration_since(published[*record].at)
            .as_secs_f64()
            * 1e3;
        deliveries.push(took);
        let (count, last) = &mut reached[*record];
        *count += 1;
        *last = last.max(took);
    }
    let mut lasts: Vec<f64> = reached
        .iter()
        .filter(|(count, _)| *count == others)
        .map(|(_, last)| *last)
        .collect();
    let per_delivery = 1.0 / (deliveries.len().max(1) as f64);
    let idle_cpu = idle.cpu_seconds / idle.seconds * load.seconds;
    Outcome {
        expected: (parameters.records * others) as u64,
        delivered: deliveries.len() as u64,
        delivery_p50_ms: percentile(&mut deliveries, 0.5),
        delivery_p99_ms: percentile(&mut deliveries, 0.99),
        last_p50_ms: percentile(&mut lasts, 0.5),
        last_p99_ms: percentile(&mut lasts, 0.99),
        cpu_us: load.cpu_seconds * 1e6 * per_delivery,
        cpu_net_us: (load.cpu_seconds - idle_cpu).max(0.0) * 1e6 * per_delivery,
        busy_cores: load.cpu_seconds / load.seconds,
        wire_bytes: load.wire_bytes.map(|bytes| bytes * per_delivery),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        parameters: Parameters,
    }

    fn parameters(records: &str) -> Parameters {
        Arguments::parse_from(["flood", "--nodes", "3", "--records", records]).parameters
    }

    fn used() -> Used {
        Used {
            seconds: 1.0,
            cpu_seconds: 0.5,
            rss_kib: 0.0,
            wire_bytes: None,
        }
    }

    #[test]
    fn a_node_that_hears_twice_does_not_make_up_for_one_that_hears_nothing() {
        let arrivals = Arrivals::new();
        let published = [Published {
            record: 7_u64,
            at: Instant::now(),
        }];
        arrivals.note(1, 7);
        arrivals.note(1, 7);
        arrivals.note(2, 8);

        let outcome = evaluate(&parameters("1"), &published, &arrivals, used(), used());

        assert_eq!((outcome.expected, outcome.delivered), (2, 1));
        assert_eq!(outcome.missing(), 1);
        assert_eq!(outcome.last_p99_ms, 0.0, "no record reached everybody");
    }

    #[test]
    fn one_seed_makes_one_plan() {
        let (a, b) = (
            Plan::new(&parameters("5"), 32),
            Plan::new(&parameters("5"), 32),
        );
        assert_eq!((a.authors, a.payloads), (b.authors, b.payloads));
    }
}
