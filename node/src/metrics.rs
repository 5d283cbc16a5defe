//! What a node counts: one registry, plain methods, documented names.
//!
//! Names start with `peerage_`, counters end in `_total`, times are in seconds. Nothing counted
//! carries a peer, a group or a record, so the number of series is bounded by this file.

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

/// The media type of [`Metrics::text`].
pub const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

/// The counters of one node. Share it by `Arc`; every method is cheap and needs no lock.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    neighbours: IntGauge,
    groups_online: IntGauge,
    links: IntCounterVec,
    admissions: IntCounterVec,
    members_removed: IntCounterVec,
    credentials: IntCounterVec,
    gossip: IntCounterVec,
    copies: IntCounter,
    records: IntCounterVec,
    reconcile_sessions: IntCounterVec,
    reconcile_bytes: IntCounterVec,
    store_commit: Histogram,
    store_audited: IntCounterVec,
    duplicated: IntCounterVec,
    backups: IntCounterVec,
    api_requests: IntCounterVec,
    api_refused: IntCounterVec,
    api_seconds: HistogramVec,
    directs: IntCounterVec,
    direct_messages: BothWays,
    direct_bytes: BothWays,
    events: IntCounterVec,
    events_lost: IntCounter,
    commands: IntCounterVec,
    lookups: IntCounterVec,
    dropped: IntCounterVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let commit_buckets = vec![
            0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0,
        ];
        Self {
            neighbours: register(
                &registry,
                IntGauge::new(
                    "peerage_neighbours",
                    "Admitted members connected now, counted once per group",
                ),
            ),
            groups_online: register(
                &registry,
                IntGauge::new(
                    "peerage_groups_online",
                    "Memberships that are connected or trying to connect",
                ),
            ),
            links: register(
                &registry,
                counters(
                    "peerage_links_total",
                    "Connections to other nodes, by what happened: opened, closed, failed",
                    &["change"],
                ),
            ),
            admissions: register(
                &registry,
                counters(
                    "peerage_admissions_total",
                    "Admissions to a group, by outcome (accepted, refused) and reason",
                    &["outcome", "reason"],
                ),
            ),
            members_removed: register(
                &registry,
                counters(
                    "peerage_members_removed_total",
                    "Members that were removed or left, by cause",
                    &["cause"],
                ),
            ),
            credentials: register(
                &registry,
                counters(
                    "peerage_credentials_total",
                    "What became of our own memberships, by outcome: renewed, expiring",
                    &["outcome"],
                ),
            ),
            gossip: register(
                &registry,
                counters(
                    "peerage_gossip_heard_total",
                    "Gossip messages heard, by verdict: accept, ignore, reject",
                    &["verdict"],
                ),
            ),
            copies: register(
                &registry,
                IntCounter::new(
                    "peerage_gossip_copies_total",
                    "Bodies of messages that gossip brought, copies of known ones included",
                ),
            ),
            records: register(
                &registry,
                counters(
                    "peerage_records_stored_total",
                    "Records put into the store, by outcome (stored, same, superseded) and origin (local, remote)",
                    &["outcome", "origin"],
                ),
            ),
            reconcile_sessions: register(
                &registry,
                counters(
                    "peerage_reconcile_sessions_total",
                    "Reconciliations with a neighbour, by outcome",
                    &["outcome"],
                ),
            ),
            reconcile_bytes: register(
                &registry,
                counters(
                    "peerage_reconcile_bytes_total",
                    "Bytes of reconciliation, by direction (in, out) and content (summary, records)",
                    &["direction", "content"],
                ),
            ),
            store_commit: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "peerage_store_commit_seconds",
                        "Time to make a batch of records durable",
                    )
                    .buckets(commit_buckets),
                ),
            ),
            store_audited: register(
                &registry,
                counters(
                    "peerage_store_audited_total",
                    "Records verified again after their group was opened, by outcome: sound, dropped",
                    &["outcome"],
                ),
            ),
            duplicated: register(
                &registry,
                counters(
                    "peerage_node_duplicated_total",
                    "How often two nodes were seen with one key, by whose: ours, theirs",
                    &["whose"],
                ),
            ),
            backups: register(
                &registry,
                counters(
                    "peerage_backups_total",
                    "Backups made while running, by outcome: made, failed",
                    &["outcome"],
                ),
            ),
            api_requests: register(
                &registry,
                counters(
                    "peerage_api_requests_total",
                    "Requests to the local API, by route and status",
                    &["route", "status"],
                ),
            ),
            api_refused: register(
                &registry,
                counters(
                    "peerage_api_refused_total",
                    "Requests to the local API that were not let in, by error code",
                    &["code"],
                ),
            ),
            api_seconds: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "peerage_api_request_seconds",
                        "Time to answer a request to the local API; of a stream, to its first byte",
                    ),
                    &["route"],
                ),
            ),
            directs: register(
                &registry,
                counters(
                    "peerage_direct_total",
                    "Direct connections, by what became of them: opened, accepted, closed, or why they failed",
                    &["outcome"],
                ),
            ),
            direct_messages: BothWays::of(register(
                &registry,
                counters(
                    "peerage_direct_messages_total",
                    "Messages on direct connections, by direction (in, out)",
                    &["direction"],
                ),
            )),
            direct_bytes: BothWays::of(register(
                &registry,
                counters(
                    "peerage_direct_bytes_total",
                    "Bytes of applications on direct connections, pipes included, by direction (in, out)",
                    &["direction"],
                ),
            )),
            events: register(
                &registry,
                counters(
                    "peerage_events_total",
                    "Events told to applications, by kind",
                    &["kind"],
                ),
            ),
            events_lost: register(
                &registry,
                IntCounter::new(
                    "peerage_event_gaps_total",
                    "Times a slow reader was told of a gap",
                ),
            ),
            commands: register(
                &registry,
                counters(
                    "peerage_commands_total",
                    "Commands from applications, by name",
                    &["command"],
                ),
            ),
            lookups: register(
                &registry,
                counters(
                    "peerage_discovery_total",
                    "Steps of member discovery, by step and outcome",
                    &["step", "outcome"],
                ),
            ),
            dropped: register(
                &registry,
                counters(
                    "peerage_dropped_total",
                    "Things dropped because a bound was reached, by which bound",
                    &["bound"],
                ),
            ),
            registry,
        }
    }

    /// All counters in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut bytes) {
            Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "metrics cannot be shown");
                String::new()
            }
        }
    }

    /// So many admitted members are connected now.
    pub fn set_neighbours(&self, count: usize) {
        self.neighbours.set(gauge(count));
    }

    /// So many memberships are online now.
    pub fn set_groups_online(&self, count: usize) {
        self.groups_online.set(gauge(count));
    }

    /// A connection to another node opened.
    pub fn link_opened(&self) {
        self.links.with_label_values(&["opened"]).inc();
    }

    /// A connection to another node closed.
    pub fn link_closed(&self) {
        self.links.with_label_values(&["closed"]).inc();
    }

    /// A dial or an incoming connection failed.
    pub fn link_failed(&self) {
        self.links.with_label_values(&["failed"]).inc();
    }

    /// A member was admitted.
    pub fn admission_accepted(&self) {
        self.admissions.with_label_values(&["accepted", ""]).inc();
    }

    /// A member was removed, or left.
    pub fn member_removed(&self, cause: &'static str) {
        self.members_removed.with_label_values(&[cause]).inc();
    }

    /// Something became of a membership of ours.
    pub fn credential(&self, outcome: &'static str) {
        self.credentials.with_label_values(&[outcome]).inc();
    }

    /// A peer was not admitted.
    pub fn admission_refused(&self, reason: &'static str) {
        self.admissions
            .with_label_values(&["refused", reason])
            .inc();
    }

    /// A gossip message was judged.
    pub fn gossip_heard(&self, verdict: &'static str) {
        self.gossip.with_label_values(&[verdict]).inc();
    }

    /// Gossip brought so many bodies of messages, copies of known ones included.
    pub fn gossip_copies(&self, count: u64) {
        self.copies.inc_by(count);
    }

    /// A record went through the store.
    pub fn record_stored(&self, outcome: &'static str, origin: &'static str) {
        self.records.with_label_values(&[outcome, origin]).inc();
    }

    /// A reconciliation ended.
    pub fn reconcile_session(&self, outcome: &'static str) {
        self.reconcile_sessions.with_label_values(&[outcome]).inc();
    }

    /// Bytes of reconciliation passed.
    pub fn reconcile_bytes(&self, direction: &'static str, content: &'static str, bytes: usize) {
        self.reconcile_bytes
            .with_label_values(&[direction, content])
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// A reconciliation that we started ended well.
    pub fn reconciled(&self, tally: &peerage_protocol::reconcile::Tally) {
        self.reconcile_session("finished");
        let bytes = usize::try_from(tally.compare_bytes).unwrap_or(usize::MAX);
        self.reconcile_bytes("both", "summary", bytes);
    }

    /// Records were verified again.
    pub fn store_audited(&self, checked: usize, dropped: usize) {
        let sound = checked.saturating_sub(dropped) as u64;
        for (outcome, count) in [("sound", sound), ("dropped", dropped as u64)] {
            self.store_audited
                .with_label_values(&[outcome])
                .inc_by(count);
        }
    }

    /// Two nodes were seen with one key: ours, or another's.
    pub fn node_duplicated(&self, ours: bool) {
        let whose = if ours { "ours" } else { "theirs" };
        self.duplicated.with_label_values(&[whose]).inc();
    }

    /// A backup was made, or failed.
    pub fn backup(&self, made: bool) {
        let outcome = if made { "made" } else { "failed" };
        self.backups.with_label_values(&[outcome]).inc();
    }

    /// A batch became durable.
    pub fn store_commit(&self, took: Duration) {
        self.store_commit.observe(took.as_secs_f64());
    }

    /// The API answered; `route` is the pattern, never the path.
    pub fn api_request(&self, route: &str, status: u16, took: Duration) {
        self.api_requests
            .with_label_values(&[route, &status.to_string()])
            .inc();
        self.api_seconds
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Something became of a direct connection.
    pub fn direct(&self, outcome: &'static str) {
        self.directs.with_label_values(&[outcome]).inc();
    }

    /// A message passed on a direct connection.
    pub fn direct_message(&self, direction: Direction, bytes: usize) {
        self.direct_messages.the(direction).inc();
        self.direct_bytes(direction, bytes);
    }

    /// Bytes of an application passed on a direct connection.
    pub fn direct_bytes(&self, direction: Direction, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.direct_bytes.the(direction).inc_by(bytes);
    }

    /// A request to the API was not let in, for the reason with this code.
    pub fn api_refused(&self, code: &'static str) {
        self.api_refused.with_label_values(&[code]).inc();
    }

    /// An event was told to applications.
    pub fn event(&self, kind: crate::model::EventKind) {
        self.events.with_label_values(&[kind.as_str()]).inc();
        if kind == crate::model::EventKind::Gap {
            self.events_lost.inc();
        }
    }

    /// A record event was told to applications.
    pub fn change(&self, kind: peerage_records::store::ChangeKind) {
        self.event(crate::event::kind_of(kind));
    }

    /// An application asked for something.
    pub fn command(&self, command: &'static str) {
        self.commands.with_label_values(&[command]).inc();
    }

    /// A step of member discovery ended.
    pub fn discovery(&self, step: &'static str, outcome: &'static str) {
        self.lookups.with_label_values(&[step, outcome]).inc();
    }

    /// Something was dropped because the named bound was reached.
    pub fn dropped(&self, bound: &'static str) {
        self.dropped.with_label_values(&[bound]).inc();
    }
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To this node.
    In,
    /// From it.
    Out,
}

/// A counter for each direction, found without a lookup: it counts every message.
#[derive(Debug)]
struct BothWays {
    incoming: IntCounter,
    outgoing: IntCounter,
}

impl BothWays {
    fn of(counters: IntCounterVec) -> Self {
        Self {
            incoming: counters.with_label_values(&["in"]),
            outgoing: counters.with_label_values(&["out"]),
        }
    }

    fn the(&self, direction: Direction) -> &IntCounter {
        match direction {
            Direction::In => &self.incoming,
            Direction::Out => &self.outgoing,
        }
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn register<C>(registry: &Registry, collector: prometheus::Result<C>) -> C
where
    C: prometheus::core::Collector + Clone + 'static,
{
    let collector = collector.expect("names and labels are constants above, and valid");
    registry
        .register(Box::new(collector.clone()))
        .expect("every name above is used once");
    collector
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_shown_under_its_name() {
        let metrics = Metrics::new();
        metrics.set_neighbours(3);
        metrics.admission_refused("expired");
        metrics.record_stored("stored", "remote");
        metrics.store_commit(Duration::from_millis(2));
        metrics.api_request("/v1/status", 200, Duration::from_millis(1));
        metrics.event(crate::model::EventKind::Gap);
        metrics.direct_message(Direction::Out, 64);
        let text = metrics.text();
        for line in [
            "peerage_neighbours 3",
            "peerage_admissions_total{outcome=\"refused\",reason=\"expired\"} 1",
            "peerage_records_stored_total{origin=\"remote\",outcome=\"stored\"} 1",
            "peerage_store_commit_seconds_count 1",
            "peerage_direct_messages_total{direction=\"out\"} 1",
            "peerage_direct_bytes_total{direction=\"out\"} 64",
            "peerage_api_requests_total{route=\"/v1/status\",status=\"200\"} 1",
            "peerage_event_gaps_total 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_series_has_our_prefix_and_a_help_text() {
        let text = Metrics::new().text();
        for line in text.lines().filter(|line| line.starts_with("# HELP")) {
            assert!(line.starts_with("# HELP peerage_"), "{line}");
            assert!(line.split_whitespace().count() > 3, "{line}");
        }
    }
}
