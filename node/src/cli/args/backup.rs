//! `peerage backup …`

use std::path::PathBuf;

use clap::Subcommand;

/// `peerage backup …`
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Write everything the running node keeps to one encrypted file
    #[command(
        after_help = "Example:\n  peerage backup create --out node.backup\n\nKeys, identities, memberships, invitations, applications and all records, as they are at one moment; the node goes on meanwhile. The passphrase is asked for, or read from --passphrase-file or PEERAGE_EXPORT_PASSPHRASE."
    )]
    Create {
        /// The file; made for its owner alone, never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File whose first line is the passphrase of the backup
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Read a backup and everything in it; needs no daemon
    #[command(
        after_help = "Example:\n  peerage backup verify node.backup\n\nSays that every file is what it was, that the records agree with each other, and that each is what its signer signed."
    )]
    Verify {
        /// The backup
        file: PathBuf,
        /// File whose first line is the passphrase of the backup
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Make a data folder of a backup; no daemon may run in it
    #[command(
        after_help = "Examples:\n  peerage --data-dir /srv/peerage backup restore node.backup\n  peerage --data-dir /srv/peerage backup restore node.backup --force\n\nA node made of an old backup knows that it may be behind: it changes nothing that is there before it has met another member, or until: peerage group settle. Do not run it beside the node it was made of, or give it a key of its own."
    )]
    Restore {
        /// The backup
        file: PathBuf,
        /// Put a folder aside that has something in it
        #[arg(long)]
        force: bool,
        /// Give the node a key of its own, because the one it was made of goes on
        #[arg(long)]
        new_node_key: bool,
        /// File whose first line is the passphrase of the backup
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}
