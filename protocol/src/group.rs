//! Groups: their roles, their root certificate and their key.

mod key;
mod recovery;
mod role;
mod root;

pub use key::GroupKey;
#[doc(hidden)]
pub use recovery::read_block_for_fuzzing;
pub use recovery::{GroupRecovery, MAX_RECOVERY_BYTES, RecoveryError};
pub use role::{Role, Roles};
pub use root::GroupRoot;
