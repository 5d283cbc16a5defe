//! Identities and groups as objects, with the life they had in the classic managed wrapper of peer
//! grouping: an identity has groups, a group is opened, closed and deleted, and has properties.
//!
//! A thin layer over [`Node`](crate::Node) and [`GroupHandle`](crate::GroupHandle), which decide
//! everything; the types bear the wrapper's names, so that a program written after it reads the same.
//! Take it for an application with a window or two onto a person's groups, which wants to start
//! nothing and stop nothing. Take [`Node`](crate::Node) itself for a service, for many tasks working
//! in one group, or for whatever is not about one identity. Both may be used at once: the node behind
//! the objects is [`PeerGroupService::node`], the handle of an open group [`PeerGroup::handle`].
//!
//! ```
//! use futures::StreamExt;
//! use peerage::{NewGroup, NewIdentity, Settings, objects::*};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let mut settings = Settings::in_folder(folder.path());
//! # settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
//! let service = PeerGroupService::of(settings);
//! let ada = PeerIdentity::create(&service, NewIdentity::default()).await?;
//! PeerGroup::create(&ada, NewGroup::default()).await?;
//!
//! for mut group in ada.groups().list().await? {
//!     let mut events = group.open().await?;
//!     group.set_comment("Thursdays at eight").await?;
//!     if let Some(event) = events.next().await {
//!         println!("{:?}", event?);
//!     }
//!     group.close().await?;
//! }
//! service.shutdown().await?;
//! # Ok(())
//! # }
//! ```

mod collection;
mod event;
mod group;
mod identity;
mod properties;
mod service;

pub use self::{
    collection::{PeerGroupCollection, PeerGroupFactory, PlainGroups},
    event::{PeerGroupEvent, PeerGroupEvents},
    group::PeerGroup,
    identity::PeerIdentity,
    properties::{PeerGroupFlags, PeerGroupProperties},
    service::PeerGroupService,
};
