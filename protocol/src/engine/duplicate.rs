//! One node key on two machines at once: noticed by what both of them say.
//!
//! Each start of a node draws a boot id, which is in its binding and in its presence. One node shows one
//! boot id after the other and never an earlier one again, so two of them that take turns are two nodes.

use std::collections::BTreeMap;

use libp2p_identity::PeerId;
use peerage_records::time::Timestamp;

use crate::presence::Seen;

/// Peers whose starts are remembered: more than are neighbours in a day; 80 bytes each.
const MAX_PEERS: usize = 256;

/// Starts remembered of one peer, the last ones.
const MAX_STARTS: usize = 4;

/// The starts of nodes that were seen as neighbours.
#[derive(Debug)]
pub(super) struct Starts {
    since: Timestamp,
    of: BTreeMap<PeerId, Vec<[u8; 16]>>,
}

impl Starts {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            of: BTreeMap::new(),
        }
    }

    /// Notes which start of a neighbour's node this is; tells whether an earlier one has come back.
    pub(super) fn is_duplicate(&mut self, peer: &PeerId, boot: [u8; 16]) -> bool {
        if !self.of.contains_key(peer) && self.of.len() >= MAX_PEERS {
            self.of.pop_first();
        }
        let seen = self.of.entry(*peer).or_default();
        match seen.iter().position(|known| *known == boot) {
            Some(at) if at + 1 == seen.len() => false,
            Some(at) => {
                let again = seen.remove(at);
                seen.push(again);
                true
            }
            None => {
                if seen.len() >= MAX_STARTS {
                    seen.remove(0);
                }
                seen.push(boot);
                false
            }
        }
    }

    /// Whether what is said about our own node, under our own key, comes from another one: from another
    /// start, made since ours, and on top of what we have said.
    pub(super) fn is_other(&self, said: &Seen, own: Option<&Seen>, boot: &[u8; 16]) -> bool {
        said.node.present
            && said.node.boot != *boot
            && said.modified > self.since
            && own.is_some_and(|own| own.node.boot == *boot && said.version > own.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::tests::{NOW, online, peer};

    #[test]
    fn a_node_that_restarts_is_one_and_two_that_take_turns_are_two() {
        let mut starts = Starts::new(NOW);
        for boot in [1, 1, 2, 2, 3] {
            assert!(!starts.is_duplicate(&peer(1), [boot; 16]), "{boot}");
        }
        assert!(!starts.is_duplicate(&peer(2), [2; 16]), "another node");
        assert!(starts.is_duplicate(&peer(1), [2; 16]));
        assert!(!starts.is_duplicate(&peer(1), [2; 16]), "told once a turn");
        assert!(starts.is_duplicate(&peer(1), [3; 16]));
        for number in 0..=u8::MAX {
            starts.is_duplicate(&peer(number), [number; 16]);
        }
        assert!(starts.of.len() <= MAX_PEERS);
    }

    #[test]
    fn only_what_was_said_after_us_is_by_another_one() {
        let seen = |boot: u8, version, seconds: i64| {
            let mut node = online(1);
            node.boot = [boot; 16];
            Seen {
                node,
                version,
                created: NOW,
                modified: Timestamp::from_secs((NOW.as_secs() as i64 + seconds) as u64),
                expires: NOW + std::time::Duration::from_secs(900),
            }
        };
        let starts = Starts::new(NOW);
        let own = seen(1, 10, 1);
        let other = |said: Seen| starts.is_other(&said, Some(&own), &[1; 16]);
        assert!(other(seen(2, 11, 2)));
        assert!(!other(seen(1, 11, 2)), "we ourselves");
        assert!(!other(seen(2, 9, 2)), "what we have outdone");
        assert!(!other(seen(2, 11, -1)), "our earlier life");
        assert!(
            !starts.is_other(&seen(2, 11, 2), None, &[1; 16]),
            "we have said nothing yet"
        );
        let mut gone = seen(2, 11, 2);
        gone.node.present = false;
        assert!(!other(gone));
    }
}
