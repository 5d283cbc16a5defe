//! Many publishers, many readers, one of which does not read.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use peerage::{EventStream, GroupHandle};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::timeout};

use super::{Parameters, draft, node, reader};
use crate::{Result, report::Report, usage::Usage};

pub(super) const RATE: &str = "events to every quick reader";
pub(super) const LOST: &str = "lost by the quick readers";
pub(super) const STALLED_LOST: &str = "lost by the stalled reader";
pub(super) const RSS: &str = "memory grown";

/// What one process found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    per_second: f64,
    lost: usize,
    stalled_lost: usize,
    catch_up_per_second: f64,
    /// Growth of the resident set until the last quick reader had heard everything.
    rss_kib: f64,
    cpu_us: f64,
}

pub(super) async fn measure(parameters: &Parameters) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let (node, group) = node(folder.path()).await?;
    let patience = Duration::from_secs_f64(parameters.patience);
    let mut stalled = Vec::new();
    for _ in 0..parameters.stalled {
        stalled.push(reader::events(&group).await?);
    }
    let mut readers = JoinSet::new();
    for _ in parameters.stalled..parameters.readers {
        let mut events = reader::events(&group).await?;
        let wanted = parameters.records;
        readers.spawn(async move {
            let heard = hear(&mut events, wanted, patience).await;
            (heard, Instant::now())
        });
    }
    let quick = readers.len();
    let before = Usage::now();
    let began = Instant::now();
    let published = publish(&group, parameters).await?;
    let mut took = began.elapsed();
    let mut lost = 0;
    while let Some(reader) = readers.join_next().await {
        let (heard, at) = reader?;
        lost += missing(&published, &heard);
        took = took.max(at - began);
    }
    let used = before.used();
    let began = Instant::now();
    let mut stalled_lost = 0;
    for events in &mut stalled {
        let heard = hear(events, parameters.records, patience).await;
        stalled_lost += missing(&published, &heard);
    }
    let caught_up = began.elapsed();
    node.shutdown().await?;
    let records = parameters.records as f64;
    Ok(Outcome {
        per_second: records / took.as_secs_f64(),
        lost,
        stalled_lost,
        catch_up_per_second: records * parameters.stalled as f64 / caught_up.as_secs_f64(),
        rss_kib: used.rss_kib,
        cpu_us: used.cpu_seconds * 1e6 / (records * quick.max(1) as f64),
    })
}

pub(super) fn report(report: &mut Report, system: &str, outcomes: &[Outcome]) {
    let mut note = |name: &str, unit: &str, of: fn(&Outcome) -> f64| {
        report.measure(system, name, unit, outcomes.iter().map(of).collect());
    };
    note(RATE, "/s", |o| o.per_second);
    note(LOST, "", |o| o.lost as f64);
    note(RSS, "KiB", |o| o.rss_kib);
    note("CPU per event heard, publishing included", "µs", |o| {
        o.cpu_us
    });
    if outcomes
        .iter()
        .any(|outcome| outcome.catch_up_per_second > 0.0)
    {
        note(STALLED_LOST, "", |o| o.stalled_lost as f64);
        note("stalled reader catches up", "/s", |o| o.catch_up_per_second);
    }
}

/// So many publishers together, each waiting for its own record to be durable.
async fn publish(group: &GroupHandle, parameters: &Parameters) -> Result<BTreeSet<String>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..parameters.publishers {
        let (group, next) = (group.clone(), Arc::clone(&next));
        let (records, payload) = (parameters.records, parameters.payload);
        tasks.spawn(async move {
            let mut published = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < records {
                published.push(group.publish(draft(payload)).await?.id);
            }
            Ok::<_, peerage::Error>(published)
        });
    }
    let mut published = BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        published.extend(done??);
    }
    Ok(published)
}

/// The records told of, in the order in which that happened.
async fn hear(events: &mut EventStream, wanted: usize, patience: Duration) -> Vec<String> {
    let mut heard = Vec::with_capacity(wanted);
    while heard.len() < wanted {
        match timeout(patience, events.next()).await {
            Ok(Some(Ok(event))) => heard.extend(event.record),
            _ => break,
        }
    }
    heard
}

/// Records that were not told of exactly once.
fn missing(published: &BTreeSet<String>, heard: &[String]) -> usize {
    let told: BTreeSet<&String> = heard.iter().collect();
    let lost = published.iter().filter(|id| !told.contains(id)).count();
    lost + heard.len() - told.len()
}
