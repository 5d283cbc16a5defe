//! The engine owns the machines of all open groups and routes between them.
//!
//! It is told what happened and what time it is ([`Input`], [`Now`]) and answers with what should
//! be done ([`Output`]). It performs no I/O, reads no clock, spawns nothing and never blocks, so a
//! network of hundreds of engines runs in one test from one seed.
//!
//! 1. Call [`Engine::handle`] with one input.
//! 2. Call [`Engine::poll_output`] and carry out each output, in order, until it gives `None`.
//!    Answers to outputs (`Stored`, `Found`, `ExchangeStarted`) come back as inputs, now or later.
//! 3. Call [`Engine::next_wakeup`]; when that moment comes before any other input, hand in
//!    [`Input::Tick`].

mod change;
mod connecting;
mod credential;
pub(crate) mod direct;
mod discover;
mod door;
mod duplicate;
pub(crate) mod gate;
pub(crate) mod group;
pub(crate) mod hear;
mod input;
mod output;
mod porter;
mod presence;
mod properties;
pub(crate) mod quota;
mod removal;
mod renewal;
mod restored;
mod status;
pub(crate) mod sync;
mod visit;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, ReplicaId},
    time::Timestamp,
};
use rand::{SeedableRng, rngs::StdRng};

pub use connecting::{
    ADDRESS_PATIENCE, ADDRESS_TIME, AddressError, ConnectFailure, MAX_ADDRESSES_NAMED,
    MAX_ATTEMPTS, SEARCH_PATIENCE, SEARCH_TIME, check_addresses, split_peer,
};
pub use direct::{
    AskNumber, DIRECT_EXPECTED, DIRECT_PATIENCE, DirectEvent, DirectInput, DirectOutput,
    MAX_DIRECT_PLACES, MAX_DIRECTS, MAX_DIRECTS_OPENING, MAX_DIRECTS_PER_GROUP,
    MAX_DIRECTS_PER_MEMBER, Place,
};
pub use door::{DoorEvent, DoorInput, DoorView, Stretch, VisitOutcome, visit_id};
use gate::Exchange;
use group::GroupState;
pub use group::GroupView;
pub use input::{
    Change, CommandId, ExchangeNumber, Found, Input, OpenGroup, OperationId, PresenceWish, Removal,
    StoreFailure, Terms,
};
pub use output::{ChangeError, Event, Output, Read, SCAN_ROWS, Verdict};
pub use quota::{
    BYTE_BURST, BYTES_PER_SECOND, RECORD_BURST, RECORDS_PER_SECOND, RESERVED_BURST,
    RESERVED_PER_SECOND,
};
pub use restored::Restored;
pub use status::Status;
pub use visit::{Entry, MAX_VISITS, NewVisit};

/// Both times: the monotonic one for timers, the wall clock for certificates and expiry.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For timers.
    pub instant: Instant,
    /// For everything that is dated.
    pub timestamp: Timestamp,
}

/// The protocol logic of one node: see the [module documentation](self) for the contract.
#[derive(Debug)]
pub struct Engine {
    local: PeerId,
    boot: [u8; 16],
    rng: StdRng,
    addresses: Vec<Multiaddr>,
    groups: BTreeMap<ReplicaId, GroupState>,
    /// Which replica is online for a group; one per group and node.
    online: BTreeMap<GroupId, ReplicaId>,
    connected: BTreeSet<PeerId>,
    exchanges: BTreeMap<ExchangeNumber, Exchange>,
    /// Exchanges to be refused, each at its time, so that no refusal is told from another.
    refusals: VecDeque<(Instant, ExchangeNumber)>,
    /// Neighbours sent away, and when their links are closed if they do not close them.
    leaving: VecDeque<(Instant, GroupId, PeerId)>,
    /// Groups gone offline whose last word is still on its way, and when the gate forgets them.
    closing: VecDeque<(Instant, GroupId)>,
    doors: door::Doors,
    directs: direct::Directs,
    operations: BTreeMap<OperationId, Operation>,
    next_operation: OperationId,
    outputs: VecDeque<Output>,
}

/// What a question to the store was asked for.
#[derive(Debug)]
enum Operation {
    Change(change::Pending),
    Store(hear::Storing),
    Read(sync::Reading),
    /// Reads what there is of a record of a reserved type, to be replaced.
    Grant(credential::Granting),
    /// Gathers what a revocation keeps.
    Gather(Box<removal::Gathering>),
    /// Looks for records that do not count any more.
    Review(removal::Reviewing),
    /// Removes them.
    Withdraw(ReplicaId),
}

impl Engine {
    /// An engine for the node `local`. `boot` is random per start; `seed` decides all its chances.
    #[must_use]
    pub fn new(local: PeerId, boot: [u8; 16], seed: [u8; 32]) -> Self {
        Self {
            local,
            boot,
            rng: StdRng::from_seed(seed),
            addresses: Vec::new(),
            groups: BTreeMap::new(),
            online: BTreeMap::new(),
            connected: BTreeSet::new(),
            exchanges: BTreeMap::new(),
            refusals: VecDeque::new(),
            leaving: VecDeque::new(),
            closing: VecDeque::new(),
            doors: door::Doors::default(),
            directs: direct::Directs::new(&seed),
            operations: BTreeMap::new(),
            next_operation: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Queues outputs; performs no I/O and never blocks.
    pub fn handle(&mut self, input: Input, now: Now) {
        let Some(input) = self.at_the_door(input, now) else {
            self.tick(now);
            return;
        };
        match input {
            Input::Open(open) => self.open(*open, now),
            Input::Connect { replica, known } => self.connect(replica, known, now),
            Input::ConnectAt {
                command,
                replica,
                addresses,
            } => self.on_connect_at(command, replica, addresses, now),
            Input::Disconnect { replica } => self.disconnect(replica, now),
            Input::Close { replica } => {
                self.disconnect(replica, now);
                self.directs.close_replica(&replica);
                self.groups.remove(&replica);
            }
            Input::Command {
                command,
                replica,
                change,
            } => self.on_command(command, replica, change, now),
            Input::Presence { replica, wish } => self.on_presence_wish(replica, wish, now),
            Input::SettleRestored { replica } => self.caught_up(replica),
            Input::Addresses(addresses) => self.on_addresses(addresses, now),
            Input::PeerConnected(peer) => self.on_connected(peer, now),
            Input::PeerDisconnected(peer) => {
                self.connected.remove(&peer);
            }
            Input::DialFailed(peer) => self.on_dial_failed(peer, now),
            Input::AddressDialled {
                command,
                replica,
                address,
                result,
            } => self.on_address_dialled(command, replica, &address, result, now),
            Input::Knocked { peer, bytes } => self.on_knock(peer, &bytes, now),
            Input::ExchangeStarted {
                peer,
                replica,
                exchange,
            } => self.on_exchange_started(peer, replica, exchange, now),
            Input::ExchangeFrame {
                exchange,
                peer,
                frame,
            } => self.on_exchange_frame(exchange, peer, &frame, now),
            Input::ExchangeEnded { exchange } => self.on_exchange_ended(exchange, now),
            Input::LinkLost { group, peer } => {
                if let Some(replica) = self.online.get(&group).copied() {
                    self.forget_link(replica, peer, "connection lost", now);
                }
            }
            Input::Misbehaved(peer) => self.on_misbehaved(peer, now),
            Input::Frame { group, peer, frame } => self.on_frame(group, peer, &frame, now),
            Input::Heard {
                group,
                source,
                message,
                bytes,
            } => self.on_heard(group, source, message, &bytes, now),
            Input::CloudReached => self.on_cloud_reached(now),
            Input::Announced { replica, result } => self.on_announced(replica, result, now),
            Input::Discovered { replica, set } => self.on_discovered(replica, &set, now),
            Input::Stored { operation, result } => self.on_stored(operation, result, now),
            Input::Found { operation, result } => self.on_found(operation, result, now),
            Input::Withdrawn { operation, result } => self.on_withdrawn(operation, result),
            Input::Direct(input) => self.on_direct(input, now),
            Input::Door(_) | Input::Tick => {}
        }
        self.tick(now);
        self.tell_statuses();
    }

    /// Returns the next output. Drain until `None` after every `handle`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `Input::Tick` is wanted next, if at all.
    #[must_use]
    pub fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let refusals = self.refusals.front().map(|(at, _)| *at);
        let groups = self
            .groups
            .values()
            .filter_map(|group| group.next_wakeup(now))
            .min();
        let leaving = self.leaving.front().map(|(at, ..)| *at);
        let closing = self.closing.front().map(|(at, _)| *at);
        let doors = self.doors_wakeup(now);
        let directs = self.directs.next_wakeup(now);
        refusals
            .into_iter()
            .chain(leaving)
            .chain(closing)
            .chain(groups)
            .chain(doors)
            .chain(directs)
            .min()
    }

    /// How many exchanges, and questions to the store, are not finished. Comes back to 0 when nothing
    /// goes on, or something leaks.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.exchanges.len()
            + self.operations.len()
            + self.refusals.len()
            + self.leaving.len()
            + self.closing.len()
            + self.door_talks()
            + self.directs.unfinished()
    }

    /// What is known about an open group.
    #[must_use]
    pub fn view(&self, replica: &ReplicaId) -> Option<GroupView<'_>> {
        let state = self.groups.get(replica)?;
        Some(GroupView::of(state, &self.directs, replica))
    }

    /// Everything that time alone makes due. Cheap when nothing is.
    fn tick(&mut self, now: Now) {
        while let Some((at, exchange)) = self.refusals.front().copied() {
            if at > now.instant {
                break;
            }
            self.refusals.pop_front();
            self.exchanges.remove(&exchange);
            self.outputs.push_back(Output::EndExchange { exchange });
        }
        while let Some((at, group, peer)) = self.leaving.front().copied() {
            if at > now.instant {
                break;
            }
            self.leaving.pop_front();
            self.outputs.push_back(Output::CloseLink { group, peer });
        }
        while let Some((at, group)) = self.closing.front().copied() {
            if at > now.instant {
                break;
            }
            self.closing.pop_front();
            self.outputs.push_back(Output::RemoveGroup(group));
        }
        let due: Vec<ReplicaId> = self
            .groups
            .iter()
            .filter(|(_, group)| {
                group
                    .next_wakeup(now)
                    .is_some_and(|wanted| wanted <= now.instant)
            })
            .map(|(replica, _)| *replica)
            .collect();
        for replica in due {
            self.tick_proofs(replica, now);
            self.tick_sessions(replica, now);
            self.tick_attempts(replica, now);
            self.tick_discovery(replica, now);
            self.tick_presence(replica, now);
        }
        self.tick_doors(now);
        self.tick_directs(now);
    }

    fn operation(&mut self, operation: Operation) -> OperationId {
        self.next_operation += 1;
        self.operations.insert(self.next_operation, operation);
        self.next_operation
    }

    fn on_stored(
        &mut self,
        operation: OperationId,
        result: Result<Vec<peerage_records::store::PutOutcome>, StoreFailure>,
        now: Now,
    ) {
        match self.operations.remove(&operation) {
            Some(Operation::Change(pending)) => self.on_change_stored(pending, result, now),
            Some(Operation::Store(storing)) => self.on_records_stored(storing, result, now),
            Some(
                Operation::Read(_)
                | Operation::Grant(_)
                | Operation::Gather(_)
                | Operation::Review(_)
                | Operation::Withdraw(_),
            )
            | None => {}
        }
    }

    fn on_found(&mut self, operation: OperationId, result: Result<Found, StoreFailure>, now: Now) {
        match self.operations.remove(&operation) {
            Some(Operation::Change(pending)) => self.on_change_found(pending, result, now),
            Some(Operation::Read(reading)) => self.on_read(reading, result, now),
            Some(Operation::Grant(granting)) => self.on_grant_found(granting, result, now),
            Some(Operation::Gather(gathering)) => self.on_gathered(*gathering, result, now),
            Some(Operation::Review(reviewing)) => self.on_reviewed(reviewing, result, now),
            Some(Operation::Store(_) | Operation::Withdraw(_)) | None => {}
        }
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Emit(event));
    }
}
