//! Events on their way to applications.
//!
//! Record events are durable: the store numbers them and keeps them, and a stream goes on where its
//! reader left off. The others tell of the moment and are kept for a short while in memory. All have a
//! place in one order, given where the run loop appends them to the group's feed.

mod consumers;
mod feed;
mod filter;
mod snapshot;
mod stream;

pub(crate) use self::{
    consumers::{ConsumerName, Consumers, OfGroup, note_key as consumers_key},
    feed::{Feed, Feeds, Origin},
    filter::kind_of,
    snapshot::MAX_SNAPSHOTS,
    stream::Source,
};
pub use self::{filter::EventFilter, snapshot::Snapshot, stream::EventStream};
