//! How the members of a group find one another in a cloud, and nobody else finds them.
//!
//! A member *publishes* where it is: an [`Announcement`], encrypted and signed with keys that derive from the
//! group's [`DiscoverySecret`](crate::secret::DiscoverySecret), at a place in the cloud's DHT that derives from
//! it too. Who does not hold the secret can neither compute the place, nor read what lies there, nor write to
//! it: the nodes that store it check each entry's signature, though they know nothing of the group.
//!
//! ```text
//!  DiscoverySecret ── derive ──► rendezvous key pair ──► key in the DHT = SHA-256(… ‖ cloud ‖ public half)
//!                            ├─► entry key              encrypts announcements
//!                            └─► publisher key          a member's pseudonym = HMAC(publisher key, PeerId)
//!
//!  Announcement ─ Rendezvous::seal ─► EntrySet ─ encode ─► DHT ─ decode ─► EntrySet ─ verify ─► VerifiedSet
//!  Sightings   ◄─ Rendezvous::open ──────────────────────────────────────────────── merge ────────┘
//! ```
//!
//! What is found is a hint of where to connect. Belief comes with admission: a former member still holds the
//! secret, so an announcement by itself proves no membership.
//!
//! The layout of the bytes is in `docs/formats/discovery-entry.md`, the conversation in
//! `docs/protocols/discovery.md`.

mod announcement;
mod entry;
mod lookup;
mod rendezvous;
pub(crate) mod schedule;
mod set;

pub use announcement::{
    Announcement, AnnouncementError, MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_BINDING_BYTES, Presence,
};
pub use entry::{
    Entry, EntryError, FUTURE_TOLERANCE, MAX_CIPHERTEXT_BYTES, MAX_LIFETIME, Pseudonym,
};
pub use lookup::{ENOUGH_QUIET_ANSWERS, Lookup, Progress};
pub use rendezvous::{Rendezvous, SealError, Sighting, Sightings, dht_key};
pub use schedule::{PublishSchedule, SearchSchedule, Stamp};
pub use set::{EntrySet, MAX_ENTRIES, MAX_SET_BYTES, Merged, SetError, VerifiedSet};
