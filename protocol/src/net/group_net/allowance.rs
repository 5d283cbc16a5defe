//! So many of something in a while, and then no more until the while is over.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_timer::Delay;

#[derive(Debug)]
pub(super) struct Allowance {
    limit: u32,
    window: Duration,
    left: u32,
    timer: Option<Delay>,
}

impl Allowance {
    /// At most `limit` in each `window`, which begins with the first use.
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window,
            left: limit,
            timer: None,
        }
    }

    /// Uses one, if there is one.
    pub(super) fn take(&mut self) -> bool {
        // Nobody waits for the window to end, so nobody needs to be woken.
        let mut cx = Context::from_waker(Waker::noop());
        if let Some(timer) = &mut self.timer
            && let Poll::Ready(()) = Pin::new(timer).poll(&mut cx)
        {
            self.timer = None;
            self.left = self.limit;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.timer.get_or_insert_with(|| Delay::new(self.window));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_in_one_window() {
        let mut allowance = Allowance::new(3, Duration::from_secs(3600));

        assert_eq!((0..10).filter(|_| allowance.take()).count(), 3);
    }

    #[test]
    fn a_new_window_brings_a_new_limit() {
        let mut allowance = Allowance::new(1, Duration::ZERO);
        assert!(allowance.take());

        let again = std::iter::repeat_with(|| allowance.take()).take(10_000_000);

        assert!(again.into_iter().any(|taken| taken));
    }
}
