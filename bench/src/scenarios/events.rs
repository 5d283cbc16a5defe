//! `events`: from a publish to the event in another application, and many events to many readers of
//! which one stands still.
//!
//! One node, alone in its group: what is measured is the way through node, disk and event feed. Each
//! run also has a bare tokio broadcast carry as many messages to as many readers.

mod bare;
mod crowd;
mod reader;
mod way;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use clap::{Args, builder::RangedU64ValueParser};
use peerage::{GroupHandle, NewGroup, NewIdentity, Node, Settings, clock::Clock};
use peerage_records::{id::RecordType, record::RecordDraft};
use serde::Serialize;

use crate::{
    Result,
    report::{Goal, Report},
    scenarios::positive,
};

/// Events a second that have to reach every reader but the one that stands still.
const GOAL_RATE: f64 = 10_000.0;
/// The growth of memory with a reader that stands still, in multiples of that without one; how much a
/// database has in memory varies by more than a reader costs.
const GOAL_MEMORY: f64 = 1.25;
const OURS: &str = "peerage";
const ALL_QUICK: &str = "peerage, all quick";
const BARE: &str = "bare broadcast";
/// Records outlive the measurement.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The name of the records' type.
const RECORD_TYPE: &str = "bench";

/// Who publishes how much, and who listens.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Parameters {
    /// Records published one after the other to measure the way of each.
    #[arg(long, default_value_t = 500, value_parser = count())]
    singles: usize,
    /// Records published by all publishers together.
    #[arg(long, default_value_t = 50_000, value_parser = count())]
    records: usize,
    /// Records under way at once.
    #[arg(long, default_value_t = 512, value_parser = count())]
    publishers: usize,
    /// Readers; in one measurement one of them stands still until all is published, in another none.
    #[arg(long, default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(2..=1_000))]
    readers: usize,
    /// Bytes of content per record.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(0..=49_152))]
    payload: usize,
    /// Seconds the readers may take to hear what is left when all is published.
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    patience: f64,
    /// Folder in which the node's own folder is made and removed. Default: the system's folder for
    /// temporary files.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Measurements of everything, in turns.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    runs: usize,
    /// Measures many to many once in this very process and prints what it found: the harness's other
    /// half.
    #[arg(long, hide = true)]
    #[serde(skip)]
    raw: bool,
    /// How many readers stand still then.
    #[arg(long, hide = true, default_value_t = 0)]
    #[serde(skip)]
    stalled: usize,
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=100_000_000)
}

/// Measures and reports. No report when this process measured on behalf of another.
pub(crate) fn run(parameters: &Parameters) -> Result<Option<Report>> {
    if parameters.raw {
        let runtime = tokio::runtime::Runtime::new()?;
        let outcome = runtime.block_on(crowd::measure(parameters))?;
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(None);
    }
    let mut report = Report::begin("events", parameters)?;
    report.conditions = vec![
        "one node that is alone in its group; publishers and readers are in its process, except for the \
         socket's reader, which reads server-sent events from the local API"
            .into(),
        "the way: from the call to publish to the event at a reader, one record at a time".into(),
        format!(
            "{} of {} readers read as fast as they can; one does not read until all is published",
            parameters.readers - 1,
            parameters.readers
        ),
        "bare broadcast: as many messages through tokio's; nothing is signed or kept".into(),
    ];
    let runtime = tokio::runtime::Runtime::new()?;
    let (mut ways, mut bares) = (Vec::new(), Vec::new());
    let (mut crowds, mut all_quick) = (Vec::new(), Vec::new());
    for run in 1..=parameters.runs {
        eprintln!("run {run} of {}: the way of one", parameters.runs);
        ways.push(runtime.block_on(way::measure(parameters))?);
        eprintln!("run {run} of {}: many to many", parameters.runs);
        crowds.push(in_own_process(parameters, 1)?);
        all_quick.push(in_own_process(parameters, 0)?);
        bares.push(runtime.block_on(bare::measure(parameters))?);
    }
    way::report(&mut report, &mut ways);
    crowd::report(&mut report, OURS, &crowds);
    crowd::report(&mut report, ALL_QUICK, &all_quick);
    bare::report(&mut report, BARE, &bares);
    report.expect(OURS, crowd::RATE, Goal::AtLeast(GOAL_RATE));
    report.expect(OURS, crowd::LOST, Goal::AtMost(0.0));
    report.expect(OURS, crowd::STALLED_LOST, Goal::AtMost(0.0));
    let memory = Some(Goal::AtMost(GOAL_MEMORY));
    report.ratio(
        "memory",
        (OURS, crowd::RSS),
        (ALL_QUICK, crowd::RSS),
        memory,
    );
    report.ratio("rate", (OURS, crowd::RATE), (ALL_QUICK, crowd::RATE), None);
    report.ratio("rate", (OURS, crowd::RATE), (BARE, crowd::RATE), None);
    Ok(Some(report))
}

/// One measurement with as many readers that stand still, in memory of its own.
fn in_own_process(parameters: &Parameters, stalled: usize) -> Result<crowd::Outcome> {
    let text = |value: &dyn ToString| value.to_string();
    let child = Command::new(std::env::current_exe()?)
        .args(["events", "--raw", "--stalled", &text(&stalled)])
        .args(["--records", &text(&parameters.records)])
        .args(["--publishers", &text(&parameters.publishers)])
        .args(["--readers", &text(&parameters.readers)])
        .args(["--payload", &text(&parameters.payload)])
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

/// A node in a folder, with a group.
async fn node(folder: &std::path::Path) -> Result<(Node, GroupHandle)> {
    let mut settings = Settings::in_folder(folder.join("data"));
    settings.listen = Vec::new();
    let node = Node::builder(settings).start().await?;
    node.create_identity(NewIdentity::default()).await?;
    let group = node.create_group(NewGroup::default()).await?;
    Ok((node, group))
}

fn draft(payload: usize) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name(RECORD_TYPE),
        expires: Clock::system().timestamp() + LIFETIME,
        attributes: Vec::new(),
        payload: vec![0x5a; payload],
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

    fn parsed(line: &str) -> Parameters {
        Arguments::parse_from(line.split_whitespace()).parameters
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_loses_nothing_at_any_reader() {
        let small = parsed("events --records 1500 --publishers 64 --readers 4 --stalled 1");
        let outcome = crowd::measure(&small).await.unwrap();
        let mut report = Report::begin("events", &small).unwrap();
        crowd::report(&mut report, OURS, &[outcome]);
        for name in [crowd::LOST, crowd::STALLED_LOST] {
            let lost = report.measures.iter().find(|measure| measure.name == name);
            assert_eq!(lost.unwrap().spread.max, 0.0, "{name}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_way_is_measured_for_every_reader() {
        let mut way = way::measure(&parsed("events --singles 3")).await.unwrap();
        for reader in 0..3 {
            assert!(way.until_reader(reader, 0.5) > 0.0);
        }
    }
}
