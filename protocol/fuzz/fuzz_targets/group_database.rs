//! An exported group database: any bytes are read within bounds, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::database::DatabaseReader;
use peerage_records::codec::MAX_ENVELOPE_BYTES;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = DatabaseReader::default();
    let mut rest = bytes;
    while reader.wants() > 0 {
        assert!(reader.wants() <= MAX_ENVELOPE_BYTES);
        let (piece, more) = rest.split_at(reader.wants().min(rest.len()));
        rest = more;
        if reader.take(piece).is_err() {
            return;
        }
    }
});
