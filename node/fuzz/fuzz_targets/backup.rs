//! What lies under the passphrase of a backup, and its manifest alone: any bytes are read within bounds, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = peerage::backup::read_manifest_for_fuzzing(bytes);
    let _ = peerage::backup::read_archive_for_fuzzing(bytes);
});
