//! Requests to join that wait for a decision at one member's node.
//!
//! The queue is the porter's own: it is not shared with other members, who may each have the same request
//! in theirs. It is bounded, so that who floods it hinders only others who ask.

use std::{collections::BTreeMap, fmt, time::Duration};

use peerage_records::{id::IdentityKey, time::Timestamp};
use serde_bytes::ByteBuf;

use crate::{
    identity::IdentityCard,
    invitation::{Invitation, MAX_INVITATION_BYTES},
    signing,
};

/// Requests that wait or are decided, together.
pub const MAX_REQUESTS: usize = 64;
/// How long one is kept, decided or not.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The longest encoded queue: every request answered by the longest invitation.
const MAX_QUEUE_BYTES: usize = MAX_REQUESTS * (MAX_INVITATION_BYTES + 8 * 1024);

const VERSION: u8 = 1;

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has decided.
    Waiting,
    /// Accepted; the invitation is handed over when the visitor asks again.
    Accepted(Box<Invitation>),
    /// Denied; the visitor gets no answer any more.
    Denied,
}

/// What a member decides about a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Hand this invitation over.
    Accept(Box<Invitation>),
    /// Do not answer any more.
    Deny,
}

/// Somebody who would like to join.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Who.
    pub card: IdentityCard,
    /// Why, in its own words.
    pub note: String,
    /// When it first asked.
    pub asked: Timestamp,
    /// How it stands.
    pub standing: Standing,
}

impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest")
            .field("card", &self.card)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// Why a request is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The group is not open here, or has no door.
    #[error("the group has no open door here")]
    NoDoor,
    /// Nobody of this key has asked, or not within the last week.
    #[error("nobody of this name has asked to join")]
    NotFound,
    /// The invitation is for somebody else.
    #[error("the invitation is for somebody else")]
    OtherIdentity,
}

/// What became of somebody who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// New: to be told to the application.
    New,
    /// It waits already.
    Waiting,
    /// It was accepted meanwhile.
    Accepted(&'a Invitation),
    /// It was denied.
    Denied,
    /// There is no room.
    Full,
}

/// `[certificate, note, asked, 0 waiting | 1 accepted | 2 denied, invitation or nothing]`.
type Kept = (ByteBuf, String, Timestamp, u8, ByteBuf);

/// The requests at one member's node, at most [`MAX_REQUESTS`], one per identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue(BTreeMap<IdentityKey, JoinRequest>);

impl Queue {
    /// The requests that are not too old, in the order in which they came.
    #[must_use]
    pub fn list(&self, now: Timestamp) -> Vec<&JoinRequest> {
        let mut requests: Vec<&JoinRequest> = self
            .0
            .values()
            .filter(|request| !is_over(request, now))
            .collect();
        requests.sort_by_key(|request| request.asked);
        requests
    }

    /// Whether this may be decided about this identity's request.
    ///
    /// # Errors
    /// When there is none, or the invitation is for another identity.
    pub fn check(
        &self,
        identity: &IdentityKey,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let request = self.0.get(identity).ok_or(QueueError::NotFound)?;
        if is_over(request, now) {
            return Err(QueueError::NotFound);
        }
        match decision {
            Decision::Accept(invitation) if invitation.inspect().subject != *identity => {
                Err(QueueError::OtherIdentity)
            }
            Decision::Accept(_) | Decision::Deny => Ok(()),
        }
    }

    /// The request of one identity.
    #[must_use]
    pub fn get(&self, identity: &IdentityKey) -> Option<&JoinRequest> {
        self.0.get(identity)
    }

    /// Forgets requests that were accepted and whose maker has come in.
    pub(crate) fn forget_accepted(&mut self, is_in: impl Fn(&IdentityKey) -> bool) {
        self.0.retain(|identity, request| {
            !(matches!(request.standing, Standing::Accepted(_)) && is_in(identity))
        });
    }

    /// Somebody asks.
    pub(crate) fn ask(&mut self, card: IdentityCard, note: String, now: Timestamp) -> Asked<'_> {
        self.0.retain(|_, request| !is_over(request, now));
        let key = card.key();
        if !self.0.contains_key(&key) {
            if self.0.len() >= MAX_REQUESTS {
                return Asked::Full;
            }
            let request = JoinRequest {
                card,
                note,
                asked: now,
                standing: Standing::Waiting,
            };
            self.0.insert(key, request);
            return Asked::New;
        }
        match self.0.get(&key).map(|request| &request.standing) {
            Some(Standing::Accepted(invitation)) => Asked::Accepted(invitation),
            Some(Standing::Denied) => Asked::Denied,
            Some(Standing::Waiting) | None => Asked::Waiting,
        }
    }

    /// Decides a request.
    ///
    /// # Errors
    /// When there is none of this identity, or the invitation is for another.
    pub(crate) fn decide(
        &mut self,
        identity: &IdentityKey,
        decision: Decision,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        self.check(identity, &decision, now)?;
        if let Some(request) = self.0.get_mut(identity) {
            request.standing = match decision {
                Decision::Deny => Standing::Denied,
                Decision::Accept(invitation) => Standing::Accepted(invitation),
            };
        }
        Ok(())
    }

    /// The queue as bytes, to be kept over a restart.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let kept: Vec<Kept> = self
            .0
            .values()
            .map(|request| {
                let (standing, invitation) = match &request.standing {
                    Standing::Waiting => (0, ByteBuf::new()),
                    Standing::Accepted(invitation) => (1, ByteBuf::from(invitation.to_bytes())),
                    Standing::Denied => (2, ByteBuf::new()),
                };
                (
                    ByteBuf::from(request.card.certificate()),
                    request.note.clone(),
                    request.asked,
                    standing,
                    invitation,
                )
            })
            .collect();
        signing::to_cbor(&(VERSION, kept))
    }

    /// Reads what [`Queue::encode`] wrote; what does not read is left out.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let read = (bytes.len() <= MAX_QUEUE_BYTES)
            .then(|| signing::from_cbor::<(u8, Vec<Kept>)>(bytes))
            .flatten();
        let Some((VERSION, kept)) = read else {
            return Self::default();
        };
        let requests = kept.into_iter().take(MAX_REQUESTS).filter_map(
            |(certificate, note, asked, standing, invitation)| {
                let card = IdentityCard::from_der(&certificate).ok()?;
                let standing = match standing {
                    0 => Standing::Waiting,
                    1 => Standing::Accepted(Box::new(Invitation::decode(&invitation).ok()?)),
                    2 => Standing::Denied,
                    _ => return None,
                };
                let request = JoinRequest {
                    card,
                    note,
                    asked,
                    standing,
                };
                Some((request.card.key(), request))
            },
        );
        Self(requests.collect())
    }
}

fn is_over(request: &JoinRequest, now: Timestamp) -> bool {
    now.since(request.asked) > REQUEST_LIFETIME
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::identity::Identity;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn card(rng: &mut ChaCha20Rng) -> IdentityCard {
        Identity::generate("who", None, NOW, rng).unwrap().card()
    }

    #[test]
    fn one_request_per_identity_and_no_more_than_there_is_room_for() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut queue = Queue::default();
        let first = card(&mut rng);
        assert_eq!(queue.ask(first.clone(), "a".into(), NOW), Asked::New);
        assert_eq!(queue.ask(first.clone(), "b".into(), NOW), Asked::Waiting);
        assert_eq!(queue.list(NOW).len(), 1);
        assert_eq!(queue.list(NOW)[0].note, "a", "the first word stands");
        for _ in 1..MAX_REQUESTS {
            assert_eq!(queue.ask(card(&mut rng), String::new(), NOW), Asked::New);
        }
        assert_eq!(queue.ask(card(&mut rng), String::new(), NOW), Asked::Full);
        let later = NOW + REQUEST_LIFETIME + Duration::from_secs(1);
        assert!(queue.list(later).is_empty());
        assert_eq!(queue.ask(card(&mut rng), String::new(), later), Asked::New);
    }

    #[test]
    fn a_decision_stands_and_survives_being_kept() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut queue = Queue::default();
        let (ann, ben) = (card(&mut rng), card(&mut rng));
        queue.ask(ann.clone(), "it is me".into(), NOW);
        assert_eq!(
            queue.decide(&ben.key(), Decision::Deny, NOW),
            Err(QueueError::NotFound)
        );
        queue.decide(&ann.key(), Decision::Deny, NOW).unwrap();
        queue.ask(ben, "me too".into(), NOW);
        let mut again = Queue::decode(&queue.encode());
        assert_eq!(again, queue);
        assert_eq!(again.ask(ann, "please".into(), NOW), Asked::Denied);
        assert_eq!(Queue::decode(b"rubbish"), Queue::default());
    }
}
