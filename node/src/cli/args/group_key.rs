//! `peerage group key …`

use std::path::PathBuf;

use clap::Subcommand;

/// `peerage group key …`
#[derive(Debug, Subcommand)]
pub enum GroupKeyCommand {
    /// Write the group's key, encrypted, and how to find the group, to a file
    #[command(
        after_help = "Example:\n  peerage group key export Chess --out chess.recovery\n\nThe passphrase of the file is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE. Whoever has both can do in the group what its creator can: keep them apart, and not on this disk."
    )]
    Export {
        /// Peer name, a unique start of it, or the friendly name
        group: String,
        /// The file; made for its owner alone, never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File whose first line is the passphrase
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// The member, where several identities of this node are in the group
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
    },
    /// Take in the group's key on another machine, or for another identity
    #[command(
        after_help = "Example:\n  peerage group key import chess.recovery\n\nA member gains the rights of the creator; who is none becomes an administrator. The passphrase is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// File whose first line is the passphrase
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Who gets it [default: the identity in the group, else the default identity]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
    },
    /// Make one of your identities an administrator directly under the group's key
    #[command(
        after_help = "Examples:\n  peerage group key issue-admin Chess\n  peerage group key issue-admin Chess 'Ada at home'\n\nSomebody else becomes one with: peerage invite create --by-group-key --role admin --card FILE"
    )]
    IssueAdmin {
        /// Peer name, a unique start of it, or the friendly name
        group: String,
        /// Which identity [default: the one that has the group's key]
        identity: Option<String>,
    },
}
