//! Arbitrary text as a peer name and as a host name: never a panic, and every conversion has its inverse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::name::PeerName;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<PeerName>() {
        assert_eq!(name.to_string(), text);
        if let Ok(host) = name.to_host_name() {
            assert_eq!(PeerName::from_host_name(&host).as_ref(), Ok(&name));
        }
    }
    if let Ok(name) = PeerName::from_host_name(text) {
        assert_eq!(name.to_host_name(), Ok(text.to_ascii_lowercase()));
    }
});
