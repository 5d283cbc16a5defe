//! Errors about invitations.

use super::{
    Entry,
    ErrorKind::{Conflict, FixInput, NotAuthorised, NotFound},
    room,
};

room! {
    INVITATION_NOT_FOUND = Entry::new(
        "invitation_not_found",
        NotFound,
        "This node made no invitation with this id, or has forgotten it.",
        "list the invitations with: peerage invite ls --all",
    )
    .original("PEER_E_NOT_FOUND");
    INVITATION_AMBIGUOUS = Entry::new(
        "invitation_ambiguous",
        FixInput,
        "Several invitations made here begin with this id.",
        "give more of the id: peerage invite ls --all",
    );
    INVITATION_OVER = Entry::new(
        "invitation_over",
        Conflict,
        "The invitation was used, revoked or has expired, so nothing more can be done with it.",
        "make a new one with: peerage invite create",
    );
    INVITATION_NOT_TRUSTED = Entry::new(
        "invitation_not_trusted",
        FixInput,
        "The text is not an invitation, or was altered on the way.",
        "ask for the invitation anew, as a file or on one line",
    )
    .original("PEER_E_INVITATION_NOT_TRUSTED");
    INVITATION_FOR_ANOTHER = Entry::new(
        "invitation_for_another",
        NotAuthorised,
        "The invitation is for an identity that is not on this node.",
        "see for whom it is with: peerage invite show FILE; send your own card: peerage id card",
    )
    .original("PEER_E_INVITATION_NOT_TRUSTED");
    INVALID_INVITATION = Entry::new(
        "invalid_invitation",
        FixInput,
        "What the invitation is to say is too long: its note, or its addresses.",
        "shorten the note",
    )
    .original("E_INVALIDARG");
}
