//! What comes to a door and what is kept of one: decoding never panics, and what decodes encodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::{
    door::{Door, GroupAddress, Queue},
    wire::door::{Answer, Greeting, Ring, Sealed, Visit, Visitor},
};

macro_rules! check {
    ($bytes:expr, $($message:ty),*) => {$(
        if let Ok(message) = <$message>::decode($bytes) {
            assert_eq!(<$message>::decode(&message.encode()).as_ref(), Ok(&message));
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    check!(bytes, Ring, Greeting, Visit, Visitor, Answer, Sealed);
    if let Ok(door) = Door::decode(bytes) {
        assert_eq!(door.encode(), bytes);
    }
    if let Ok(address) = GroupAddress::decode(bytes) {
        assert_eq!(address.to_bytes(), bytes);
        assert_eq!(
            address.to_uri().parse::<GroupAddress>().as_ref(),
            Ok(&address)
        );
    }
    let queue = Queue::decode(bytes);
    assert_eq!(Queue::decode(&queue.encode()), queue);
});
