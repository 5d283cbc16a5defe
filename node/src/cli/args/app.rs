//! `peerage app …`

use clap::{Args, Subcommand};

use crate::model::Scope;

/// `peerage app …`
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Register an application and print its token, this once
    #[command(
        after_help = "Examples:\n  peerage app register chess-board --scope read --scope write --scope online\n  peerage app register backup --scope read --group Chess\n\nThe scopes: read looks at groups, records, members and identities and hears of events; write publishes, changes and deletes records; online opens, connects and closes groups; direct is for direct connections; members invites and removes, changes roles and opens doors; groups creates, joins, leaves and deletes groups and changes their properties; identities makes, changes and deletes identities; node sees the status and the metrics and can stop the node. Keys and other applications are the operator's alone."
    )]
    Register(RegisterArgs),
    /// Attach as an application and hold groups, until interrupted
    #[command(
        after_help = "Example:\n  peerage app attach Chess --connect\n\nThe application is the one whose token is in PEERAGE_TOKEN, which has to be set. What it holds stays online at least until this command ends, however it ends."
    )]
    Attach {
        /// Groups to open: peer name, a unique start of it, or the friendly name
        groups: Vec<String>,
        /// Connect them too
        #[arg(long)]
        connect: bool,
    },
    /// List the applications
    #[command(after_help = "Example:\n  peerage app ls")]
    Ls,
    /// Show what an application may do, and what it holds now
    #[command(after_help = "Example:\n  peerage app show chess-board")]
    Show {
        /// The application's name
        name: String,
    },
    /// Give an application a new token; the earlier one is of no use from now on
    #[command(after_help = "Example:\n  peerage app token chess-board > board.token")]
    Token {
        /// The application's name
        name: String,
    },
    /// Revoke an application: its token is of no use from now on, and what it has begun ends
    #[command(after_help = "Example:\n  peerage app revoke chess-board")]
    Revoke {
        /// The application's name
        name: String,
    },
}

/// `peerage app register`
#[derive(Debug, Clone, Args)]
pub struct RegisterArgs {
    /// Up to 64 lower-case letters, digits, - _ and .
    pub name: String,
    /// What it may do; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scopes())]
    pub scopes: Vec<Scope>,
    /// The only group it may use; may be repeated [default: all]
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// The only identity it may act as; may be repeated [default: all]
    #[arg(long = "as", value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Requests per second [default: 100]
    #[arg(long, value_name = "COUNT")]
    pub max_requests: Option<u32>,
    /// Requests being answered at once [default: 16]
    #[arg(long, value_name = "COUNT")]
    pub max_concurrent: Option<u32>,
    /// Streams of events and direct connections at once [default: 8]
    #[arg(long, value_name = "COUNT")]
    pub max_streams: Option<u32>,
    /// Bytes it may publish per minute [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub max_bytes: Option<u64>,
    /// Groups it may hold open at once [default: 16]
    #[arg(long, value_name = "COUNT")]
    pub max_groups: Option<u32>,
}

/// Lists the scopes in help, errors and completions.
fn scopes() -> impl clap::builder::TypedValueParser<Value = Scope> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(Scope::ALL.map(Scope::as_str))
        .try_map(|text| text.parse::<Scope>())
}
