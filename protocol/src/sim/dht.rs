//! One DHT for the whole world: it verifies and merges as the real nodes do, and is never lost.

use peerage_records::id::ReplicaId;

use super::{Happening, NodeIndex, World};
use crate::{cloud::Cloud, discovery::EntrySet, engine::Input};

#[derive(Debug)]
pub(super) enum Request {
    Announce(ReplicaId, [u8; 32], EntrySet),
    LookUp(ReplicaId, [u8; 32]),
}

impl World {
    pub(super) fn ask_dht(&mut self, node: NodeIndex, request: Request) {
        let boot = self.nodes[node].boots;
        let at = self.elapsed + self.config.lookup + self.message_delay();
        self.at(at, Happening::Dht(node, boot, request));
    }

    pub(super) fn on_dht(&mut self, node: NodeIndex, boot: u64, request: Request) {
        let now = self.now();
        let input = match request {
            Request::Announce(replica, key, set) => {
                let held = self.dht.get(&key);
                let verified = set.verify(&Cloud::global(), &key, held, now);
                let result = verified.map_err(|_| ()).map(|set| {
                    if let Some(held) = self.dht.get_mut(&key) {
                        held.merge(set);
                    } else {
                        self.dht.insert(key, set);
                    }
                });
                Input::Announced { replica, result }
            }
            Request::LookUp(replica, key) => {
                let held = self.dht.get(&key).cloned();
                let Some(set) = held.and_then(|set| set.unexpired(now)) else {
                    return;
                };
                Input::Discovered { replica, set }
            }
        };
        self.tell(node, boot, input);
    }

    /// How many members' entries lie in the DHT, over all groups.
    #[must_use]
    pub fn announced(&self) -> usize {
        self.dht.values().map(|set| set.entry_count()).sum()
    }
}
