//! `peerage member …`

use clap::Subcommand;

use super::{GroupArg, Lifetime, RemoveArgs, RoleArg, ShowArg};

/// `peerage member …`
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List the members, this node's first
    #[command(
        after_help = "Examples:\n  peerage member ls --group Chess\n  peerage member ls --present"
    )]
    Ls {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// Only those who are online
        #[arg(long)]
        present: bool,
    },
    /// Show one member: who issued its membership, when, with which roles, up to the group's own key
    #[command(
        after_help = "Examples:\n  peerage member show Ada\n  peerage member show 5f0c --group Chess\n\nA friendly name stands for a member only while nobody else has it or looks like it; a peer name cannot be imitated."
    )]
    Show {
        /// Peer name, a unique start of it, public key, or the friendly name
        name: String,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Show who invited whom
    #[command(after_help = "Example:\n  peerage member tree --group Chess")]
    Tree(GroupArg),
    /// Remove a member: it is out everywhere, at once; what it published stays
    #[command(
        after_help = "Examples:\n  peerage member rm Ben --reason 'lost his laptop' --wait\n  peerage member rm 5f0c --cascade --with-records --group Chess\n\nTo let it in again, invite it anew."
    )]
    Rm(RemoveArgs),
    /// Give a member another role; it takes effect at once
    #[command(
        after_help = "Examples:\n  peerage member role Ben admin\n  peerage member role 5f0c member --group Chess"
    )]
    Role {
        /// Peer name, a unique start of it, public key, or the friendly name
        name: String,
        /// What the member may do
        #[arg(value_enum)]
        role: RoleArg,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// Renew a member's membership; it takes it up by itself
    #[command(
        after_help = "Examples:\n  peerage member renew Ben\n  peerage member renew 5f0c --expires 30d --group Chess"
    )]
    Renew {
        /// Peer name, a unique start of it, public key, or the friendly name
        name: String,
        /// The new end: a duration such as 30d, or an instant [default: as long as before, from now]
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
        /// The group
        #[command(flatten)]
        group: GroupArg,
    },
    /// List the nodes that are online, or show one
    #[command(
        after_help = "Examples:\n  peerage member nodes --group Chess\n  peerage member nodes local"
    )]
    Nodes {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// A node's peer id, or local for this node
        peer_id: Option<String>,
    },
    /// Tell the members something about this node
    #[command(
        after_help = "Examples:\n  peerage member attributes 'back at eight' --group Chess\n  peerage member attributes --clear"
    )]
    Attributes {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// What to tell them, up to 1024 bytes
        #[arg(required_unless_present = "clear", conflicts_with = "clear")]
        text: Option<String>,
        /// Tell them nothing any more
        #[arg(long)]
        clear: bool,
    },
    /// Show this node as online whatever the group's policy, until the node ends
    #[command(
        after_help = "Examples:\n  peerage member presence always --group Chess\n  peerage member presence policy"
    )]
    Presence {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// When
        #[arg(value_enum)]
        show: ShowArg,
    },
}
