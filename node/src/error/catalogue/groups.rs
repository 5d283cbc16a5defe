//! Errors about groups, their keys and doors, and connecting.

use super::{
    Entry,
    ErrorKind::{Conflict, FixInput, NotAuthorised, NotFound, Retry, Unavailable},
    room,
};

room! {
    // Which group.
    GROUP_NOT_FOUND = Entry::new(
        "group_not_found",
        NotFound,
        "No identity on this node is in a group of this name.",
        "list the groups with: peerage group ls",
    )
    .original("PEER_E_NOT_FOUND");
    GROUP_AMBIGUOUS = Entry::new(
        "group_ambiguous",
        FixInput,
        "Several groups have this name or look like it, or several identities are in the one meant.",
        "use the peer name, which cannot be imitated (peerage group ls), and --as IDENTITY where several are in it",
    );
    GROUP_GONE = Entry::new(
        "group_gone",
        Conflict,
        "The group was closed or deleted while it was being used.",
        "open it again with: peerage group open GROUP",
    )
    .original("PEER_E_INVALID_GROUP");
    GROUP_IN_USE = Entry::new(
        "group_in_use",
        Conflict,
        "Another identity of this node is online in the group, and a node is online once per group; or the group is online, and what was asked for is done to one that is offline.",
        "close it for the other identity first: peerage group close GROUP --as OTHER",
    )
    .original("PEER_E_GROUP_IN_USE");
    GROUP_CONFIG_EXISTS = Entry::new(
        "group_config_exists",
        Conflict,
        "The identity is a member of the group on this node already, and a configuration that is imported would replace that membership.",
        "to replace it: peerage group import FILE --overwrite; its records stay",
    )
    .original("PEER_E_ALREADY_EXISTS");
    GROUP_BEHIND = Entry::new(
        "group_behind",
        Retry,
        "The group was restored from a backup and has met no member since. What is there may be older than what this identity has published itself, so it is not changed before.",
        "connect to the group and wait for a member: peerage group connect GROUP; where nobody is left: peerage group settle GROUP",
    )
    .again_after(5);
    INVALID_DATABASE = Entry::new(
        "invalid_database",
        FixInput,
        "The file is not an exported database of this group and identity, or it is damaged. Nothing of it was taken in.",
        "use a whole file of this group and identity, written by: peerage group db export",
    )
    .original("PEER_E_INVALID_DATABASE");
    GROUP_NOT_READY = Entry::new(
        "group_not_ready",
        Retry,
        "The group has not synchronised with any member yet, so it is not known what is in it.",
        "connect to the group and wait for a member: peerage group connect GROUP",
    )
    .original("PEER_E_GROUP_NOT_READY")
    .again_after(5);
    ALREADY_MEMBER = Entry::new(
        "already_member",
        Conflict,
        "The identity is a member of the group on this node, with a membership at least as new.",
        "connect with: peerage group connect GROUP",
    )
    .original("PEER_E_ALREADY_EXISTS");
    INVALID_PROPERTIES = Entry::new(
        "invalid_properties",
        FixInput,
        "A property of the group is outside its limits.",
        "see the properties with: peerage group show; their limits with: peerage group set --help",
    )
    .original("PEER_E_INVALID_GROUP_PROPERTIES");
    NO_CLOUD = Entry::new(
        "no_cloud",
        FixInput,
        "This node is in no cloud of this name, so the group could not be looked up.",
        "this node is in the cloud Global_: leave the cloud out, or name it",
    )
    .original("PEER_E_NO_CLOUD");
    CLOUD_AMBIGUOUS = Entry::new(
        "cloud_ambiguous",
        FixInput,
        "Several clouds of this node begin so.",
        "name the cloud in full",
    )
    .original("PEER_E_CLOUD_NAME_AMBIGUOUS");

    // The group's key.
    GROUP_KEY_MISSING = Entry::new(
        "group_key_missing",
        NotAuthorised,
        "Only the group's own key can do this, and it is not on this node.",
        "bring it here from its recovery file: peerage group key import FILE",
    )
    .original("PEER_E_NOT_AUTHORIZED");
    INVALID_RECOVERY = Entry::new(
        "invalid_recovery",
        FixInput,
        "The file is not a recovery file of a group, or was altered.",
        "check file and passphrase; it was written by: peerage group key export",
    )
    .original("E_INVALIDARG");

    // Connecting.
    CONNECT_SELF = Entry::new(
        "connect_self",
        FixInput,
        "The address to connect to is this node's own.",
        "name the address of another member",
    )
    .original("PEER_E_CONNECT_SELF");
    NO_MEMBERS_FOUND = Entry::new(
        "no_members_found",
        Retry,
        "No member of the group was found. The node goes on looking while the group is online.",
        "ask a member to come online, or name an address: peerage group connect GROUP --address ADDRESS",
    )
    .original("PEER_E_NO_MEMBERS_FOUND")
    .again_after(30);
    CONNECTION_REFUSED = Entry::new(
        "connection_refused",
        Retry,
        "A member answers there and has as many neighbours as it may have.",
        "try again in a moment, or let members be looked up: peerage group connect GROUP",
    )
    .original("PEER_E_CONNECTION_REFUSED")
    .again_after(10);
    CONNECTION_NOT_AUTHORISED = Entry::new(
        "connection_not_authorised",
        NotAuthorised,
        "Who answers there did not admit this member: it is not in the group, does not find us to be, or proved nothing.",
        "see that your membership is valid (peerage group show) and that the address is a member's",
    )
    .original("PEER_E_CONNECTION_NOT_AUTHENTICATED");
    CONNECTION_OTHER_PEER = Entry::new(
        "connection_other_peer",
        FixInput,
        "Another node answers there than the one the address names.",
        "ask the member for its present address, or leave /p2p/… out",
    )
    .original("PEER_E_CONNECTION_FAILED");
    CONNECTION_TIMED_OUT = Entry::new(
        "connection_timed_out",
        Retry,
        "Nobody there became a neighbour in time.",
        "check that the member is online, and try again",
    )
    .original("PEER_E_CONNECTION_FAILED")
    .again_after(10);
    CONNECTION_FAILED = Entry::new(
        "connection_failed",
        Unavailable,
        "Nobody at the addresses became a neighbour: nobody answers there, or the group went offline meanwhile.",
        "check the address and that the member is online; or let members be looked up: peerage group connect GROUP",
    )
    .original("PEER_E_CONNECTION_FAILED");
    NOT_CONNECTED = Entry::new(
        "not_connected",
        Retry,
        "No other member is connected, so nobody would hear of it.",
        "go online first: peerage group connect; or only forget the group here: peerage group delete",
    )
    .again_after(5);
    NODE_NOT_FOUND = Entry::new(
        "node_not_found",
        NotFound,
        "No node with this peer id says that it is present in the group.",
        "list the nodes with: peerage member nodes",
    )
    .original("PEER_E_NODE_NOT_FOUND");

    // Doors.
    GROUP_ADDRESS_NOT_TRUSTED = Entry::new(
        "group_address_not_trusted",
        FixInput,
        "The text is not a group's address, or was altered.",
        "ask for the group's address anew: peerage group address",
    )
    .original("PEER_E_INVITATION_NOT_TRUSTED");
    PASSWORD_POLICY = Entry::new(
        "password_does_not_meet_policy",
        FixInput,
        "The password is too short or too easily guessed for something that anybody with the address may try.",
        "choose four or more random words",
    )
    .original("PEER_E_PASSWORD_DOES_NOT_MEET_POLICY");
    DOOR_CLOSED = Entry::new(
        "door_closed",
        Conflict,
        "The group's door is closed: it takes neither a password nor requests.",
        "its creator opens it with: peerage group door open --requests",
    );
    REQUEST_NOT_FOUND = Entry::new(
        "request_not_found",
        NotFound,
        "Nobody of this name has asked this node to join the group, or the request has lapsed.",
        "list the requests with: peerage requests ls",
    )
    .original("PEER_E_NOT_FOUND");
    TOO_MANY_VISITS = Entry::new(
        "too_many_visits",
        Conflict,
        "As many groups as possible are being joined by their address at the same time.",
        "give one up with: peerage group delete GROUP, or wait until you are let in",
    );
}
