//! Connecting to addresses that an application names.

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_records::id::ReplicaId;

use super::{GroupIndex, NodeIndex, World, network::Travelling, node::Actor};
use crate::engine::{CommandId, ConnectFailure, Input, split_peer};

impl World {
    /// Asks a node to connect to whoever is at these addresses; see [`World::connected_at`].
    pub fn connect_at(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        addresses: &[Multiaddr],
    ) -> CommandId {
        let command = self.nodes[node].next_command;
        self.nodes[node].next_command += 1;
        if let Some(replica) = self.replica(node, group) {
            let addresses = addresses.to_vec();
            self.command(
                node,
                Input::ConnectAt {
                    command,
                    replica,
                    addresses,
                },
            );
        }
        command
    }

    /// How an attempt ended, once it has.
    #[must_use]
    pub fn connected_at(
        &self,
        node: NodeIndex,
        attempt: CommandId,
    ) -> Option<Result<PeerId, ConnectFailure>> {
        self.nodes[node].attempts.get(&attempt).copied()
    }

    /// Where a node is.
    #[must_use]
    pub fn address(&self, node: NodeIndex) -> Multiaddr {
        Multiaddr::empty().with(Protocol::Memory(node as u64 + 1))
    }

    /// Gives a node that nobody could dial an address, of which its engine is told.
    pub fn listen(&mut self, node: NodeIndex) {
        let addresses = vec![self.address(node)];
        self.nodes[node].addresses = addresses.clone();
        self.command(node, Input::Addresses(addresses));
    }

    pub(super) fn dial_address(
        &mut self,
        from: NodeIndex,
        command: CommandId,
        replica: ReplicaId,
        address: &Multiaddr,
    ) {
        self.counts.dials += 1;
        let boot = self.nodes[from].boots;
        let (expected, place) = split_peer(address);
        let there = match place.iter().next() {
            Some(Protocol::Memory(number)) => usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1))
                .filter(|to| *to < self.nodes.len()),
            _ => None,
        };
        let reachable =
            there.filter(|to| !self.nodes[*to].addresses.is_empty() && self.can_reach(from, *to));
        let failure = match reachable {
            Some(to) if expected.is_some_and(|peer| peer != self.nodes[to].peer) => {
                ConnectFailure::OtherPeer
            }
            Some(to) => {
                let delay = self.message_delay() * 2;
                let answer = Travelling::AddressDialled(from, boot, command, replica, to);
                self.travel(delay, answer);
                return;
            }
            None => ConnectFailure::Unreachable,
        };
        let timeout = self.config.dial_timeout;
        let input = Input::AddressDialled {
            command,
            replica,
            address: address.clone(),
            result: Err(failure),
        };
        self.tell_later(timeout, from, input);
    }

    pub(super) fn on_address_dialled(
        &mut self,
        from: NodeIndex,
        boot: u64,
        (command, replica): (CommandId, ReplicaId),
        to: NodeIndex,
    ) {
        if self.nodes[from].boots != boot || matches!(self.nodes[from].actor, Actor::Off) {
            return;
        }
        let peer = self.nodes[to].peer;
        self.link_up(from, to);
        let result = if self.are_connected(from, to) {
            Ok(peer)
        } else {
            Err(ConnectFailure::Unreachable)
        };
        self.command(
            from,
            Input::AddressDialled {
                command,
                replica,
                address: self.address(to),
                result,
            },
        );
    }
}
