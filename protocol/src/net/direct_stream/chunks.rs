//! How bytes lie on the stream of a direct connection: in chunks, so that an end in order can be told
//! from one that was cut.
//!
//! A chunk is four bytes of big-endian length, then that many bytes. A chunk of length 0 is the end
//! mark: nothing was lost. A QUIC stream whose sender vanishes or is cut ends like one that was
//! finished, so without the mark the receiver of half a file would take it for the whole.
//!
//! In place of a length there may be the taken mark, once, also behind the end mark: everything up to
//! the other side's end has been taken. Without it a sender knows that its network has the file, and
//! nothing of who wanted it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};

/// Longest chunk that is sent, and taken. One is held in memory by the sender.
pub(crate) const MAX_CHUNK_BYTES: usize = 64 * 1024;
const HEAD_BYTES: usize = 4;
const END: u32 = 0;
const TAKEN: u32 = u32::MAX;

/// Reads what a [`ChunkWriter`] wrote.
#[derive(Debug, Default)]
pub(super) struct ChunkReader {
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes of the chunk under way that have not arrived.
    left: usize,
    ended: bool,
    /// The other side has taken what we sent, to its end.
    taken: bool,
}

impl ChunkReader {
    /// Reads into `buffer`; 0 bytes are the end in order, an end without the mark is
    /// [`io::ErrorKind::UnexpectedEof`].
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if self.ended {
                return Poll::Ready(Ok(0));
            }
            if self.left > 0 {
                let wanted = self.left.min(buffer.len());
                let n = ready!(Pin::new(stream).poll_read(cx, &mut buffer[..wanted]))?;
                if n == 0 {
                    return Poll::Ready(Err(cut_short()));
                }
                self.left -= n;
                return Poll::Ready(Ok(n));
            }
            match ready!(self.poll_head(stream, cx))? {
                END => self.ended = true,
                TAKEN if !self.taken => self.taken = true,
                length if length as usize > MAX_CHUNK_BYTES => {
                    return Poll::Ready(Err(no_chunk()));
                }
                length => self.left = length as usize,
            }
        }
    }

    /// Waits for the taken mark, which may come behind the end mark; what comes before the end has been
    /// read.
    pub(super) fn poll_taken<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.taken {
            if !self.ended {
                return Poll::Ready(Err(io::Error::other("it was not read to its end")));
            }
            if ready!(self.poll_head(stream, cx))? != TAKEN {
                return Poll::Ready(Err(no_chunk()));
            }
            self.taken = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u32>> {
        while self.filled < HEAD_BYTES {
            let rest = &mut self.head[self.filled..];
            let n = ready!(Pin::new(&mut *stream).poll_read(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(cut_short()));
            }
            self.filled += n;
        }
        self.filled = 0;
        Poll::Ready(Ok(u32::from_be_bytes(self.head)))
    }
}

fn no_chunk() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the other side sent what is no chunk",
    )
}

fn cut_short() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the other side is gone without closing the connection",
    )
}

/// Writes chunks, one at a time.
#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    chunk: Vec<u8>,
    written: usize,
    ended: bool,
    /// We have said that all was taken.
    taken: bool,
}

impl ChunkWriter {
    /// Takes what fits into a chunk, and sends as much of it as the stream takes now; the rest goes with
    /// the next call or flush.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.drain(stream, cx))?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let n = bytes.len().min(MAX_CHUNK_BYTES);
        self.begin(&bytes[..n]);
        if let Poll::Ready(Err(error)) = self.drain(stream, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(n))
    }

    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.drain(stream, cx))?;
        Pin::new(stream).poll_flush(cx)
    }

    /// Sends the end mark behind everything else.
    pub(super) fn poll_end<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(self.drain(stream, cx))?;
            self.begin(&[]);
            self.ended = true;
        }
        self.poll_flush(stream, cx)
    }

    /// Sends the taken mark.
    pub(super) fn poll_say_taken<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.taken {
            ready!(self.drain(stream, cx))?;
            self.chunk.extend_from_slice(&TAKEN.to_be_bytes());
            self.taken = true;
        }
        self.poll_flush(stream, cx)
    }

    /// Sends the end mark behind everything else, and ends this direction of the stream.
    pub(super) fn poll_close<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_end(stream, cx))?;
        Pin::new(stream).poll_close(cx)
    }

    fn begin(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u32;
        self.chunk.extend_from_slice(&length.to_be_bytes());
        self.chunk.extend_from_slice(bytes);
    }

    fn drain<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.chunk.len() {
            let rest = &self.chunk[self.written..];
            let n = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n;
        }
        self.chunk.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;

    /// A pipe that takes and gives so many bytes at a time, and now and then none.
    #[derive(Default)]
    struct Pipe {
        bytes: Vec<u8>,
        at: usize,
        steps: Vec<usize>,
        turn: usize,
        finished: bool,
    }

    impl Pipe {
        fn step(&mut self) -> usize {
            self.turn += 1;
            *self
                .steps
                .get(self.turn % self.steps.len().max(1))
                .unwrap_or(&7)
        }
    }

    impl AsyncRead for Pipe {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let n = self
                .step()
                .min(buffer.len())
                .min(self.bytes.len() - self.at);
            if n == 0 && !(self.finished && self.at == self.bytes.len()) {
                return Poll::Pending;
            }
            let at = self.at;
            buffer[..n].copy_from_slice(&self.bytes[at..at + n]);
            self.at += n;
            Poll::Ready(Ok(n))
        }
    }

    impl AsyncWrite for Pipe {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.step().min(bytes.len()) {
                0 => Poll::Pending,
                n => {
                    self.bytes.extend_from_slice(&bytes[..n]);
                    Poll::Ready(Ok(n))
                }
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.finished = true;
            Poll::Ready(Ok(()))
        }
    }

    fn until_ready<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10_000_000 {
            if let Poll::Ready(done) = poll(&mut cx) {
                return done;
            }
        }
        panic!("it gets nowhere");
    }

    fn write(pieces: &[Vec<u8>], pipe: &mut Pipe, close: bool) {
        let mut writer = ChunkWriter::default();
        for piece in pieces {
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                let n = until_ready(|cx| writer.poll_write(pipe, cx, rest)).expect("it takes some");
                rest = &rest[n..];
            }
        }
        if close {
            until_ready(|cx| writer.poll_close(pipe, cx)).expect("it closes");
            let after = until_ready(|cx| writer.poll_write(pipe, cx, &[1]));
            assert!(after.is_err(), "nothing follows the end");
        } else {
            until_ready(|cx| writer.poll_flush(pipe, cx)).expect("it flushes");
            pipe.finished = true;
        }
    }

    fn read(pipe: &mut Pipe, room: usize) -> (Vec<u8>, io::Result<usize>) {
        let mut reader = ChunkReader::default();
        let mut found = Vec::new();
        let mut buffer = vec![0; room];
        loop {
            match until_ready(|cx| reader.poll_read(pipe, cx, &mut buffer)) {
                Ok(n) if n > 0 => found.extend_from_slice(&buffer[..n]),
                end => return (found, end),
            }
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..50),
            (0..3 * MAX_CHUNK_BYTES).prop_map(|n| vec![7; n]),
        ];
        proptest::collection::vec(piece, 0..6)
    }

    #[test]
    fn the_taken_mark_comes_before_or_behind_the_end_and_once() {
        for behind in [false, true] {
            let mut pipe = Pipe::default();
            let mut writer = ChunkWriter::default();
            until_ready(|cx| writer.poll_write(&mut pipe, cx, b"what")).unwrap();
            if !behind {
                until_ready(|cx| writer.poll_say_taken(&mut pipe, cx)).unwrap();
            }
            until_ready(|cx| writer.poll_write(&mut pipe, cx, b"ever")).unwrap();
            until_ready(|cx| writer.poll_end(&mut pipe, cx)).unwrap();
            // Said twice, it is sent once.
            until_ready(|cx| writer.poll_say_taken(&mut pipe, cx)).unwrap();
            pipe.finished = true;

            let (mut reader, mut buffer) = (ChunkReader::default(), [0; 64]);
            let early = until_ready(|cx| reader.poll_taken(&mut pipe, cx));
            assert!(early.is_err(), "nothing is skipped");
            let mut found = Vec::new();
            loop {
                match until_ready(|cx| reader.poll_read(&mut pipe, cx, &mut buffer)).unwrap() {
                    0 => break,
                    n => found.extend_from_slice(&buffer[..n]),
                }
            }
            assert_eq!(found, b"whatever");
            until_ready(|cx| reader.poll_taken(&mut pipe, cx)).unwrap();
        }
        // Neither a chunk behind the end, nor an end of the stream, is the mark.
        for rest in [&[0, 0, 0, 1, 7][..], &[0, 0, 0, 0], &[0xff], &[]] {
            let mut bytes = vec![0; HEAD_BYTES];
            bytes.extend_from_slice(rest);
            let mut pipe = Pipe {
                bytes,
                finished: true,
                ..Pipe::default()
            };
            let (mut reader, mut buffer) = (ChunkReader::default(), [0; 64]);
            let end = until_ready(|cx| reader.poll_read(&mut pipe, cx, &mut buffer));
            assert_eq!(end.unwrap(), 0);
            assert!(until_ready(|cx| reader.poll_taken(&mut pipe, cx)).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_written_is_read_and_its_end_is_told_from_a_cut(
            pieces in pieces(),
            steps in proptest::collection::vec(0..100_000_usize, 2..6),
            room in 1..5_000_usize,
            close in any::<bool>(),
        ) {
            prop_assume!(steps.iter().any(|step| *step > 0));
            let mut pipe = Pipe { steps, ..Pipe::default() };
            write(&pieces, &mut pipe, close);

            let (found, end) = read(&mut pipe, room);

            prop_assert_eq!(found, pieces.concat());
            prop_assert_eq!(end.ok(), close.then_some(0));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_never_end_in_order_unless_they_say_so(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let marked = bytes.windows(HEAD_BYTES).any(|four| four == [0; HEAD_BYTES]);
            let mut pipe = Pipe { bytes, finished: true, ..Pipe::default() };

            let (_, end) = read(&mut pipe, 64);

            prop_assert!(end.is_err() || marked);
        }
    }
}
