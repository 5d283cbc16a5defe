//! Whatever decodes as a record is canonical, bounded, and validates or is rejected without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_records::{codec::SignedRecord, judge::Refusal, time::Timestamp, validate};

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = SignedRecord::decode(bytes) else {
        return;
    };
    assert_eq!(&signed.bytes()[..], bytes);
    let again = SignedRecord::sign(signed.record().clone(), |_| *signed.signature());
    assert_eq!(
        &again.bytes()[..],
        bytes,
        "there is one encoding of a record"
    );
    let everyone = |_: &SignedRecord, _: Timestamp| Ok::<(), Refusal>(());
    let group = signed.record().group;
    let now = signed.record().modified;
    let _ = validate::validate(signed, &group, &everyone, now);
});
