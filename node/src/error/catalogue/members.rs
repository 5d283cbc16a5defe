//! Errors about members, and what a member may do.

use super::{
    Entry,
    ErrorKind::{Conflict, FixInput, NotAuthorised, NotFound},
    room,
};

room! {
    MEMBER_NOT_FOUND = Entry::new(
        "member_not_found",
        NotFound,
        "The group knows no member of this name.",
        "list the members with: peerage member ls",
    )
    .original("PEER_E_NOT_FOUND");
    MEMBER_AMBIGUOUS = Entry::new(
        "member_ambiguous",
        FixInput,
        "Several members have this name or look like it. A friendly name is anybody's to choose.",
        "use the peer name, which cannot be imitated: peerage member ls",
    );
    NOT_AUTHORISED = Entry::new(
        "not_authorised",
        NotAuthorised,
        "The member's role does not allow it, or the password for the group is wrong.",
        "see your role with: peerage group show; an administrator can change it",
    )
    .original("PEER_E_NOT_AUTHORIZED");
    MEMBERSHIP_REVOKED = Entry::new(
        "membership_revoked",
        NotAuthorised,
        "The member was removed from the group, or has left it.",
        "ask an administrator for a new invitation",
    )
    .original("PEER_E_NOT_AUTHORIZED");
    CREATOR_NOT_REMOVABLE = Entry::new(
        "creator_not_removable",
        NotAuthorised,
        "The group's creator is a member by the group's own key, which alone can remove it.",
        "whoever holds the group's key does it with: peerage member rm NAME --by-group-key",
    );
    LAST_ADMIN = Entry::new(
        "last_admin",
        Conflict,
        "The group would be left without an Admin.",
        "make another member Admin first: peerage member role NAME admin",
    );
    OWN_MEMBERSHIP = Entry::new(
        "own_membership",
        FixInput,
        "Nobody removes or changes itself; leaving is something else.",
        "leave with: peerage group leave; another Admin changes your role",
    );
    TOO_MUCH_TO_KEEP = Entry::new(
        "too_much_to_keep",
        Conflict,
        "The member let in more people than one removal can keep.",
        "remove those it invited with it: peerage member rm NAME --cascade",
    );

    // Certificates.
    CHAIN_TOO_LONG = Entry::new(
        "chain_too_long",
        FixInput,
        "At most 24 certificates lie between the group and a member; whoever is that far away cannot invite.",
        "be invited by a member nearer to the creator: peerage member tree",
    )
    .original("PEER_E_CHAIN_TOO_LONG");
    CIRCULAR_CHAIN = Entry::new(
        "circular_chain",
        FixInput,
        "The certificates lead in a circle: somebody would be a member on its own authority.",
        "ask another member for an invitation",
    )
    .original("PEER_E_CIRCULAR_CHAIN_DETECTED");
    INVALID_TIME_PERIOD = Entry::new(
        "invalid_time_period",
        FixInput,
        "It is not valid yet or not valid any more, or would be valid for no time at all.",
        "check the clock of this machine; then ask for a new invitation, or give another expiry",
    )
    .original("PEER_E_INVALID_TIME_PERIOD");
    NOT_NEWER = Entry::new(
        "not_newer",
        Conflict,
        "The membership held is at least as new as the one that was brought.",
        "nothing has to be done; a newer one is made with: peerage member renew NAME",
    )
    .original("PEER_E_INVALID_TIME_PERIOD");
    INVALID_ROLE = Entry::new(
        "invalid_role",
        FixInput,
        "A membership has one role at least, of those that there are.",
        "choose member, inviting-member or admin",
    )
    .original("PEER_E_INVALID_ROLE_PROPERTY");
    INVALID_CREDENTIAL = Entry::new(
        "invalid_credential",
        FixInput,
        "The membership certificate does not verify up to the group's key.",
        "look at the invitation with: peerage invite show FILE; ask for a new one",
    )
    .original("PEER_E_INVALID_CREDENTIAL");
}
