//! Damaged, foreign and unreachable stores: a typed error that says what to do, never a panic.
#![cfg(feature = "rocksdb")]
#![expect(
    clippy::unwrap_used,
    reason = "a test says that something is wrong by panicking"
)]

mod common;

use std::{fs, path::Path};

use common::{DAY, NOW, chat, create, draft, put, replica, valid};
use peerage_records::store::{
    Partition, RecordQuery, Store, StoreError, StoreErrorKind,
    rocks::{RocksOptions, RocksStore},
};
use rocksdb::{DB, IteratorMode, Options};

fn open(path: &Path) -> Result<RocksStore, StoreError> {
    RocksStore::open(path, &RocksOptions::default())
}

/// A store with one record in it, closed.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    store.open_replica(replica(1)).unwrap();
    store.put(vec![put(create(1, draft(b"e4")))], NOW).unwrap();
    folder
}

/// Opens the database behind the store's back.
fn meddle(path: &Path, change: impl FnOnce(&DB)) {
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let db = DB::open_cf(&Options::default(), path, names).unwrap();
    change(&db);
}

/// Writes `value` over the value of the first row of `column`.
fn overwrite_first(path: &Path, column: &str, value: &[u8]) {
    meddle(path, |db| {
        let cf = db.cf_handle(column).unwrap();
        let (key, _) = db
            .iterator_cf(cf, IteratorMode::Start)
            .next()
            .unwrap()
            .unwrap();
        db.put_cf(cf, key, value).unwrap();
    });
}

#[test]
fn a_newer_format_is_refused() {
    let folder = filled();
    meddle(folder.path(), |db| {
        let meta = db.cf_handle("meta").unwrap();
        db.put_cf(meta, "format", 2_u32.to_be_bytes()).unwrap();
    });
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(
        refused,
        StoreError::FutureFormat { found: 2, known: 1 }
    ));
}

#[test]
fn a_newer_format_with_other_tables_is_refused_too() {
    let folder = filled();
    let names = DB::list_cf(&Options::default(), folder.path()).unwrap();
    let mut db = DB::open_cf(&Options::default(), folder.path(), names).unwrap();
    db.create_cf("search", &Options::default()).unwrap();
    let meta = db.cf_handle("meta").unwrap();
    db.put_cf(meta, "format", 9_u32.to_be_bytes()).unwrap();
    drop(db);
    assert_eq!(
        open(folder.path()).unwrap_err().kind(),
        StoreErrorKind::FutureFormat
    );
}

#[test]
fn a_missing_or_strange_format_is_damage() {
    for value in [None, Some(&b"x"[..]), Some(&[0; 4][..])] {
        let folder = filled();
        meddle(folder.path(), |db| {
            let meta = db.cf_handle("meta").unwrap();
            match value {
                Some(value) => db.put_cf(meta, "format", value).unwrap(),
                None => db.delete_cf(meta, "format").unwrap(),
            }
        });
        assert_eq!(
            open(folder.path()).unwrap_err().kind(),
            StoreErrorKind::Corrupt
        );
    }
}

#[test]
fn garbage_in_a_record_is_an_error_and_is_reported() {
    let folder = filled();
    overwrite_first(folder.path(), "records", b"garbage");
    let mut store = open(folder.path()).unwrap();
    store.open_replica(replica(1)).unwrap();
    let record = valid(create(1, draft(b"e4")));
    let (id, hash) = (record.record().id, record.signed().hash());
    let query = |kind| RecordQuery {
        kind,
        partition: Partition::Application,
        after: None,
        limit: 10,
    };
    for outcome in [
        store.get(&replica(1), &id).map(drop),
        store.by_hash(&replica(1), &hash).map(drop),
        store.list(&replica(1), &query(None), NOW).map(drop),
        store.list(&replica(1), &query(Some(chat())), NOW).map(drop),
        store.expire(&replica(1), NOW + DAY, 10).map(drop),
        store.fingerprint(&replica(1), NOW + DAY).map(drop),
        store.forget(&replica(1), &id),
        store.put(vec![put(create(1, draft(b"e4")))], NOW).map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Corrupt);
    }
    let report = store.check().unwrap();
    assert!(!report.is_sound());
    // The rest of the store still works.
    store.put(vec![put(create(2, draft(b"d4")))], NOW).unwrap();
    assert_eq!(store.count(&replica(1)).unwrap(), 2);
}

#[test]
fn garbage_in_any_index_is_noticed() {
    for column in ["by_hash", "by_type", "changes"] {
        let folder = filled();
        overwrite_first(folder.path(), column, b"garbage");
        let mut store = open(folder.path()).unwrap();
        store.open_replica(replica(1)).unwrap();
        assert!(!store.check().unwrap().is_sound(), "{column}");
        let hash = valid(create(1, draft(b"e4"))).signed().hash();
        let query = RecordQuery {
            kind: Some(chat()),
            partition: Partition::Application,
            after: None,
            limit: 10,
        };
        let outcomes = [
            store.by_hash(&replica(1), &hash).map(drop),
            store.list(&replica(1), &query, NOW).map(drop),
            store.changes(&replica(1), 0, 10).map(drop),
        ];
        let errors: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(errors.len(), 1, "{column}");
        assert_eq!(errors[0].kind(), StoreErrorKind::Corrupt);
    }
}

#[test]
fn garbage_in_keys_and_slots_is_noticed() {
    for (column, key) in [
        ("summary", &[0, 0, 0, 0, 7][..]),
        ("changes", &[0, 0, 0, 0, 7][..]),
    ] {
        let folder = filled();
        meddle(folder.path(), |db| {
            db.put_cf(db.cf_handle(column).unwrap(), key, b"").unwrap();
        });
        let mut store = open(folder.path()).unwrap();
        let refused = store.open_replica(replica(1)).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{column}");
    }
    for column in ["replicas", "meta"] {
        let folder = filled();
        meddle(folder.path(), |db| {
            let cf = db.cf_handle(column).unwrap();
            let key = if column == "meta" {
                b"next_slot".to_vec()
            } else {
                replica(1).as_bytes().to_vec()
            };
            db.put_cf(cf, key, b"?").unwrap();
        });
        let mut store = open(folder.path()).unwrap();
        let of = if column == "meta" {
            replica(2)
        } else {
            replica(1)
        };
        assert_eq!(
            store.open_replica(of).unwrap_err().kind(),
            StoreErrorKind::Corrupt
        );
    }
}

#[test]
fn a_missing_index_row_is_reported() {
    for column in ["by_hash", "summary", "by_type", "expiry", "changes"] {
        let folder = filled();
        meddle(folder.path(), |db| {
            let cf = db.cf_handle(column).unwrap();
            let (key, _) = db
                .iterator_cf(cf, IteratorMode::Start)
                .next()
                .unwrap()
                .unwrap();
            db.delete_cf(cf, key).unwrap();
        });
        let mut store = open(folder.path()).unwrap();
        store.open_replica(replica(1)).unwrap();
        assert!(!store.check().unwrap().is_sound(), "{column}");
    }
}

#[test]
fn a_damaged_file_is_damage() {
    let folder = filled();
    meddle(folder.path(), |db| {
        for name in DB::list_cf(&Options::default(), folder.path()).unwrap() {
            db.flush_cf(db.cf_handle(&name).unwrap()).unwrap();
        }
    });
    let mut damaged = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let mut bytes = fs::read(&path).unwrap();
            for byte in &mut bytes {
                *byte ^= 0x55;
            }
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    let outcome = open(folder.path()).and_then(|mut store| {
        store.open_replica(replica(1))?;
        store.check()
    });
    assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[test]
fn a_store_open_in_this_process_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path()).unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Locked, "{refused}");
}

#[test]
fn a_folder_that_cannot_be_one_is_no_access() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"not a folder").unwrap();
    for path in [file.clone(), file.join("store")] {
        let refused = open(&path).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::NoAccess, "{refused}");
    }
}

/// A store with notes 1 to 3, of which the second was altered while it was closed; and its true version.
fn altered() -> (tempfile::TempDir, peerage_records::validate::ValidRecord) {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=3)
        .map(|number| valid(create(number, draft(b"innocent"))))
        .collect();
    let mut store = open(folder.path()).unwrap();
    store.open_replica(replica(1)).unwrap();
    let puts = records.iter().map(common::put_valid).collect();
    store.put(puts, NOW).unwrap();
    drop(store);
    let second = records[1].signed();
    let mut bytes = second.bytes().to_vec();
    let at = bytes.windows(8).position(|b| b == b"innocent").unwrap();
    bytes[at..at + 8].copy_from_slice(b"tampered");
    let key = [&[0; 4], second.record().id.as_bytes().as_slice()].concat();
    meddle(folder.path(), |db| {
        db.put_cf(db.cf_handle("records").unwrap(), key, bytes)
            .unwrap();
    });
    (folder, records[1].clone())
}

fn notes(store: &RocksStore, kind: Option<peerage_records::id::RecordType>) -> usize {
    let query = RecordQuery {
        kind,
        partition: Partition::Application,
        after: None,
        limit: 10,
    };
    store.list(&replica(1), &query, NOW).unwrap().len()
}

/// GRA-008: before it is dropped, nobody gets to see it.
#[test]
fn an_altered_record_is_not_believed_before_it_is_dropped() {
    let (folder, truth) = altered();
    let mut store = open(folder.path()).unwrap();
    store.open_replica(replica(1)).unwrap();
    let (id, hash) = (truth.record().id, truth.signed().hash());
    assert_eq!(store.get(&replica(1), &id).unwrap(), None);
    assert_eq!(store.by_hash(&replica(1), &hash).unwrap(), None);
    assert_eq!(notes(&store, None), 2);
    assert_eq!(notes(&store, Some(chat())), 2);
    assert_eq!(store.scan(&replica(1), None, 10).unwrap().len(), 2);
    // The true one takes its place, whatever version the other claims to be.
    let outcome = store.put(vec![common::put_valid(&truth)], NOW).unwrap();
    assert!(matches!(
        outcome[..],
        [peerage_records::store::PutOutcome::Stored(_)]
    ));
    assert_eq!(
        store.get(&replica(1), &id).unwrap().as_ref(),
        Some(truth.signed())
    );
    while store.audit(1).unwrap().more {}
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(notes(&store, Some(chat())), 3);
}

/// GRA-008.
#[test]
fn a_record_altered_in_the_store_is_dropped_and_nothing_else() {
    for step in [1, 2, 100] {
        let (folder, truth) = altered();
        let mut store = open(folder.path()).unwrap();
        store.open_replica(replica(1)).unwrap();
        let (mut dropped, mut checked) = (Vec::new(), 0);
        loop {
            let audit = store.audit(step).unwrap();
            checked += audit.checked;
            dropped.extend(audit.dropped);
            if !audit.more {
                break;
            }
        }
        assert_eq!(
            (checked, dropped),
            (3, vec![(replica(1), truth.record().id)])
        );
        assert_eq!(store.count(&replica(1)).unwrap(), 2);
        let report = store.check().unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        // It is missing, so that reconciliation finds it missing, and can come back.
        let summary = store.summary(&replica(1), Partition::Application).unwrap();
        assert!(!summary.contains(truth.record().modified, &truth.signed().hash()));
        store.put(vec![common::put_valid(&truth)], NOW).unwrap();
        assert_eq!(notes(&store, Some(chat())), 3);
        // Nothing is looked at twice.
        assert_eq!(
            store.audit(step).unwrap(),
            peerage_records::store::Audit::default()
        );
        drop(store);
        let mut store = open(folder.path()).unwrap();
        store.open_replica(replica(1)).unwrap();
        assert!(store.check().unwrap().is_sound());
    }
}

/// What does not even read goes the same way.
#[test]
fn garbage_in_a_record_is_dropped_by_the_audit() {
    let folder = filled();
    overwrite_first(folder.path(), "records", b"garbage");
    let mut store = open(folder.path()).unwrap();
    store.open_replica(replica(1)).unwrap();
    assert_eq!(store.audit(10).unwrap().dropped.len(), 1);
    assert!(store.check().unwrap().is_sound());
    store.put(vec![put(create(1, draft(b"e4")))], NOW).unwrap();
    assert_eq!(notes(&store, None), 1);
}
