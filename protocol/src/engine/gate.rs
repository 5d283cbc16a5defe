//! Admission exchanges, and what they lead to.

use std::time::Duration;

use libp2p_identity::PeerId;
use peerage_records::{id::ReplicaId, time::Timestamp};

use super::{ConnectFailure, Engine, Event, ExchangeNumber, Now, Output};
use crate::{
    admission::{
        self, AdmissionError, Admitted, Chooser, Gate, Heard, Outcome, REFUSAL_DELAY, Responder,
        is_chooser, write_referrals,
    },
    neighbours::{MAX_NEIGHBOURS, MIN_NEIGHBOURS},
    wire::link::LinkFrame,
};

/// Refusals waiting for their moment. The network half bounds exchanges per peer; this bounds them
/// in all, and what is over it is refused at once.
pub(crate) const MAX_REFUSALS: usize = 4_096;

/// How long a neighbour that is sent away may take to read where else to go.
pub(crate) const FAREWELL_TIME: Duration = Duration::from_secs(2);
/// Neighbours sent away whose links are not closed yet, over all groups; over it they are cut at once.
pub(crate) const MAX_LEAVING: usize = 256;

/// Links with nodes of one member: a person with two machines, but not one who would be all of our
/// neighbours.
pub(crate) const MAX_LINKS_PER_MEMBER: usize = 2;

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Exchange {
    peer: PeerId,
    state: State,
}

#[derive(Debug)]
enum State {
    /// We sent Hello.
    Chooser(ReplicaId, Chooser),
    /// We sent Reply.
    Responder(ReplicaId, Box<Responder>),
    /// Nothing more is expected; it ends when its time has come.
    Over,
}

impl Engine {
    pub(super) fn on_knock(&mut self, peer: PeerId, bytes: &[u8], _now: Now) {
        let heard = admission::hear_knock(bytes, self.gates(), &self.local, &peer);
        let Ok(group) = heard else {
            return;
        };
        let Some(replica) = self.online.get(&group).copied() else {
            return;
        };
        let welcome = self
            .groups
            .get(&replica)
            .is_some_and(|state| !state.neighbours.is_banned(&peer));
        if welcome && is_chooser(&self.local, &peer) {
            self.outputs
                .push_back(Output::StartExchange { peer, replica });
        }
    }

    pub(super) fn on_exchange_started(
        &mut self,
        peer: PeerId,
        replica: ReplicaId,
        exchange: Option<ExchangeNumber>,
        now: Now,
    ) {
        let Some(exchange) = exchange else {
            self.approach_failed(replica, &peer, ConnectFailure::Unreachable, now);
            return;
        };
        // One at a time: two could end as two links under two names, one on each side.
        if self.is_choosing(replica, &peer) {
            self.outputs.push_back(Output::EndExchange { exchange });
            return;
        }
        let Some(presented) = self.presented(&replica, now) else {
            self.outputs.push_back(Output::EndExchange { exchange });
            self.approach_failed(replica, &peer, ConnectFailure::Offline, now);
            return;
        };
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let (chooser, frame) =
            Chooser::start(state.gate(), &presented, &self.local, &peer, &mut self.rng);
        let state = State::Chooser(replica, chooser);
        self.exchanges.insert(exchange, Exchange { peer, state });
        self.outputs
            .push_back(Output::SendExchange { exchange, frame });
    }

    pub(super) fn on_exchange_frame(
        &mut self,
        exchange: ExchangeNumber,
        peer: PeerId,
        frame: &[u8],
        now: Now,
    ) {
        match self.exchanges.remove(&exchange) {
            None => self.on_hello(exchange, peer, frame, now),
            Some(Exchange {
                state: State::Chooser(replica, chooser),
                ..
            }) => self.on_reply(exchange, peer, replica, &chooser, frame, now),
            Some(Exchange {
                state: State::Responder(replica, responder),
                ..
            }) => match responder.on_confirm(frame) {
                Ok(admitted) => {
                    self.admit(exchange, replica, &admitted, now);
                    self.outputs.push_back(Output::EndExchange { exchange });
                }
                Err(error) => self.refuse(exchange, Some(replica), peer, &error, now),
            },
            Some(Exchange {
                state: State::Over, ..
            }) => self.refuse(exchange, None, peer, &AdmissionError::OutOfTurn, now),
        }
    }

    fn on_hello(&mut self, exchange: ExchangeNumber, peer: PeerId, frame: &[u8], now: Now) {
        let gates: Vec<Gate<'_>> = self
            .online
            .values()
            .filter_map(|replica| self.groups.get(replica))
            .map(|state| state.gate())
            .collect();
        let heard = Heard::hello(
            frame,
            gates.into_iter(),
            &self.local,
            &peer,
            now.timestamp,
            &mut self.rng,
        )
        .and_then(|heard| {
            let replica = self
                .online
                .get(&heard.admitted().group)
                .ok_or(AdmissionError::UnknownGroup)?;
            let state = self
                .groups
                .get(replica)
                .ok_or(AdmissionError::UnknownGroup)?;
            if state.neighbours.is_banned(&peer) {
                return Err(AdmissionError::Unwelcome);
            }
            Ok((*replica, heard))
        });
        match heard {
            Ok((replica, heard)) => {
                self.saw_clock(peer, Some(heard.admitted().vouched), now);
                self.answer(exchange, peer, replica, heard, now);
            }
            Err(error) => {
                self.saw_clock(peer, error.vouched(), now);
                let group = admission::recognise(frame, self.gates(), &self.local, &peer);
                let replica = group.and_then(|group| self.online.get(&group).copied());
                self.refuse(exchange, replica, peer, &error, now);
            }
        }
    }

    /// A member asks. There is room, or it is needy and room is made, or it is sent on.
    fn answer(
        &mut self,
        exchange: ExchangeNumber,
        peer: PeerId,
        replica: ReplicaId,
        heard: Heard,
        now: Now,
    ) {
        let Some(presented) = self.presented(&replica, now) else {
            self.refuse(exchange, None, peer, &AdmissionError::UnknownGroup, now);
            return;
        };
        let has_room = self.has_room(replica, heard.admitted());
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let (state, frame) = if has_room {
            let (responder, frame) = heard.accept(&presented);
            (State::Responder(replica, Box::new(responder)), frame)
        } else {
            (State::Over, heard.busy(&state.neighbours.referrals(&peer)))
        };
        self.exchanges.insert(exchange, Exchange { peer, state });
        self.outputs
            .push_back(Output::SendExchange { exchange, frame });
    }

    fn on_reply(
        &mut self,
        exchange: ExchangeNumber,
        peer: PeerId,
        replica: ReplicaId,
        chooser: &Chooser,
        frame: &[u8],
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            self.outputs.push_back(Output::EndExchange { exchange });
            return;
        };
        let outcome = chooser.on_reply(state.gate(), &self.local, frame, now.timestamp);
        let vouched = match &outcome {
            Ok(Outcome::Admitted(admitted, _)) => Some(admitted.vouched),
            Ok(Outcome::Busy(_)) => None,
            Err(error) => error.vouched(),
        };
        self.saw_clock(peer, vouched, now);
        match outcome {
            Ok(Outcome::Admitted(admitted, confirm)) if self.has_room(replica, &admitted) => {
                self.outputs.push_back(Output::SendExchange {
                    exchange,
                    frame: confirm,
                });
                self.admit(exchange, replica, &admitted, now);
            }
            // It has neighbours enough, and so have we.
            Ok(Outcome::Admitted(..)) => {
                self.outputs.push_back(Output::EndExchange { exchange });
                self.approach_failed(replica, &peer, ConnectFailure::Refused, now);
            }
            Ok(Outcome::Busy(others)) => {
                self.outputs.push_back(Output::EndExchange { exchange });
                self.note_referral(replica, &peer);
                self.approach_failed(replica, &peer, ConnectFailure::Refused, now);
                self.refer(replica, others, now);
            }
            Err(error) => {
                self.outputs.push_back(Output::EndExchange { exchange });
                self.approach_failed(replica, &peer, ConnectFailure::NotAuthorised, now);
                self.emit(Event::AdmissionRefused {
                    replica: Some(replica),
                    peer,
                    reason: error.reason(),
                });
            }
        }
    }

    /// Takes up possible members that another member named.
    pub(super) fn refer(
        &mut self,
        replica: ReplicaId,
        others: Vec<(PeerId, Vec<multiaddr::Multiaddr>)>,
        now: Now,
    ) {
        if let Some(state) = self.groups.get_mut(&replica) {
            for (other, addresses) in others {
                // Hearsay never changes what is known of a peer already.
                if other != self.local && !state.neighbours.knows(&other) {
                    state.neighbours.suggest(other, addresses, now.instant);
                }
            }
        }
        self.approach(replica, now);
    }

    /// Whether we have sent this peer a Hello for the group and wait for its Reply.
    fn is_choosing(&self, replica: ReplicaId, peer: &PeerId) -> bool {
        self.exchanges.values().any(|exchange| {
            exchange.peer == *peer
                && matches!(&exchange.state, State::Chooser(of, _) if *of == replica)
        })
    }

    /// Whether the newcomer may become a neighbour: it is one already, or its member has few links
    /// with us and there is a place left, or it has too few neighbours to be turned away.
    fn has_room(&self, replica: ReplicaId, newcomer: &Admitted) -> bool {
        let Some(state) = self.groups.get(&replica) else {
            return false;
        };
        if state.neighbours.get(&newcomer.peer).is_some() {
            return true;
        }
        let member = newcomer.gmc.subject();
        let links = state
            .neighbours
            .iter()
            .filter(|(_, neighbour)| neighbour.member() == member)
            .count();
        // Those that have been told there is a place, and have not confirmed yet.
        let promised = self
            .exchanges
            .values()
            .filter(|exchange| matches!(&exchange.state, State::Responder(of, _) if *of == replica))
            .count();
        let full = state.neighbours.len() + promised >= MAX_NEIGHBOURS;
        links < MAX_LINKS_PER_MEMBER
            && !state.neighbours.is_banned(&newcomer.peer)
            && (!full
                || state.neighbours.is_explored(&newcomer.peer)
                || usize::from(newcomer.neighbours) < MIN_NEIGHBOURS)
    }

    /// Both sides have proved themselves: the link opens.
    fn admit(
        &mut self,
        exchange: ExchangeNumber,
        replica: ReplicaId,
        admitted: &Admitted,
        now: Now,
    ) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.online.is_none() || state.neighbours.is_banned(&admitted.peer) {
            return;
        }
        let peer = admitted.peer;
        // Between the proof and its confirmation the member may have been removed.
        if let Err(error) = state.roster.standing(&admitted.gmc, now.timestamp) {
            let reason = AdmissionError::from(error).reason();
            self.approach_failed(replica, &peer, ConnectFailure::NotAuthorised, now);
            self.emit(Event::AdmissionRefused {
                replica: Some(replica),
                peer,
                reason,
            });
            return;
        }
        let duplicated = state.starts.is_duplicate(&peer, admitted.boot);
        // The link is made anew: whatever went on over an earlier one is over.
        let renewed = state.neighbours.get(&peer).is_some();
        state.sync.forget(&peer);
        let victim = state
            .neighbours
            .displaces(&peer)
            .then(|| state.neighbours.victim(&mut self.rng))
            .flatten();
        if let Some(victim) = victim {
            self.send_away(replica, victim, "made room", now);
        }
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        state
            .neighbours
            .opened(admitted, now.timestamp, now.instant);
        self.leaving
            .retain(|(_, group, other)| (*group, *other) != (admitted.group, peer));
        self.outputs.push_back(Output::OpenLink {
            group: admitted.group,
            peer,
            exchange,
            handle: admitted.handle,
        });
        self.learn_shown(replica, admitted.gmc.clone(), now);
        let member = admitted.gmc.subject();
        self.renew_directs(replica, &peer, &member, admitted.until);
        if duplicated {
            self.emit(Event::NodeDuplicated { replica, peer });
        }
        if !renewed {
            self.emit(Event::NeighbourConnected {
                replica,
                peer,
                member: admitted.gmc.subject(),
                addresses: admitted.addresses.clone(),
            });
        }
        self.attempts_succeeded(replica, peer);
        self.meet(replica, peer, now);
    }

    /// Closes a link in order, and says where else to go.
    pub(super) fn send_away(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        reason: &'static str,
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let farewell = LinkFrame::Farewell {
            referrals: write_referrals(&state.neighbours.referrals(&peer)),
        };
        self.outputs.push_back(Output::Send {
            group: state.group,
            peer,
            frame: farewell.encode(),
        });
        self.let_go(replica, peer, reason, now);
    }

    /// Parts from a neighbour that is to hear our last word. Closing takes what is still on its way with
    /// it, so the neighbour is left the time to read it and to close the link itself.
    pub(super) fn let_go(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        reason: &'static str,
        now: Now,
    ) {
        let Some(group) = self.groups.get(&replica).map(|state| state.group) else {
            return;
        };
        if self.leaving.len() < MAX_LEAVING {
            self.leaving
                .push_back((now.instant + FAREWELL_TIME, group, peer));
            self.forget_link(replica, peer, reason, now);
        } else {
            self.close_link(replica, peer, reason, now);
        }
    }

    /// Tells what a member's clock said, so that a wrong one can be found, here or there.
    fn saw_clock(&mut self, peer: PeerId, vouched: Option<Timestamp>, now: Now) {
        if let Some(theirs) = vouched {
            self.emit(Event::ClockSeen {
                peer,
                theirs,
                ours: now.timestamp,
            });
        }
    }

    /// Every refusal looks the same: silence, and the end after a fixed while.
    pub(super) fn refuse(
        &mut self,
        exchange: ExchangeNumber,
        replica: Option<ReplicaId>,
        peer: PeerId,
        error: &AdmissionError,
        now: Now,
    ) {
        self.emit(Event::AdmissionRefused {
            replica,
            peer,
            reason: error.reason(),
        });
        if self.refusals.len() >= MAX_REFUSALS {
            self.outputs.push_back(Output::EndExchange { exchange });
            return;
        }
        let state = State::Over;
        self.exchanges.insert(exchange, Exchange { peer, state });
        self.refusals
            .push_back((now.instant + REFUSAL_DELAY, exchange));
    }

    pub(super) fn on_exchange_ended(&mut self, exchange: ExchangeNumber, now: Now) {
        let Some(Exchange { peer, state }) = self.exchanges.remove(&exchange) else {
            return;
        };
        match state {
            State::Chooser(replica, _) => {
                self.approach_failed(replica, &peer, ConnectFailure::NotAuthorised, now);
            }
            // It had proved its membership and seen ours: it has no room.
            State::Responder(replica, _) => {
                self.approach_failed(replica, &peer, ConnectFailure::Refused, now);
            }
            State::Over => {}
        }
    }

    pub(super) fn end_exchanges(&mut self, replica: ReplicaId) {
        let ended: Vec<ExchangeNumber> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| match &exchange.state {
                State::Chooser(of, _) | State::Responder(of, _) => *of == replica,
                State::Over => false,
            })
            .map(|(number, _)| *number)
            .collect();
        for exchange in ended {
            self.exchanges.remove(&exchange);
            self.outputs.push_back(Output::EndExchange { exchange });
        }
    }

    pub(super) fn on_misbehaved(&mut self, peer: PeerId, now: Now) {
        let replicas: Vec<ReplicaId> = self.online.values().copied().collect();
        for replica in replicas {
            self.ban(replica, peer, "broke the protocol", now);
        }
    }

    /// Cuts a peer off for a while that did what no honest peer does.
    pub(super) fn ban(&mut self, replica: ReplicaId, peer: PeerId, reason: &'static str, now: Now) {
        if let Some(state) = self.groups.get(&replica)
            && state.neighbours.get(&peer).is_some()
        {
            self.close_link(replica, peer, reason, now);
        }
        if let Some(state) = self.groups.get_mut(&replica) {
            state.neighbours.ban(peer, now.instant);
        }
    }

    fn approach_failed(
        &mut self,
        replica: ReplicaId,
        peer: &PeerId,
        failure: ConnectFailure,
        now: Now,
    ) {
        if let Some(state) = self.groups.get_mut(&replica)
            && state.neighbours.get(peer).is_none()
        {
            state.neighbours.failed(peer, now.instant, &mut self.rng);
            self.note_failure(replica, peer, failure, now);
        }
    }

    fn gates(&self) -> impl Iterator<Item = Gate<'_>> {
        self.online
            .values()
            .filter_map(|replica| self.groups.get(replica))
            .map(|state| state.gate())
    }
}
