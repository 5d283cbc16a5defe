//! Bodies of requests to the local API: any bytes are either a request or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage::model::{
    IdentityChange, ImportRequest, InspectRequest, InviteRequest, JoinRequest, NewGroup,
    NewIdentity, RecordChange, RecordPut,
};

macro_rules! check {
    ($bytes:expr, $($body:ty),*) => {$(
        let _ = serde_json::from_slice::<$body>($bytes);
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    check!(
        bytes,
        IdentityChange,
        ImportRequest,
        InspectRequest,
        InviteRequest,
        JoinRequest,
        NewGroup,
        NewIdentity,
        RecordChange,
        RecordPut
    );
});
