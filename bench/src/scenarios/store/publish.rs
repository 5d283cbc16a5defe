//! Publishing, acknowledged when durable: many publishers share one wait for the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use peerage::{GroupHandle, NewGroup, NewIdentity, Node, Settings, clock::Clock};
use peerage_records::{id::RecordType, record::RecordDraft};
use rocksdb::{DB, Options, WriteOptions};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{Parameters, at_least, at_most, material::Material, note};
use crate::{Result, report::Report, statistics::percentile};

/// Records outlive the measurement.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Outcome {
    crowd: Rate,
    lone: Rate,
    rocksdb: Rate,
}

/// How fast, and how long each took.
struct Rate {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Rate {
    fn of(mut times_us: Vec<f64>, elapsed: Duration) -> Self {
        Self {
            per_second: times_us.len() as f64 / elapsed.as_secs_f64(),
            p50_us: percentile(&mut times_us, 0.5),
            p99_us: percentile(&mut times_us, 0.99),
        }
    }
}

pub(super) fn measure(parameters: &Parameters, material: &Material) -> Result<Outcome> {
    let rocksdb = one_by_one(parameters, material)?;
    let (lone, crowd) = Runtime::new()?.block_on(through_a_node(parameters))?;
    Ok(Outcome {
        crowd,
        lone,
        rocksdb,
    })
}

/// The same bytes into bare RocksDB, with a wait for the disk after each.
fn one_by_one(parameters: &Parameters, material: &Material) -> Result<Rate> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, folder.path())?;
    let mut write = WriteOptions::default();
    write.set_sync(true);
    let records = material.records.iter().cycle().take(parameters.fsyncs);
    let mut times = Vec::with_capacity(parameters.fsyncs);
    let started = Instant::now();
    for (number, envelope) in records.enumerate() {
        let began = Instant::now();
        db.put_opt(number.to_be_bytes(), &envelope.bytes, &write)?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Rate::of(times, started.elapsed()))
}

/// A node that is alone: first one publisher, then many at once.
async fn through_a_node(parameters: &Parameters) -> Result<(Rate, Rate)> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let mut settings = Settings::in_folder(folder.path());
    settings.listen = Vec::new();
    let node = Node::builder(settings).start().await?;
    node.create_identity(NewIdentity::default()).await?;
    let group = node.create_group(NewGroup::default()).await?;
    let lone = crowd(
        &group,
        1,
        parameters.fsyncs.min(parameters.published),
        parameters.payload,
    )
    .await?;
    let crowd = crowd(
        &group,
        parameters.publishers,
        parameters.published,
        parameters.payload,
    )
    .await?;
    node.shutdown().await?;
    Ok((lone, crowd))
}

/// So many publishers publish so many records together, each waiting for its own to be durable.
async fn crowd(
    group: &GroupHandle,
    publishers: usize,
    records: usize,
    payload: usize,
) -> Result<Rate> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..publishers {
        let (group, next) = (group.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let mut times = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < records {
                let draft = RecordDraft {
                    kind: RecordType::from_name("bench"),
                    expires: Clock::system().timestamp() + LIFETIME,
                    attributes: Vec::new(),
                    payload: vec![0x5a; payload],
                };
                let began = Instant::now();
                group.publish(draft).await?;
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, peerage::Error>(times)
        });
    }
    let mut times = Vec::with_capacity(records);
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(Rate::of(times, started.elapsed()))
}

/// A system, and where its figures are.
type System = (&'static str, fn(&Outcome) -> &Rate);

pub(super) fn report(report: &mut Report, outcomes: &[Outcome]) {
    const RATE: (&str, &str) = ("durable publish", "records/s");
    const P50: (&str, &str) = ("durable publish, p50", "µs");
    const P99: (&str, &str) = ("durable publish, p99", "µs");
    let systems: [System; 3] = [
        ("peerage", |o| &o.crowd),
        ("peerage, one publisher", |o| &o.lone),
        ("RocksDB, one fsync each", |o| &o.rocksdb),
    ];
    for (system, rate) in systems {
        note(report, outcomes, system, RATE, |o| rate(o).per_second);
        note(report, outcomes, system, P50, |o| rate(o).p50_us);
        note(report, outcomes, system, P99, |o| rate(o).p99_us);
    }
    let [ours, lone, rocksdb] = systems.map(|(system, _)| system);
    let fsync = (rocksdb, P50.0);
    report.ratio(
        "durable publish",
        (ours, RATE.0),
        (rocksdb, RATE.0),
        at_least(50.0),
    );
    report.ratio("durable publish, p50 in fsyncs", (ours, P50.0), fsync, None);
    report.ratio(
        "durable publish, p99 in fsyncs",
        (ours, P99.0),
        fsync,
        at_most(3.0),
    );
    report.ratio("durable publish, p50 in fsyncs", (lone, P50.0), fsync, None);
    report.ratio(
        "durable publish, p99 in fsyncs",
        (lone, P99.0),
        fsync,
        at_most(3.0),
    );
}
