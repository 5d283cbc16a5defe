//! Direct connections: dials, questions and answers, streams.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    request_response::{self, Message, OutboundFailure, OutboundRequestId, ResponseChannel},
    swarm::{
        self, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};

use super::{Allowance, Network};
use crate::{
    direct::{ConnectionId, DirectFailure},
    engine::{AskNumber, DirectInput, DirectOutput, Input},
    net::{DirectStream, group_net::LinkHandle},
};

/// Questions of one peer in a row: applications open a few connections at once. Each costs a key
/// derivation per group that is online here, and of a member the verification of its chain.
const MAX_ASKS: u32 = 64;
/// How long a peer earns one more.
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// What one peer may ask.
pub(super) fn asks() -> Allowance {
    Allowance::new(MAX_ASKS, ASK_INTERVAL)
}

/// What is under way for direct connections.
#[derive(Debug, Default)]
pub(super) struct Directs {
    dials: HashMap<swarm::ConnectionId, ConnectionId>,
    asked: HashMap<OutboundRequestId, ConnectionId>,
    /// Questions the engine has not answered yet; it bounds how many wait.
    unanswered: BTreeMap<AskNumber, ResponseChannel<Vec<u8>>>,
    next_ask: AskNumber,
}

impl Network {
    /// The stream of a direct connection that has just opened. It is there once.
    pub fn take_direct(&mut self, id: ConnectionId) -> Option<DirectStream> {
        self.groups().take_direct(id)
    }

    pub(super) fn carry_out_direct(&mut self, output: DirectOutput) {
        match output {
            DirectOutput::Dial {
                id,
                peer,
                addresses,
            } => self.dial_direct(id, peer, addresses),
            DirectOutput::Ask { id, peer, request } => {
                if self.swarm.is_connected(&peer) {
                    let directs = &mut self.swarm.behaviour_mut().directs;
                    let number = directs.send_request(&peer, request);
                    self.directs.asked.insert(number, id);
                } else {
                    let result = Err(DirectFailure::Unreachable);
                    self.tell_direct(DirectInput::Answered { id, result });
                }
            }
            DirectOutput::Answer { ask, reply } => {
                // Dropping the channel is the answer that says nothing.
                if let (Some(channel), Some(reply)) = (self.directs.unanswered.remove(&ask), reply)
                {
                    // Who is gone by now hears nothing.
                    let directs = &mut self.swarm.behaviour_mut().directs;
                    let _ = directs.send_response(channel, reply);
                }
            }
            DirectOutput::OpenStream {
                id,
                group,
                peer,
                handle,
            } => {
                let handle = LinkHandle::from_bytes(*handle.as_bytes());
                self.groups().open_direct(id, group, peer, handle);
            }
            DirectOutput::ExpectStream {
                id,
                group,
                peer,
                handle,
            } => {
                let handle = LinkHandle::from_bytes(*handle.as_bytes());
                self.groups().expect_direct(id, group, peer, &handle);
            }
            DirectOutput::Close { id } => self.groups().close_direct(id),
        }
    }

    fn dial_direct(&mut self, id: ConnectionId, peer: Option<PeerId>, addresses: Vec<Multiaddr>) {
        let options = match peer {
            Some(peer) if self.swarm.is_connected(&peer) => {
                self.tell_direct(DirectInput::Dialled {
                    id,
                    result: Ok(peer),
                });
                return;
            }
            // Beside any other attempt, so that the answer is about these addresses.
            Some(peer) => DialOpts::peer_id(peer)
                .addresses(addresses)
                .condition(PeerCondition::Always)
                .build(),
            None => {
                let address = addresses
                    .into_iter()
                    .next()
                    .unwrap_or_else(Multiaddr::empty);
                DialOpts::unknown_peer_id().address(address).build()
            }
        };
        let connection = options.connection_id();
        self.directs.dials.insert(connection, id);
        if let Err(error) = self.swarm.dial(options) {
            self.counts.dials_failed += 1;
            self.direct_dial_ended(connection, Err(&error));
        }
    }

    /// A dial has ended, perhaps one for a direct connection.
    pub(super) fn direct_dial_ended(
        &mut self,
        connection: swarm::ConnectionId,
        result: Result<PeerId, &DialError>,
    ) {
        let Some(id) = self.directs.dials.remove(&connection) else {
            return;
        };
        let result = result.map_err(|error| match error {
            DialError::WrongPeerId { .. } | DialError::LocalPeerId { .. } => {
                DirectFailure::OtherMember
            }
            // One that broke the protocol, or one too many.
            DialError::Denied { .. } => DirectFailure::NotAuthorised,
            _ => DirectFailure::Unreachable,
        });
        self.tell_direct(DirectInput::Dialled { id, result });
    }

    pub(super) fn on_direct_event(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message {
                peer,
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            } => {
                let now = self.clock.now();
                // Whoever asks too much gets no answer either.
                if self.peers.get_mut(&peer).is_some_and(|p| p.asks.take(now)) {
                    let ask = self.directs.next_ask;
                    self.directs.next_ask += 1;
                    self.directs.unanswered.insert(ask, channel);
                    self.tell_direct(DirectInput::Asked { ask, peer, request });
                }
            }
            request_response::Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => self.direct_answered(request_id, Ok(response)),
            request_response::Event::OutboundFailure {
                request_id, error, ..
            } => {
                let failure = match error {
                    OutboundFailure::DialFailure => DirectFailure::Unreachable,
                    OutboundFailure::Timeout => DirectFailure::TimedOut,
                    OutboundFailure::ConnectionClosed => DirectFailure::Broken,
                    OutboundFailure::UnsupportedProtocols => DirectFailure::Unsupported,
                    // It has ended without an answer.
                    OutboundFailure::Io(_) => DirectFailure::NotAuthorised,
                };
                self.direct_answered(request_id, Err(failure));
            }
            request_response::Event::InboundFailure { .. }
            | request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn direct_answered(
        &mut self,
        number: OutboundRequestId,
        result: Result<Vec<u8>, DirectFailure>,
    ) {
        if let Some(id) = self.directs.asked.remove(&number) {
            self.tell_direct(DirectInput::Answered { id, result });
        }
    }

    pub(super) fn tell_direct(&mut self, input: DirectInput) {
        self.inputs.push_back(Input::Direct(input));
    }
}
