//! `peerage events …`

use clap::{Args, Subcommand};
use peerage_records::id::RecordType;

use super::GroupArg;
use crate::model::{EventKind, Position};

/// `peerage events …`
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Print each event as it happens, until interrupted
    #[command(
        after_help = "Examples:\n  peerage events tail\n  peerage events tail --after 0 --json\n  peerage events tail --kind 'record_*' --type note\n  peerage events tail --consumer backup --ack\n  peerage events tail --snapshot --wait 0 --json\n\nA consumer is a place in the events that the node keeps. With --ack what was printed does not come again; without it, everything since the last acknowledgement does."
    )]
    Tail(Box<TailArgs>),
    /// Places in the events that the node keeps
    #[command(subcommand)]
    Consumers(ConsumersCommand),
}

/// `peerage events tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// The group
    #[command(flatten)]
    pub group: GroupArg,
    /// Begin after this position, such as 17 or 17.3412; 0 is from the oldest kept [default: only new events]
    #[arg(long, value_name = "POSITION")]
    pub after: Option<Position>,
    /// Only events of this kind, such as record_added or 'member_*'; may be repeated [default: all]
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    pub kinds: Vec<String>,
    /// Of the events about records, only those about this type; may be repeated [default: all]
    #[arg(long = "type", value_name = "TYPE", value_parser = record_type)]
    pub types: Vec<String>,
    /// Begin where this consumer is; one that is new begins now, or after --after
    #[arg(long, value_name = "NAME")]
    pub consumer: Option<String>,
    /// Acknowledge for the consumer what was printed
    #[arg(long, requires = "consumer")]
    pub ack: bool,
    /// Print all records first, then what happened since
    #[arg(long, conflicts_with = "after")]
    pub snapshot: bool,
    /// End when nothing has happened for so many seconds; 0: print what there is and end [default: never]
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
    /// End after this many events [default: never]
    #[arg(long, value_name = "COUNT")]
    pub count: Option<u64>,
}

/// `peerage events consumers …`
#[derive(Debug, Subcommand)]
pub enum ConsumersCommand {
    /// List the consumers of a group
    #[command(after_help = "Example:\n  peerage events consumers ls --group Chess")]
    Ls {
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Forget a consumer
    #[command(after_help = "Example:\n  peerage events consumers rm backup --group Chess")]
    Rm {
        /// The consumer
        name: String,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
}

/// The name of a kind, or of several.
fn kind(text: &str) -> Result<String, String> {
    match EventKind::matching(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let all: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Err(format!("{error}; there are {}", all.join(", ")))
        }
    }
}

/// A type as UUID text, which has no comma.
fn record_type(text: &str) -> Result<String, String> {
    let kind: RecordType = text.parse().map_err(|error| format!("{error}"))?;
    Ok(kind.to_string())
}
