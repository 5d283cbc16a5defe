//! `store`: what it costs to take records in, to publish them durably and to reconcile them.
//!
//! Rivals in the same run: the bare loop of signature checks, RocksDB without anything of ours,
//! and a plain copy of the bytes.

mod ingest;
mod material;
mod publish;
mod sync;

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use peerage::clock::Clock;
use peerage_records::store::rocks::{Durability, RocksOptions};
use serde::Serialize;

use self::material::Material;
use crate::{
    Result,
    report::{Goal, Report},
};

/// How much is stored, and how.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Parameters {
    /// Records taken in, and held by each replica that is reconciled.
    #[arg(long, default_value_t = 100_000, value_parser = count())]
    records: usize,
    /// Bytes of a record's payload.
    #[arg(long, default_value_t = 1_024, value_parser = RangedU64ValueParser::<usize>::new().range(0..=48 * 1_024))]
    payload: usize,
    /// Members who made them.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    authors: usize,
    /// Hours over which the records were made.
    #[arg(long, default_value_t = 24, value_parser = RangedU64ValueParser::<u64>::new().range(1..=8_760))]
    span_hours: u64,
    /// Records per write batch.
    #[arg(long, default_value_t = 128, value_parser = count())]
    batch: usize,
    /// What a write batch of the ingest waits for, ours and RocksDB's alike.
    #[arg(long, value_enum, default_value_t = Wait::Disk)]
    wait: Wait,
    /// Differences on each side when two replicas in line are reconciled again.
    #[arg(long, default_value_t = 100, value_parser = count())]
    differences: usize,
    /// Records published through a node.
    #[arg(long, default_value_t = 20_000, value_parser = count())]
    published: usize,
    /// Publishers at once.
    #[arg(long, default_value_t = 256, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    publishers: usize,
    /// Records written one by one, each with a wait for the disk of its own.
    #[arg(long, default_value_t = 2_000, value_parser = count())]
    fsyncs: usize,
    /// MiB the store may hold before it writes a table. Default: the node's setting.
    #[arg(long, default_value_t = default_options().write_buffer_bytes >> 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=4_096))]
    write_buffer: usize,
    /// MiB of blocks the store may keep in memory. Default: the node's setting.
    #[arg(long, default_value_t = default_options().block_cache_bytes >> 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=65_536))]
    block_cache: usize,
    /// Folder in which the stores are made and removed. Default: the system's folder for temporary files.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Decides keys, ids and payloads. Every run uses the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measurements of everything, in turns.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    runs: usize,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Ingest, Part::Publish, Part::Sync])]
    parts: Vec<Part>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Foreign records: decode, validate, put. Against the checks alone and RocksDB alone.
    Ingest,
    /// Own records, acknowledged when durable. Against one wait for the disk per record.
    Publish,
    /// Two replicas brought in line: the first time, and again after few changes.
    Sync,
}

/// What a write waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Wait {
    /// The disk.
    Disk,
    /// The operating system only.
    System,
}

impl Parameters {
    fn options(&self) -> RocksOptions {
        RocksOptions {
            write_buffer_bytes: self.write_buffer << 20,
            block_cache_bytes: self.block_cache << 20,
            durability: match self.wait {
                Wait::Disk => Durability::Synced,
                Wait::System => Durability::Buffered,
            },
            ..default_options()
        }
    }
}

fn default_options() -> RocksOptions {
    RocksOptions::default()
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=100_000_000)
}

/// Measures and reports.
pub(crate) fn run(parameters: &Parameters) -> Result<Report> {
    let mut report = Report::begin("store", parameters)?;
    report.conditions = vec![
        "ingest and sync run on one thread; RocksDB writes and compacts tables on threads of its own".into(),
        "no warm-up: each measurement starts with an empty store in a new folder; the records are in memory".into(),
        "checks alone: verify_strict over the same bytes, public keys decoded beforehand".into(),
        "sync: both replicas in this process, frames encoded and decoded, no network between them".into(),
    ];
    let now = Clock::system().timestamp();
    eprintln!(
        "making {} records by {} members",
        parameters.records, parameters.authors
    );
    let material = Material::make(parameters, now)?;
    report.measure("peerage", "envelope", "B", vec![material.mean_bytes()]);

    let wants = |part| parameters.parts.contains(&part);
    let (mut ingests, mut publishes, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=parameters.runs {
        if wants(Part::Ingest) {
            eprintln!("run {run} of {}: ingest", parameters.runs);
            ingests.push(ingest::measure(parameters, &material)?);
        }
        if wants(Part::Publish) {
            eprintln!("run {run} of {}: publish", parameters.runs);
            publishes.push(publish::measure(parameters, &material)?);
        }
        if wants(Part::Sync) {
            eprintln!("run {run} of {}: sync", parameters.runs);
            syncs.push(sync::measure(parameters, &material)?);
        }
    }
    ingest::report(&mut report, &ingests);
    publish::report(&mut report, &publishes);
    sync::report(&mut report, &syncs);
    // What the two halves of taking in would allow, if comparing and sending cost nothing.
    report.ratio(
        "first sync, rate",
        ("peerage", sync::RATE),
        ("both halves", "ingest"),
        None,
    );
    Ok(report)
}

/// Notes one figure of each run, unless nothing was run.
fn note<T>(
    report: &mut Report,
    outcomes: &[T],
    system: &str,
    (name, unit): (&str, &str),
    of: impl Fn(&T) -> f64,
) {
    if !outcomes.is_empty() {
        report.measure(system, name, unit, outcomes.iter().map(of).collect());
    }
}

fn at_least(limit: f64) -> Option<Goal> {
    Some(Goal::AtLeast(limit))
}

fn at_most(limit: f64) -> Option<Goal> {
    Some(Goal::AtMost(limit))
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

    #[test]
    fn a_small_run_measures_every_part_and_loses_nothing() {
        let small = "store --records 60 --payload 64 --authors 3 --differences 5 --published 20 \
                     --publishers 4 --fsyncs 3 --runs 2 --wait system";
        let parameters = Arguments::parse_from(small.split_whitespace()).parameters;

        let report = run(&parameters).unwrap();

        assert_eq!(report.failures, [""; 0]);
        for name in ["ingest", "durable publish", "first sync"] {
            let ratio = report.ratios.iter().find(|ratio| ratio.name == name);
            let ratio = ratio.unwrap_or_else(|| panic!("no ratio of {name}"));
            assert_eq!(ratio.spread.runs.len(), 2, "{ratio:?}");
        }
        let equal = report
            .measures
            .iter()
            .find(|measure| measure.name == "no differences, round trips");
        assert_eq!(equal.unwrap().spread.max, 2.0, "one per half");
    }
}
