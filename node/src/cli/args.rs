//! The command line: every command, option and example.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use libp2p::Multiaddr;

use super::values::{AttributeArg, CodeParser, Lifetime};

mod app;
mod backup;
mod direct;
mod events;
mod group_key;
mod inspection;
mod invite;
mod member;
mod portable;
mod standing;

pub use self::{
    app::{AppCommand, RegisterArgs},
    backup::BackupCommand,
    direct::{DirectCommand, KindArg, PipeArgs},
    events::{ConsumersCommand, EventsCommand, TailArgs},
    group_key::GroupKeyCommand,
    inspection::{DoctorArgs, GraphCommand, GraphFormat, StatusArgs},
    invite::{Forms, InvitationForm, InviteCommand, RoleArg},
    member::MemberCommand,
    portable::{DatabaseCommand, GroupExportArgs, GroupImportArgs},
    standing::{AuditArgs, AuditCommand, RemoveArgs},
};

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  a fault of ours
  2  the input must be changed
  3  what was named does not exist
  4  not allowed
  5  contradicts what exists
  6  the daemon, a port, the disk or another need is missing
  7  may succeed later
  8  a file is damaged

Start with:
  peerage up                                   run the node (leave it running)
  peerage id new --friendly-name Ada           make an identity
  peerage group create --friendly-name Chess   make a group
  peerage invite create --card ben.card        invite Ben, who sent you his card";

/// Invite-only groups, peer to peer: no server, verified members, shared records.
#[derive(Debug, Parser)]
#[command(name = "peerage", version, after_help = EXIT_CODES, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Folder of everything the node keeps [default: $XDG_DATA_HOME/peerage or ~/.local/share/peerage] [env: PEERAGE_DATA_DIR]
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "FOLDER"
    )]
    pub data_dir: Option<PathBuf>,
    /// Unix socket of the local API [default: api.sock in the data folder] [env: PEERAGE_SOCKET]
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "FILE"
    )]
    pub socket: Option<PathBuf>,
    /// Configuration file [default: ~/.config/peerage/peerage.toml, if it exists] [env: PEERAGE_CONFIG]
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,
    /// Answer in JSON, errors too
    #[arg(long, global = true, help_heading = "For every command")]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the node until it is stopped
    Up(UpArgs),
    /// Stop the running node
    #[command(after_help = "Example:\n  peerage down")]
    Down,
    /// Show the node, its addresses, its groups, and what is wrong
    Status(StatusArgs),
    /// Find out what is wrong, and what to do next
    Doctor(DoctorArgs),
    /// Identities: who you are
    #[command(subcommand)]
    Id(IdCommand),
    /// Groups: where you are a member
    #[command(subcommand)]
    Group(GroupCommand),
    /// How a group hangs together
    #[command(subcommand)]
    Graph(GraphCommand),
    /// Invitations: make them, inspect them, and keep track of them
    #[command(subcommand, visible_alias = "invitation")]
    Invite(InviteCommand),
    /// Join a group with an invitation
    #[command(
        after_help = "Examples:\n  peerage join ben.invite --connect\n  peerage join 'peerage:invite:…'\n  peerage join - < ben.invite"
    )]
    Join(JoinArgs),
    /// Requests to join a group, at this node
    #[command(subcommand)]
    Requests(RequestsCommand),
    /// Members of a group
    #[command(subcommand)]
    Member(MemberCommand),
    /// Show who invited, promoted, renewed or removed whom, when, and on whose authority
    #[command(
        after_help = "Examples:\n  peerage audit --group Chess\n  peerage audit --group Chess --export chess.audit\n  peerage audit verify chess.audit"
    )]
    Audit(AuditArgs),
    /// Applications: who may use this node beside you
    #[command(subcommand)]
    App(AppCommand),
    /// Records: what the members of a group share
    #[command(subcommand)]
    Record(RecordCommand),
    /// Direct connections: messages and bytes for one member alone
    #[command(subcommand)]
    Direct(DirectCommand),
    /// Events: what happens in a group
    #[command(subcommand)]
    Events(EventsCommand),
    /// Backups of the whole node
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Explain an error or an exit code; needs no daemon
    #[command(
        after_help = "Examples:\n  peerage explain group_not_found\n  peerage explain PEER_E_NOT_AUTHORIZED\n  peerage explain 0x80630109\n  peerage explain exit 4\n  peerage explain --list"
    )]
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  peerage completions bash > ~/.local/share/bash-completion/completions/peerage"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `peerage explain`
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// A code, a name or number of the original Peer Infrastructure's, or exit and a number
    #[arg(value_parser = CodeParser, hide_possible_values = true, allow_negative_numbers = true)]
    pub code: Vec<String>,
    /// List all of them
    #[arg(long, conflicts_with = "code")]
    pub list: bool,
}

/// `peerage up`
#[derive(Debug, Clone, Default, Args)]
#[command(
    after_help = "Examples:\n  peerage up\n  peerage --data-dir /tmp/ada up --listen /ip4/127.0.0.1/udp/0/quic-v1\n\nThe passphrase of protected identities comes from PEERAGE_PASSPHRASE or passphrase_file, else it is asked for."
)]
pub struct UpArgs {
    /// Address to listen on; may be repeated [default: UDP port 3587 on every address] [env: PEERAGE_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<Multiaddr>,
    /// Address of a node to enter the cloud through; may be repeated [env: PEERAGE_BOOTSTRAP]
    #[arg(long, value_name = "ADDRESS")]
    pub bootstrap: Vec<Multiaddr>,
    /// Address under which others reach this node, such as a forwarded port; may be repeated [env: PEERAGE_EXTERNAL]
    #[arg(long, value_name = "ADDRESS")]
    pub external: Vec<Multiaddr>,
    /// Loopback address of the local API, besides its socket, such as 127.0.0.1:3588 [env: PEERAGE_API_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    pub api_listen: Option<SocketAddr>,
    /// File whose first line is the passphrase of the identities [env: PEERAGE_PASSPHRASE_FILE]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// What to log, such as debug or warn,peerage=debug [env: PEERAGE_LOG]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// How a log line looks: text or json [env: PEERAGE_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormatArg>,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatArg {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// `peerage id …`
#[derive(Debug, Subcommand)]
pub enum IdCommand {
    /// Make an identity
    #[command(after_help = "Example:\n  peerage id new --friendly-name Ada")]
    New {
        /// Ends the peer name, after the dot
        #[arg(long)]
        classifier: Option<String>,
        /// Shown to people [default: the peer name]
        #[arg(long, value_name = "NAME")]
        friendly_name: Option<String>,
    },
    /// List the identities
    #[command(
        after_help = "Examples:\n  peerage id ls\n  peerage id ls --groups\n  peerage id ls --expired"
    )]
    Ls {
        /// With the memberships of each: P2P ids, length of the chain, validity
        #[arg(long)]
        groups: bool,
        /// With those memberships only that are over
        #[arg(long)]
        expired: bool,
    },
    /// Show one identity
    #[command(after_help = "Example:\n  peerage id show Ada")]
    Show {
        /// Peer name, a unique start of it, or the friendly name [default: the default identity]
        name: Option<String>,
    },
    /// Print the identity card, to be given to whoever invites you
    #[command(after_help = "Examples:\n  peerage id card --out ada.card\n  peerage id card --uri")]
    Card {
        /// Peer name, a unique start of it, or the friendly name [default: the default identity]
        name: Option<String>,
        /// On one line instead of as a text block
        #[arg(long)]
        uri: bool,
        /// Write to this file instead of the terminal; it is never overwritten
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Change the friendly name; without a new one, reset it to the peer name
    #[command(after_help = "Example:\n  peerage id rename Ada 'Ada L.'")]
    Rename {
        /// Peer name, a unique start of it, or the friendly name
        name: String,
        /// The new friendly name
        friendly_name: Option<String>,
    },
    /// Write an identity with its secret key, encrypted, to a file
    #[command(
        after_help = "Example:\n  peerage id export Ada --out ada.pem\n\nThe passphrase of the export is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Export {
        /// Peer name, a unique start of it, or the friendly name
        name: String,
        /// The file; made for its owner alone, never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File whose first line is the passphrase of the export
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Bring back an exported identity
    #[command(
        after_help = "Example:\n  peerage id import ada.pem\n\nThe passphrase of the export is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Import {
        /// The exported file, or - for standard input
        file: PathBuf,
        /// File whose first line is the passphrase of the export
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Delete an identity for ever; its groups must be deleted first
    #[command(after_help = "Example:\n  peerage id rm Ada")]
    Rm {
        /// Peer name, a unique start of it, or the friendly name
        name: String,
    },
}

/// Which group, and as which identity.
#[derive(Debug, Clone, Default, Args)]
pub struct GroupArg {
    /// Peer name, a unique start of it, its P2P id, or the friendly name [default: the only group]
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// The member, where several identities of this node are in the group
    #[arg(long = "as", value_name = "IDENTITY")]
    pub identity: Option<String>,
    /// Whether the group is the command's own argument, which decides how it is asked for.
    #[arg(skip)]
    pub as_argument: bool,
}

/// Which group, as the command's own argument.
#[derive(Debug, Clone, Default, Args)]
pub struct GroupName {
    /// Peer name, a unique start of it, its P2P id, or the friendly name [default: the only group]
    pub group: Option<String>,
    /// The member, where several identities of this node are in the group
    #[arg(long = "as", value_name = "IDENTITY")]
    pub identity: Option<String>,
}

/// `peerage group …`
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Make a group; you become its first administrator
    #[command(
        after_help = "Examples:\n  peerage group create --friendly-name 'Chess club' --connect\n  peerage group create --friendly-name 'Open house' --password-file house.password --requests --connect"
    )]
    Create {
        /// Ends the group's peer name, after the dot
        #[arg(long)]
        classifier: Option<String>,
        /// Shown to people [default: the group's peer name]
        #[arg(long, value_name = "NAME")]
        friendly_name: Option<String>,
        /// What the group is for
        #[arg(long)]
        comment: Option<String>,
        /// The creator [default: the default identity]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
        /// The group's door
        #[command(flatten)]
        door: DoorArgs,
        /// Where the group is looked up [default: Global_]
        #[arg(long)]
        cloud: Option<String>,
        /// Connect at once
        #[arg(long)]
        connect: bool,
    },
    /// List the groups
    #[command(after_help = "Example:\n  peerage group ls")]
    Ls,
    /// Show one group, its neighbours and its fingerprint
    #[command(after_help = "Example:\n  peerage group show Chess")]
    Show(GroupName),
    /// Change a group's name, comment and policies; its creator alone may
    #[command(
        after_help = "Examples:\n  peerage group set Chess --comment 'every Tuesday'\n  peerage group set Chess --membership-lifetime 28d --presence-lifetime 10m\n  peerage group set Chess --presence 100 --defer-expiry true --max-record-bytes 0"
    )]
    Set(GroupSetArgs),
    /// Open a group that was closed, without connecting
    #[command(after_help = "Example:\n  peerage group open Chess")]
    Open(GroupName),
    /// Go online: find members and let them find you
    #[command(
        after_help = "Examples:\n  peerage group connect Chess\n  peerage group connect Chess --address /ip4/192.0.2.1/udp/4001/quic-v1"
    )]
    Connect {
        /// The group.
        #[command(flatten)]
        group: GroupName,
        /// Connect to a member here instead of looking members up; give more to try one after the
        /// other. May end with /p2p/ and the peer id that has to be there
        #[arg(long = "address", value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Ask the participants known here whether they are there, and how long they take to answer
    #[command(
        after_help = "Example:\n  peerage group ping Chess\n\nThe exit code is 0 when one of them answers, otherwise 7."
    )]
    Ping(GroupName),
    /// Go offline
    #[command(after_help = "Example:\n  peerage group close Chess")]
    Close(GroupName),
    /// The group's door: how people without an invitation come in
    #[command(subcommand)]
    Door(DoorCommand),
    /// Print the group's address, for people who may come to its door
    #[command(
        after_help = "Examples:\n  peerage group address Chess --out chess.address\n  peerage group address --uri\n  peerage group address --show chess.address\n\nWho has the address can ring at the group's door, and sees neither members nor records. The password is not in it."
    )]
    Address(AddressArgs),
    /// Join a group by its address, with its password or by asking
    #[command(
        after_help = "Examples:\n  peerage group join chess.address --password-file chess.password --connect\n  peerage group join chess.address --ask --note 'it is Ben' --connect\n\nWithout --password-file and --ask the password is asked for. A request waits until a member accepts it; the node asks again by itself, also after a restart."
    )]
    Join(VisitArgs),
    /// Delete the membership and this node's copy of the records
    #[command(after_help = "Example:\n  peerage group delete Chess")]
    Delete(GroupName),
    /// Leave a group for good: the membership is void everywhere from now on
    #[command(
        after_help = "Examples:\n  peerage group leave Chess\n  peerage group leave Chess --reason 'moving away'\n\nThe records stay on this node until: peerage group delete"
    )]
    Leave {
        /// The group
        #[command(flatten)]
        group: GroupName,
        /// Why; every member can read it
        #[arg(long)]
        reason: Option<String>,
    },
    /// The group's own key: for the day its creator's disk is lost
    #[command(subcommand)]
    Key(GroupKeyCommand),
    /// Write a group's configuration, encrypted, to use the group on another machine
    #[command(
        after_help = "Example:\n  peerage group export Chess --out chess.config\n\nTake it to a machine that has the identity (peerage id export), without the records: those come from other members, or with peerage group db export. The passphrase is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Export(GroupExportArgs),
    /// Take in a group's configuration that was exported on another machine
    #[command(
        after_help = "Examples:\n  peerage group import chess.config\n  peerage group import chess.config --overwrite\n\nThe identity must be here already (peerage id import). The passphrase is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Import(GroupImportArgs),
    /// A group's records as a file
    #[command(subcommand)]
    Db(DatabaseCommand),
    /// Go on with a group that was restored from a backup, without having met another member
    #[command(
        after_help = "Example:\n  peerage group settle Chess\n\nOnly where nobody is left who could have what came after the backup: what they publish later and what you change now may be of different opinion."
    )]
    Settle(GroupName),
}

/// `peerage group set`
#[derive(Debug, Clone, Args)]
pub struct GroupSetArgs {
    /// The group
    #[command(flatten)]
    pub group: GroupName,
    /// Shown to people, up to 255 characters
    #[arg(long, value_name = "NAME")]
    pub friendly_name: Option<String>,
    /// What the group is for, up to 255 characters
    #[arg(long)]
    pub comment: Option<String>,
    /// How long memberships last when nobody says otherwise: 8h to 10 years, or none
    #[arg(long, value_name = "DURATION|none")]
    pub membership_lifetime: Option<String>,
    /// How long a node is shown after it was last heard of: 5m to 30d
    #[arg(long, value_name = "DURATION")]
    pub presence_lifetime: Option<String>,
    /// Which nodes show that they are online: all, none, or about so many
    #[arg(long, value_name = "all|none|NUMBER")]
    pub presence: Option<String>,
    /// Whether a node without a neighbour keeps what has expired until it has one again
    #[arg(long, value_name = "BOOL")]
    pub defer_expiry: Option<bool>,
    /// The largest record members publish, 1024 or more; 0 is no limit
    #[arg(long, value_name = "BYTES")]
    pub max_record_bytes: Option<u32>,
}

/// When a node is shown to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowArg {
    /// Whatever the group's policy
    Always,
    /// As the group's policy says
    Policy,
}

/// Whom a group's door lets in.
#[derive(Debug, Clone, Default, Args)]
pub struct DoorArgs {
    /// Open the group's door to who knows a password, which is asked for
    #[arg(long, conflicts_with = "password_file")]
    pub password: bool,
    /// Open the group's door to who knows the password in the first line of this file, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub password_file: Option<PathBuf>,
    /// What who knows the password may do [default: member]
    #[arg(long, value_enum)]
    pub door_role: Option<RoleArg>,
    /// Open the group's door to requests to join
    #[arg(long)]
    pub requests: bool,
}

/// `peerage group door …`
#[derive(Debug, Subcommand)]
pub enum DoorCommand {
    /// Open the door, or change whom it lets in; only for the group's creator
    #[command(
        after_help = "Examples:\n  peerage group door open Chess --requests\n  peerage group door open Chess --password-file chess.password\n\nWhat is not named is closed: without a password option there is no password from now on."
    )]
    Open {
        /// The group
        #[command(flatten)]
        group: GroupName,
        /// Whom it lets in
        #[command(flatten)]
        door: DoorArgs,
    },
    /// Close the door; addresses given out before are of no use any more
    #[command(after_help = "Example:\n  peerage group door close Chess")]
    Close(GroupName),
    /// Show whom the door lets in
    #[command(after_help = "Example:\n  peerage group door show Chess")]
    Show(GroupName),
}

/// `peerage group address`
#[derive(Debug, Clone, Default, Args)]
pub struct AddressArgs {
    /// The group
    #[command(flatten)]
    pub group: GroupName,
    /// On one line instead of as a text block
    #[arg(long)]
    pub uri: bool,
    /// Write to this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show what an address says instead: a file, - for standard input, or peerage:group:…
    #[arg(long, value_name = "FILE|-|URI", conflicts_with_all = ["group", "uri", "out"])]
    pub show: Option<String>,
}

/// `peerage group join`
#[derive(Debug, Clone, Args)]
pub struct VisitArgs {
    /// The group's address: a file, - for standard input, or peerage:group:…
    #[arg(value_name = "FILE|-|URI")]
    pub address: String,
    /// Who joins [default: the default identity]
    #[arg(long = "as", value_name = "IDENTITY")]
    pub identity: Option<String>,
    /// File whose first line is the group's password, or - for standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "ask")]
    pub password_file: Option<PathBuf>,
    /// Ask to be let in instead of giving the password
    #[arg(long)]
    pub ask: bool,
    /// A few words to whoever decides
    #[arg(long, requires = "ask")]
    pub note: Option<String>,
    /// Connect at once
    #[arg(long)]
    pub connect: bool,
}

/// `peerage requests …`
#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// List who has asked this node to join; other members have their own lists
    #[command(after_help = "Example:\n  peerage requests ls --group Chess")]
    Ls(GroupArg),
    /// Let somebody in who has asked
    #[command(
        after_help = "Example:\n  peerage requests accept 5f0c2a --group Chess --role member --expires 30d"
    )]
    Accept {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Peer name of who asks, a unique start of it, or the public key
        who: String,
        /// What the new member may do
        #[arg(long, value_enum, default_value_t = RoleArg::Member)]
        role: RoleArg,
        /// End of the membership: a duration such as 30d, or an instant [default: the longest you may give]
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
    },
    /// Do not answer somebody who has asked any more
    #[command(after_help = "Example:\n  peerage requests deny 5f0c2a --group Chess")]
    Deny {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Peer name of who asks, a unique start of it, or the public key
        who: String,
    },
}

/// `peerage join`
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The invitation: a file, - for standard input, or peerage:invite:…
    #[arg(value_name = "FILE|-|URI")]
    pub invitation: String,
    /// The invited identity [default: the default identity]
    #[arg(long = "as", value_name = "IDENTITY")]
    pub identity: Option<String>,
    /// Where to look for the group, whatever the invitation says
    #[arg(long)]
    pub cloud: Option<String>,
    /// Connect at once
    #[arg(long)]
    pub connect: bool,
}

/// Content of a record, from one place.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct PayloadArgs {
    /// The content, as text
    #[arg(long, value_name = "TEXT")]
    pub payload: Option<String>,
    /// A file with the content, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub file: Option<PathBuf>,
}

/// `peerage record …`
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Publish a record to every member
    #[command(
        after_help = "Examples:\n  peerage record put --type note --payload 'see you at eight'\n  peerage record put --type photo --file chess.jpg --attr title=Board --attr size:int=8 --expires 7d\n\nAttributes are name=text, name:int=5 or name:date=2026-12-24T18:00:00Z."
    )]
    Put {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Record type: a name or a UUID
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// The content
        #[command(flatten)]
        payload: PayloadArgs,
        /// A named value others can search for; may be repeated
        #[arg(long = "attr", value_name = "NAME=VALUE")]
        attributes: Vec<AttributeArg>,
        /// When it lapses: a duration such as 7d, or an instant
        #[arg(long, value_name = "TIME", default_value = "28d")]
        expires: Lifetime,
    },
    /// Print a record
    #[command(
        after_help = "Examples:\n  peerage record get 5f0c…\n  peerage record get 5f0c… --raw > chess.jpg"
    )]
    Get {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Record id
        id: String,
        /// Print the content only, byte for byte
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
    /// List the records
    #[command(after_help = "Example:\n  peerage record ls --type note")]
    Ls {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Only this type: a name or a UUID
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Change a record; what is not given stays
    #[command(after_help = "Example:\n  peerage record update 5f0c… --payload 'see you at nine'")]
    Update {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Record id
        id: String,
        /// The content
        #[command(flatten)]
        payload: PayloadArgs,
        /// A named value; given once or more, replaces all earlier ones
        #[arg(long = "attr", value_name = "NAME=VALUE")]
        attributes: Vec<AttributeArg>,
        /// A later end: a duration such as 7d, or an instant
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
    },
    /// Delete a record, at every member
    #[command(after_help = "Example:\n  peerage record rm 5f0c…")]
    Rm {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Record id
        id: String,
    },
    /// Print each change of a record as it happens, until interrupted
    #[command(after_help = "Example:\n  peerage record watch --type note")]
    Watch {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Only this type: a name or a UUID
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
    },
}

#[cfg(test)]
mod tests;
