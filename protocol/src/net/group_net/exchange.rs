//! One admission exchange on its sub-stream: a few small frames each way, and a deadline.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::AsyncRead;
use futures_timer::Delay;
use libp2p::swarm::Stream;

use super::{
    ExchangeId, MAX_EXCHANGE_FRAME_BYTES, Misbehaviour,
    framing::{FrameReader, FrameWriter, ReadError},
    outbox::Outbox,
    upgrade::ACCEPTED,
};

/// Frames accepted from the other side in one exchange; an honest one needs a handful.
const MAX_FRAMES: u32 = 32;

/// What is queued for sending in one exchange: several of the longest frames.
pub(super) const QUEUE_BYTES: usize = 8 * MAX_EXCHANGE_FRAME_BYTES;

/// Who opened the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    Us,
    Them,
}

pub(super) struct Exchange {
    pub(super) id: ExchangeId,
    pub(super) opener: Opener,
    outbox: Outbox,
    stream: Option<Stream>,
    /// The other side said yes, or we are the one to say it.
    answered: bool,
    reader: FrameReader,
    /// `None` once writing failed: what the other side sent before may still be read.
    writer: Option<FrameWriter>,
    frames_left: u32,
    deadline: Delay,
}

/// What an exchange has to say. All but `Frame` are its last word.
pub(super) enum ExchangeEvent {
    Frame(Vec<u8>),
    Ended,
    /// We ended it, and all is written.
    Over,
    Misbehaved(Misbehaviour),
}

impl Exchange {
    /// An exchange of ours, whose stream is still to be opened.
    pub(super) fn ours(id: ExchangeId, outbox: Outbox, lifetime: Duration) -> Self {
        Self {
            id,
            opener: Opener::Us,
            outbox,
            stream: None,
            answered: false,
            reader: FrameReader::new(MAX_EXCHANGE_FRAME_BYTES),
            writer: Some(FrameWriter::default()),
            frames_left: MAX_FRAMES,
            deadline: Delay::new(lifetime),
        }
    }

    /// An exchange the other side opened and we accept.
    pub(super) fn theirs(
        id: ExchangeId,
        outbox: Outbox,
        lifetime: Duration,
        stream: Stream,
    ) -> Self {
        Self {
            opener: Opener::Them,
            stream: Some(stream),
            answered: true,
            writer: Some(FrameWriter::after(&[ACCEPTED])),
            ..Self::ours(id, outbox, lifetime)
        }
    }

    pub(super) fn opened(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ExchangeEvent> {
        if Pin::new(&mut self.deadline).poll(cx).is_ready() {
            return Poll::Ready(ExchangeEvent::Ended);
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Pending;
        };
        if let Some(writer) = &mut self.writer {
            match writer.poll(stream, &self.outbox, cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(ExchangeEvent::Over),
                Poll::Ready(Err(_)) => self.writer = None,
                Poll::Pending => {}
            }
        }
        if !self.answered {
            let mut answer = [0];
            match Pin::new(&mut *stream).poll_read(cx, &mut answer) {
                Poll::Ready(Ok(1)) if answer == [ACCEPTED] => self.answered = true,
                Poll::Ready(_) => return Poll::Ready(ExchangeEvent::Ended),
                Poll::Pending => return Poll::Pending,
            }
        }
        match self.reader.poll_next(stream, cx) {
            Poll::Ready(Ok(_)) if self.frames_left == 0 => Poll::Ready(ExchangeEvent::Misbehaved(
                Misbehaviour::TooManyExchangeFrames,
            )),
            Poll::Ready(Ok(frame)) => {
                self.frames_left -= 1;
                Poll::Ready(ExchangeEvent::Frame(frame))
            }
            Poll::Ready(Err(ReadError::Ended)) => Poll::Ready(ExchangeEvent::Ended),
            Poll::Ready(Err(ReadError::TooLong)) => {
                Poll::Ready(ExchangeEvent::Misbehaved(Misbehaviour::FrameTooLong))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
