//! The doors of the groups that are open here, and what the application says about them. Our side of a
//! conversation at one is in [`super::porter`], the visitor's in [`super::visit`].
//!
//! Everything a door needs from outside comes through [`Engine::at_the_door`], which sees each input
//! first and passes on what is not for a door.

use std::{collections::BTreeMap, time::Instant};

use libp2p_identity::PeerId;
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordType, ReplicaId},
    order::wins,
};
use sha2::{Digest, Sha256};

use super::{
    ChangeError, CommandId, Engine, Event, ExchangeNumber, Input, Now, change::Own, visit::Visit,
};
use crate::{
    discovery::{PublishSchedule, Rendezvous},
    door::{
        Decision, Door, JoinRequest, Queue, Throttle,
        password::WrongPassword,
        porter::{Porter, may_open},
        visitor::{Proven, Proving},
    },
    group::GroupKey,
    invitation::Accepted,
};

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
    /// Answers [`Output::Stretch`](super::Output::Stretch).
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
    pub(super) porches: BTreeMap<ReplicaId, Porch>,
    /// Conversations in which we have shown ourselves. The network half bounds exchanges.
    pub(super) talks: BTreeMap<ExchangeNumber, Talk>,
    pub(super) visits: BTreeMap<ReplicaId, Visit>,
}

/// A door as one member's node keeps it.
#[derive(Debug, Default)]
pub(super) struct Porch {
    pub(super) held: Option<(SignedRecord, Door)>,
    pub(super) queue: Queue,
    pub(super) throttle: Throttle,
    pub(super) announced: Option<Announced>,
}

#[derive(Debug)]
pub(super) struct Announced {
    pub(super) rendezvous: Rendezvous,
    pub(super) publish: PublishSchedule,
}

#[derive(Debug)]
pub(super) struct Talk {
    pub(super) peer: PeerId,
    pub(super) replica: ReplicaId,
    pub(super) porter: Porter,
}

/// Under which name a replica's door is announced: answers must not be taken for the members' own.
pub(super) fn door_id(replica: &ReplicaId) -> ReplicaId {
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
                let state = self.groups.get(&replica);
                let record = match state {
                    None => Err(ChangeError::NotOpen),
                    Some(state) if state.is_behind() => Err(ChangeError::Behind),
                    Some(state) => record
                        .map(|record| state.outdo_later_life(record))
                        .map_err(ChangeError::from),
                };
                match record {
                    Ok(record) => {
                        let signed = SignedRecord::sign(record, |bytes| key.sign(bytes));
                        let own = Own {
                            command,
                            ..Own::default()
                        };
                        self.store_signed(replica, signed, own, now);
                    }
                    Err(error) => self.reply(command, Err(error)),
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

    pub(super) fn keep_queue(&mut self, replica: ReplicaId) {
        if let Some(porch) = self.doors.porches.get(&replica) {
            let queue = porch.queue.encode();
            self.emit(Event::Door(DoorEvent::QueueChanged { replica, queue }));
        }
    }

    /// Whether we may let somebody in at this group's door now.
    pub(super) fn is_porter(&self, replica: &ReplicaId, now: Now) -> bool {
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
