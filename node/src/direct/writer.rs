//! The sending half of a connection for messages.
//!
//! Who sends takes the writer, puts its message on the stream and gives the writer back: no task stands
//! between an application and the network, and several senders take turns with whole messages. The
//! stream takes no more while the other side does not read, so a sender waits then.

use std::{io, sync::Arc};

use futures::AsyncWriteExt;
use hyper::body::Bytes;
use peerage_protocol::wire::direct::{MESSAGE_HEADER_BYTES, MessageHeader};
use tokio::sync::{Mutex, OwnedMutexGuard};

use peerage_protocol::net::DirectWriter;

/// A message up to this size is copied behind its header, because two small writes would make two
/// packets; of a larger one so much.
const COPIED_BYTES: usize = 16 * 1024;

/// The sending half, shared by all who send.
#[derive(Clone)]
pub(super) struct Writer(Arc<Mutex<State>>);

struct State {
    stream: DirectWriter,
    /// What has been promised to the other side and is still to be written.
    head: Vec<u8>,
    head_written: usize,
    body: Bytes,
    /// The stream failed, or was closed.
    over: bool,
}

impl Writer {
    pub(super) fn new(stream: DirectWriter) -> Self {
        Self(Arc::new(Mutex::new(State {
            stream,
            head: Vec::new(),
            head_written: 0,
            body: Bytes::new(),
            over: false,
        })))
    }

    /// Sends one message; the network has it when this returns. When the future is dropped before, the
    /// message is sent to its end all the same if it was begun, so that the next one is understood.
    pub(super) async fn send(&self, header: MessageHeader, data: Bytes) -> io::Result<()> {
        let mut turn = Turn(Some(Arc::clone(&self.0).lock_owned().await));
        let state = turn.state();
        // Of a sender that gave up, if there was one.
        state.write_out().await?;
        state.put(header, data);
        state.write_out().await
    }

    /// Sends what is left, and tells the other side that nothing more comes.
    pub(super) async fn close(&self) -> io::Result<()> {
        let mut state = self.0.lock().await;
        state.write_out().await?;
        state.over = true;
        state.stream.close().await
    }
}

impl State {
    fn put(&mut self, header: MessageHeader, mut data: Bytes) {
        let copied = data.split_to(data.len().min(COPIED_BYTES));
        self.head.reserve(MESSAGE_HEADER_BYTES + copied.len());
        self.head.extend_from_slice(&header.encode());
        self.head.extend_from_slice(&copied);
        self.body = data;
    }

    fn is_clear(&self) -> bool {
        self.over || (self.head.is_empty() && self.body.is_empty())
    }

    /// Safe to drop: what is left is written by whoever comes next.
    async fn write_out(&mut self) -> io::Result<()> {
        let written = self.try_write_out().await;
        self.over |= written.is_err();
        written
    }

    async fn try_write_out(&mut self) -> io::Result<()> {
        if self.over {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.head.is_empty() && self.body.is_empty() {
            return Ok(());
        }
        while self.head_written < self.head.len() {
            let rest = &self.head[self.head_written..];
            self.head_written += some(self.stream.write(rest).await)?;
        }
        self.head.clear();
        self.head_written = 0;
        while !self.body.is_empty() {
            let written = some(self.stream.write(&self.body).await)?;
            let _ = self.body.split_to(written);
        }
        self.stream.flush().await
    }
}

/// A stream that takes nothing more has ended.
fn some(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

/// One sender's turn. Given up in the middle of a message, it ends in a task of its own.
struct Turn(Option<OwnedMutexGuard<State>>);

impl Turn {
    fn state(&mut self) -> &mut State {
        self.0.as_mut().expect("taken only when dropped")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut state) = self.0.take() else {
            return;
        };
        if state.is_clear() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // It fails when the stream does, which the reader tells.
            runtime.spawn(async move { state.write_out().await });
        }
    }
}
