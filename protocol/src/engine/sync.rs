//! Reconciliation of a group's replica with its neighbours: when, with whom, and both roles.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, GroupId, ReplicaId},
    time::Timestamp,
};
use rand::RngExt;
use serde_bytes::ByteBuf;

use super::{Engine, Event, Found, Now, Operation, Output, Read, StoreFailure, hear::Source};
use crate::{
    admission::{is_chooser, read_referrals},
    reconcile::{ReconcileError, Session, Step, respond},
    wire::link::{LinkFrame, hashes, ids, pack},
};

/// Every neighbour is compared with at least this often, whatever gossip brought.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);
/// After reconciliation brought news, the other neighbours are compared with this soon, so that
/// news which missed its flood travels hop by hop in seconds and not in periods.
pub(crate) const NEWS_PAUSE: Duration = Duration::from_millis(250);
/// A replica that was never brought up to date and whose neighbour was not either asks it again this
/// soon.
pub(crate) const NOT_READY_PAUSE: Duration = Duration::from_secs(5);
/// Sessions we drive at once per group: more would only share the same link capacity.
pub(crate) const MAX_SESSIONS: usize = 2;
/// Memberships asked of one neighbour and not answered yet.
pub(crate) const MAX_FETCHES: usize = 8;
/// Questions of one neighbour that wait for our store at once; an honest one has five.
pub(crate) const MAX_SERVED: usize = 16;
/// Offers of one neighbour that wait for our store at once; an honest one has a batch of these.
pub(crate) const MAX_TAKING: usize = 96;
/// Envelopes sent in answer to one question, or offered at once, until their sum passes this; the
/// rest is asked for again. Two answers and an offer fit the network half's queue of a link.
pub(crate) const ANSWER_BYTES: usize = 1024 * 1024;

/// When to compare with whom, and what is under way.
#[derive(Debug)]
pub(super) struct Sync {
    peers: BTreeMap<PeerId, PeerSync>,
    next_link: u64,
    next_session: u32,
    next_fetch: u32,
}

#[derive(Debug)]
struct PeerSync {
    /// Which link this is; what was begun over an earlier one is not answered over this one.
    link: u64,
    due: Instant,
    session: Option<Session>,
    /// Whether the neighbour has said, all through this session, that it has been brought up to date.
    complete: bool,
    /// Questions of this neighbour that wait for our store.
    served: usize,
    /// Offers of this neighbour that wait for our store.
    taking: usize,
    /// Memberships we asked it for.
    fetches: BTreeSet<u32>,
}

/// A question to the store, asked for a neighbour or for a session with it.
#[derive(Debug)]
pub(super) struct Reading {
    replica: ReplicaId,
    peer: PeerId,
    link: u64,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// Our session's side of a comparison.
    Compare(u32),
    /// What our session offers.
    Offer(u32),
    /// The responder's side of a comparison.
    Respond(u32, ByteBuf),
    /// What a neighbour wants.
    Serve(u32),
}

impl Sync {
    pub(super) fn new() -> Self {
        Self {
            peers: BTreeMap::new(),
            next_link: 0,
            next_session: 0,
            next_fetch: u32::MAX / 2,
        }
    }

    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Numbers a question for memberships to `peer`, unless too many are unanswered.
    pub(super) fn fetch(&mut self, peer: &PeerId) -> Option<u32> {
        let sync = self.peers.get_mut(peer)?;
        if sync.fetches.len() >= MAX_FETCHES {
            return None;
        }
        self.next_fetch = self.next_fetch.wrapping_add(1);
        sync.fetches.insert(self.next_fetch);
        Some(self.next_fetch)
    }

    /// Compares with a neighbour at this moment at the latest.
    pub(super) fn hurry(&mut self, peer: &PeerId, at: Instant) {
        if let Some(sync) = self.peers.get_mut(peer) {
            sync.due = sync.due.min(at);
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        let busy = self.busy();
        self.peers
            .values()
            .filter_map(|peer| match &peer.session {
                Some(session) => Some(session.deadline()),
                None if busy < MAX_SESSIONS => Some(peer.due),
                None => None,
            })
            .min()
    }

    fn busy(&self) -> usize {
        self.peers
            .values()
            .filter(|peer| peer.session.is_some())
            .count()
    }
}

impl Engine {
    /// A new neighbour: the chooser of the pair compares at once, the other leaves it the turn.
    pub(super) fn meet(&mut self, replica: ReplicaId, peer: PeerId, now: Now) {
        let first = is_chooser(&self.local, &peer);
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        // Not yet up to date: ask, whoever's turn it is.
        let due = if first || !state.synchronised || state.is_behind() {
            now.instant
        } else {
            now.instant + PERIOD.mul_f64(self.rng.random_range(0.5..1.0))
        };
        state.sync.next_link += 1;
        state.sync.peers.insert(
            peer,
            PeerSync {
                link: state.sync.next_link,
                due,
                session: None,
                complete: false,
                served: 0,
                taking: 0,
                fetches: BTreeSet::new(),
            },
        );
        self.tick_sessions(replica, now);
    }

    /// Starts the sessions that are due and gives up those that stall.
    pub(super) fn tick_sessions(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let stalled: Vec<PeerId> = state
            .sync
            .peers
            .iter()
            .filter(|(_, peer)| {
                peer.session
                    .as_ref()
                    .is_some_and(|session| session.deadline() <= now.instant)
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in stalled {
            self.close_link(replica, peer, "reconciliation stalled", now);
        }
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        while state.sync.busy() < MAX_SESSIONS {
            let due = state
                .sync
                .peers
                .iter_mut()
                .filter(|(_, peer)| peer.session.is_none() && peer.due <= now.instant)
                .min_by_key(|(_, peer)| peer.due);
            let Some((peer, sync)) = due else {
                break;
            };
            let (peer, link) = (*peer, sync.link);
            let id = state.sync.next_session;
            state.sync.next_session = id.wrapping_add(1);
            let (session, step) = Session::begin(id, now.instant);
            sync.session = Some(session);
            sync.complete = true;
            sync.due = now.instant + PERIOD.mul_f64(self.rng.random_range(0.5..1.5));
            if let Step::ReadSummary(partition) = step {
                let purpose = Purpose::Compare(id);
                let operation = {
                    self.next_operation += 1;
                    self.operations.insert(
                        self.next_operation,
                        Operation::Read(Reading {
                            replica,
                            peer,
                            link,
                            purpose,
                        }),
                    );
                    self.next_operation
                };
                self.outputs.push_back(Output::Read {
                    operation,
                    replica,
                    read: Read::Summary(partition),
                });
            }
        }
    }

    pub(super) fn on_frame(&mut self, group: GroupId, peer: PeerId, bytes: &[u8], now: Now) {
        let Some(replica) = self.online.get(&group).copied() else {
            return;
        };
        if self.peer_sync(replica, &peer).is_none() {
            return;
        }
        match LinkFrame::decode(bytes) {
            Ok(frame) => self.on_link_frame(replica, peer, frame, now),
            Err(_) => self.ban(replica, peer, "malformed frame", now),
        }
    }

    fn on_link_frame(&mut self, replica: ReplicaId, peer: PeerId, frame: LinkFrame, now: Now) {
        match frame {
            LinkFrame::Compare {
                session,
                partition,
                message,
            } => self.serve(
                replica,
                peer,
                Purpose::Respond(session, message),
                Read::Summary(partition.into()),
                now,
            ),
            LinkFrame::Compared {
                session,
                message,
                complete,
            } => {
                if let Some(sync) = self.peer_sync(replica, &peer) {
                    sync.complete &= complete;
                }
                self.with_session(replica, peer, now, |current, now| {
                    if current.id() != session {
                        return Ok(Vec::new());
                    }
                    current.on_compared(&message, now)
                });
            }
            LinkFrame::Want {
                request,
                hashes: wanted,
            } => match hashes(&wanted) {
                Ok(wanted) => {
                    let read = Read::Envelopes(wanted);
                    self.serve(replica, peer, Purpose::Serve(request), read, now);
                }
                Err(_) => self.ban(replica, peer, "malformed frame", now),
            },
            LinkFrame::Fetch {
                request,
                ids: wanted,
            } => match ids(&wanted) {
                Ok(wanted) => {
                    let read = Read::Records(wanted);
                    self.serve(replica, peer, Purpose::Serve(request), read, now);
                }
                Err(_) => self.ban(replica, peer, "malformed frame", now),
            },
            LinkFrame::Records {
                request,
                envelopes,
                last,
            } => self.on_records(replica, peer, request, &envelopes, last, now),
            LinkFrame::Offer { request, envelopes } => {
                self.on_offer(replica, peer, request, &envelopes, now);
            }
            LinkFrame::Taken { request } => {
                self.with_session(replica, peer, now, |session, now| {
                    session.on_taken(request, now)
                });
            }
            LinkFrame::Farewell { referrals } => {
                self.close_link(replica, peer, "sent away", now);
                self.refer(replica, read_referrals(&referrals), now);
            }
        }
    }

    fn on_offer(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        request: u32,
        envelopes: &[ByteBuf],
        now: Now,
    ) {
        let Some(sync) = self.peer_sync(replica, &peer) else {
            return;
        };
        if sync.taking >= MAX_TAKING {
            self.ban(replica, peer, "too many offers", now);
            return;
        }
        sync.taking += 1;
        let source = Source::Offer(peer, sync.link, request);
        if self.take_records(replica, peer, envelopes, source, now) == 0 {
            self.taken(replica, peer, request);
        }
    }

    fn taken(&mut self, replica: ReplicaId, peer: PeerId, request: u32) {
        if let Some(sync) = self.peer_sync(replica, &peer) {
            sync.taking = sync.taking.saturating_sub(1);
            self.send(replica, peer, &LinkFrame::Taken { request });
        }
    }

    fn on_records(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        request: u32,
        envelopes: &[ByteBuf],
        last: bool,
        now: Now,
    ) {
        let Some(sync) = self.peer_sync(replica, &peer) else {
            return;
        };
        if sync.fetches.contains(&request) {
            if last {
                sync.fetches.remove(&request);
            }
            self.take_records(replica, peer, envelopes, Source::Gossip, now);
            return;
        }
        let link = sync.link;
        // Counted before it is verified, so that the session cannot finish in between.
        let count = envelopes.len();
        let hashes: Vec<EnvelopeHash> = envelopes.iter().map(|e| EnvelopeHash::of(e)).collect();
        let asked = self.with_session(replica, peer, now, |session, now| {
            session.on_storing(count);
            session.on_records(request, &hashes, last, now)
        });
        if !asked {
            return;
        }
        let source = Source::Session(peer, link);
        let stored = self.take_records(replica, peer, envelopes, source, now);
        let refused = count - stored;
        if refused > 0 {
            self.with_session(replica, peer, now, |session, now| {
                Ok(session.on_stored(refused, now))
            });
        }
    }

    /// Reads for a neighbour, unless it asks more at once than an honest one would.
    fn serve(&mut self, replica: ReplicaId, peer: PeerId, purpose: Purpose, read: Read, now: Now) {
        let Some(sync) = self.peer_sync(replica, &peer) else {
            return;
        };
        if sync.served >= MAX_SERVED {
            self.ban(replica, peer, "too many questions", now);
            return;
        }
        sync.served += 1;
        self.read(replica, peer, purpose, read);
    }

    fn read(&mut self, replica: ReplicaId, peer: PeerId, purpose: Purpose, read: Read) {
        let Some(link) = self.peer_sync(replica, &peer).map(|sync| sync.link) else {
            return;
        };
        let operation = self.operation(Operation::Read(Reading {
            replica,
            peer,
            link,
            purpose,
        }));
        self.outputs.push_back(Output::Read {
            operation,
            replica,
            read,
        });
    }

    pub(super) fn on_read(
        &mut self,
        reading: Reading,
        result: Result<Found, StoreFailure>,
        now: Now,
    ) {
        let Reading {
            replica,
            peer,
            link,
            purpose,
        } = reading;
        if !self.is_link(replica, &peer, link) {
            return;
        }
        let found = match result {
            Ok(found) => found,
            Err(failure) => {
                self.emit(Event::StoreFailed { replica, failure });
                self.close_link(replica, peer, "store failed", now);
                return;
            }
        };
        match (purpose, found) {
            (Purpose::Compare(id), Found::Summary(summary)) => {
                self.with_session(replica, peer, now, |session, now| {
                    if session.id() != id {
                        return Ok(Vec::new());
                    }
                    session.on_summary(summary, now)
                });
            }
            (Purpose::Offer(id), Found::Envelopes(envelopes)) => {
                let (frames, later) = portion(&envelopes, now.timestamp);
                self.with_session(replica, peer, now, |session, now| {
                    if session.id() != id {
                        return Ok(Vec::new());
                    }
                    Ok(session.on_envelopes(frames, later, now))
                });
            }
            (Purpose::Respond(session, message), Found::Summary(summary)) => {
                self.served(replica, &peer);
                let complete = self
                    .groups
                    .get(&replica)
                    .is_some_and(|state| state.synchronised);
                match respond(summary, &message) {
                    Ok(message) => self.send(
                        replica,
                        peer,
                        &LinkFrame::Compared {
                            session,
                            message: ByteBuf::from(message),
                            complete,
                        },
                    ),
                    Err(_) => self.ban(replica, peer, "malformed comparison", now),
                }
            }
            (Purpose::Serve(request), Found::Envelopes(envelopes)) => {
                self.served(replica, &peer);
                let (mut frames, _) = portion(&envelopes, now.timestamp);
                let tail = frames.pop().unwrap_or_default();
                for (envelopes, last) in frames
                    .into_iter()
                    .map(|frame| (frame, false))
                    .chain([(tail, true)])
                {
                    self.send(
                        replica,
                        peer,
                        &LinkFrame::Records {
                            request,
                            envelopes,
                            last,
                        },
                    );
                }
            }
            _ => {}
        }
    }

    /// Records are durable: whoever waited for that goes on, and news is passed along.
    pub(super) fn after_stored(
        &mut self,
        replica: ReplicaId,
        source: Source,
        count: usize,
        news: bool,
        now: Now,
    ) {
        let from = match source {
            Source::Gossip => return,
            Source::Released => None,
            Source::Session(peer, link) | Source::Offer(peer, link, _)
                if !self.is_link(replica, &peer, link) =>
            {
                Some(peer)
            }
            Source::Session(peer, _) => {
                self.with_session(replica, peer, now, |session, now| {
                    Ok(session.on_stored(count, now))
                });
                Some(peer)
            }
            Source::Offer(peer, _, request) => {
                self.taken(replica, peer, request);
                Some(peer)
            }
        };
        if !news {
            return;
        }
        if let Some(state) = self.groups.get_mut(&replica)
            && let Some(from) = &from
        {
            state.neighbours.credit(from);
        }
        let soon = now.instant + NEWS_PAUSE;
        if let Some(state) = self.groups.get_mut(&replica) {
            for (peer, sync) in &mut state.sync.peers {
                if Some(*peer) != from {
                    sync.due = sync.due.min(soon);
                }
            }
        }
    }

    /// Runs our session with a neighbour one step. Tells whether there was one and it went well.
    fn with_session(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        now: Now,
        step: impl FnOnce(&mut Session, Instant) -> Result<Vec<Step>, ReconcileError>,
    ) -> bool {
        let Some(session) = self
            .peer_sync(replica, &peer)
            .and_then(|sync| sync.session.as_mut())
        else {
            return false;
        };
        let id = session.id();
        match step(session, now.instant) {
            Ok(steps) => {
                for step in steps {
                    self.carry_out(replica, peer, id, step, now);
                }
                true
            }
            Err(_) => {
                self.ban(replica, peer, "broke reconciliation", now);
                false
            }
        }
    }

    fn carry_out(&mut self, replica: ReplicaId, peer: PeerId, id: u32, step: Step, now: Now) {
        match step {
            Step::ReadSummary(partition) => {
                let read = Read::Summary(partition);
                self.read(replica, peer, Purpose::Compare(id), read);
            }
            Step::ReadEnvelopes(hashes) => {
                let read = Read::Envelopes(hashes);
                self.read(replica, peer, Purpose::Offer(id), read);
            }
            Step::Send(frame) => self.send(replica, peer, &frame),
            Step::Finished => self.finish(replica, peer, now),
        }
    }

    fn finish(&mut self, replica: ReplicaId, peer: PeerId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(sync) = state.sync.peers.get_mut(&peer) else {
            return;
        };
        let session = sync.session.take();
        // Who was never brought up to date itself cannot bring anybody.
        let first = !state.synchronised && sync.complete;
        if !state.synchronised && !sync.complete {
            sync.due = sync.due.min(now.instant + NOT_READY_PAUSE);
        }
        state.synchronised |= first;
        if first {
            state.presence.hasten(now.instant);
        }
        let complete = sync.complete;
        if let Some(session) = session {
            self.emit(Event::Reconciled {
                replica,
                peer,
                tally: session.tally(),
            });
        }
        if first {
            self.emit(Event::Synchronised { replica });
        }
        if complete {
            self.caught_up(replica);
        }
        self.tick_sessions(replica, now);
    }

    fn served(&mut self, replica: ReplicaId, peer: &PeerId) {
        if let Some(sync) = self.peer_sync(replica, peer) {
            sync.served = sync.served.saturating_sub(1);
        }
    }

    /// Whether the link to a neighbour is still the one it was.
    pub(super) fn is_link(&self, replica: ReplicaId, peer: &PeerId, link: u64) -> bool {
        self.groups
            .get(&replica)
            .and_then(|state| state.sync.peers.get(peer))
            .is_some_and(|sync| sync.link == link)
    }

    fn peer_sync(&mut self, replica: ReplicaId, peer: &PeerId) -> Option<&mut PeerSync> {
        self.groups
            .get_mut(&replica)
            .and_then(|state| state.sync.peers.get_mut(peer))
    }

    fn send(&mut self, replica: ReplicaId, peer: PeerId, frame: &LinkFrame) {
        if let Some(state) = self.groups.get(&replica)
            && state.neighbours.get(&peer).is_some()
        {
            self.outputs.push_back(Output::Send {
                group: state.group,
                peer,
                frame: frame.encode(),
            });
        }
    }
}

/// As many of these envelopes as go out at once, packed into frames, and the hashes of the rest.
/// What has expired is left out: nobody would take it.
fn portion(envelopes: &[SignedRecord], now: Timestamp) -> (Vec<Vec<ByteBuf>>, Vec<EnvelopeHash>) {
    let live: Vec<&SignedRecord> = envelopes
        .iter()
        .filter(|signed| signed.record().expires > now)
        .collect();
    let mut bytes = 0;
    let fitting = live
        .iter()
        .take_while(|signed| {
            let fits = bytes < ANSWER_BYTES;
            bytes += signed.bytes().len();
            fits
        })
        .count();
    let (first, rest) = live.split_at(fitting);
    (
        pack(first.iter().map(|signed| signed.bytes().clone())),
        rest.iter().map(|signed| signed.hash()).collect(),
    )
}
