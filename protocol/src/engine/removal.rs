//! Removing members, leaving, and what follows from a revocation that arrives: links are cut, our own
//! membership ends, and records that do not count any more are taken out of the store.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;
use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, IdentityKey, RecordId, RecordType, ReplicaId},
    judge::{Judge, Refusal},
    record::Record,
    store::{self, Partition},
    time::{CLOCK_TOLERANCE, Timestamp},
    validate::Rejection,
};
use serde_bytes::ByteBuf;

use super::{
    ChangeError, CommandId, Engine, Event, Found, Now, Operation, OperationId, Output, Read,
    Removal, SCAN_ROWS, StoreFailure, Terms, change::Own, group::GroupState,
};
use crate::{
    gmc::{Chain, Link, VerifiedGmc},
    group::Role,
    revocation::{ActId, Cause, EXPIRES, Kept, Revocation},
    wire::link::LinkFrame,
};

/// The number of the offer by which a removed neighbour is told why; its answer is not waited for.
const FAREWELL_REQUEST: u32 = u32::MAX;

/// Times are told apart by this much.
const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

/// A revocation of ours, while what it keeps is gathered.
#[derive(Debug)]
pub(super) struct Gathering {
    command: Option<CommandId>,
    replica: ReplicaId,
    removal: Removal,
    /// The credential to issue when the older ones are void.
    then: Option<Terms>,
    before: Timestamp,
    /// Who signs: we, or the group's key.
    revoker: IdentityKey,
    /// The chain by which it may; none for the group's key.
    authority: Option<Chain>,
    voided: Option<Chain>,
    /// Certificates and revocations that stay good.
    kept: Vec<ActId>,
    /// Records that stay good.
    records: Vec<ActId>,
    records_by_date: bool,
    /// Whose records are looked for.
    signers: BTreeSet<IdentityKey>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Asks for the revocation we may have made before.
    Held,
    /// Pages through the records.
    Records(Option<SignedRecord>),
}

/// A search for records that do not count any more.
#[derive(Debug)]
pub(super) struct Reviewing {
    replica: ReplicaId,
    signers: BTreeSet<IdentityKey>,
}

impl Engine {
    pub(super) fn begin_removal(
        &mut self,
        command: Option<CommandId>,
        replica: ReplicaId,
        removal: Removal,
        then: Option<Terms>,
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            self.reply(command, Err(ChangeError::NotOpen));
            return;
        };
        match plan(state, command, replica, removal, then, now) {
            Ok(gathering) => {
                let read = Read::Record(Revocation::record_id(
                    &gathering.revoker,
                    &gathering.removal.subject,
                ));
                self.gather(gathering, read);
            }
            Err(error) => self.reply(command, Err(error)),
        }
    }

    fn gather(&mut self, gathering: Gathering, read: Read) {
        let replica = gathering.replica;
        let operation = self.operation(Operation::Gather(Box::new(gathering)));
        self.outputs.push_back(Output::Read {
            operation,
            replica,
            read,
        });
    }

    pub(super) fn on_gathered(
        &mut self,
        mut gathering: Gathering,
        result: Result<Found, StoreFailure>,
        now: Now,
    ) {
        let next = match (result, &gathering.step) {
            (Err(failure), _) => {
                self.reply(gathering.command, Err(failure.into()));
                return;
            }
            (Ok(Found::Record(held)), Step::Held) => {
                gathering.step = Step::Records(held);
                (!gathering.signers.is_empty()).then_some(None)
            }
            (Ok(Found::Signed { records, next }), Step::Records(_)) => {
                let acts = records.iter().map(|one| ActId::of_record(&one.hash()));
                gathering.records.extend(acts);
                let limit =
                    Revocation::max_kept(gathering.authority.as_ref(), gathering.voided.as_ref());
                gathering.records_by_date = gathering.kept.len() + gathering.records.len() > limit;
                next.filter(|_| !gathering.records_by_date).map(Some)
            }
            (Ok(_), _) => return,
        };
        match next {
            Some(after) => {
                let signers = gathering.signers.clone();
                self.gather(gathering, Read::SignedBy { signers, after });
            }
            None => self.revoke(gathering, now),
        }
    }

    /// Everything is gathered: signs, and has it stored.
    fn revoke(&mut self, gathering: Gathering, now: Now) {
        let Gathering {
            command,
            replica,
            removal,
            then,
            before,
            revoker,
            authority,
            voided,
            mut kept,
            records,
            records_by_date,
            step,
            signers: _,
        } = gathering;
        let Some(state) = self.groups.get(&replica) else {
            self.reply(command, Err(ChangeError::NotOpen));
            return;
        };
        if !records_by_date {
            kept.extend(records);
        }
        let subject = removal.subject;
        let payload = Revocation {
            subject,
            before,
            cause: removal.cause,
            reason: removal.reason,
            kept: Kept::new(kept, records_by_date),
            authority,
            voided,
        }
        .encode();
        let id = Revocation::record_id(&revoker, &subject);
        if !state.roster.has_room(&revoker, RecordType::REVOCATION, &id) {
            self.reply(command, Err(Rejection::from(Refusal::TooMany).into()));
            return;
        }
        // No earlier than the last credential it voids.
        let at = now.timestamp.max(before - MOMENT);
        let record = match step {
            Step::Records(Some(held)) => held.record().update_reserved(EXPIRES, payload, at),
            Step::Records(None) | Step::Held => Record::create_reserved_for(
                subject.as_bytes(),
                RecordType::REVOCATION,
                state.group,
                revoker,
                EXPIRES,
                payload,
                at,
            ),
        };
        match record {
            Ok(record) => {
                let own = Own {
                    command,
                    then: then.map(|terms| (subject, terms)),
                    ..Own::default()
                };
                self.store_own(replica, record, own, now);
            }
            Err(error) => self.reply(command, Err(error.into())),
        }
    }

    /// A revocation has been validated: from now on it holds here.
    pub(super) fn apply_revocation(&mut self, replica: ReplicaId, signed: &SignedRecord, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let me = state.me();
        let settled = match state.roster.learn_revocation(signed) {
            Ok(settled) if settled.news => settled,
            Ok(_) | Err(_) => return,
        };
        for member in &settled.gone {
            let Some(one) = self
                .groups
                .get(&replica)
                .and_then(|state| state.roster.revoked(member))
            else {
                continue;
            };
            let said = one.said();
            // Who falls with somebody else did not leave, and was not withdrawn.
            let cause = if said.subject == *member {
                said.cause
            } else {
                Cause::Removed
            };
            // The older credential goes, a newer one is on its way.
            if cause == Cause::Replaced {
                continue;
            }
            let event = Event::MemberRemoved {
                replica,
                member: *member,
                cause,
                by: one.revoker(),
                reason: said.reason.clone(),
            };
            self.emit(event);
        }
        for member in settled.back {
            self.emit(Event::MemberJoined { replica, member });
        }
        for member in settled.changed {
            self.emit(Event::MemberUpdated { replica, member });
        }
        self.adopt(replica, now);
        self.judge_links(replica, now);
        self.forget_strangers(replica, now);
        self.review(replica);
        let removed = self.groups.get(&replica).is_some_and(|state| {
            state
                .roster
                .revoked(&me)
                .is_some_and(|one| one.said().cause != Cause::Replaced)
        });
        if removed {
            self.disconnect(replica, now);
        }
    }

    /// Cuts the links and direct connections of whoever is no member any more, and lets the others' go on with the
    /// credential that counts.
    pub(super) fn judge_links(&mut self, replica: ReplicaId, now: Now) {
        self.judge_directs(replica, now);
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let peers: Vec<PeerId> = state.neighbours.iter().map(|(peer, _)| *peer).collect();
        let mut cut = Vec::new();
        for peer in peers {
            let Some(neighbour) = state.neighbours.get_mut(&peer) else {
                continue;
            };
            match state.roster.get(&neighbour.member()) {
                Some(gmc) if *gmc != neighbour.gmc => {
                    // It may end earlier; when it ends later, a new exchange has to show it.
                    neighbour.until = neighbour.until.min(gmc.not_after() + CLOCK_TOLERANCE);
                    neighbour.gmc = gmc.clone();
                }
                Some(_) => {}
                None => cut.push(peer),
            }
        }
        for peer in cut {
            self.cast_out(replica, peer, now);
            if let Some(state) = self.groups.get_mut(&replica) {
                state.neighbours.forget(&peer);
            }
        }
    }

    /// Parts from a neighbour whose membership was revoked: it gets no gossip any more, and nothing it
    /// says counts, but it is told by which revocation before the link closes.
    fn cast_out(&mut self, replica: ReplicaId, peer: PeerId, now: Now) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let group = state.group;
        let why = state.neighbours.get(&peer).and_then(|neighbour| {
            let one = state.roster.revoked(&neighbour.member())?;
            state.roster.revocations().signed(&one.id())
        });
        let farewell = why.map(|signed| LinkFrame::Offer {
            request: FAREWELL_REQUEST,
            envelopes: vec![ByteBuf::from(signed.bytes().to_vec())],
        });
        self.outputs.push_back(Output::MuteLink { group, peer });
        if let Some(farewell) = farewell {
            self.outputs.push_back(Output::Send {
                group,
                peer,
                frame: farewell.encode(),
            });
        }
        self.let_go(replica, peer, "membership revoked", now);
    }

    /// Looks through the records of everybody whose credentials were revoked.
    pub(super) fn review(&mut self, replica: ReplicaId) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let signers = state.roster.disputed();
        if !signers.is_empty() {
            self.review_page(Reviewing { replica, signers }, None);
        }
    }

    fn review_page(&mut self, reviewing: Reviewing, after: Option<RecordId>) {
        let (replica, signers) = (reviewing.replica, reviewing.signers.clone());
        let operation = self.operation(Operation::Review(reviewing));
        self.outputs.push_back(Output::Read {
            operation,
            replica,
            read: Read::SignedBy { signers, after },
        });
    }

    pub(super) fn on_reviewed(
        &mut self,
        reviewing: Reviewing,
        result: Result<Found, StoreFailure>,
        now: Now,
    ) {
        let replica = reviewing.replica;
        let (records, next) = match result {
            Ok(Found::Signed { records, next }) => (records, next),
            Ok(_) => return,
            // What stays is not shared by anybody else, and is looked for again at the next start.
            Err(failure) => {
                self.emit(Event::StoreFailed { replica, failure });
                return;
            }
        };
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let versions: Vec<(RecordId, EnvelopeHash)> = records
            .iter()
            .filter(|signed| state.roster.judge(signed, now.timestamp).is_err())
            .map(|signed| (signed.record().id, signed.hash()))
            .collect();
        if !versions.is_empty() {
            let operation = self.operation(Operation::Withdraw(replica));
            self.outputs.push_back(Output::Withdraw {
                operation,
                replica,
                versions,
            });
        }
        if next.is_some() {
            self.review_page(reviewing, next);
        }
    }

    /// Removes what counts no more because its signer has said too much.
    pub(super) fn drop_displaced(&mut self, replica: ReplicaId) {
        let state = self.groups.get_mut(&replica);
        let versions = state.map_or_else(Vec::new, |state| state.roster.take_displaced());
        if !versions.is_empty() {
            let operation = self.operation(Operation::Withdraw(replica));
            self.outputs.push_back(Output::Withdraw {
                operation,
                replica,
                versions,
            });
        }
    }

    pub(super) fn on_withdrawn(
        &mut self,
        operation: OperationId,
        result: Result<Vec<store::Change>, StoreFailure>,
    ) {
        let Some(Operation::Withdraw(replica)) = self.operations.remove(&operation) else {
            return;
        };
        match result {
            Ok(changes) => {
                for change in changes {
                    self.emit(Event::RecordChanged { replica, change });
                }
            }
            Err(failure) => self.emit(Event::StoreFailed { replica, failure }),
        }
    }
}

/// What a removal leads to, if it may be.
fn plan(
    state: &GroupState,
    command: Option<CommandId>,
    replica: ReplicaId,
    removal: Removal,
    then: Option<Terms>,
    now: Now,
) -> Result<Gathering, ChangeError> {
    let me = state.me();
    let roster = &state.roster;
    let mine = roster.get(&me).ok_or(ChangeError::NotAuthorised)?;
    let subject = removal.subject;
    let leaves = removal.cause == Cause::Left;
    if leaves != (subject == me) {
        return Err(ChangeError::Ourselves);
    }
    if removal.by_group_key && (state.group_key.is_none() || leaves) {
        return Err(ChangeError::NotCreator);
    }
    if !leaves && !removal.by_group_key && !mine.roles().contains(Role::Admin) {
        return Err(ChangeError::NotAuthorised);
    }
    let known = roster.credential(&subject);
    if known.is_none() && removal.cause != Cause::InvitationWithdrawn {
        return Err(ChangeError::UnknownMember);
    }
    if !leaves && !removal.by_group_key && known.is_some_and(|gmc| gmc.depth() == 1) {
        return Err(ChangeError::Creator);
    }
    let administers =
        |gmc: &VerifiedGmc| gmc.roles().contains(Role::Admin) && gmc.valid_at(now.timestamp);
    let others = roster.iter().filter(|(key, _)| **key != subject);
    if leaves
        && administers(mine)
        && roster.len() > 1
        && !others.into_iter().any(|(_, gmc)| administers(gmc))
    {
        return Err(ChangeError::LastAdmin);
    }

    // An issuer whose clock is ahead may have dated a credential ahead; it must not outlive this.
    let newest = roster
        .credentials()
        .filter(|gmc| gmc.subject() == subject)
        .map(VerifiedGmc::issued_at)
        .max();
    let before = newest.map_or(now.timestamp, |newest| newest.max(now.timestamp)) + MOMENT;
    // What the subject issued: all of it stays, or only what we hang on ourselves.
    let by_subject = |gmc: &VerifiedGmc| -> Vec<ActId> {
        let issued = gmc.links().windows(2);
        issued
            .filter(|pair| pair[0].subject == subject)
            .map(|pair| pair[1].certificate)
            .collect()
    };
    let mut kept: BTreeSet<ActId> = by_subject(mine).into_iter().collect();
    if !removal.cascade {
        kept.extend(roster.credentials().flat_map(by_subject));
    }
    let falls = |links: &[Link]| {
        links.iter().enumerate().any(|(depth, link)| {
            link.subject == subject
                && link.issued_at < before
                && links
                    .get(depth + 1)
                    .is_none_or(|next| !kept.contains(&next.certificate))
        })
    };
    // What was decided stays decided: removing an Admin brings nobody back.
    let decided: Vec<ActId> = roster
        .revocations()
        .effective()
        .filter(|one| one.authority().is_some_and(|gmc| falls(gmc.links())))
        .map(|one| one.act())
        .collect();
    let signers = if removal.with_records {
        BTreeSet::new()
    } else {
        roster
            .credentials()
            .filter(|gmc| falls(gmc.links()))
            .map(VerifiedGmc::subject)
            .collect()
    };
    let kept: Vec<ActId> = kept.into_iter().chain(decided).collect();
    let (revoker, authority) = match removal.by_group_key {
        true => (roster.root(), None),
        false => (me, Some(mine.chain().clone())),
    };
    let voided = known.map(|gmc| gmc.chain().clone());
    let limit = Revocation::max_kept(authority.as_ref(), voided.as_ref());
    if kept.len() > limit {
        let acts = kept.len();
        return Err(ChangeError::TooManyKept { acts, limit });
    }
    Ok(Gathering {
        command,
        replica,
        removal,
        then,
        before,
        revoker,
        authority,
        voided,
        kept,
        records: Vec::new(),
        records_by_date: false,
        signers,
        step: Step::Held,
    })
}

impl Found {
    /// Answers [`Read::SignedBy`] from the next [`SCAN_ROWS`] that are held.
    #[must_use]
    pub fn signed_by(page: Vec<SignedRecord>, signers: &BTreeSet<IdentityKey>) -> Self {
        let next = (page.len() == SCAN_ROWS)
            .then(|| page.last().map(|last| last.record().id))
            .flatten();
        let mut records = page;
        records.retain(|signed| {
            let record = signed.record();
            Partition::of(record.kind) == Partition::Application
                && signers.contains(&record.toucher())
        });
        Self::Signed { records, next }
    }
}
