//! What Peerage peers say to one another.

pub mod admission;
pub mod audit;
pub mod binding;
mod certificate;
mod clocks;
pub mod cloud;
pub mod database;
pub mod deferred;
pub mod direct;
pub mod discovery;
pub mod door;
pub mod engine;
pub mod gmc;
pub mod group;
pub mod identity;
pub mod import;
pub mod invitation;
pub mod limits;
pub mod name;
pub mod neighbours;
#[cfg(feature = "net")]
pub mod net;
pub mod presence;
pub mod properties;
pub mod reconcile;
pub mod revocation;
pub mod roster;
pub mod secret;
mod signing;
#[cfg(feature = "sim")]
pub mod sim;
mod text;
pub mod wire;
