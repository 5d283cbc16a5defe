//! Doors at which we are the porter, and what the application says about them. The visitor's side is in
//! [`super::visit`].
//!
//! Everything a door needs from outside comes through [`Engine::at_the_door`], which sees each input
//! first and passes on what is not for a door.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordType, ReplicaId},
    order::wins,
};
use sha2::{Digest, Sha256};

use super::{
    CommandId, Engine, Event, ExchangeNumber, Input, Now, Output, change::Own, visit::Visit,
};
use crate::{
    admission::AdmissionError,
    discovery::{Announcement, PublishSchedule, Rendezvous, Stamp},
    door::{
        Decision, Door, DoorError, JoinRequest, Queue, Throttle,
        password::WrongPassword,
        porter::{Bell, Doorstep, Heard, Porter, Purpose, Visited, may_open},
        visitor::{Proven, Proving},
    },
    gmc::{self, IssueOptions},
    group::{GroupKey, Role},
    identity::IdentityCard,
    invitation::{Accepted, Invitation, InvitationDraft, MAX_BOOTSTRAP_ADDRESSES},
};

/// Lifetime of our entry at a door's rendezvous, as at that of the members.
const ENTRY_LIFETIME: Duration = Duration::from_secs(3_600);
/// Separates the names of doors and visits from those of replicas.
const DOOR_DOMAIN: &[u8] = b"peerage door of a replica";

/// What concerns doors, of what the engine is told.
#[derive(Debug)]
pub enum DoorInput {
    /// The requests that were kept of an open group's door.
    Restore {
        /// Which replica.
        replica: ReplicaId,
        /// The queue, as [`DoorEvent::QueueChanged`] gave it.
        queue: Vec<u8>,
    },
    /// The creator opens or closes the door; answered with `Output::Reply`.
    Set {
        /// To be repeated in the reply.
        command: CommandId,
        /// Of which replica's group.
        replica: ReplicaId,
        /// The door from now on.
        door: Box<Door>,
        /// The group's key.
        key: Box<GroupKey>,
    },
    /// A request is decided.
    Decide {
        /// At which replica's door.
        replica: ReplicaId,
        /// Who asked.
        identity: IdentityKey,
        /// What becomes of it.
        decision: Decision,
    },
    /// We want to join a group by its address.
    Visit(Box<super::NewVisit>),
    /// We do not want to any more.
    Leave {
        /// Which visit.
        visit: ReplicaId,
    },
    /// Answers [`Output::Stretch`].
    Stretched {
        /// For which visit.
        visit: ReplicaId,
        /// In which exchange.
        exchange: ExchangeNumber,
        /// The proof, or that the password is wrong.
        result: Result<Box<Proven>, WrongPassword>,
    },
}

/// A password to be stretched, which keeps a processor busy for a good part of a second.
#[derive(Debug)]
pub struct Stretch {
    pub(super) visit: ReplicaId,
    pub(super) exchange: ExchangeNumber,
    pub(super) proving: Box<Proving>,
}

impl Stretch {
    /// Does it; gives the input that answers it.
    #[must_use]
    pub fn run(self) -> Input {
        Input::Door(DoorInput::Stretched {
            visit: self.visit,
            exchange: self.exchange,
            result: self.proving.stretch().map(Box::new),
        })
    }
}

/// What concerns doors, of what the application is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DoorEvent {
    /// Somebody asks to join.
    Asked {
        /// At which replica's door.
        replica: ReplicaId,
        /// Who, and why.
        request: Box<JoinRequest>,
    },
    /// The queue of requests changed and is to be kept.
    QueueChanged {
        /// At which replica's door.
        replica: ReplicaId,
        /// The queue.
        queue: Vec<u8>,
    },
    /// Somebody was let in.
    LetIn {
        /// At which replica's door.
        replica: ReplicaId,
        /// Who.
        member: IdentityKey,
        /// Whether by the password.
        by_password: bool,
    },
    /// One of our visits has come to something.
    Visited {
        /// Which.
        visit: ReplicaId,
        /// To what.
        outcome: VisitOutcome,
    },
}

/// What a visit came to.
#[derive(Debug, Clone)]
pub enum VisitOutcome {
    /// We are a member. The visit is over.
    Admitted(Box<Accepted>),
    /// Our request waits for a decision; we ask again from time to time.
    Waiting,
    /// The password is wrong; nothing more happens until the visit is begun anew.
    Refused,
    /// Nobody who may let us in was found or answered; we try again from time to time.
    Unanswered,
}

/// What may be asked about a door here.
#[derive(Debug)]
pub struct DoorView<'a> {
    /// The door.
    pub door: &'a Door,
    /// The requests at this node.
    pub queue: &'a Queue,
}

/// All doors and visits of a node.
#[derive(Debug, Default)]
pub(super) struct Doors {
    porches: BTreeMap<ReplicaId, Porch>,
    /// Conversations in which we have shown ourselves. The network half bounds exchanges.
    talks: BTreeMap<ExchangeNumber, Talk>,
    pub(super) visits: BTreeMap<ReplicaId, Visit>,
}

/// A door as one member's node keeps it.
#[derive(Debug, Default)]
struct Porch {
    held: Option<(SignedRecord, Door)>,
    queue: Queue,
    throttle: Throttle,
    announced: Option<Announced>,
}

#[derive(Debug)]
struct Announced {
    rendezvous: Rendezvous,
    publish: PublishSchedule,
}

#[derive(Debug)]
struct Talk {
    peer: PeerId,
    replica: ReplicaId,
    porter: Porter,
}

/// Under which name a replica's door is announced: answers must not be taken for the members' own.
fn door_id(replica: &ReplicaId) -> ReplicaId {
    derived(b"announcement", replica.as_bytes())
}

/// Under which name an identity visits a group's door.
#[must_use]
pub fn visit_id(identity: &IdentityKey, group: &GroupId) -> ReplicaId {
    derived(b"visit", ReplicaId::of(identity, group).as_bytes())
}

fn derived(label: &[u8], bytes: &[u8]) -> ReplicaId {
    let digest = Sha256::new()
        .chain_update(DOOR_DOMAIN)
        .chain_update(label)
        .chain_update(bytes)
        .finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ReplicaId::from_bytes(id)
}

impl Engine {
    /// The door of an open group, as it is known here.
    #[must_use]
    pub fn door(&self, replica: &ReplicaId) -> Option<DoorView<'_>> {
        let porch = self.doors.porches.get(replica)?;
        let (_, door) = porch.held.as_ref()?;
        Some(DoorView {
            door,
            queue: &porch.queue,
        })
    }

    /// Takes what is for a door; gives back what is not, or not only.
    pub(super) fn at_the_door(&mut self, input: Input, now: Now) -> Option<Input> {
        match &input {
            Input::Open(open) => {
                let replica = ReplicaId::of(&open.gmc.subject(), &open.gmc.group());
                for signed in &open.members {
                    if signed.record().kind == RecordType::DOOR {
                        self.learn_door(replica, signed);
                    }
                }
            }
            Input::PeerConnected(peer) => self.visit_connected(*peer),
            Input::DialFailed(peer) => self.visit_dial_failed(*peer, now),
            Input::Disconnect { replica } => self.leave_door(*replica, now),
            Input::Close { replica } => {
                self.leave_door(*replica, now);
                self.doors.porches.remove(replica);
            }
            Input::Addresses(_) | Input::CloudReached => {
                for announced in self.doors.announced() {
                    announced.publish.hasten(now.timestamp);
                }
            }
            _ => {}
        }
        match input {
            Input::Door(input) => self.on_door_input(input, now),
            Input::ExchangeStarted {
                peer,
                replica,
                exchange,
            } if self.doors.visits.contains_key(&replica) => {
                self.visit_started(replica, peer, exchange, now);
            }
            Input::Discovered { replica, set } if self.doors.visits.contains_key(&replica) => {
                self.visit_discovered(replica, &set, now);
            }
            Input::Announced { replica, result } if self.doors.is_door(&replica) => {
                self.on_door_announced(replica, result, now);
            }
            Input::ExchangeFrame {
                exchange,
                peer,
                frame,
            } => {
                let taken = self.visit_frame(exchange, &frame, now)
                    || self.on_talk_frame(exchange, &frame, now)
                    || self.on_ring(exchange, peer, &frame, now);
                return (!taken).then_some(Input::ExchangeFrame {
                    exchange,
                    peer,
                    frame,
                });
            }
            Input::ExchangeEnded { exchange } => {
                let taken =
                    self.visit_ended(exchange, now) || self.doors.talks.remove(&exchange).is_some();
                return (!taken).then_some(Input::ExchangeEnded { exchange });
            }
            other => return Some(other),
        }
        None
    }

    fn on_door_input(&mut self, input: DoorInput, now: Now) {
        match input {
            DoorInput::Restore { replica, queue } => {
                let porch = self.doors.porches.entry(replica).or_default();
                porch.queue = Queue::decode(&queue);
            }
            DoorInput::Set {
                command,
                replica,
                door,
                key,
            } => {
                let porch = self.doors.porches.entry(replica).or_default();
                let held = porch.held.as_ref().map(|(held, _)| held);
                let record = door.record(held, &key, now.timestamp);
                let command = Some(command);
                match record {
                    Ok(signed) => {
                        let own = Own {
                            command,
                            ..Own::default()
                        };
                        self.store_signed(replica, signed, own, now);
                    }
                    Err(error) => self.reply(command, Err(error.into())),
                }
            }
            DoorInput::Decide {
                replica,
                identity,
                decision,
            } => {
                if let Some(porch) = self.doors.porches.get_mut(&replica)
                    && porch
                        .queue
                        .decide(&identity, decision, now.timestamp)
                        .is_ok()
                {
                    self.keep_queue(replica);
                }
            }
            DoorInput::Visit(visit) => self.visit(*visit, now),
            DoorInput::Leave { visit } => self.leave_visit(visit),
            DoorInput::Stretched {
                visit,
                exchange,
                result,
            } => self.visit_stretched(visit, exchange, result, now),
        }
    }

    /// Takes a door record that has been validated, if it is newer than the one held.
    pub(super) fn learn_door(&mut self, replica: ReplicaId, record: &SignedRecord) {
        let Ok(door) = Door::decode(&record.record().payload) else {
            return;
        };
        let porch = self.doors.porches.entry(replica).or_default();
        let newer = porch
            .held
            .as_ref()
            .is_none_or(|(held, _)| wins(record, held).is_gt());
        if !newer {
            return;
        }
        let moved = porch
            .held
            .as_ref()
            .is_none_or(|(_, held)| held.secret != door.secret);
        if moved {
            porch.announced = None;
        }
        porch.held = Some((record.clone(), door));
    }

    fn keep_queue(&mut self, replica: ReplicaId) {
        if let Some(porch) = self.doors.porches.get(&replica) {
            let queue = porch.queue.encode();
            self.emit(Event::Door(DoorEvent::QueueChanged { replica, queue }));
        }
    }

    /// Whether we may let somebody in at this group's door now.
    fn is_porter(&self, replica: &ReplicaId, now: Now) -> bool {
        let open = self
            .doors
            .porches
            .get(replica)
            .and_then(|porch| porch.held.as_ref())
            .is_some_and(|(_, door)| !door.kinds().is_closed());
        open && self.groups.get(replica).is_some_and(|state| {
            state.online.is_some() && may_open(&state.gmc) && state.gmc.valid_at(now.timestamp)
        })
    }

    /// The first frame of an exchange may be a ring at one of our doors.
    fn on_ring(&mut self, exchange: ExchangeNumber, peer: PeerId, frame: &[u8], now: Now) -> bool {
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
                    self.refuse(exchange, peer, &AdmissionError::from(error), now);
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

    fn on_talk_frame(&mut self, exchange: ExchangeNumber, frame: &[u8], now: Now) -> bool {
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
            Err(error) => self.refuse(exchange, peer, &AdmissionError::from(error), now),
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
        use crate::door::Asked;
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
    fn leave_door(&mut self, replica: ReplicaId, now: Now) {
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

    fn on_door_announced(&mut self, id: ReplicaId, result: Result<(), ()>, now: Now) {
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

    /// When a door or a visit wants to be looked at again.
    pub(super) fn doors_wakeup(&self, now: Now) -> Option<Instant> {
        let doors = self
            .doors
            .porches
            .iter()
            .filter(|(replica, _)| self.is_porter(replica, now))
            .map(|(_, porch)| match &porch.announced {
                Some(announced) => {
                    now.instant + announced.publish.next(now.timestamp).since(now.timestamp)
                }
                None => now.instant,
            });
        let visits = self
            .doors
            .visits
            .values()
            .filter_map(|visit| visit.next_wakeup(now));
        doors.chain(visits).min()
    }

    pub(super) fn door_talks(&self) -> usize {
        self.doors.talks.len()
    }
}

impl Doors {
    fn is_door(&self, id: &ReplicaId) -> bool {
        self.porches.keys().any(|replica| door_id(replica) == *id)
    }

    fn announced(&mut self) -> impl Iterator<Item = &mut Announced> {
        self.porches
            .values_mut()
            .filter_map(|porch| porch.announced.as_mut())
    }
}
