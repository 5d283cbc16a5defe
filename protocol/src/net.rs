//! The network half: libp2p behaviours that carry what the pure half decides.

#[expect(
    missing_docs,
    reason = "the derived event enum repeats the fields, which are documented"
)]
pub mod behaviour;
pub mod direct;
mod direct_stream;
pub mod group_net;
pub mod kad;
pub mod knock;
mod reach;
pub mod translate;
pub mod transport;

pub use direct_stream::{Cut, DirectReader, DirectStream, DirectWriter};
