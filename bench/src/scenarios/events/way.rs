//! The way of one record: published by one application, told to three others.

use std::time::{Duration, Instant};

use peerage::api::Server;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Parameters, draft, node, reader};
use crate::{
    Result,
    report::{Goal, Report},
    statistics::percentile,
};

/// Ways that are not counted: the first ones open files and connections.
const WARM_UP: usize = 20;

pub(super) struct Way {
    /// Microseconds from the call to the event, per reader.
    to_readers: [Vec<f64>; 3],
    /// And to the publisher's own answer.
    to_answer: Vec<f64>,
}

impl Way {
    pub(super) fn until_reader(&mut self, reader: usize, share: f64) -> f64 {
        percentile(&mut self.to_readers[reader], share)
    }

    pub(super) fn until_answer(&mut self, share: f64) -> f64 {
        percentile(&mut self.to_answer, share)
    }
}

/// The longest way from publishing to the event, in multiples of the publisher's own wait.
const GOAL: f64 = 2.0;
const ANSWER: &str = "publisher's answer";
const FIGURES: [(&str, f64); 2] = [("way, p50", 0.5), ("way, p99", 0.99)];

pub(super) fn report(report: &mut Report, ways: &mut [Way]) {
    let readers = ["in process", "other in process", "socket"];
    for (figure, share) in FIGURES {
        let runs = ways.iter_mut().map(|way| way.until_answer(share)).collect();
        report.measure(ANSWER, figure, "µs", runs);
        for (reader, name) in readers.into_iter().enumerate() {
            let runs = ways.iter_mut().map(|way| way.until_reader(reader, share));
            let runs = runs.collect();
            report.measure(name, figure, "µs", runs);
        }
        for name in readers {
            let goal = Some(Goal::AtMost(GOAL));
            report.ratio(figure, (name, figure), (ANSWER, figure), goal);
        }
    }
}

pub(super) async fn measure(parameters: &Parameters) -> Result<Way> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let (node, group) = node(folder.path()).await?;
    let socket = folder.path().join("api.sock");
    let stop = CancellationToken::new();
    let server = Server::bind(node.clone(), &socket, stop.clone())?;
    let server = tokio::spawn(server.run());
    let mut readers = [
        reader::in_process(&group).await?,
        reader::in_process(&group).await?,
        reader::over_socket(&socket, group.name()).await?,
    ];
    let mut way = Way {
        to_readers: Default::default(),
        to_answer: Vec::new(),
    };
    for number in 0..WARM_UP + parameters.singles {
        let began = Instant::now();
        let record = group.publish(draft(parameters.payload)).await?;
        let answered = began.elapsed();
        let mut arrivals = [Duration::ZERO; 3];
        for (arrival, reader) in arrivals.iter_mut().zip(&mut readers) {
            *arrival = arrived(reader, &record.id, parameters).await? - began;
        }
        if number >= WARM_UP {
            way.to_answer.push(answered.as_secs_f64() * 1e6);
            for (times, arrival) in way.to_readers.iter_mut().zip(arrivals) {
                times.push(arrival.as_secs_f64() * 1e6);
            }
        }
    }
    stop.cancel();
    server.await??;
    node.shutdown().await?;
    Ok(way)
}

async fn arrived(
    reader: &mut mpsc::Receiver<reader::Arrival>,
    record: &str,
    parameters: &Parameters,
) -> Result<Instant> {
    let patience = Duration::from_secs_f64(parameters.patience);
    let next = timeout(patience, reader.recv()).await;
    match next {
        Ok(Some((told, at))) if told == record => Ok(at),
        Ok(other) => Err(format!("told of {other:?} instead of {record}").into()),
        Err(_) => Err("an event did not arrive".into()),
    }
}
