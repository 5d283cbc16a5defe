//! What a group remembers: drafts from the application, and the records made of them.

use std::fmt;

use crate::{
    id::{GroupId, IdentityKey, RecordId, RecordType},
    time::Timestamp,
};

/// Payload and attributes together; larger things are announced by digest and fetched separately.
pub const MAX_INLINE_BYTES: usize = 48 * 1024;

/// Attributes of one record. Bounds what [`MAX_INLINE_BYTES`] does not: the framing of tiny attributes.
pub const MAX_ATTRIBUTES: usize = 256;

/// Letters of an attribute's name, as in the original.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 40;

/// The latest expiry: the last millisecond of the year 9999, which every calendar library can print.
pub const MAX_EXPIRY: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// Names by which a search reaches a record's own fields, so no attribute may have them in any case.
pub const RESERVED_ATTRIBUTE_NAMES: [&str; 6] = [
    "peercreationtime",
    "peercreatorid",
    "peerlastmodificationtime",
    "peerlastmodifiedby",
    "peerrecordid",
    "peerrecordtype",
];

/// The value of an attribute, of one of the three types one can search by.
///
/// Exhaustive on purpose: a fourth type is a new record format, and everyone must think about it.
#[derive(Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Any text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// An instant, to the millisecond.
    Date(Timestamp),
}

impl AttributeValue {
    /// What this value counts against [`MAX_INLINE_BYTES`].
    fn counted_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Integer(_) | Self::Date(_) => 8,
        }
    }
}

/// A named, typed value by which a record can be found. Names may repeat within a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// 1 to 40 characters of `A-Z`, `a-z`, `0-9`, none of [`RESERVED_ATTRIBUTE_NAMES`].
    pub name: String,
    /// The value.
    pub value: AttributeValue,
}

/// What the application fills in; everything else about a record is set for it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordDraft {
    /// What kind of record; not a reserved one.
    pub kind: RecordType,
    /// When the record ceases to exist everywhere, in the group's time.
    pub expires: Timestamp,
    /// By what it can be found; may be empty.
    pub attributes: Vec<Attribute>,
    /// The content, opaque to Peerage; may be empty.
    pub payload: Vec<u8>,
}

/// What an update replaces; `None` keeps what is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RecordUpdate {
    /// A new expiry, not before the present one.
    pub expires: Option<Timestamp>,
    /// New attributes, instead of all present ones.
    pub attributes: Option<Vec<Attribute>>,
    /// New content.
    pub payload: Option<Vec<u8>>,
}

/// One version of one record. Having one says nothing about whether it is believed.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The group it belongs to.
    pub group: GroupId,
    /// Its id, which follows from the creator.
    pub id: RecordId,
    /// Its type, fixed at creation.
    pub kind: RecordType,
    /// 1 at creation, one more with each update or deletion.
    pub version: u32,
    /// Who created it, fixed at creation.
    pub creator: IdentityKey,
    /// Who changed it last; `None` as long as nobody has.
    pub modifier: Option<IdentityKey>,
    /// When it was created, fixed at creation.
    pub created: Timestamp,
    /// When it was changed last; the creation if never.
    pub modified: Timestamp,
    /// When it ceases to exist; no update may lower it.
    pub expires: Timestamp,
    /// Whether this is a tombstone: what remains of a deleted record until it expires.
    pub deleted: bool,
    /// By what it can be found; none in a tombstone.
    pub attributes: Vec<Attribute>,
    /// The content; empty in a tombstone.
    pub payload: Vec<u8>,
}

/// Why an application's draft, update or deletion is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The type belongs to Peerage itself.
    #[error("record type {0} is reserved")]
    ReservedType(RecordType),
    /// Only reserved types have records of which there is one per member.
    #[error("record type {0} is not reserved")]
    NotReserved(RecordType),
    /// The record would be born expired.
    #[error("the expiry {expires} is not after the present {now}")]
    ExpiresTooEarly {
        /// What was asked for.
        expires: Timestamp,
        /// The group's time.
        now: Timestamp,
    },
    /// The expiry lies beyond [`MAX_EXPIRY`].
    #[error("the expiry {0} is beyond the year 9999")]
    ExpiresTooLate(Timestamp),
    /// An older copy could outlive the update.
    #[error("an update cannot lower the expiry from {held} to {wanted}")]
    ExpiryLowered {
        /// The present expiry.
        held: Timestamp,
        /// What was asked for.
        wanted: Timestamp,
    },
    /// The attributes are not acceptable.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// Payload and attributes are too large together.
    #[error("payload and attributes take {bytes} bytes, more than {MAX_INLINE_BYTES}")]
    TooLarge {
        /// What they would take.
        bytes: usize,
    },
    /// The record is deleted or has expired.
    #[error("record not found")]
    NotFound,
    /// The record has been changed as often as a record can be.
    #[error("the record has no version left")]
    VersionsExhausted,
}

/// What is wrong with a record's attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The name is not 1 to 40 letters and digits.
    #[error("attribute name {0:?} is not 1 to 40 letters and digits")]
    BadName(String),
    /// The name is one by which a search reaches the record's own fields.
    #[error("attribute name {0:?} is reserved")]
    ReservedName(String),
    /// More than [`MAX_ATTRIBUTES`].
    #[error("{0} attributes are more than {MAX_ATTRIBUTES}")]
    TooMany(usize),
}

impl Record {
    /// Makes the first version of a new record.
    ///
    /// # Errors
    /// Refuses reserved types, an expiry that is not in the future, bad attributes and too large content.
    pub fn create(
        draft: RecordDraft,
        group: GroupId,
        creator: IdentityKey,
        entropy: [u8; 8],
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if draft.kind.is_reserved() {
            return Err(DraftError::ReservedType(draft.kind));
        }
        let id = RecordId::new(&creator, entropy);
        Self::first_version(draft, group, id, creator, now)
    }

    /// Makes the first version of `creator`'s one record of a reserved type.
    ///
    /// # Errors
    /// Refuses types that are not reserved, an expiry that is not in the future and too large content.
    pub fn create_reserved(
        kind: RecordType,
        group: GroupId,
        creator: IdentityKey,
        expires: Timestamp,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        Self::create_reserved_for(&[], kind, group, creator, expires, payload, now)
    }

    /// Makes the first version of `creator`'s one record of a reserved type about `subject`: one
    /// presence per node of an identity, one revocation per identity revoked.
    ///
    /// # Errors
    /// As for [`Record::create_reserved`].
    pub fn create_reserved_for(
        subject: &[u8],
        kind: RecordType,
        group: GroupId,
        creator: IdentityKey,
        expires: Timestamp,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if !kind.is_reserved() {
            return Err(DraftError::NotReserved(kind));
        }
        let id = RecordId::reserved_for(&creator, kind, subject);
        let draft = RecordDraft {
            kind,
            expires,
            attributes: Vec::new(),
            payload,
        };
        Self::first_version(draft, group, id, creator, now)
    }

    fn first_version(
        draft: RecordDraft,
        group: GroupId,
        id: RecordId,
        creator: IdentityKey,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        let RecordDraft {
            kind,
            expires,
            attributes,
            payload,
        } = draft;
        check_expiry(expires, now)?;
        check_content(&attributes, &payload)?;
        Ok(Self {
            group,
            id,
            kind,
            version: 1,
            creator,
            modifier: None,
            created: now,
            modified: now,
            expires,
            deleted: false,
            attributes,
            payload,
        })
    }

    /// Makes the next version. Id, type, creator and creation time stay.
    ///
    /// # Errors
    /// [`DraftError::NotFound`] on a tombstone and on an expired record; refuses reserved types, a
    /// lowered expiry, bad attributes and too large content.
    pub fn update(
        &self,
        change: RecordUpdate,
        modifier: IdentityKey,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if self.kind.is_reserved() {
            return Err(DraftError::ReservedType(self.kind));
        }
        self.next_version(change, modifier, now)
    }

    /// Makes the next version of a record of a reserved type, by its creator.
    ///
    /// # Errors
    /// As for [`Record::update`], but refuses types that are *not* reserved.
    pub fn update_reserved(
        &self,
        expires: Timestamp,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if !self.kind.is_reserved() {
            return Err(DraftError::NotReserved(self.kind));
        }
        let change = RecordUpdate {
            expires: Some(expires),
            attributes: None,
            payload: Some(payload),
        };
        self.next_version(change, self.creator, now)
    }

    /// As [`Record::update_reserved`], but the record may end earlier than it did. Older copies may then
    /// come back when this one has ended, so only for what is void by other means.
    ///
    /// # Errors
    /// As for [`Record::update_reserved`].
    pub fn replace_reserved(
        &self,
        expires: Timestamp,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        let shorter = Self {
            expires: self.expires.min(expires),
            ..self.clone()
        };
        shorter.update_reserved(expires, payload, now)
    }

    fn next_version(
        &self,
        change: RecordUpdate,
        modifier: IdentityKey,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        self.check_present(now)?;
        let expires = change.expires.unwrap_or(self.expires);
        if expires < self.expires {
            return Err(DraftError::ExpiryLowered {
                held: self.expires,
                wanted: expires,
            });
        }
        check_expiry(expires, now)?;
        let attributes = change.attributes.unwrap_or_else(|| self.attributes.clone());
        let payload = change.payload.unwrap_or_else(|| self.payload.clone());
        check_content(&attributes, &payload)?;
        Ok(Self {
            expires,
            attributes,
            payload,
            ..self.touched(modifier, now)?
        })
    }

    /// Makes the tombstone of this record: no attributes, no payload, the same expiry.
    ///
    /// Because no update lowers the expiry, every older copy of the record is gone by the time the
    /// tombstone is: a member that comes back late cannot resurrect it.
    ///
    /// # Errors
    /// [`DraftError::NotFound`] on a tombstone and on an expired record; refuses reserved types.
    pub fn delete(&self, modifier: IdentityKey, now: Timestamp) -> Result<Self, DraftError> {
        if self.kind.is_reserved() {
            return Err(DraftError::ReservedType(self.kind));
        }
        self.check_present(now)?;
        Ok(Self {
            deleted: true,
            ..self.touched(modifier, now)?
        })
    }

    /// The next version, without content.
    fn touched(&self, modifier: IdentityKey, now: Timestamp) -> Result<Self, DraftError> {
        let version = self
            .version
            .checked_add(1)
            .ok_or(DraftError::VersionsExhausted)?;
        Ok(Self {
            group: self.group,
            id: self.id,
            kind: self.kind,
            version,
            creator: self.creator,
            modifier: Some(modifier),
            created: self.created,
            // The creator's clock may be ahead of ours, and nothing is changed before it is created.
            modified: now.max(self.created),
            expires: self.expires,
            deleted: false,
            attributes: Vec::new(),
            payload: Vec::new(),
        })
    }

    fn check_present(&self, now: Timestamp) -> Result<(), DraftError> {
        if self.deleted || self.is_expired(now) {
            return Err(DraftError::NotFound);
        }
        Ok(())
    }

    /// Who signed this version: the modifier, or else the creator.
    #[must_use]
    pub fn toucher(&self) -> IdentityKey {
        self.modifier.unwrap_or(self.creator)
    }

    /// Whether the record has ceased to exist: its expiry is `now` or earlier.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }
}

fn check_expiry(expires: Timestamp, now: Timestamp) -> Result<(), DraftError> {
    if expires <= now {
        return Err(DraftError::ExpiresTooEarly { expires, now });
    }
    if expires > MAX_EXPIRY {
        return Err(DraftError::ExpiresTooLate(expires));
    }
    Ok(())
}

fn check_content(attributes: &[Attribute], payload: &[u8]) -> Result<(), DraftError> {
    check_attributes(attributes)?;
    let bytes = counted_bytes(attributes, payload);
    if bytes > MAX_INLINE_BYTES {
        return Err(DraftError::TooLarge { bytes });
    }
    Ok(())
}

/// What counts against [`MAX_INLINE_BYTES`]: payload, names, texts, and 8 bytes per number or date.
pub(crate) fn counted_bytes(attributes: &[Attribute], payload: &[u8]) -> usize {
    let of = |attribute: &Attribute| attribute.name.len() + attribute.value.counted_bytes();
    payload.len() + attributes.iter().map(of).sum::<usize>()
}

/// Checks number and names of attributes; sender and receiver decide alike.
pub(crate) fn check_attributes(attributes: &[Attribute]) -> Result<(), AttributeError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(AttributeError::TooMany(attributes.len()));
    }
    for Attribute { name, .. } in attributes {
        let short = (1..=MAX_ATTRIBUTE_NAME_BYTES).contains(&name.len());
        if !short || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(AttributeError::BadName(name.clone()));
        }
        // The shortest reserved name saves comparing the usual short ones.
        if name.len() >= 12
            && RESERVED_ATTRIBUTE_NAMES
                .iter()
                .any(|r| r.eq_ignore_ascii_case(name))
        {
            return Err(AttributeError::ReservedName(name.clone()));
        }
    }
    Ok(())
}

/// What a payload looks like in a log: contents of records must not get there by accident.
struct Bytes(usize);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String(_) => "String(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Date(_) => "Date(..)",
        })
    }
}

impl fmt::Debug for RecordDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordDraft")
            .field("kind", &self.kind)
            .field("expires", &self.expires)
            .field("attributes", &self.attributes)
            .field("payload", &Bytes(self.payload.len()))
            .finish()
    }
}

impl fmt::Debug for RecordUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordUpdate")
            .field("expires", &self.expires)
            .field("attributes", &self.attributes)
            .field(
                "payload",
                &self.payload.as_ref().map(|payload| Bytes(payload.len())),
            )
            .finish()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("group", &self.group)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("creator", &self.creator)
            .field("modifier", &self.modifier)
            .field("created", &self.created)
            .field("modified", &self.modified)
            .field("expires", &self.expires)
            .field("deleted", &self.deleted)
            .field("attributes", &self.attributes)
            .field("payload", &Bytes(self.payload.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
