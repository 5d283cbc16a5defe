//! How many bytes of messages may wait in this node: for one connection, one group, and in all.
//!
//! A message counts from when its length is known until the last listener has taken it. Who waits for
//! room does not read from its stream, so that QUIC's flow control holds up the sender.

use std::sync::Arc;

use peerage_protocol::wire::direct::MAX_DIRECT_MESSAGE_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that may wait from one connection: one message of the largest size, or many small ones.
pub(super) const MAX_CONNECTION_BYTES: usize = MAX_DIRECT_MESSAGE_BYTES;
/// Bytes of large messages that may wait in one group, so that an application that does not read
/// takes no room from other groups.
pub(super) const MAX_GROUP_BYTES: usize = 4 * MAX_DIRECT_MESSAGE_BYTES;
/// Bytes of large messages that may wait in the node.
pub(super) const MAX_NODE_BYTES: usize = 16 * MAX_DIRECT_MESSAGE_BYTES;
/// A message up to this size counts for its connection only: small ones pass however many large ones
/// wait elsewhere.
pub(super) const SMALL_BYTES: usize = 64 * 1024;
/// Budgets are counted in these; an empty message counts as one, for what it costs all the same.
const UNIT_BYTES: usize = 1_024;

/// Room in one of the budgets.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// Room taken for one message, shared by the queues it waits in.
pub(super) type Held = Arc<Vec<OwnedSemaphorePermit>>;

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES + 1)))
    }

    /// Waits until there is room for a message.
    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes / UNIT_BYTES + 1).ok()?;
        Arc::clone(&self.0).acquire_many_owned(units).await.ok()
    }
}

/// The budgets a message of one connection counts against.
#[derive(Debug, Clone)]
pub(super) struct Budgets {
    pub(super) connection: Budget,
    pub(super) group: Budget,
    pub(super) node: Budget,
}

impl Budgets {
    /// Waits until there is room for a message in all of them.
    pub(super) async fn take(&self, bytes: usize) -> Option<Held> {
        let mut held = vec![self.connection.take(bytes).await?];
        if bytes > SMALL_BYTES {
            held.push(self.group.take(bytes).await?);
            held.push(self.node.take(bytes).await?);
        }
        Some(Arc::new(held))
    }
}
