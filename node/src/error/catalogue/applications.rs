//! Errors about applications, and about whoever may not use the local API.

use super::{
    Entry,
    ErrorKind::{Conflict, NotAuthorised, NotFound, Retry},
    room,
};

room! {
    // Who is asking.
    OTHER_USER = Entry::new(
        "other_user",
        NotAuthorised,
        "The node belongs to another user of this machine. Its socket is for that user alone.",
        "run a node of your own: peerage up",
    )
    .original("E_ACCESSDENIED");
    TOKEN_NEEDED = Entry::new(
        "token_needed",
        NotAuthorised,
        "The request carries no token, or one that is wrong or revoked; which of these is not said.",
        "send the header Authorization: Bearer TOKEN; the operator makes tokens with: peerage app register NAME --scope read",
    )
    .original("E_ACCESSDENIED")
    .status(401);
    HOST_REFUSED = Entry::new(
        "host_refused",
        NotAuthorised,
        "The request is addressed to another host than this one, as a web page's is whose name was rebound to this machine.",
        "address the API as localhost or 127.0.0.1 with its port; on the socket, as peerage",
    )
    .status(421);
    ORIGIN_REFUSED = Entry::new(
        "origin_refused",
        NotAuthorised,
        "The request comes from a web page, and no page may use this API.",
        "use the API from a program; or name the page's origin in api_allow_origins",
    );

    // What an application may do.
    OUT_OF_SCOPE = Entry::new(
        "out_of_scope",
        NotAuthorised,
        "The application was not given the scope that this needs.",
        "see what it may do with: peerage app show NAME; to allow more, revoke it and register it anew",
    )
    .original("E_ACCESSDENIED");
    OUT_OF_REACH = Entry::new(
        "out_of_reach",
        NotAuthorised,
        "The application is confined to some groups or identities, and this concerns more than those.",
        "see what it may do with: peerage app show NAME; to allow more, revoke it and register it anew",
    )
    .original("E_ACCESSDENIED");
    OPERATOR_ONLY = Entry::new(
        "operator_only",
        NotAuthorised,
        "This hands out keys or rights, and no application may do it whatever its scopes.",
        "do it as the owner of the node, on its Unix socket and without a token",
    )
    .original("E_ACCESSDENIED");
    QUOTA_EXCEEDED = Entry::new(
        "quota_exceeded",
        Retry,
        "The application uses as much of the node as it may. Nothing was done, and others notice nothing.",
        "slow down; see the quotas with: peerage app show NAME",
    )
    .status(429);
    SESSION_NEEDED = Entry::new(
        "session_needed",
        Conflict,
        "An application holds groups as long as its session lasts, and this one has none.",
        "hold GET /v1/session open first; what the application opens is held as long as it is",
    );
    SESSION_EXISTS = Entry::new(
        "session_exists",
        Conflict,
        "The application has a session already, perhaps of another process.",
        "end the other session, or register this instance under a name of its own: peerage app register",
    );

    // Which application.
    APPLICATION_NOT_FOUND = Entry::new(
        "application_not_found",
        NotFound,
        "No application of this name is registered.",
        "list the applications with: peerage app ls",
    );
    APPLICATION_EXISTS = Entry::new(
        "application_exists",
        Conflict,
        "An application of this name is registered.",
        "make a new token for it with: peerage app token NAME; or choose another name",
    );
    TOO_MANY_APPLICATIONS = Entry::new(
        "too_many_applications",
        Conflict,
        "As many applications are registered as there may be.",
        "revoke one with: peerage app revoke NAME",
    );
}
