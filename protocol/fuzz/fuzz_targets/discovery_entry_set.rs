//! Arbitrary bytes as a value of the DHT: never a panic, one form only, and nothing believed unsigned.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::{cloud::Cloud, discovery::EntrySet};
use peerage_records::time::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = EntrySet::decode(bytes) else {
        return;
    };
    assert_eq!(set.encode(), bytes);
    let now = Timestamp::from_secs(1_800_000_000);
    // Under the set's own key, so that the check of signatures is reached.
    let key = set.dht_key(&Cloud::global());
    if let Ok(verified) = set.verify(&Cloud::global(), &key, None, now) {
        assert!(verified.entry_count() <= peerage_protocol::discovery::MAX_ENTRIES);
    }
});
