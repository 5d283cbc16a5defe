//! What a Peerage group remembers, and why it is believed.
//!
//! An application fills in a [`RecordDraft`](record::RecordDraft); it becomes a
//! [`Record`](record::Record), is signed once as a [`SignedRecord`](codec::SignedRecord), and its bytes are
//! never made again. What comes from anywhere is decoded to a `SignedRecord` too, and only
//! [`validate`](validate::validate) makes a [`ValidRecord`](validate::ValidRecord) of it, which is all that a
//! [`Store`](store::Store) takes. Of two versions [`order`] names the winner, the same on every member;
//! a [`Summary`](summary::Summary) says which versions are held, so that members find what they lack.
//!
//! This crate knows no async runtime, no network and no certificates, and never reads a clock.
//!
//! ```
//! use ed25519_dalek::{Signer, SigningKey};
//! use peerage_records::{
//!     codec::SignedRecord,
//!     id::{GroupId, IdentityKey, RecordType, ReplicaId},
//!     record::{Record, RecordDraft},
//!     store::{Origin, Put, PutOutcome, Store, memory::MemoryStore},
//!     time::Timestamp,
//!     validate::validate,
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::from_bytes(&[7; 32]);
//! let creator = IdentityKey::from_bytes(key.verifying_key().to_bytes());
//! let group = GroupId::of_name("0.chess");
//! let now = Timestamp::from_secs(1_800_000_000);
//!
//! // Publish: draft, record, signature.
//! let draft = RecordDraft {
//!     kind: RecordType::from_name("move"),
//!     expires: now + std::time::Duration::from_secs(3600),
//!     attributes: vec![],
//!     payload: b"e4".to_vec(),
//! };
//! let record = Record::create(draft, group, creator, [0; 8], now)?;
//! let sent = SignedRecord::sign(record, |message| key.sign(message).to_bytes());
//!
//! // Receive: decode, validate, store. Here everybody may do everything.
//! let everyone = |_: &SignedRecord, _: Timestamp| Ok(());
//! let record = validate(SignedRecord::decode(sent.bytes())?, &group, &everyone, now)?;
//! let (mut store, replica) = (MemoryStore::new(), ReplicaId::of(&creator, &group));
//! store.open_replica(replica)?;
//! let put = Put { replica, record, origin: Origin::Remote };
//! assert!(matches!(store.put(vec![put], now)?[..], [PutOutcome::Stored(_)]));
//! # Ok(()) }
//! ```

pub mod codec;
pub mod id;
pub mod judge;
pub mod order;
pub mod record;
pub mod store;
pub mod summary;
pub mod time;
pub mod validate;

#[cfg(test)]
mod testing;
