//! What two neighbours say on the ordered channel of their link.
//!
//! Source: `docs/protocols/reconcile.md`.

use std::sync::Arc;

use peerage_records::{
    codec::MAX_ENVELOPE_BYTES,
    id::{EnvelopeHash, RecordId},
    store::Partition,
};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::{
    WireError,
    admission::{Referral, check_referrals},
    at_most, decode, encode,
};

/// Longest frame on a link's channel. Records are packed up to this size.
pub const MAX_LINK_FRAME_BYTES: usize = 320 * 1024;
/// Records are packed into one frame until their sum passes this.
pub const RECORDS_FRAME_BYTES: usize = 128 * 1024;
/// Records in one frame, however small they are: bounds one step of verification to a few ms.
pub const MAX_RECORDS_PER_FRAME: usize = 128;
/// Longest reconciliation message inside a frame.
pub const RECONCILE_MESSAGE_BYTES: u64 = 60_000;
/// Hashes asked for at once.
pub const MAX_WANTED: usize = 512;
/// Records asked for by id at once.
pub const MAX_FETCHED: usize = 64;

/// A frame on a link's channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkFrame {
    /// Initiator of a session: "this is what my set looks like".
    Compare {
        /// Chosen by the initiator.
        session: u32,
        /// Which half of the database.
        partition: WirePartition,
        /// A negentropy message.
        message: ByteBuf,
    },
    /// The responder's turn.
    Compared {
        /// Of the initiator's choosing.
        session: u32,
        /// A negentropy message.
        message: ByteBuf,
        /// Whether the responder's replica has ever been brought up to date. Only such a one can do so
        /// for another.
        complete: bool,
    },
    /// "Send me the records with these envelope hashes."
    Want {
        /// Chosen by the asker.
        request: u32,
        /// At most [`MAX_WANTED`].
        hashes: Vec<ByteBuf>,
    },
    /// "Send me the records with these ids, whatever version you hold" (membership records).
    Fetch {
        /// Chosen by the asker.
        request: u32,
        /// At most [`MAX_FETCHED`].
        ids: Vec<ByteBuf>,
    },
    /// An answer to `Want` or `Fetch`, in as many frames as it takes.
    Records {
        /// The asker's number.
        request: u32,
        /// Envelopes exactly as they were signed.
        envelopes: Vec<ByteBuf>,
        /// Nothing follows for this request.
        last: bool,
    },
    /// "You lack these", answered with `Taken` once they are stored.
    Offer {
        /// Chosen by the sender.
        request: u32,
        /// Envelopes exactly as they were signed.
        envelopes: Vec<ByteBuf>,
    },
    /// The records of one `Offer` are stored; the next may come.
    Taken {
        /// The offerer's number.
        request: u32,
    },
    /// "I make room for a newcomer; these members may take you."
    Farewell {
        /// Where to go instead.
        referrals: Vec<Referral>,
    },
}

/// [`Partition`] as it is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WirePartition {
    /// Membership and the other reserved types.
    Membership,
    /// The applications' records.
    Application,
}

impl From<WirePartition> for Partition {
    fn from(partition: WirePartition) -> Self {
        match partition {
            WirePartition::Membership => Self::Membership,
            WirePartition::Application => Self::Application,
        }
    }
}

impl From<Partition> for WirePartition {
    fn from(partition: Partition) -> Self {
        match partition {
            Partition::Membership => Self::Membership,
            Partition::Application => Self::Application,
        }
    }
}

impl LinkFrame {
    /// The bytes that are sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what a neighbour sent.
    ///
    /// # Errors
    /// When it is too long, malformed, or a list in it is over its limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let frame: Self = decode(bytes, MAX_LINK_FRAME_BYTES)?;
        frame.check()?;
        Ok(frame)
    }

    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Compare { message, .. } | Self::Compared { message, .. } => at_most(
                "reconciliation bytes",
                message.len(),
                2 * RECONCILE_MESSAGE_BYTES as usize,
            ),
            Self::Want { hashes, .. } => at_most("wanted hashes", hashes.len(), MAX_WANTED),
            Self::Fetch { ids, .. } => at_most("fetched ids", ids.len(), MAX_FETCHED),
            Self::Records { envelopes, .. } | Self::Offer { envelopes, .. } => {
                at_most("records", envelopes.len(), MAX_RECORDS_PER_FRAME)?;
                envelopes
                    .iter()
                    .try_for_each(|e| at_most("envelope bytes", e.len(), MAX_ENVELOPE_BYTES))
            }
            Self::Taken { .. } => Ok(()),
            Self::Farewell { referrals } => check_referrals(referrals),
        }
    }
}

/// Envelope hashes from a frame; an entry of another length is a malformed frame.
pub(crate) fn hashes(list: &[ByteBuf]) -> Result<Vec<EnvelopeHash>, WireError> {
    list.iter()
        .map(|bytes| {
            <[u8; 32]>::try_from(bytes.as_slice())
                .map(EnvelopeHash::from_bytes)
                .map_err(|_| WireError::Malformed)
        })
        .collect()
}

/// Record ids from a frame; an entry of another length is a malformed frame.
pub(crate) fn ids(list: &[ByteBuf]) -> Result<Vec<RecordId>, WireError> {
    list.iter()
        .map(|bytes| {
            <[u8; 16]>::try_from(bytes.as_slice())
                .map(RecordId::from_bytes)
                .map_err(|_| WireError::Malformed)
        })
        .collect()
}

/// Splits envelopes into lists that each fit one frame.
#[must_use]
pub fn pack(envelopes: impl IntoIterator<Item = Arc<[u8]>>) -> Vec<Vec<ByteBuf>> {
    let mut frames: Vec<Vec<ByteBuf>> = Vec::new();
    let mut room = 0usize;
    for envelope in envelopes {
        let full = frames
            .last()
            .is_none_or(|frame| frame.len() >= MAX_RECORDS_PER_FRAME || room < envelope.len());
        if full {
            frames.push(Vec::new());
            room = RECORDS_FRAME_BYTES.max(envelope.len());
        }
        room -= envelope.len();
        if let Some(frame) = frames.last_mut() {
            frame.push(ByteBuf::from(Bytes::new(&envelope).to_vec()));
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = LinkFrame::decode(&bytes);
        }

        #[test]
        fn packing_keeps_every_envelope_in_order_and_every_frame_in_bounds(
            lengths in proptest::collection::vec(1usize..MAX_ENVELOPE_BYTES, 0..40),
        ) {
            let envelopes: Vec<Arc<[u8]>> =
                lengths.iter().enumerate().map(|(i, n)| vec![i as u8; *n].into()).collect();
            let frames = pack(envelopes.clone());
            let flat: Vec<Vec<u8>> = frames.iter().flatten().map(|b| b.to_vec()).collect();
            prop_assert_eq!(flat, envelopes.iter().map(|e| e.to_vec()).collect::<Vec<_>>());
            for frame in frames {
                let sent = LinkFrame::Offer { request: 1, envelopes: frame };
                prop_assert!(LinkFrame::decode(&sent.encode()).is_ok());
            }
        }
    }

    #[test]
    fn a_want_over_its_limit_is_refused() {
        let frame = LinkFrame::Want {
            request: 1,
            hashes: vec![ByteBuf::from(vec![0; 32]); MAX_WANTED + 1],
        };
        assert!(matches!(
            LinkFrame::decode(&frame.encode()),
            Err(WireError::TooMany { .. })
        ));
    }
}
