//! Records heard from others: by gossip, and in answer to our questions.
//!
//! A record is judged by its signer's signature and membership, never by who handed it over. The
//! neighbour is judged only for handing over what no honest peer could.

use libp2p_identity::PeerId;
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordId, RecordType, ReplicaId},
    store::{Origin, Put, PutOutcome},
    validate::{Fault, Rejection, ValidRecord, validate},
};
use serde_bytes::ByteBuf;

use super::{Engine, Event, Now, Operation, Output, StoreFailure, Verdict, quota::Bill};
use crate::{gmc::VerifiedGmc, roster::Learned, wire::link::LinkFrame};

/// Records no honest peer could have handed over, before the neighbour is cut off for a while.
pub(crate) const MAX_OFFENCES: u32 = 8;

/// Records on their way into the store, and who is to hear of it.
#[derive(Debug)]
pub(super) struct Storing {
    pub(super) replica: ReplicaId,
    pub(super) count: usize,
    pub(super) source: Source,
    /// Those that say something of the group itself, by their places in the batch.
    pub(super) facts: Vec<(usize, SignedRecord)>,
}

/// How records came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// By gossip.
    Gossip,
    /// It had waited for its member. Gossip will not carry it on.
    Released,
    /// In answer to a session of ours with this neighbour, over this link.
    Session(PeerId, u64),
    /// Offered by this neighbour, over this link, under this number.
    Offer(PeerId, u64, u32),
}

impl Engine {
    pub(super) fn on_heard(
        &mut self,
        group: GroupId,
        source: PeerId,
        message: Vec<u8>,
        bytes: &[u8],
        now: Now,
    ) {
        let Some(replica) = self.online.get(&group).copied() else {
            return;
        };
        let mut released = Vec::new();
        let (valid, verdict) = match SignedRecord::decode(bytes) {
            Err(error) => {
                self.offence(replica, source, error.to_string(), now);
                (None, Verdict::Reject)
            }
            Ok(signed) if self.over_quota(replica, source, &signed, now) => (None, Verdict::Ignore),
            Ok(signed) => {
                let bill = Bill::of(&signed);
                let judged = self.judge(replica, source, signed, &mut released, now);
                if judged.1 == Verdict::Accept {
                    self.charge(replica, &source, bill, now);
                }
                judged
            }
        };
        // Forward before disk: the next hop need not wait for ours.
        self.outputs.push_back(Output::Verdict {
            group,
            source,
            message,
            verdict,
        });
        if let Some(valid) = valid {
            self.store(replica, vec![valid], Source::Gossip, now);
        }
        self.store(replica, released, Source::Released, now);
    }

    /// Takes the envelopes of one frame; tells how many went to the store.
    pub(super) fn take_records(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        envelopes: &[ByteBuf],
        source: Source,
        now: Now,
    ) -> usize {
        let mut valid = Vec::with_capacity(envelopes.len());
        let mut released = Vec::new();
        for bytes in envelopes {
            match SignedRecord::decode(bytes) {
                Err(error) => self.offence(replica, peer, error.to_string(), now),
                Ok(signed) => {
                    valid.extend(self.judge(replica, peer, signed, &mut released, now).0);
                }
            }
        }
        let count = valid.len();
        self.store(replica, valid, source, now);
        self.store(replica, released, Source::Released, now);
        count
    }

    /// Judges one record. What waited for the membership in it is `released`, to be stored after it.
    fn judge(
        &mut self,
        replica: ReplicaId,
        source: PeerId,
        signed: SignedRecord,
        released: &mut Vec<ValidRecord>,
        now: Now,
    ) -> (Option<ValidRecord>, Verdict) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return (None, Verdict::Ignore);
        };
        let waiting = signed.clone();
        match validate(signed, &state.group, &state.roster, now.timestamp) {
            Ok(valid) => {
                released.extend(self.learn_reserved(replica, valid.signed(), now));
                (Some(valid), Verdict::Accept)
            }
            Err(rejection) => {
                let verdict = match rejection.fault() {
                    Fault::None => Verdict::Ignore,
                    Fault::Defer(member) => {
                        self.defer(replica, source, member, waiting);
                        Verdict::Ignore
                    }
                    Fault::Sender => {
                        self.offence(replica, source, rejection.to_string(), now);
                        return (None, Verdict::Reject);
                    }
                };
                self.refused(replica, source, &rejection, verdict);
                (None, verdict)
            }
        }
    }

    fn refused(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        rejection: &Rejection,
        verdict: Verdict,
    ) {
        self.emit(Event::RecordRefused {
            replica,
            peer,
            reason: rejection.to_string(),
            verdict,
        });
    }

    /// Keeps a record until its signer is known, and asks who handed it over for the membership.
    fn defer(
        &mut self,
        replica: ReplicaId,
        source: PeerId,
        member: IdentityKey,
        signed: SignedRecord,
    ) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let asked = state.deferred.awaits(&member);
        state.deferred.wait_for(member, signed);
        if asked {
            return;
        }
        let Some(request) = state.sync.fetch(&source) else {
            return;
        };
        let id = RecordId::reserved(&member, RecordType::MEMBERSHIP);
        let fetch = LinkFrame::Fetch {
            request,
            ids: vec![ByteBuf::from(id.as_bytes().to_vec())],
        };
        self.outputs.push_back(Output::Send {
            group: state.group,
            peer: source,
            frame: fetch.encode(),
        });
    }

    /// Takes what a validated record of a reserved type says; gives back what waited for it, to be
    /// stored.
    fn learn_reserved(
        &mut self,
        replica: ReplicaId,
        signed: &SignedRecord,
        now: Now,
    ) -> Vec<ValidRecord> {
        let Some(state) = self.groups.get_mut(&replica) else {
            return Vec::new();
        };
        match signed.record().kind {
            RecordType::MEMBERSHIP => match state.roster.learn_record(signed) {
                Ok((member, learned)) => self.learned(replica, member, learned, now),
                Err(_) => Vec::new(),
            },
            RecordType::REVOCATION => {
                self.apply_revocation(replica, signed, now);
                Vec::new()
            }
            RecordType::DOOR => {
                self.learn_door(replica, signed);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Takes a record of a reserved type that is our own and durable.
    pub(super) fn take_reserved(&mut self, replica: ReplicaId, signed: &SignedRecord, now: Now) {
        let released = self.learn_reserved(replica, signed, now);
        self.store(replica, released, Source::Released, now);
    }

    /// Tells of a member that became known, or known better; gives back what waited for it.
    fn learned(
        &mut self,
        replica: ReplicaId,
        member: IdentityKey,
        learned: Learned,
        now: Now,
    ) -> Vec<ValidRecord> {
        let mut valid = Vec::new();
        let event = match learned {
            Learned::Known => return valid,
            Learned::New => Event::MemberJoined { replica, member },
            Learned::Newer => Event::MemberUpdated { replica, member },
        };
        let Some(state) = self.groups.get_mut(&replica) else {
            return valid;
        };
        for signed in state.deferred.release(&member) {
            let again = signed.clone();
            match validate(signed, &state.group, &state.roster, now.timestamp) {
                Ok(record) => valid.push(record),
                // It may wait for its creator and for its modifier.
                Err(rejection) => {
                    if let Fault::Defer(other) = rejection.fault() {
                        state.deferred.wait_for(other, again);
                    }
                }
            }
        }
        self.emit(event);
        self.adopt(replica, now);
        self.judge_links(replica, now);
        valid
    }

    /// Takes a membership shown in an exchange.
    pub(super) fn learn_shown(&mut self, replica: ReplicaId, gmc: VerifiedGmc, now: Now) {
        let member = gmc.subject();
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let learned = state.roster.learn(gmc);
        let released = self.learned(replica, member, learned, now);
        self.store(replica, released, Source::Released, now);
    }

    fn store(&mut self, replica: ReplicaId, valid: Vec<ValidRecord>, source: Source, _now: Now) {
        if !valid.is_empty() {
            self.put(replica, valid, source);
        }
        // After what displaces it, and after it, should both have come together.
        self.drop_displaced(replica);
    }

    fn put(&mut self, replica: ReplicaId, valid: Vec<ValidRecord>, source: Source) {
        let puts: Vec<Put> = valid
            .into_iter()
            .map(|record| Put {
                replica,
                record,
                origin: Origin::Remote,
            })
            .collect();
        let facts = puts
            .iter()
            .enumerate()
            .filter(|(_, put)| is_fact(put.record.record().kind))
            .map(|(place, put)| (place, put.record.signed().clone()))
            .collect();
        let operation = self.operation(Operation::Store(Storing {
            replica,
            count: puts.len(),
            source,
            facts,
        }));
        self.outputs.push_back(Output::Put { operation, puts });
    }

    pub(super) fn on_records_stored(
        &mut self,
        storing: Storing,
        result: Result<Vec<PutOutcome>, StoreFailure>,
        now: Now,
    ) {
        let Storing {
            replica,
            count,
            source,
            facts,
        } = storing;
        let mut facts = facts.into_iter().peekable();
        let mut news = false;
        match result {
            Err(failure) => {
                self.emit(Event::StoreFailed { replica, failure });
                // Nothing of it is durable, so nobody may be told that it is: compare again later.
                if let Source::Session(peer, link) | Source::Offer(peer, link, _) = source
                    && self.is_link(replica, &peer, link)
                {
                    self.close_link(replica, peer, "store failed", now);
                }
                return;
            }
            Ok(outcomes) => {
                for (place, outcome) in outcomes.into_iter().enumerate() {
                    let fact = facts.next_if(|(at, _)| *at == place);
                    let word = match outcome {
                        PutOutcome::Stored(change) => {
                            news = true;
                            self.emit(Event::RecordChanged { replica, change });
                            if let Some((_, signed)) = fact {
                                self.on_fact(replica, &signed, now);
                            }
                            "stored"
                        }
                        PutOutcome::Same => "same",
                        PutOutcome::Superseded => "superseded",
                    };
                    self.emit(Event::RecordStored {
                        origin: Origin::Remote,
                        outcome: word,
                    });
                }
            }
        }
        self.after_stored(replica, source, count, news, now);
    }

    /// Counts what no honest peer could have sent; too much of it and the neighbour is cut off.
    pub(super) fn offence(&mut self, replica: ReplicaId, peer: PeerId, reason: String, now: Now) {
        self.emit(Event::RecordRefused {
            replica,
            peer,
            reason,
            verdict: Verdict::Reject,
        });
        let Some(neighbour) = self
            .groups
            .get_mut(&replica)
            .and_then(|state| state.neighbours.get_mut(&peer))
        else {
            return;
        };
        neighbour.offences += 1;
        if neighbour.offences >= MAX_OFFENCES {
            self.ban(replica, peer, "offences", now);
        }
    }
}

/// Whether records of this type say something of the group itself that the engine goes by.
fn is_fact(kind: RecordType) -> bool {
    kind == RecordType::PROPERTIES || kind == RecordType::PRESENCE
}
