//! The opener's side: places one after the other, each dialled and asked.

use std::collections::VecDeque;

use libp2p_identity::PeerId;
use peerage_records::id::{IdentityKey, ReplicaId};

use super::{
    DIRECT_PATIENCE, Direct, DirectEvent, DirectOutput, MAX_DIRECT_PLACES, MAX_DIRECTS_OPENING,
    Place, RENEWAL_PAUSE, Stage,
};
use crate::{
    direct::{Asking, ConnectionId, DirectFailure, DirectMode},
    engine::{Engine, Event, Now, group::GroupState, split_peer},
};

impl Engine {
    /// Whether a direct connection may be opened, as far as can be told at once. The same is looked at
    /// again when it is asked for.
    ///
    /// # Errors
    /// Why not.
    pub fn may_open_direct(
        &self,
        replica: &ReplicaId,
        member: &IdentityKey,
        places: &[Place],
        now: Now,
    ) -> Result<(), DirectFailure> {
        self.direct_places(replica, member, places.to_vec(), now)
            .map(drop)
    }

    /// The places to be tried, if the connection may be opened.
    fn direct_places(
        &self,
        replica: &ReplicaId,
        member: &IdentityKey,
        places: Vec<Place>,
        now: Now,
    ) -> Result<VecDeque<Place>, DirectFailure> {
        let state = self
            .groups
            .get(replica)
            .filter(|state| state.online.is_some())
            .ok_or(DirectFailure::Offline)?;
        if state.roster.get(member).is_none() {
            return Err(DirectFailure::UnknownMember);
        }
        let ourselves = *member == state.me();
        let named: Vec<Place> = if places.is_empty() {
            let elsewhere = |place: &Place| place.peer != Some(self.local);
            let mut known = known_places(state, member, now);
            known.retain(elsewhere);
            known
        } else {
            places.into_iter().flat_map(one_each).collect()
        };
        let own = |place: &Place| {
            place.peer == Some(self.local)
                || place.addresses.iter().any(|at| self.addresses.contains(at))
        };
        if ourselves && named.iter().all(own) {
            return Err(DirectFailure::ConnectSelf);
        }
        // At one of our own addresses nobody else can be.
        if named.iter().any(own) {
            return Err(DirectFailure::OtherMember);
        }
        if named.is_empty() {
            return Err(DirectFailure::NoAddress);
        }
        let opening = self.directs.of(replica).filter(|(_, one)| one.is_opening());
        if opening.count() >= MAX_DIRECTS_OPENING || !self.directs.has_room(replica, member) {
            return Err(DirectFailure::TooMany);
        }
        Ok(named.into_iter().take(MAX_DIRECT_PLACES).collect())
    }

    pub(super) fn open_direct(
        &mut self,
        id: ConnectionId,
        replica: ReplicaId,
        member: IdentityKey,
        places: Vec<Place>,
        mode: DirectMode,
        now: Now,
    ) {
        if self.directs.all.contains_key(&id) {
            return;
        }
        match self.direct_places(&replica, &member, places, now) {
            Ok(places) => self.try_direct(id, (replica, member, mode), places, now),
            Err(reason) => self.emit(Event::Direct(DirectEvent::Failed {
                replica,
                id,
                next: None,
                member,
                reason,
            })),
        }
    }

    /// Tries the first of these places under this name.
    fn try_direct(
        &mut self,
        id: ConnectionId,
        (replica, member, mode): (ReplicaId, IdentityKey, DirectMode),
        mut left: VecDeque<Place>,
        now: Now,
    ) {
        let Some(mut place) = left.pop_front() else {
            return;
        };
        if let (Some(peer), true) = (place.peer, place.addresses.is_empty())
            && let Some(state) = self.groups.get(&replica)
        {
            place.addresses = known_places(state, &member, now)
                .into_iter()
                .find(|known| known.peer == Some(peer))
                .map(|known| known.addresses)
                .unwrap_or_default();
        }
        self.directs.all.insert(
            id,
            Direct {
                replica,
                member,
                mode,
                incoming: false,
                peer: place.peer,
                address: None,
                since: now.timestamp,
                stage: Stage::Dialling(now.instant + DIRECT_PATIENCE),
                left,
            },
        );
        match place.peer {
            Some(peer) if self.connected.contains(&peer) => self.ask_direct(id, peer, now),
            peer => self.put_direct(DirectOutput::Dial {
                id,
                peer,
                addresses: place.addresses,
            }),
        }
    }

    pub(super) fn direct_dialled(
        &mut self,
        id: ConnectionId,
        result: Result<PeerId, DirectFailure>,
        now: Now,
    ) {
        let Some(one) = self.directs.all.get(&id) else {
            return;
        };
        if !matches!(one.stage, Stage::Dialling(_)) {
            return;
        }
        let met = one.peer.filter(|peer| self.connected.contains(peer));
        match (result, met) {
            (Ok(peer), _) if peer == self.local || one.peer.is_some_and(|named| named != peer) => {
                self.direct_failed(id, DirectFailure::OtherMember, now);
            }
            (Ok(peer), _) | (Err(_), Some(peer)) => self.ask_direct(id, peer, now),
            (Err(failure), None) => self.direct_failed(id, failure, now),
        }
    }

    /// A node connected for whatever reason: whoever waits for it goes on.
    pub(in crate::engine) fn direct_connected(&mut self, peer: PeerId, now: Now) {
        let waiting =
            |one: &Direct| matches!(one.stage, Stage::Dialling(_)) && one.peer == Some(peer);
        for id in self.directs.ids(waiting) {
            self.ask_direct(id, peer, now);
        }
    }

    fn ask_direct(&mut self, id: ConnectionId, peer: PeerId, now: Now) {
        let Some(one) = self.directs.all.get(&id) else {
            return;
        };
        let (replica, mode) = (one.replica, one.mode);
        let Some((asking, request)) = self.question(replica, peer, one.member, Some(mode), now)
        else {
            self.direct_failed(id, DirectFailure::Offline, now);
            return;
        };
        if let Some(one) = self.directs.all.get_mut(&id) {
            let deadline = one.stage.deadline().unwrap_or(now.instant);
            one.peer = Some(peer);
            one.stage = Stage::Asked(deadline, asking);
        }
        self.put_direct(DirectOutput::Ask { id, peer, request });
    }

    fn question(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        member: IdentityKey,
        mode: Option<DirectMode>,
        now: Now,
    ) -> Option<(Asking, Vec<u8>)> {
        let presented = self.presented(&replica, now)?;
        let gate = self.groups.get(&replica)?.gate();
        let pair = (&self.local, &peer);
        Some(Asking::start(
            gate,
            &presented,
            pair,
            member,
            mode,
            &mut self.rng,
        ))
    }

    pub(super) fn direct_answered(
        &mut self,
        id: ConnectionId,
        result: Result<Vec<u8>, DirectFailure>,
        now: Now,
    ) {
        let Some(one) = self.directs.all.get_mut(&id) else {
            return;
        };
        let Some(state) = self.groups.get(&one.replica) else {
            return;
        };
        let (replica, group) = (one.replica, state.group);
        let proven = |asking: &Asking| {
            let reply = result?;
            asking.on_reply(state.gate(), &self.local, &reply, now.timestamp)
        };
        match (&mut one.stage, one.peer) {
            (Stage::Asked(deadline, asking), Some(peer)) => match proven(asking) {
                Ok(proven) => {
                    one.stage = Stage::Opening(*deadline, proven.until);
                    self.learn_shown(replica, proven.gmc, now);
                    // What was learned may have shown that the member is none.
                    if self.directs.all.contains_key(&id) {
                        self.put_direct(DirectOutput::OpenStream {
                            id,
                            group,
                            peer,
                            handle: proven.handle,
                        });
                    }
                }
                Err(failure) => self.direct_failed(id, failure, now),
            },
            (Stage::Open(proof), Some(peer)) => {
                let Some(asking) = proof.renewing.take() else {
                    return;
                };
                // Otherwise it is asked again in a while.
                if let Ok(proven) = proven(&asking) {
                    let member = proven.gmc.subject();
                    self.learn_shown(replica, proven.gmc, now);
                    self.renew_directs(replica, &peer, &member, proven.until);
                }
            }
            (Stage::Dialling(_) | Stage::Opening(..) | Stage::Expected(..), _) | (_, None) => {}
        }
    }

    /// Asks the other side of an open connection for a newer proof.
    pub(super) fn renew_direct(&mut self, id: ConnectionId, now: Now) {
        let Some(one) = self.directs.all.get(&id) else {
            return;
        };
        let (replica, member) = (one.replica, one.member);
        let Some(peer) = one.peer else {
            return;
        };
        let question = self.question(replica, peer, member, None, now);
        if let Some(one) = self.directs.all.get_mut(&id)
            && let Stage::Open(proof) = &mut one.stage
        {
            proof.renew = now.timestamp + RENEWAL_PAUSE;
            let Some((asking, request)) = question else {
                return;
            };
            proof.renewing = Some(asking);
            self.put_direct(DirectOutput::Ask { id, peer, request });
        }
    }

    /// An attempt of ours has failed: tells so, and goes on at the next place.
    pub(super) fn direct_failed(&mut self, id: ConnectionId, reason: DirectFailure, now: Now) {
        if !self.directs.all.get(&id).is_some_and(Direct::is_opening) {
            return;
        }
        let Some(one) = self.directs.all.remove(&id) else {
            return;
        };
        self.put_direct(DirectOutput::Close { id });
        let over = one.left.is_empty() || is_final(reason);
        let next = (!over).then(|| self.directs.fresh());
        self.emit(Event::Direct(DirectEvent::Failed {
            replica: one.replica,
            id,
            next,
            member: one.member,
            reason,
        }));
        if let Some(next) = next {
            self.try_direct(next, (one.replica, one.member, one.mode), one.left, now);
        }
    }
}

/// Whether no other place can help.
fn is_final(reason: DirectFailure) -> bool {
    match reason {
        DirectFailure::Closed
        | DirectFailure::Offline
        | DirectFailure::UnknownMember
        | DirectFailure::TooMany
        | DirectFailure::NoAddress
        | DirectFailure::ConnectSelf => true,
        DirectFailure::Refused
        | DirectFailure::Busy
        | DirectFailure::OtherMember
        | DirectFailure::Unreachable
        | DirectFailure::NotAuthorised
        | DirectFailure::TimedOut
        | DirectFailure::Unsupported
        | DirectFailure::Broken => false,
    }
}

/// Without a peer each address is a place of its own; with one they are dialled together.
fn one_each(place: Place) -> Vec<Place> {
    match place.peer {
        Some(peer) => vec![Place {
            peer: Some(peer),
            addresses: place.addresses.iter().map(|at| split_peer(at).1).collect(),
        }],
        None => place
            .addresses
            .iter()
            .map(|at| {
                let (peer, at) = split_peer(at);
                Place {
                    peer,
                    addresses: vec![at],
                }
            })
            .collect(),
    }
}

/// Where a member is known to be: neighbours first.
fn known_places(state: &GroupState, member: &IdentityKey, now: Now) -> Vec<Place> {
    let mut places: Vec<Place> = state
        .neighbours
        .iter()
        .filter(|(_, neighbour)| neighbour.member() == *member)
        .map(|(peer, neighbour)| Place {
            peer: Some(*peer),
            addresses: neighbour.addresses.clone(),
        })
        .collect();
    for (of, seen) in state.presence.book.present(now.timestamp) {
        let peer = Some(seen.node.peer);
        if of == member && !places.iter().any(|place| place.peer == peer) {
            places.push(Place {
                peer,
                addresses: seen.node.addresses.clone(),
            });
        }
    }
    places
}
