//! Group databases on their way to and from files; the format is `peerage_protocol::database`.

use std::{
    fs::File,
    io::{BufReader, Read, Write},
    path::Path,
};

use peerage_protocol::{
    database::{DatabaseError, DatabaseHeader, DatabasePiece, DatabaseReader, DatabaseWriter},
    identity::Identity,
};
use peerage_records::{codec::MAX_ENVELOPE_BYTES, id::ReplicaId, store::StoreError};

use crate::{Error, Result, handle::Transfer};

/// Bytes gathered before they are written.
const CHUNK_BYTES: usize = 256 * 1024;

/// At most this many bytes are taken in as one file. More than a replica of ten million notes.
pub(crate) const MAX_DATABASE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Why writing ended early.
enum Ended {
    Store(StoreError),
    Own(Error),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Writes every record that the replica holds at this moment; tells how many.
///
/// # Errors
/// What is written is of no use then.
pub(crate) fn write(
    transfer: &Transfer,
    replica: &ReplicaId,
    header: &DatabaseHeader,
    signer: &Identity,
    output: &mut impl Write,
) -> Result<u64> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + MAX_ENVELOPE_BYTES);
    let mut writer = DatabaseWriter::begin(header, &mut chunk);
    let failed = |error| Error::io("the exported database", error);
    let all = transfer.reader.envelopes(replica, |envelope| {
        writer.record(envelope, &mut chunk);
        if chunk.len() >= CHUNK_BYTES {
            transfer.go_on().map_err(Ended::Own)?;
            output
                .write_all(&chunk)
                .map_err(|error| Ended::Own(failed(error)))?;
            chunk.clear();
        }
        Ok(())
    });
    match all {
        Ok(()) => {}
        Err(Ended::Store(error)) => return Err(error.into()),
        Err(Ended::Own(error)) => return Err(error),
    }
    let records = writer.finish(signer, &mut chunk);
    output
        .write_all(&chunk)
        .and_then(|()| output.flush())
        .map_err(failed)?;
    Ok(records)
}

/// Reads a whole file and hands out each envelope; gives back the header and how many there were. What was
/// handed out is not to be used unless this succeeds.
///
/// # Errors
/// [`Error::InvalidDatabase`] for anything but a whole, unaltered file; and what `take` fails with.
pub(crate) fn read(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<(DatabaseHeader, u64)> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut input = BufReader::with_capacity(CHUNK_BYTES, file);
    let mut reader = DatabaseReader::default();
    let mut piece = Vec::with_capacity(MAX_ENVELOPE_BYTES);
    let mut header = None;
    loop {
        piece.clear();
        (&mut input)
            .take(reader.wants() as u64)
            .read_to_end(&mut piece)
            .map_err(|error| Error::io(path, error))?;
        match reader.take(&piece)? {
            DatabasePiece::Framing => {}
            DatabasePiece::Header(found) => header = Some(found),
            DatabasePiece::Record => take(&piece)?,
            DatabasePiece::End => break,
        }
    }
    let more = input
        .read(&mut [0])
        .map_err(|error| Error::io(path, error))?;
    match header {
        Some(header) if more == 0 => Ok((header, reader.records())),
        _ => Err(DatabaseError::Damaged("something follows its end").into()),
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        Self::InvalidDatabase {
            reason: error.to_string(),
        }
    }
}
