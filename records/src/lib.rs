//! What a Peerage group remembers, and why it is believed.

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
