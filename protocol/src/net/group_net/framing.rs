//! Frames on a stream: four bytes of big-endian length, then that many bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};

use super::outbox::{Outbox, Popped};

/// Small frames are read through a buffer on the stack, so that an idle link holds none.
const SCRATCH_BYTES: usize = 8 * 1024;

/// A frame's memory grows by at most this much ahead of the bytes that arrived, so that a length
/// alone reserves nothing.
const GROWTH_BYTES: usize = 64 * 1024;

/// Small frames are written together up to about this size.
const BATCH_BYTES: usize = 64 * 1024;

const LENGTH_BYTES: usize = 4;

/// Why reading frames ended.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The other side ended the stream between two frames, or the stream broke.
    Ended,
    /// A frame longer than allowed was announced.
    TooLong,
}

/// Reads frames of at most `limit` bytes.
#[derive(Debug)]
pub(super) struct FrameReader {
    limit: usize,
    unread: Vec<u8>,
    taken: usize,
    head: [u8; LENGTH_BYTES],
    head_filled: usize,
    /// The frame under way: `filled` bytes of it have arrived, the rest is room already made.
    body: Vec<u8>,
    filled: usize,
    body_length: Option<usize>,
}

impl FrameReader {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            unread: Vec::new(),
            taken: 0,
            head: [0; LENGTH_BYTES],
            head_filled: 0,
            body: Vec::new(),
            filled: 0,
            body_length: None,
        }
    }

    pub(super) fn poll_next<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, ReadError>> {
        loop {
            if let Some(frame) = self.assemble()? {
                return Poll::Ready(Ok(frame));
            }
            let wanted = self.body_length.map_or(0, |l| l - self.filled);
            let read = if wanted >= SCRATCH_BYTES {
                self.make_room(wanted.min(GROWTH_BYTES));
                let read = Pin::new(&mut *stream).poll_read(cx, &mut self.body[self.filled..]);
                if let Poll::Ready(Ok(n)) = &read {
                    self.filled += n;
                }
                read
            } else {
                let mut scratch = [0; SCRATCH_BYTES];
                let read = Pin::new(&mut *stream).poll_read(cx, &mut scratch);
                if let Poll::Ready(Ok(n)) = &read {
                    self.unread.extend_from_slice(&scratch[..*n]);
                }
                read
            };
            match ready!(read) {
                Ok(0) | Err(_) => return Poll::Ready(Err(ReadError::Ended)),
                Ok(_) => {}
            }
        }
    }

    /// Moves buffered bytes into the frame under way; returns it when it is complete.
    fn assemble(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        if self.body_length.is_none() {
            let n = (LENGTH_BYTES - self.head_filled).min(self.unread.len() - self.taken);
            self.head[self.head_filled..self.head_filled + n]
                .copy_from_slice(&self.unread[self.taken..self.taken + n]);
            self.head_filled += n;
            self.taken += n;
            if self.head_filled == LENGTH_BYTES {
                let length = u32::from_be_bytes(self.head) as usize;
                if length > self.limit {
                    return Err(ReadError::TooLong);
                }
                self.head_filled = 0;
                self.body_length = Some(length);
            }
        }
        if let Some(length) = self.body_length {
            let n = (length - self.filled).min(self.unread.len() - self.taken);
            self.make_room(n);
            self.body[self.filled..self.filled + n]
                .copy_from_slice(&self.unread[self.taken..self.taken + n]);
            self.filled += n;
            self.taken += n;
        }
        if self.taken == self.unread.len() {
            self.unread = Vec::new();
            self.taken = 0;
        }
        if self.body_length == Some(self.filled) {
            self.body_length = None;
            self.filled = 0;
            return Ok(Some(std::mem::take(&mut self.body)));
        }
        Ok(None)
    }

    /// Room for `n` more bytes at least; made once, so that a slow stream does not clear it again.
    fn make_room(&mut self, n: usize) {
        if self.body.len() < self.filled + n {
            self.body.resize(self.filled + n, 0);
        }
    }
}

/// Writes the frames of an [`Outbox`].
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    buffer: Vec<u8>,
    written: usize,
    unflushed: bool,
    finished: bool,
}

impl FrameWriter {
    /// Creates a writer that sends `bytes` before the first frame.
    pub(super) fn after(bytes: &[u8]) -> Self {
        Self {
            buffer: bytes.to_vec(),
            ..Self::default()
        }
    }

    /// Writes what is queued; ready when the queue has finished and the stream is closed.
    pub(super) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        outbox: &Outbox,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(stream);
        loop {
            while self.written < self.buffer.len() {
                let n = ready!(stream.as_mut().poll_write(cx, &self.buffer[self.written..]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += n;
                self.unflushed = true;
            }
            self.written = 0;
            self.buffer.clear();
            self.fill(outbox, cx);
            if !self.buffer.is_empty() {
                continue;
            }
            self.buffer = Vec::new();
            if self.unflushed {
                ready!(stream.as_mut().poll_flush(cx))?;
                self.unflushed = false;
            }
            if self.finished {
                return stream.poll_close(cx);
            }
            return Poll::Pending;
        }
    }

    fn fill(&mut self, outbox: &Outbox, cx: &Context<'_>) {
        while self.buffer.len() < BATCH_BYTES {
            match outbox.pop(cx) {
                Popped::Frame(frame) => {
                    // The API refuses frames far below 4 GiB, so the length fits.
                    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                    self.buffer.extend_from_slice(&length.to_be_bytes());
                    self.buffer.extend_from_slice(&frame);
                }
                Popped::Empty => return,
                Popped::Finished => {
                    self.finished = true;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    /// Hands out at most `step` bytes at a time.
    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl AsyncRead for Slow<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let n = self.step.min(self.bytes.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.bytes[..n]);
            self.bytes = &self.bytes[n..];
            Poll::Ready(Ok(n))
        }
    }

    fn encode(frames: &[Vec<u8>]) -> Vec<u8> {
        let outbox = Outbox::new(usize::MAX);
        for frame in frames {
            outbox.push(frame.clone()).expect("it has no bound");
        }
        outbox.close();
        let mut stream = Cursor::new(Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        let done = FrameWriter::default().poll(&mut stream, &outbox, &mut cx);
        assert!(matches!(done, Poll::Ready(Ok(()))));
        stream.into_inner()
    }

    fn decode(bytes: &[u8], step: usize, limit: usize) -> (Vec<Vec<u8>>, ReadError) {
        let mut stream = Slow { bytes, step };
        let mut reader = FrameReader::new(limit);
        let mut cx = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        loop {
            match reader.poll_next(&mut stream, &mut cx) {
                Poll::Ready(Ok(frame)) => frames.push(frame),
                Poll::Ready(Err(error)) => return (frames, error),
                Poll::Pending => unreachable!("the stream never waits"),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn frames_arrive_whole_and_in_order_however_the_stream_cuts_them(
            lengths in proptest::collection::vec(prop_oneof![0..20_usize, 8_000..9_000_usize, 100_000..200_000_usize], 0..8),
            step in prop_oneof![1..10_usize, 1_000..100_000_usize],
        ) {
            let frames: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, l)| vec![i as u8; *l]).collect();
            let bytes = encode(&frames);
            let (heard, _) = decode(&bytes, step, 200_000);
            prop_assert_eq!(heard, frames);
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_it_is_read() {
        let bytes = encode(&[vec![1; 100], vec![2; 101]]);

        let (frames, error) = decode(&bytes, 7, 100);

        assert_eq!(frames, [vec![1; 100]]);
        assert!(matches!(error, ReadError::TooLong));
    }

    #[test]
    fn a_length_alone_reserves_little_memory() {
        let mut reader = FrameReader::new(usize::MAX);
        let mut stream = Slow {
            bytes: &u32::MAX.to_be_bytes(),
            step: 4,
        };
        let mut cx = Context::from_waker(Waker::noop());

        let result = reader.poll_next(&mut stream, &mut cx);

        assert!(matches!(result, Poll::Ready(Err(ReadError::Ended))));
        assert!(reader.body.capacity() <= 2 * GROWTH_BYTES);
    }
}
