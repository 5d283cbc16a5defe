//! The embedded Peerage node: invite-only groups of verified members that share records, peer to peer.
//!
//! A [`Node`] keeps identities and memberships in a folder, finds the members of its groups and keeps
//! its copy of their records in line with theirs. A [`GroupHandle`] is what an application does its
//! work with. Both are cheap clones. The daemon `peerage` is a node with a [local API](api) and a
//! [command line](cli); both can do what is in here and nothing else.
//!
//! ```
//! use peerage::{NewGroup, NewIdentity, Node, Settings};
//! use peerage_records::{id::RecordType, record::RecordDraft};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let mut settings = Settings::in_folder(folder.path());
//! settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
//! let node = Node::builder(settings).start().await?;
//!
//! node.create_identity(NewIdentity::default()).await?;
//! let group = node.create_group(NewGroup::default()).await?;
//! group.connect().await?;
//!
//! let record = group
//!     .publish(RecordDraft {
//!         kind: RecordType::from_name("note"),
//!         expires: peerage::model::parse_instant("2100-01-01T00:00:00Z")?,
//!         attributes: Vec::new(),
//!         payload: b"see you at eight".to_vec(),
//!     })
//!     .await?;
//! assert_eq!(record.payload_text.as_deref(), Some("see you at eight"));
//! node.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! How one node invites another is shown in `examples/embed.rs`; `docs/samples.md` names applications to
//! begin from. [`objects`] has identities and groups as objects, for an application with a window onto
//! them. Everything that can go wrong is an [`Error`] whose [`kind`](Error::kind) says what to
//! do about it.

pub mod api;
mod applications;
pub mod backup;
mod beside;
mod builder;
pub mod cli;
pub mod clock;
mod command;
mod deferring;
mod direct;
pub mod doctor;
mod duplicated;
pub mod error;
mod event;
pub mod folder;
mod handle;
pub mod metrics;
pub mod model;
mod naming;
pub mod objects;
mod password;
mod place;
pub mod portable;
mod probe;
mod run;
pub mod settings;
mod storing;
mod vault;
mod watch;

pub use applications::{MAX_APPLICATIONS, MAX_CONFINED};
pub use builder::Builder;
pub use direct::{
    DataInterest, DirectEvent, DirectInterest, DirectListener, DirectMessage, DirectNotice,
    DirectTarget, Pipe,
};
pub use error::{Error, ErrorKind, Result};
pub use event::{EventFilter, EventStream, Snapshot};
pub use handle::{
    Application, Consumer, CredentialOptions, GroupHandle, InviteOptions, JoinOptions, Node,
    ReissueOptions, RemoveOptions,
};
pub use model::{NewGroup, NewIdentity};
pub use naming::harmless;
pub use settings::Settings;

/// The example in the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
