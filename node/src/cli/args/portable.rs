//! Groups as files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::GroupName;

/// `peerage group export`
#[derive(Debug, Clone, Args)]
pub struct GroupExportArgs {
    /// The group
    #[command(flatten)]
    pub group: GroupName,
    /// The file; made for its owner alone, never overwritten
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// File whose first line is the passphrase of the export
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `peerage group import`
#[derive(Debug, Clone, Args)]
pub struct GroupImportArgs {
    /// The exported file, or - for standard input
    pub file: PathBuf,
    /// Replace the membership that is here; its records stay
    #[arg(long)]
    pub overwrite: bool,
    /// File whose first line is the passphrase of the export
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `peerage group db …`
#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// Write all records of a group that this node holds to a file, in place of what is there
    #[command(
        after_help = "Example:\n  peerage group db export Chess --out chess.db\n\nThe file is signed, not encrypted: whoever has it reads the records."
    )]
    Export {
        /// The group
        #[command(flatten)]
        group: GroupName,
        /// The file; made for its owner alone
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take in records that were exported for the same group and identity; the group must be offline
    #[command(
        after_help = "Example:\n  peerage group close Chess\n  peerage group db import Chess chess.db\n\nEach record is verified like one from another member. What is here and newer stays."
    )]
    Import {
        /// Peer name, a unique start of it, or the friendly name
        group: String,
        /// The exported file
        file: PathBuf,
        /// The member, where several identities of this node are in the group
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
    },
}
