"""What the node tells and is told. Made by node/tests/clients.rs from the API's description."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class AcceptRequest(TypedDict):
    """Accepts a request to join."""

    expires: NotRequired[str | None]
    """End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    Default: the longest the issuer may give.
    """

    role: NotRequired[str | None]
    """`member` (default), `inviting-member` or `admin`."""


class AckRequest(TypedDict):
    """That events have been dealt with."""

    consumer: str
    """The consumer's name."""

    position: Position
    """The position of the last event dealt with, and all before it."""


class AddressInfo(TypedDict):
    """What a group's address says."""

    bootstrap: list[str]
    """Addresses of members to try first."""

    cloud: str
    """The cloud in which the group is looked up."""

    friendly_name: str
    """The group's friendly name when it was made."""

    group: str
    """The group's peer name."""

    made_by: str
    """Public key of the member who made the address, 64 hex digits."""

    password: bool
    """Whether the door asks for a password."""

    requests: bool
    """Whether one may ask to join."""


class AddressText(TypedDict):
    """A group's address, to be given to people who may come to its door."""

    info: AddressInfo
    """What it says."""

    text: str
    """As a text block."""

    uri: str
    """On one line, `peerage:group:…`."""


class ApplicationInfo(TypedDict):
    """An application known to the node."""

    attached: bool
    """Whether it is attached to the node now."""

    groups: list[str]
    """Peer names of the only groups it may use; empty: all."""

    holds: list[str]
    """Peer names of the groups it holds open now."""

    identities: list[str]
    """Peer names of the only identities it may act as; empty: all."""

    name: str
    """Its name."""

    quotas: Quotas
    """How much it may use."""

    registered: str
    """When it was registered."""

    scopes: list[Scope]
    """What it may do."""

    token_made: str
    """When its token was made."""


class AttributeInfo(TypedDict):
    """A named value of a record."""

    name: str
    """1 to 40 letters and digits."""

    type: AttributeType
    """How the value is to be read."""

    value: AttributeScalar
    """A number for `integer`, text for the others."""


AttributeScalar: TypeAlias = "int | str"
"""The value of an attribute in JSON."""


AttributeType: TypeAlias = Literal["string", "integer", "date"]
"""How the value of an attribute is to be read."""


class AuditEntry(TypedDict):
    """One line of a group's history."""

    action: str
    """`founded`, `invited`, `promoted`, `lowered`, `renewed`, `removed`, `left`, `withdrawn` or
    `replaced`.
    """

    actor: str
    """Who did it: a peer name."""

    actor_friendly_name: str
    """Shown to people."""

    at: str
    """When, as whoever did it says."""

    authority: NotRequired[str | None]
    """The certificate by which the actor had the right: the first half of its SHA-256. None for the
    group's own key.
    """

    evidence: str
    """The certificate or the revocation itself: the first half of its SHA-256."""

    in_force: bool
    """Whether it counts now: a certificate that is not void, a revocation that takes effect."""

    reason: NotRequired[str]
    """The reason given."""

    roles: list[str]
    """The roles given; none for a removal."""

    subject: str
    """To whom: a peer name."""

    subject_friendly_name: str
    """Shown to people."""

    valid_until: NotRequired[str | None]
    """Until when they were given."""


class AuditFile(TypedDict):
    """A group's history as a file that anybody can verify offline."""

    file: str
    """The file in base64."""


class CallerInfo(TypedDict):
    """Who a request is from, and what it may do."""

    groups: list[str]
    """Peer names of the only groups it may use; empty: all."""

    identities: list[str]
    """Peer names of the only identities it may act as; empty: all."""

    name: str
    """The application's name; `operator` for who owns the node."""

    operator: bool
    """Whether it is the operator, who may do everything."""

    quotas: NotRequired[Quotas | None]

    scopes: list[Scope]
    """What it may do."""

    version: str
    """Version of the node's software."""


class CardText(TypedDict):
    """The public half of an identity, to be given to whoever invites it."""

    name: str
    """The identity's peer name."""

    text: str
    """As a text block."""

    uri: str
    """On one line, `peerage:card:…`."""


class ChainLink(TypedDict):
    """One certificate of a chain."""

    fingerprint: str
    """SHA-256 of the certificate, 64 hex digits."""

    friendly_name: str
    """Shown to people."""

    issued_at: str
    """When it was issued."""

    name: str
    """Peer name of the holder; of the group for the first."""

    public_key: str
    """Ed25519 public key, 64 hex digits."""

    roles: list[str]
    """Roles, strongest first; none for the group, which may issue all."""

    valid_from: str
    """Start."""

    valid_until: str
    """End."""


Check: TypeAlias = Literal["configuration", "environment", "folder", "files", "daemon", "node_key", "port", "disk", "clock", "buffers", "open_files", "bootstrap", "credentials", "members", "synchronisation"]
"""What the doctor looks at."""


class ConnectRequest(TypedDict):
    """Where a member is to be found."""

    addresses: list[str]
    """One to four addresses, tried in their order. One may end with `/p2p/` and the peer id that has
    to be there.
    """


class ConnectionEnd(TypedDict):
    """The end of a connection, or of an attempt."""

    id: str
    """Which."""

    member: str
    """The member, as a peer name."""

    next: NotRequired[str | None]
    """The attempt that goes on in its place, at another node of the member."""

    node: NotRequired[str | None]
    """Its node, once it is known."""

    reason: str
    """Why, in a stable word."""


class ConnectionInfo(TypedDict):
    """An open connection to another member's node."""

    address: NotRequired[str | None]
    """Where it is."""

    friendly_name: str
    """Shown to people."""

    id: str
    """Names it on this node: a whole number of 64 bits, as text."""

    incoming: bool
    """Whether the other side opened it."""

    kind: ConnectionKind
    """Which kind."""

    member: str
    """The member on the other side, as a peer name."""

    mode: ConnectionMode
    """What it carries."""

    node: str
    """The node on the other side, as a libp2p peer id."""

    since: str
    """Since when."""


ConnectionKind: TypeAlias = Literal["direct", "neighbour"]
"""Which kind of connection."""


ConnectionMode: TypeAlias = Literal["messages", "stream"]
"""What a direct connection carries."""


class ConsumerInfo(TypedDict):
    """A cursor that the node keeps for an application."""

    made: str
    """When it was made."""

    moved: str
    """When it was acknowledged last."""

    name: str
    """Its name."""

    position: Position
    """What was acknowledged last: events come after it."""


class DirectOpening(TypedDict):
    """An attempt that was begun."""

    connection: NotRequired[ConnectionInfo | None]

    id: str
    """The connection's id. It is of no use until the connection is open."""


class DirectToldConnected(TypedDict):
    """A connection is open."""

    connection: ConnectionInfo
    """The connection."""

    event: Literal["connected"]


class DirectToldMissed(TypedDict):
    """Messages were lost, because this listener did not read while others waited for it."""

    event: Literal["missed"]

    messages: int
    """How many."""


DirectTold: TypeAlias = "DirectToldConnected | DirectToldDisconnected | DirectToldFailed | DirectToldData | DirectToldMissed"
"""What a listener is told."""


class DoctorReport(TypedDict):
    """Everything that was looked at."""

    findings: list[Finding]
    """One entry or more per check."""

    healthy: bool
    """Whether there is no problem. There may be warnings."""


class DoorInfo(TypedDict):
    """A group's door."""

    open: bool
    """Whether somebody without an invitation may come in at all."""

    password: bool
    """Whether there is a password."""

    requests: bool
    """Whether requests to join are taken."""

    role: NotRequired[str | None]
    """What who knows the password becomes."""


class DoorRequest(TypedDict):
    """Whom a group's door lets in. Giving one opens the door, or changes what it opens to."""

    password: NotRequired[str | None]
    """Who knows this password becomes a member. At least 12 characters, and not easily guessed."""

    requests: NotRequired[bool]
    """Whether requests to join are taken."""

    role: NotRequired[str | None]
    """What who knows the password becomes: `member` (default), `inviting-member` or `admin`."""


class ErrorInfo(TypedDict):
    """What is known about an error, whatever it is about."""

    code: str
    """Stable, for programs."""

    exit_code: int
    """The exit code of the command line."""

    kind: ErrorKind
    """What to do about it."""

    meaning: str
    """What it means."""

    next_step: str
    """What to try next."""

    original: NotRequired[str]
    """The original Peer Infrastructure's name for it, if it had one."""

    original_number: NotRequired[int]
    """The original's number for it, an HRESULT without a sign."""

    retry_after_seconds: NotRequired[int]
    """After how many seconds it is worth asking again; absent where that does not help."""

    status: int
    """The HTTP status of the local API."""


ErrorKind: TypeAlias = Literal["retry", "fix_input", "not_found", "not_authorised", "conflict", "unavailable", "damaged", "internal"]
"""What to do about an [`Error`](crate::Error)."""


EventKind: TypeAlias = Literal["record_added", "record_updated", "record_deleted", "record_expired", "member_joined", "member_updated", "member_removed", "member_left", "member_connected", "member_disconnected", "admission_refused", "credential_renewed", "credential_expiring", "properties_changed", "neighbour_connected", "neighbour_disconnected", "neighbour_failed", "direct_connected", "direct_disconnected", "direct_failed", "status_changed", "synchronised", "join_requested", "connection_failed", "connection_required", "node_duplicated", "gap", "snapshot_record", "snapshot_end"]
"""What happened."""


EventOrigin: TypeAlias = Literal["local", "remote"]
"""Where a record came from."""


class ExitCodeInfo(TypedDict):
    """An exit code of the command line."""

    errors: list[str]
    """The errors that end with it."""

    exit_code: int
    """The code."""

    kind: NotRequired[ErrorKind]
    """What to do about it; absent for success."""

    meaning: str
    """What it means."""


class Explanation(TypedDict):
    """What a code, a name or a number stands for."""

    errors: list[ErrorInfo]
    """Errors of ours."""

    exit_codes: list[ExitCodeInfo]
    """Exit codes."""

    originals: list[OriginalInfo]
    """Result codes of the original."""


class ExportRequest(TypedDict):
    """Asks for an identity with its secret key."""

    passphrase: str
    """Encrypts the export; not empty."""


class ExportedIdentity(TypedDict):
    """An identity with its secret key, encrypted."""

    pem: str
    """Encrypted PKCS#8 key and certificate, PEM."""


class Finding(TypedDict):
    """What one check has found."""

    check: Check
    """What was looked at."""

    detail: str
    """What was found, for people."""

    group: NotRequired[str | None]
    """The group it is about, as a peer name."""

    kind: NotRequired[ErrorKind | None]

    level: Level
    """How bad it is."""

    next_step: NotRequired[str | None]
    """What to do next, most often a command."""


class FingerprintInfo(TypedDict):
    """A digest over everything a member holds; equal on members that are in line."""

    fingerprint: str
    """64 hex digits."""


GraphLink = TypedDict(
    "GraphLink",
    {
        "address": "NotRequired[str | None]",
        "compared": "NotRequired[str | None]",
        "direction": "LinkDirection",
        "from": "str",
        "round_trip_us": "NotRequired[int | None]",
        "since": "str",
        "to": "str",
    },
)
"""A link with a neighbour."""


class GraphNode(TypedDict):
    """A node of a member."""

    addresses: list[str]
    """Where it says it listens."""

    friendly_name: str
    """Shown to people."""

    local: bool
    """Whether this is the node itself."""

    member: str
    """Its member's peer name."""

    peer_id: str
    """The node's libp2p peer id."""

    present: bool
    """Whether it says that it is online."""


class GroupChange(TypedDict):
    """Changes a group's properties. What is absent stays."""

    comment: NotRequired[str | None]
    """What the group is for. Up to 255 characters."""

    defer_expiry: NotRequired[bool | None]
    """Whether a node without a neighbour keeps what has expired until it has one again."""

    friendly_name: NotRequired[str | None]
    """Shown to people. Up to 255 characters."""

    max_record_bytes: NotRequired[int | None]
    """The largest record members publish, 1024 or more; 0 is no limit."""

    membership_lifetime: NotRequired[str | None]
    """For how long memberships are issued when nobody says otherwise: a duration from 8 hours to
    10 years, or `none`.
    """

    presence: NotRequired[str | None]
    """Which nodes show that they are present: `all`, `none`, or about how many."""

    presence_lifetime: NotRequired[str | None]
    """For how long a node is shown as present after it was last heard of: a duration up to 30
    days; shorter than 5 minutes is 5 minutes.
    """


class GroupConfigFile(TypedDict):
    """A group's configuration, encrypted."""

    text: str
    """As text; `age` opens it."""


class GroupConfigRequest(TypedDict):
    """Takes in a group's configuration."""

    overwrite: NotRequired[bool]
    """Whether it may replace the membership that is here."""

    passphrase: str
    """The passphrase given at export."""

    text: str
    """The configuration, as it was exported."""


class GroupEvent(TypedDict):
    """One event of one group. Which of the optional fields are there depends on the kind."""

    applicant: NotRequired[str | None]
    """Who asks to join, a peer name."""

    at: str
    """When this node saw it."""

    by: NotRequired[str | None]
    """Whose decision it was, a peer name."""

    cause: NotRequired[str | None]
    """By what kind of decision a member is none any more: `removed`, `left`, `replaced` or
    `invitation_withdrawn`.
    """

    connection: NotRequired[str | None]
    """The connection concerned, a number as text (64 bits do not fit in JavaScript's numbers). That
    of a neighbour is unique while this node runs.
    """

    content: NotRequired[RecordInfo | None]

    detail: NotRequired[str | None]
    """More, for people."""

    group: str
    """The group's peer name."""

    has_connections: NotRequired[bool | None]
    """Whether there is a neighbour now."""

    kind: EventKind
    """What happened."""

    listening: NotRequired[bool | None]
    """Whether others may connect now."""

    member: NotRequired[str | None]
    """The member concerned, a peer name."""

    missed: NotRequired[int | None]
    """Of a gap: how many events of the moment were missed. How many record events is not known."""

    next: NotRequired[str | None]
    """The attempt that goes on in place of a direct connection that did not come about."""

    node: NotRequired[str | None]
    """The node concerned, as a libp2p peer id."""

    number: NotRequired[int | None]
    """The original's number for this type of event."""

    origin: NotRequired[EventOrigin | None]

    position: Position
    """Where it stands among the events of the group. Give the last one seen as `after` to go on
    behind it.
    """

    reason: NotRequired[str | None]
    """Why: a stable word; of removals what the one who decided wrote."""

    record: NotRequired[str | None]
    """The record concerned."""

    record_type: NotRequired[str | None]
    """The type of the record concerned, UUID text."""

    sequence: NotRequired[int | None]
    """Of a record event: its number, which rises with each."""

    status: NotRequired[GroupStatus | None]

    until: NotRequired[str | None]
    """Until when our own membership holds."""


class GroupGraph(TypedDict):
    """The nodes of a group's members, and the links between them as far as they are known here."""

    friendly_name: str
    """Shown to people."""

    group: str
    """The group's peer name."""

    links: list[GraphLink]
    """Those that end at this node. What others are linked with is not told."""

    nodes: list[GraphNode]
    """This node first."""


class GroupInfo(TypedDict):
    """One identity's membership in one group."""

    behind: NotRequired[bool]
    """Whether it was restored from a backup and has met no member since: what is there may be older than
    what this identity has published itself, so it is not changed before.
    """

    cloud: str
    """Where the group is looked up."""

    comment: str
    """What the group is for."""

    friendly_name: str
    """Shown to people."""

    group_key: bool
    """Whether the group's own key is on this node."""

    id: str
    """The group's id, 64 hex digits."""

    identity: str
    """The member on this node, as a peer name."""

    members: int
    """Members known, including this one."""

    name: str
    """The group's peer name."""

    neighbours: int
    """Members connected to this node now."""

    outcome: NotRequired[Outcome]
    """In answer to a request that had nothing to do: why."""

    records: int
    """Records held, including reserved types and tombstones."""

    revoked: NotRequired[bool]
    """Whether the membership was taken away: the identity was removed from the group, or has left it."""

    role: str
    """The member's role: `admin`, `inviting-member` or `member`."""

    status: GroupStatus
    """How far the node has got with the group."""

    synchronised: bool
    """Whether the database has been brought in line with another member's at least once (always
    true for the creator).
    """

    valid_until: NotRequired[str | None]
    """When the membership ends."""


class GroupProperties(TypedDict):
    """The properties of a group. Its creator sets them, every member goes by them."""

    changeable: bool
    """Whether this node can change them."""

    comment: str
    """What the group is for."""

    defer_expiry: bool
    """Whether a node without a neighbour keeps what has expired until it has one again."""

    friendly_name: str
    """Shown to people."""

    max_record_bytes: NotRequired[int | None]
    """The largest record members publish; absent: as large as records may be."""

    membership_lifetime_seconds: NotRequired[int | None]
    """For how long memberships are issued when nobody says otherwise; absent: as long as the
    issuer's own.
    """

    presence: str
    """Which nodes show that they are present: `all`, `none`, or about how many."""

    presence_lifetime_seconds: int
    """For how long a node is shown as present after it was last heard of."""


GroupStatus: TypeAlias = Literal["offline", "connecting", "listening", "connected", "waiting", "refused"]
"""How far the node has got with a group."""


class IdentityChange(TypedDict):
    """Changes an identity."""

    friendly_name: NotRequired[str | None]
    """The new friendly name; null or empty resets it to the peer name."""


class IdentityInfo(TypedDict):
    """An identity of this node, without its secret."""

    created: str
    """When it was made."""

    default: bool
    """Whether it is the one used when none is named."""

    friendly_name: str
    """Shown to people; not unique."""

    groups: int
    """In how many groups it is, on this node."""

    name: str
    """Peer name: 40 hex digits, a dot, the classifier."""

    protected: bool
    """Whether its key is kept under a passphrase."""

    public_key: str
    """Ed25519 public key, 64 hex digits."""


class IdentityMemberships(TypedDict):
    """An identity of this node with its memberships."""

    default: bool
    """Whether it is the one used when none is named."""

    friendly_name: str
    """Shown to people."""

    memberships: list[MembershipInfo]
    """One per group."""

    name: str
    """Peer name."""

    p2p_id: str
    """The first 128 bits of the SHA-256 of the peer name, 32 hex digits. It selects the identity."""


class ImportRequest(TypedDict):
    """Brings back an exported identity."""

    passphrase: str
    """The passphrase given at export."""

    pem: str
    """The export, byte for byte."""


class ImportedDatabase(TypedDict):
    """What became of the records of a file."""

    expired: int
    """Their time was over."""

    known: int
    """The same or newer versions were here already."""

    refused: int
    """They did not verify, or their signers may not have signed them."""

    stored: int
    """They are here now and were not before, or not in this version."""


class InspectAddress(TypedDict):
    """Asks what a group's address says."""

    address: str
    """The group's address, as URI or text block."""


class InspectRequest(TypedDict):
    """Asks what an invitation says."""

    invitation: str
    """The invitation, as URI or text block."""


class InvitationDetail(TypedDict):
    """An invitation made here, with its text."""

    invitation: InvitationText
    """As it was handed out."""

    made: InvitationSummary
    """What became of it."""


class InvitationInfo(TypedDict):
    """What an invitation says. Reading it needs no identity and proves nothing."""

    bootstrap: list[str]
    """Addresses of members to try first."""

    cloud: str
    """The cloud in which the group is looked up."""

    group: str
    """The group's peer name."""

    group_friendly_name: str
    """The group's friendly name."""

    id: str
    """Names the invitation, 16 hex digits; the same wherever it is read."""

    issuer: str
    """Who invites, as a peer name."""

    issuer_friendly_name: str
    """Who invites, for people."""

    note: str
    """A few words from the issuer."""

    roles: list[str]
    """Roles granted, strongest first."""

    scope: str
    """How far that cloud reaches: `global`, `site-local` or `link-local`."""

    subject: str
    """Who is invited, as a peer name."""

    subject_friendly_name: str
    """Who is invited, for people."""

    valid_from: str
    """Start of the membership."""

    valid_until: str
    """End of the membership."""


InvitationState: TypeAlias = Literal["open", "used", "replaced", "expired", "revoked"]
"""What became of an invitation made here, as far as it is known here."""


class InvitationSummary(TypedDict):
    """An invitation made here."""

    group: str
    """The group's peer name."""

    id: str
    """Names it in commands, 16 hex digits."""

    invitee: str
    """Who is invited, as a peer name."""

    invitee_friendly_name: str
    """Who is invited, for people."""

    made: str
    """When it was made."""

    replaced_by: NotRequired[str | None]
    """The id of the one made in its place."""

    roles: list[str]
    """Roles granted, strongest first."""

    state: InvitationState
    """What became of it."""

    valid_until: str
    """End of the membership."""


class InvitationText(TypedDict):
    """A finished invitation, in its text forms."""

    info: InvitationInfo
    """What it says."""

    text: str
    """As a text block."""

    uri: str
    """On one line, `peerage:invite:…`."""


class InviteRequest(TypedDict):
    """Invites an identity."""

    by_group_key: NotRequired[bool]
    """Whether the group itself invites, so that the membership hangs on no other; takes the group's
    key on this node.
    """

    card: str
    """The invitee's identity card, as URI or text block."""

    expires: NotRequired[str | None]
    """End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    Default: the longest the issuer may give.
    """

    note: NotRequired[str | None]
    """A few words for the invitee; everyone who holds the invitation can read them."""

    publish: NotRequired[bool]
    """Whether all members are told of the new one at once, and not only when it first connects."""

    role: NotRequired[str]
    """`member` (default), `inviting-member` or `admin`."""


class IssueAdminRequest(TypedDict):
    """Makes one of our identities an Admin by the group's key."""

    identity: NotRequired[str | None]
    """Which. Default: the one that has the group's key."""


class IssuedToken(TypedDict):
    """A token, which is shown this once."""

    name: str
    """The application."""

    token: str
    """Sent in the header `Authorization: Bearer …`. The node keeps only its hash."""


class JoinRequest(TypedDict):
    """Joins a group."""

    cloud: NotRequired[str | None]
    """Where to look for the group, whatever the invitation says: the name of a cloud this node is in,
    or a unique beginning of it.
    """

    identity: NotRequired[str | None]
    """The invited identity. Default: the default identity."""

    invitation: str
    """The invitation, as URI or text block."""


class JoinRequestInfo(TypedDict):
    """Somebody who asks to join."""

    asked: str
    """When it was first asked."""

    friendly_name: str
    """Shown to people; chosen by who asks."""

    name: str
    """Who, as a peer name."""

    note: str
    """A word to whoever decides; chosen by who asks."""

    public_key: str
    """Ed25519 public key, 64 hex digits."""

    standing: str
    """How it stands: `waiting`, `accepted` or `denied`."""


KnownAs: TypeAlias = Literal["neighbour", "present", "remembered"]
"""How a node is known to be one of a group's."""


class LeaveGroup(TypedDict):
    """Why a member leaves."""

    reason: NotRequired[str]
    """Why, at most 255 characters; every member can read it."""


Level: TypeAlias = Literal["ok", "warning", "problem"]
"""How bad it is."""


LinkDirection: TypeAlias = Literal["outbound", "inbound", "unknown"]
"""Who made a connection."""


class MemberInfo(TypedDict):
    """A member of a group."""

    depth: int
    """Certificates between the group root and this member."""

    expired: bool
    """Whether the membership has ended."""

    friendly_name: str
    """Shown to people."""

    issued_by: str
    """Who issued the membership: public key in hex, or a peer name where it is known."""

    myself: bool
    """Whether this is the member on this node."""

    name: str
    """Peer name."""

    neighbour: bool
    """Whether the member is connected to this node now."""

    nodes: list[NodeInfo]
    """Those nodes."""

    present: bool
    """Whether at least one node of the member says that it is online."""

    public_key: str
    """Ed25519 public key, 64 hex digits."""

    roles: list[str]
    """Roles, strongest first."""

    valid_from: str
    """Start of the membership."""

    valid_until: str
    """End of the membership."""


class MemberNode(TypedDict):
    """Somebody in the tree."""

    friendly_name: str
    """Shown to people."""

    invited: list[MemberNode]
    """Whom it invited."""

    myself: bool
    """Whether this is the member on this node."""

    name: str
    """Peer name."""

    roles: list[str]
    """Roles, strongest first."""

    standing: Standing
    """What the membership at this place is worth."""

    valid_until: str
    """End of the membership."""


class MemberTree(TypedDict):
    """Who invited whom."""

    friendly_name: str
    """Shown to people."""

    group: str
    """The group's peer name; its key stands at the top."""

    invited: list[MemberNode]
    """Whom the group's key issued memberships to: the creator, most often."""


class MembershipInfo(TypedDict):
    """What an identity's certificate says about its membership in a group. Known also when the group is
    offline, or the membership is over.
    """

    chain_length: int
    """Certificates in the chain, the group's own among them: 2 for the creator, 3 for whom it
    invited.
    """

    friendly_name: str
    """The group's friendly name."""

    name: str
    """The group's peer name."""

    p2p_id: str
    """The first 128 bits of the SHA-256 of the group's peer name, 32 hex digits. It selects the group."""

    roles: list[str]
    """Roles, strongest first."""

    valid_from: str
    """Start of the membership."""

    valid_until: str
    """End of the membership."""

    validity: Validity
    """What it is worth now."""


MessageInfo = TypedDict(
    "MessageInfo",
    {
        "from": "str",
        "id": "str",
        "payload": "str",
        "payload_text": "NotRequired[str | None]",
        "type": "str",
    },
)
"""A message that came."""


class NeighbourInfo(TypedDict):
    """A member connected to this node now."""

    address: NotRequired[str | None]
    """The remote address of the connection."""

    friendly_name: str
    """Shown to people."""

    member: str
    """The member's peer name."""

    peer_id: str
    """The node's libp2p peer id."""

    since: str
    """Since when."""


class NewApplication(TypedDict):
    """Registers an application."""

    groups: NotRequired[list[str]]
    """The only groups it may use, each by any of its names. Default: all."""

    identities: NotRequired[list[str]]
    """The only identities it may act as. Default: all."""

    name: str
    """1 to 64 characters: lower-case letters, digits, `-`, `_` and `.`; begins with a letter."""

    quotas: NotRequired[Quotas]
    """How much it may use."""

    scopes: list[Scope]
    """What it may do; at least one."""


class NewGroup(TypedDict):
    """What an application chooses about a new group."""

    classifier: NotRequired[str | None]
    """Ends the group's peer name, after the dot. 0 to 149 characters; default: empty."""

    cloud: NotRequired[str | None]
    """Where the group is looked up: the name of a cloud this node is in, or a unique beginning of it.
    Default: `Global_`.
    """

    comment: NotRequired[str | None]
    """What the group is for. Up to 255 characters."""

    door: NotRequired[DoorRequest | None]

    friendly_name: NotRequired[str | None]
    """Shown to people. Up to 255 characters; default: the group's peer name."""

    identity: NotRequired[str | None]
    """The creator, as a peer name, a unique prefix of one, or a unique friendly name.
    Default: the default identity.
    """


class NewIdentity(TypedDict):
    """What an application chooses about a new identity."""

    classifier: NotRequired[str | None]
    """Ends the peer name, after the dot. 0 to 149 characters; default: empty."""

    friendly_name: NotRequired[str | None]
    """Shown to people. Up to 255 characters; default: the peer name."""


class NodeInfo(TypedDict):
    """A node of a member that is present, or this one."""

    addresses: list[str]
    """Where the node listens."""

    attributes: NotRequired[str | None]
    """What an application there says about it."""

    local: bool
    """Whether it is this node."""

    member: str
    """The member's peer name."""

    peer_id: str
    """The node's libp2p peer id."""

    since: NotRequired[str | None]
    """Since when it has been present; absent when it does not say that it is."""


class NodeStatus(TypedDict):
    """The node as a whole."""

    data_dir: str
    """The data folder."""

    external: list[str]
    """Addresses under which others are told to find it."""

    groups: list[GroupInfo]
    """Groups kept here."""

    identities: int
    """Identities kept here."""

    identity_list: list[IdentityInfo]
    """Those identities."""

    key_used_elsewhere: NotRequired[str | None]
    """When another node was last seen with this node's key, if ever since the start: the data folder, or
    a backup of it, is in use on another machine.
    """

    listen: list[str]
    """Addresses the node listens on, with the ports really taken."""

    peer_id: str
    """The node's libp2p peer id."""

    started: str
    """When the node started."""

    uptime_seconds: int
    """Seconds since the start."""

    version: str
    """Version of the software."""

    warnings: list[Finding]
    """What is wrong, as far as the node sees it without asking anybody; `GET /v1/doctor` looks closer."""


class OpenDirect(TypedDict):
    """Opens a direct connection."""

    address: NotRequired[str | None]
    """Where it is. Default: looked up among the neighbours and the nodes that are present."""

    member: str
    """Peer name of the member, a unique start of it, its public key, or a friendly name that stands
    for nobody else.
    """

    mode: NotRequired[ConnectionMode]
    """What it carries."""

    node: NotRequired[str | None]
    """The peer id of one of its nodes. Default: any that is known."""

    wait: NotRequired[bool]
    """Answer once it is known what came of it. Default: answer at once."""


class OriginalInfo(TypedDict):
    """A result code of the original Peer Infrastructure, and what stands for it here."""

    errors: list[str]
    """The errors of ours that stand for it."""

    hex: str
    """The same as its headers write it."""

    instead: NotRequired[str]
    """Where it is no error here: how an answer says so, or why it cannot come to that."""

    meaning: str
    """What it means."""

    name: str
    """What its headers call it."""

    number: int
    """An HRESULT without a sign."""

    success: bool
    """Whether it is a success, with something to tell."""


Outcome: TypeAlias = Literal["already_connected", "already_a_member"]
"""A success with something to tell: what was asked for was so already."""


class Page_ApplicationInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_AuditEntry(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_ConnectionInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_GroupInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_IdentityInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_IdentityMemberships(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_InvitationSummary(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_JoinRequestInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_MemberInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_NeighbourInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_NodeInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Page_RecordInfo(TypedDict):
    """Part of a list.

    Pages are cut by what an item is, not by how many came before it: what is added or removed between
    two pages is given or not, and everything else exactly once.
    """

    items: list[dict[str, Any]]
    """The items, in the order of the list."""

    next: NotRequired[str]
    """Give this as `cursor` to get the next page; absent on the last one."""


class Participant(TypedDict):
    """A node that was asked whether it is there."""

    addresses: list[str]
    """The addresses tried."""

    answered_at: NotRequired[str | None]
    """The address that answered."""

    failure: NotRequired[str | None]
    """Why there was no answer."""

    known_as: KnownAs
    """How it is known here."""

    member: NotRequired[str | None]
    """Its member's peer name, where it is known."""

    peer_id: str
    """The node's libp2p peer id, which it proved if it answered."""

    took_us: NotRequired[int | None]
    """How long a new connection took, in microseconds."""


class PingReport(TypedDict):
    """Which participants of a group answer."""

    found: bool
    """Whether a participant answered: a neighbour, or a node that says it is present. That a remembered
    node answers says only that it runs.
    """

    group: str
    """The group's peer name."""

    participants: list[Participant]
    """Who was asked; none when nobody is known."""


Position: TypeAlias = "str"
"""Where an event stands in the one order of its group: the number of a record event, or that of the last one before and a second number that rises"""


class PresenceRequest(TypedDict):
    """Says something of this node in a group, or shows it. What is absent stays."""

    attributes: NotRequired[str | None]
    """What the other members are told about this node, up to 1024 bytes; empty: nothing."""

    forced: NotRequired[bool | None]
    """Shows this node whatever the group's policy, until the node ends; false: goes by the policy."""


class Problem(TypedDict):
    """An error as `application/problem+json` (RFC 9457), with fields of our own."""

    code: str
    """What went wrong, for programs; stable."""

    detail: str
    """What went wrong, for people."""

    kind: ErrorKind
    """What to do about it."""

    next_step: str
    """What to try next."""

    original: NotRequired[str]
    """The original Peer Infrastructure's name for it, if it had one."""

    original_number: NotRequired[int]
    """The original's number for it, an HRESULT without a sign."""

    retry_after_seconds: NotRequired[int]
    """After how many seconds it is worth asking again, as in the header `Retry-After`; absent where that
    does not help.
    """

    status: int
    """The HTTP status."""

    title: str
    """What the kind of error means, in a few words."""

    type: str
    """`urn:peerage:error:` and the code."""


class Quotas(TypedDict):
    """How much an application may use of the node. What is absent has its default."""

    bytes_per_minute: NotRequired[int]
    """Bytes of requests that publish something, per minute. 256 KiB to 1 GiB; default: 16 MiB."""

    concurrent_requests: NotRequired[int]
    """Requests being answered at once. 1 to 64; default: 16."""

    groups: NotRequired[int]
    """Groups held open at once. 1 to 256; default: 16."""

    requests_per_second: NotRequired[int]
    """Requests per second, twice as many at once. 1 to 10 000; default: 100."""

    streams: NotRequired[int]
    """Streams at once, of events and direct connections; the session is not counted. 1 to 64; default: 8."""


class RecordChange(TypedDict):
    """Changes a record. What is absent stays."""

    attributes: NotRequired[list[AttributeInfo] | None]
    """All named values, replacing the earlier ones."""

    expires: NotRequired[str | None]
    """A later expiry: an RFC 3339 instant or a duration from now."""

    payload: NotRequired[str | None]
    """Content, standard base64."""

    payload_text: NotRequired[str | None]
    """Content as text, instead of `payload`."""


class RecordInfo(TypedDict):
    """A record, decoded."""

    attributes: list[AttributeInfo]
    """Named values other members can search for."""

    created: str
    """When it was made."""

    creator: str
    """Who made it: public key, 64 hex digits."""

    expires: str
    """When it lapses."""

    id: str
    """Record id, UUID text."""

    modified: str
    """When it was changed last."""

    modifier: NotRequired[str | None]
    """Who changed it last: public key, 64 hex digits."""

    payload: str
    """Content, standard base64."""

    payload_text: NotRequired[str | None]
    """Content as text, when it is UTF-8."""

    type: str
    """Record type, UUID text."""

    version: int
    """1 for a new record, one more with each update."""


class RecordPut(TypedDict):
    """Publishes a record."""

    attributes: NotRequired[list[AttributeInfo]]
    """Named values other members can search for."""

    expires: NotRequired[str | None]
    """When it lapses: an RFC 3339 instant or a duration from now. Default: 28 days."""

    payload: NotRequired[str | None]
    """Content, standard base64. Together with the attributes at most 48 KiB."""

    payload_text: NotRequired[str | None]
    """Content as text, instead of `payload`."""

    type: str
    """Record type: UUID text or a readable name, which always gives the same UUID."""


class RecoverRequest(TypedDict):
    """Takes in a group's key."""

    identity: NotRequired[str | None]
    """Who gets it. Default: the identity that is in the group, else the default identity."""

    passphrase: str
    """The passphrase given at export."""

    pem: str
    """The recovery file, byte for byte."""


class RecoveryFile(TypedDict):
    """A group's key, encrypted, and how to find the group."""

    pem: str
    """Encrypted PKCS#8 key, certificate, and the group's whereabouts, PEM."""


class ReissueRequest(TypedDict):
    """Makes an invitation again for the same identity."""

    expires: NotRequired[str | None]
    """End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    Default: as long as the first time.
    """

    note: NotRequired[str | None]
    """A few words for the invitee. Default: those of the first time."""


class RemovalProgress(TypedDict):
    """How far the removals decided so far have got."""

    absent: list[str]
    """Peer names of members that are not online: they apply them when they come back, before
    anything else.
    """

    applied: int
    """Members all of whose nodes that are online have applied the same removals as this node."""

    members: int
    """Members, this one included."""

    pending: list[str]
    """Peer names of members that are online and have not said so yet."""


class RemoveMember(TypedDict):
    """How a member is removed."""

    by_group_key: NotRequired[bool]
    """Whether the group's key decides, which alone removes the creator."""

    cascade: NotRequired[bool]
    """Whether those go too whom the member let in, and so on."""

    reason: NotRequired[str]
    """Why, at most 255 characters; every member can read it."""

    with_records: NotRequired[bool]
    """Whether the member's records go too."""


class RenewMember(TypedDict):
    """What a member's newer credential says."""

    expires: NotRequired[str | None]
    """When it ends: a duration such as `30d`, or an instant. Default: as long from now as the present
    one lasted, but not after the issuer's own.
    """

    role: NotRequired[str | None]
    """`admin`, `inviting-member` or `member`. Default: the role it has."""


Scope: TypeAlias = Literal["read", "write", "online", "direct", "members", "groups", "identities", "node"]
"""Something an application may be allowed; what is not named is denied."""


class SendDirect(TypedDict):
    """A message to be sent."""

    payload: NotRequired[str | None]
    """Content, standard base64."""

    payload_text: NotRequired[str | None]
    """Content as text, in place of `payload`."""

    type: str
    """Its type: a name or a UUID."""


class SessionEvent(TypedDict):
    """What a session says."""

    application: str
    """The application's name."""

    kind: SessionEventKind
    """What happened."""

    reason: NotRequired[str | None]
    """Why it ended."""


SessionEventKind: TypeAlias = Literal["attached", "ended"]
"""What happens to a session."""


Standing: TypeAlias = Literal["member", "expired", "elsewhere", "unknown"]
"""What a membership at one place of the tree is worth."""


Validity: TypeAlias = Literal["valid", "expired", "not_yet_valid", "revoked"]
"""What a membership is worth at the moment."""


class VisitRequest(TypedDict):
    """Joins a group by its address: with its password, or by asking."""

    address: str
    """The group's address, as URI or text block."""

    identity: NotRequired[str | None]
    """Who joins. Default: the default identity."""

    note: NotRequired[str | None]
    """A word to whoever decides about the request, at most 255 characters."""

    password: NotRequired[str | None]
    """The group's password; without one, a request to join is made."""


class DirectToldDisconnected(ConnectionEnd):
    """A connection has ended."""

    event: Literal["disconnected"]


class DirectToldFailed(ConnectionEnd):
    """A connection did not come about."""

    event: Literal["failed"]


class DirectToldData(MessageInfo):
    """A message came."""

    event: Literal["data"]


class MemberDetail(MemberInfo):
    """A member with the whole chain of its membership."""

    chain: list[ChainLink]
    """Who issued whom: first the group's own certificate, last the member's. Each was issued by the
    one before it.
    """

    invited: list[str]
    """Peer names of the members whose membership this member issued."""
