//! What one removal showed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{report::Report, statistics::percentile};

pub(super) const APPLIED_LAST: &str = "applied, last member";
pub(super) const CUT_LAST: &str = "link cut, last member";
pub(super) const HEARTBEATS: &str = "both, in heartbeats";
pub(super) const DISAGREE: &str = "members that do not agree";
pub(super) const AT_ONCE: &str = "received, published at once";
pub(super) const AT_CUT: &str = "received, published at the last cut";
pub(super) const AFTERWARDS: &str = "received, published 3 s later";

/// How long after the last cut the last record is published. A removed neighbour hears no gossip any
/// more, but has two seconds to read why before its link is closed from this side.
pub(super) const LATER: Duration = Duration::from_secs(3);

/// The figures of one removal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Until the network had formed; only of real nodes.
    pub(super) formed_ms: Option<f64>,
    /// From the call to its return, which is when it is durable; only of real nodes.
    pub(super) deciding_ms: Option<f64>,
    /// From the heal until two members of different halves had a link; only of halves.
    pub(super) met_ms: Option<f64>,
    /// Members, the removed one not among them.
    pub(super) honest: usize,
    /// Of those, how many had a link with the removed one.
    pub(super) linked: usize,
    /// When each member that had to hear of the removal had applied it.
    pub(super) applied_ms: Vec<f64>,
    /// When each member that had a link had none any more.
    pub(super) cut_ms: Vec<f64>,
    /// Members that had not applied it in time, have a link in the end, or another database.
    pub(super) disagree: usize,
    /// Whether the removed member got the record that was published as soon as the removal was
    /// durable, which may overtake the removal on the way; only of real nodes.
    pub(super) at_once: Option<usize>,
    /// Whether it got the record that was published when the last member had cut its link.
    pub(super) at_cut: usize,
    /// Whether it got the one that was published a while after that.
    pub(super) afterwards: usize,
}

impl Outcome {
    /// When everybody had applied the removal and nobody had a link any more.
    pub(super) fn done_ms(&self) -> f64 {
        last(&self.applied_ms).max(last(&self.cut_ms))
    }
}

/// Puts the figures of all removals of one kind into the report, and what went wrong.
pub(super) fn measures(report: &mut Report, system: &str, outcomes: &[Outcome]) {
    for (run, outcome) in (1..).zip(outcomes) {
        for (count, what) in [
            (outcome.disagree, DISAGREE),
            (outcome.afterwards, AFTERWARDS),
        ] {
            if count > 0 {
                let failure = format!("{system}, run {run}: {what}: {count}");
                report.failures.push(failure);
            }
        }
    }
    let mut note = |name: &str, unit: &str, of: &dyn Fn(&Outcome) -> Option<f64>| {
        let runs: Vec<f64> = outcomes.iter().filter_map(of).collect();
        if !runs.is_empty() {
            report.measure(system, name, unit, runs);
        }
    };
    let middle = |times: &[f64]| Some(percentile(&mut times.to_vec(), 0.5));
    note("until formed", "ms", &|o| o.formed_ms);
    note("members that stay", "", &|o| Some(o.honest as f64));
    note("of those with a link", "", &|o| Some(o.linked as f64));
    note("removal durable, call to return", "ms", &|o| o.deciding_ms);
    note("halves have met", "ms", &|o| o.met_ms);
    note("applied, p50", "ms", &|o| middle(&o.applied_ms));
    note(APPLIED_LAST, "ms", &|o| Some(last(&o.applied_ms)));
    note("link cut, p50", "ms", &|o| middle(&o.cut_ms));
    note(CUT_LAST, "ms", &|o| Some(last(&o.cut_ms)));
    note("both, last member, since the return", "ms", &|o| {
        o.deciding_ms
            .map(|deciding| (o.done_ms() - deciding).max(0.0))
    });
    note("both, last member, since they met", "ms", &|o| {
        o.met_ms.map(|met| (o.done_ms() - met).max(0.0))
    });
    note(DISAGREE, "", &|o| Some(o.disagree as f64));
    note(AT_ONCE, "", &|o| o.at_once.map(|count| count as f64));
    note(AT_CUT, "", &|o| Some(o.at_cut as f64));
    note(AFTERWARDS, "", &|o| Some(o.afterwards as f64));
}

/// The largest; 0 of none.
fn last(times: &[f64]) -> f64 {
    times.iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_done_when_the_last_has_applied_it_and_the_last_link_is_cut() {
        let outcome = Outcome {
            applied_ms: vec![3.0, 40.0],
            cut_ms: vec![9.0, 25.0],
            ..Outcome::default()
        };
        assert_eq!(outcome.done_ms(), 40.0);
    }

    #[test]
    fn a_member_that_keeps_a_link_fails_the_run() {
        let mut report = Report::begin("test", &BTreeMap::from([("nodes", 3)])).unwrap();
        let kept = Outcome {
            disagree: 1,
            ..Outcome::default()
        };
        measures(&mut report, "nodes", &[Outcome::default(), kept]);
        assert_eq!(
            report.failures,
            ["nodes, run 2: members that do not agree: 1"]
        );
    }
}
