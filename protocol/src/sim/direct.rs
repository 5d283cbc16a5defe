//! Direct connections: dials, questions, answers, streams. What would go over a stream is not played.

use std::{collections::BTreeMap, time::Duration};

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};

use super::{GroupIndex, NodeIndex, World, network, node::Actor};
use crate::{
    direct::{ConnectionId, DirectConsent, DirectEnd, DirectFailure, DirectMode, DirectView},
    engine::{AskNumber, DirectInput, DirectOutput, Input, Place},
};

/// A question that is not answered by then is lost, as in the real network half.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// What all nodes have under way.
#[derive(Debug, Default)]
pub(super) struct Directs {
    asks: BTreeMap<AskNumber, Ask>,
    next_ask: AskNumber,
    /// Streams that may come: by handle, who may open it and who expects it under which name.
    expected: BTreeMap<[u8; 32], (PeerId, End)>,
    streams: Vec<[End; 2]>,
}

/// One end of a connection, in one life of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    node: NodeIndex,
    boot: u64,
    id: ConnectionId,
}

#[derive(Debug)]
struct Ask {
    from: End,
    to: NodeIndex,
}

/// Something on its way.
#[derive(Debug)]
pub(super) enum Travelling {
    Dialled(End, NodeIndex),
    Ask(End, NodeIndex, Vec<u8>),
    AskTimeout(AskNumber),
    Reply(End, NodeIndex, Option<Vec<u8>>),
    Stream(End, NodeIndex, [u8; 32]),
    Tell(End, DirectInput),
}

impl World {
    /// Has a node accept these direct connections in a group, and no others.
    pub fn listen_direct(&mut self, node: NodeIndex, group: GroupIndex, consent: DirectConsent) {
        if let Some(replica) = self.replica(node, group) {
            let listen = DirectInput::Listen { replica, consent };
            self.command(node, Input::Direct(listen));
        }
    }

    /// Has a node open a direct connection to the member of another one, at these places; wherever the
    /// member is known to be, when there are none.
    ///
    /// # Panics
    /// When the node is no member, or has no engine.
    pub fn open_direct(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        member: NodeIndex,
        places: Vec<Place>,
    ) -> ConnectionId {
        let member = self.member(member, group);
        let replica = self.membership_of(node, group).replica();
        let Actor::Honest(engine) = &mut self.nodes[node].actor else {
            panic!("the node has no engine");
        };
        let id = engine.new_connection_id();
        let open = DirectInput::Open {
            id,
            replica,
            member,
            places,
            mode: DirectMode::Messages,
        };
        self.command(node, Input::Direct(open));
        id
    }

    /// The direct connections of a node that are open or being opened from there.
    #[must_use]
    pub fn directs(&self, node: NodeIndex, group: GroupIndex) -> Vec<DirectView> {
        self.view(node, group)
            .map(|view| view.directs)
            .unwrap_or_default()
    }

    /// A node, where it is.
    #[must_use]
    pub fn place(&self, node: NodeIndex) -> Place {
        Place {
            peer: Some(self.peer(node)),
            addresses: vec![self.address(node)],
        }
    }

    pub(super) fn carry_out_direct(&mut self, node: NodeIndex, output: DirectOutput) {
        let boot = self.nodes[node].boots;
        let end = |id| End { node, boot, id };
        match output {
            DirectOutput::Dial {
                id,
                peer,
                addresses,
            } => self.dial_direct(end(id), peer, addresses.first()),
            DirectOutput::Ask { id, peer, request } => match self.connected_to(node, &peer) {
                Some(to) => self.direct_travels(Travelling::Ask(end(id), to, request)),
                None => {
                    let result = Err(DirectFailure::Unreachable);
                    self.direct_told(end(id), DirectInput::Answered { id, result });
                }
            },
            DirectOutput::Answer { ask, reply } => {
                if let Some(Ask { from, to }) = self.directs.asks.remove(&ask) {
                    self.direct_travels(Travelling::Reply(from, to, reply));
                }
            }
            DirectOutput::OpenStream {
                id, peer, handle, ..
            } => match self.connected_to(node, &peer) {
                Some(to) => {
                    self.direct_travels(Travelling::Stream(end(id), to, *handle.as_bytes()));
                }
                None => self.direct_told(end(id), DirectInput::StreamFailed { id }),
            },
            DirectOutput::ExpectStream {
                id, peer, handle, ..
            } => {
                let expected = (peer, end(id));
                self.directs.expected.insert(*handle.as_bytes(), expected);
            }
            DirectOutput::Close { id } => {
                let end = end(id);
                self.directs.expected.retain(|_, (_, of)| *of != end);
                let streams = &mut self.directs.streams;
                if let Some(at) = streams.iter().position(|ends| ends.contains(&end)) {
                    let ends = streams.swap_remove(at);
                    let other = if ends[0] == end { ends[1] } else { ends[0] };
                    let gone = DirectInput::Ended {
                        id: other.id,
                        end: DirectEnd::ClosedThere,
                    };
                    self.direct_travels(Travelling::Tell(other, gone));
                }
            }
        }
    }

    fn dial_direct(&mut self, from: End, peer: Option<PeerId>, address: Option<&Multiaddr>) {
        self.counts.dials += 1;
        let there = match address.and_then(|address| address.iter().next()) {
            Some(Protocol::Memory(number)) => usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1))
                .filter(|to| *to < self.nodes.len() && self.can_reach(from.node, *to)),
            _ => None,
        };
        match there {
            Some(to) if peer.is_none_or(|peer| peer == self.nodes[to].peer) => {
                self.direct_travels(Travelling::Dialled(from, to));
            }
            other => {
                let failure =
                    other.map_or(DirectFailure::Unreachable, |_| DirectFailure::OtherMember);
                let timeout = self.config.dial_timeout;
                let failed = DirectInput::Dialled {
                    id: from.id,
                    result: Err(failure),
                };
                let told = Travelling::Tell(from, failed);
                self.travel(timeout, network::Travelling::Direct(told));
            }
        }
    }

    fn direct_travels(&mut self, travelling: Travelling) {
        let delay = self.message_delay();
        self.travel(delay, network::Travelling::Direct(travelling));
    }

    fn direct_told(&mut self, end: End, input: DirectInput) {
        let told = network::Travelling::Direct(Travelling::Tell(end, input));
        self.travel(Duration::ZERO, told);
    }

    pub(super) fn direct_arrives(&mut self, travelling: Travelling) {
        match travelling {
            Travelling::Dialled(from, to) => {
                self.link_up(from.node, to);
                let result = if self.are_connected(from.node, to) {
                    Ok(self.nodes[to].peer)
                } else {
                    Err(DirectFailure::Unreachable)
                };
                let dialled = DirectInput::Dialled {
                    id: from.id,
                    result,
                };
                self.direct_told(from, dialled);
            }
            Travelling::Ask(from, to, request) => {
                if !self.are_connected(from.node, to) {
                    return self.direct_lost(from);
                }
                let ask = self.directs.next_ask;
                self.directs.next_ask += 1;
                self.directs.asks.insert(ask, Ask { from, to });
                let timeout = network::Travelling::Direct(Travelling::AskTimeout(ask));
                self.travel(ASK_TIMEOUT, timeout);
                let peer = self.nodes[from.node].peer;
                self.command(to, Input::Direct(DirectInput::Asked { ask, peer, request }));
            }
            Travelling::AskTimeout(ask) => {
                if let Some(Ask { from, .. }) = self.directs.asks.remove(&ask) {
                    let result = Err(DirectFailure::TimedOut);
                    self.direct_told(
                        from,
                        DirectInput::Answered {
                            id: from.id,
                            result,
                        },
                    );
                }
            }
            Travelling::Reply(from, to, reply) => {
                if !self.are_connected(from.node, to) {
                    return self.direct_lost(from);
                }
                let result = reply.ok_or(DirectFailure::NotAuthorised);
                self.direct_told(
                    from,
                    DirectInput::Answered {
                        id: from.id,
                        result,
                    },
                );
            }
            Travelling::Stream(from, to, handle) => self.direct_stream(from, to, handle),
            Travelling::Tell(end, input) => {
                self.tell(end.node, end.boot, Input::Direct(input));
            }
        }
    }

    fn direct_lost(&mut self, from: End) {
        let result = Err(DirectFailure::Broken);
        self.direct_told(
            from,
            DirectInput::Answered {
                id: from.id,
                result,
            },
        );
    }

    fn direct_stream(&mut self, from: End, to: NodeIndex, handle: [u8; 32]) {
        let opener = self.nodes[from.node].peer;
        let expected = self
            .directs
            .expected
            .get(&handle)
            .copied()
            .filter(|(peer, end)| {
                *peer == opener && end.node == to && self.are_connected(from.node, to)
            });
        let Some((_, target)) = expected else {
            self.direct_told(from, DirectInput::StreamFailed { id: from.id });
            return;
        };
        self.directs.expected.remove(&handle);
        self.directs.streams.push([from, target]);
        for (end, other) in [(target, from.node), (from, to)] {
            let address = Some(self.address(other));
            let opened = DirectInput::StreamOpened {
                id: end.id,
                address,
            };
            // Over one connection nothing overtakes what was said before.
            self.direct_told(end, opened);
        }
    }

    /// Two nodes have lost their connection, and each notices after a while.
    pub(super) fn tear_directs(&mut self, a: NodeIndex, b: NodeIndex, delays: [Duration; 2]) {
        let between = |ends: &[End; 2]| {
            let nodes = [ends[0].node, ends[1].node];
            nodes == [a, b] || nodes == [b, a]
        };
        let torn: Vec<[End; 2]> = self
            .directs
            .streams
            .extract_if(.., |ends| between(ends))
            .collect();
        for end in torn.into_iter().flatten() {
            let delay = if end.node == a { delays[0] } else { delays[1] };
            let broken = DirectInput::Ended {
                id: end.id,
                end: DirectEnd::Broken,
            };
            let told = Travelling::Tell(end, broken);
            self.travel(delay, network::Travelling::Direct(told));
        }
    }
}
