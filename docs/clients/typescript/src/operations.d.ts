// Made by node/tests/clients.rs from the API's description.

/** Accepts a request to join. */
export type AcceptRequest = {
  /**
   * End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
   * Default: the longest the issuer may give.
   */
  expires?: string | null;
  /** `member` (default), `inviting-member` or `admin`. */
  role?: string | null;
};

/** That events have been dealt with. */
export type AckRequest = {
  /** The consumer's name. */
  consumer: string;
  /** The position of the last event dealt with, and all before it. */
  position: Position;
};

/** What a group's address says. */
export type AddressInfo = {
  /** Addresses of members to try first. */
  bootstrap: string[];
  /** The cloud in which the group is looked up. */
  cloud: string;
  /** The group's friendly name when it was made. */
  friendly_name: string;
  /** The group's peer name. */
  group: string;
  /** Public key of the member who made the address, 64 hex digits. */
  made_by: string;
  /** Whether the door asks for a password. */
  password: boolean;
  /** Whether one may ask to join. */
  requests: boolean;
};

/** A group's address, to be given to people who may come to its door. */
export type AddressText = {
  /** What it says. */
  info: AddressInfo;
  /** As a text block. */
  text: string;
  /** On one line, `peerage:group:…`. */
  uri: string;
};

/** An application known to the node. */
export type ApplicationInfo = {
  /** Whether it is attached to the node now. */
  attached: boolean;
  /** Peer names of the only groups it may use; empty: all. */
  groups: string[];
  /** Peer names of the groups it holds open now. */
  holds: string[];
  /** Peer names of the only identities it may act as; empty: all. */
  identities: string[];
  /** Its name. */
  name: string;
  /** How much it may use. */
  quotas: Quotas;
  /** When it was registered. */
  registered: string;
  /** What it may do. */
  scopes: Scope[];
  /** When its token was made. */
  token_made: string;
};

/** A named value of a record. */
export type AttributeInfo = {
  /** 1 to 40 letters and digits. */
  name: string;
  /** How the value is to be read. */
  type: AttributeType;
  /** A number for `integer`, text for the others. */
  value: AttributeScalar;
};

/** The value of an attribute in JSON. */
export type AttributeScalar = number | string;

/** How the value of an attribute is to be read. */
export type AttributeType = "string" | "integer" | "date";

/** One line of a group's history. */
export type AuditEntry = {
  /**
   * `founded`, `invited`, `promoted`, `lowered`, `renewed`, `removed`, `left`, `withdrawn` or
   * `replaced`.
   */
  action: string;
  /** Who did it: a peer name. */
  actor: string;
  /** Shown to people. */
  actor_friendly_name: string;
  /** When, as whoever did it says. */
  at: string;
  /**
   * The certificate by which the actor had the right: the first half of its SHA-256. None for the
   * group's own key.
   */
  authority?: string | null;
  /** The certificate or the revocation itself: the first half of its SHA-256. */
  evidence: string;
  /** Whether it counts now: a certificate that is not void, a revocation that takes effect. */
  in_force: boolean;
  /** The reason given. */
  reason?: string;
  /** The roles given; none for a removal. */
  roles: string[];
  /** To whom: a peer name. */
  subject: string;
  /** Shown to people. */
  subject_friendly_name: string;
  /** Until when they were given. */
  valid_until?: string | null;
};

/** A group's history as a file that anybody can verify offline. */
export type AuditFile = {
  /** The file in base64. */
  file: string;
};

/** Who a request is from, and what it may do. */
export type CallerInfo = {
  /** Peer names of the only groups it may use; empty: all. */
  groups: string[];
  /** Peer names of the only identities it may act as; empty: all. */
  identities: string[];
  /** The application's name; `operator` for who owns the node. */
  name: string;
  /** Whether it is the operator, who may do everything. */
  operator: boolean;
  quotas?: Quotas | null;
  /** What it may do. */
  scopes: Scope[];
  /** Version of the node's software. */
  version: string;
};

/** The public half of an identity, to be given to whoever invites it. */
export type CardText = {
  /** The identity's peer name. */
  name: string;
  /** As a text block. */
  text: string;
  /** On one line, `peerage:card:…`. */
  uri: string;
};

/** One certificate of a chain. */
export type ChainLink = {
  /** SHA-256 of the certificate, 64 hex digits. */
  fingerprint: string;
  /** Shown to people. */
  friendly_name: string;
  /** When it was issued. */
  issued_at: string;
  /** Peer name of the holder; of the group for the first. */
  name: string;
  /** Ed25519 public key, 64 hex digits. */
  public_key: string;
  /** Roles, strongest first; none for the group, which may issue all. */
  roles: string[];
  /** Start. */
  valid_from: string;
  /** End. */
  valid_until: string;
};

/** What the doctor looks at. */
export type Check = "configuration" | "environment" | "folder" | "files" | "daemon" | "node_key" | "port" | "disk" | "clock" | "buffers" | "open_files" | "bootstrap" | "credentials" | "members" | "synchronisation";

/** Where a member is to be found. */
export type ConnectRequest = {
  /**
   * One to four addresses, tried in their order. One may end with `/p2p/` and the peer id that has
   * to be there.
   */
  addresses: string[];
};

/** The end of a connection, or of an attempt. */
export type ConnectionEnd = {
  /** Which. */
  id: string;
  /** The member, as a peer name. */
  member: string;
  /** The attempt that goes on in its place, at another node of the member. */
  next?: string | null;
  /** Its node, once it is known. */
  node?: string | null;
  /** Why, in a stable word. */
  reason: string;
};

/** An open connection to another member's node. */
export type ConnectionInfo = {
  /** Where it is. */
  address?: string | null;
  /** Shown to people. */
  friendly_name: string;
  /** Names it on this node: a whole number of 64 bits, as text. */
  id: string;
  /** Whether the other side opened it. */
  incoming: boolean;
  /** Which kind. */
  kind: ConnectionKind;
  /** The member on the other side, as a peer name. */
  member: string;
  /** What it carries. */
  mode: ConnectionMode;
  /** The node on the other side, as a libp2p peer id. */
  node: string;
  /** Since when. */
  since: string;
};

/** Which kind of connection. */
export type ConnectionKind = "direct" | "neighbour";

/** What a direct connection carries. */
export type ConnectionMode = "messages" | "stream";

/** A cursor that the node keeps for an application. */
export type ConsumerInfo = {
  /** When it was made. */
  made: string;
  /** When it was acknowledged last. */
  moved: string;
  /** Its name. */
  name: string;
  /** What was acknowledged last: events come after it. */
  position: Position;
};

/** An attempt that was begun. */
export type DirectOpening = {
  connection?: ConnectionInfo | null;
  /** The connection's id. It is of no use until the connection is open. */
  id: string;
};

/** A connection is open. */
export type DirectToldConnected = {
  /** The connection. */
  connection: ConnectionInfo;
  event: "connected";
};

/** A connection has ended. */
export type DirectToldDisconnected = ConnectionEnd & {
  event: "disconnected";
};

/** A connection did not come about. */
export type DirectToldFailed = ConnectionEnd & {
  event: "failed";
};

/** A message came. */
export type DirectToldData = MessageInfo & {
  event: "data";
};

/** Messages were lost, because this listener did not read while others waited for it. */
export type DirectToldMissed = {
  event: "missed";
  /** How many. */
  messages: number;
};

/** What a listener is told. */
export type DirectTold = DirectToldConnected | DirectToldDisconnected | DirectToldFailed | DirectToldData | DirectToldMissed;

/** Everything that was looked at. */
export type DoctorReport = {
  /** One entry or more per check. */
  findings: Finding[];
  /** Whether there is no problem. There may be warnings. */
  healthy: boolean;
};

/** A group's door. */
export type DoorInfo = {
  /** Whether somebody without an invitation may come in at all. */
  open: boolean;
  /** Whether there is a password. */
  password: boolean;
  /** Whether requests to join are taken. */
  requests: boolean;
  /** What who knows the password becomes. */
  role?: string | null;
};

/** Whom a group's door lets in. Giving one opens the door, or changes what it opens to. */
export type DoorRequest = {
  /** Who knows this password becomes a member. At least 12 characters, and not easily guessed. */
  password?: string | null;
  /** Whether requests to join are taken. */
  requests?: boolean;
  /** What who knows the password becomes: `member` (default), `inviting-member` or `admin`. */
  role?: string | null;
};

/** What is known about an error, whatever it is about. */
export type ErrorInfo = {
  /** Stable, for programs. */
  code: string;
  /** The exit code of the command line. */
  exit_code: number;
  /** What to do about it. */
  kind: ErrorKind;
  /** What it means. */
  meaning: string;
  /** What to try next. */
  next_step: string;
  /** The original Peer Infrastructure's name for it, if it had one. */
  original?: string;
  /** The original's number for it, an HRESULT without a sign. */
  original_number?: number;
  /** After how many seconds it is worth asking again; absent where that does not help. */
  retry_after_seconds?: number;
  /** The HTTP status of the local API. */
  status: number;
};

/** What to do about an [`Error`](crate::Error). */
export type ErrorKind = "retry" | "fix_input" | "not_found" | "not_authorised" | "conflict" | "unavailable" | "damaged" | "internal";

/** What happened. */
export type EventKind = "record_added" | "record_updated" | "record_deleted" | "record_expired" | "member_joined" | "member_updated" | "member_removed" | "member_left" | "member_connected" | "member_disconnected" | "admission_refused" | "credential_renewed" | "credential_expiring" | "properties_changed" | "neighbour_connected" | "neighbour_disconnected" | "neighbour_failed" | "direct_connected" | "direct_disconnected" | "direct_failed" | "status_changed" | "synchronised" | "join_requested" | "connection_failed" | "connection_required" | "node_duplicated" | "gap" | "snapshot_record" | "snapshot_end";

/** Where a record came from. */
export type EventOrigin = "local" | "remote";

/** An exit code of the command line. */
export type ExitCodeInfo = {
  /** The errors that end with it. */
  errors: string[];
  /** The code. */
  exit_code: number;
  /** What to do about it; absent for success. */
  kind?: ErrorKind;
  /** What it means. */
  meaning: string;
};

/** What a code, a name or a number stands for. */
export type Explanation = {
  /** Errors of ours. */
  errors: ErrorInfo[];
  /** Exit codes. */
  exit_codes: ExitCodeInfo[];
  /** Result codes of the original. */
  originals: OriginalInfo[];
};

/** Asks for an identity with its secret key. */
export type ExportRequest = {
  /** Encrypts the export; not empty. */
  passphrase: string;
};

/** An identity with its secret key, encrypted. */
export type ExportedIdentity = {
  /** Encrypted PKCS#8 key and certificate, PEM. */
  pem: string;
};

/** What one check has found. */
export type Finding = {
  /** What was looked at. */
  check: Check;
  /** What was found, for people. */
  detail: string;
  /** The group it is about, as a peer name. */
  group?: string | null;
  kind?: ErrorKind | null;
  /** How bad it is. */
  level: Level;
  /** What to do next, most often a command. */
  next_step?: string | null;
};

/** A digest over everything a member holds; equal on members that are in line. */
export type FingerprintInfo = {
  /** 64 hex digits. */
  fingerprint: string;
};

/** A link with a neighbour. */
export type GraphLink = {
  /** Where the other end is, as seen from here. */
  address?: string | null;
  /** When records were last compared with its, without a fault; absent if not yet. */
  compared?: string | null;
  /** Who made the connection. */
  direction: LinkDirection;
  /** The peer id of the end that made the connection; this node's where that is not known. */
  from: string;
  /** How long an answer takes, in microseconds; absent until it was measured. */
  round_trip_us?: number | null;
  /** Since when the two are neighbours. */
  since: string;
  /** The peer id of the other end. */
  to: string;
};

/** A node of a member. */
export type GraphNode = {
  /** Where it says it listens. */
  addresses: string[];
  /** Shown to people. */
  friendly_name: string;
  /** Whether this is the node itself. */
  local: boolean;
  /** Its member's peer name. */
  member: string;
  /** The node's libp2p peer id. */
  peer_id: string;
  /** Whether it says that it is online. */
  present: boolean;
};

/** Changes a group's properties. What is absent stays. */
export type GroupChange = {
  /** What the group is for. Up to 255 characters. */
  comment?: string | null;
  /** Whether a node without a neighbour keeps what has expired until it has one again. */
  defer_expiry?: boolean | null;
  /** Shown to people. Up to 255 characters. */
  friendly_name?: string | null;
  /** The largest record members publish, 1024 or more; 0 is no limit. */
  max_record_bytes?: number | null;
  /**
   * For how long memberships are issued when nobody says otherwise: a duration from 8 hours to
   * 10 years, or `none`.
   */
  membership_lifetime?: string | null;
  /** Which nodes show that they are present: `all`, `none`, or about how many. */
  presence?: string | null;
  /**
   * For how long a node is shown as present after it was last heard of: a duration up to 30
   * days; shorter than 5 minutes is 5 minutes.
   */
  presence_lifetime?: string | null;
};

/** A group's configuration, encrypted. */
export type GroupConfigFile = {
  /** As text; `age` opens it. */
  text: string;
};

/** Takes in a group's configuration. */
export type GroupConfigRequest = {
  /** Whether it may replace the membership that is here. */
  overwrite?: boolean;
  /** The passphrase given at export. */
  passphrase: string;
  /** The configuration, as it was exported. */
  text: string;
};

/** One event of one group. Which of the optional fields are there depends on the kind. */
export type GroupEvent = {
  /** Who asks to join, a peer name. */
  applicant?: string | null;
  /** When this node saw it. */
  at: string;
  /** Whose decision it was, a peer name. */
  by?: string | null;
  /**
   * By what kind of decision a member is none any more: `removed`, `left`, `replaced` or
   * `invitation_withdrawn`.
   */
  cause?: string | null;
  /**
   * The connection concerned, a number as text (64 bits do not fit in JavaScript's numbers). That
   * of a neighbour is unique while this node runs.
   */
  connection?: string | null;
  content?: RecordInfo | null;
  /** More, for people. */
  detail?: string | null;
  /** The group's peer name. */
  group: string;
  /** Whether there is a neighbour now. */
  has_connections?: boolean | null;
  /** What happened. */
  kind: EventKind;
  /** Whether others may connect now. */
  listening?: boolean | null;
  /** The member concerned, a peer name. */
  member?: string | null;
  /** Of a gap: how many events of the moment were missed. How many record events is not known. */
  missed?: number | null;
  /** The attempt that goes on in place of a direct connection that did not come about. */
  next?: string | null;
  /** The node concerned, as a libp2p peer id. */
  node?: string | null;
  /** The original's number for this type of event. */
  number?: number | null;
  origin?: EventOrigin | null;
  /**
   * Where it stands among the events of the group. Give the last one seen as `after` to go on
   * behind it.
   */
  position: Position;
  /** Why: a stable word; of removals what the one who decided wrote. */
  reason?: string | null;
  /** The record concerned. */
  record?: string | null;
  /** The type of the record concerned, UUID text. */
  record_type?: string | null;
  /** Of a record event: its number, which rises with each. */
  sequence?: number | null;
  status?: GroupStatus | null;
  /** Until when our own membership holds. */
  until?: string | null;
};

/** The nodes of a group's members, and the links between them as far as they are known here. */
export type GroupGraph = {
  /** Shown to people. */
  friendly_name: string;
  /** The group's peer name. */
  group: string;
  /** Those that end at this node. What others are linked with is not told. */
  links: GraphLink[];
  /** This node first. */
  nodes: GraphNode[];
};

/** One identity's membership in one group. */
export type GroupInfo = {
  /**
   * Whether it was restored from a backup and has met no member since: what is there may be older than
   * what this identity has published itself, so it is not changed before.
   */
  behind?: boolean;
  /** Where the group is looked up. */
  cloud: string;
  /** What the group is for. */
  comment: string;
  /** Shown to people. */
  friendly_name: string;
  /** Whether the group's own key is on this node. */
  group_key: boolean;
  /** The group's id, 64 hex digits. */
  id: string;
  /** The member on this node, as a peer name. */
  identity: string;
  /** Members known, including this one. */
  members: number;
  /** The group's peer name. */
  name: string;
  /** Members connected to this node now. */
  neighbours: number;
  /** In answer to a request that had nothing to do: why. */
  outcome?: Outcome;
  /** Records held, including reserved types and tombstones. */
  records: number;
  /** Whether the membership was taken away: the identity was removed from the group, or has left it. */
  revoked?: boolean;
  /** The member's role: `admin`, `inviting-member` or `member`. */
  role: string;
  /** How far the node has got with the group. */
  status: GroupStatus;
  /**
   * Whether the database has been brought in line with another member's at least once (always
   * true for the creator).
   */
  synchronised: boolean;
  /** When the membership ends. */
  valid_until?: string | null;
};

/** The properties of a group. Its creator sets them, every member goes by them. */
export type GroupProperties = {
  /** Whether this node can change them. */
  changeable: boolean;
  /** What the group is for. */
  comment: string;
  /** Whether a node without a neighbour keeps what has expired until it has one again. */
  defer_expiry: boolean;
  /** Shown to people. */
  friendly_name: string;
  /** The largest record members publish; absent: as large as records may be. */
  max_record_bytes?: number | null;
  /**
   * For how long memberships are issued when nobody says otherwise; absent: as long as the
   * issuer's own.
   */
  membership_lifetime_seconds?: number | null;
  /** Which nodes show that they are present: `all`, `none`, or about how many. */
  presence: string;
  /** For how long a node is shown as present after it was last heard of. */
  presence_lifetime_seconds: number;
};

/** How far the node has got with a group. */
export type GroupStatus = "offline" | "connecting" | "listening" | "connected" | "waiting" | "refused";

/** Changes an identity. */
export type IdentityChange = {
  /** The new friendly name; null or empty resets it to the peer name. */
  friendly_name?: string | null;
};

/** An identity of this node, without its secret. */
export type IdentityInfo = {
  /** When it was made. */
  created: string;
  /** Whether it is the one used when none is named. */
  default: boolean;
  /** Shown to people; not unique. */
  friendly_name: string;
  /** In how many groups it is, on this node. */
  groups: number;
  /** Peer name: 40 hex digits, a dot, the classifier. */
  name: string;
  /** Whether its key is kept under a passphrase. */
  protected: boolean;
  /** Ed25519 public key, 64 hex digits. */
  public_key: string;
};

/** An identity of this node with its memberships. */
export type IdentityMemberships = {
  /** Whether it is the one used when none is named. */
  default: boolean;
  /** Shown to people. */
  friendly_name: string;
  /** One per group. */
  memberships: MembershipInfo[];
  /** Peer name. */
  name: string;
  /** The first 128 bits of the SHA-256 of the peer name, 32 hex digits. It selects the identity. */
  p2p_id: string;
};

/** Brings back an exported identity. */
export type ImportRequest = {
  /** The passphrase given at export. */
  passphrase: string;
  /** The export, byte for byte. */
  pem: string;
};

/** What became of the records of a file. */
export type ImportedDatabase = {
  /** Their time was over. */
  expired: number;
  /** The same or newer versions were here already. */
  known: number;
  /** They did not verify, or their signers may not have signed them. */
  refused: number;
  /** They are here now and were not before, or not in this version. */
  stored: number;
};

/** Asks what a group's address says. */
export type InspectAddress = {
  /** The group's address, as URI or text block. */
  address: string;
};

/** Asks what an invitation says. */
export type InspectRequest = {
  /** The invitation, as URI or text block. */
  invitation: string;
};

/** An invitation made here, with its text. */
export type InvitationDetail = {
  /** As it was handed out. */
  invitation: InvitationText;
  /** What became of it. */
  made: InvitationSummary;
};

/** What an invitation says. Reading it needs no identity and proves nothing. */
export type InvitationInfo = {
  /** Addresses of members to try first. */
  bootstrap: string[];
  /** The cloud in which the group is looked up. */
  cloud: string;
  /** The group's peer name. */
  group: string;
  /** The group's friendly name. */
  group_friendly_name: string;
  /** Names the invitation, 16 hex digits; the same wherever it is read. */
  id: string;
  /** Who invites, as a peer name. */
  issuer: string;
  /** Who invites, for people. */
  issuer_friendly_name: string;
  /** A few words from the issuer. */
  note: string;
  /** Roles granted, strongest first. */
  roles: string[];
  /** How far that cloud reaches: `global`, `site-local` or `link-local`. */
  scope: string;
  /** Who is invited, as a peer name. */
  subject: string;
  /** Who is invited, for people. */
  subject_friendly_name: string;
  /** Start of the membership. */
  valid_from: string;
  /** End of the membership. */
  valid_until: string;
};

/** What became of an invitation made here, as far as it is known here. */
export type InvitationState = "open" | "used" | "replaced" | "expired" | "revoked";

/** An invitation made here. */
export type InvitationSummary = {
  /** The group's peer name. */
  group: string;
  /** Names it in commands, 16 hex digits. */
  id: string;
  /** Who is invited, as a peer name. */
  invitee: string;
  /** Who is invited, for people. */
  invitee_friendly_name: string;
  /** When it was made. */
  made: string;
  /** The id of the one made in its place. */
  replaced_by?: string | null;
  /** Roles granted, strongest first. */
  roles: string[];
  /** What became of it. */
  state: InvitationState;
  /** End of the membership. */
  valid_until: string;
};

/** A finished invitation, in its text forms. */
export type InvitationText = {
  /** What it says. */
  info: InvitationInfo;
  /** As a text block. */
  text: string;
  /** On one line, `peerage:invite:…`. */
  uri: string;
};

/** Invites an identity. */
export type InviteRequest = {
  /**
   * Whether the group itself invites, so that the membership hangs on no other; takes the group's
   * key on this node.
   */
  by_group_key?: boolean;
  /** The invitee's identity card, as URI or text block. */
  card: string;
  /**
   * End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
   * Default: the longest the issuer may give.
   */
  expires?: string | null;
  /** A few words for the invitee; everyone who holds the invitation can read them. */
  note?: string | null;
  /** Whether all members are told of the new one at once, and not only when it first connects. */
  publish?: boolean;
  /** `member` (default), `inviting-member` or `admin`. */
  role?: string;
};

/** Makes one of our identities an Admin by the group's key. */
export type IssueAdminRequest = {
  /** Which. Default: the one that has the group's key. */
  identity?: string | null;
};

/** A token, which is shown this once. */
export type IssuedToken = {
  /** The application. */
  name: string;
  /** Sent in the header `Authorization: Bearer …`. The node keeps only its hash. */
  token: string;
};

/** Joins a group. */
export type JoinRequest = {
  /**
   * Where to look for the group, whatever the invitation says: the name of a cloud this node is in,
   * or a unique beginning of it.
   */
  cloud?: string | null;
  /** The invited identity. Default: the default identity. */
  identity?: string | null;
  /** The invitation, as URI or text block. */
  invitation: string;
};

/** Somebody who asks to join. */
export type JoinRequestInfo = {
  /** When it was first asked. */
  asked: string;
  /** Shown to people; chosen by who asks. */
  friendly_name: string;
  /** Who, as a peer name. */
  name: string;
  /** A word to whoever decides; chosen by who asks. */
  note: string;
  /** Ed25519 public key, 64 hex digits. */
  public_key: string;
  /** How it stands: `waiting`, `accepted` or `denied`. */
  standing: string;
};

/** How a node is known to be one of a group's. */
export type KnownAs = "neighbour" | "present" | "remembered";

/** Why a member leaves. */
export type LeaveGroup = {
  /** Why, at most 255 characters; every member can read it. */
  reason?: string;
};

/** How bad it is. */
export type Level = "ok" | "warning" | "problem";

/** Who made a connection. */
export type LinkDirection = "outbound" | "inbound" | "unknown";

/** A member with the whole chain of its membership. */
export type MemberDetail = MemberInfo & {
  /**
   * Who issued whom: first the group's own certificate, last the member's. Each was issued by the
   * one before it.
   */
  chain: ChainLink[];
  /** Peer names of the members whose membership this member issued. */
  invited: string[];
};

/** A member of a group. */
export type MemberInfo = {
  /** Certificates between the group root and this member. */
  depth: number;
  /** Whether the membership has ended. */
  expired: boolean;
  /** Shown to people. */
  friendly_name: string;
  /** Who issued the membership: public key in hex, or a peer name where it is known. */
  issued_by: string;
  /** Whether this is the member on this node. */
  myself: boolean;
  /** Peer name. */
  name: string;
  /** Whether the member is connected to this node now. */
  neighbour: boolean;
  /** Those nodes. */
  nodes: NodeInfo[];
  /** Whether at least one node of the member says that it is online. */
  present: boolean;
  /** Ed25519 public key, 64 hex digits. */
  public_key: string;
  /** Roles, strongest first. */
  roles: string[];
  /** Start of the membership. */
  valid_from: string;
  /** End of the membership. */
  valid_until: string;
};

/** Somebody in the tree. */
export type MemberNode = {
  /** Shown to people. */
  friendly_name: string;
  /** Whom it invited. */
  invited: MemberNode[];
  /** Whether this is the member on this node. */
  myself: boolean;
  /** Peer name. */
  name: string;
  /** Roles, strongest first. */
  roles: string[];
  /** What the membership at this place is worth. */
  standing: Standing;
  /** End of the membership. */
  valid_until: string;
};

/** Who invited whom. */
export type MemberTree = {
  /** Shown to people. */
  friendly_name: string;
  /** The group's peer name; its key stands at the top. */
  group: string;
  /** Whom the group's key issued memberships to: the creator, most often. */
  invited: MemberNode[];
};

/**
 * What an identity's certificate says about its membership in a group. Known also when the group is
 * offline, or the membership is over.
 */
export type MembershipInfo = {
  /**
   * Certificates in the chain, the group's own among them: 2 for the creator, 3 for whom it
   * invited.
   */
  chain_length: number;
  /** The group's friendly name. */
  friendly_name: string;
  /** The group's peer name. */
  name: string;
  /** The first 128 bits of the SHA-256 of the group's peer name, 32 hex digits. It selects the group. */
  p2p_id: string;
  /** Roles, strongest first. */
  roles: string[];
  /** Start of the membership. */
  valid_from: string;
  /** End of the membership. */
  valid_until: string;
  /** What it is worth now. */
  validity: Validity;
};

/** A message that came. */
export type MessageInfo = {
  /** Who sent it, as a peer name. */
  from: string;
  /** On which connection. */
  id: string;
  /** Content, standard base64. */
  payload: string;
  /** Content as text, when it is UTF-8 of at most 64 KiB. */
  payload_text?: string | null;
  /** Its type, UUID text. */
  type: string;
};

/** A member connected to this node now. */
export type NeighbourInfo = {
  /** The remote address of the connection. */
  address?: string | null;
  /** Shown to people. */
  friendly_name: string;
  /** The member's peer name. */
  member: string;
  /** The node's libp2p peer id. */
  peer_id: string;
  /** Since when. */
  since: string;
};

/** Registers an application. */
export type NewApplication = {
  /** The only groups it may use, each by any of its names. Default: all. */
  groups?: string[];
  /** The only identities it may act as. Default: all. */
  identities?: string[];
  /** 1 to 64 characters: lower-case letters, digits, `-`, `_` and `.`; begins with a letter. */
  name: string;
  /** How much it may use. */
  quotas?: Quotas;
  /** What it may do; at least one. */
  scopes: Scope[];
};

/** What an application chooses about a new group. */
export type NewGroup = {
  /** Ends the group's peer name, after the dot. 0 to 149 characters; default: empty. */
  classifier?: string | null;
  /**
   * Where the group is looked up: the name of a cloud this node is in, or a unique beginning of it.
   * Default: `Global_`.
   */
  cloud?: string | null;
  /** What the group is for. Up to 255 characters. */
  comment?: string | null;
  door?: DoorRequest | null;
  /** Shown to people. Up to 255 characters; default: the group's peer name. */
  friendly_name?: string | null;
  /**
   * The creator, as a peer name, a unique prefix of one, or a unique friendly name.
   * Default: the default identity.
   */
  identity?: string | null;
};

/** What an application chooses about a new identity. */
export type NewIdentity = {
  /** Ends the peer name, after the dot. 0 to 149 characters; default: empty. */
  classifier?: string | null;
  /** Shown to people. Up to 255 characters; default: the peer name. */
  friendly_name?: string | null;
};

/** A node of a member that is present, or this one. */
export type NodeInfo = {
  /** Where the node listens. */
  addresses: string[];
  /** What an application there says about it. */
  attributes?: string | null;
  /** Whether it is this node. */
  local: boolean;
  /** The member's peer name. */
  member: string;
  /** The node's libp2p peer id. */
  peer_id: string;
  /** Since when it has been present; absent when it does not say that it is. */
  since?: string | null;
};

/** The node as a whole. */
export type NodeStatus = {
  /** The data folder. */
  data_dir: string;
  /** Addresses under which others are told to find it. */
  external: string[];
  /** Groups kept here. */
  groups: GroupInfo[];
  /** Identities kept here. */
  identities: number;
  /** Those identities. */
  identity_list: IdentityInfo[];
  /**
   * When another node was last seen with this node's key, if ever since the start: the data folder, or
   * a backup of it, is in use on another machine.
   */
  key_used_elsewhere?: string | null;
  /** Addresses the node listens on, with the ports really taken. */
  listen: string[];
  /** The node's libp2p peer id. */
  peer_id: string;
  /** When the node started. */
  started: string;
  /** Seconds since the start. */
  uptime_seconds: number;
  /** Version of the software. */
  version: string;
  /** What is wrong, as far as the node sees it without asking anybody; `GET /v1/doctor` looks closer. */
  warnings: Finding[];
};

/** Opens a direct connection. */
export type OpenDirect = {
  /** Where it is. Default: looked up among the neighbours and the nodes that are present. */
  address?: string | null;
  /**
   * Peer name of the member, a unique start of it, its public key, or a friendly name that stands
   * for nobody else.
   */
  member: string;
  /** What it carries. */
  mode?: ConnectionMode;
  /** The peer id of one of its nodes. Default: any that is known. */
  node?: string | null;
  /** Answer once it is known what came of it. Default: answer at once. */
  wait?: boolean;
};

/** A result code of the original Peer Infrastructure, and what stands for it here. */
export type OriginalInfo = {
  /** The errors of ours that stand for it. */
  errors: string[];
  /** The same as its headers write it. */
  hex: string;
  /** Where it is no error here: how an answer says so, or why it cannot come to that. */
  instead?: string;
  /** What it means. */
  meaning: string;
  /** What its headers call it. */
  name: string;
  /** An HRESULT without a sign. */
  number: number;
  /** Whether it is a success, with something to tell. */
  success: boolean;
};

/** A success with something to tell: what was asked for was so already. */
export type Outcome = "already_connected" | "already_a_member";

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_ApplicationInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_AuditEntry = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_ConnectionInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_GroupInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_IdentityInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_IdentityMemberships = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_InvitationSummary = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_JoinRequestInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_MemberInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_NeighbourInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_NodeInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/**
 * Part of a list.
 *
 * Pages are cut by what an item is, not by how many came before it: what is added or removed between
 * two pages is given or not, and everything else exactly once.
 */
export type Page_RecordInfo = {
  /** The items, in the order of the list. */
  items: Record<string, unknown>[];
  /** Give this as `cursor` to get the next page; absent on the last one. */
  next?: string;
};

/** A node that was asked whether it is there. */
export type Participant = {
  /** The addresses tried. */
  addresses: string[];
  /** The address that answered. */
  answered_at?: string | null;
  /** Why there was no answer. */
  failure?: string | null;
  /** How it is known here. */
  known_as: KnownAs;
  /** Its member's peer name, where it is known. */
  member?: string | null;
  /** The node's libp2p peer id, which it proved if it answered. */
  peer_id: string;
  /** How long a new connection took, in microseconds. */
  took_us?: number | null;
};

/** Which participants of a group answer. */
export type PingReport = {
  /**
   * Whether a participant answered: a neighbour, or a node that says it is present. That a remembered
   * node answers says only that it runs.
   */
  found: boolean;
  /** The group's peer name. */
  group: string;
  /** Who was asked; none when nobody is known. */
  participants: Participant[];
};

/** Where an event stands in the one order of its group: the number of a record event, or that of the last one before and a second number that rises */
export type Position = string;

/** Says something of this node in a group, or shows it. What is absent stays. */
export type PresenceRequest = {
  /** What the other members are told about this node, up to 1024 bytes; empty: nothing. */
  attributes?: string | null;
  /** Shows this node whatever the group's policy, until the node ends; false: goes by the policy. */
  forced?: boolean | null;
};

/** An error as `application/problem+json` (RFC 9457), with fields of our own. */
export type Problem = {
  /** What went wrong, for programs; stable. */
  code: string;
  /** What went wrong, for people. */
  detail: string;
  /** What to do about it. */
  kind: ErrorKind;
  /** What to try next. */
  next_step: string;
  /** The original Peer Infrastructure's name for it, if it had one. */
  original?: string;
  /** The original's number for it, an HRESULT without a sign. */
  original_number?: number;
  /**
   * After how many seconds it is worth asking again, as in the header `Retry-After`; absent where that
   * does not help.
   */
  retry_after_seconds?: number;
  /** The HTTP status. */
  status: number;
  /** What the kind of error means, in a few words. */
  title: string;
  /** `urn:peerage:error:` and the code. */
  type: string;
};

/** How much an application may use of the node. What is absent has its default. */
export type Quotas = {
  /** Bytes of requests that publish something, per minute. 256 KiB to 1 GiB; default: 16 MiB. */
  bytes_per_minute?: number;
  /** Requests being answered at once. 1 to 64; default: 16. */
  concurrent_requests?: number;
  /** Groups held open at once. 1 to 256; default: 16. */
  groups?: number;
  /** Requests per second, twice as many at once. 1 to 10 000; default: 100. */
  requests_per_second?: number;
  /** Streams at once, of events and direct connections; the session is not counted. 1 to 64; default: 8. */
  streams?: number;
};

/** Changes a record. What is absent stays. */
export type RecordChange = {
  /** All named values, replacing the earlier ones. */
  attributes?: AttributeInfo[] | null;
  /** A later expiry: an RFC 3339 instant or a duration from now. */
  expires?: string | null;
  /** Content, standard base64. */
  payload?: string | null;
  /** Content as text, instead of `payload`. */
  payload_text?: string | null;
};

/** A record, decoded. */
export type RecordInfo = {
  /** Named values other members can search for. */
  attributes: AttributeInfo[];
  /** When it was made. */
  created: string;
  /** Who made it: public key, 64 hex digits. */
  creator: string;
  /** When it lapses. */
  expires: string;
  /** Record id, UUID text. */
  id: string;
  /** When it was changed last. */
  modified: string;
  /** Who changed it last: public key, 64 hex digits. */
  modifier?: string | null;
  /** Content, standard base64. */
  payload: string;
  /** Content as text, when it is UTF-8. */
  payload_text?: string | null;
  /** Record type, UUID text. */
  type: string;
  /** 1 for a new record, one more with each update. */
  version: number;
};

/** Publishes a record. */
export type RecordPut = {
  /** Named values other members can search for. */
  attributes?: AttributeInfo[];
  /** When it lapses: an RFC 3339 instant or a duration from now. Default: 28 days. */
  expires?: string | null;
  /** Content, standard base64. Together with the attributes at most 48 KiB. */
  payload?: string | null;
  /** Content as text, instead of `payload`. */
  payload_text?: string | null;
  /** Record type: UUID text or a readable name, which always gives the same UUID. */
  type: string;
};

/** Takes in a group's key. */
export type RecoverRequest = {
  /** Who gets it. Default: the identity that is in the group, else the default identity. */
  identity?: string | null;
  /** The passphrase given at export. */
  passphrase: string;
  /** The recovery file, byte for byte. */
  pem: string;
};

/** A group's key, encrypted, and how to find the group. */
export type RecoveryFile = {
  /** Encrypted PKCS#8 key, certificate, and the group's whereabouts, PEM. */
  pem: string;
};

/** Makes an invitation again for the same identity. */
export type ReissueRequest = {
  /**
   * End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
   * Default: as long as the first time.
   */
  expires?: string | null;
  /** A few words for the invitee. Default: those of the first time. */
  note?: string | null;
};

/** How far the removals decided so far have got. */
export type RemovalProgress = {
  /**
   * Peer names of members that are not online: they apply them when they come back, before
   * anything else.
   */
  absent: string[];
  /** Members all of whose nodes that are online have applied the same removals as this node. */
  applied: number;
  /** Members, this one included. */
  members: number;
  /** Peer names of members that are online and have not said so yet. */
  pending: string[];
};

/** How a member is removed. */
export type RemoveMember = {
  /** Whether the group's key decides, which alone removes the creator. */
  by_group_key?: boolean;
  /** Whether those go too whom the member let in, and so on. */
  cascade?: boolean;
  /** Why, at most 255 characters; every member can read it. */
  reason?: string;
  /** Whether the member's records go too. */
  with_records?: boolean;
};

/** What a member's newer credential says. */
export type RenewMember = {
  /**
   * When it ends: a duration such as `30d`, or an instant. Default: as long from now as the present
   * one lasted, but not after the issuer's own.
   */
  expires?: string | null;
  /** `admin`, `inviting-member` or `member`. Default: the role it has. */
  role?: string | null;
};

/** Something an application may be allowed; what is not named is denied. */
export type Scope = "read" | "write" | "online" | "direct" | "members" | "groups" | "identities" | "node";

/** A message to be sent. */
export type SendDirect = {
  /** Content, standard base64. */
  payload?: string | null;
  /** Content as text, in place of `payload`. */
  payload_text?: string | null;
  /** Its type: a name or a UUID. */
  type: string;
};

/** What a session says. */
export type SessionEvent = {
  /** The application's name. */
  application: string;
  /** What happened. */
  kind: SessionEventKind;
  /** Why it ended. */
  reason?: string | null;
};

/** What happens to a session. */
export type SessionEventKind = "attached" | "ended";

/** What a membership at one place of the tree is worth. */
export type Standing = "member" | "expired" | "elsewhere" | "unknown";

/** What a membership is worth at the moment. */
export type Validity = "valid" | "expired" | "not_yet_valid" | "revoked";

/** Joins a group by its address: with its password, or by asking. */
export type VisitRequest = {
  /** The group's address, as URI or text block. */
  address: string;
  /** Who joins. Default: the default identity. */
  identity?: string | null;
  /** A word to whoever decides about the request, at most 255 characters. */
  note?: string | null;
  /** The group's password; without one, a request to join is made. */
  password?: string | null;
};

/** Every operation with its method and path, streams and sockets among them. */
export const OPERATIONS: {
  readonly applications_current: readonly [string, string];
  readonly applications_list: readonly [string, string];
  readonly applications_register: readonly [string, string];
  readonly applications_renew: readonly [string, string];
  readonly applications_revoke: readonly [string, string];
  readonly applications_session: readonly [string, string];
  readonly applications_show: readonly [string, string];
  readonly direct_accept: readonly [string, string];
  readonly direct_close: readonly [string, string];
  readonly direct_list: readonly [string, string];
  readonly direct_listen: readonly [string, string];
  readonly direct_open: readonly [string, string];
  readonly direct_send: readonly [string, string];
  readonly direct_show: readonly [string, string];
  readonly direct_socket: readonly [string, string];
  readonly doors_accept: readonly [string, string];
  readonly doors_address: readonly [string, string];
  readonly doors_close: readonly [string, string];
  readonly doors_deny: readonly [string, string];
  readonly doors_inspect: readonly [string, string];
  readonly doors_open: readonly [string, string];
  readonly doors_requests: readonly [string, string];
  readonly doors_show: readonly [string, string];
  readonly doors_visit: readonly [string, string];
  readonly errors_list: readonly [string, string];
  readonly errors_show: readonly [string, string];
  readonly events_acknowledge: readonly [string, string];
  readonly events_consumers: readonly [string, string];
  readonly events_events: readonly [string, string];
  readonly events_remove_consumer: readonly [string, string];
  readonly group_key_admin: readonly [string, string];
  readonly group_key_export: readonly [string, string];
  readonly group_key_import: readonly [string, string];
  readonly groups_change: readonly [string, string];
  readonly groups_close: readonly [string, string];
  readonly groups_connect: readonly [string, string];
  readonly groups_connect_at: readonly [string, string];
  readonly groups_create: readonly [string, string];
  readonly groups_delete: readonly [string, string];
  readonly groups_fingerprint: readonly [string, string];
  readonly groups_graph: readonly [string, string];
  readonly groups_join: readonly [string, string];
  readonly groups_leave: readonly [string, string];
  readonly groups_list: readonly [string, string];
  readonly groups_neighbours: readonly [string, string];
  readonly groups_node: readonly [string, string];
  readonly groups_nodes: readonly [string, string];
  readonly groups_open: readonly [string, string];
  readonly groups_ping: readonly [string, string];
  readonly groups_presence: readonly [string, string];
  readonly groups_show: readonly [string, string];
  readonly groups_show_properties: readonly [string, string];
  readonly identities_card: readonly [string, string];
  readonly identities_change: readonly [string, string];
  readonly identities_create: readonly [string, string];
  readonly identities_default: readonly [string, string];
  readonly identities_default_card: readonly [string, string];
  readonly identities_delete: readonly [string, string];
  readonly identities_export: readonly [string, string];
  readonly identities_import: readonly [string, string];
  readonly identities_list: readonly [string, string];
  readonly identities_memberships: readonly [string, string];
  readonly identities_show: readonly [string, string];
  readonly invitations_create: readonly [string, string];
  readonly invitations_inspect: readonly [string, string];
  readonly invitations_list: readonly [string, string];
  readonly invitations_reissue: readonly [string, string];
  readonly invitations_revoke: readonly [string, string];
  readonly invitations_show: readonly [string, string];
  readonly members_audit: readonly [string, string];
  readonly members_audit_file: readonly [string, string];
  readonly members_list: readonly [string, string];
  readonly members_progress: readonly [string, string];
  readonly members_remove: readonly [string, string];
  readonly members_renew: readonly [string, string];
  readonly members_show: readonly [string, string];
  readonly members_tree: readonly [string, string];
  readonly node_doctor: readonly [string, string];
  readonly node_document: readonly [string, string];
  readonly node_metrics: readonly [string, string];
  readonly node_shutdown: readonly [string, string];
  readonly node_status: readonly [string, string];
  readonly portable_backup: readonly [string, string];
  readonly portable_export_config: readonly [string, string];
  readonly portable_export_database: readonly [string, string];
  readonly portable_import_config: readonly [string, string];
  readonly portable_import_database: readonly [string, string];
  readonly portable_settle: readonly [string, string];
  readonly records_delete: readonly [string, string];
  readonly records_get: readonly [string, string];
  readonly records_list: readonly [string, string];
  readonly records_publish: readonly [string, string];
  readonly records_update: readonly [string, string];
};

/** The path of an operation. */
export function pathOf(operation: keyof typeof OPERATIONS, names?: Record<string, string>): string;

/** The requests; `Client` carries them out. */
export abstract class Operations {
  /** Who this request is from, and what it may do */
  applicationsCurrent(): Promise<CallerInfo>;
  /** All applications, by name */
  applicationsList(options?: { cursor?: string; limit?: number }): Promise<Page_ApplicationInfo>;
  /** Register an application; the answer is the only place where its token is shown */
  applicationsRegister(body: NewApplication): Promise<IssuedToken>;
  /** Give an application a new token; the earlier one is of no use from now on */
  applicationsRenew(name: string): Promise<IssuedToken>;
  /** Revoke an application: its token is of no use from now on, and what it has begun ends */
  applicationsRevoke(name: string): Promise<void>;
  /** One application */
  applicationsShow(name: string): Promise<ApplicationInfo>;
  /** Close a direct connection; what was sent still arrives */
  directClose(group: string, id: string, options?: { identity?: string }): Promise<void>;
  /** Open connections to other members' nodes, by id */
  directList(group: string, options?: { identity?: string; kind?: "direct" | "neighbour" | "all"; cursor?: string; limit?: number }): Promise<Page_ConnectionInfo>;
  /**
   * Open a direct connection to a member
   *
   * Answers at once with the connection's id; what comes of it is told to listeners and in the group's
   * events. With `wait` it answers when that is known: with the connection, or with an error.
   */
  directOpen(group: string, body: OpenDirect, options?: { identity?: string }): Promise<DirectOpening>;
  /**
   * Send a message on a direct connection, or to a neighbour
   *
   * Answers when the network has the message. Larger ones, up to 16 MiB, go over the connection's socket.
   */
  directSend(group: string, id: string, body: SendDirect, options?: { identity?: string }): Promise<void>;
  /** One open connection */
  directShow(group: string, id: string, options?: { identity?: string }): Promise<ConnectionInfo>;
  /** Accept a request to join */
  doorsAccept(group: string, who: string, body: AcceptRequest, options?: { identity?: string }): Promise<JoinRequestInfo>;
  /** A group's address, for people who may come to its door */
  doorsAddress(group: string, options?: { identity?: string }): Promise<AddressText>;
  /** Close a group's door; addresses given out before are of no use any more */
  doorsClose(group: string, options?: { identity?: string }): Promise<DoorInfo>;
  /** Deny a request to join; who asked gets no answer any more */
  doorsDeny(group: string, who: string, options?: { identity?: string }): Promise<JoinRequestInfo>;
  /** What a group's address says; nothing is joined */
  doorsInspect(body: InspectAddress): Promise<AddressInfo>;
  /** Open a group's door, or change whom it lets in */
  doorsOpen(group: string, body: DoorRequest, options?: { identity?: string }): Promise<DoorInfo>;
  /** Who has asked this node to join, the first first */
  doorsRequests(group: string, options?: { identity?: string; cursor?: string; limit?: number }): Promise<Page_JoinRequestInfo>;
  /** Whom a group's door lets in */
  doorsShow(group: string, options?: { identity?: string }): Promise<DoorInfo>;
  /** Join a group by its address, with its password or by asking; it is offline until it is connected */
  doorsVisit(body: VisitRequest, options?: { idempotencyKey?: string }): Promise<GroupInfo>;
  /** Every error there is, with the original's codes and the exit codes */
  errorsList(): Promise<Explanation>;
  /** What one error means, known by its code, the original's name or number, or an exit code */
  errorsShow(code: string): Promise<Explanation>;
  /**
   * Acknowledge events: a consumer's next stream begins after them
   *
   * They are acknowledged durably when the answer comes. Acknowledging less than before changes nothing.
   */
  eventsAcknowledge(group: string, body: AckRequest, options?: { identity?: string }): Promise<ConsumerInfo>;
  /** The consumers whose cursors are kept in a group, those of the application that asks */
  eventsConsumers(group: string, options?: { identity?: string }): Promise<ConsumerInfo[]>;
  /** Forget a consumer; streams that were opened with it go on */
  eventsRemoveConsumer(group: string, consumer: string, options?: { identity?: string }): Promise<void>;
  /** Make one of our identities an Admin directly under the group's key */
  groupKeyAdmin(group: string, body: IssueAdminRequest, options?: { identity?: string }): Promise<GroupInfo>;
  /** The group's key, encrypted, with what it takes to find the group */
  groupKeyExport(group: string, body: ExportRequest, options?: { identity?: string }): Promise<RecoveryFile>;
  /** Take in a group's key from its recovery file */
  groupKeyImport(body: RecoverRequest, options?: { idempotencyKey?: string }): Promise<GroupInfo>;
  /** Change them; the creator alone may */
  groupsChange(group: string, body: GroupChange, options?: { identity?: string }): Promise<GroupProperties>;
  /**
   * Go offline with a group
   *
   * An application lets go of it: the group stays online while anybody else holds it.
   */
  groupsClose(group: string, options?: { identity?: string }): Promise<GroupInfo>;
  /**
   * Go online with a group, or to the door of one we are not a member of yet
   *
   * The operator's wish holds over restarts; an application's as long as it holds the group.
   */
  groupsConnect(group: string, options?: { identity?: string }): Promise<GroupInfo>;
  /**
   * Go online with a group and connect to a member at one of these addresses
   *
   * Answers once a member there is a neighbour; with an error when none becomes one. The group stays online either way.
   */
  groupsConnectAt(group: string, body: ConnectRequest, options?: { identity?: string }): Promise<NeighbourInfo>;
  /** Make a group; it is offline until it is connected */
  groupsCreate(body: NewGroup, options?: { idempotencyKey?: string }): Promise<GroupInfo>;
  /** Delete the membership and this node's copy of the records */
  groupsDelete(group: string, options?: { identity?: string }): Promise<void>;
  /** A digest over everything held; equal on members that are in line */
  groupsFingerprint(group: string, options?: { identity?: string }): Promise<FingerprintInfo>;
  /** Nodes of the group's members, and this node's links with them */
  groupsGraph(group: string, options?: { identity?: string }): Promise<GroupGraph>;
  /** Join a group with an invitation; it is offline until it is connected */
  groupsJoin(body: JoinRequest, options?: { idempotencyKey?: string }): Promise<GroupInfo>;
  /** Leave a group for good; this node's copy of the records stays until it is deleted */
  groupsLeave(group: string, body: LeaveGroup, options?: { identity?: string }): Promise<GroupInfo>;
  /** All groups, by peer name */
  groupsList(options?: { cursor?: string; limit?: number }): Promise<Page_GroupInfo>;
  /** Members connected to this node now */
  groupsNeighbours(group: string, options?: { identity?: string; cursor?: string; limit?: number }): Promise<Page_NeighbourInfo>;
  /** One node */
  groupsNode(group: string, peerId: string, options?: { identity?: string }): Promise<NodeInfo>;
  /** The nodes that are present, our own first */
  groupsNodes(group: string, options?: { identity?: string; member?: string; cursor?: string; limit?: number }): Promise<Page_NodeInfo>;
  /**
   * Open a group without connecting
   *
   * An application holds it until it closes it or its session ends; it is online at once if the group is.
   */
  groupsOpen(group: string, options?: { identity?: string }): Promise<GroupInfo>;
  /** Ask the participants of a group that are known here whether they are there */
  groupsPing(group: string, options?: { identity?: string }): Promise<PingReport>;
  /** Say something about this node in a group, or show it whatever the policy */
  groupsPresence(group: string, body: PresenceRequest, options?: { identity?: string }): Promise<NodeInfo>;
  /** One group */
  groupsShow(group: string, options?: { identity?: string }): Promise<GroupInfo>;
  /** What the group's creator says about it */
  groupsShowProperties(group: string, options?: { identity?: string }): Promise<GroupProperties>;
  /** The card of an identity, for whoever invites it */
  identitiesCard(name: string): Promise<CardText>;
  /** Change the friendly name */
  identitiesChange(name: string, body: IdentityChange): Promise<IdentityInfo>;
  /** Make an identity */
  identitiesCreate(body: NewIdentity, options?: { idempotencyKey?: string }): Promise<IdentityInfo>;
  /** The identity used when none is named */
  identitiesDefault(): Promise<IdentityInfo>;
  /** The card of the identity used when none is named */
  identitiesDefaultCard(): Promise<CardText>;
  /** Delete an identity for ever; it must be in no group */
  identitiesDelete(name: string): Promise<void>;
  /** An identity with its secret key, encrypted */
  identitiesExport(name: string, body: ExportRequest): Promise<ExportedIdentity>;
  /** Bring back an exported identity */
  identitiesImport(body: ImportRequest, options?: { idempotencyKey?: string }): Promise<IdentityInfo>;
  /** All identities, by peer name */
  identitiesList(options?: { cursor?: string; limit?: number }): Promise<Page_IdentityInfo>;
  /** Identities with their memberships, also those of groups that are offline or that are over */
  identitiesMemberships(options?: { expired?: boolean; cursor?: string; limit?: number }): Promise<Page_IdentityMemberships>;
  /** One identity */
  identitiesShow(name: string): Promise<IdentityInfo>;
  /** Invite an identity, known by its card */
  invitationsCreate(group: string, body: InviteRequest, options?: { identity?: string; idempotencyKey?: string }): Promise<InvitationText>;
  /** What an invitation says; nothing is joined */
  invitationsInspect(body: InspectRequest): Promise<InvitationInfo>;
  /** Invitations made here, the oldest first, with what became of them */
  invitationsList(group: string, options?: { identity?: string; cursor?: string; limit?: number }): Promise<Page_InvitationSummary>;
  /** Invite the same identity anew; the new credential wins over the first */
  invitationsReissue(id: string, body: ReissueRequest, options?: { idempotencyKey?: string }): Promise<InvitationText>;
  /** Revoke an invitation that was not used */
  invitationsRevoke(id: string): Promise<InvitationSummary>;
  /** One invitation made here */
  invitationsShow(id: string): Promise<InvitationDetail>;
  /** Who invited, promoted, renewed or removed whom, when, and on whose authority; the oldest first */
  membersAudit(group: string, options?: { identity?: string; cursor?: string; limit?: number }): Promise<Page_AuditEntry>;
  /** The signed records behind the audit, as a file that anybody can verify offline */
  membersAuditFile(group: string, options?: { identity?: string }): Promise<AuditFile>;
  /** Members of a group, this node's first, then by peer name */
  membersList(group: string, options?: { identity?: string; present?: boolean; member?: string; cursor?: string; limit?: number }): Promise<Page_MemberInfo>;
  /** How far the removals decided so far have got */
  membersProgress(group: string, options?: { identity?: string }): Promise<RemovalProgress>;
  /** Remove a member: its credentials are void everywhere, its links are cut */
  membersRemove(group: string, member: string, body: RemoveMember, options?: { identity?: string }): Promise<RemovalProgress>;
  /** Give a member a newer credential: renewed, or with another role */
  membersRenew(group: string, member: string, body: RenewMember, options?: { identity?: string; idempotencyKey?: string }): Promise<MemberDetail>;
  /** One member, with who issued its membership and on whose authority */
  membersShow(group: string, member: string, options?: { identity?: string }): Promise<MemberDetail>;
  /** Who invited whom */
  membersTree(group: string, options?: { identity?: string }): Promise<MemberTree>;
  /** What is wrong, and what to do next; dials the nodes the cloud is entered through */
  nodeDoctor(): Promise<DoctorReport>;
  /** This description */
  nodeDocument(): Promise<Record<string, unknown>>;
  /** Counters, for Prometheus */
  nodeMetrics(): Promise<string>;
  /** Stop the node */
  nodeShutdown(): Promise<void>;
  /** The node, its addresses and its groups */
  nodeStatus(): Promise<NodeStatus>;
  /**
   * A backup of the whole node, encrypted
   *
   * The answer is the file. If it breaks off, something went wrong and what came is of no use.
   */
  portableBackup(body: ExportRequest): Promise<Uint8Array>;
  /** A group's configuration, encrypted, to use the group on another machine */
  portableExportConfig(group: string, body: ExportRequest, options?: { identity?: string }): Promise<GroupConfigFile>;
  /**
   * A group's records as a file
   *
   * The answer is the file. If it breaks off, something went wrong and what came is of no use.
   */
  portableExportDatabase(group: string, options?: { identity?: string }): Promise<Uint8Array>;
  /** Take in a group's configuration that was exported on another machine */
  portableImportConfig(body: GroupConfigRequest, options?: { idempotencyKey?: string }): Promise<GroupInfo>;
  /** Take in a group's records from a file; the group must be offline */
  portableImportDatabase(group: string, body: Uint8Array, options?: { identity?: string }): Promise<ImportedDatabase>;
  /** Go on with a group that was restored from a backup, without having met another member */
  portableSettle(group: string, options?: { identity?: string }): Promise<GroupInfo>;
  /** Delete a record, at every member */
  recordsDelete(group: string, id: string, options?: { identity?: string }): Promise<void>;
  /** One record */
  recordsGet(group: string, id: string, options?: { identity?: string }): Promise<RecordInfo>;
  /** Records of a group, by id */
  recordsList(group: string, options?: { identity?: string; type?: string; cursor?: string; limit?: number }): Promise<Page_RecordInfo>;
  /** Publish a record; it is durable on this node when the answer comes */
  recordsPublish(group: string, body: RecordPut, options?: { identity?: string; idempotencyKey?: string }): Promise<RecordInfo>;
  /** Change a record; what is absent stays */
  recordsUpdate(group: string, id: string, body: RecordChange, options?: { identity?: string }): Promise<RecordInfo>;
}
