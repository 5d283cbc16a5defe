//! The receiving half of a connection for messages.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt};
use hyper::body::Bytes;
use peerage_protocol::wire::direct::{MESSAGE_HEADER_BYTES, MessageHeader};
use tokio::time::timeout;

use super::budget::SMALL_BYTES;

/// Read from the stream at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// A large message takes room that others wait for: so much of it has to come within
/// [`MESSAGE_PATIENCE`], 9 kB/s, which any link does and nobody who only wants to hold the room.
const PIECE_BYTES: usize = 256 * 1024;
/// How long one piece may take.
const MESSAGE_PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 30_000 });

/// Messages out of a stream of bytes.
pub(super) struct Reader<R> {
    stream: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// The header of the next message; none when the other side has ended in order.
    pub(super) async fn header(&mut self) -> io::Result<Option<MessageHeader>> {
        while self.end - self.start < MESSAGE_HEADER_BYTES {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            match self.stream.read(&mut self.buffer[self.end..]).await? {
                0 if self.end == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.end += read,
            }
        }
        let mut bytes = [0; MESSAGE_HEADER_BYTES];
        bytes.copy_from_slice(&self.buffer[self.start..self.start + MESSAGE_HEADER_BYTES]);
        self.start += MESSAGE_HEADER_BYTES;
        MessageHeader::decode(&bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The bytes that follow a header. Memory is taken as they come: the system gives pages of zeroes
    /// only when they are touched.
    pub(super) async fn body(&mut self, length: usize) -> io::Result<Bytes> {
        let mut body = vec![0; length];
        let here = length.min(self.end - self.start);
        body[..here].copy_from_slice(&self.buffer[self.start..self.start + here]);
        self.start += here;
        if length <= SMALL_BYTES {
            self.stream.read_exact(&mut body[here..]).await?;
            return Ok(body.into());
        }
        let mut filled = here;
        while filled < length {
            let next = length.min(filled + PIECE_BYTES);
            let piece = self.stream.read_exact(&mut body[filled..next]);
            timeout(MESSAGE_PATIENCE, piece)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            filled = next;
        }
        Ok(body.into())
    }
}
