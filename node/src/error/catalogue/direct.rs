//! Errors about direct connections.

use super::{
    Entry,
    ErrorKind::{Conflict, NotAuthorised, NotFound, Retry},
    room,
};

room! {
    CONNECTION_NOT_FOUND = Entry::new(
        "connection_not_found",
        NotFound,
        "No connection has this id, or it has ended, or its pipe was taken by somebody else.",
        "list the connections with: peerage direct ls",
    )
    .original("PEER_E_CONNECTION_NOT_FOUND");
    DIRECT_REFUSED = Entry::new(
        "direct_refused",
        Retry,
        "No application of the member listens for direct connections in this group.",
        "the member has to listen: peerage direct recv, or peerage direct pipe --accept",
    )
    .original("PEER_E_CONNECTION_REFUSED");
    DIRECT_BUSY = Entry::new(
        "direct_busy",
        Retry,
        "The member has as many direct connections as it may have.",
        "close one first: peerage direct ls; peerage direct close ID",
    )
    .original("PEER_E_CONNECTION_REFUSED");
    DIRECT_NOT_AUTHENTICATED = Entry::new(
        "direct_not_authenticated",
        NotAuthorised,
        "Who answers there is another member, or did not find us to be one, or proved nothing.",
        "leave the address out, or see where the member is: peerage member nodes",
    )
    .original("PEER_E_CONNECTION_NOT_AUTHENTICATED");
    DIRECT_FAILED = Entry::new(
        "direct_failed",
        Retry,
        "The direct connection did not come about: nobody answers where the member is known to be, or it took too long.",
        "see whether the member is online: peerage member ls --present",
    )
    .original("PEER_E_CONNECTION_FAILED");
    DIRECT_CUT = Entry::new(
        "direct_cut",
        Retry,
        "A pipe broke before both sides had ended: what came is not all.",
        "send it again, and see who is connected: peerage direct ls",
    )
    .original("PEER_E_CONNECTION_FAILED");
    GROUP_OFFLINE = Entry::new(
        "group_offline",
        Conflict,
        "The group is not online here, so nobody can be reached in it.",
        "go online first: peerage group connect GROUP",
    );
    TOO_MANY_CONNECTIONS = Entry::new(
        "too_many_connections",
        Retry,
        "This node has, or is opening, as many direct connections as it may have.",
        "close one first: peerage direct ls; peerage direct close ID",
    );
}
