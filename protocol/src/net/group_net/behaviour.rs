//! `GroupNet` as a libp2p behaviour: carries out the gate's steps, and routes what handlers and
//! instances say.

use std::task::{Context, Poll};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    gossipsub,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::{AddressChange, ConnectionClosed, ConnectionEstablished},
    },
};
use peerage_records::id::GroupId;

use super::{
    Event, GroupNet, LinkHandle,
    gate::Step,
    gossip::{Gossip, Inner, InnerIn},
    handler::{Command, MuxHandler, Notice},
    link::NewLink,
    outbox::Outbox,
};
use crate::direct;

impl GroupNet {
    /// Carries out steps that install no new link.
    pub(super) fn carry_out(&mut self, steps: Vec<Step>) {
        self.carry_out_open(steps, None);
    }

    /// Carries out steps; `handle` is that of the link which is being opened, if one is.
    pub(super) fn carry_out_open(&mut self, steps: Vec<Step>, mut handle: Option<LinkHandle>) {
        for step in steps {
            match step {
                Step::Hide {
                    group,
                    peer,
                    connection,
                } => self.hide(group, peer, connection),
                Step::Uninstall {
                    peer,
                    connection,
                    link,
                } => self.command(peer, connection, Command::Close { link }),
                Step::Show {
                    group,
                    peer,
                    connection,
                    link,
                    epoch,
                } => {
                    let Some(inner) = self.show(group, peer, connection) else {
                        continue;
                    };
                    let command = if let Some(handle) = handle.take() {
                        let outbox = Outbox::new(self.config.channel_queue_bytes);
                        self.outboxes.insert((group, peer), outbox.clone());
                        Command::Open(Box::new(NewLink {
                            id: link,
                            handle,
                            inner,
                            outbox,
                            patience: self.config.patience,
                        }))
                    } else {
                        let inner = Box::new(inner);
                        Command::Refresh { link, epoch, inner }
                    };
                    self.command(peer, connection, command);
                }
                Step::Lost { group, peer, loss } => {
                    self.outboxes.remove(&(group, peer));
                    self.tell(Event::LinkClosed { group, peer, loss });
                }
            }
        }
    }

    /// Introduces a peer to the group's instance, as if it had connected just now.
    fn show(&mut self, group: GroupId, peer: PeerId, connection: ConnectionId) -> Option<Inner> {
        let endpoint = self.endpoints.get(&connection)?;
        let gossip = self.instances.get_mut(&group)?.touch();
        let inner = match endpoint {
            ConnectedPoint::Dialer {
                address,
                role_override,
                port_use,
            } => gossip.handle_established_outbound_connection(
                connection,
                peer,
                address,
                *role_override,
                *port_use,
            ),
            ConnectedPoint::Listener {
                local_addr,
                send_back_addr,
            } => gossip.handle_established_inbound_connection(
                connection,
                peer,
                local_addr,
                send_back_addr,
            ),
        }
        .ok()?;
        gossip.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: connection,
            endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
        Some(inner)
    }

    /// Takes a peer away from the group's instance, as if its only connection had been lost.
    fn hide(&mut self, group: GroupId, peer: PeerId, connection: ConnectionId) {
        let (Some(endpoint), Some(instance)) = (
            self.endpoints.get(&connection),
            self.instances.get_mut(&group),
        ) else {
            return;
        };
        instance
            .touch()
            .on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id: peer,
                connection_id: connection,
                endpoint,
                cause: None,
                remaining_established: 0,
            }));
    }

    /// Drops what the engine was about to be told of a link that it has just closed or replaced.
    pub(super) fn forget_link(&mut self, group: &GroupId, peer: &PeerId) {
        self.outboxes.remove(&(*group, *peer));
        self.pending.retain(|event| {
            !matches!(event, ToSwarm::GenerateEvent(
                Event::LinkClosed { group: g, peer: p, .. }
                | Event::LinkReady { group: g, peer: p }
                | Event::Frame { group: g, peer: p, .. }
                | Event::Drained { group: g, peer: p }
            ) if g == group && p == peer)
        });
    }

    /// Drops the messages of a peer to which the gate has just been closed.
    pub(super) fn forget_heard(&mut self, group: &GroupId, peer: &PeerId) {
        self.pending.retain(|event| {
            !matches!(event, ToSwarm::GenerateEvent(Event::Heard { group: g, source, .. })
                if g == group && source == peer)
        });
    }

    fn on_instance(&mut self, group: GroupId, event: ToSwarm<gossipsub::Event, InnerIn>) {
        match event {
            ToSwarm::GenerateEvent(gossipsub::Event::Message {
                propagation_source: source,
                message_id: id,
                message,
            }) if self.gate.link(&group, &source).is_some() => {
                let bytes = message.data;
                self.tell(Event::Heard {
                    group,
                    source,
                    id,
                    bytes,
                });
            }
            ToSwarm::GenerateEvent(gossipsub::Event::SlowPeer {
                peer_id,
                failed_messages,
            }) => self.tell(Event::Slow {
                group,
                peer: peer_id,
                dropped: failed_messages.non_priority + failed_messages.priority,
            }),
            // A message may have been heard just before the gate was closed: it is dropped.
            ToSwarm::GenerateEvent(_) => {}
            ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(connection),
                event,
            } => {
                // Both commands there are say how dear the connection is, which we decide ourselves;
                // so it does no harm when one was meant for an earlier introduction.
                if let Some((link, on, epoch)) = self.gate.link(&group, &peer_id)
                    && on == connection
                {
                    self.command(peer_id, connection, Command::Inner { link, epoch, event });
                }
            }
            // Dialling is the engine's business, and gossipsub does nothing else.
            _ => {}
        }
    }

    fn on_notice(&mut self, peer: PeerId, connection: ConnectionId, notice: Notice) {
        match notice {
            Notice::Inner { link, epoch, event } => {
                if let Some((group, peer)) = self.gate.current(connection, link, epoch)
                    && let Some(instance) = self.instances.get_mut(&group)
                {
                    instance
                        .touch()
                        .on_connection_handler_event(peer, connection, event);
                }
            }
            Notice::Ready { link } => {
                if let Some((group, peer)) = self.gate.owner(connection, link) {
                    self.tell(Event::LinkReady { group, peer });
                }
            }
            Notice::Worn { link, to } => {
                let steps = self.gate.refresh(connection, link, to);
                self.carry_out(steps);
            }
            Notice::Lost { link, loss } => {
                let steps = self.gate.lost(connection, link, loss);
                self.carry_out(steps);
            }
            Notice::Frame { link, frame } => {
                if let Some((group, peer)) = self.gate.owner(connection, link) {
                    self.tell(Event::Frame { group, peer, frame });
                }
            }
            Notice::Drained { link } => {
                if let Some((group, peer)) = self.gate.owner(connection, link) {
                    self.tell(Event::Drained { group, peer });
                }
            }
            Notice::ExchangeOpened { id, outbox } => {
                self.exchanges.opened(id, peer, connection, outbox);
                self.tell(Event::ExchangeOpened { id, peer });
            }
            Notice::ExchangeFrame { id, frame } => {
                if self.exchanges.running(id).is_some() {
                    self.tell(Event::ExchangeFrame { id, peer, frame });
                }
            }
            Notice::ExchangeEnded { id } => {
                if self.exchanges.end(id).is_some() {
                    self.tell(Event::ExchangeEnded { id, peer });
                }
            }
            Notice::Direct { id, stream } => self.direct_noticed(id, connection, stream),
            Notice::Misbehaved(what) => self.tell(Event::Misbehaved { peer, what }),
        }
    }

    /// Drops what the engine was about to be told of a direct connection that it has just closed.
    pub(super) fn forget_direct(&mut self, id: direct::ConnectionId) {
        self.pending.retain(|event| {
            !matches!(event, ToSwarm::GenerateEvent(
                Event::DirectOpened { id: of, .. } | Event::DirectFailed { id: of }
            ) if *of == id)
        });
    }

    fn handler(&self, peer: PeerId) -> MuxHandler {
        let expected = self.directs.expected.clone();
        MuxHandler::new(
            self.ids.clone(),
            self.config.exchange_lifetime,
            peer,
            expected,
        )
    }
}

impl NetworkBehaviour for GroupNet {
    type ConnectionHandler = MuxHandler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let (id, endpoint) = (established.connection_id, established.endpoint);
                self.endpoints.insert(id, endpoint.clone());
                self.gate
                    .connected(id, established.peer_id, endpoint.is_relayed());
            }
            FromSwarm::ConnectionClosed(closed) => {
                let steps = self.gate.disconnected(closed.connection_id);
                self.carry_out(steps);
                self.endpoints.remove(&closed.connection_id);
                self.directs_disconnected(closed.connection_id);
                for (id, peer) in self.exchanges.disconnected(closed.connection_id) {
                    self.tell(Event::ExchangeEnded { id, peer });
                }
            }
            FromSwarm::AddressChange(AddressChange {
                connection_id, new, ..
            }) => {
                if let Some(endpoint) = self.endpoints.get_mut(&connection_id) {
                    *endpoint = new.clone();
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        notice: THandlerOutEvent<Self>,
    ) {
        self.on_notice(peer, connection, notice);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.woken.task.register(cx.waker());
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Poll::Ready(event);
            }
            let Some(group) = self.woken.next() else {
                return Poll::Pending;
            };
            let Some(instance) = self.instances.get_mut(&group) else {
                continue;
            };
            let waker = instance.waker();
            let polled = Gossip::poll(&mut instance.gossip, &mut Context::from_waker(&waker));
            if let Poll::Ready(event) = polled {
                // It may have more to say, after the others had their turn.
                waker.wake_by_ref();
                self.on_instance(group, event);
            }
        }
    }
}
