//! A bounded queue of frames between the engine's side and one stream.
//!
//! Frames do not travel as handler commands: those share 32 slots per connection with every other
//! protocol and stall the whole swarm when one connection is slow. They wait here instead, and the
//! engine is told at once when no more fit.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

/// What one queued frame is taken to cost beyond its bytes, so that empty frames are bounded too.
const FRAME_OVERHEAD: usize = 64;

/// Both ends of the queue; clones share it.
#[derive(Clone)]
pub struct Outbox(Arc<Mutex<State>>);

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outbox")
            .field(&self.lock().frames.len())
            .finish()
    }
}

struct State {
    frames: VecDeque<Vec<u8>>,
    cost: usize,
    limit: usize,
    /// A frame was refused since the queue was last half empty.
    awaited: bool,
    closed: bool,
    waker: Option<Waker>,
}

/// The queue holds as many bytes as it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What the stream's side finds in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Popped {
    Frame(Vec<u8>),
    /// Nothing now; the task is woken when that changes.
    Empty,
    /// Nothing now or ever again.
    Finished,
}

impl Outbox {
    /// Creates a queue for about `limit` bytes; one frame always fits into an empty queue.
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            frames: VecDeque::new(),
            cost: 0,
            limit,
            awaited: false,
            closed: false,
            waker: None,
        })))
    }

    pub(super) fn push(&self, frame: Vec<u8>) -> Result<(), Full> {
        let mut state = self.lock();
        let cost = frame.len() + FRAME_OVERHEAD;
        if !state.frames.is_empty() && state.cost + cost > state.limit {
            state.awaited = true;
            return Err(Full);
        }
        if !state.closed {
            state.cost += cost;
            state.frames.push_back(frame);
            state.wake();
        }
        Ok(())
    }

    /// Lets the stream end once what is queued has been written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    pub(super) fn pop(&self, cx: &Context<'_>) -> Popped {
        let mut state = self.lock();
        match state.frames.pop_front() {
            Some(frame) => {
                state.cost -= frame.len() + FRAME_OVERHEAD;
                Popped::Frame(frame)
            }
            None if state.closed => Popped::Finished,
            None => {
                state.waker = Some(cx.waker().clone());
                state.frames = VecDeque::new();
                Popped::Empty
            }
        }
    }

    /// Whether frames wait; if not, the task is woken when one does.
    pub(super) fn has_frames(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if state.frames.is_empty() {
            state.waker = Some(cx.waker().clone());
        }
        !state.frames.is_empty()
    }

    /// Answers true once after a refusal, when half of the queue is free again.
    pub(super) fn take_drained(&self) -> bool {
        let mut state = self.lock();
        let drained = state.awaited && state.cost <= state.limit / 2;
        state.awaited &= !drained;
        drained
    }

    /// A panic elsewhere cannot leave the counters half changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn refuses_what_does_not_fit_and_tells_once_when_it_would() {
        let outbox = Outbox::new(1000);
        while outbox.push(vec![0; 100]).is_ok() {}
        assert!(!outbox.take_drained());

        let mut told = 0;
        while let Popped::Frame(_) = outbox.pop(&context()) {
            told += u32::from(outbox.take_drained());
        }

        assert_eq!(told, 1);
        assert_eq!(outbox.push(vec![0; 100]), Ok(()));
    }

    #[test]
    fn empty_frames_are_bounded_too() {
        let outbox = Outbox::new(64 * 1024);

        let fitted = (0..100_000)
            .take_while(|_| outbox.push(Vec::new()).is_ok())
            .count();

        assert_eq!(fitted, 1024);
    }

    #[test]
    fn one_frame_fits_whatever_its_size() {
        let outbox = Outbox::new(10);

        assert_eq!(outbox.push(vec![0; 1000]), Ok(()));
        assert_eq!(outbox.push(Vec::new()), Err(Full));
    }

    #[test]
    fn a_closed_queue_hands_out_what_it_holds_and_then_finishes() {
        let outbox = Outbox::new(1000);
        outbox.push(vec![7]).expect("it is empty");
        outbox.close();
        outbox.push(vec![8]).expect("silently dropped");

        assert_eq!(outbox.pop(&context()), Popped::Frame(vec![7]));
        assert_eq!(outbox.pop(&context()), Popped::Finished);
    }
}
