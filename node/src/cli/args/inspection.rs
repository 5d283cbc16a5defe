//! Arguments of the commands that only look.

use clap::{Args, Subcommand, ValueEnum};

use super::GroupName;

/// `peerage status`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Examples:\n  peerage status\n  peerage status --watch 2")]
pub struct StatusArgs {
    /// Show it again after this many seconds, until interrupted; one JSON document per line with --json
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub watch: Option<u64>,
}

/// `peerage doctor`
#[derive(Debug, Clone, Default, Args)]
#[command(
    after_help = "Examples:\n  peerage doctor\n  peerage doctor --strict --json\n\nWorks with and without a running daemon. The exit code is 0 when there is no problem, otherwise that of the first problem."
)]
pub struct DoctorArgs {
    /// Take warnings for problems
    #[arg(long)]
    pub strict: bool,
}

/// `peerage graph …`
#[derive(Debug, Subcommand)]
pub enum GraphCommand {
    /// Show the nodes of a group's members, and the links of this node with them
    #[command(
        after_help = "Examples:\n  peerage graph show Chess\n  peerage graph show Chess --format dot | dot -Tsvg > chess.svg"
    )]
    Show {
        /// The group
        #[command(flatten)]
        group: GroupName,
        /// How it is printed
        #[arg(
            long,
            value_name = "FORMAT",
            default_value = "table",
            conflicts_with = "json"
        )]
        format: GraphFormat,
    },
}

/// How a graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For people
    Table,
    /// For Graphviz
    Dot,
}
