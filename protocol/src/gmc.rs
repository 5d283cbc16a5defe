//! Group membership certificates: issuing them, carrying them as chains, and checking chains.
//!
//! A chain is the group root followed by up to 24 GMCs, each signed by the subject of the one before.
//! [`verify`] is the only way to a [`VerifiedGmc`]; whoever asks for one need not check again.
//!
//! ```
//! use peerage_protocol::{
//!     gmc::{self, IssueOptions},
//!     group::{GroupKey, Role},
//!     identity::Identity,
//! };
//! use peerage_records::time::Timestamp;
//! # use rand::SeedableRng;
//! # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! # let now = Timestamp::from_secs(1_800_000_000);
//! let alice = Identity::generate("alice", Some("Alice"), now, &mut rng)?;
//! let bob = Identity::generate("bob", None, now, &mut rng)?;
//!
//! let group = GroupKey::create("chess", Some("Chess club"), now, &mut rng)?;
//! let chain = group.issue_first(&alice.card(), now, &mut rng)?;
//! let alice_gmc = gmc::verify(&chain, &group.root().id(), now)?;
//!
//! let options = IssueOptions::new(Role::Member);
//! let chain = gmc::issue(&alice, &alice_gmc, &bob.card(), None, &options, now, &mut rng)?;
//! let bob_gmc = gmc::verify(&chain, &group.root().id(), now)?;
//! assert_eq!(bob_gmc.subject(), bob.key());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chain;
mod error;
mod holders;
mod issue;
mod verify;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use chain::{Chain, ChainHash, MAX_CHAIN_BYTES, MAX_CHAIN_GMCS};
pub use error::GmcError;
pub use holders::Holder;
pub(crate) use issue::issue_from_root;
pub use issue::{IssueOptions, issue, reissue};
pub(crate) use verify::verify_without_time;
pub use verify::{Link, VerifiedGmc, verify, verify_for_any_time};

pub use crate::certificate::{CertificateError, ExtensionName};

/// At most this many bytes per certificate: two names of full length and the rest leave half of it empty.
pub const MAX_CERTIFICATE_BYTES: usize = 4 * 1024;

/// How far the start of a certificate is put back, so that it is good at once where clocks are slow.
pub const CLOCK_SKEW_ALLOWANCE: Duration = Duration::from_secs(60 * 60);
