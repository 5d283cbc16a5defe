//! The configuration file: any text is either settings or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage::settings::Layer;

fuzz_target!(|text: &str| {
    let _ = Layer::from_toml(text);
});
