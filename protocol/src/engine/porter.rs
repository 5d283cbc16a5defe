//! Our side of conversations at doors: greeting, letting in, and being found there.

use std::time::Duration;

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_records::id::{GroupId, ReplicaId};

use super::{
    DoorEvent, Engine, Event, ExchangeNumber, Now, Output,
    door::{Announced, Talk, door_id},
};
use crate::{
    admission::AdmissionError,
    discovery::{Announcement, PublishSchedule, Rendezvous, Stamp},
    door::{
        Asked, DoorError,
        porter::{Bell, Doorstep, Heard, Purpose, Visited},
    },
    gmc::{self, IssueOptions},
    group::Role,
    identity::IdentityCard,
    invitation::{Invitation, InvitationDraft, MAX_BOOTSTRAP_ADDRESSES},
};

/// Lifetime of our entry at a door's rendezvous, as at that of the members.
const ENTRY_LIFETIME: Duration = Duration::from_secs(3_600);

impl Engine {
    /// The first frame of an exchange may be a ring at one of our doors.
    pub(super) fn on_ring(
        &mut self,
        exchange: ExchangeNumber,
        peer: PeerId,
        frame: &[u8],
        now: Now,
    ) -> bool {
        if self.exchanges.contains_key(&exchange) || self.doors.porches.is_empty() {
            return false;
        }
        let bells: Vec<(GroupId, ReplicaId)> = self
            .online
            .iter()
            .filter(|(_, replica)| self.is_porter(replica, now))
            .map(|(group, replica)| (*group, *replica))
            .collect();
        let doors = bells.iter().filter_map(|(group, replica)| {
            let (_, door) = self.doors.porches.get(replica)?.held.as_ref()?;
            Some(Bell { group, door })
        });
        match Heard::ring(frame, doors, &self.local, &peer) {
            None => return false,
            Some(heard) => {
                let greeted = heard.and_then(|heard| self.greet(exchange, peer, heard, now));
                if let Err(error) = greeted {
                    self.refuse(exchange, None, peer, &AdmissionError::from(error), now);
                }
            }
        }
        true
    }

    fn greet(
        &mut self,
        exchange: ExchangeNumber,
        peer: PeerId,
        heard: Heard,
        now: Now,
    ) -> Result<(), DoorError> {
        let group = heard.group();
        let replica = *self.online.get(&group).ok_or(DoorError::Closed)?;
        let presented = self.presented(&replica, now).ok_or(DoorError::Closed)?;
        let porch = self
            .doors
            .porches
            .get_mut(&replica)
            .ok_or(DoorError::Closed)?;
        let allowed = if heard.tries_password() {
            porch.throttle.attempt(peer, now.instant)
        } else {
            porch.throttle.ring(peer, now.instant)
        };
        if !allowed {
            return Err(DoorError::Throttled);
        }
        let (_, door) = porch.held.as_ref().ok_or(DoorError::Closed)?;
        let (porter, frame) = heard.greet(door, &presented, &mut self.rng)?;
        let talk = Talk {
            peer,
            replica,
            porter,
        };
        self.doors.talks.insert(exchange, talk);
        self.outputs
            .push_back(Output::SendExchange { exchange, frame });
        Ok(())
    }

    pub(super) fn on_talk_frame(
        &mut self,
        exchange: ExchangeNumber,
        frame: &[u8],
        now: Now,
    ) -> bool {
        let Some(talk) = self.doors.talks.remove(&exchange) else {
            return false;
        };
        let Talk {
            peer,
            replica,
            porter,
        } = talk;
        let answer = porter
            .on_visit(frame, now.timestamp)
            .and_then(|(visited, step)| self.let_in(replica, peer, visited, step, now));
        match answer {
            // The visitor ends the exchange when it has read this.
            Ok(frame) => self
                .outputs
                .push_back(Output::SendExchange { exchange, frame }),
            Err(error) => self.refuse(exchange, None, peer, &AdmissionError::from(error), now),
        }
        true
    }

    fn let_in(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        visited: Visited,
        step: Doorstep,
        now: Now,
    ) -> Result<Vec<u8>, DoorError> {
        let Visited { card, purpose } = visited;
        if !self.is_porter(&replica, now) {
            return Err(DoorError::Closed);
        }
        let porch = self
            .doors
            .porches
            .get_mut(&replica)
            .ok_or(DoorError::Closed)?;
        match purpose {
            Purpose::Password => {
                porch.throttle.succeeded(&peer);
                // Who was removed does not come back by itself; who left may.
                let removed = self.groups.get(&replica).is_some_and(|state| {
                    let revoked = state.roster.revoked(&card.key());
                    revoked.is_some_and(|revocation| revocation.revoker() != card.key())
                });
                if removed {
                    return Err(DoorError::Unwelcome);
                }
                let role = porch
                    .held
                    .as_ref()
                    .and_then(|(_, door)| door.password.as_ref())
                    .map(|door| door.role)
                    .ok_or(DoorError::Closed)?;
                let invitation = self.invite_visitor(replica, &card, role, now)?;
                self.emit(Event::Door(DoorEvent::LetIn {
                    replica,
                    member: card.key(),
                    by_password: true,
                }));
                Ok(step.invite(&invitation))
            }
            Purpose::Request(note) => self.take_request(replica, &card, note, step, now),
        }
    }

    fn take_request(
        &mut self,
        replica: ReplicaId,
        card: &IdentityCard,
        note: String,
        step: Doorstep,
        now: Now,
    ) -> Result<Vec<u8>, DoorError> {
        let Some(state) = self.groups.get(&replica) else {
            return Err(DoorError::Closed);
        };
        let porch = self
            .doors
            .porches
            .get_mut(&replica)
            .ok_or(DoorError::Closed)?;
        // Who has come in makes room for others.
        porch
            .queue
            .forget_accepted(|member| *member != card.key() && state.roster.get(member).is_some());
        match porch.queue.ask(card.clone(), note, now.timestamp) {
            Asked::New => {
                let request = porch.queue.get(&card.key()).cloned();
                self.keep_queue(replica);
                if let Some(request) = request.map(Box::new) {
                    self.emit(Event::Door(DoorEvent::Asked { replica, request }));
                }
                Ok(step.wait())
            }
            Asked::Waiting => Ok(step.wait()),
            Asked::Accepted(invitation) => {
                let frame = step.invite(invitation);
                self.emit(Event::Door(DoorEvent::LetIn {
                    replica,
                    member: card.key(),
                    by_password: false,
                }));
                Ok(frame)
            }
            Asked::Denied => Err(DoorError::Unwelcome),
            Asked::Full => Err(DoorError::QueueFull),
        }
    }

    /// An invitation like any other, made out to who is at the door.
    fn invite_visitor(
        &mut self,
        replica: ReplicaId,
        card: &IdentityCard,
        role: Role,
        now: Now,
    ) -> Result<Invitation, DoorError> {
        let state = self.groups.get(&replica).ok_or(DoorError::Closed)?;
        // Void ones count too: the new one must be later than any revocation of it.
        let current = state.roster.credential(&card.key());
        let chain = gmc::issue(
            &state.identity,
            &state.gmc,
            card,
            current,
            &IssueOptions::new(role),
            now.timestamp,
            &mut self.rng,
        )?;
        let own = self
            .addresses
            .iter()
            .map(|address| address.clone().with(Protocol::P2p(self.local)));
        let others = state.neighbours.iter().filter_map(|(peer, neighbour)| {
            let address = neighbour.addresses.first()?;
            Some(address.clone().with(Protocol::P2p(*peer)))
        });
        let bootstrap: Vec<Multiaddr> = own.chain(others).take(MAX_BOOTSTRAP_ADDRESSES).collect();
        let draft = InvitationDraft {
            chain,
            cloud: state.cloud.clone(),
            bootstrap,
            note: None,
        };
        let secret = &state.secret;
        Ok(Invitation::create(
            draft,
            &state.identity,
            card,
            secret,
            &mut self.rng,
        )?)
    }

    /// Announces us at the doors where we are porter, as far as that is due.
    pub(super) fn tick_doors(&mut self, now: Now) {
        let replicas: Vec<ReplicaId> = self.doors.porches.keys().copied().collect();
        for replica in replicas {
            if self.is_porter(&replica, now) {
                self.announce_door(replica, now);
            }
        }
        self.tick_visits(now);
    }

    fn announce_door(&mut self, replica: ReplicaId, now: Now) {
        let Some(cloud) = self.groups.get(&replica).map(|state| state.cloud.clone()) else {
            return;
        };
        let Some(porch) = self.doors.porches.get_mut(&replica) else {
            return;
        };
        let Some((_, door)) = &porch.held else {
            return;
        };
        let announced = porch.announced.get_or_insert_with(|| Announced {
            rendezvous: Rendezvous::new(&door.secret.rendezvous(), &cloud),
            publish: PublishSchedule::new(ENTRY_LIFETIME),
        });
        if announced.publish.next(now.timestamp) > now.timestamp {
            return;
        }
        let stamp = announced.publish.publish(now.timestamp, &mut self.rng);
        let local = self.local;
        let Some(presented) = self.presented(&replica, now) else {
            return;
        };
        let announcement =
            Announcement::online(local, presented.addresses, presented.binding.to_vec());
        if let Ok(announcement) = announcement {
            self.put_announcement(replica, &announcement, stamp);
        }
    }

    fn put_announcement(&mut self, replica: ReplicaId, announcement: &Announcement, stamp: Stamp) {
        let Some(announced) = self
            .doors
            .porches
            .get(&replica)
            .and_then(|porch| porch.announced.as_ref())
        else {
            return;
        };
        let rendezvous = &announced.rendezvous;
        let sealed = rendezvous.seal(&mut self.rng, announcement, stamp.sequence, stamp.expires);
        if let Ok(set) = sealed {
            self.outputs.push_back(Output::Announce {
                replica: door_id(&replica),
                key: rendezvous.key(),
                set,
            });
        }
    }

    /// We go offline with a group: nobody is to look for us at its door.
    pub(super) fn leave_door(&mut self, replica: ReplicaId, now: Now) {
        let stamp = self
            .doors
            .porches
            .get_mut(&replica)
            .and_then(|porch| porch.announced.as_mut())
            .and_then(|announced| announced.publish.withdraw(now.timestamp));
        if let Some(stamp) = stamp {
            self.put_announcement(replica, &Announcement::withdrawn(self.local), stamp);
        }
        let ended: Vec<ExchangeNumber> = self
            .doors
            .talks
            .iter()
            .filter(|(_, talk)| talk.replica == replica)
            .map(|(exchange, _)| *exchange)
            .collect();
        for exchange in ended {
            self.doors.talks.remove(&exchange);
            self.outputs.push_back(Output::EndExchange { exchange });
        }
    }

    pub(super) fn on_door_announced(&mut self, id: ReplicaId, result: Result<(), ()>, now: Now) {
        for (replica, porch) in &mut self.doors.porches {
            if door_id(replica) == id
                && let Some(announced) = &mut porch.announced
            {
                match result {
                    Ok(()) => announced.publish.succeeded(),
                    Err(()) => announced.publish.failed(now.timestamp, &mut self.rng),
                }
            }
        }
    }
}
