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

#[cfg(test)]
mod tests {
    use serde_bytes::ByteBuf;

    use super::{link::LinkFrame, *};
    use crate::{
        binding::NodeBinding, discovery::EntrySet, presence::NodePresence, properties::Properties,
        revocation::Revocation,
    };

    /// Heads of a byte string, a text, an array and a map that claim nearly 2^63 elements.
    fn giants() -> impl Iterator<Item = Vec<u8>> {
        [0x5b, 0x7b, 0x9b, 0xbb].into_iter().map(|head| {
            let mut bytes = vec![head, 0x7f];
            bytes.extend([0xff; 7]);
            bytes
        })
    }

    #[test]
    fn what_announces_more_than_there_is_is_refused() {
        // At the beginning, as the content of a variant, and as a field or an element.
        let before: [&[u8]; 6] = [
            &[],
            &[0x82, 0x00],
            &[0x82, 0x01],
            &[0xa1, 0x00],
            &[0x84, 0x01, 0x01],
            &[0x82, 0x02, 0xa2, 0x00, 0x01, 0x01],
        ];
        for (start, giant) in before
            .iter()
            .flat_map(|start| giants().map(move |giant| (start, giant)))
        {
            let bytes = [*start, giant.as_slice()].concat();
            let taken = [
                admission::Knock::decode(&bytes).is_ok(),
                admission::Hello::decode(&bytes).is_ok(),
                admission::Reply::decode(&bytes).is_ok(),
                admission::Confirm::decode(&bytes).is_ok(),
                admission::Credentials::decode(&bytes).is_ok(),
                admission::Answer::decode(&bytes).is_ok(),
                LinkFrame::decode(&bytes).is_ok(),
                door::Ring::decode(&bytes).is_ok(),
                door::Greeting::decode(&bytes).is_ok(),
                door::Visit::decode(&bytes).is_ok(),
                door::Visitor::decode(&bytes).is_ok(),
                door::Answer::decode(&bytes).is_ok(),
                door::Sealed::decode(&bytes).is_ok(),
                direct::DirectHello::decode(&bytes).is_ok(),
                direct::DirectReply::decode(&bytes).is_ok(),
                direct::DirectRequest::decode(&bytes).is_ok(),
                direct::DirectAnswer::decode(&bytes).is_ok(),
                EntrySet::decode(&bytes).is_ok(),
                NodeBinding::decode(&bytes).is_ok(),
                NodePresence::decode(&bytes).is_ok(),
                Properties::decode(&bytes).is_ok(),
                Revocation::decode(&bytes).is_ok(),
            ];
            assert!(!taken.contains(&true), "{bytes:02x?}: {taken:?}");
        }
    }

    /// In place of an empty list, or of no bytes, at the end of a message that is otherwise good.
    #[test]
    fn a_good_message_whose_last_list_has_no_end_is_refused() {
        let (request, none) = (1, Vec::new());
        let frames = [
            LinkFrame::Want {
                request,
                hashes: none.clone(),
            },
            LinkFrame::Fetch {
                request,
                ids: none.clone(),
            },
            LinkFrame::Offer {
                request,
                envelopes: none,
            },
            LinkFrame::Farewell {
                referrals: Vec::new(),
            },
        ];
        let without_end = |mut bytes: Vec<u8>, head: u8| {
            let last = bytes.pop().unwrap();
            assert_eq!(last & 0x1f, 0, "it was empty");
            bytes.extend(giants().find(|giant| giant[0] == head).unwrap());
            bytes
        };
        for frame in frames {
            assert_eq!(LinkFrame::decode(&frame.encode()), Ok(frame.clone()));
            let bytes = without_end(frame.encode(), 0x9b);
            assert_eq!(LinkFrame::decode(&bytes), Err(WireError::Malformed));
        }
        let busy = admission::Answer::Busy(Vec::new()).encode();
        let refused = admission::Answer::decode(&without_end(busy, 0x9b));
        assert_eq!(refused, Err(WireError::Malformed));
        let sealed = ByteBuf::new();
        let confirm = admission::Confirm { sealed }.encode();
        let refused = admission::Confirm::decode(&without_end(confirm, 0x5b));
        assert_eq!(refused, Err(WireError::Malformed));
    }
}
