//! The records of one replica as a file, read and written in pieces without doing so.
//!
//! ```text
//! file    = "peerage database" ‖ version: 1 byte (1) ‖ header ‖ record… ‖ end
//! header  = length: 4 bytes ‖ canonical CBOR [ group: bytes(32), identity: bytes(32), exported: ms ]
//! record  = length: 4 bytes, not 0 ‖ envelope
//! end     = 0: 4 bytes ‖ records: 8 bytes ‖ signature: 64 bytes
//! ```
//! Numbers are big-endian. The identity the replica belongs to signs the SHA-256 of everything before the
//! signature: damage anywhere is noticed at the end, and nobody but the identity can make a file that it
//! takes for its own. Each record carries its own signature besides, and what it says is believed only
//! after [`Import`](crate::import::Import) has judged it.

use peerage_records::{
    codec::MAX_ENVELOPE_BYTES,
    id::{GroupId, IdentityKey},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{identity::Identity, signing};

/// At most this many bytes of header: two keys and a time.
const MAX_HEADER_BYTES: usize = 128;

const MAGIC: &[u8] = b"peerage database";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"peerage database v1\0";
const PREAMBLE_BYTES: usize = MAGIC.len() + 1;
const LENGTH_BYTES: usize = 4;
const COUNT_BYTES: usize = 8;

/// Whose records of which group a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseHeader {
    /// The group.
    pub group: GroupId,
    /// The identity whose replica it is; it signs the file.
    pub identity: IdentityKey,
    /// When it was exported.
    pub exported: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Header(GroupId, IdentityKey, Timestamp);

/// Why a file is not the records of a replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It is something else.
    #[error("not an exported group database")]
    NotADatabase,
    /// A newer build wrote it.
    #[error("the database has version {version}, which this build does not know")]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// It has been damaged, altered or cut off.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
}

/// Writes a file: every function appends to `out` what is to be written next.
#[derive(Debug)]
pub struct DatabaseWriter {
    digest: Sha256,
    records: u64,
}

impl DatabaseWriter {
    /// Begins a file.
    #[must_use]
    pub fn begin(header: &DatabaseHeader, out: &mut Vec<u8>) -> Self {
        let from = out.len();
        let body = signing::to_cbor(&Header(header.group, header.identity, header.exported));
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&length(&body));
        out.extend_from_slice(&body);
        let mut digest = Sha256::new();
        digest.update(&out[from..]);
        Self { digest, records: 0 }
    }

    /// Adds an envelope of 1 to [`MAX_ENVELOPE_BYTES`] bytes; others are left out.
    pub fn record(&mut self, envelope: &[u8], out: &mut Vec<u8>) {
        if envelope.is_empty() || envelope.len() > MAX_ENVELOPE_BYTES {
            return;
        }
        let from = out.len();
        out.extend_from_slice(&length(envelope));
        out.extend_from_slice(envelope);
        self.digest.update(&out[from..]);
        self.records += 1;
    }

    /// Ends the file, signed; tells how many records are in it.
    pub fn finish(mut self, identity: &Identity, out: &mut Vec<u8>) -> u64 {
        let from = out.len();
        out.extend_from_slice(&length(&[]));
        out.extend_from_slice(&self.records.to_be_bytes());
        self.digest.update(&out[from..]);
        let digest = self.digest.finalize();
        out.extend_from_slice(&identity.sign(&signing::domain_separated(DOMAIN, &digest)));
        self.records
    }
}

/// Reads a file: is given exactly as many bytes as it [wants](Self::wants), piece by piece.
#[derive(Debug)]
pub struct DatabaseReader {
    state: State,
    digest: Sha256,
    records: u64,
    signer: Option<IdentityKey>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Preamble,
    HeaderLength,
    Header(usize),
    Length,
    Record(usize),
    Count,
    Signature,
    End,
}

/// What a piece of a file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabasePiece {
    /// Framing.
    Framing,
    /// The header. It is not believed before the end of the file.
    Header(DatabaseHeader),
    /// An envelope.
    Record,
    /// The end: all of the file is what the identity in its header has signed.
    End,
}

impl Default for DatabaseReader {
    fn default() -> Self {
        Self {
            state: State::Preamble,
            digest: Sha256::new(),
            records: 0,
            signer: None,
        }
    }
}

impl DatabaseReader {
    /// How many bytes come next, at most [`MAX_ENVELOPE_BYTES`]; 0 when the file must end.
    #[must_use]
    pub fn wants(&self) -> usize {
        match self.state {
            State::Preamble => PREAMBLE_BYTES,
            State::HeaderLength | State::Length => LENGTH_BYTES,
            State::Header(bytes) | State::Record(bytes) => bytes,
            State::Count => COUNT_BYTES,
            State::Signature => signing::SIGNATURE_BYTES,
            State::End => 0,
        }
    }

    /// How many records have been read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Takes the next piece, of exactly as many bytes as are wanted.
    ///
    /// # Errors
    /// When it is not what must come here. The reader is of no use afterwards.
    pub fn take(&mut self, piece: &[u8]) -> Result<DatabasePiece, DatabaseError> {
        let damaged = DatabaseError::Damaged;
        if piece.len() != self.wants() {
            return Err(damaged("it ends too early"));
        }
        if let State::Signature = self.state {
            return self.end(piece);
        }
        self.digest.update(piece);
        let (next, taken) = match self.state {
            State::Preamble => {
                let version = piece
                    .strip_prefix(MAGIC)
                    .and_then(<[u8]>::first)
                    .ok_or(DatabaseError::NotADatabase)?;
                if *version != VERSION {
                    return Err(DatabaseError::UnsupportedVersion { version: *version });
                }
                (State::HeaderLength, DatabasePiece::Framing)
            }
            State::HeaderLength => match number(piece) {
                bytes @ 1..=MAX_HEADER_BYTES => (State::Header(bytes), DatabasePiece::Framing),
                _ => return Err(damaged("its header has no possible length")),
            },
            State::Header(_) => {
                let Header(group, identity, exported) =
                    signing::from_cbor(piece).ok_or(damaged("its header does not read"))?;
                self.signer = Some(identity);
                let header = DatabaseHeader {
                    group,
                    identity,
                    exported,
                };
                (State::Length, DatabasePiece::Header(header))
            }
            State::Length => match number(piece) {
                0 => (State::Count, DatabasePiece::Framing),
                bytes @ 1..=MAX_ENVELOPE_BYTES => (State::Record(bytes), DatabasePiece::Framing),
                _ => return Err(damaged("a record has no possible length")),
            },
            State::Record(_) => {
                self.records += 1;
                (State::Length, DatabasePiece::Record)
            }
            State::Count if piece == self.records.to_be_bytes() => {
                (State::Signature, DatabasePiece::Framing)
            }
            State::Count => return Err(damaged("records are missing")),
            State::Signature | State::End => return Err(damaged("it does not end")),
        };
        self.state = next;
        Ok(taken)
    }

    fn end(&mut self, signature: &[u8]) -> Result<DatabasePiece, DatabaseError> {
        self.state = State::End;
        let digest = std::mem::take(&mut self.digest).finalize();
        let signed = signing::domain_separated(DOMAIN, &digest);
        let good = self
            .signer
            .and_then(|signer| signing::verifying_key(&signer))
            .is_some_and(|key| signing::verify(&key, &signed, signature));
        match good {
            true => Ok(DatabasePiece::End),
            false => Err(DatabaseError::Damaged(
                "it is not as its identity has signed it",
            )),
        }
    }
}

fn length(bytes: &[u8]) -> [u8; LENGTH_BYTES] {
    u32::try_from(bytes.len())
        .expect("headers and envelopes are far smaller")
        .to_be_bytes()
}

/// A length; one that is none at all is larger than any.
fn number(piece: &[u8]) -> usize {
    <[u8; LENGTH_BYTES]>::try_from(piece)
        .ok()
        .and_then(|bytes| usize::try_from(u32::from_be_bytes(bytes)).ok())
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn identity(seed: u64) -> Identity {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Identity::generate("", None, NOW, &mut rng).unwrap()
    }

    fn header(of: &Identity) -> DatabaseHeader {
        DatabaseHeader {
            group: GroupId::of_name("0.chess"),
            identity: of.key(),
            exported: NOW,
        }
    }

    fn file(header: &DatabaseHeader, signer: &Identity, envelopes: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = DatabaseWriter::begin(header, &mut out);
        for envelope in envelopes {
            writer.record(envelope, &mut out);
        }
        writer.finish(signer, &mut out);
        out
    }

    /// The header and the envelopes of a whole file.
    fn read(mut bytes: &[u8]) -> Result<(DatabaseHeader, Vec<Vec<u8>>), DatabaseError> {
        let mut reader = DatabaseReader::default();
        let (mut header, mut envelopes) = (None, Vec::new());
        loop {
            let wants = reader.wants().min(bytes.len());
            let (piece, rest) = bytes.split_at(wants);
            bytes = rest;
            match reader.take(piece)? {
                DatabasePiece::Framing => {}
                DatabasePiece::Header(found) => header = Some(found),
                DatabasePiece::Record => envelopes.push(piece.to_vec()),
                DatabasePiece::End => break,
            }
        }
        assert_eq!(reader.records(), envelopes.len() as u64);
        match bytes {
            [] => Ok((header.unwrap(), envelopes)),
            _ => Err(DatabaseError::Damaged("more follows")),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let ada = identity(1);
        let long = vec![9; MAX_ENVELOPE_BYTES];
        for envelopes in [&[][..], &[b"e4".as_slice(), b"e5", &long]] {
            let bytes = file(&header(&ada), &ada, envelopes);
            let (found, records) = read(&bytes).unwrap();
            assert_eq!(found, header(&ada));
            assert_eq!(records, envelopes);
        }
    }

    #[test]
    fn a_file_is_good_as_a_whole_or_not_at_all() {
        let (ada, ben) = (identity(1), identity(2));
        let bytes = file(&header(&ada), &ada, &[b"e4", b"e5"]);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(read(&altered).is_err(), "altered at {at}");
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(read(&[bytes, vec![0]].concat()).is_err());
        // Only the identity makes a file in its name.
        assert!(read(&file(&header(&ada), &ben, &[b"e4"])).is_err());
    }

    #[test]
    fn newer_versions_and_other_files_are_told_apart() {
        let ada = identity(1);
        let mut bytes = file(&header(&ada), &ada, &[]);
        bytes[MAGIC.len()] = 2;
        let newer = DatabaseError::UnsupportedVersion { version: 2 };
        assert_eq!(read(&bytes).unwrap_err(), newer);
        let other = read(b"-----BEGIN CERTIFICATE-----\n").unwrap_err();
        assert_eq!(other, DatabaseError::NotADatabase);
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded_and_panic_nowhere(bytes in proptest::collection::vec(any::<u8>(), 0..400), framed: bool) {
            let mut whole = Vec::new();
            if framed {
                let _ = DatabaseWriter::begin(&header(&identity(1)), &mut whole);
            }
            whole.extend_from_slice(&bytes);
            let mut reader = DatabaseReader::default();
            let mut rest = &whole[..];
            while reader.wants() > 0 {
                prop_assert!(reader.wants() <= MAX_ENVELOPE_BYTES);
                let (piece, more) = rest.split_at(reader.wants().min(rest.len()));
                rest = more;
                if reader.take(piece).is_err() {
                    break;
                }
            }
        }
    }
}
