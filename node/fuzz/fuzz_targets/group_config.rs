//! A group's configuration, under its passphrase and without: any bytes are one or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = peerage::portable::read_config_for_fuzzing(bytes);
});
