//! A chain as it travels: bounded, canonical, not believed.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use super::GmcError;
use crate::signing;

/// At most 24 GMCs after the root, as in the original: 25 certificates.
pub const MAX_CHAIN_GMCS: usize = 24;

/// At most this many bytes per encoded chain, so that reading one costs at most this and 25 signatures.
/// 24 GMCs with names of usual length fit; 24 with names of full length do not.
pub const MAX_CHAIN_BYTES: usize = 16 * 1024;

/// The version this build writes and reads.
const VERSION: u8 = 1;

/// SHA-256 of the encoded chain: how records and caches refer to one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainHash(#[serde(with = "serde_bytes")] [u8; 32]);

impl ChainHash {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// The group root certificate and the GMCs under it, root first. Within bounds, but unverified. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Chain(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    certificates: Vec<ByteBuf>,
    encoded: Vec<u8>,
    hash: ChainHash,
}

impl Chain {
    /// Takes certificates in DER, root first.
    ///
    /// # Errors
    /// When there is no GMC, there are more than [`MAX_CHAIN_GMCS`], or the encoding would exceed
    /// [`MAX_CHAIN_BYTES`].
    pub fn new(certificates: Vec<Vec<u8>>) -> Result<Self, GmcError> {
        let certificates: Vec<_> = certificates.into_iter().map(ByteBuf::from).collect();
        check_count(certificates.len())?;
        let bytes: usize = certificates.iter().map(|der| der.len()).sum();
        if bytes > MAX_CHAIN_BYTES {
            return Err(GmcError::ChainTooBig { bytes });
        }
        let encoded = signing::to_cbor(&(VERSION, &certificates));
        Self::assemble(certificates, encoded)
    }

    /// Decodes a chain: canonical CBOR of `[1, [certificate, …]]`.
    ///
    /// # Errors
    /// When it is out of bounds, not canonical, or of an unknown version.
    pub fn decode(bytes: &[u8]) -> Result<Self, GmcError> {
        if bytes.len() > MAX_CHAIN_BYTES {
            return Err(GmcError::ChainTooBig { bytes: bytes.len() });
        }
        let (version, certificates): (u8, Vec<ByteBuf>) =
            signing::from_cbor(bytes).ok_or(GmcError::MalformedChain)?;
        if version != VERSION {
            return Err(GmcError::UnsupportedVersion { version });
        }
        check_count(certificates.len())?;
        Self::assemble(certificates, bytes.to_vec())
    }

    fn assemble(certificates: Vec<ByteBuf>, encoded: Vec<u8>) -> Result<Self, GmcError> {
        if encoded.len() > MAX_CHAIN_BYTES {
            return Err(GmcError::ChainTooBig {
                bytes: encoded.len(),
            });
        }
        let hash = ChainHash(Sha256::digest(&encoded).into());
        Ok(Self(Arc::new(Inner {
            certificates,
            encoded,
            hash,
        })))
    }

    /// The encoded chain.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.0.encoded
    }

    /// The hash of the encoded chain.
    #[must_use]
    pub fn hash(&self) -> ChainHash {
        self.0.hash
    }

    /// The certificates in DER, root first.
    pub fn certificates(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.certificates.iter().map(|der| der.as_slice())
    }

    /// How many GMCs there are: 1 for the creator.
    #[must_use]
    pub fn gmcs(&self) -> usize {
        self.0.certificates.len() - 1
    }
}

fn check_count(certificates: usize) -> Result<(), GmcError> {
    match certificates {
        0 | 1 => Err(GmcError::NoMembership),
        count if count > MAX_CHAIN_GMCS + 1 => Err(GmcError::ChainTooLong { gmcs: count - 1 }),
        _ => Ok(()),
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("hash", &self.hash())
            .field("gmcs", &self.gmcs())
            .finish()
    }
}
