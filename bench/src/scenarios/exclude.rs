//! `exclude`: a member is removed, and everybody else is to cut it off.
//!
//! Measured on whole nodes that speak QUIC on loopback, each measurement in a process of its own.
//! With `--partition` it is asked of the simulator instead, in virtual time: the same removal in a
//! network that is whole, and in one of two halves that do not reach each other for a while.

mod outcome;
mod simulated;
mod whole;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::{Args, builder::RangedU64ValueParser};
use peerage_protocol::net::group_net::gossip_config;
use serde::Serialize;

use self::outcome::Outcome;
use crate::{
    Result,
    report::{Goal, Report},
    scenarios::positive,
};

/// Within how many heartbeats of gossip everybody is to have cut the removed member off.
const GOAL_HEARTBEATS: f64 = 2.0;
/// The same in time, whatever the heartbeat is set to.
const GOAL_MS: f64 = 2_000.0;
/// Links the removed member has at least, so that there is something to cut.
const MIN_LINKS: usize = 3;

/// Who is there, and how long things may take.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Parameters {
    /// Members, the one that is removed included; without --partition each is a node in this machine.
    #[arg(long, default_value_t = 50, value_parser = RangedU64ValueParser::<usize>::new().range(3..=2_000))]
    nodes: usize,
    /// Asks the simulator instead of real nodes: a whole network, and one that was cut in two halves.
    #[arg(long)]
    partition: bool,
    /// Virtual seconds the two halves stay apart.
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    apart: f64,
    /// Neighbours each node must have before the removal (fewer when there are fewer nodes).
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=7))]
    neighbours: usize,
    /// Seconds the network may take to form.
    #[arg(long, default_value_t = 180.0, value_parser = positive)]
    form_timeout: f64,
    /// Warm-up: seconds between the network being formed and the removal.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    settle: f64,
    /// Seconds that may pass until everybody has applied the removal, and again until everybody has
    /// the records published afterwards.
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    patience: f64,
    /// Folder in which the nodes' own folders are made and removed. Default: the system's folder for
    /// temporary files.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Decides who is removed, and with --partition everything. Every run adds one to it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Removals, each in a new group.
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    runs: usize,
    /// Measures once in this very process and prints what it found: the harness's other half.
    #[arg(long, hide = true)]
    #[serde(skip)]
    raw: bool,
}

/// Measures and reports. No report when this process measured on behalf of another.
pub(crate) fn run(parameters: &Parameters) -> Result<Option<Report>> {
    if parameters.raw {
        let runtime = tokio::runtime::Runtime::new()?;
        let outcome = runtime.block_on(whole::measure(parameters))?;
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(None);
    }
    let mut report = Report::begin("exclude", parameters)?;
    if parameters.partition {
        simulate(&mut report, parameters)?;
    } else {
        measure(&mut report, parameters)?;
    }
    Ok(Some(report))
}

fn measure(report: &mut Report, parameters: &Parameters) -> Result<()> {
    report.conditions = vec![
        "all nodes of a run in one fresh process, QUIC on 127.0.0.1, no delay, no loss".into(),
        format!(
            "the creator removes a random member that has at least {} links; times count from the call \
             to remove_member, or from its return, to the events of each other member",
            MIN_LINKS.min(parameters.nodes - 1)
        ),
        format!(
            "a heartbeat of gossip is {} ms",
            gossip_config().heartbeat_interval().as_millis()
        ),
    ];
    let mut outcomes = Vec::new();
    for run in 0..parameters.runs {
        eprintln!("run {} of {}", run + 1, parameters.runs);
        outcomes.push(in_own_process(parameters, run as u64)?);
    }
    outcome::measures(report, "nodes", &outcomes);
    goals(report, "nodes");
    let heartbeat = gossip_config().heartbeat_interval().as_secs_f64() * 1e3;
    report.measure(
        "nodes",
        outcome::HEARTBEATS,
        "",
        outcomes
            .iter()
            .map(|outcome| outcome.done_ms() / heartbeat)
            .collect(),
    );
    report.expect("nodes", outcome::HEARTBEATS, Goal::AtMost(GOAL_HEARTBEATS));
    Ok(())
}

fn simulate(report: &mut Report, parameters: &Parameters) -> Result<()> {
    report.conditions = vec![
        "simulated: virtual time, 5 to 80 ms per message, 100 ms to 5 s until a lost peer is noticed".into(),
        "whole: times count from the decision, over everybody else".into(),
        format!(
            "halves: two halves are cut apart for {} s, the removal is decided in one and the removed member \
             is in the other; times count from the heal, over those of the other half",
            parameters.apart
        ),
    ];
    for (name, halves) in [("whole", false), ("halves", true)] {
        let mut outcomes = Vec::new();
        for run in 0..parameters.runs {
            eprintln!("run {} of {}: {name}", run + 1, parameters.runs);
            let seed = parameters.seed.wrapping_add(run as u64);
            outcomes.push(simulated::measure(parameters, seed, halves)?);
        }
        outcome::measures(report, name, &outcomes);
    }
    goals(report, "whole");
    for name in [outcome::DISAGREE, outcome::AT_CUT, outcome::AFTERWARDS] {
        report.expect("halves", name, Goal::AtMost(0.0));
    }
    Ok(())
}

fn goals(report: &mut Report, system: &str) {
    for (name, limit) in [
        (outcome::APPLIED_LAST, GOAL_MS),
        (outcome::CUT_LAST, GOAL_MS),
        (outcome::DISAGREE, 0.0),
        (outcome::AT_ONCE, 0.0),
        (outcome::AT_CUT, 0.0),
        (outcome::AFTERWARDS, 0.0),
    ] {
        report.expect(system, name, Goal::AtMost(limit));
    }
}

fn in_own_process(parameters: &Parameters, run: u64) -> Result<Outcome> {
    let seed = parameters.seed.wrapping_add(run).to_string();
    let text = |value: &dyn ToString| value.to_string();
    let child = Command::new(std::env::current_exe()?)
        .args(["exclude", "--raw", "--seed", &seed])
        .args(["--nodes", &text(&parameters.nodes)])
        .args(["--neighbours", &text(&parameters.neighbours)])
        .args(["--form-timeout", &text(&parameters.form_timeout)])
        .args(["--settle", &text(&parameters.settle)])
        .args(["--patience", &text(&parameters.patience)])
        .arg("--folder")
        .arg(&parameters.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
