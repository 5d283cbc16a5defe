//! The result codes of the original Peer Infrastructure: what each is called, its number, what it
//! means, and what stands for it here.
//!
//! Its numbers are HRESULTs: 32 bits, the highest set for a failure, eleven for the part of the
//! system (99 for its peer functions, 7 for errors that its operating system had already), sixteen
//! for the condition. Our names are not theirs; whoever knows theirs, finds ours here.

/// A result code of the original Peer Infrastructure.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Original {
    /// What its headers call it.
    pub name: &'static str,
    /// The HRESULT.
    pub number: u32,
    /// What it means, in our words.
    pub meaning: &'static str,
    /// What stands for it here.
    pub here: Here,
}

/// What stands for a result code of the original.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Here {
    /// The errors of ours that name it as their original, and these besides.
    Errors(&'static [&'static str]),
    /// An answer that is no error either, and how it says so.
    Outcome(&'static str),
    /// Nothing: it cannot come to that, and why.
    Never(&'static str),
}

impl Original {
    /// Whether it is a success, with something to tell.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.number & FAILURE == 0
    }

    /// The number as its headers write it: `0x80630109`.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("0x{:08X}", self.number)
    }
}

/// The highest bit of an HRESULT.
const FAILURE: u32 = 0x8000_0000;
/// What the system's own error numbers become as HRESULTs.
pub(super) const SYSTEM: u32 = 0x8007_0000;

/// Finds a code by its name. Where it is asked for by a constant, a name that does not exist fails the
/// compilation.
pub(super) const fn named(name: &str) -> &'static Original {
    let mut at = 0;
    while at < ORIGINALS.len() {
        if same(ORIGINALS[at].name, name) {
            return &ORIGINALS[at];
        }
        at += 1;
    }
    panic!("the original has no code of this name")
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn code(name: &'static str, number: u32, meaning: &'static str) -> Original {
    Original {
        name,
        number,
        meaning,
        here: Here::Errors(&[]),
    }
}

impl Original {
    /// Ours for it are those that have another code of the original as theirs.
    const fn told_as(mut self, ours: &'static [&'static str]) -> Self {
        self.here = Here::Errors(ours);
        self
    }

    const fn outcome(mut self, how: &'static str) -> Self {
        self.here = Here::Outcome(how);
        self
    }

    const fn never(mut self, why: &'static str) -> Self {
        self.here = Here::Never(why);
        self
    }
}

/// Every code there is, by number.
pub const ORIGINALS: &[Original] = &[
    // Successes with something to tell.
    code(
        "PEER_S_GRAPH_DATA_CREATED",
        0x0063_0001,
        "The group was opened and has an empty database: it has never held anything.",
    )
    .outcome("`synchronised` is false in what is said of the group"),
    code(
        "PEER_S_NO_EVENT_DATA",
        0x0063_0002,
        "No event waits to be read.",
    )
    .outcome("a stream of events stays open and says nothing until there is one"),
    code(
        "PEER_S_NO_CONNECTIVITY",
        0x0063_0005,
        "Signed in, but there is no address under which others could connect.",
    )
    .outcome("`listen` is empty in the node's status"),
    code(
        "PEER_S_ALREADY_A_MEMBER",
        0x0063_0006,
        "Joined by password a second time: the membership of the first time holds.",
    )
    .outcome("`outcome` is already_a_member in the answer, which is the group as it is"),
    code(
        "PEER_S_ALREADY_CONNECTED",
        0x0063_2000,
        "Connected a second time: nothing had to be done.",
    )
    .outcome("`outcome` is already_connected in the answer, which is the group as it is"),
    // Starting.
    code(
        "PEER_E_IPV6_NOT_INSTALLED",
        0x8063_0001,
        "The machine has no IPv6, which the original could not do without.",
    )
    .never("nodes speak IPv4 and IPv6, whichever there is"),
    code(
        "PEER_E_NOT_INITIALIZED",
        0x8063_0002,
        "The infrastructure has not been started.",
    ),
    code(
        "PEER_E_CANNOT_START_SERVICE",
        0x8063_0003,
        "A service the infrastructure needs does not start.",
    )
    .told_as(&["daemon_unreachable", "unable_to_listen"]),
    // Graphs and their databases. A group is its graph here.
    code(
        "PEER_E_INVALID_GRAPH",
        0x8063_0010,
        "The graph was closed or deleted, or never was one.",
    )
    .told_as(&["group_gone"]),
    code(
        "PEER_E_DBNAME_CHANGED",
        0x8063_0011,
        "The graph was made with a database of another name.",
    )
    .never("a group's records are found by its key and its member's; nobody names a database"),
    code(
        "PEER_E_DUPLICATE_GRAPH",
        0x8063_0012,
        "There is a graph with this id already.",
    )
    .told_as(&["already_member"]),
    code(
        "PEER_E_GRAPH_NOT_READY",
        0x8063_0013,
        "The graph has not synchronised yet.",
    )
    .told_as(&["group_not_ready"]),
    code(
        "PEER_E_GRAPH_SHUTTING_DOWN",
        0x8063_0014,
        "The graph is being closed.",
    )
    .told_as(&["shutting_down"]),
    code(
        "PEER_E_GRAPH_IN_USE",
        0x8063_0015,
        "The graph is in use and cannot be deleted or imported into.",
    )
    .told_as(&["group_in_use"]),
    code(
        "PEER_E_INVALID_DATABASE",
        0x8063_0016,
        "The database is damaged, or belongs to another graph.",
    ),
    code(
        "PEER_E_TOO_MANY_ATTRIBUTES",
        0x8063_0017,
        "The record has more attributes than a record may have.",
    ),
    // Connections.
    code(
        "PEER_E_CONNECTION_NOT_FOUND",
        0x8063_0103,
        "No connection has this id, or it has ended.",
    ),
    code(
        "PEER_E_CONNECT_SELF",
        0x8063_0106,
        "The address or the member to connect to is this node itself.",
    ),
    code(
        "PEER_E_ALREADY_LISTENING",
        0x8063_0107,
        "The graph listens already.",
    )
    .outcome("to listen twice is to listen: going online again says already_connected"),
    code(
        "PEER_E_NODE_NOT_FOUND",
        0x8063_0108,
        "No node with this id is present.",
    ),
    code(
        "PEER_E_CONNECTION_FAILED",
        0x8063_0109,
        "The connection did not come about.",
    ),
    code(
        "PEER_E_CONNECTION_NOT_AUTHENTICATED",
        0x8063_010A,
        "The other side did not prove what it had to, or did not accept our proof.",
    ),
    code(
        "PEER_E_CONNECTION_REFUSED",
        0x8063_010B,
        "The other side answers and does not want the connection.",
    ),
    // Identities.
    code(
        "PEER_E_CLASSIFIER_TOO_LONG",
        0x8063_0201,
        "The classifier has more than 149 characters.",
    ),
    code(
        "PEER_E_TOO_MANY_IDENTITIES",
        0x8063_0202,
        "There are as many identities as there may be.",
    ),
    code(
        "PEER_E_NO_KEY_ACCESS",
        0x8063_0203,
        "Permissions deny access to the keys.",
    ),
    code(
        "PEER_E_GROUPS_EXIST",
        0x8063_0204,
        "The identity still has groups.",
    ),
    // Records.
    code(
        "PEER_E_RECORD_NOT_FOUND",
        0x8063_0301,
        "There is no record with this id, or it was deleted or has lapsed.",
    ),
    code(
        "PEER_E_DATABASE_ACCESSDENIED",
        0x8063_0302,
        "The database cannot be opened: permissions deny it, or somebody else has it.",
    ),
    code(
        "PEER_E_DBINITIALIZATION_FAILED",
        0x8063_0303,
        "The database could not be loaded or brought up to date.",
    ),
    code(
        "PEER_E_MAX_RECORD_SIZE_EXCEEDED",
        0x8063_0304,
        "The record is larger than the group allows.",
    ),
    code(
        "PEER_E_DATABASE_ALREADY_PRESENT",
        0x8063_0305,
        "There is a database where one was to be brought in.",
    )
    .never("records that are brought in join those that are there"),
    code(
        "PEER_E_DATABASE_NOT_PRESENT",
        0x8063_0306,
        "There is no database where one was to be opened.",
    )
    .told_as(&["group_not_found"]),
    code(
        "PEER_E_IDENTITY_NOT_FOUND",
        0x8063_0401,
        "There is no such identity.",
    )
    .told_as(&["identity_not_found"]),
    code(
        "PEER_E_EVENT_HANDLE_NOT_FOUND",
        0x8063_0501,
        "The subscription to events does not exist or has ended.",
    )
    .never("a subscription is a stream, held by whoever reads it; it ends with the reader"),
    code(
        "PEER_E_INVALID_SEARCH",
        0x8063_0601,
        "The search cannot be understood.",
    )
    .told_as(&["invalid_input"]),
    code(
        "PEER_E_INVALID_ATTRIBUTES",
        0x8063_0602,
        "An attribute's name or value is not what it must be.",
    ),
    // Invitations and credentials.
    code(
        "PEER_E_INVITATION_NOT_TRUSTED",
        0x8063_0701,
        "The invitation was altered, or is for somebody else.",
    ),
    code(
        "PEER_E_CHAIN_TOO_LONG",
        0x8063_0703,
        "More certificates lie between the group and the member than may.",
    ),
    code(
        "PEER_E_INVALID_TIME_PERIOD",
        0x8063_0705,
        "It is not valid yet, not valid any more, or would be valid for no time at all.",
    ),
    code(
        "PEER_E_CIRCULAR_CHAIN_DETECTED",
        0x8063_0706,
        "A member would be a member on its own authority.",
    ),
    code(
        "PEER_E_CERT_STORE_CORRUPTED",
        0x8063_0801,
        "A file with keys or certificates is damaged.",
    ),
    // Clouds and names.
    code(
        "PEER_E_NO_CLOUD",
        0x8063_1001,
        "This node is in no cloud of this name.",
    ),
    code(
        "PEER_E_CLOUD_NAME_AMBIGUOUS",
        0x8063_1005,
        "The name stands for several clouds.",
    ),
    // Groups.
    code(
        "PEER_E_INVALID_RECORD",
        0x8063_2010,
        "The record contradicts itself or its history.",
    ),
    code(
        "PEER_E_NOT_AUTHORIZED",
        0x8063_2020,
        "The member may not do this, or the password is wrong.",
    ),
    code(
        "PEER_E_PASSWORD_DOES_NOT_MEET_POLICY",
        0x8063_2021,
        "The password is too easily guessed.",
    ),
    code(
        "PEER_E_DEFERRED_VALIDATION",
        0x8063_2030,
        "It cannot be said yet whether the record is good: the membership behind it is not known here.",
    ),
    code(
        "PEER_E_INVALID_GROUP_PROPERTIES",
        0x8063_2040,
        "A property of the group is outside its limits.",
    ),
    code(
        "PEER_E_INVALID_PEER_NAME",
        0x8063_2050,
        "This is no peer name.",
    ),
    code(
        "PEER_E_INVALID_CLASSIFIER",
        0x8063_2060,
        "The classifier has characters it may not have.",
    ),
    code(
        "PEER_E_INVALID_FRIENDLY_NAME",
        0x8063_2070,
        "The friendly name is too long or has characters it may not have.",
    ),
    code(
        "PEER_E_INVALID_ROLE_PROPERTY",
        0x8063_2071,
        "The roles are unknown, or there are none.",
    ),
    code(
        "PEER_E_INVALID_CLASSIFIER_PROPERTY",
        0x8063_2072,
        "The classifier in an invitation is not what it may be.",
    )
    .told_as(&["invalid_credential", "invalid_classifier"]),
    code(
        "PEER_E_INVALID_RECORD_EXPIRATION",
        0x8063_2080,
        "The record's end is in the past, too far away, or earlier than it was.",
    ),
    code(
        "PEER_E_INVALID_CREDENTIAL_INFO",
        0x8063_2081,
        "What a membership is to say is contradictory.",
    )
    .told_as(&["invalid_input", "invalid_time_period", "invalid_role"]),
    code(
        "PEER_E_INVALID_CREDENTIAL",
        0x8063_2082,
        "The membership certificate does not verify.",
    ),
    code(
        "PEER_E_INVALID_RECORD_SIZE",
        0x8063_2083,
        "The record is larger than any record may be.",
    ),
    code(
        "PEER_E_UNSUPPORTED_VERSION",
        0x8063_2090,
        "It was made by a version this one does not understand.",
    ),
    code(
        "PEER_E_GROUP_NOT_READY",
        0x8063_2091,
        "The group has not synchronised yet.",
    ),
    code(
        "PEER_E_GROUP_IN_USE",
        0x8063_2092,
        "The group is in use in a way that excludes this.",
    ),
    code(
        "PEER_E_INVALID_GROUP",
        0x8063_2093,
        "The group was closed or deleted, or never was one.",
    ),
    code(
        "PEER_E_NO_MEMBERS_FOUND",
        0x8063_2094,
        "No member was found to connect to.",
    ),
    code(
        "PEER_E_NO_MEMBER_CONNECTIONS",
        0x8063_2095,
        "Members were found, and none of them could be connected to.",
    )
    .told_as(&["connection_failed", "connection_timed_out"]),
    code(
        "PEER_E_UNABLE_TO_LISTEN",
        0x8063_2096,
        "The port is taken or may not be used.",
    ),
    code(
        "PEER_E_IDENTITY_DELETED",
        0x8063_20A0,
        "The identity was deleted.",
    ),
    // Forms of names.
    code(
        "PEER_E_CANNOT_CONVERT_PEER_NAME",
        0x8063_4001,
        "The peer name does not fit the host name it would become.",
    ),
    code(
        "PEER_E_INVALID_PEER_HOST_NAME",
        0x8063_4002,
        "This is not the host-name form of a peer name.",
    ),
    code(
        "PEER_E_NO_MORE",
        0x8063_4003,
        "The enumeration has no more to give.",
    )
    .outcome("the last page of a list has no `next`"),
    code(
        "PEER_E_PNRP_DUPLICATE_PEER_NAME",
        0x8063_4005,
        "The name was registered already.",
    )
    .never("what a node says of itself under a name replaces what it said before"),
    // What the system said already.
    code(
        "E_UNEXPECTED",
        0x8000_FFFF,
        "Something went wrong that should not be able to.",
    ),
    code("E_ACCESSDENIED", SYSTEM | 5, "The system denies access.")
        .told_as(&["no_key_access", "no_access_to_store"]),
    code(
        "E_HANDLE",
        SYSTEM | 6,
        "What was passed does not stand for anything.",
    )
    .told_as(&["identity_not_found", "group_gone"]),
    code("E_OUTOFMEMORY", SYSTEM | 14, "There is no memory left.")
        .never("what may be asked for is bounded; a system without memory ends the process, and nothing durable is lost"),
    code("E_INVALIDARG", SYSTEM | 87, "A value is not acceptable."),
    code("PEER_E_DISK_FULL", SYSTEM | 112, "The disk is full."),
    code(
        "PEER_E_ALREADY_EXISTS",
        SYSTEM | 183,
        "There is one already.",
    ),
    code(
        "ERROR_DELETE_PENDING",
        SYSTEM | 303,
        "It is being deleted.",
    )
    .told_as(&["identity_deleted", "group_gone"]),
    code(
        "ERROR_SERVICE_DEPENDENCY_FAIL",
        SYSTEM | 1068,
        "A service that this one depends on did not start.",
    )
    .told_as(&["daemon_unreachable", "unable_to_listen"]),
    code(
        "PEER_E_NOT_FOUND",
        SYSTEM | 1168,
        "What was named does not exist.",
    ),
    code(
        "WSAEFAULT",
        SYSTEM | 10014,
        "A buffer was too small or not there.",
    )
    .never("whoever calls gets what there is, of the size it has"),
    code("WSAEINVAL", SYSTEM | 10022, "A value is not acceptable.").told_as(&["invalid_input"]),
    code(
        "WSAENETUNREACH",
        SYSTEM | 10051,
        "The network cannot be reached.",
    )
    .told_as(&["no_members_found", "connection_failed"]),
    code(
        "WSASYSNOTREADY",
        SYSTEM | 10091,
        "The service that resolves names does not run.",
    )
    .told_as(&["daemon_unreachable"]),
    code(
        "WSA_E_NO_MORE",
        SYSTEM | 10110,
        "The lookup has no more to give.",
    )
    .outcome("the last page of a list has no `next`, and a lookup ends"),
    code(
        "WSA_E_CANCELLED",
        SYSTEM | 10111,
        "The lookup was given up.",
    )
    .never("whoever gives up a call is not answered any more"),
    code(
        "WSA_PNRP_CLOUD_NOT_FOUND",
        SYSTEM | 11501,
        "There is no cloud of this name.",
    )
    .told_as(&["no_cloud"]),
    code(
        "WSA_PNRP_CLOUD_DISABLED",
        SYSTEM | 11502,
        "The cloud is switched off on this machine.",
    )
    .told_as(&["no_cloud"]),
    code(
        "WSA_PNRP_INVALID_IDENTITY",
        SYSTEM | 11503,
        "The identity behind the name cannot be used.",
    )
    .told_as(&["identity_not_found"]),
    code(
        "WSA_PNRP_TOO_MUCH_LOAD",
        SYSTEM | 11504,
        "There is more to do than there are means.",
    )
    .told_as(&["busy"]),
    code(
        "WSA_PNRP_CLOUD_IS_SEARCH_ONLY",
        SYSTEM | 11505,
        "Names can be looked up in this cloud and not registered.",
    )
    .never("a node that looks up in a cloud also keeps what others put there"),
    code(
        "WSA_PNRP_CLIENT_INVALID_COMPARTMENT_ID",
        SYSTEM | 11506,
        "The compartment of the network does not exist.",
    )
    .never("compartments are a notion of the original's system"),
    code(
        "WSA_PNRP_DUPLICATE_PEER_NAME",
        SYSTEM | 11508,
        "The name was registered already.",
    )
    .never("what a node says of itself under a name replaces what it said before"),
    code(
        "WSA_PNRP_CLOUD_IS_DEAD",
        SYSTEM | 11509,
        "The cloud has lost its connections.",
    )
    .told_as(&["no_members_found"]),
];
