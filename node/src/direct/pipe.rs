//! A connection that carries bytes.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead as _, AsyncWrite as _};
use peerage_protocol::direct::DirectEnd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{BoxReader, BoxWriter, Ending, Halves};
use crate::{
    metrics::{Direction, Metrics},
    model::ConnectionInfo,
};

/// A direct connection that carries bytes, both ways, owned by whoever holds it.
///
/// [`shutdown`](tokio::io::AsyncWriteExt::shutdown) ends one direction and leaves the other; what was
/// written is on its way after a [`flush`](tokio::io::AsyncWriteExt::flush). A pipe that is dropped
/// before both directions have ended is cut: reading at the other side then fails with
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), so that the first half of a file is not taken for
/// the whole.
pub struct Pipe {
    info: ConnectionInfo,
    reader: BoxReader,
    writer: BoxWriter,
    /// The other side sends no more.
    read_out: bool,
    /// We send no more.
    shut: bool,
    ending: Ending,
    metrics: Arc<Metrics>,
}

impl Pipe {
    pub(super) fn new(
        info: ConnectionInfo,
        (reader, writer): Halves,
        ending: Ending,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            info,
            reader,
            writer,
            read_out: false,
            shut: false,
            ending,
            metrics,
        }
    }

    /// Who is on the other side.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    fn broken(&mut self, error: io::Error) -> io::Error {
        self.ending.tell(DirectEnd::Broken);
        error
    }

    fn end_if_done(&mut self) {
        if self.read_out && self.shut {
            self.ending.tell(DirectEnd::ClosedThere);
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if into.remaining() == 0 || this.read_out {
            return Poll::Ready(Ok(()));
        }
        let room = into.initialize_unfilled();
        match ready!(Pin::new(&mut this.reader).poll_read(cx, room)) {
            Ok(read) => {
                into.advance(read);
                this.metrics.direct_bytes(Direction::In, read);
                this.read_out = read == 0;
                this.end_if_done();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(this.broken(error))),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match ready!(Pin::new(&mut this.writer).poll_write(cx, bytes)) {
            Ok(written) => {
                this.metrics.direct_bytes(Direction::Out, written);
                Poll::Ready(Ok(written))
            }
            Err(error) => Poll::Ready(Err(this.broken(error))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.shut {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut this.writer).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| this.broken(error)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.shut {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut this.writer).poll_close(cx)) {
            Ok(()) => {
                this.shut = true;
                this.end_if_done();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(this.broken(error))),
        }
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe")
            .field("id", &self.info.id)
            .field("node", &self.info.node)
            .finish_non_exhaustive()
    }
}
