//! Errors about events and those who read them.

use super::{
    Entry,
    ErrorKind::{Conflict, FixInput, NotFound},
    room,
};

room! {
    EVENTS_ENDED = Entry::new(
        "events_ended",
        FixInput,
        "The registration for events was ended, by whoever made it or with its group.",
        "register anew",
    )
    .original("E_INVALIDARG");
    TOO_MANY_CONSUMERS = Entry::new(
        "too_many_consumers",
        Conflict,
        "An application keeps as many positions in a group's events as it may.",
        "remove one that is used no longer: peerage events consumers rm NAME",
    );
    CONSUMER_NOT_FOUND = Entry::new(
        "consumer_not_found",
        NotFound,
        "No position in the group's events is kept under this name.",
        "list them with: peerage events consumers ls",
    )
    .original("PEER_E_NOT_FOUND");
}
