//! A connection that carries bytes.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead as _, AsyncWrite as _, future::poll_fn};
use peerage_protocol::{
    direct::DirectEnd,
    net::{DirectReader, DirectWriter},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Ending, Halves};
use crate::{
    metrics::{Direction, Metrics},
    model::ConnectionInfo,
};

/// A direct connection that carries bytes, both ways, owned by whoever holds it.
///
/// [`shutdown`](tokio::io::AsyncWriteExt::shutdown) ends one direction and leaves the other; what was
/// written is on its way after a [`flush`](tokio::io::AsyncWriteExt::flush), and whoever has to know that
/// the other side has taken it waits for [`finish`](Self::finish). A pipe that is dropped before both
/// directions have ended is cut: reading at the other side then fails with
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), so that the first half of a file is not taken for
/// the whole.
pub struct Pipe {
    info: ConnectionInfo,
    reader: DirectReader,
    writer: DirectWriter,
    /// The other side sends no more.
    read_out: bool,
    /// We send no more.
    shut: bool,
    /// What was read to its end has been taken as well; otherwise [`finish`](Self::finish) says so.
    takes: bool,
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
            takes: true,
            ending,
            metrics,
        }
    }

    /// Who is on the other side.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Ends our direction, and waits until the other side has taken everything: until whoever reads there
    /// has read it to its end. What the other side sends is to be read to its end before.
    ///
    /// # Errors
    /// When it was not read to its end, or the other side is gone, or was cut, before it had taken
    /// everything.
    pub async fn finish(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await?;
        if self.read_out {
            poll_fn(|cx| self.writer.poll_say_taken(cx))
                .await
                .map_err(|error| self.broken(error))?;
        }
        poll_fn(|cx| self.reader.poll_taken(cx))
            .await
            .map_err(|error| self.broken(error))?;
        self.ending.tell(DirectEnd::ClosedThere);
        Ok(())
    }

    /// From now on, having read everything does not mean that it was taken: only
    /// [`finish`](Self::finish) says so to the other side.
    pub(crate) fn take_by_hand(&mut self) {
        self.takes = false;
    }

    fn broken(&mut self, error: io::Error) -> io::Error {
        self.ending.tell(DirectEnd::Broken);
        error
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
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
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !this.read_out {
            let room = into.initialize_unfilled();
            match ready!(Pin::new(&mut this.reader).poll_read(cx, room)) {
                Ok(0) => this.read_out = true,
                Ok(read) => {
                    into.advance(read);
                    this.metrics.direct_bytes(Direction::In, read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(this.broken(error))),
            }
        }
        if this.takes
            && let Err(error) = ready!(this.writer.poll_say_taken(cx))
        {
            return Poll::Ready(Err(this.broken(error)));
        }
        Poll::Ready(Ok(()))
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
        match ready!(this.writer.poll_end(cx)) {
            Ok(()) => {
                this.shut = true;
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
