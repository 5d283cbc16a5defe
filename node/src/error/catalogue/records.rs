//! Errors about records and the store that holds them.

use super::{
    Entry,
    ErrorKind::{Conflict, Damaged, FixInput, NotAuthorised, NotFound, Retry, Unavailable},
    room,
};

room! {
    RECORD_NOT_FOUND = Entry::new(
        "record_not_found",
        NotFound,
        "The group has no record with this id: there never was one, it was deleted, or it has lapsed.",
        "list the records with: peerage record ls",
    )
    .original("PEER_E_RECORD_NOT_FOUND");
    RESERVED_TYPE = Entry::new(
        "reserved_type",
        NotAuthorised,
        "Records of this type are Peerage's own and made by it alone.",
        "choose another record type",
    )
    .original("PEER_E_NOT_AUTHORIZED");
    INVALID_RECORD_EXPIRATION = Entry::new(
        "invalid_record_expiration",
        FixInput,
        "A record ends in the future, before the year 10000 and, when it is changed, not earlier than before.",
        "give a later end: --expires 7d",
    )
    .original("PEER_E_INVALID_RECORD_EXPIRATION");
    INVALID_ATTRIBUTES = Entry::new(
        "invalid_attributes",
        FixInput,
        "The name of an attribute is 1 to 40 letters and digits, and not one that is reserved.",
        "change the attribute that is named",
    )
    .original("PEER_E_INVALID_ATTRIBUTES");
    TOO_MANY_ATTRIBUTES = Entry::new(
        "too_many_attributes",
        FixInput,
        "The record has more attributes than a record may have.",
        "put into the payload what nobody searches for",
    )
    .original("PEER_E_TOO_MANY_ATTRIBUTES");
    RECORD_TOO_LARGE = Entry::new(
        "record_too_large",
        FixInput,
        "Payload and attributes take more room than a record of this group may.",
        "make it smaller; see the group's limit with: peerage group show",
    )
    .original("PEER_E_MAX_RECORD_SIZE_EXCEEDED");
    INVALID_RECORD_SIZE = Entry::new(
        "invalid_record_size",
        FixInput,
        "The finished record, with its signature, is larger than any record may be.",
        "make it smaller",
    )
    .original("PEER_E_INVALID_RECORD_SIZE");
    INVALID_RECORD = Entry::new(
        "invalid_record",
        Conflict,
        "The record contradicts itself or its history, as when it has been changed as often as a record can be.",
        "publish a new record in its place",
    )
    .original("PEER_E_INVALID_RECORD");
    MEMBER_UNKNOWN = Entry::new(
        "member_unknown",
        Retry,
        "The membership behind the record is not known here yet, so it cannot be said whether the record is good.",
        "try again when the group has synchronised",
    )
    .original("PEER_E_DEFERRED_VALIDATION")
    .again_after(5);
    TOO_MANY_SIGNED = Entry::new(
        "too_many_signed",
        Conflict,
        "The member has signed as many records of this reserved type as count.",
        "let others invite and remove in its place",
    );

    // The store.
    STORE_FAILED = Entry::new(
        "store_failed",
        Unavailable,
        "The record could not be written. It was not published.",
        "look at the log, and at the room on the disk",
    );
    STORE_DAMAGED = Entry::new(
        "store_damaged",
        Damaged,
        "The record store is damaged. Nothing is guessed about what it held.",
        "restore a backup, or move the folder store away: what other members hold comes back from them",
    )
    .original("PEER_E_INVALID_DATABASE");
    STORE_IN_USE = Entry::new(
        "store_in_use",
        Conflict,
        "Another process has the record store open.",
        "use the running daemon (peerage status), or stop it (peerage down)",
    )
    .original("PEER_E_DATABASE_ACCESSDENIED");
    NO_ACCESS_TO_STORE = Entry::new(
        "no_access_to_store",
        NotAuthorised,
        "Permissions deny access to the record store.",
        "run as the owner of the data folder",
    )
    .original("PEER_E_DATABASE_ACCESSDENIED");
    STORE_BUSY = Entry::new(
        "store_busy",
        Retry,
        "The record store cannot do this right now.",
        "try again in a moment",
    )
    .original("PEER_E_DBINITIALIZATION_FAILED");
}
