//! Groups: their roles, their root certificate and their key.

mod key;
mod role;
mod root;

pub use key::GroupKey;
pub use role::{Role, Roles};
pub use root::GroupRoot;
