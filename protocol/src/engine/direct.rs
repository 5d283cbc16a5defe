//! Direct connections of the groups that are open here: who is asked, who may, and when they end.
//!
//! Each is one [`Direct`], from the first attempt or the answer to somebody's question until its end.
//! The data never comes by here: the network half has the stream, and the node takes it from there.
//! What the engine does is to have it cut when the membership behind it ends.

mod answering;
mod opening;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, IdentityKey, ReplicaId},
    time::{CLOCK_TOLERANCE, Timestamp},
};
use sha2::{Digest, Sha256};

use super::{Engine, Event, Now, Output, group::RENEWAL};
use crate::{
    admission::Handle,
    direct::{
        Asking, ConnectionId, DirectConsent, DirectEnd, DirectFailure, DirectMode, DirectState,
        DirectView,
    },
};

/// Direct connections of one group, those being opened included: each may hold the receive window of
/// its stream, and the applications of one group shall leave room for those of others.
pub const MAX_DIRECTS_PER_GROUP: usize = 64;
/// Direct connections of all groups together.
pub const MAX_DIRECTS: usize = 256;
/// Direct connections with one member in one group, whoever opened them: several for several purposes,
/// but no member takes them all.
pub const MAX_DIRECTS_PER_MEMBER: usize = 16;
/// Direct connections that may be being opened from here at once, in one group.
pub const MAX_DIRECTS_OPENING: usize = 16;
/// Places at which one member is tried, one after the other: as many nodes as are known of one.
pub const MAX_DIRECT_PLACES: usize = 8;
/// How long one place is tried, from the dial to the stream.
pub const DIRECT_PATIENCE: Duration = Duration::from_secs(20);
/// How long the stream of a connection that was accepted is waited for.
pub const DIRECT_EXPECTED: Duration = Duration::from_secs(10);
/// Silent refusals that wait for their moment; what is over it is refused at once.
pub(crate) const MAX_DIRECT_REFUSALS: usize = 1_024;
/// Between two attempts to renew a proof.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// Names a question of another node until it is answered, as the network half numbers them.
pub type AskNumber = u64;

/// Where a member may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The node that has to be there, if that is known.
    pub peer: Option<PeerId>,
    /// Its addresses; with none, what is known of the node is used.
    pub addresses: Vec<Multiaddr>,
}

/// What concerns direct connections, of what the engine is told.
#[derive(Debug)]
pub enum DirectInput {
    /// Which direct connections the applications of a group accept from now on. None at first.
    Listen {
        /// Of which replica's group.
        replica: ReplicaId,
        /// Which.
        consent: DirectConsent,
    },
    /// An application wants a connection. Ends with [`DirectEvent::Connected`] or
    /// [`DirectEvent::Failed`].
    Open {
        /// Its name, from [`Engine::new_connection_id`].
        id: ConnectionId,
        /// In which group.
        replica: ReplicaId,
        /// With whom.
        member: IdentityKey,
        /// Where, tried in this order; with none, wherever the member is known to be. An address may
        /// end with the peer id that is expected there. Each place is an attempt, and so is each address
        /// of a place without a peer.
        places: Vec<Place>,
        /// What it is to carry.
        mode: DirectMode,
    },
    /// Answers [`DirectOutput::Dial`].
    Dialled {
        /// For which connection.
        id: ConnectionId,
        /// Who answered, or why nobody did.
        result: Result<PeerId, DirectFailure>,
    },
    /// Answers [`DirectOutput::Ask`].
    Answered {
        /// For which connection.
        id: ConnectionId,
        /// The answer, or why there is none.
        result: Result<Vec<u8>, DirectFailure>,
    },
    /// Another node asks. To be answered by [`DirectOutput::Answer`].
    Asked {
        /// The question's number.
        ask: AskNumber,
        /// Who asks, as the connection has proved.
        peer: PeerId,
        /// The question.
        request: Vec<u8>,
    },
    /// The stream of a connection is there: opened, or come.
    StreamOpened {
        /// Of which connection.
        id: ConnectionId,
        /// Where the other side is.
        address: Option<Multiaddr>,
    },
    /// The stream of a connection could not be opened.
    StreamFailed {
        /// Of which connection.
        id: ConnectionId,
    },
    /// An application wants a connection closed at once, open or not. What was sent and has not arrived
    /// is lost; to close in order, close the stream and tell the engine by [`DirectInput::Ended`].
    Close {
        /// Which.
        id: ConnectionId,
    },
    /// The stream has ended.
    Ended {
        /// Of which connection.
        id: ConnectionId,
        /// How.
        end: DirectEnd,
    },
}

/// What concerns direct connections, of what the engine wants done.
#[derive(Debug)]
pub enum DirectOutput {
    /// Connect to a node and answer with [`DirectInput::Dialled`].
    Dial {
        /// For which connection.
        id: ConnectionId,
        /// Whom; whoever is there when nobody is named, and then at one address.
        peer: Option<PeerId>,
        /// Where.
        addresses: Vec<Multiaddr>,
    },
    /// Ask a connected node, and answer with [`DirectInput::Answered`].
    Ask {
        /// For which connection.
        id: ConnectionId,
        /// Whom.
        peer: PeerId,
        /// The question.
        request: Vec<u8>,
    },
    /// Answer a question, or leave it without one.
    Answer {
        /// Which.
        ask: AskNumber,
        /// The answer, if any.
        reply: Option<Vec<u8>>,
    },
    /// Open the stream of a connection, and answer with [`DirectInput::StreamOpened`] or
    /// [`DirectInput::StreamFailed`].
    OpenStream {
        /// Of which connection.
        id: ConnectionId,
        /// In which group.
        group: GroupId,
        /// With whom.
        peer: PeerId,
        /// What the stream begins with.
        handle: Handle,
    },
    /// Accept one stream with this handle from this peer, and say so with
    /// [`DirectInput::StreamOpened`].
    ExpectStream {
        /// Of which connection.
        id: ConnectionId,
        /// In which group.
        group: GroupId,
        /// From whom.
        peer: PeerId,
        /// What the stream begins with.
        handle: Handle,
    },
    /// Cut the stream of a connection wherever it is by now, or expect it no longer.
    Close {
        /// Of which connection.
        id: ConnectionId,
    },
}

/// What concerns direct connections, of what the application is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DirectEvent {
    /// A connection is open: its stream is to be taken from the network half.
    Connected {
        /// In which replica's group.
        replica: ReplicaId,
        /// Its name.
        id: ConnectionId,
        /// The node on the other side.
        peer: PeerId,
        /// The member on the other side.
        member: IdentityKey,
        /// Where the other side is.
        address: Option<Multiaddr>,
        /// Whether the other side opened it.
        incoming: bool,
        /// What it carries.
        mode: DirectMode,
    },
    /// A connection has ended that was open.
    Disconnected {
        /// In which replica's group.
        replica: ReplicaId,
        /// Which.
        id: ConnectionId,
        /// The node on the other side.
        peer: PeerId,
        /// The member on the other side.
        member: IdentityKey,
        /// How.
        end: DirectEnd,
    },
    /// An attempt to open a connection has failed.
    Failed {
        /// In which replica's group.
        replica: ReplicaId,
        /// Which.
        id: ConnectionId,
        /// The attempt that follows it, at another place (GRP-431); `None` at the end.
        next: Option<ConnectionId>,
        /// The member that was wanted.
        member: IdentityKey,
        /// Why.
        reason: DirectFailure,
    },
}

/// The direct connections of a node.
#[derive(Debug)]
pub(super) struct Directs {
    next: ConnectionId,
    all: BTreeMap<ConnectionId, Direct>,
    /// What the applications of a group accept, where they accept any.
    listening: BTreeMap<ReplicaId, DirectConsent>,
    /// Questions to be left without an answer, each at its time.
    refusals: VecDeque<(Instant, AskNumber)>,
}

/// One direct connection, whatever it has come to.
#[derive(Debug)]
struct Direct {
    replica: ReplicaId,
    member: IdentityKey,
    mode: DirectMode,
    incoming: bool,
    peer: Option<PeerId>,
    address: Option<Multiaddr>,
    since: Timestamp,
    stage: Stage,
    /// Where to try next.
    left: VecDeque<Place>,
}

#[derive(Debug)]
enum Stage {
    /// On the way to a node.
    Dialling(Instant),
    /// It has been asked.
    Asked(Instant, Asking),
    /// It has accepted; the stream is on its way. The proof holds until then.
    Opening(Instant, Timestamp),
    /// We have accepted; the other side's stream is on its way.
    Expected(Instant, Timestamp),
    Open(Proof),
}

/// The other side's proof of membership, on which an open connection hangs.
#[derive(Debug)]
struct Proof {
    until: Timestamp,
    /// When a newer one is asked for.
    renew: Timestamp,
    renewing: Option<Asking>,
}

impl Proof {
    fn until(until: Timestamp) -> Self {
        Self {
            until,
            renew: Timestamp::from_millis(
                until.as_millis().saturating_sub(RENEWAL.as_millis() as u64),
            ),
            renewing: None,
        }
    }
}

impl Stage {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Dialling(at)
            | Self::Asked(at, _)
            | Self::Opening(at, _)
            | Self::Expected(at, _) => Some(*at),
            Self::Open(_) => None,
        }
    }
}

impl Direct {
    fn is_opening(&self) -> bool {
        !self.incoming && !matches!(self.stage, Stage::Open(_))
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        match &self.stage {
            Stage::Open(proof) => {
                let at = proof.until.min(proof.renew);
                Some(now.instant + at.since(now.timestamp))
            }
            other => other.deadline(),
        }
    }

    /// What an application may see of it: nothing before the other side's stream has come.
    fn view(&self, id: ConnectionId) -> Option<DirectView> {
        let state = match &self.stage {
            Stage::Open(_) => DirectState::Open,
            Stage::Expected(..) => return None,
            Stage::Dialling(_) | Stage::Asked(..) | Stage::Opening(..) => DirectState::Opening,
        };
        Some(DirectView {
            id,
            peer: self.peer,
            member: self.member,
            incoming: self.incoming,
            mode: self.mode,
            since: self.since,
            address: self.address.clone(),
            state,
        })
    }
}

impl Directs {
    /// No connections; their names begin anywhere, so that those of an earlier start are not taken for
    /// them.
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"peerage direct connection ids")
            .chain_update(seed)
            .finalize();
        let start = digest[..8]
            .iter()
            .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        Self {
            next: ConnectionId::new(start.max(1)).expect("it is not 0"),
            all: BTreeMap::new(),
            listening: BTreeMap::new(),
            refusals: VecDeque::new(),
        }
    }

    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let refusals = self.refusals.front().map(|(at, _)| *at);
        let due = self.all.values().filter_map(|one| one.next_wakeup(now));
        refusals.into_iter().chain(due).min()
    }

    /// How many have neither opened nor failed yet, and questions not answered.
    pub(super) fn unfinished(&self) -> usize {
        let opening = |one: &&Direct| !matches!(one.stage, Stage::Open(_));
        self.refusals.len() + self.all.values().filter(opening).count()
    }

    pub(super) fn views(&self, replica: &ReplicaId) -> Vec<DirectView> {
        self.of(replica)
            .filter_map(|(id, one)| one.view(*id))
            .collect()
    }

    fn accepts(&self, replica: &ReplicaId, mode: DirectMode) -> bool {
        let consent = self.listening.get(replica);
        consent.is_some_and(|consent| consent.covers(mode))
    }

    pub(super) fn close_replica(&mut self, replica: &ReplicaId) {
        self.listening.remove(replica);
    }

    fn of(&self, replica: &ReplicaId) -> impl Iterator<Item = (&ConnectionId, &Direct)> {
        let replica = *replica;
        self.all
            .iter()
            .filter(move |(_, one)| one.replica == replica)
    }

    /// Whether there may be another one with this member.
    fn has_room(&self, replica: &ReplicaId, member: &IdentityKey) -> bool {
        let of_member = self.of(replica).filter(|(_, one)| one.member == *member);
        self.all.len() < MAX_DIRECTS
            && self.of(replica).count() < MAX_DIRECTS_PER_GROUP
            && of_member.count() < MAX_DIRECTS_PER_MEMBER
    }

    fn ids(&self, wanted: impl Fn(&Direct) -> bool) -> Vec<ConnectionId> {
        self.all
            .iter()
            .filter(|(_, one)| wanted(one))
            .map(|(id, _)| *id)
            .collect()
    }

    fn fresh(&mut self) -> ConnectionId {
        loop {
            let id = self.next;
            self.next = id.next();
            if !self.all.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Engine {
    /// A name for a direct connection that is to be opened.
    pub fn new_connection_id(&mut self) -> ConnectionId {
        self.directs.fresh()
    }

    /// One direct connection, if it is open or being opened from here.
    #[must_use]
    pub fn direct(&self, id: ConnectionId) -> Option<DirectView> {
        self.directs.all.get(&id)?.view(id)
    }

    pub(super) fn on_direct(&mut self, input: DirectInput, now: Now) {
        match input {
            DirectInput::Listen { replica, consent } => {
                if consent == DirectConsent::NONE {
                    self.directs.listening.remove(&replica);
                } else if self.groups.contains_key(&replica) {
                    self.directs.listening.insert(replica, consent);
                }
            }
            DirectInput::Open {
                id,
                replica,
                member,
                places,
                mode,
            } => self.open_direct(id, replica, member, places, mode, now),
            DirectInput::Dialled { id, result } => self.direct_dialled(id, result, now),
            DirectInput::Answered { id, result } => self.direct_answered(id, result, now),
            DirectInput::Asked { ask, peer, request } => {
                self.direct_asked(ask, peer, &request, now);
            }
            DirectInput::StreamOpened { id, address } => self.direct_opened(id, address, now),
            DirectInput::StreamFailed { id } => {
                self.end_direct(id, DirectEnd::Broken, DirectFailure::Broken, now);
            }
            DirectInput::Close { id } => match self.directs.all.get(&id) {
                Some(one) if one.is_opening() => {
                    self.direct_failed(id, DirectFailure::Closed, now);
                }
                _ => self.cut_direct(id, DirectEnd::ClosedHere),
            },
            DirectInput::Ended { id, end } => self.cut_direct(id, end),
        }
    }

    /// The stream is there.
    fn direct_opened(&mut self, id: ConnectionId, address: Option<Multiaddr>, now: Now) {
        let Some(one) = self.directs.all.get_mut(&id) else {
            // Given up meanwhile.
            self.put_direct(DirectOutput::Close { id });
            return;
        };
        let (Stage::Opening(_, until) | Stage::Expected(_, until), Some(peer)) =
            (&one.stage, one.peer)
        else {
            return;
        };
        one.stage = Stage::Open(Proof::until(*until));
        one.since = now.timestamp;
        one.address.clone_from(&address);
        one.left.clear();
        let event = DirectEvent::Connected {
            replica: one.replica,
            id,
            peer,
            member: one.member,
            address,
            incoming: one.incoming,
            mode: one.mode,
        };
        self.emit(Event::Direct(event));
    }

    /// Ends a connection, whatever it has come to, except an attempt of ours: that fails.
    fn cut_direct(&mut self, id: ConnectionId, end: DirectEnd) {
        let Some(one) = self.directs.all.remove(&id) else {
            return;
        };
        self.put_direct(DirectOutput::Close { id });
        if let (Stage::Open(_), Some(peer)) = (&one.stage, one.peer) {
            self.emit(Event::Direct(DirectEvent::Disconnected {
                replica: one.replica,
                id,
                peer,
                member: one.member,
                end,
            }));
        }
    }

    /// Ends every connection of a group.
    pub(super) fn end_directs(&mut self, replica: ReplicaId, end: DirectEnd, now: Now) {
        for id in self.directs.ids(|one| one.replica == replica) {
            self.end_direct(id, end, DirectFailure::Offline, now);
        }
    }

    fn end_direct(&mut self, id: ConnectionId, end: DirectEnd, failure: DirectFailure, now: Now) {
        if self.directs.all.get(&id).is_some_and(Direct::is_opening) {
            self.direct_failed(id, failure, now);
        } else {
            self.cut_direct(id, end);
        }
    }

    /// Cuts the connections of whoever is no member any more, and shortens those whose membership now
    /// ends earlier.
    pub(super) fn judge_directs(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let mut gone = Vec::new();
        for (id, one) in &mut self.directs.all {
            if one.replica != replica {
                continue;
            }
            match (state.roster.get(&one.member), &mut one.stage) {
                (None, _) => gone.push(*id),
                (Some(gmc), Stage::Open(proof)) => {
                    let end = gmc.not_after() + CLOCK_TOLERANCE;
                    if end < proof.until {
                        *proof = Proof::until(end);
                    }
                }
                (Some(_), _) => {}
            }
        }
        for id in gone {
            self.end_direct(id, DirectEnd::Removed, DirectFailure::UnknownMember, now);
        }
    }

    /// A newer proof of a member at a node: its connections may last as long.
    pub(super) fn renew_directs(
        &mut self,
        replica: ReplicaId,
        peer: &PeerId,
        member: &IdentityKey,
        until: Timestamp,
    ) {
        for one in self.directs.all.values_mut() {
            if let Stage::Open(proof) = &mut one.stage
                && one.replica == replica
                && one.peer.as_ref() == Some(peer)
                && one.member == *member
                && proof.until < until
            {
                *proof = Proof::until(until);
            }
        }
    }

    pub(super) fn tick_directs(&mut self, now: Now) {
        while let Some((at, ask)) = self.directs.refusals.front().copied() {
            if at > now.instant {
                break;
            }
            self.directs.refusals.pop_front();
            self.put_direct(DirectOutput::Answer { ask, reply: None });
        }
        let late = |one: &Direct| one.stage.deadline().is_some_and(|at| at <= now.instant);
        for id in self.directs.ids(late) {
            self.end_direct(id, DirectEnd::Broken, DirectFailure::TimedOut, now);
        }
        let lapsed =
            |one: &Direct| matches!(&one.stage, Stage::Open(proof) if proof.until <= now.timestamp);
        for id in self.directs.ids(lapsed) {
            self.cut_direct(id, DirectEnd::Expired);
        }
        let due =
            |one: &Direct| matches!(&one.stage, Stage::Open(proof) if proof.renew <= now.timestamp);
        for id in self.directs.ids(due) {
            self.renew_direct(id, now);
        }
    }

    fn put_direct(&mut self, output: DirectOutput) {
        self.outputs.push_back(Output::Direct(output));
    }
}
