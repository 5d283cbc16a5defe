//! A group's door: how people come in who have the group's address but no invitation.
//!
//! A group has a door only when its creator opens one: for whoever knows a password, for whoever asks
//! and is accepted, or for both. Who has the [`GroupAddress`] may ring at the node of any member that may
//! issue memberships. There is no protocol of its own to see: a ring looks like the first frame of an
//! admission, and who has no address gets the same silence.
//!
//! ```text
//! visitor                                          porter: an Admin or Inviting Member
//!   Ring { nonce, tag, sealed: first | nothing } ──►   finds the door by the tag; throttled
//!        ◄── Greeting { nonce, sealed: chain, binding, second }
//!   verifies the porter, then stretches the password
//!   Visit { sealed: proof, card and binding | card, binding and note } ──►
//!        ◄── Answer { sealed: an invitation | "it waits" }
//! ```
//!
//! What comes back is an invitation like any other, made out to the visitor. From then on the password
//! has no part in anything: the membership is a certificate.
//!
//! The bytes are in `docs/formats/door.md`, the conversation in `docs/protocols/door.md`.

mod address;
mod keys;
pub mod password;
mod plate;
pub mod porter;
mod queue;
mod throttle;
pub mod visitor;

pub use address::{
    AddressError, GroupAddress, MAX_GROUP_ADDRESS_BYTES, MAX_GROUP_ADDRESS_TEXT_BYTES,
};
pub use keys::DoorSecret;
pub(crate) use plate::check;
pub use plate::{Door, DoorKinds, MAX_DOOR_BYTES, MalformedDoor, PasswordDoor};
pub(crate) use queue::Asked;
pub use queue::{
    Decision, JoinRequest, MAX_REQUESTS, Queue, QueueError, REQUEST_LIFETIME, Standing,
};
pub use throttle::{
    ATTEMPT_PAUSE, ATTEMPTS_PER_PEER, GROUP_ATTEMPT_PAUSE, GROUP_ATTEMPTS, Throttle,
};

use crate::{
    admission::AdmissionError, binding::BindingError, gmc::GmcError, identity::IdentityError,
    invitation::InvitationError, wire::WireError,
};
use password::WrongPassword;

/// Why a conversation at a door led to nothing. The other side learns none of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// A frame that is none.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A sealed part does not open: altered, or made for another conversation.
    #[error("sealed part does not open")]
    Sealed,
    /// The password is wrong.
    #[error(transparent)]
    WrongPassword(#[from] WrongPassword),
    /// The door does not open to this.
    #[error("the door is closed")]
    Closed,
    /// Too many attempts.
    #[error("too many attempts; the next are answered later")]
    Throttled,
    /// The chain does not verify.
    #[error("membership does not verify: {0}")]
    Chain(#[from] GmcError),
    /// The node binding does not verify.
    #[error("node binding does not verify: {0}")]
    Binding(#[from] BindingError),
    /// The visitor's card does not verify.
    #[error("identity does not verify: {0}")]
    Card(#[from] IdentityError),
    /// Binding and chain, or binding and card, name different identities.
    #[error("the binding is by another identity")]
    OtherIdentity,
    /// A member answered that may not let anybody in.
    #[error("the member that answered may not issue memberships")]
    NoPorter,
    /// The invitation does not verify.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The invitation is into another group.
    #[error("the invitation is into another group")]
    OtherGroup,
    /// The note is too long or has control characters.
    #[error("the note cannot be used")]
    BadNote,
    /// The identity has been turned away.
    #[error("the visitor is not welcome")]
    Unwelcome,
    /// The queue of requests is full.
    #[error("too many requests wait")]
    QueueFull,
    /// A frame that does not fit the state of the conversation.
    #[error("frame out of turn")]
    OutOfTurn,
}

impl DoorError {
    /// A short stable word for logs and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Wire(_) | Self::BadNote => "door_malformed",
            Self::Sealed => "door_sealed",
            Self::WrongPassword(_) => "door_password",
            Self::Closed => "door_closed",
            Self::Throttled => "door_throttled",
            Self::Chain(_) | Self::NoPorter => "door_chain",
            Self::Binding(_) | Self::Card(_) | Self::OtherIdentity => "door_identity",
            Self::Invitation(_) | Self::OtherGroup => "door_invitation",
            Self::Unwelcome => "door_unwelcome",
            Self::QueueFull => "door_queue_full",
            Self::OutOfTurn => "door_out_of_turn",
        }
    }
}

impl From<DoorError> for AdmissionError {
    fn from(error: DoorError) -> Self {
        Self::Door(error)
    }
}
