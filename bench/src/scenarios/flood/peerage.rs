//! Peerage itself: whole nodes in one group.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use peerage::{
    GroupHandle,
    clock::Clock,
    model::{EventKind, EventOrigin},
};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordType},
    record::{Record, RecordDraft},
};
use tokio::task::JoinSet;

use super::{
    Outcome, Parameters,
    load::{self, Arrivals, Plan, Published},
};
use crate::{
    Result,
    scenarios::nodes::{self, Member},
    statistics::percentile,
    usage::Usage,
};

/// How long a published record lives.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The name of the records' type.
const RECORD_TYPE: &str = "bench";
/// The counter of bodies that gossip brought, duplicates included.
const COPIES: &str = "peerage_gossip_copies_total";
/// The counters of connections.
const OPENED: &str = "peerage_links_total{change=\"opened\"}";
const CLOSED: &str = "peerage_links_total{change=\"closed\"}";

/// A record whose author knows that it is durable.
struct Acknowledged {
    published: Published<String>,
    took_ms: f64,
}

pub(super) async fn measure(parameters: &Parameters) -> Result<Outcome> {
    let plan = Arc::new(Plan::new(parameters, parameters.payload));
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let before = Usage::now();
    let since = Instant::now();
    let members = nodes::start(parameters.nodes, folder.path()).await?;
    let formed_ms = nodes::until_formed(parameters.form_timeout, since, || {
        nodes::formed(&members, parameters.neighbours)
    })
    .await?;

    let arrivals = Arc::new(Arrivals::new());
    let mut readers = listen(&members, &arrivals).await?;
    let idle = load::rest(parameters).await;
    let rss_idle = before.used().rss_kib;

    let copies = total(&members, COPIES);
    let connections = total(&members, OPENED) - total(&members, CLOSED);
    let acknowledged = Arc::new(Mutex::new(Vec::with_capacity(parameters.records)));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let mut publishing = JoinSet::new();
    let used = load::apply(parameters, &arrivals, |index, at| {
        publishing.spawn(publish(
            members[plan.authors[index]].group.clone(),
            plan.payloads[index].clone(),
            at,
            Arc::clone(&acknowledged),
            Arc::clone(&failures),
        ));
    })
    .await;
    publishing.join_all().await;
    let received = total(&members, COPIES) - copies;
    let rss_end = before.used().rss_kib;

    let (published, mut took): (Vec<_>, Vec<_>) = take(&acknowledged)
        .into_iter()
        .map(|acknowledged: Acknowledged| (acknowledged.published, acknowledged.took_ms))
        .unzip();
    let mut failures = take(&failures);
    failures.extend(nodes::converged(&members).await.err());
    let per_node = 1.0 / parameters.nodes as f64;
    let outcome = Outcome {
        message_bytes: envelope_bytes(parameters.payload)?,
        formed_ms,
        copies: received / (parameters.records * (parameters.nodes - 1)) as f64,
        connections: connections * per_node,
        rss_idle_kib: rss_idle * per_node,
        rss_end_kib: rss_end * per_node,
        publish_p50_ms: Some(percentile(&mut took, 0.5)),
        publish_p99_ms: Some(percentile(&mut took, 0.99)),
        failures,
        ..load::evaluate(parameters, &published, &arrivals, idle, used)
    };
    readers.shutdown().await;
    join_all(members.iter().map(|member| member.node.shutdown())).await;
    Ok(outcome)
}

/// Reads every member's events, as an application would.
async fn listen(members: &[Member], arrivals: &Arc<Arrivals<String>>) -> Result<JoinSet<()>> {
    let kind = RecordType::from_name(RECORD_TYPE).to_string();
    let mut readers = JoinSet::new();
    for (index, member) in members.iter().enumerate() {
        let mut events = member.group.events(None).await?;
        let (arrivals, kind) = (Arc::clone(arrivals), kind.clone());
        readers.spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let ours = event.kind == EventKind::RecordAdded
                    && event.origin == Some(EventOrigin::Remote)
                    && event.record_type.as_ref() == Some(&kind);
                if let (true, Some(record)) = (ours, event.record) {
                    arrivals.note(index, record);
                }
            }
        });
    }
    Ok(readers)
}

async fn publish(
    group: GroupHandle,
    payload: Vec<u8>,
    at: Instant,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    failures: Arc<Mutex<Vec<String>>>,
) {
    match group.publish(draft(payload)).await {
        Ok(info) => acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Acknowledged {
                published: Published {
                    record: info.id,
                    at,
                },
                took_ms: at.elapsed().as_secs_f64() * 1e3,
            }),
        Err(error) => failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(format!("a record was not published: {error}")),
    }
}

fn draft(payload: Vec<u8>) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name(RECORD_TYPE),
        expires: Clock::system().timestamp() + LIFETIME,
        attributes: Vec::new(),
        payload,
    }
}

/// How long the envelope around a payload is: what rivals send, so that all send the same.
pub(super) fn envelope_bytes(payload: usize) -> Result<usize> {
    let record = Record::create(
        draft(vec![0; payload]),
        GroupId::from_bytes([0; 32]),
        IdentityKey::from_bytes([0; 32]),
        [0; 8],
        Clock::system().timestamp(),
    )?;
    Ok(SignedRecord::sign(record, |_| [0; 64]).bytes().len())
}

/// A counter, over all members.
fn total(members: &[Member], counter: &str) -> f64 {
    members
        .iter()
        .filter_map(|member| {
            let text = member.node.metrics();
            let line = text.lines().find_map(|line| line.strip_prefix(counter))?;
            line.trim().parse::<f64>().ok()
        })
        .sum()
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut list.lock().unwrap_or_else(PoisonError::into_inner))
}
