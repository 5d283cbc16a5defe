//! The disk of a node: a store that answers one question after the other, each after a while.

use peerage_records::{
    id::{EnvelopeHash, RecordId, ReplicaId},
    store::{Put, Store},
};

use super::{Happening, NodeIndex, World};
use crate::engine::{Found, Input, OperationId, Read, SCAN_ROWS, StoreFailure};

#[derive(Debug)]
pub(super) enum Question {
    Put(OperationId, Vec<Put>),
    Read(OperationId, ReplicaId, Read),
    Withdraw(OperationId, ReplicaId, Vec<(RecordId, EnvelopeHash)>),
}

impl World {
    pub(super) fn ask_disk(&mut self, node: NodeIndex, question: Question) {
        let begin = self.nodes[node].disk_free.max(self.elapsed);
        let end = begin + self.config.disk;
        self.nodes[node].disk_free = end;
        let boot = self.nodes[node].boots;
        self.at(end, Happening::Disk(node, boot, question));
    }

    /// The node's disk refuses everything from now on, or works again.
    pub fn break_disk(&mut self, node: NodeIndex, broken: Option<&str>) {
        self.nodes[node].broken = broken.map(|why| StoreFailure(why.into()));
    }

    pub(super) fn answer(&mut self, node: NodeIndex, boot: u64, question: Question) {
        if self.nodes[node].boots != boot {
            return;
        }
        let now = self.now_at(node).timestamp;
        let Self { nodes, .. } = self;
        let broken = nodes[node].broken.clone();
        let store = &mut nodes[node].store;
        let input = match question {
            Question::Put(operation, puts) => Input::Stored {
                operation,
                result: match broken {
                    Some(failure) => Err(failure),
                    None => store.put(puts, now).map_err(failure),
                },
            },
            Question::Read(operation, replica, read) => Input::Found {
                operation,
                result: match broken {
                    Some(failure) => Err(failure),
                    None => find(store, &replica, read).map_err(failure),
                },
            },
            Question::Withdraw(operation, replica, versions) => Input::Withdrawn {
                operation,
                result: match broken {
                    Some(failure) => Err(failure),
                    None => store.withdraw(&replica, &versions, now).map_err(failure),
                },
            },
        };
        self.tell(node, boot, input);
    }
}

fn find(
    store: &impl Store,
    replica: &ReplicaId,
    read: Read,
) -> Result<Found, peerage_records::store::StoreError> {
    Ok(match read {
        Read::Record(id) => Found::Record(store.get(replica, &id)?),
        Read::Envelopes(hashes) => {
            let mut found = Vec::with_capacity(hashes.len());
            for hash in hashes {
                found.extend(store.by_hash(replica, &hash)?);
            }
            Found::Envelopes(found)
        }
        Read::Records(ids) => {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(store.get(replica, &id)?);
            }
            Found::Envelopes(found)
        }
        Read::Summary(partition) => Found::Summary(store.summary(replica, partition)?),
        Read::SignedBy { signers, after } => {
            let page = store.scan(replica, after.as_ref(), SCAN_ROWS)?;
            Found::signed_by(page, &signers)
        }
    })
}

#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failure(error: peerage_records::store::StoreError) -> StoreFailure {
    StoreFailure(error.to_string())
}
