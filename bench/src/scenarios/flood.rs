//! `flood`: records spread among many nodes in one process over QUIC on loopback.
//!
//! Peerage does all its work: membership, validation, a synced store, durable events. Its rivals
//! are bare gossipsub without any of that, over the same transport and with messages of the same
//! size. Each measurement runs in a process of its own, so that none inherits another's memory.

mod bare;
mod load;
mod outcome;
mod peerage;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use serde::Serialize;

pub(crate) use self::outcome::Outcome;
use crate::{
    Result,
    report::{Goal, Report},
    scenarios::positive,
};

/// What is flooded, by whom, and how long things may take.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Parameters {
    /// Nodes, all in one process.
    #[arg(long, default_value_t = 50, value_parser = RangedU64ValueParser::<usize>::new().range(2..=2_000))]
    nodes: usize,
    /// Records published, each by a random node.
    #[arg(long, default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    records: usize,
    /// Records published per second, whether or not the earlier ones have arrived.
    #[arg(long, default_value_t = 20.0, value_parser = positive)]
    rate: f64,
    /// Bytes of a record's payload; the rivals' messages are as long as the whole envelope.
    #[arg(long, default_value_t = 1_024, value_parser = RangedU64ValueParser::<usize>::new().range(16..=48 * 1_024))]
    payload: usize,
    /// Random earlier nodes each node of a rival dials.
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    dials: usize,
    /// Neighbours each node must have before the load begins (fewer when there are fewer nodes).
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=7))]
    neighbours: usize,
    /// Seconds the network may take to form.
    #[arg(long, default_value_t = 180.0, value_parser = positive)]
    form_timeout: f64,
    /// Warm-up: seconds between the network being formed and the first measurement.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    settle: f64,
    /// Seconds without load, to learn what the network costs when nothing happens.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    idle: f64,
    /// Seconds that may pass after the last record was published until everybody has everything.
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    drain: f64,
    /// Folder in which the nodes' own folders are made and removed. All nodes share its disk: one in memory
    /// shows what waiting for that disk costs. Default: the system's folder for temporary files.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Decides authors, payloads and the rivals' topology. Every run adds one to it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measurements of each system, in turns.
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    runs: usize,
    /// What is measured, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Peerage, System::Bare, System::Signed])]
    systems: Vec<System>,
    /// Measures one system in this very process and prints what it found: the harness's other half.
    #[arg(long, hide = true)]
    #[serde(skip)]
    raw: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// Whole nodes.
    Peerage,
    /// gossipsub with Peerage's mesh settings; anonymous, nothing checked, nothing stored.
    Bare,
    /// The same, but with gossipsub's own author, sequence number and strict signatures.
    Signed,
    /// gossipsub as it ships: default mesh, strict signatures.
    Stock,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            Self::Peerage => "peerage",
            Self::Bare => "bare",
            Self::Signed => "signed",
            Self::Stock => "stock",
        }
    }
}

/// Measures and reports. No report when this process measured on behalf of another.
pub(crate) fn run(parameters: &Parameters) -> Result<Option<Report>> {
    if parameters.raw {
        let system = *parameters.systems.first().ok_or("no system is named")?;
        let outcome = measure(system, parameters)?;
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(None);
    }
    let mut report = Report::begin("flood", parameters)?;
    report.conditions = vec![
        "all nodes of a measurement in one fresh process, QUIC on 127.0.0.1, no delay, no loss".into(),
        format!(
            "warm-up: {} s after the network formed, then {} s idle, then the load",
            parameters.settle, parameters.idle
        ),
        "peerage: from the call to publish until the event of each other member, that is validated and \
         synced to disk at author and member; rivals: until the message is handed to the application"
            .into(),
        "wire bytes are those of the loopback device: other programs' traffic on it counts too".into(),
    ];
    let mut outcomes: Vec<(System, Vec<Outcome>)> = parameters
        .systems
        .iter()
        .map(|system| (*system, Vec::new()))
        .collect();
    for run in 0..parameters.runs {
        for (system, outcomes) in &mut outcomes {
            eprintln!("run {} of {}: {}", run + 1, parameters.runs, system.name());
            let outcome = in_own_process(*system, parameters, run as u64)
                .map_err(|error| format!("{}: {error}", system.name()))?;
            if outcome.missing() > 0 {
                report.failures.push(format!(
                    "{}, run {}: {} of {} deliveries are missing",
                    system.name(),
                    run + 1,
                    outcome.missing(),
                    outcome.expected
                ));
            }
            report.failures.extend(
                outcome
                    .failures
                    .iter()
                    .map(|failure| format!("{}, run {}: {failure}", system.name(), run + 1)),
            );
            outcomes.push(outcome);
        }
    }
    for (system, outcomes) in &outcomes {
        outcome::measures(&mut report, system.name(), outcomes);
    }
    ratios(&mut report);
    Ok(Some(report))
}

/// Goals of the design: p99 to the last member, copies, and CPU against strict signatures.
fn ratios(report: &mut Report) {
    let ours = System::Peerage.name();
    report.expect(ours, outcome::COPIES, Goal::AtMost(2.5));
    for rival in [System::Bare, System::Signed, System::Stock] {
        let goal = |of: System, goal: Goal| (rival == of).then_some(goal);
        for (name, goal) in [
            (outcome::LAST_P50, None),
            (outcome::LAST_P99, goal(System::Bare, Goal::AtMost(1.2))),
            (outcome::COPIES, None),
            (outcome::CPU, goal(System::Signed, Goal::AtMost(1.0))),
            (outcome::CPU_NET, None),
            (outcome::WIRE, None),
            (outcome::RSS_IDLE, None),
        ] {
            report.ratio(name, (ours, name), (rival.name(), name), goal);
        }
    }
}

fn in_own_process(system: System, parameters: &Parameters, run: u64) -> Result<Outcome> {
    let seed = parameters.seed.wrapping_add(run).to_string();
    let text = |value: &dyn ToString| value.to_string();
    let child = Command::new(std::env::current_exe()?)
        .args([
            "flood",
            "--raw",
            "--systems",
            system.name(),
            "--seed",
            &seed,
        ])
        .args(["--nodes", &text(&parameters.nodes)])
        .args(["--records", &text(&parameters.records)])
        .args(["--rate", &text(&parameters.rate)])
        .args(["--payload", &text(&parameters.payload)])
        .args(["--dials", &text(&parameters.dials)])
        .args(["--neighbours", &text(&parameters.neighbours)])
        .args(["--form-timeout", &text(&parameters.form_timeout)])
        .args(["--settle", &text(&parameters.settle)])
        .args(["--idle", &text(&parameters.idle)])
        .args(["--drain", &text(&parameters.drain)])
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

fn measure(system: System, parameters: &Parameters) -> Result<Outcome> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match system {
            System::Peerage => peerage::measure(parameters).await,
            System::Bare | System::Signed | System::Stock => {
                bare::measure(system, parameters).await
            }
        }
    })
}
