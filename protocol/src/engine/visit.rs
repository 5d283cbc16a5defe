//! Our visits at doors of groups whose address we have: finding a porter, ringing, asking again.
//!
//! A visit goes round all porters it knows, one after the other. When the round is over and has not led
//! to a membership, it says how things stand and begins another one after a pause that grows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_records::id::ReplicaId;

use super::{
    DoorEvent, Engine, Event, ExchangeNumber, Now, Output, Stretch, VisitOutcome, door::visit_id,
};
use crate::{
    binding::NodeBinding,
    discovery::{Presence, Rendezvous, SearchSchedule, VerifiedSet},
    door::{
        DoorError, GroupAddress,
        password::{Password, WrongPassword},
        visitor::{Caller, Met, Outcome, Proven, Rung, Waiting},
    },
    identity::Identity,
};

/// Visits at once; each is a group somebody wants to join.
pub const MAX_VISITS: usize = 64;
/// Porters known to one visit; who has the address can announce any number.
const MAX_CANDIDATES: usize = 32;
/// How long one porter may take, from the dial to the answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause after the first round, and the longest one: how long an accepted request waits at most
/// until it is noticed.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// A group we want to join.
#[derive(Debug)]
pub struct NewVisit {
    /// As whom.
    pub identity: Arc<Identity>,
    /// Where.
    pub address: GroupAddress,
    /// On what grounds.
    pub entry: Entry,
}

/// On what grounds we want to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// We know the password.
    Password(Password),
    /// We ask, with this note.
    Request(String),
}

#[derive(Debug)]
pub(super) struct Visit {
    identity: Arc<Identity>,
    address: GroupAddress,
    entry: Entry,
    rendezvous: Rendezvous,
    search: SearchSchedule,
    candidates: Vec<Candidate>,
    stage: Stage,
    /// When the next round begins.
    next: Instant,
    pause: Duration,
    round: Round,
}

#[derive(Debug)]
struct Candidate {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    tried: bool,
}

/// What this round has brought so far.
#[derive(Debug, Default)]
struct Round {
    waiting: bool,
    wrong: bool,
}

#[derive(Debug)]
enum Stage {
    /// Between two rounds.
    Idle,
    /// On the way to a porter.
    Reaching(PeerId, Instant),
    /// At a porter's door.
    Calling(PeerId, Instant, ExchangeNumber, Call),
    /// The password is wrong.
    Stopped,
}

#[derive(Debug)]
enum Call {
    Rung(Box<Rung>),
    Stretching,
    Shown(Waiting),
}

impl Visit {
    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let search = now.instant + self.search.next(now.timestamp).since(now.timestamp);
        match &self.stage {
            Stage::Idle => Some(self.next.min(search)),
            Stage::Reaching(_, until) | Stage::Calling(_, until, ..) => Some((*until).min(search)),
            Stage::Stopped => None,
        }
    }

    fn exchange(&self) -> Option<ExchangeNumber> {
        match &self.stage {
            Stage::Calling(_, _, exchange, _) => Some(*exchange),
            Stage::Idle | Stage::Reaching(..) | Stage::Stopped => None,
        }
    }

    fn suggest(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        if let Some(known) = self.candidates.iter_mut().find(|known| known.peer == peer) {
            known.addresses = addresses;
            return false;
        }
        if self.candidates.len() >= MAX_CANDIDATES {
            return false;
        }
        self.candidates.push(Candidate {
            peer,
            addresses,
            tried: false,
        });
        true
    }

    fn password(&self) -> Option<&Password> {
        match &self.entry {
            Entry::Password(password) => Some(password),
            Entry::Request(_) => None,
        }
    }
}

impl Engine {
    /// Whether this visit goes on.
    #[must_use]
    pub fn is_visiting(&self, visit: &ReplicaId) -> bool {
        self.doors
            .visits
            .get(visit)
            .is_some_and(|visit| !matches!(visit.stage, Stage::Stopped))
    }

    /// Begins a visit, or begins it anew.
    pub(super) fn visit(&mut self, new: NewVisit, now: Now) {
        let id = visit_id(&new.identity.key(), &new.address.group());
        self.leave_visit(id);
        if self.doors.visits.len() >= MAX_VISITS {
            let outcome = VisitOutcome::Unanswered;
            self.emit(Event::Door(DoorEvent::Visited { visit: id, outcome }));
            return;
        }
        let secret = new.address.secret().rendezvous();
        let mut visit = Visit {
            rendezvous: Rendezvous::new(&secret, new.address.cloud()),
            search: SearchSchedule::new(),
            candidates: Vec::new(),
            stage: Stage::Idle,
            next: now.instant,
            pause: FIRST_PAUSE,
            round: Round::default(),
            identity: new.identity,
            entry: new.entry,
            address: new.address,
        };
        let mut known: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
        for mut address in visit.address.bootstrap().to_vec() {
            let Some(Protocol::P2p(peer)) = address.pop() else {
                continue;
            };
            match known.iter_mut().find(|(other, _)| *other == peer) {
                Some((_, addresses)) => addresses.push(address),
                None => known.push((peer, vec![address])),
            }
        }
        for (peer, addresses) in known {
            if peer != self.local {
                visit.suggest(peer, addresses);
            }
        }
        self.doors.visits.insert(id, visit);
    }

    pub(super) fn leave_visit(&mut self, id: ReplicaId) {
        if let Some(exchange) = self
            .doors
            .visits
            .remove(&id)
            .and_then(|visit| visit.exchange())
        {
            self.outputs.push_back(Output::EndExchange { exchange });
        }
    }

    pub(super) fn tick_visits(&mut self, now: Now) {
        let ids: Vec<ReplicaId> = self.doors.visits.keys().copied().collect();
        for id in ids {
            let Some(visit) = self.doors.visits.get_mut(&id) else {
                continue;
            };
            if matches!(visit.stage, Stage::Stopped) {
                continue;
            }
            if visit.search.next(now.timestamp) <= now.timestamp {
                visit.search.search(now.timestamp, &mut self.rng);
                self.outputs.push_back(Output::LookUp {
                    replica: id,
                    key: visit.rendezvous.key(),
                });
            }
            match visit.stage {
                Stage::Idle if visit.next <= now.instant => self.call_next(id, now),
                Stage::Reaching(_, until) if until <= now.instant => self.call_next(id, now),
                Stage::Calling(_, until, exchange, _) if until <= now.instant => {
                    self.outputs.push_back(Output::EndExchange { exchange });
                    self.call_next(id, now);
                }
                _ => {}
            }
        }
    }

    /// Goes to the next porter, or ends the round.
    fn call_next(&mut self, id: ReplicaId, now: Now) {
        let Some(visit) = self.doors.visits.get_mut(&id) else {
            return;
        };
        let next = visit.candidates.iter_mut().find(|known| !known.tried);
        if let Some(candidate) = next {
            candidate.tried = true;
            let (peer, addresses) = (candidate.peer, candidate.addresses.clone());
            visit.stage = Stage::Reaching(peer, now.instant + PATIENCE);
            self.outputs.push_back(if self.connected.contains(&peer) {
                Output::StartExchange { peer, replica: id }
            } else {
                Output::Dial { peer, addresses }
            });
            return;
        }
        for candidate in &mut visit.candidates {
            candidate.tried = false;
        }
        let round = std::mem::take(&mut visit.round);
        let outcome = if round.wrong {
            visit.stage = Stage::Stopped;
            VisitOutcome::Refused
        } else {
            visit.stage = Stage::Idle;
            visit.next = now.instant + visit.pause;
            visit.pause = (visit.pause * 2).min(LAST_PAUSE);
            if round.waiting {
                VisitOutcome::Waiting
            } else {
                VisitOutcome::Unanswered
            }
        };
        self.emit(Event::Door(DoorEvent::Visited { visit: id, outcome }));
    }

    pub(super) fn visit_connected(&mut self, peer: PeerId) {
        for (id, visit) in &self.doors.visits {
            if matches!(&visit.stage, Stage::Reaching(wanted, _) if *wanted == peer) {
                self.outputs
                    .push_back(Output::StartExchange { peer, replica: *id });
            }
        }
    }

    pub(super) fn visit_dial_failed(&mut self, peer: PeerId, now: Now) {
        let failed: Vec<ReplicaId> = self
            .doors
            .visits
            .iter()
            .filter(
                |(_, visit)| matches!(&visit.stage, Stage::Reaching(wanted, _) if *wanted == peer),
            )
            .map(|(id, _)| *id)
            .collect();
        for id in failed {
            self.call_next(id, now);
        }
    }

    pub(super) fn visit_started(
        &mut self,
        id: ReplicaId,
        peer: PeerId,
        exchange: Option<ExchangeNumber>,
        now: Now,
    ) {
        let expected =
            self.doors.visits.get_mut(&id).filter(
                |visit| matches!(&visit.stage, Stage::Reaching(wanted, _) if *wanted == peer),
            );
        let (visit, exchange) = match (expected, exchange) {
            (Some(visit), Some(exchange)) => (visit, exchange),
            (Some(_), None) => return self.call_next(id, now),
            (None, exchange) => {
                if let Some(exchange) = exchange {
                    self.outputs.push_back(Output::EndExchange { exchange });
                }
                return;
            }
        };
        let rung = Rung::ring(
            &visit.address,
            visit.password(),
            &self.local,
            &peer,
            &mut self.rng,
        );
        match rung {
            Ok((rung, frame)) => {
                let until = now.instant + PATIENCE;
                visit.stage = Stage::Calling(peer, until, exchange, Call::Rung(Box::new(rung)));
                self.outputs
                    .push_back(Output::SendExchange { exchange, frame });
            }
            Err(_) => {
                // Only a password that is none cannot be rung with.
                visit.round.wrong = true;
                self.outputs.push_back(Output::EndExchange { exchange });
                self.call_next(id, now);
            }
        }
    }

    fn visit_of(&self, exchange: ExchangeNumber) -> Option<ReplicaId> {
        self.doors
            .visits
            .iter()
            .find(|(_, visit)| visit.exchange() == Some(exchange))
            .map(|(id, _)| *id)
    }

    pub(super) fn visit_frame(&mut self, exchange: ExchangeNumber, frame: &[u8], now: Now) -> bool {
        let Some(id) = self.visit_of(exchange) else {
            return false;
        };
        let Some(visit) = self.doors.visits.get_mut(&id) else {
            return false;
        };
        let stage = std::mem::replace(&mut visit.stage, Stage::Idle);
        let Stage::Calling(peer, until, _, call) = stage else {
            return false;
        };
        match self.visit_step(id, exchange, call, frame, now) {
            Ok(Some(call)) => {
                if let Some(visit) = self.doors.visits.get_mut(&id) {
                    visit.stage = Stage::Calling(peer, until, exchange, call);
                }
            }
            Ok(None) => {}
            Err(error) => {
                self.outputs.push_back(Output::EndExchange { exchange });
                self.emit(Event::AdmissionRefused {
                    replica: None,
                    peer,
                    reason: error.reason(),
                });
                self.call_next(id, now);
            }
        }
        true
    }

    /// What follows from a porter's frame; `None` when the conversation is over.
    fn visit_step(
        &mut self,
        id: ReplicaId,
        exchange: ExchangeNumber,
        call: Call,
        frame: &[u8],
        now: Now,
    ) -> Result<Option<Call>, DoorError> {
        let Some(visit) = self.doors.visits.get_mut(&id) else {
            return Ok(None);
        };
        match call {
            Call::Rung(rung) => {
                let met = rung.on_greeting(&visit.address, frame, now.timestamp, &mut self.rng)?;
                match (met, &visit.entry) {
                    (Met::Password(proving), _) => {
                        self.outputs.push_back(Output::Stretch(Box::new(Stretch {
                            visit: id,
                            exchange,
                            proving,
                        })));
                        Ok(Some(Call::Stretching))
                    }
                    (Met::Request(asking), Entry::Request(note)) => {
                        let caller = caller(&visit.identity, self.local, self.boot, now);
                        let (waiting, frame) = asking.ask(&caller, note);
                        self.outputs
                            .push_back(Output::SendExchange { exchange, frame });
                        Ok(Some(Call::Shown(waiting)))
                    }
                    (Met::Request(_), Entry::Password(_)) => Err(DoorError::OutOfTurn),
                }
            }
            Call::Stretching => Err(DoorError::OutOfTurn),
            Call::Shown(waiting) => {
                let outcome = waiting.on_answer(&visit.address, frame)?;
                let accepted = match outcome {
                    Outcome::Waiting => None,
                    Outcome::Invited(invitation) => {
                        Some(invitation.accept(&visit.identity, now.timestamp)?)
                    }
                };
                self.outputs.push_back(Output::EndExchange { exchange });
                match accepted {
                    Some(accepted) => {
                        self.doors.visits.remove(&id);
                        let outcome = VisitOutcome::Admitted(Box::new(accepted));
                        self.emit(Event::Door(DoorEvent::Visited { visit: id, outcome }));
                    }
                    None => {
                        visit.round.waiting = true;
                        self.call_next(id, now);
                    }
                }
                Ok(None)
            }
        }
    }

    pub(super) fn visit_stretched(
        &mut self,
        id: ReplicaId,
        exchange: ExchangeNumber,
        result: Result<Box<Proven>, WrongPassword>,
        now: Now,
    ) {
        let Some(visit) = self.doors.visits.get_mut(&id) else {
            return;
        };
        let Stage::Calling(_, _, current, call @ Call::Stretching) = &mut visit.stage else {
            return;
        };
        if *current != exchange {
            return;
        }
        match result {
            Ok(proven) => {
                let caller = caller(&visit.identity, self.local, self.boot, now);
                let (waiting, frame) = proven.show(&caller);
                *call = Call::Shown(waiting);
                self.outputs
                    .push_back(Output::SendExchange { exchange, frame });
            }
            Err(_) => {
                visit.round.wrong = true;
                self.outputs.push_back(Output::EndExchange { exchange });
                self.call_next(id, now);
            }
        }
    }

    /// The porter ended the conversation, or it took too long.
    pub(super) fn visit_ended(&mut self, exchange: ExchangeNumber, now: Now) -> bool {
        let Some(id) = self.visit_of(exchange) else {
            return false;
        };
        self.call_next(id, now);
        true
    }

    pub(super) fn visit_discovered(&mut self, id: ReplicaId, set: &VerifiedSet, now: Now) {
        let Some(visit) = self.doors.visits.get_mut(&id) else {
            return;
        };
        let mut news = false;
        for sighting in visit.rendezvous.open(set, now.timestamp).online {
            let announcement = sighting.announcement;
            let peer = *announcement.peer();
            if let Presence::Online(addresses) = announcement.presence()
                && peer != self.local
            {
                news |= visit.suggest(peer, addresses.clone());
            }
        }
        if news && matches!(visit.stage, Stage::Idle) {
            self.call_next(id, now);
        }
    }
}

fn caller(identity: &Identity, local: PeerId, boot: [u8; 16], now: Now) -> Caller {
    Caller {
        card: identity.card(),
        binding: NodeBinding::create(identity, local, now.timestamp, boot),
    }
}
