//! Changes our own applications make: draft, sign, validate, store, and only then spread.

use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordId, RecordType, ReplicaId},
    record::{Record, RecordDraft},
    store::{Origin, Put, PutOutcome},
    validate::{Rejection, ValidRecord, validate},
};

use super::{
    Change, ChangeError, CommandId, Engine, Event, Found, Now, Operation, Output, Read,
    StoreFailure, Terms,
};

/// How often a change of a record is made anew when another change overtook it.
const MAX_ATTEMPTS: u32 = 8;

/// A change that waits for the store.
#[derive(Debug)]
pub(super) struct Pending {
    /// `None` for the records the engine publishes itself.
    command: Option<CommandId>,
    replica: ReplicaId,
    step: Step,
    attempts: u32,
    /// The credential to be issued to somebody once this is durable, before the reply.
    then: Option<(IdentityKey, Terms)>,
}

#[derive(Debug)]
enum Step {
    /// Waits for the current version of the record to be changed.
    Reading(Change),
    /// Waits until the new version is durable; the change is kept in case it lost.
    Storing(SignedRecord, Option<Change>),
}

/// A record of ours on its way: what is to become of it.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Whom to answer; nobody for the records the engine publishes itself.
    pub(super) command: Option<CommandId>,
    /// The change it makes, to be made anew if another one overtakes it.
    pub(super) change: Option<Change>,
    /// How often that has happened.
    pub(super) attempts: u32,
    /// The credential to be issued to somebody once this is durable.
    pub(super) then: Option<(IdentityKey, Terms)>,
}

impl Pending {
    fn changes_properties(&self, replica: &ReplicaId) -> bool {
        let change = match &self.step {
            Step::Reading(change) => Some(change),
            Step::Storing(_, change) => change.as_ref(),
        };
        self.replica == *replica && matches!(change, Some(Change::Properties(_)))
    }
}

impl Engine {
    pub(super) fn on_command(
        &mut self,
        command: CommandId,
        replica: ReplicaId,
        change: Change,
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            self.reply(Some(command), Err(ChangeError::NotOpen));
            return;
        };
        if !state.synchronised {
            self.reply(Some(command), Err(ChangeError::NotReady));
            return;
        }
        if state.is_behind() && change.builds_on_the_past() {
            self.reply(Some(command), Err(ChangeError::Behind));
            return;
        }
        // Two that were made of one version would be one lost.
        let overlaps = matches!(change, Change::Properties(_))
            && self.operations.values().any(|operation| {
                matches!(operation, Operation::Change(pending) if pending.changes_properties(&replica))
            });
        if overlaps {
            self.reply(Some(command), Err(ChangeError::Conflict));
            return;
        }
        let pending = Pending {
            command: Some(command),
            replica,
            step: Step::Reading(change),
            attempts: 0,
            then: None,
        };
        self.begin(pending, now);
    }

    fn begin(&mut self, mut pending: Pending, now: Now) {
        let Step::Reading(change) = pending.step else {
            return;
        };
        match change {
            Change::Publish(draft) => {
                let mut entropy = [0; 8];
                rand::Rng::fill_bytes(&mut self.rng, &mut entropy);
                match self.new_record(pending.replica, draft, entropy, now) {
                    Ok(record) => {
                        let own = Own {
                            command: pending.command,
                            attempts: pending.attempts,
                            ..Own::default()
                        };
                        self.store_own(pending.replica, record, own, now);
                    }
                    Err(error) => self.reply(pending.command, Err(error)),
                }
            }
            Change::Issue { subject, terms } => {
                self.begin_issue(pending.command, pending.replica, subject, terms, false, now);
            }
            Change::Grant(chain) => {
                self.begin_grant(pending.command, pending.replica, &chain);
            }
            Change::Revoke(removal) => {
                self.begin_removal(pending.command, pending.replica, removal, None, now);
            }
            Change::PublishAs(..)
            | Change::Update(..)
            | Change::Delete(_)
            | Change::Properties(_) => {
                let replica = pending.replica;
                let Some(state) = self.groups.get(&replica) else {
                    self.reply(pending.command, Err(ChangeError::NotOpen));
                    return;
                };
                let id = match &change {
                    Change::PublishAs(entropy, _) => RecordId::new(&state.me(), *entropy),
                    Change::Update(id, _) | Change::Delete(id) => *id,
                    _ if state.group_key.is_none() => {
                        self.reply(pending.command, Err(ChangeError::NotCreator));
                        return;
                    }
                    _ => state.properties_id(),
                };
                pending.step = Step::Reading(change);
                let operation = self.operation(Operation::Change(pending));
                self.outputs.push_back(Output::Read {
                    operation,
                    replica,
                    read: Read::Record(id),
                });
            }
        }
    }

    pub(super) fn on_change_found(
        &mut self,
        pending: Pending,
        result: Result<Found, StoreFailure>,
        now: Now,
    ) {
        let Step::Reading(change) = pending.step else {
            return;
        };
        let next = match result {
            Err(failure) => Err(failure.into()),
            Ok(Found::Record(held)) if let Change::Properties(change) = &change => self
                .groups
                .get(&pending.replica)
                .ok_or(ChangeError::NotOpen)
                .and_then(|state| {
                    state.next_properties(held.as_ref().map(SignedRecord::record), change, now)
                }),
            Ok(Found::Record(held)) if let Change::PublishAs(entropy, draft) = &change => {
                match held {
                    Some(held) if held.record().deleted => Err(ChangeError::NotFound),
                    // It was published before.
                    Some(held) => {
                        self.reply(pending.command, Ok(held));
                        return;
                    }
                    None => self.new_record(pending.replica, draft.clone(), *entropy, now),
                }
            }
            Ok(Found::Record(Some(current))) => {
                self.next_version(pending.replica, current.record(), &change, now)
            }
            Ok(_) => Err(ChangeError::NotFound),
        };
        match next {
            Ok(record) => {
                let own = Own {
                    command: pending.command,
                    change: Some(change),
                    attempts: pending.attempts,
                    then: None,
                };
                self.store_own(pending.replica, record, own, now);
            }
            Err(error) => self.reply(pending.command, Err(error)),
        }
    }

    fn new_record(
        &self,
        replica: ReplicaId,
        draft: RecordDraft,
        entropy: [u8; 8],
        now: Now,
    ) -> Result<Record, ChangeError> {
        let state = self.groups.get(&replica).ok_or(ChangeError::NotOpen)?;
        let record = Record::create(draft, state.group, state.me(), entropy, now.timestamp)?;
        Ok(record)
    }

    fn next_version(
        &self,
        replica: ReplicaId,
        current: &Record,
        change: &Change,
        now: Now,
    ) -> Result<Record, ChangeError> {
        let me = self.groups.get(&replica).ok_or(ChangeError::NotOpen)?.me();
        if current.deleted || current.expires <= now.timestamp {
            return Err(ChangeError::NotFound);
        }
        match change {
            Change::Update(_, update) => Ok(current.update(update.clone(), me, now.timestamp)?),
            Change::Delete(_) => Ok(current.delete(me, now.timestamp)?),
            Change::Publish(_)
            | Change::PublishAs(..)
            | Change::Properties(_)
            | Change::Issue { .. }
            | Change::Grant(_)
            | Change::Revoke(_) => Err(ChangeError::NotFound),
        }
    }

    /// Signs our version and has it stored.
    pub(super) fn store_own(&mut self, replica: ReplicaId, record: Record, own: Own, now: Now) {
        let Own {
            command,
            change,
            attempts,
            then,
        } = own;
        let Some(state) = self.groups.get(&replica) else {
            self.reply(command, Err(ChangeError::NotOpen));
            return;
        };
        if let Some(properties) = &state.properties
            && !record.kind.is_reserved()
            && let Err(error) = properties.check_size(&record.attributes, &record.payload)
        {
            self.reply(command, Err(error.into()));
            return;
        }
        let record = state.outdo_later_life(record);
        let checked = state.sign_and_validate(record, now.timestamp);
        let own = Own {
            command,
            change,
            attempts,
            then,
        };
        self.store_checked(replica, checked, own);
    }

    /// Validates our version, signed by whoever it is by, as if it were another's, and has it stored.
    pub(super) fn store_signed(
        &mut self,
        replica: ReplicaId,
        signed: SignedRecord,
        own: Own,
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            self.reply(own.command, Err(ChangeError::NotOpen));
            return;
        };
        let checked = validate(signed, &state.group, &state.roster, now.timestamp);
        self.store_checked(replica, checked, own);
    }

    fn store_checked(
        &mut self,
        replica: ReplicaId,
        checked: Result<ValidRecord, Rejection>,
        own: Own,
    ) {
        let record = match checked {
            Ok(record) => record,
            Err(rejection) => {
                self.reply(own.command, Err(rejection.into()));
                return;
            }
        };
        let operation = self.operation(Operation::Change(Pending {
            command: own.command,
            replica,
            step: Step::Storing(record.signed().clone(), own.change),
            attempts: own.attempts,
            then: own.then,
        }));
        self.outputs.push_back(Output::Put {
            operation,
            puts: vec![Put {
                replica,
                record,
                origin: Origin::Local,
            }],
        });
    }

    pub(super) fn on_change_stored(
        &mut self,
        pending: Pending,
        result: Result<Vec<PutOutcome>, StoreFailure>,
        now: Now,
    ) {
        let Step::Storing(signed, change) = pending.step else {
            return;
        };
        let outcome = match result {
            Err(failure) => {
                self.reply(pending.command, Err(failure.into()));
                return;
            }
            Ok(outcomes) => outcomes.into_iter().next(),
        };
        match (outcome, change) {
            (Some(PutOutcome::Stored(stored)), _) => {
                self.emit(Event::RecordStored {
                    origin: Origin::Local,
                    outcome: "stored",
                });
                self.emit(Event::RecordChanged {
                    replica: pending.replica,
                    change: stored,
                });
                self.on_fact(pending.replica, &signed, now);
                self.gossip(pending.replica, &signed);
                self.take_reserved(pending.replica, &signed, now);
                match pending.then {
                    Some((subject, terms)) => {
                        self.begin_issue(
                            pending.command,
                            pending.replica,
                            subject,
                            terms,
                            true,
                            now,
                        );
                    }
                    None => self.reply(pending.command, Ok(signed)),
                }
            }
            // Another version won between our reading and our storing: change that one.
            (_, Some(change)) if pending.attempts < MAX_ATTEMPTS => {
                let again = Pending {
                    command: pending.command,
                    replica: pending.replica,
                    step: Step::Reading(change),
                    attempts: pending.attempts + 1,
                    then: None,
                };
                self.begin(again, now);
            }
            _ => self.reply(pending.command, Err(ChangeError::Conflict)),
        }
    }

    fn gossip(&mut self, replica: ReplicaId, signed: &SignedRecord) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        if state.online.is_some() {
            self.outputs.push_back(Output::Gossip {
                group: state.group,
                bytes: signed.bytes().to_vec(),
            });
        }
    }

    /// Publishes our own membership record if the replica lacks it or holds an older one.
    pub(super) fn publish_membership(
        &mut self,
        replica: ReplicaId,
        members: &[SignedRecord],
        now: Now,
    ) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let chain = state.gmc.chain().encode().to_vec();
        let me = state.me();
        let own = RecordId::reserved(&me, RecordType::MEMBERSHIP);
        let held = members.iter().find(|signed| signed.record().id == own);
        let expires = state
            .gmc
            .not_after()
            .min(peerage_records::record::MAX_EXPIRY);
        let record = match held {
            // Ours, or one that came later from another of our nodes: an older chain never replaces it.
            Some(held)
                if state
                    .roster
                    .membership_of(held.record())
                    .is_ok_and(|held| held.issued_at() >= state.gmc.issued_at()) =>
            {
                return;
            }
            Some(held) => held
                .record()
                .replace_reserved(expires, chain, now.timestamp),
            None => Record::create_reserved(
                RecordType::MEMBERSHIP,
                state.group,
                me,
                expires,
                chain,
                now.timestamp,
            ),
        };
        if let Ok(record) = record {
            self.store_own(replica, record, Own::default(), now);
        }
    }

    pub(super) fn reply(
        &mut self,
        command: Option<CommandId>,
        result: Result<SignedRecord, ChangeError>,
    ) {
        if let Some(command) = command {
            self.outputs.push_back(Output::Reply { command, result });
        }
    }
}
