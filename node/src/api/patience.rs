//! How long an answer waits for whoever asked to take more of it.
//!
//! An answer is in memory, or holds a place of those who write files, until it has been taken. So whoever
//! takes nothing more of it for too long is disconnected. Streams are exempt: a reader of events may pause
//! for as long as it likes, which costs nobody anything.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Nothing more of an answer is taken for so long: its reader is taken for gone.
const WRITE_PATIENCE: Duration = if cfg!(test) {
    Duration::from_millis(100)
} else {
    Duration::from_secs(60)
};

/// A connection whose other side has to read what it asked for.
pub(super) struct Patient<S> {
    stream: S,
    /// What is being written is a stream of events or messages.
    exempt: Arc<AtomicBool>,
    /// Since when nothing was taken, as when that will have been too long.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, exempt: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            exempt,
            waiting: None,
        }
    }

    /// What became of an attempt to write: if nothing, for how much longer that may be.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() || self.exempt.load(Ordering::Relaxed) {
            self.waiting = None;
            return written;
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(WRITE_PATIENCE)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_more_of_an_answer_is_disconnected_and_of_a_stream_is_not() {
        let (here, mut there) = duplex(1_024);
        let exempt = Arc::new(AtomicBool::new(true));
        let mut answer = Patient::new(here, Arc::clone(&exempt));
        let paused = tokio::time::timeout(4 * WRITE_PATIENCE, answer.write_all(&[0; 4_096]));
        assert!(paused.await.is_err(), "a stream waits");

        exempt.store(false, Ordering::Relaxed);
        // Slowly is not nothing.
        let reads = async {
            for _ in 0..8 {
                sleep(WRITE_PATIENCE / 2).await;
                there.read_exact(&mut [0; 512]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(answer.write_all(&[0; 4_096]), reads);
        written.unwrap();
        let gone = answer.write_all(&[0; 8_192]).await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::TimedOut);
    }
}
