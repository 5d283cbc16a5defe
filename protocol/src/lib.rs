//! What Peerage peers say to one another.

pub mod binding;
mod certificate;
pub mod cloud;
pub mod gmc;
pub mod group;
pub mod identity;
pub mod invitation;
pub mod name;
pub mod secret;
mod signing;
mod text;
