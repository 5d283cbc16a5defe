//! The stream of a direct connection, for whoever carries its data; it can be cut from outside.

mod chunks;

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite};

use chunks::{ChunkReader, ChunkWriter};

/// The stream of a direct connection: bytes both ways, in order, as fast as the slower side takes them.
///
/// - What was written is on its way after a flush.
/// - Closing sends an end mark: the other side then reads 0 bytes. It may still send itself. Whoever
///   wants to know whether the other side has *taken* everything [ends](DirectWriter::poll_end) instead,
///   and waits for [its word](DirectReader::poll_taken).
/// - Whoever drops it without closing leaves the other side with
///   [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
/// - When the engine has the connection closed, whatever is called fails at once with
///   [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), and who waits is woken.
pub struct DirectStream(Arc<Shared>);

/// The half that reads. The stream lasts as long as either half.
pub struct DirectReader(Arc<Shared>);

/// The half that writes.
pub struct DirectWriter(Arc<Shared>);

/// Cuts a [`DirectStream`], whoever holds it.
pub struct Cut(Weak<Shared>);

/// What carries it.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Carrier for S {}

type Stream = Box<dyn Carrier>;

struct Shared(Mutex<State>);

struct State {
    /// `None` once it is cut.
    stream: Option<Stream>,
    reader: ChunkReader,
    writer: ChunkWriter,
    reads: Waker,
    writes: Waker,
}

impl DirectStream {
    /// Wraps a stream whose both sides have agreed on what it is.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> (Self, Cut) {
        let stream: Stream = Box::new(stream);
        let shared = Arc::new(Shared(Mutex::new(State {
            stream: Some(stream),
            reader: ChunkReader::default(),
            writer: ChunkWriter::default(),
            reads: Waker::noop().clone(),
            writes: Waker::noop().clone(),
        })));
        let cut = Cut(Arc::downgrade(&shared));
        (Self(shared), cut)
    }

    /// Both halves, for two tasks.
    #[must_use]
    pub fn split(self) -> (DirectReader, DirectWriter) {
        (DirectReader(Arc::clone(&self.0)), DirectWriter(self.0))
    }
}

impl DirectReader {
    /// Waits until the other side says that it has taken everything that was written here, to its end.
    /// What it has sent itself is to be read to its end before.
    pub fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.lock();
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(cut()));
        };
        let polled = state.reader.poll_taken(stream, cx);
        if polled.is_pending() {
            state.reads.clone_from(cx.waker());
        }
        polled
    }
}

impl DirectWriter {
    /// Sends the end mark; afterwards one may still [say](Self::poll_say_taken) that all was taken.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0
            .poll_write_with(cx, |writer, stream, cx| writer.poll_end(stream, cx))
    }

    /// Says that everything the other side has sent, to its end, was taken.
    pub fn poll_say_taken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0
            .poll_write_with(cx, |writer, stream, cx| writer.poll_say_taken(stream, cx))
    }
}

impl Cut {
    /// Cuts the stream. What the other side has not got by now and the transport still holds may reach
    /// it, but no end mark.
    pub fn cut(&self) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        let (stream, wakers) = {
            let mut state = shared.lock();
            let reads = std::mem::replace(&mut state.reads, Waker::noop().clone());
            let writes = std::mem::replace(&mut state.writes, Waker::noop().clone());
            (state.stream.take(), [reads, writes])
        };
        drop(stream);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Shared {
    /// A panic elsewhere leaves the stream in a state that is at worst an error for its reader.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let state = &mut *self.lock();
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(cut()));
        };
        let polled = state.reader.poll_read(stream, cx, buffer);
        if polled.is_pending() {
            state.reads.clone_from(cx.waker());
        }
        polled
    }

    fn poll_write_with<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut ChunkWriter, &mut Stream, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let state = &mut *self.lock();
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(cut()));
        };
        let polled = poll(&mut state.writer, stream, cx);
        if polled.is_pending() {
            state.writes.clone_from(cx.waker());
        }
        polled
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |writer, stream, cx| {
            writer.poll_write(stream, cx, bytes)
        })
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |writer, stream, cx| writer.poll_flush(stream, cx))
    }

    fn poll_close(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |writer, stream, cx| writer.poll_close(stream, cx))
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut")
}

macro_rules! reads {
    ($($half:ty)*) => { $(
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read(cx, buffer)
            }
        }
    )* };
}

macro_rules! writes {
    ($($half:ty)*) => { $(
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_close(cx)
            }
        }
    )* };
}

macro_rules! opaque {
    ($($what:ident)*) => { $(
        impl fmt::Debug for $what {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($what), "(…)"))
            }
        }
    )* };
}

reads!(DirectStream DirectReader);
writes!(DirectStream DirectWriter);
opaque!(DirectStream DirectReader DirectWriter Cut);
