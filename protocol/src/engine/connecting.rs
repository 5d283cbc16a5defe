//! Attempts to connect: the search of a newcomer that has nobody yet, and addresses that an application
//! names. Each attempt has exactly one end: a link, or a reason why there is none.
//!
//! A group that is online looks for neighbours for as long as it is. An attempt only says how that
//! goes: a search that failed is told of and goes on.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_records::id::ReplicaId;
use thiserror::Error;

use super::{CommandId, Engine, Event, Now, Output};

/// A search that knows of nobody to ask has failed after this; a lookup takes a second or two.
pub const SEARCH_TIME: Duration = Duration::from_secs(8);
/// Any search has failed after this, whatever is still under way: the original's advice to
/// applications (GRP, 14).
pub const SEARCH_PATIENCE: Duration = Duration::from_secs(30);
/// The next address is tried after this, if there is one, although the one before may still answer.
pub const ADDRESS_TIME: Duration = Duration::from_secs(5);
/// An attempt at addresses has failed after this; an answer still fits a request of the local API.
pub const ADDRESS_PATIENCE: Duration = Duration::from_secs(25);
/// Addresses that may be named in one attempt: what a member publishes.
pub const MAX_ADDRESSES_NAMED: usize = 4;
/// Attempts at addresses under way at once per group.
pub const MAX_ATTEMPTS: usize = 16;

/// Why an attempt to connect led to no neighbour.
///
/// The order is that of how far the attempt got: of several reasons the greatest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// There was nobody to ask.
    #[error("no members were found")]
    NoMembersFound,
    /// Nobody answered where members were said to be.
    #[error("nobody answers there")]
    Unreachable,
    /// Another node answered than the one that was meant.
    #[error("another node than the one named answers there")]
    OtherPeer,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// Whoever answered did not admit us: it is not in the group, does not find us to be, or did not
    /// prove that it is. All of these look alike.
    #[error("who answers there did not admit this member")]
    NotAuthorised,
    /// A member answered and has all the neighbours it may have.
    #[error("the member has no room for another neighbour")]
    Refused,
    /// Too many attempts are under way already.
    #[error("too many attempts to connect are under way")]
    TooMany,
    /// The group went offline meanwhile.
    #[error("the group is not online")]
    Offline,
}

impl ConnectFailure {
    /// A short stable word for events, logs and metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoMembersFound => "no_members_found",
            Self::Unreachable => "unreachable",
            Self::OtherPeer => "other_peer",
            Self::TimedOut => "timed_out",
            Self::NotAuthorised => "not_authorised",
            Self::Refused => "refused",
            Self::TooMany => "too_many",
            Self::Offline => "offline",
        }
    }
}

/// Why addresses cannot be connected to at all; nothing has been tried then.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No address was named.
    #[error("no address was named")]
    None,
    /// More than [`MAX_ADDRESSES_NAMED`].
    #[error("{0} addresses were named, at most {MAX_ADDRESSES_NAMED} may be")]
    TooMany(usize),
    /// The address is one of ours.
    #[error("{0} is this node itself")]
    Own(Multiaddr),
    /// It is not the address of a node: not QUIC over UDP, or with more in it than a peer id.
    #[error("{0} is not an address of a node, such as /ip4/192.0.2.1/udp/4001/quic-v1")]
    NotQuic(Multiaddr),
}

/// Checks addresses that an application names, before anything is tried.
///
/// # Errors
/// When there are none or too many, or one is ours or none of a node.
pub fn check_addresses(
    addresses: &[Multiaddr],
    local: &PeerId,
    own: &[Multiaddr],
) -> Result<(), AddressError> {
    if addresses.is_empty() {
        return Err(AddressError::None);
    }
    if addresses.len() > MAX_ADDRESSES_NAMED {
        return Err(AddressError::TooMany(addresses.len()));
    }
    for address in addresses {
        let (peer, place) = split_peer(address);
        let mut parts = place.iter();
        let host = matches!(
            parts.next(),
            Some(
                Protocol::Ip4(_)
                    | Protocol::Ip6(_)
                    | Protocol::Dns(_)
                    | Protocol::Dns4(_)
                    | Protocol::Dns6(_)
            )
        );
        let quic = matches!(
            (parts.next(), parts.next(), parts.next()),
            (Some(Protocol::Udp(port)), Some(Protocol::QuicV1), None) if port != 0
        );
        if !host || !quic {
            return Err(AddressError::NotQuic(address.clone()));
        }
        if peer == Some(*local) || own.iter().any(|own| split_peer(own).1 == place) {
            return Err(AddressError::Own(address.clone()));
        }
    }
    Ok(())
}

/// Takes the trailing `/p2p/…` off an address.
#[must_use]
pub fn split_peer(address: &Multiaddr) -> (Option<PeerId>, Multiaddr) {
    let mut place = address.clone();
    match place.iter().last() {
        Some(Protocol::P2p(peer)) => {
            place.pop();
            (Some(peer), place)
        }
        _ => (None, place),
    }
}

/// The attempts of one group that is online.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    search: Option<Search>,
    named: BTreeMap<CommandId, Named>,
}

/// Whoever has nobody looks for anybody.
#[derive(Debug)]
struct Search {
    began: Instant,
    noted: Option<ConnectFailure>,
    /// There was somebody before.
    lost: bool,
}

/// An application has named addresses, which are tried one after the other.
#[derive(Debug)]
struct Named {
    began: Instant,
    left: VecDeque<Multiaddr>,
    /// What is being tried and since when, and the peer once it is connected.
    place: Option<(Multiaddr, Instant)>,
    peer: Option<PeerId>,
    noted: Option<ConnectFailure>,
    /// A full member has named others; whoever of them takes us ends the attempt.
    referred: bool,
}

impl Named {
    /// Until when the address being tried has the turn for itself.
    fn turn_ends(&self) -> Option<Instant> {
        let (_, since) = self.place.as_ref()?;
        let waits = self.peer.is_none() && !self.left.is_empty();
        waits.then(|| *since + ADDRESS_TIME)
    }

    fn next_wakeup(&self) -> Instant {
        let end = self.began + ADDRESS_PATIENCE;
        self.turn_ends().map_or(end, |turn| turn.min(end))
    }
}

impl Attempts {
    /// When something here is due, given whether anybody is being approached.
    pub(super) fn next_wakeup(&self, busy: bool) -> Option<Instant> {
        let search = self
            .search
            .as_ref()
            .map(|search| search.began + if busy { SEARCH_PATIENCE } else { SEARCH_TIME });
        let named = self.named.values().map(Named::next_wakeup);
        search.into_iter().chain(named).min()
    }

    fn note(&mut self, peer: &PeerId, failure: ConnectFailure) {
        if let Some(search) = &mut self.search {
            search.noted = search.noted.max(Some(failure));
        }
        for named in self.named.values_mut() {
            if named.peer.as_ref() == Some(peer) {
                named.noted = named.noted.max(Some(failure));
                named.peer = None;
                named.place = None;
            }
        }
    }

    /// The attempts with nothing under way and an address left.
    fn idle(&self) -> Vec<CommandId> {
        let idle = |named: &Named| named.peer.is_none() && named.place.is_none();
        self.named
            .iter()
            .filter(|(_, named)| idle(named))
            .map(|(command, _)| *command)
            .collect()
    }
}

impl Engine {
    /// A replica that has nobody, perhaps because it has `lost` its last neighbour, looks for somebody
    /// and says when that leads nowhere.
    pub(super) fn begin_search(&mut self, replica: ReplicaId, lost: bool, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.neighbours.is_empty()
            && let Some(online) = &mut state.online
        {
            online.attempts.search = Some(Search {
                began: now.instant,
                noted: None,
                lost,
            });
        }
    }

    pub(super) fn on_connect_at(
        &mut self,
        command: CommandId,
        replica: ReplicaId,
        addresses: Vec<Multiaddr>,
        now: Now,
    ) {
        let Some(online) = self
            .groups
            .get_mut(&replica)
            .and_then(|state| state.online.as_mut())
        else {
            self.end_attempt(replica, command, Err(ConnectFailure::Offline));
            return;
        };
        let named = &mut online.attempts.named;
        if named.len() >= MAX_ATTEMPTS || named.contains_key(&command) {
            self.end_attempt(replica, command, Err(ConnectFailure::TooMany));
            return;
        }
        named.insert(
            command,
            Named {
                began: now.instant,
                left: addresses.into_iter().take(MAX_ADDRESSES_NAMED).collect(),
                place: None,
                peer: None,
                noted: None,
                referred: false,
            },
        );
        self.try_next(replica, command, now);
    }

    /// Tries the next address of an attempt, or ends it when there is none.
    fn try_next(&mut self, replica: ReplicaId, command: CommandId, now: Now) {
        let Some(named) = self.attempt(replica, command) else {
            return;
        };
        match named.left.pop_front() {
            Some(address) => {
                named.place = Some((address.clone(), now.instant));
                self.outputs.push_back(Output::DialAddress {
                    command,
                    replica,
                    address,
                });
            }
            None if named.referred => {}
            None => {
                let failure = named.noted.unwrap_or(ConnectFailure::NoMembersFound);
                self.end_attempt(replica, command, Err(failure));
            }
        }
    }

    /// Somebody answers at an address that was named, or nobody does.
    pub(super) fn on_address_dialled(
        &mut self,
        command: CommandId,
        replica: ReplicaId,
        address: &Multiaddr,
        result: Result<PeerId, ConnectFailure>,
        now: Now,
    ) {
        let Some(named) = self.attempt(replica, command) else {
            return;
        };
        let peer = match result {
            // An earlier address that answers late is as good, unless another one has answered.
            Ok(peer) if named.peer.is_none() => peer,
            Ok(_) => return,
            Err(failure) => {
                named.noted = named.noted.max(Some(failure));
                if named.place.as_ref().is_some_and(|(of, _)| of == address) {
                    named.place = None;
                    self.try_next(replica, command, now);
                }
                return;
            }
        };
        named.place = Some((address.clone(), now.instant));
        named.peer = Some(peer);
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.neighbours.get(&peer).is_some() {
            self.end_attempt(replica, command, Ok(peer));
            return;
        }
        // One of ours under another name, or somebody who is kept away for now.
        if peer == self.local || state.neighbours.is_banned(&peer) {
            self.note_failure(replica, &peer, ConnectFailure::NotAuthorised, now);
            return;
        }
        state
            .neighbours
            .insist(peer, split_peer(address).1, now.instant);
        self.ask_admission(replica, peer);
    }

    /// An approach to a peer has failed.
    pub(super) fn note_failure(
        &mut self,
        replica: ReplicaId,
        peer: &PeerId,
        failure: ConnectFailure,
        now: Now,
    ) {
        let Some(attempts) = self.attempts(replica) else {
            return;
        };
        attempts.note(peer, failure);
        let idle = attempts.idle();
        self.emit(Event::NeighbourFailed {
            replica,
            peer: *peer,
            reason: failure,
        });
        for command in idle {
            self.try_next(replica, command, now);
        }
    }

    /// A full member has named others that may have room.
    pub(super) fn note_referral(&mut self, replica: ReplicaId, peer: &PeerId) {
        if let Some(attempts) = self.attempts(replica) {
            for named in attempts.named.values_mut() {
                named.referred |= named.peer.as_ref() == Some(peer);
            }
        }
    }

    /// A link has opened: whoever waited for it has what it wanted.
    pub(super) fn attempts_succeeded(&mut self, replica: ReplicaId, peer: PeerId) {
        let Some(attempts) = self.attempts(replica) else {
            return;
        };
        attempts.search = None;
        let done: Vec<CommandId> = attempts
            .named
            .iter()
            .filter(|(_, named)| named.referred || named.peer == Some(peer))
            .map(|(command, _)| *command)
            .collect();
        for command in done {
            self.end_attempt(replica, command, Ok(peer));
        }
    }

    /// Ends what has taken too long.
    pub(super) fn tick_attempts(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let busy = state.neighbours.is_approaching();
        let synchronised = state.synchronised;
        let Some(attempts) = state.online.as_mut().map(|online| &mut online.attempts) else {
            return;
        };
        let late: Vec<(CommandId, Option<ConnectFailure>)> = attempts
            .named
            .iter()
            .filter(|(_, named)| named.began + ADDRESS_PATIENCE <= now.instant)
            .map(|(command, named)| (*command, named.noted))
            .collect();
        let next: Vec<CommandId> = attempts
            .named
            .iter()
            .filter(|(_, named)| named.turn_ends().is_some_and(|end| end <= now.instant))
            .map(|(command, _)| *command)
            .collect();
        let patience = if busy { SEARCH_PATIENCE } else { SEARCH_TIME };
        let over = attempts
            .search
            .take_if(|search| search.began + patience <= now.instant);
        for (command, noted) in late {
            let failure = noted.unwrap_or(ConnectFailure::TimedOut);
            self.end_attempt(replica, command, Err(failure));
        }
        for command in next {
            self.try_next(replica, command, now);
        }
        let Some(search) = over else {
            return;
        };
        if !synchronised {
            let nothing = if busy {
                ConnectFailure::TimedOut
            } else {
                ConnectFailure::NoMembersFound
            };
            self.emit(Event::ConnectionFailed {
                replica,
                reason: search.noted.unwrap_or(nothing),
            });
        } else if search.lost || search.noted.is_some() {
            // Whoever never knew anybody may wait alone, and that is no trouble.
            self.emit(Event::ConnectionRequired { replica });
        }
    }

    /// Ends every attempt of a group that goes offline.
    pub(super) fn end_attempts(&mut self, replica: ReplicaId) {
        let Some(attempts) = self.attempts(replica) else {
            return;
        };
        attempts.search = None;
        for command in attempts.named.keys().copied().collect::<Vec<_>>() {
            self.end_attempt(replica, command, Err(ConnectFailure::Offline));
        }
    }

    fn end_attempt(
        &mut self,
        replica: ReplicaId,
        command: CommandId,
        result: Result<PeerId, ConnectFailure>,
    ) {
        if let Some(attempts) = self.attempts(replica) {
            attempts.named.remove(&command);
        }
        if let Err(reason) = result {
            self.emit(Event::ConnectionFailed { replica, reason });
        }
        self.outputs
            .push_back(Output::ConnectedAt { command, result });
    }

    fn attempt(&mut self, replica: ReplicaId, command: CommandId) -> Option<&mut Named> {
        self.attempts(replica)?.named.get_mut(&command)
    }

    fn attempts(&mut self, replica: ReplicaId) -> Option<&mut Attempts> {
        let state = self.groups.get_mut(&replica)?;
        Some(&mut state.online.as_mut()?.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&[number; 32]);
        PeerId::from_bytes(&bytes).unwrap()
    }

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn connecting_to_oneself_is_refused_at_once() {
        let own = [address("/ip4/127.0.0.1/udp/4001/quic-v1")];
        let check = |text: &str| check_addresses(&[address(text)], &peer(1), &own);
        let named = format!("/ip4/192.0.2.1/udp/9/quic-v1/p2p/{}", peer(1));
        for text in [own[0].to_string(), named] {
            assert!(matches!(check(&text), Err(AddressError::Own(_))), "{text}");
        }
        let other = format!("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/{}", peer(2));
        assert!(
            matches!(check(&other), Err(AddressError::Own(_))),
            "nobody else can be where we are"
        );
        assert_eq!(check("/ip4/127.0.0.1/udp/4002/quic-v1"), Ok(()));
    }

    #[test]
    fn only_addresses_of_nodes_are_tried_and_not_too_many() {
        let check = |addresses: &[Multiaddr]| check_addresses(addresses, &peer(1), &[]);
        assert_eq!(check(&[]), Err(AddressError::None));
        for text in [
            "/ip4/127.0.0.1/tcp/4001",
            "/ip4/127.0.0.1/udp/0/quic-v1",
            "/ip4/127.0.0.1/udp/4001",
            "/memory/4",
            "/ip4/127.0.0.1/udp/4001/quic-v1/p2p-circuit",
        ] {
            let refused = check(&[address(text)]);
            assert!(matches!(refused, Err(AddressError::NotQuic(_))), "{text}");
        }
        let good = address("/dns4/chess.example/udp/4001/quic-v1");
        assert_eq!(check(&vec![good.clone(); MAX_ADDRESSES_NAMED]), Ok(()));
        let refused = check(&vec![good; MAX_ADDRESSES_NAMED + 1]);
        assert_eq!(refused, Err(AddressError::TooMany(MAX_ADDRESSES_NAMED + 1)));
    }

    #[test]
    fn of_several_failures_the_one_that_got_farthest_is_told() {
        use ConnectFailure::{NoMembersFound, NotAuthorised, Refused, Unreachable};
        assert!(NoMembersFound < Unreachable);
        assert!(Unreachable < NotAuthorised);
        assert!(NotAuthorised < Refused);
        let words: std::collections::BTreeSet<_> =
            [NoMembersFound, Unreachable, NotAuthorised, Refused]
                .map(ConnectFailure::reason)
                .into();
        assert_eq!(words.len(), 4);
    }
}
