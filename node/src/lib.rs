//! The embedded Peerage node.

pub mod api;
mod builder;
pub mod cli;
pub mod clock;
mod command;
pub mod error;
mod event;
pub mod folder;
mod handle;
pub mod metrics;
pub mod model;
mod run;
pub mod settings;
mod storing;
mod vault;

pub use builder::Builder;
pub use error::{Error, ErrorKind, Result};
pub use event::EventStream;
pub use handle::{GroupHandle, InviteOptions, Node};
pub use model::{NewGroup, NewIdentity};
pub use settings::Settings;
