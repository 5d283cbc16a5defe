//! What Peerage peers say to one another.

pub mod cloud;
pub mod name;
pub mod secret;
