//! Direct connections: the loop takes the streams from the network and hands them on.

use libp2p::PeerId;
use peerage_protocol::{
    direct::{ConnectionId, DirectFailure},
    engine::{DirectEvent, DirectInput, Input},
};
use peerage_records::id::{IdentityKey, ReplicaId};
use tokio::sync::oneshot;

use super::Run;
use crate::{
    command::OpenDirect,
    direct::Note,
    model::{ConnectionInfo, ConnectionKind, ConnectionMode, EventKind, GroupEvent, instant_text},
};

/// Who waits for the id of an attempt that the engine is being told of.
pub(crate) type Opening = (
    ConnectionId,
    oneshot::Sender<Result<ConnectionId, DirectFailure>>,
);

impl Run {
    /// Begins an attempt. It is answered once the engine has had its say: see
    /// [`answer_opening`](Self::answer_opening).
    pub(super) fn open_direct(
        &mut self,
        open: OpenDirect,
        reply: oneshot::Sender<Result<ConnectionId, DirectFailure>>,
    ) {
        let id = self.engine.new_connection_id();
        self.directs.opening(open.replica, id);
        self.opening = Some((id, reply));
        self.handle(Input::Direct(DirectInput::Open {
            id,
            replica: open.replica,
            member: open.member,
            places: open.places,
            mode: open.mode,
        }));
    }

    /// What the engine did not refuse at once goes on by itself.
    pub(super) async fn answer_opening(&mut self) {
        if let Some((id, reply)) = self.opening.take()
            && reply.send(Ok(id)).is_err()
        {
            // Nobody knows of it, so nobody would close it.
            self.on_note(Note::Close(id));
            self.carry_out().await;
        }
    }

    pub(super) fn on_note(&mut self, note: Note) {
        match note {
            Note::Ended(id, end) => self.handle(Input::Direct(DirectInput::Ended { id, end })),
            Note::Close(id) => {
                // It may have given way to another one before anybody could know.
                let id = self.directs.now(id);
                self.handle(Input::Direct(DirectInput::Close { id }));
            }
            Note::Listening(replica) => self.listen_direct(replica),
        }
    }

    /// Tells the engine whether anybody listens now. Asked of what is, not of what changed, so that the
    /// order in which changes come here does not matter.
    pub(super) fn listen_direct(&mut self, replica: ReplicaId) {
        let consent = self.directs.consent(replica);
        self.handle(Input::Direct(DirectInput::Listen { replica, consent }));
    }

    pub(super) fn emit_of_direct(&mut self, event: DirectEvent) {
        match event {
            DirectEvent::Connected {
                replica,
                id,
                peer,
                member,
                address,
                incoming,
                mode,
            } => {
                let Some(stream) = self.network.take_direct(id) else {
                    // Cut before we came to it; the engine hears of it by itself.
                    self.directs.failed(
                        replica,
                        (id, None),
                        self.named(&replica, &member),
                        DirectFailure::Broken,
                    );
                    return;
                };
                self.metrics
                    .direct(if incoming { "accepted" } else { "opened" });
                tracing::debug!(%peer, %id, incoming, mode = mode.word(), "direct connection");
                let info = ConnectionInfo {
                    id,
                    kind: ConnectionKind::Direct,
                    node: peer.to_string(),
                    member: self.named(&replica, &member),
                    friendly_name: self.friendly_name(&replica, &member),
                    address: address.map(|address| address.to_string()),
                    incoming,
                    mode: ConnectionMode::from(mode),
                    since: instant_text(self.clock.timestamp()),
                };
                let told = GroupEvent {
                    member: Some(info.member.clone()),
                    node: Some(info.node.clone()),
                    connection: Some(id.to_string()),
                    ..GroupEvent::of(EventKind::DirectConnected)
                };
                self.directs.connected(replica, info, stream.split());
                self.tell(replica, told);
            }
            DirectEvent::Disconnected {
                replica,
                id,
                peer,
                member,
                end,
            } => {
                self.metrics.direct("closed");
                let member = self.named(&replica, &member);
                let told = GroupEvent {
                    member: Some(member.clone()),
                    node: Some(peer.to_string()),
                    connection: Some(id.to_string()),
                    reason: Some(end.reason().to_owned()),
                    ..GroupEvent::of(EventKind::DirectDisconnected)
                };
                self.directs.disconnected(replica, id, (peer, member), end);
                self.tell(replica, told);
            }
            DirectEvent::Failed {
                replica,
                id,
                next,
                member,
                reason,
            } => self.tell_direct_failed(replica, (id, next), &member, reason),
            _ => {}
        }
    }

    fn tell_direct_failed(
        &mut self,
        replica: ReplicaId,
        (id, next): (ConnectionId, Option<ConnectionId>),
        member: &IdentityKey,
        reason: DirectFailure,
    ) {
        let at_once = matches!(
            reason,
            DirectFailure::ConnectSelf
                | DirectFailure::Offline
                | DirectFailure::UnknownMember
                | DirectFailure::TooMany
        );
        self.metrics.direct(reason.reason());
        let member = self.named(&replica, member);
        match self.opening.take() {
            // A mistake of the caller, who has no id yet: it is its answer, and no event.
            Some((opening, reply)) if opening == id && at_once => {
                self.directs.refused(id);
                let _ = reply.send(Err(reason));
                return;
            }
            other => self.opening = other,
        }
        let told = GroupEvent {
            member: Some(member.clone()),
            connection: Some(id.to_string()),
            next: next.map(|next| next.to_string()),
            reason: Some(reason.reason().to_owned()),
            ..GroupEvent::of(EventKind::DirectFailed)
        };
        self.directs.failed(replica, (id, next), member, reason);
        self.tell(replica, told);
    }

    /// Gives a neighbour an id, so that data can be sent to it too.
    pub(super) fn neighbour_connected(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        member: &IdentityKey,
    ) -> ConnectionId {
        let id = self.engine.new_connection_id();
        let view = self.engine.view(&replica);
        let neighbour = view.as_ref().and_then(|view| {
            let found = view.neighbours.iter().find(|(found, _)| ***found == peer);
            found.map(|(_, neighbour)| (*neighbour).clone())
        });
        let since = neighbour
            .as_ref()
            .map_or_else(|| self.clock.timestamp(), |neighbour| neighbour.since);
        let address = neighbour.and_then(|neighbour| neighbour.addresses.first().cloned());
        // The oldest connection with the node, as in the graph: all groups share it.
        let connection = self.network.connections().find(|(to, _)| *to == peer);
        let incoming = connection.is_some_and(|(_, connection)| connection.inbound);
        let info = ConnectionInfo {
            id,
            kind: ConnectionKind::Neighbour,
            node: peer.to_string(),
            member: self.named(&replica, member),
            friendly_name: self.friendly_name(&replica, member),
            address: address.map(|address| address.to_string()),
            incoming,
            mode: ConnectionMode::Messages,
            since: instant_text(since),
        };
        self.directs.neighbour_connected(replica, peer, info);
        id
    }

    /// The peer name of a member, or of who was one.
    fn named(&self, replica: &ReplicaId, member: &IdentityKey) -> String {
        self.member_name(replica, member)
            .unwrap_or_else(|| member.authority().to_string())
    }

    fn friendly_name(&self, replica: &ReplicaId, member: &IdentityKey) -> String {
        let view = self.engine.view(replica);
        let known = view
            .as_ref()
            .and_then(|view| view.roster.credential(member));
        known.map_or_else(String::new, |gmc| gmc.friendly_name().to_owned())
    }
}
