//! `direct`: what one direct connection carries, and how fast an answer comes back over it.
//!
//! Rivals in the same run: a quinn stream, and a stream of libp2p over the transport Peerage uses.

mod bare;
mod load;
mod peerage;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use serde::Serialize;

use crate::{
    Result,
    report::{Goal, Report},
    statistics::percentile,
};

const BULK: &str = "bulk";
const MEDIAN: &str = "round trip, p50";
const TAIL: &str = "round trip, p99";

/// How much is sent, and by whom.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Parameters {
    /// MiB sent one way.
    #[arg(long, default_value_t = 512, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    mebibytes: usize,
    /// KiB written at once, and sent as one message.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..=16 * 1_024))]
    block: usize,
    /// Round trips, one after the other.
    #[arg(long, default_value_t = 5_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    round_trips: usize,
    /// Bytes sent each way in one.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 20))]
    bytes: usize,
    /// Measurements of every system, in turns.
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    runs: usize,
    /// Who is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Quinn, System::Libp2p, System::Stream, System::Messages])]
    systems: Vec<System>,
}

/// Who can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum System {
    /// A stream of quinn, with libp2p's settings and certificates.
    Quinn,
    /// A stream of libp2p over QUIC, handed up by a behaviour that does nothing else.
    Libp2p,
    /// A direct connection of Peerage that carries bytes.
    Stream,
    /// A direct connection of Peerage that carries typed messages.
    Messages,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            Self::Quinn => "quinn",
            Self::Libp2p => "libp2p-quic",
            Self::Stream => "peerage stream",
            Self::Messages => "peerage messages",
        }
    }
}

/// What one system did in one run.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// MiB per second.
    bulk: f64,
    /// Microseconds.
    round_trips: Vec<f64>,
}

/// Measures and reports.
pub(crate) fn run(parameters: &Parameters) -> Result<Report> {
    let mut report = Report::begin("direct", parameters)?;
    report.conditions = vec![
        "both ends in this process, on one runtime, over QUIC on 127.0.0.1; each run connects anew"
            .into(),
        "bulk: from the first write until the receiver has said that all of it has come".into(),
        "round trips: one after the other over a second stream, after a hundred that do not count"
            .into(),
        "peerage: two whole nodes that are neighbours in a group, through the library".into(),
    ];
    let runtime = tokio::runtime::Runtime::new()?;
    let mut outcomes = vec![Vec::new(); parameters.systems.len()];
    for run in 1..=parameters.runs {
        for (system, outcomes) in parameters.systems.iter().zip(&mut outcomes) {
            eprintln!("run {run} of {}: {}", parameters.runs, system.name());
            outcomes.push(runtime.block_on(measure(*system, parameters))?);
        }
    }
    for (system, outcomes) in parameters.systems.iter().zip(outcomes) {
        let name = system.name();
        let bulk = outcomes.iter().map(|outcome| outcome.bulk).collect();
        report.measure(name, BULK, "MiB/s", bulk);
        for (figure, share) in [(MEDIAN, 0.5), (TAIL, 0.99)] {
            let trips = outcomes.iter().map(|outcome| {
                let mut trips = outcome.round_trips.clone();
                percentile(&mut trips, share)
            });
            report.measure(name, figure, "µs", trips.collect());
        }
    }
    relate(&mut report);
    Ok(report)
}

async fn measure(system: System, parameters: &Parameters) -> Result<Outcome> {
    match system {
        System::Quinn => bare::quinn(parameters).await,
        System::Libp2p => bare::libp2p(parameters).await,
        System::Stream => peerage::stream(parameters).await,
        System::Messages => peerage::messages(parameters).await,
    }
}

fn relate(report: &mut Report) {
    let (bare, quinn) = (System::Libp2p.name(), System::Quinn.name());
    let goals = [
        (BULK, Goal::AtLeast(0.9)),
        (MEDIAN, Goal::AtMost(1.2)),
        (TAIL, Goal::AtMost(1.2)),
    ];
    for ours in [System::Stream.name(), System::Messages.name()] {
        for (figure, goal) in goals {
            // The tail is the scheduler's as much as anybody's.
            let goal = (figure != TAIL).then_some(goal);
            report.ratio(figure, (ours, figure), (bare, figure), goal);
        }
    }
    for system in [bare, System::Stream.name(), System::Messages.name()] {
        for (figure, _) in goals {
            report.ratio(figure, (system, figure), (quinn, figure), None);
        }
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

    #[test]
    fn a_small_run_measures_every_system() {
        let small = "direct --mebibytes 1 --round-trips 20 --runs 1";
        let parameters = Arguments::parse_from(small.split_whitespace()).parameters;

        let report = run(&parameters).unwrap();

        assert_eq!(report.failures, [""; 0]);
        assert_eq!(report.measures.len(), 4 * 3);
        assert!(report.measures.iter().all(|one| one.spread.min > 0.0));
        let goals = report.ratios.iter().filter(|ratio| ratio.goal.is_some());
        assert_eq!(goals.count(), 4);
    }
}
