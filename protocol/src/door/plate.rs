//! The group's door as its members keep it: the payload of the one record of type *door*.
//!
//! Signed by the group's key, so that only who holds it opens and closes. Every member has it, because
//! every member that may issue memberships can be the porter.

use std::fmt;

use peerage_records::{
    codec::SignedRecord,
    id::RecordType,
    judge::Refusal,
    record::{DraftError, MAX_EXPIRY, Record},
    time::Timestamp,
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::{
    DoorSecret,
    password::{FILE_BYTES, PasswordFile, SETUP_BYTES},
};
use crate::{
    group::{GroupKey, Role},
    secret::SECRET_BYTES,
    signing,
};

/// At most this many bytes: secret, password file and framing.
pub const MAX_DOOR_BYTES: usize = SECRET_BYTES + SETUP_BYTES + FILE_BYTES + 64;

const VERSION: u8 = 1;

/// `[1, secret, requests, nothing or [role, setup, file]]`.
#[derive(Serialize, Deserialize)]
struct Body(
    u8,
    ByteArray<SECRET_BYTES>,
    bool,
    Option<(ByteArray<16>, ByteBuf, ByteBuf)>,
);

/// Who may come without an invitation, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Door {
    /// What a group address gives to who may knock.
    pub secret: DoorSecret,
    /// Whether requests to join are taken.
    pub requests: bool,
    /// Whether the password admits, and as what.
    pub password: Option<PasswordDoor>,
}

/// A password that admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordDoor {
    /// What who knows it becomes.
    pub role: Role,
    /// What is needed to check it.
    pub file: PasswordFile,
}

/// What a door lets in; part of a group address, so that a visitor knows what to try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorKinds {
    /// Who knows the password.
    pub password: bool,
    /// Who asks and is accepted.
    pub requests: bool,
}

impl DoorKinds {
    /// Whether nobody is let in.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        !self.password && !self.requests
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("kinds", &self.kinds())
            .finish_non_exhaustive()
    }
}

impl Door {
    /// A door that nobody has an address of, closed.
    #[must_use]
    pub fn closed(rng: &mut impl CryptoRng) -> Self {
        Self {
            secret: DoorSecret::generate(rng),
            requests: false,
            password: None,
        }
    }

    /// Whom it lets in.
    #[must_use]
    pub const fn kinds(&self) -> DoorKinds {
        DoorKinds {
            password: self.password.is_some(),
            requests: self.requests,
        }
    }

    /// The bytes of the record's payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let password = self.password.as_ref().map(|door| {
            let (setup, file) = door.file.parts();
            (
                ByteArray::new(door.role.id()),
                ByteBuf::from(setup.to_vec()),
                ByteBuf::from(file.to_vec()),
            )
        });
        signing::to_cbor(&Body(
            VERSION,
            ByteArray::new(*self.secret.expose()),
            self.requests,
            password,
        ))
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When it is not what [`Door::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedDoor> {
        if bytes.len() > MAX_DOOR_BYTES {
            return Err(MalformedDoor);
        }
        let Body(version, secret, requests, password) =
            signing::from_cbor(bytes).ok_or(MalformedDoor)?;
        if version != VERSION {
            return Err(MalformedDoor);
        }
        let password = password
            .map(|(role, setup, file)| {
                Some(PasswordDoor {
                    role: Role::from_id(role.as_slice())?,
                    file: PasswordFile::from_parts(&setup, &file)?,
                })
            })
            .map(|door| door.ok_or(MalformedDoor))
            .transpose()?;
        Ok(Self {
            secret: DoorSecret::from_bytes(secret.into_array()),
            requests,
            password,
        })
    }

    /// The record that puts this door in the place of the `held` one, to be signed with the group's key.
    ///
    /// # Errors
    /// When a record cannot be made, see [`DraftError`].
    pub fn record(
        &self,
        held: Option<&SignedRecord>,
        key: &GroupKey,
        now: Timestamp,
    ) -> Result<Record, DraftError> {
        let expires = key.root().not_after().min(MAX_EXPIRY);
        match held {
            Some(held) => held.record().update_reserved(expires, self.encode(), now),
            None => Record::create_reserved(
                RecordType::DOOR,
                key.root().id(),
                key.root().key(),
                expires,
                self.encode(),
                now,
            ),
        }
    }
}

/// What every member demands of a door record besides that it is the group's own.
pub(crate) fn check(record: &Record) -> Result<(), Refusal> {
    Door::decode(&record.payload)
        .map(drop)
        .map_err(|error| Refusal::Malformed(error.to_string()))
}

/// The payload of a door record is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed door")]
pub struct MalformedDoor;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::door::password::Password;

    #[test]
    fn a_door_survives_its_encoding() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut door = Door::closed(&mut rng);
        assert!(door.kinds().is_closed());
        assert_eq!(Door::decode(&door.encode()).unwrap(), door);
        door.requests = true;
        let password = Password::new("correct horse battery".into());
        door.password = Some(PasswordDoor {
            role: Role::InvitingMember,
            file: PasswordFile::register(&password, &mut rng).unwrap(),
        });
        assert_eq!(Door::decode(&door.encode()).unwrap(), door);
        assert!(door.encode().len() <= MAX_DOOR_BYTES);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = Door::decode(&bytes);
        }
    }
}
