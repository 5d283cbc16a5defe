//! Nothing acknowledged is lost: a process that publishes is killed at random moments, again and again.
#![cfg(feature = "rocksdb")]
#![expect(
    clippy::unwrap_used,
    reason = "a test says that something is wrong by panicking"
)]

mod common;

use std::{
    collections::HashMap,
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use common::{NOW, create, draft, member, put, replica};
use peerage_records::{
    id::{EnvelopeHash, RecordId},
    record::{Record, RecordUpdate},
    store::{
        Partition, PutOutcome, Store, StoreErrorKind,
        rocks::{RocksOptions, RocksStore},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const FOLDER: &str = "PEERAGE_CRASH_FOLDER";
const ROUND: &str = "PEERAGE_CRASH_ROUND";

/// Kills of one run; each is followed by opening, checking and comparing.
const ROUNDS: u64 = 20;

/// The longest life of a publisher.
const MAX_LIFE: Duration = Duration::from_millis(400);

#[test]
fn every_acknowledged_record_survives_being_killed() {
    let seed = match env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a number"),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = publisher(folder.path(), round);
        let reader = acknowledgements(&mut child);
        thread::sleep(rng.random_range(Duration::ZERO..MAX_LIFE));
        child.kill().unwrap();
        child.wait().unwrap();
        for (id, ack) in reader.join().unwrap() {
            acknowledged.insert(id, ack);
        }
        compare(folder.path(), &acknowledged);
    }
    println!("{} records acknowledged, none lost", acknowledged.len());
    assert!(acknowledged.len() > 20, "the publishers hardly got to work");
}

#[derive(Clone, Copy)]
struct Ack {
    version: u32,
    hash: EnvelopeHash,
}

/// Everything acknowledged is held, in that version or a later one, and nothing contradicts anything.
fn compare(folder: &Path, acknowledged: &HashMap<RecordId, Ack>) {
    let mut store = RocksStore::open(folder, &RocksOptions::default()).unwrap();
    store.open_replica(replica(1)).unwrap();
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    let summary = store.summary(&replica(1), Partition::Application).unwrap();
    assert_eq!(summary.len() as u64, store.count(&replica(1)).unwrap());
    for (id, ack) in acknowledged {
        let held = store.get(&replica(1), id).unwrap();
        let held = held.unwrap_or_else(|| panic!("record {id} was acknowledged and is lost"));
        // The publisher may have got further than it could say.
        assert!(
            held.record().version >= ack.version,
            "record {id} fell back"
        );
        if held.record().version == ack.version {
            assert_eq!(held.hash(), ack.hash);
        }
        assert!(summary.contains(held.record().modified, &held.hash()));
        assert_eq!(
            store.by_hash(&replica(1), &held.hash()).unwrap(),
            Some(held)
        );
    }
}

fn publisher(folder: &Path, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "publisher_process", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Collects what the child says until its end. A line that was cut off is not an acknowledgement.
fn acknowledgements(child: &mut Child) -> thread::JoinHandle<Vec<(RecordId, Ack)>> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        let mut acks = Vec::new();
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some(ack) = line
                .strip_suffix('\n')
                .and_then(|line| line.strip_prefix("ack "))
            {
                let words: Vec<_> = ack.split(' ').collect();
                let ack = Ack {
                    version: words[1].parse().unwrap(),
                    hash: words[2].parse().unwrap(),
                };
                acks.push((words[0].parse().unwrap(), ack));
            }
            line.clear();
        }
        acks
    })
}

/// Publishes, updates and deletes without end, and says so after each batch. Not a test of its own.
#[test]
#[ignore = "run by the tests that kill it"]
fn publisher_process() {
    let (Some(folder), Ok(round)) = (env::var_os(FOLDER), env::var(ROUND)) else {
        return;
    };
    let round: u64 = round.parse().unwrap();
    let mut store = RocksStore::open(folder, &RocksOptions::default()).unwrap();
    store.open_replica(replica(1)).unwrap();
    println!("\nopen");
    let mut live: Vec<Record> = Vec::new();
    for step in 0.. {
        let mut batch: Vec<Record> = (0..=step % 4)
            .map(|i| create((round << 32) + step * 4 + i, draft(&[0; 1000])))
            .collect();
        if step % 3 == 1 {
            let change = RecordUpdate {
                payload: Some(vec![1; 500]),
                ..RecordUpdate::default()
            };
            let old = live.swap_remove(step as usize % live.len());
            batch.push(old.update(change, member(2), NOW).unwrap());
        }
        if step % 5 == 2 {
            let old = live.swap_remove(step as usize % live.len());
            batch.push(old.delete(member(1), NOW).unwrap());
        }
        let puts: Vec<_> = batch.iter().cloned().map(put).collect();
        let outcomes = store.put(puts, NOW).unwrap();
        let mut said = Vec::new();
        for (record, outcome) in batch.into_iter().zip(outcomes) {
            let PutOutcome::Stored(change) = outcome else {
                panic!("not stored: {outcome:?}");
            };
            writeln!(said, "ack {} {} {}", record.id, record.version, change.hash).unwrap();
            if !record.deleted {
                live.push(record);
            }
        }
        std::io::stdout().write_all(&said).unwrap();
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_store_open_in_another_process_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = publisher(folder.path(), 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let opened = lines.any(|line| line.unwrap() == "open");
    assert!(opened, "the publisher did not come up");
    let refused = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap_err();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Locked, "{refused}");
}

/// The system refuses to let any file grow beyond 256 KiB: what a full disk looks like.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "filling_process", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("full: DiskFull"), "{said}");
    let mut store = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap();
    store.open_replica(replica(1)).unwrap();
    assert!(store.check().unwrap().is_sound());
    let acknowledged: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ack "))
        .collect();
    assert!(!acknowledged.is_empty());
    for id in acknowledged {
        assert!(
            store
                .get(&replica(1), &id.parse().unwrap())
                .unwrap()
                .is_some()
        );
    }
}

/// Publishes until the store refuses. Not a test of its own.
#[test]
#[ignore = "run by the test that limits it"]
fn filling_process() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let mut store = RocksStore::open(folder, &RocksOptions::default()).unwrap();
    store.open_replica(replica(1)).unwrap();
    println!();
    for step in 0..1000 {
        let record = create(step, draft(&[0; 40_000]));
        let id = record.id;
        match store.put(vec![put(record)], NOW) {
            Ok(_) => println!("ack {id}"),
            Err(error) => {
                println!("full: {:?} ({error})", error.kind());
                // What failed is not in the summary either.
                let held = store.summary(&replica(1), Partition::Application).unwrap();
                assert_eq!(held.len() as u64, step);
                return;
            }
        }
    }
}
