//! Files as bodies, in both directions, of which only a piece is in memory at a time.

use std::{
    io::{self, Write},
    path::Path,
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::header,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use tokio::{io::AsyncWriteExt, sync::mpsc};

use crate::{Error, Result};

/// About how many bytes of files a file is made of, for whoever shows how far it has come.
pub(crate) const FILE_BYTES_HEADER: &str = "peerage-file-bytes";

/// The media type of files.
pub(super) const FILE_TYPE: &str = "application/octet-stream";

/// Pieces that wait for the other side to read; each has what was written at once, up to 256 KiB.
const MAX_PIECES: usize = 4;

/// Answers with what `write` writes, on a thread that may wait. When it fails the answer breaks off.
pub(super) fn streamed(write: impl FnOnce(Pieces) -> Result<()> + Send + 'static) -> Response {
    let (pieces, mut written) = mpsc::channel(MAX_PIECES);
    tokio::task::spawn_blocking(move || {
        let failed = pieces.clone();
        if let Err(error) = write(Pieces(pieces)) {
            tracing::warn!(%error, "a file was not written to its end");
            let _ = failed.blocking_send(Err(io::Error::other(error.to_string())));
        }
    });
    let body = futures::stream::poll_fn(move |context| written.poll_recv(context));
    ([(header::CONTENT_TYPE, FILE_TYPE)], Body::from_stream(body)).into_response()
}

/// Where the pieces of an answer are written to; waits for the other side.
#[derive(Debug)]
pub(super) struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request's body that is a file.
pub(super) struct FileBody(Body);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        match kind.is_some_and(|kind| kind.as_bytes() == FILE_TYPE.as_bytes()) {
            true => Ok(Self(request.into_body())),
            false => Err(Error::invalid(
                "content-type",
                format!("must be {FILE_TYPE}"),
            )),
        }
    }
}

impl FileBody {
    /// Writes it to a file of at most so many bytes.
    pub(super) async fn keep(self, path: &Path, limit_bytes: u64) -> Result<()> {
        let failed = |error| Error::io(path, error);
        let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
        let mut pieces = self.0.into_data_stream();
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| Error::invalid("body", error))?;
            bytes += piece.len() as u64;
            if bytes > limit_bytes {
                return Err(Error::TooLarge {
                    limit_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX),
                });
            }
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)
    }
}
