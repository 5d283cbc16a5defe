//! What the engine says has happened, told to applications, to the log and to the metrics.

use std::time::Instant;

use libp2p::PeerId;
use peerage_protocol::{
    engine::{ConnectFailure, DoorEvent, Event, Status, Verdict},
    gmc::VerifiedGmc,
    presence::PresenceChange,
    revocation::Cause,
};
use peerage_records::{
    id::{IdentityKey, ReplicaId},
    store::{Change, Origin},
    time::Timestamp,
};

use super::{Notice, Run};
use crate::model::{EventKind, GroupEvent, GroupStatus, instant_text};

impl Run {
    pub(super) fn emit(&mut self, event: Event) {
        self.watch.note(&event, self.clock.now());
        match event {
            Event::RecordChanged { replica, change } => self.tell_change(replica, &change),
            Event::MemberJoined { replica, member } => {
                self.tell_of_member(replica, EventKind::MemberJoined, &member);
            }
            Event::MemberUpdated { replica, member } => {
                self.tell_of_member(replica, EventKind::MemberUpdated, &member);
            }
            Event::MemberRemoved {
                replica,
                member,
                cause,
                by,
                reason,
            } => self.tell_removed(replica, member, cause, by, reason),
            Event::MembershipRenewed { replica, gmc } => self.tell_renewed(replica, gmc),
            Event::MembershipEnding { replica, not_after } => self.tell_ending(replica, not_after),
            Event::PresenceChanged {
                replica,
                member,
                peer,
                change,
            } => self.tell_presence(replica, &member, peer, change),
            Event::PropertiesChanged { replica } => self.tell_properties(replica),
            Event::NeighbourConnected {
                replica,
                peer,
                member,
                ..
            } => self.tell_linked(replica, peer, &member),
            Event::NeighbourDisconnected {
                replica,
                peer,
                member,
                reason,
            } => self.tell_unlinked(replica, peer, &member, reason),
            Event::NeighbourFailed {
                replica,
                peer,
                reason,
            } => self.tell_not_linked(replica, peer, reason),
            Event::StatusChanged { replica, status } => self.tell_status(replica, status),
            Event::ConnectionFailed { replica, reason } => {
                let group = self.group_name(&replica);
                tracing::info!(%group, reason = reason.reason(), "connecting failed");
                let failed = GroupEvent {
                    reason: Some(reason.reason().into()),
                    detail: Some(reason.to_string()),
                    ..GroupEvent::of(EventKind::ConnectionFailed)
                };
                self.tell(replica, failed);
            }
            Event::ConnectionRequired { replica } => {
                tracing::warn!(group = %self.group_name(&replica), "nobody known can be reached");
                self.tell(replica, GroupEvent::of(EventKind::ConnectionRequired));
            }
            Event::QuotaExceeded { replica, member } => {
                let group = self.group_name(&replica);
                let member = self.member_name(&replica, &member).unwrap_or_default();
                tracing::warn!(%group, %member, "more records than gossip carries for one member");
                self.metrics.dropped("gossip_quota");
            }
            Event::Synchronised { replica } => {
                let _ = self.notices.send(Notice::Synchronised(replica));
                self.tell(replica, GroupEvent::of(EventKind::Synchronised));
            }
            Event::CaughtUp { replica } => {
                tracing::info!(group = %self.group_name(&replica), "a restored group is up to date");
                let _ = self.notices.send(Notice::CaughtUp(replica));
                self.tell(replica, GroupEvent::of(EventKind::Synchronised));
            }
            Event::NodeDuplicated { replica, peer } => self.tell_duplicated(replica, peer),
            Event::Reconciled { tally, .. } => {
                self.metrics.reconciled(&tally);
            }
            Event::AdmissionRefused {
                replica,
                peer,
                reason,
            } => self.tell_refused(replica, peer, reason),
            Event::RecordRefused {
                peer,
                reason,
                verdict,
                ..
            } => {
                tracing::debug!(%peer, reason, ?verdict, "record not accepted");
                self.metrics.gossip_heard(match verdict {
                    Verdict::Accept => "accept",
                    Verdict::Ignore => "ignore",
                    Verdict::Reject => "reject",
                });
            }
            Event::RecordStored { origin, outcome } => {
                let origin = match origin {
                    Origin::Local => "local",
                    Origin::Remote => "remote",
                };
                self.metrics.record_stored(outcome, origin);
            }
            Event::Direct(event) => self.emit_of_direct(event),
            Event::Door(event) => self.emit_of_door(event),
            Event::StoreFailed { replica, failure } => {
                tracing::error!(group = %self.group_name(&replica), %failure, "the store failed");
            }
            _ => {}
        }
    }

    fn emit_of_door(&mut self, event: DoorEvent) {
        match event {
            DoorEvent::Asked { replica, request } => {
                let name = request.card.name().to_string();
                let asked = GroupEvent {
                    detail: Some(name.clone()),
                    applicant: Some(name),
                    ..GroupEvent::of(EventKind::JoinRequested)
                };
                self.tell(replica, asked);
            }
            DoorEvent::QueueChanged { replica, queue } => {
                let _ = self.notices.send(Notice::Requests(replica, queue));
            }
            DoorEvent::LetIn {
                replica,
                by_password,
                ..
            } => {
                tracing::info!(group = %self.group_name(&replica), by_password, "let somebody in");
                self.metrics.admission_accepted();
            }
            DoorEvent::Visited { visit, outcome } => {
                let _ = self.notices.send(Notice::Visited(visit, outcome));
            }
            _ => {}
        }
    }

    fn tell_removed(
        &mut self,
        replica: ReplicaId,
        member: IdentityKey,
        cause: Cause,
        by: IdentityKey,
        reason: String,
    ) {
        self.metrics.member_removed(cause.word());
        let kind = match cause {
            Cause::Left => EventKind::MemberLeft,
            Cause::Removed | Cause::Replaced | Cause::InvitationWithdrawn => {
                EventKind::MemberRemoved
            }
        };
        let name = |key| {
            self.member_name(&replica, key)
                .unwrap_or_else(|| key.authority().to_string())
        };
        let (who, whose) = (name(&member), name(&by));
        let mut detail = who.clone();
        if by != member {
            detail.push_str(&format!(" by {whose}"));
        }
        if !reason.is_empty() {
            detail.push_str(&format!(": {reason}"));
        }
        tracing::info!(group = %self.group_name(&replica), cause = cause.word(), "member removed");
        let removed = GroupEvent {
            member: Some(who),
            cause: Some(cause.word().to_owned()),
            by: Some(whose),
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            detail: Some(detail),
            ..GroupEvent::of(kind)
        };
        self.tell(replica, removed);
        self.count_groups();
    }

    fn tell_renewed(&self, replica: ReplicaId, gmc: VerifiedGmc) {
        self.metrics.credential("renewed");
        let until = instant_text(gmc.not_after());
        let _ = self.notices.send(Notice::Renewed(replica, gmc));
        let renewed = GroupEvent {
            detail: Some(format!("valid until {until}")),
            until: Some(until),
            ..GroupEvent::of(EventKind::CredentialRenewed)
        };
        self.tell(replica, renewed);
    }

    fn tell_ending(&self, replica: ReplicaId, not_after: Timestamp) {
        self.metrics.credential("expiring");
        let until = instant_text(not_after);
        tracing::warn!(group = %self.group_name(&replica), %until, "our membership ends soon");
        let ending = GroupEvent {
            detail: Some(format!("ends {until}")),
            until: Some(until),
            ..GroupEvent::of(EventKind::CredentialExpiring)
        };
        self.tell(replica, ending);
    }

    fn tell_presence(
        &self,
        replica: ReplicaId,
        member: &IdentityKey,
        peer: PeerId,
        change: PresenceChange,
    ) {
        let kind = match change {
            PresenceChange::Connected => EventKind::MemberConnected,
            PresenceChange::Disconnected => EventKind::MemberDisconnected,
            PresenceChange::Updated => EventKind::MemberUpdated,
        };
        let present = GroupEvent {
            node: Some(peer.to_string()),
            ..self.of_member(&replica, kind, member)
        };
        self.tell(replica, present);
    }

    fn tell_properties(&mut self, replica: ReplicaId) {
        self.count_groups();
        if let Some(properties) = self.engine.view(&replica).and_then(|view| view.properties) {
            let named = Notice::Named(
                replica,
                properties.friendly_name.clone(),
                properties.comment.clone(),
            );
            let _ = self.notices.send(named);
        }
        self.tell(replica, GroupEvent::of(EventKind::PropertiesChanged));
    }

    fn tell_linked(&mut self, replica: ReplicaId, peer: PeerId, member: &IdentityKey) {
        self.metrics.admission_accepted();
        tracing::info!(%peer, group = %self.group_name(&replica), "neighbour connected");
        let connection = self.neighbour_connected(replica, peer, member);
        let linked = GroupEvent {
            node: Some(peer.to_string()),
            connection: Some(connection.to_string()),
            ..self.of_member(&replica, EventKind::NeighbourConnected, member)
        };
        self.tell(replica, linked);
        self.count_groups();
        self.remember(replica);
    }

    fn tell_unlinked(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        member: &IdentityKey,
        reason: &'static str,
    ) {
        tracing::info!(%peer, group = %self.group_name(&replica), reason, "neighbour disconnected");
        let connection = self.directs.neighbour_gone(replica, &peer);
        let unlinked = GroupEvent {
            node: Some(peer.to_string()),
            connection: connection.map(|id| id.to_string()),
            reason: Some(reason.to_owned()),
            ..self.of_member(&replica, EventKind::NeighbourDisconnected, member)
        };
        self.tell(replica, unlinked);
        self.count_groups();
    }

    fn tell_not_linked(&self, replica: ReplicaId, peer: PeerId, reason: ConnectFailure) {
        let failed = GroupEvent {
            node: Some(peer.to_string()),
            reason: Some(reason.reason().to_owned()),
            detail: Some(format!("{peer}: {reason}")),
            ..GroupEvent::of(EventKind::NeighbourFailed)
        };
        self.tell(replica, failed);
    }

    fn tell_status(&self, replica: ReplicaId, status: Status) {
        let status = GroupStatus::from(status);
        tracing::info!(group = %self.group_name(&replica), status = status.as_str(), "group");
        let changed = GroupEvent {
            status: Some(status),
            listening: Some(status.is_listening()),
            has_connections: Some(status.has_connections()),
            detail: Some(status.as_str().to_owned()),
            ..GroupEvent::of(EventKind::StatusChanged)
        };
        self.tell(replica, changed);
    }

    fn tell_refused(&self, replica: Option<ReplicaId>, peer: PeerId, reason: &'static str) {
        tracing::debug!(%peer, reason, "admission refused");
        self.metrics.admission_refused(reason);
        if let Some(replica) = replica {
            let refused = GroupEvent {
                node: Some(peer.to_string()),
                reason: Some(reason.to_owned()),
                detail: Some(format!("{peer}: {reason}")),
                ..GroupEvent::of(EventKind::AdmissionRefused)
            };
            self.tell(replica, refused);
        }
    }

    /// Two nodes run with one key. It is said as often as it shows: until somebody does something. Of
    /// others the log says it now and then only, there is nothing to be done here.
    fn tell_duplicated(&mut self, replica: ReplicaId, peer: PeerId) {
        let ours = peer == self.network.peer();
        self.metrics.node_duplicated(ours);
        let detail = if ours {
            self.duplicated.set(self.clock.timestamp());
            tracing::warn!(%peer, "the key of this node is in use on another machine: stop one of the two");
            "this node's key is in use on another machine"
        } else {
            if self.twins.is_due(peer, Instant::now()) {
                tracing::warn!(%peer, "two nodes take turns with this key");
            }
            "another member's node key is in use on two machines"
        };
        let duplicated = GroupEvent {
            node: Some(peer.to_string()),
            detail: Some(detail.to_owned()),
            ..GroupEvent::of(EventKind::NodeDuplicated)
        };
        self.tell(replica, duplicated);
    }

    fn tell_of_member(&self, replica: ReplicaId, kind: EventKind, member: &IdentityKey) {
        self.tell(replica, self.of_member(&replica, kind, member));
    }

    fn of_member(&self, replica: &ReplicaId, kind: EventKind, member: &IdentityKey) -> GroupEvent {
        let name = self.member_name(replica, member);
        GroupEvent {
            member: name.clone(),
            detail: name,
            ..GroupEvent::of(kind)
        }
    }

    pub(super) fn tell_change(&self, replica: ReplicaId, change: &Change) {
        self.metrics.change(change.kind);
        if let Some(feed) = self.feeds.of(&replica) {
            feed.change(change);
        }
    }

    pub(super) fn tell(&self, replica: ReplicaId, event: GroupEvent) {
        self.metrics.event(event.kind);
        if let Some(feed) = self.feeds.of(&replica) {
            feed.moment(event, self.clock.timestamp());
        }
    }
}
