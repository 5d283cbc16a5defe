//! What one measurement of one system found.

use serde::{Deserialize, Serialize};

use crate::report::Report;

pub(super) const LAST_P50: &str = "to the last node, p50";
pub(super) const LAST_P99: &str = "to the last node, p99";
pub(super) const COPIES: &str = "copies per delivery";
pub(super) const CPU: &str = "CPU per delivery";
pub(super) const CPU_NET: &str = "CPU per delivery, idle subtracted";
pub(super) const WIRE: &str = "wire bytes per delivery";
pub(super) const RSS_IDLE: &str = "memory per idle node";

/// The figures of one measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Records times nodes other than the author.
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) message_bytes: usize,
    pub(super) formed_ms: f64,
    /// Of every delivery.
    pub(super) delivery_p50_ms: f64,
    pub(super) delivery_p99_ms: f64,
    /// Of every record that reached everybody.
    pub(super) last_p50_ms: f64,
    pub(super) last_p99_ms: f64,
    /// Bodies received per body needed.
    pub(super) copies: f64,
    pub(super) cpu_us: f64,
    pub(super) cpu_net_us: f64,
    /// Cores kept busy during the load; near the number of cores, latency is a queue for the CPU.
    pub(super) busy_cores: f64,
    pub(super) wire_bytes: Option<f64>,
    /// Open at each node when the load begins, whatever for.
    pub(super) connections: f64,
    pub(super) rss_idle_kib: f64,
    pub(super) rss_end_kib: f64,
    /// Until the author had it on its own disk; only of systems that store.
    pub(super) publish_p50_ms: Option<f64>,
    pub(super) publish_p99_ms: Option<f64>,
    pub(super) failures: Vec<String>,
}

impl Outcome {
    pub(super) fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }
}

/// Puts the figures of all measurements of one system into the report.
pub(super) fn measures(report: &mut Report, system: &str, outcomes: &[Outcome]) {
    let mut note = |name: &str, unit: &str, of: &dyn Fn(&Outcome) -> Option<f64>| {
        let runs: Vec<f64> = outcomes.iter().filter_map(of).collect();
        if !runs.is_empty() {
            report.measure(system, name, unit, runs);
        }
    };
    note("deliveries missing", "", &|o| Some(o.missing() as f64));
    note("deliveries expected", "", &|o| Some(o.expected as f64));
    note("message", "B", &|o| Some(o.message_bytes as f64));
    note("until formed", "ms", &|o| Some(o.formed_ms));
    note("delivery, p50", "ms", &|o| Some(o.delivery_p50_ms));
    note("delivery, p99", "ms", &|o| Some(o.delivery_p99_ms));
    note(LAST_P50, "ms", &|o| Some(o.last_p50_ms));
    note(LAST_P99, "ms", &|o| Some(o.last_p99_ms));
    note("durable at the author, p50", "ms", &|o| o.publish_p50_ms);
    note("durable at the author, p99", "ms", &|o| o.publish_p99_ms);
    note(COPIES, "", &|o| Some(o.copies));
    note(CPU, "µs", &|o| Some(o.cpu_us));
    note(CPU_NET, "µs", &|o| Some(o.cpu_net_us));
    note("cores busy", "", &|o| Some(o.busy_cores));
    note(WIRE, "B", &|o| o.wire_bytes);
    note("connections per node", "", &|o| Some(o.connections));
    note(RSS_IDLE, "KiB", &|o| Some(o.rss_idle_kib));
    note("memory per node at the end", "KiB", &|o| {
        Some(o.rss_end_kib)
    });
}
