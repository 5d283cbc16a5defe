//! RocksDB and the memory store answer alike, whatever is done to both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_records::{
    id::{GroupId, IdentityKey, ReplicaId},
    store::rocks::{Durability, RocksOptions, RocksStore},
};

#[path = "../../tests/common/ops.rs"]
mod ops;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let options = RocksOptions {
        durability: Durability::Buffered,
        ..RocksOptions::default()
    };
    let open = || RocksStore::open(folder.path(), &options).expect("a fresh store opens");
    let group = GroupId::of_name("0.chess");
    let replicas = [1, 2].map(|n| ReplicaId::of(&IdentityKey::from_bytes([n; 32]), &group));
    let store = ops::run(bytes, open(), replicas, |store| {
        drop(store);
        open()
    });
    let report = store.check().expect("the store can be read");
    assert!(report.is_sound(), "{:?}", report.problems);
});
