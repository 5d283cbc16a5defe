//! Whom to start from: the invitation's addresses, and the neighbours of earlier days.

use std::sync::Arc;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use peerage_records::id::ReplicaId;
use serde::{Deserialize, Serialize};

use super::Inner;
use crate::{Error, Result, run::Notice};

/// Neighbours remembered per group.
const MAX_REMEMBERED: usize = 32;

impl Inner {
    /// Keeps what the loop finds worth keeping.
    pub(super) async fn note(self: &Arc<Self>, notice: Notice) -> Result<()> {
        match notice {
            Notice::Synchronised(replica) => {
                self.with_vault(move |vault| {
                    vault.amend(&replica, |membership| membership.synchronised = true)
                })
                .await
            }
            Notice::Renewed(replica, gmc) => {
                let chain = gmc.chain().clone();
                self.with_vault(move |vault| {
                    vault.amend(&replica, |membership| membership.chain = chain)
                })
                .await
            }
            Notice::Named(replica, friendly_name, comment) => {
                self.with_vault(move |vault| {
                    let Some(membership) = vault.known().membership(&replica).cloned() else {
                        return Ok(());
                    };
                    // A group without a name goes by the one nobody else has.
                    let friendly_name = match friendly_name.is_empty() {
                        true => membership.root()?.name().to_string(),
                        false => friendly_name,
                    };
                    if (&membership.friendly_name, &membership.comment)
                        == (&friendly_name, &comment)
                    {
                        return Ok(());
                    }
                    vault.amend(&replica, |membership| {
                        membership.friendly_name = friendly_name;
                        membership.comment = comment;
                    })
                })
                .await
            }
            Notice::CaughtUp(replica) => {
                let Some(membership) = self.known().membership(&replica).cloned() else {
                    return Ok(());
                };
                self.with_vault(move |vault| {
                    let group = membership.root()?.name().clone();
                    vault.folder().caught_up(&membership.identity, &group)
                })
                .await
            }
            Notice::Visited(visit, outcome) => self.visited(visit, outcome).await,
            Notice::Requests(replica, requests) => {
                let known = self.known();
                let Some(membership) = known.membership(&replica).cloned() else {
                    return Ok(());
                };
                self.with_vault(move |vault| {
                    let group = membership.root()?.name().clone();
                    vault
                        .folder()
                        .save_requests(&membership.identity, &group, &requests)
                })
                .await
            }
            Notice::Neighbours(replica, neighbours) => {
                let Some(_turn) = self.replicas.shared(replica).turn().await else {
                    return Ok(());
                };
                if self.known().membership(&replica).is_none() {
                    return Ok(());
                }
                let mut kept = self.remembered(replica).await?;
                kept.retain(|(peer, _)| neighbours.iter().all(|(new, _)| new != peer));
                let mut all = neighbours;
                all.extend(kept);
                all.truncate(MAX_REMEMBERED);
                let value = serde_json::to_vec(&Remembered::of(&all))
                    .map_err(|error| Error::Internal(error.to_string()))?;
                self.storing
                    .ask(move |store| store.put_note(&note_key(&replica), &value))
                    .await
            }
        }
    }

    /// Peers that may be members, with their addresses; the best known last.
    pub(super) async fn acquaintances(
        &self,
        replica: ReplicaId,
    ) -> Result<Vec<(PeerId, Vec<Multiaddr>)>> {
        let known = self.known();
        let bootstrap = known
            .membership(&replica)
            .map(|membership| membership.bootstrap.as_slice())
            .unwrap_or_default();
        let mut peers: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
        for (peer, address) in bootstrap.iter().cloned().filter_map(split_peer) {
            match peers.iter_mut().find(|(known, _)| *known == peer) {
                Some((_, addresses)) => addresses.push(address),
                None => peers.push((peer, vec![address])),
            }
        }
        for (peer, mut addresses) in self.remembered(replica).await? {
            // It may have moved since, and an invitation that came later say where to.
            if let Some(at) = peers.iter().position(|(known, _)| *known == peer) {
                let (_, others) = peers.remove(at);
                let new = |other: &Multiaddr| !addresses.contains(other);
                let others: Vec<_> = others.into_iter().filter(new).collect();
                addresses.extend(others);
            }
            peers.push((peer, addresses));
        }
        Ok(peers)
    }

    async fn remembered(&self, replica: ReplicaId) -> Result<Vec<(PeerId, Vec<Multiaddr>)>> {
        let value = self
            .storing
            .ask(move |store| store.note(&note_key(&replica)))
            .await?;
        // A note that does not read is no reason not to connect.
        Ok(value
            .and_then(|value| serde_json::from_slice::<Remembered>(&value).ok())
            .map(Remembered::neighbours)
            .unwrap_or_default())
    }
}

/// The neighbours of earlier days, as they are noted in the store.
#[derive(Serialize, Deserialize)]
struct Remembered {
    neighbours: Vec<(String, Vec<Multiaddr>)>,
}

impl Remembered {
    fn of(neighbours: &[(PeerId, Vec<Multiaddr>)]) -> Self {
        Self {
            neighbours: neighbours
                .iter()
                .map(|(peer, addresses)| (peer.to_string(), addresses.clone()))
                .collect(),
        }
    }

    fn neighbours(self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.neighbours
            .into_iter()
            .filter_map(|(peer, addresses)| Some((peer.parse().ok()?, addresses)))
            .collect()
    }
}

pub(super) fn note_key(replica: &ReplicaId) -> Vec<u8> {
    [b"neighbours/", replica.as_bytes().as_slice()].concat()
}

/// Takes the trailing `/p2p/…` off an address.
fn split_peer(mut address: Multiaddr) -> Option<(PeerId, Multiaddr)> {
    match address.pop()? {
        Protocol::P2p(peer) => Some((peer, address)),
        _ => None,
    }
}
