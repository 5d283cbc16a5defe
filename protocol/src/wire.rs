//! What goes over a wire between two peers: messages, their limits, their encodings.
//!
//! Every message is CBOR in serde's packed form. Signed things (records, certificates, bindings,
//! discovery entries) travel inside as opaque byte strings, exactly as they were signed; only the
//! wrapping described here is ours to encode.

pub mod admission;
pub mod direct;
pub mod door;
pub mod link;

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why bytes from a peer are not a message.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The message is longer than its kind may be.
    #[error("message of {length} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Bytes received.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes are not the CBOR of such a message.
    #[error("malformed message")]
    Malformed,
    /// A list in the message holds more items than it may.
    #[error("{what}: {count} items exceed the limit of {limit}")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// Items received.
        count: usize,
        /// Items allowed.
        limit: usize,
    },
}

pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_cbor::ser::to_vec_packed(message).expect("our own messages hold only encodable types")
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLong {
            length: bytes.len(),
            limit,
        });
    }
    serde_cbor::from_slice(bytes).map_err(|_| WireError::Malformed)
}

pub(crate) fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), WireError> {
    if count > limit {
        return Err(WireError::TooMany { what, count, limit });
    }
    Ok(())
}
