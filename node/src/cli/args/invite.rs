//! `peerage invite …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{GroupArg, GroupName};
use crate::cli::values::Lifetime;

/// `peerage invite …`
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Invite an identity, known by its card
    #[command(
        after_help = "Examples:\n  peerage invite create --group Chess --card ben.card --out ben.invite\n  peerage invite create --card 'peerage:card:…' --role inviting-member --expires 30d\n  peerage invite create --card ben.card --qr\n\nThe invitation is bound to the card: nobody else can use it."
    )]
    Create {
        /// The group
        #[command(flatten)]
        group: GroupArg,
        /// The invitee's identity card: a file, - for standard input, or peerage:card:…
        #[arg(long, value_name = "FILE|-|URI")]
        card: String,
        /// What the invitee may do
        #[arg(long, value_enum, default_value_t = RoleArg::Member)]
        role: RoleArg,
        /// End of the membership: a duration such as 30d, or an instant [default: the longest you may give]
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
        /// A few words for the invitee
        #[arg(long)]
        note: Option<String>,
        /// Let the group itself invite, so that the membership hangs on nobody's; takes the group's key
        #[arg(long)]
        by_group_key: bool,
        /// Tell all members of the new one at once, and not only when it first connects
        #[arg(long, conflicts_with = "by_group_key")]
        publish: bool,
        /// How it is given out
        #[command(flatten)]
        forms: Forms,
    },
    /// List the open invitations made here
    #[command(
        after_help = "Examples:\n  peerage invite ls\n  peerage invite ls Chess --all\n\nThat an invitation was used is known once its invitee has been met."
    )]
    Ls {
        /// The group
        #[command(flatten)]
        group: GroupName,
        /// Also those used, replaced, expired or revoked
        #[arg(long)]
        all: bool,
    },
    /// Show what an invitation says; one from elsewhere needs no daemon, no identity and no network
    #[command(
        after_help = "Examples:\n  peerage invite show ben.invite\n  peerage invite show 'peerage:invite:…'\n  peerage invite show 5f0c9d1e --qr\n\nAn id is that of an invitation made here, see peerage invite ls."
    )]
    Show {
        /// A file, - for standard input, peerage:invite:…, or the id of one made here
        #[arg(value_name = "FILE|-|URI|ID")]
        invitation: String,
        /// Give it out again instead
        #[command(flatten)]
        forms: Forms,
    },
    /// Revoke an invitation that was not used
    #[command(
        after_help = "Example:\n  peerage invite revoke 5f0c9d1e\n\nTakes an administrator. Every member refuses the invitation as it hears of this; the invitee may be invited anew."
    )]
    Revoke {
        /// Its id, or a unique start of it
        id: String,
    },
    /// Invite the same identity anew; the new credential wins over the first
    #[command(
        after_help = "Example:\n  peerage invite reissue 5f0c9d1e --expires 30d --out ben.invite\n\nThe first invitation stays good until the new one is used."
    )]
    Reissue {
        /// Its id, or a unique start of it
        id: String,
        /// End of the membership: a duration such as 30d, or an instant [default: as long as the first time]
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
        /// A few words for the invitee [default: those of the first time]
        #[arg(long)]
        note: Option<String>,
        /// How it is given out
        #[command(flatten)]
        forms: Forms,
    },
}

/// How an invitation is given out.
#[derive(Debug, Clone, Default, Args)]
pub struct Forms {
    /// A text block, a line, or a file of bytes [default: a text block]
    #[arg(long, value_enum, value_name = "FORM")]
    pub format: Option<InvitationForm>,
    /// On one line instead of as a text block: --format uri
    #[arg(long, conflicts_with = "format")]
    pub uri: bool,
    /// As a QR code in the terminal
    #[arg(long, conflicts_with_all = ["format", "uri", "out", "json"])]
    pub qr: bool,
    /// Write to this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The forms of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InvitationForm {
    /// On one line, peerage:invite:…
    Uri,
    /// As a text block
    Block,
    /// As bytes, the smallest; with --out
    File,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Read and publish
    Member,
    /// Also invite members
    InvitingMember,
    /// Also invite administrators
    Admin,
}

impl RoleArg {
    /// The word used by the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::InvitingMember => "inviting-member",
            Self::Admin => "admin",
        }
    }
}
