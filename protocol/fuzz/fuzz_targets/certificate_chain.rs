//! Arbitrary bytes as a certificate chain: never a panic, one form only, and no membership without signatures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::{
    gmc::{self, Chain, MAX_CHAIN_BYTES, MAX_CHAIN_GMCS},
    group::GroupRoot,
};
use peerage_records::time::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let Ok(chain) = Chain::decode(bytes) else {
        return;
    };
    assert_eq!(chain.encode(), bytes);
    assert!(bytes.len() <= MAX_CHAIN_BYTES && chain.gmcs() <= MAX_CHAIN_GMCS);
    let root = chain.certificates().next().map(GroupRoot::from_der);
    if let Some(Ok(root)) = root {
        let now = Timestamp::from_secs(1_800_000_000);
        if let Ok(gmc) = gmc::verify(&chain, &root.id(), now) {
            assert!(gmc.valid_at(now));
            assert_eq!(gmc.depth(), chain.gmcs());
        }
    }
});
