//! The scenarios: each runs Peerage and its rivals in turns and says how they relate.

pub(crate) mod flood;
pub(crate) mod store;
