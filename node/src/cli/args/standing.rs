//! `peerage audit`, and how members are removed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::GroupArg;

/// `peerage member rm`
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Peer name, a unique start of it, public key, or the friendly name
    pub name: String,
    /// The group
    #[command(flatten)]
    pub group: GroupArg,
    /// Why; every member can read it
    #[arg(long)]
    pub reason: Option<String>,
    /// Remove those it let in too, and whom they let in
    #[arg(long)]
    pub cascade: bool,
    /// Remove its records too
    #[arg(long)]
    pub with_records: bool,
    /// Decide with the group's key, which alone removes the creator
    #[arg(long)]
    pub by_group_key: bool,
    /// Wait until all members that are online have applied it, at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
    pub wait: Option<u64>,
}

/// `peerage audit`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// The group
    #[command(flatten)]
    pub group: GroupArg,
    /// Write the signed records behind it to this file, which anybody can verify offline
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// What else
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
}

/// `peerage audit …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Verify an exported history; needs no daemon, no identity and no network
    #[command(after_help = "Example:\n  peerage audit verify chess.audit")]
    Verify {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
