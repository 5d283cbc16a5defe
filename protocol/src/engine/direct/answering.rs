//! The target's side: who asks, and whether it may.

use std::collections::VecDeque;

use libp2p_identity::PeerId;
use peerage_records::id::{GroupId, ReplicaId};

use super::{AskNumber, DIRECT_EXPECTED, Direct, DirectOutput, MAX_DIRECT_REFUSALS, Stage};
use crate::{
    admission::{AdmissionError, Gate, REFUSAL_DELAY},
    direct::{Asked, DirectMode},
    engine::{Engine, Event, Now},
    wire::direct::DirectRefusal,
};

impl Engine {
    pub(super) fn direct_asked(&mut self, ask: AskNumber, peer: PeerId, request: &[u8], now: Now) {
        let gates: Vec<Gate<'_>> = self
            .online
            .values()
            .filter_map(|replica| self.groups.get(replica))
            .map(|state| state.gate())
            .collect();
        let asked = Asked::hear(
            request,
            gates.into_iter(),
            &self.local,
            &peer,
            now.timestamp,
            &mut self.rng,
        );
        let asked = match asked {
            Ok(asked) => asked,
            Err((group, error)) => {
                let replica = group.and_then(|group| self.online.get(&group).copied());
                self.ignore_direct(ask, replica, peer, &error, now);
                return;
            }
        };
        let group = asked.group;
        let Some(replica) = self.online.get(&group).copied() else {
            self.ignore_direct(ask, None, peer, &AdmissionError::UnknownGroup, now);
            return;
        };
        let banned = self
            .groups
            .get(&replica)
            .is_some_and(|state| state.neighbours.is_banned(&peer));
        if banned {
            self.ignore_direct(ask, Some(replica), peer, &AdmissionError::Unwelcome, now);
            return;
        }
        self.learn_shown(replica, asked.proven.gmc.clone(), now);
        let answer = self.decide_direct(replica, peer, &asked);
        let reply = match (answer, self.presented(&replica, now)) {
            (Ok(mode), Some(presented)) => {
                let reply = asked.accept(&presented);
                match mode {
                    Some(mode) => self.expect_direct(replica, group, peer, &asked, mode, now),
                    None => {
                        let member = asked.proven.gmc.subject();
                        self.renew_directs(replica, &peer, &member, asked.proven.until);
                    }
                }
                reply
            }
            (Err(refusal), _) => asked.refuse(refusal),
            (Ok(_), None) => asked.refuse(DirectRefusal::Disallowed),
        };
        let reply = Some(reply);
        self.put_direct(DirectOutput::Answer { ask, reply });
    }

    /// Whether a member that has proved itself gets what it asks for.
    fn decide_direct(
        &self,
        replica: ReplicaId,
        peer: PeerId,
        asked: &Asked,
    ) -> Result<Option<DirectMode>, DirectRefusal> {
        let member = asked.proven.gmc.subject();
        let wanted = self
            .groups
            .get(&replica)
            .is_some_and(|state| state.me() == asked.wanted);
        if !wanted {
            return Err(DirectRefusal::NotThatMember);
        }
        match asked.mode {
            None => {
                let open = self.directs.of(&replica).any(|(_, one)| {
                    matches!(one.stage, Stage::Open(_))
                        && one.peer == Some(peer)
                        && one.member == member
                });
                open.then_some(None).ok_or(DirectRefusal::Disallowed)
            }
            Some(mode) if !self.directs.accepts(&replica, mode) => Err(DirectRefusal::Disallowed),
            Some(_) if !self.directs.has_room(&replica, &member) => Err(DirectRefusal::Busy),
            Some(mode) => Ok(Some(mode)),
        }
    }

    /// We have accepted: the opener's stream may come, once and soon.
    fn expect_direct(
        &mut self,
        replica: ReplicaId,
        group: GroupId,
        peer: PeerId,
        asked: &Asked,
        mode: DirectMode,
        now: Now,
    ) {
        let id = self.directs.fresh();
        self.directs.all.insert(
            id,
            Direct {
                replica,
                member: asked.proven.gmc.subject(),
                mode,
                incoming: true,
                peer: Some(peer),
                address: None,
                since: now.timestamp,
                stage: Stage::Expected(now.instant + DIRECT_EXPECTED, asked.proven.until),
                left: VecDeque::new(),
            },
        );
        self.put_direct(DirectOutput::ExpectStream {
            id,
            group,
            peer,
            handle: asked.proven.handle,
        });
    }

    /// Every refusal of somebody who has proved nothing looks the same: no byte, after a fixed while.
    fn ignore_direct(
        &mut self,
        ask: AskNumber,
        replica: Option<ReplicaId>,
        peer: PeerId,
        error: &AdmissionError,
        now: Now,
    ) {
        self.emit(Event::AdmissionRefused {
            replica,
            peer,
            reason: error.reason(),
        });
        if self.directs.refusals.len() >= MAX_DIRECT_REFUSALS {
            self.put_direct(DirectOutput::Answer { ask, reply: None });
        } else {
            let at = now.instant + REFUSAL_DELAY;
            self.directs.refusals.push_back((at, ask));
        }
    }
}
