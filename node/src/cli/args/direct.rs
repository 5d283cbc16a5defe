//! `peerage direct …`

use std::net::SocketAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::{GroupArg, PayloadArgs};

/// `peerage direct …`
#[derive(Debug, Subcommand)]
pub enum DirectCommand {
    /// Open a direct connection to a member, for messages; it stays open until it is closed
    #[command(
        after_help = "Examples:\n  peerage direct open Ben\n  peerage direct open Ben --address /ip4/192.0.2.1/udp/4001/quic-v1\n\nThe member has to listen: peerage direct recv"
    )]
    Open {
        /// Peer name, a unique start of it, public key, or the friendly name
        member: String,
        /// The peer id of one of its nodes [default: any that is known]
        #[arg(long, value_name = "PEER-ID")]
        node: Option<String>,
        /// Where it is [default: looked up]
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// Print the id at once, whatever comes of it
        #[arg(long)]
        no_wait: bool,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Send a message to a member, or on an open connection
    #[command(
        after_help = "Examples:\n  peerage direct send Ben --payload 'psst'\n  peerage direct send Ben --type photo --file chess.jpg\n  peerage direct send 8812907346182093 --payload 'still there?'\n\nTo a member, a connection is opened for the message and closed behind it. The member has to listen: peerage direct recv"
    )]
    Send {
        /// A member, or the id of an open connection or of a neighbour
        #[arg(value_name = "MEMBER|ID")]
        to: String,
        /// Message type: a name or a UUID
        #[arg(long = "type", value_name = "TYPE", default_value = "message")]
        kind: String,
        /// The peer id of one of the member's nodes [default: any that is known]
        #[arg(long, value_name = "PEER-ID")]
        node: Option<String>,
        /// Where the member is [default: looked up]
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// The content, up to 16 MiB
        #[command(flatten)]
        payload: PayloadArgs,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Listen: let members connect, and print what comes, until interrupted
    #[command(
        after_help = "Examples:\n  peerage direct recv\n  peerage direct recv --type photo --count 1 --raw > chess.jpg\n  peerage direct recv --json"
    )]
    Recv {
        /// Only messages of this type, a name or a UUID; may be repeated
        #[arg(long = "type", value_name = "TYPE")]
        kinds: Vec<String>,
        /// End after this many messages [default: never]
        #[arg(long, value_name = "COUNT")]
        count: Option<u64>,
        /// Print the content of messages only, byte for byte
        #[arg(long, conflicts_with = "json")]
        raw: bool,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// List the open connections
    #[command(after_help = "Examples:\n  peerage direct ls\n  peerage direct ls --kind all")]
    Ls {
        /// Which
        #[arg(long, value_enum, default_value_t = KindArg::Direct)]
        kind: KindArg,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Close a connection; what was sent still arrives
    #[command(after_help = "Example:\n  peerage direct close 8812907346182093")]
    Close {
        /// Its id
        id: String,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Join standard input and output with a member's, or forward TCP connections
    #[command(
        after_help = "Examples:\n  peerage direct pipe --accept > backup.tar\n  peerage direct pipe Ben < backup.tar\n  peerage direct pipe --accept --to 127.0.0.1:22\n  peerage direct pipe Ben --listen 127.0.0.1:2222\n\nOne side accepts, the other names it. The command succeeds when both directions have ended in order; when the pipe is cut before, it fails, so that half a file is not taken for a whole one. Only members of the group reach --to, and only while the command runs; where they get is decided by the side that accepts."
    )]
    Pipe(PipeArgs),
}

/// `peerage direct pipe`
#[derive(Debug, Clone, Args)]
pub struct PipeArgs {
    /// The member: peer name, a unique start of it, public key, or the friendly name; none with --accept
    pub member: Option<String>,
    /// Wait for a member that names us
    #[arg(long)]
    pub accept: bool,
    /// Accept this member only
    #[arg(long, value_name = "MEMBER", requires = "accept")]
    pub from: Option<String>,
    /// Forward TCP: listen here, each connection through a pipe of its own
    #[arg(long, value_name = "IP:PORT", value_parser = place, conflicts_with = "accept")]
    pub listen: Option<SocketAddr>,
    /// Forward TCP: connect each pipe to this place, until interrupted
    #[arg(long, value_name = "IP:PORT", value_parser = place, requires = "accept")]
    pub to: Option<SocketAddr>,
    /// Let --listen and --to be other addresses than loopback ones
    #[arg(long)]
    pub any_address: bool,
    /// Send nothing: do not read standard input
    #[arg(long, conflicts_with_all = ["listen", "to"])]
    pub no_input: bool,
    /// The peer id of one of the member's nodes [default: any that is known]
    #[arg(long, value_name = "PEER-ID", conflicts_with = "accept")]
    pub node: Option<String>,
    /// Where the member is [default: looked up]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "accept")]
    pub address: Option<String>,
    /// The group
    #[command(flatten)]
    pub group: GroupArg,
}

/// Which connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Those of applications
    Direct,
    /// Those to neighbours, for the group's records
    Neighbour,
    /// Both
    All,
}

/// An address and a port. Of the names there is one that needs no looking up.
fn place(text: &str) -> Result<SocketAddr, String> {
    let numbers = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numbers
        .parse()
        .map_err(|_| "an IP address and a port are needed, such as 127.0.0.1:2222".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbers_or_localhost() {
        assert_eq!(place("localhost:2222"), place("127.0.0.1:2222"));
        assert!(place("[::1]:0").is_ok());
        for wrong in ["2222", "localhost", "example.org:22", "127.0.0.1"] {
            assert!(place(wrong).unwrap_err().contains("127.0.0.1:2222"));
        }
    }
}
