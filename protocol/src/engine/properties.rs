//! The group's properties: published by its creator, learned by everybody.

use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordId, RecordType, ReplicaId},
    record::{MAX_EXPIRY, Record},
    time::Timestamp,
    validate::{self, Rejection, ValidRecord},
};

use super::{ChangeError, Engine, Event, Now, change::Own, group::GroupState};
use crate::properties::{Properties, PropertiesChange};

impl GroupState {
    /// Signs a record of ours, with the group's key where it is by the group.
    pub(super) fn sign(&self, record: Record) -> SignedRecord {
        let toucher = record.toucher();
        SignedRecord::sign(record, |bytes| self.sign_as(&toucher, bytes))
    }

    /// The same, checked as others will.
    pub(super) fn sign_and_validate(
        &self,
        record: Record,
        now: Timestamp,
    ) -> Result<ValidRecord, Rejection> {
        let toucher = record.toucher();
        let of_group = self.group_key.as_ref().map(|key| key.root().key());
        if toucher != self.identity.key() && Some(toucher) != of_group {
            // Signed with another key than it says: the whole check finds that.
            return validate::validate(self.sign(record), &self.group, &self.roster, now);
        }
        let sign = |bytes: &[u8]| self.sign_as(&toucher, bytes);
        validate::sign_and_validate(record, sign, &self.group, &self.roster, now)
    }

    fn sign_as(&self, toucher: &IdentityKey, bytes: &[u8]) -> [u8; 64] {
        match &self.group_key {
            Some(key) if *toucher == key.root().key() => key.sign(bytes),
            _ => self.identity.sign(bytes),
        }
    }

    /// The id of the record with the group's properties.
    pub(super) fn properties_id(&self) -> RecordId {
        RecordId::reserved(&self.gmc.root().key(), RecordType::PROPERTIES)
    }

    /// The next version of the properties record, or the first one.
    pub(super) fn next_properties(
        &self,
        held: Option<&Record>,
        change: &PropertiesChange,
        now: Now,
    ) -> Result<Record, ChangeError> {
        let key = self.group_key.as_ref().ok_or(ChangeError::NotCreator)?;
        let now = now.timestamp;
        let Some(held) = held else {
            let first = self.properties.clone().unwrap_or_default().with(change)?;
            let expires = key.root().not_after().min(MAX_EXPIRY);
            return Ok(Record::create_reserved(
                RecordType::PROPERTIES,
                self.group,
                key.root().key(),
                expires,
                first.encode(),
                now,
            )?);
        };
        let next = Properties::decode(&held.payload)?.with(change)?;
        Ok(held.update_reserved(held.expires, next.encode(), now)?)
    }
}

impl Engine {
    /// Publishes the first properties of a group we have made.
    pub(super) fn found(&mut self, replica: ReplicaId, properties: Properties, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.group_key.is_none() || state.properties.is_some() {
            return;
        }
        state.properties = Some(properties);
        if let Ok(record) = state.next_properties(None, &PropertiesChange::default(), now) {
            self.store_own(replica, record, Own::default(), now);
        }
    }

    /// Takes what a record of the group itself says, once the replica holds it.
    pub(super) fn on_fact(&mut self, replica: ReplicaId, signed: &SignedRecord, now: Now) {
        let record = signed.record();
        match record.kind {
            RecordType::PROPERTIES => {
                let Some(state) = self.groups.get_mut(&replica) else {
                    return;
                };
                // The judge has read it before.
                let Ok(properties) = Properties::decode(&record.payload) else {
                    return;
                };
                state.properties = Some(properties);
                state.presence.hasten(now.instant);
                self.emit(Event::PropertiesChanged { replica });
            }
            RecordType::PRESENCE => self.on_presence(replica, record, now),
            _ => {}
        }
    }
}
