//! Two replicas brought in line by the machine that neighbours run, without a network between them.

use std::{collections::VecDeque, io::Write, time::Instant};

use peerage_protocol::{
    reconcile::{Session, Step, Tally, respond},
    wire::link::{LinkFrame, pack},
};
use peerage_records::{
    id::{EnvelopeHash, ReplicaId},
    store::{Put, Store, rocks::RocksStore},
};
use tempfile::TempDir;

use super::{
    Parameters, at_most,
    ingest::{checked, take_in},
    material::{Envelope, Material, Spot},
    note,
};
use crate::{
    Result,
    report::{Goal, Report},
};

/// Figures that are named twice.
pub(super) const RATE: &str = "first sync, rate";
const COMPARISON: &str = "comparison per difference";

pub(super) struct Outcome {
    records: f64,
    bytes: f64,
    /// Seconds to write the same bytes to a file and to the disk.
    copied: f64,
    differences: f64,
    first: Met,
    recent: Met,
    scattered: Met,
    unchanged: Met,
}

/// What one session cost.
#[derive(Debug, Clone, Copy)]
struct Met {
    seconds: f64,
    round_trips: f64,
    bytes: f64,
    tally: Tally,
}

/// One replica on a disk of its own.
struct Side {
    store: RocksStore,
    replica: ReplicaId,
    /// Holds the folder until the store is closed: fields are dropped in order.
    _folder: TempDir,
}

pub(super) fn measure(parameters: &Parameters, material: &Material) -> Result<Outcome> {
    let (mut newcomer, mut veteran) = (
        Side::new(parameters, material, 0)?,
        Side::new(parameters, material, 1)?,
    );
    veteran.take_in(parameters, material, &material.records)?;
    let first = meet(&mut newcomer, &mut veteran, material)?;
    let recent = differ(
        &mut newcomer,
        &mut veteran,
        parameters,
        material,
        Spot::Recent,
    )?;
    let scattered = differ(
        &mut newcomer,
        &mut veteran,
        parameters,
        material,
        Spot::Scattered,
    )?;
    let unchanged = meet(&mut newcomer, &mut veteran, material)?;
    Ok(Outcome {
        records: material.records.len() as f64,
        bytes: material.bytes() as f64,
        copied: copy(parameters, material)?,
        differences: 2.0 * parameters.differences as f64,
        first,
        recent,
        scattered,
        unchanged,
    })
}

/// Gives each side records the other lacks, and lets them meet.
fn differ(
    one: &mut Side,
    other: &mut Side,
    parameters: &Parameters,
    material: &Material,
    spot: Spot,
) -> Result<Met> {
    // Other numbers than the material itself was made from, and than any other difference.
    let seed = parameters.seed.wrapping_add(match spot {
        Spot::Recent => 1 << 32,
        Spot::Scattered => 1 << 33,
    });
    for (side, seed) in [(&mut *one, seed), (&mut *other, seed + 1)] {
        side.take_in(
            parameters,
            material,
            &material.more(parameters.differences, spot, seed)?,
        )?;
    }
    meet(one, other, material)
}

impl Side {
    fn new(parameters: &Parameters, material: &Material, number: usize) -> Result<Self> {
        let folder = tempfile::tempdir_in(&parameters.folder)?;
        let mut store = RocksStore::open(folder.path(), &parameters.options())?;
        let replica = material.replica(number);
        store.open_replica(replica)?;
        let mut side = Self {
            store,
            replica,
            _folder: folder,
        };
        side.take_in(parameters, material, &material.memberships)?;
        Ok(side)
    }

    fn take_in(
        &mut self,
        parameters: &Parameters,
        material: &Material,
        envelopes: &[Envelope],
    ) -> Result<()> {
        for batch in envelopes.chunks(parameters.batch) {
            take_in(&mut self.store, self.replica, material, batch)?;
        }
        Ok(())
    }

    /// Checks and stores what came in one frame, in one write batch.
    fn store<B: AsRef<[u8]>>(&mut self, envelopes: &[B], material: &Material) -> Result<()> {
        let puts: Vec<Put> = envelopes
            .iter()
            .map(|bytes| checked(bytes.as_ref(), self.replica, material))
            .collect::<Result<_>>()?;
        self.store.put(puts, material.now)?;
        Ok(())
    }

    fn envelopes(&self, hashes: &[EnvelopeHash]) -> Result<Vec<std::sync::Arc<[u8]>>> {
        let mut found = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let held = self.store.by_hash(&self.replica, hash)?;
            found.extend(held.map(|signed| signed.bytes().clone()));
        }
        Ok(found)
    }
}

/// One session from beginning to end; afterwards both hold the same.
fn meet(asker: &mut Side, answerer: &mut Side, material: &Material) -> Result<Met> {
    let started = Instant::now();
    let (mut session, first) = Session::begin(1, started);
    let mut steps = VecDeque::from([first]);
    let (mut round_trips, mut bytes) = (0_u32, 0);
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let tally = 'session: loop {
        while let Some(step) = steps.pop_front() {
            let now = Instant::now();
            match step {
                Step::ReadSummary(partition) => {
                    let summary = asker.store.summary(&asker.replica, partition)?;
                    steps.extend(session.on_summary(summary, now)?);
                }
                Step::ReadEnvelopes(hashes) => {
                    let frames = pack(asker.envelopes(&hashes)?);
                    steps.extend(session.on_envelopes(frames, Vec::new(), now));
                }
                Step::Send(frame) => asked.push(frame.encode()),
                Step::Finished => break 'session session.tally(),
            }
        }
        if asked.is_empty() {
            return Err("the session waits for nothing".into());
        }
        round_trips += 1;
        for frame in asked.drain(..) {
            bytes += frame.len();
            answer(answerer, &frame, material, &mut answered)?;
        }
        for frame in answered.drain(..) {
            bytes += frame.len();
            steps.extend(hear(&mut session, asker, &frame, material)?);
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let fingerprints =
        [&*asker, &*answerer].map(|side| side.store.fingerprint(&side.replica, material.now));
    let [asker, answerer] = fingerprints;
    if asker? != answerer? {
        return Err("the replicas differ after their session".into());
    }
    Ok(Met {
        seconds,
        round_trips: f64::from(round_trips),
        bytes: bytes as f64,
        tally,
    })
}

/// What the side that did not begin makes of a frame.
fn answer(
    side: &mut Side,
    frame: &[u8],
    material: &Material,
    answers: &mut Vec<Vec<u8>>,
) -> Result<()> {
    match LinkFrame::decode(frame)? {
        LinkFrame::Compare {
            session,
            partition,
            message,
        } => {
            let summary = side.store.summary(&side.replica, partition.into())?;
            let message = respond(summary, &message)?.into();
            answers.push(
                LinkFrame::Compared {
                    session,
                    message,
                    complete: true,
                }
                .encode(),
            );
        }
        LinkFrame::Want { request, hashes } => {
            let hashes = hashes
                .iter()
                .map(|hash| Ok(EnvelopeHash::from_bytes(hash.as_slice().try_into()?)))
                .collect::<Result<Vec<_>>>()?;
            let mut frames = pack(side.envelopes(&hashes)?);
            let tail = frames.pop().unwrap_or_default();
            let frames = frames.into_iter().map(|frame| (frame, false));
            for (envelopes, last) in frames.chain([(tail, true)]) {
                let frame = LinkFrame::Records {
                    request,
                    envelopes,
                    last,
                };
                answers.push(frame.encode());
            }
        }
        LinkFrame::Offer { request, envelopes } => {
            side.store(&envelopes, material)?;
            answers.push(LinkFrame::Taken { request }.encode());
        }
        other => return Err(format!("nobody asks this: {other:?}").into()),
    }
    Ok(())
}

/// What the side that began makes of a frame.
fn hear(
    session: &mut Session,
    side: &mut Side,
    frame: &[u8],
    material: &Material,
) -> Result<Vec<Step>> {
    let now = Instant::now();
    Ok(match LinkFrame::decode(frame)? {
        LinkFrame::Compared { message, .. } => session.on_compared(&message, now)?,
        LinkFrame::Records {
            request,
            envelopes,
            last,
        } => {
            let hashes: Vec<EnvelopeHash> = envelopes
                .iter()
                .map(|envelope| EnvelopeHash::of(envelope))
                .collect();
            session.on_storing(envelopes.len());
            let mut steps = session.on_records(request, &hashes, last, now)?;
            side.store(&envelopes, material)?;
            steps.extend(session.on_stored(envelopes.len(), now));
            steps
        }
        LinkFrame::Taken { request } => session.on_taken(request, now)?,
        other => return Err(format!("nobody answers this: {other:?}").into()),
    })
}

/// Seconds to write the same bytes into a file and to the disk, without reading or checking them.
fn copy(parameters: &Parameters, material: &Material) -> Result<f64> {
    let mut file = tempfile::tempfile_in(&parameters.folder)?;
    let started = Instant::now();
    for envelope in &material.records {
        file.write_all(&envelope.bytes)?;
    }
    file.sync_all()?;
    Ok(started.elapsed().as_secs_f64())
}

/// A later meeting, and where its figures are.
type Again = (&'static str, fn(&Outcome) -> Met);

pub(super) fn report(report: &mut Report, outcomes: &[Outcome]) {
    const OURS: &str = "peerage";
    const COPY: &str = "copy of the bytes";
    const FIRST: (&str, &str) = ("first sync", "s");
    let ours = |report: &mut Report, name: &str, unit: &str, of: &dyn Fn(&Outcome) -> f64| {
        note(report, outcomes, OURS, (name, unit), of);
    };
    note(report, outcomes, COPY, FIRST, |o| o.copied);
    ours(report, FIRST.0, FIRST.1, &|o| o.first.seconds);
    ours(report, RATE, "records/s", &|o| o.records / o.first.seconds);
    ours(report, "first sync, sent per byte of records", "B", &|o| {
        o.first.bytes / o.bytes
    });
    ours(report, "first sync, round trips", "", &|o| {
        o.first.round_trips
    });
    report.ratio("first sync", (OURS, FIRST.0), (COPY, FIRST.0), at_most(4.0));
    let again: [Again; 2] = [
        ("recent differences", |o| o.recent),
        ("scattered differences", |o| o.scattered),
    ];
    for (spot, met) in again {
        let name = |what: &str| format!("{spot}, {what}");
        ours(report, &name("time"), "ms", &|o| met(o).seconds * 1e3);
        ours(report, &name("round trips"), "", &|o| met(o).round_trips);
        ours(report, &name("comparison rounds"), "", &|o| {
            f64::from(met(o).tally.rounds)
        });
        ours(report, &name(COMPARISON), "B", &|o| {
            met(o).tally.compare_bytes as f64 / o.differences
        });
        ours(report, &name("everything sent"), "B", &|o| met(o).bytes);
        report.expect(OURS, &name("round trips"), Goal::AtMost(3.0));
    }
    report.expect(
        OURS,
        &format!("recent differences, {COMPARISON}"),
        Goal::AtMost(60.0),
    );
    ours(report, "no differences, sent", "B", &|o| o.unchanged.bytes);
    ours(report, "no differences, round trips", "", &|o| {
        o.unchanged.round_trips
    });
    ours(report, "no differences, time", "ms", &|o| {
        o.unchanged.seconds * 1e3
    });
}
