//! Scenarios that measure Peerage against named baselines.
//!
//! Every scenario runs its rivals in the same run and prints ratios; `docs/benchmarks.md` explains
//! them. Results are printed as a table and kept as JSON, which `compare` lays side by side.

mod compare;
mod machine;
mod report;
mod scenarios;
mod statistics;
mod usage;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    report::Report,
    scenarios::{direct, events, exclude, flood, store},
};

/// What a scenario fails with: something for a person to read.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// The exit code of a run that finished but lost something, so its figures count for nothing.
const FAILED_RUN: u8 = 3;

/// Measures Peerage against named baselines, in one run, and prints ratios.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Spreads records among many nodes in one process; rival: bare gossipsub.
    Flood(Measured<flood::Parameters>),
    /// Tells applications of records: how soon, and how many of them; rival: a bare broadcast.
    Events(Measured<events::Parameters>),
    /// Sends over one connection between two members; rivals: a stream of libp2p, a stream of quinn.
    Direct(Measured<direct::Parameters>),
    /// Removes a member, and measures until nobody has a link with it; with a partition: simulated.
    Exclude(Measured<exclude::Parameters>),
    /// Takes in, publishes and reconciles records on disk; rivals: bare verification, bare RocksDB.
    Store(Measured<store::Parameters>),
    /// Lays two reports of one scenario side by side.
    Compare(compare::Parameters),
}

/// A scenario's own parameters, and where its report goes.
#[derive(Debug, Args)]
struct Measured<P: Args> {
    #[command(flatten)]
    parameters: P,
    /// Writes the report as JSON to this file as well.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Prints the report as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Flood(Measured {
            parameters,
            out,
            json,
        }) => flood::run(&parameters).and_then(|report| show(report, out, json)),
        Command::Events(Measured {
            parameters,
            out,
            json,
        }) => events::run(&parameters).and_then(|report| show(report, out, json)),
        Command::Direct(Measured {
            parameters,
            out,
            json,
        }) => direct::run(&parameters).and_then(|report| show(Some(report), out, json)),
        Command::Exclude(Measured {
            parameters,
            out,
            json,
        }) => exclude::run(&parameters).and_then(|report| show(report, out, json)),
        Command::Store(Measured {
            parameters,
            out,
            json,
        }) => store::run(&parameters).and_then(|report| show(Some(report), out, json)),
        Command::Compare(parameters) => compare::run(&parameters).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// Prints and keeps a report. There is none when this process measured on behalf of another.
fn show(report: Option<Report>, out: Option<PathBuf>, json: bool) -> Result<ExitCode> {
    let Some(report) = report else {
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(file) = out {
        std::fs::write(&file, report.json()?)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    if json {
        print(&report.json()?)?;
    } else {
        print(&report.text())?;
    }
    Ok(if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED_RUN)
    })
}

/// Prints a line. A reader that has seen enough is no error.
fn print(text: &str) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
