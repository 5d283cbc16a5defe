//! Who is online in a group, and that we are.

use std::time::Instant;

use libp2p_identity::PeerId;
use peerage_records::{
    id::{IdentityKey, ReplicaId},
    record::{MAX_EXPIRY, Record},
    time::Timestamp,
};

use super::{Engine, Event, Now, Output, PresenceWish, change::Own, group::GroupState};
use crate::presence::{NodePresence, Plan, PresenceBook, PresenceChange, Seen, Situation, Step};

/// What one open group knows of presence, and what we say ourselves.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) book: PresenceBook,
    pub(super) attributes: Option<String>,
    plan: Plan,
    /// When to look again.
    due: Option<Instant>,
    /// The same by the calendar.
    due_at: Option<Timestamp>,
}

impl Presence {
    pub(super) fn new(member: IdentityKey, peer: PeerId, attributes: Option<String>) -> Self {
        Self {
            book: PresenceBook::new(member, peer),
            attributes,
            plan: Plan::default(),
            due: None,
            due_at: None,
        }
    }

    /// Has everything looked at again with the next tick.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.due = Some(now);
    }

    pub(super) fn is_forced(&self) -> bool {
        self.plan.is_forced()
    }

    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let at = self.due_at.map(|at| now.instant + at.since(now.timestamp));
        self.due.into_iter().chain(at).min()
    }
}

impl GroupState {
    /// What our node says of itself now.
    fn own_presence(&self, engine: &Engine) -> NodePresence {
        NodePresence::online(
            engine.local,
            engine.boot,
            &engine.addresses,
            self.presence.attributes.clone(),
            self.roster.revocations().digest(),
        )
    }

    /// The next record of our node.
    fn presence_record(&self, node: &NodePresence, now: Now) -> Option<Record> {
        let properties = self.properties.as_ref()?;
        node.record(
            self.group,
            self.me(),
            self.presence.book.own(),
            properties.presence_lifetime,
            self.gmc.not_after().min(MAX_EXPIRY),
            now.timestamp,
        )
    }
}

impl Engine {
    /// The application wants something said, or shown, of our node in a group.
    pub(super) fn on_presence_wish(&mut self, replica: ReplicaId, wish: PresenceWish, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        match wish {
            PresenceWish::Attributes(attributes) => state.presence.attributes = attributes,
            PresenceWish::Forced(forced) => state.presence.plan.force(forced),
        }
        state.presence.hasten(now.instant);
    }

    /// The replica holds another version of a node's presence.
    pub(super) fn on_presence(&mut self, replica: ReplicaId, record: &Record, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(seen) = Seen::of(record) else {
            return;
        };
        let duplicated = seen.node.peer == self.local
            && record.creator == state.me()
            && state
                .starts
                .is_other(&seen, state.presence.book.own(), &self.boot);
        let noted = state
            .presence
            .book
            .take(record.creator, seen, now.timestamp);
        // How many there are may decide whether we are one of them.
        state.presence.hasten(now.instant);
        self.tell_presence(replica, noted);
        if duplicated {
            let peer = self.local;
            self.emit(Event::NodeDuplicated { replica, peer });
        }
    }

    /// Says what has become of others and does what is due about ourselves.
    pub(super) fn tick_presence(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state
            .presence
            .next_wakeup(now)
            .is_none_or(|due| due > now.instant)
        {
            return;
        }
        let noted = state.presence.book.lapse(now.timestamp);
        state.presence.due = None;
        state.presence.due_at = state.presence.book.next_lapse();
        self.tell_presence(replica, noted);
        if let Some((step, node)) = self.presence_step(replica, now) {
            let node = match step {
                Step::Publish => node,
                Step::Withdraw => NodePresence::gone(node.peer, node.boot),
            };
            let record = self
                .groups
                .get(&replica)
                .and_then(|state| state.presence_record(&node, now));
            if let Some(record) = record {
                self.store_own(replica, record, Own::default(), now);
            }
        }
    }

    fn presence_step(&mut self, replica: ReplicaId, now: Now) -> Option<(Step, NodePresence)> {
        let node = self.groups.get(&replica)?.own_presence(self);
        let state = self.groups.get_mut(&replica)?;
        if state.online.is_none() || !state.synchronised {
            return None;
        }
        let Presence {
            book,
            plan,
            due,
            due_at,
            ..
        } = &mut state.presence;
        let situation = Situation {
            properties: state.properties.as_ref()?,
            node: &node,
            said: book.own(),
            present: book.present(now.timestamp).count(),
            membership_end: state.gmc.not_after(),
        };
        let (step, again, again_at) =
            plan.step(&situation, now.instant, now.timestamp, &mut self.rng);
        *due = again;
        *due_at = due_at.iter().copied().chain(again_at).min();
        step.map(|step| (step, node))
    }

    /// Tells the others that our node goes, before it does. Tells whether anybody may hear it.
    pub(super) fn say_goodbye(&mut self, replica: ReplicaId, now: Now) -> bool {
        let Some(state) = self.groups.get_mut(&replica) else {
            return false;
        };
        state.presence.plan.reset();
        let shown = state
            .presence
            .book
            .own()
            .is_some_and(|own| own.node.present && own.expires > now.timestamp);
        if !shown {
            return false;
        }
        let gone = NodePresence::gone(self.local, self.boot);
        let Some(record) = state.presence_record(&gone, now) else {
            return false;
        };
        let heard = !state.neighbours.is_empty();
        if heard {
            // Waiting for the disk would be waiting too long; what it loses, the others bring back.
            let bytes = state.sign(record.clone()).bytes().to_vec();
            self.outputs.push_back(Output::Gossip {
                group: state.group,
                bytes,
            });
        }
        self.store_own(replica, record, Own::default(), now);
        heard
    }

    fn tell_presence(
        &mut self,
        replica: ReplicaId,
        noted: Vec<(IdentityKey, PeerId, PresenceChange)>,
    ) {
        for (member, peer, change) in noted {
            // Whatever becomes of our own node, its application knows.
            if peer != self.local {
                self.emit(Event::PresenceChanged {
                    replica,
                    member,
                    peer,
                    change,
                });
            }
        }
    }

    /// Forgets the nodes of those who are members no longer, and says that we know.
    pub(super) fn forget_strangers(&mut self, replica: ReplicaId, now: Now) {
        if let Some(state) = self.groups.get_mut(&replica) {
            state.presence.hasten(now.instant);
            let roster = &state.roster;
            let noted = state
                .presence
                .book
                .retain(|member| roster.get(member).is_some());
            self.tell_presence(replica, noted);
        }
    }
}
