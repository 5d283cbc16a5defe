//! Errors about identities, names and passphrases.

use super::{
    Entry,
    ErrorKind::{Conflict, FixInput, NotAuthorised, NotFound},
    room,
};

room! {
    // Names.
    CLASSIFIER_TOO_LONG = Entry::new(
        "classifier_too_long",
        FixInput,
        "The part of a peer name after the full stop has at most 149 characters.",
        "choose a shorter classifier",
    )
    .original("PEER_E_CLASSIFIER_TOO_LONG");
    INVALID_CLASSIFIER = Entry::new(
        "invalid_classifier",
        FixInput,
        "A classifier has no control characters.",
        "choose a classifier of ordinary characters",
    )
    .original("PEER_E_INVALID_CLASSIFIER");
    INVALID_FRIENDLY_NAME = Entry::new(
        "invalid_friendly_name",
        FixInput,
        "A friendly name has at most 255 characters and no control characters.",
        "choose another friendly name",
    )
    .original("PEER_E_INVALID_FRIENDLY_NAME");
    INVALID_PEER_NAME = Entry::new(
        "invalid_peer_name",
        FixInput,
        "A peer name is 40 lower-case hex digits or 0, a full stop, and a classifier.",
        "copy the whole name from where it is listed",
    )
    .original("PEER_E_INVALID_PEER_NAME");
    CANNOT_CONVERT_NAME = Entry::new(
        "cannot_convert_name",
        FixInput,
        "The host-name form of the peer name would be longer than a host name may be.",
        "use the peer name itself",
    )
    .original("PEER_E_CANNOT_CONVERT_PEER_NAME");
    INVALID_HOST_NAME = Entry::new(
        "invalid_host_name",
        FixInput,
        "The text is not the host-name form of any peer name.",
        "use the peer name itself",
    )
    .original("PEER_E_INVALID_PEER_HOST_NAME");

    // Identities.
    IDENTITY_NOT_FOUND = Entry::new(
        "identity_not_found",
        NotFound,
        "No identity on this node has this name, or there is none at all yet.",
        "list the identities with: peerage id ls",
    )
    .original("PEER_E_NOT_FOUND");
    IDENTITY_AMBIGUOUS = Entry::new(
        "identity_ambiguous",
        FixInput,
        "Several identities on this node have this name, or a peer name that begins so.",
        "use the whole peer name: peerage id ls",
    );
    IDENTITY_DELETED = Entry::new(
        "identity_deleted",
        FixInput,
        "The identity was deleted on this node, so nobody could take up what is issued to it.",
        "ask for the card of an identity that exists",
    )
    .original("PEER_E_IDENTITY_DELETED");
    IDENTITY_EXISTS = Entry::new(
        "identity_exists",
        Conflict,
        "There is an identity with this key and classifier already.",
        "use it as it is (peerage id ls), or choose another classifier",
    )
    .original("PEER_E_ALREADY_EXISTS");
    GROUPS_EXIST = Entry::new(
        "groups_exist",
        Conflict,
        "The identity is still in groups, whose memberships would be lost with it.",
        "delete its groups first: peerage group ls; peerage group delete GROUP",
    )
    .original("PEER_E_GROUPS_EXIST");
    TOO_MANY_IDENTITIES = Entry::new(
        "too_many_identities",
        Conflict,
        "There are as many identities on this node as its settings allow.",
        "delete one with peerage id rm, or raise max_identities",
    )
    .original("PEER_E_TOO_MANY_IDENTITIES");
    INVALID_IDENTITY = Entry::new(
        "invalid_identity",
        FixInput,
        "The text is not an identity card or an exported identity, or was altered.",
        "ask for the whole card or export anew: peerage id card, peerage id export",
    )
    .original("E_INVALIDARG");

    // Passphrases.
    WRONG_PASSPHRASE = Entry::new(
        "wrong_passphrase",
        NotAuthorised,
        "The passphrase does not open the file.",
        "check PEERAGE_PASSPHRASE or the passphrase file",
    )
    .original("E_INVALIDARG");
    PASSPHRASE_NEEDED = Entry::new(
        "passphrase_needed",
        FixInput,
        "What is secret is never written without a passphrase, nor read without the one it was written with.",
        "set PEERAGE_PASSPHRASE or passphrase_file",
    )
    .original("E_INVALIDARG");
}
