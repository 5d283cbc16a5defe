//! When to publish and when to search. Each is asked for its next time and told what happened.

use std::time::Duration;

use peerage_records::time::Timestamp;
use rand::RngExt;

use super::entry::{FUTURE_TOLERANCE, MAX_LIFETIME};

/// Waits before publishing again after a failure: doubling from the first to the second.
const FIRST_RETRY: Duration = Duration::from_secs(15);
const LAST_RETRY: Duration = Duration::from_secs(5 * 60);

/// A change of address is published at once, but not more often than this.
const MIN_REPUBLISH: Duration = Duration::from_secs(30);

/// Searches are spaced doubling from the first to the second.
pub(crate) const FIRST_SEARCH_SPACING: Duration = Duration::from_secs(5);
pub(crate) const LAST_SEARCH_SPACING: Duration = Duration::from_secs(15 * 60);

/// The two times of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Later than that of every earlier entry.
    pub sequence: Timestamp,
    /// A lifetime later, so also later than every earlier entry's: a withdrawal outlives what it withdraws.
    pub expires: Timestamp,
}

/// When one group's entry is published: three times per lifetime, so that two may fail.
#[derive(Clone, Debug)]
pub struct PublishSchedule {
    lifetime: Duration,
    next: Option<Timestamp>,
    last: Option<Timestamp>,
    retry: Duration,
}

impl PublishSchedule {
    /// Starts a schedule that is due at once. Lifetimes over [`MAX_LIFETIME`] are shortened to it.
    pub fn new(lifetime: Duration) -> Self {
        Self {
            lifetime: lifetime.clamp(Duration::from_millis(1), MAX_LIFETIME),
            next: None,
            last: None,
            retry: FIRST_RETRY,
        }
    }

    /// When to publish next; `now` or earlier means at once.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        if self.clock_was_set_back(now) {
            return now;
        }
        self.next.unwrap_or(now)
    }

    /// Stamps the entry that is published now and schedules the next.
    pub fn publish(&mut self, now: Timestamp, rng: &mut impl rand::CryptoRng) -> Stamp {
        let stamp = self.stamp(now);
        self.next = Some(now + jittered(self.lifetime / 3, rng));
        stamp
    }

    /// The entry published last reached nobody: tries again soon, then later and later.
    pub fn failed(&mut self, now: Timestamp, rng: &mut impl rand::CryptoRng) {
        self.next = Some(now + jittered(self.retry.min(self.lifetime / 3), rng));
        self.retry = (self.retry * 2).min(LAST_RETRY);
    }

    /// The entry published last was stored.
    pub fn succeeded(&mut self) {
        self.retry = FIRST_RETRY;
    }

    /// What is published is no longer true, for example the addresses: publishes as soon as is decent.
    pub fn hasten(&mut self, now: Timestamp) {
        let decent = self.last.map_or(now, |last| last + MIN_REPUBLISH).max(now);
        self.next = Some(self.next.map_or(decent, |next| next.min(decent)));
    }

    /// Stamps the withdrawal, or nothing if there is nothing to withdraw. Due at once again afterwards, for
    /// when the member comes back.
    pub fn withdraw(&mut self, now: Timestamp) -> Option<Stamp> {
        self.last?;
        let stamp = self.stamp(now);
        self.next = None;
        Some(stamp)
    }

    fn stamp(&mut self, now: Timestamp) -> Stamp {
        let after_last = self
            .last
            .filter(|_| !self.clock_was_set_back(now))
            .map(|last| last + Duration::from_millis(1));
        let sequence = after_last.map_or(now, |after| after.max(now));
        self.last = Some(sequence);
        Stamp {
            sequence,
            expires: sequence + self.lifetime,
        }
    }

    /// What was stamped by a clock so far ahead was refused everywhere; it binds us to nothing.
    fn clock_was_set_back(&self, now: Timestamp) -> bool {
        self.last.is_some_and(|last| last > now + FUTURE_TOLERANCE)
    }
}

/// When one group is searched for: often at first, rarely once there is nothing new.
#[derive(Clone, Debug)]
pub struct SearchSchedule {
    next: Option<Timestamp>,
    spacing: Duration,
}

impl SearchSchedule {
    /// Starts a schedule that is due at once.
    pub fn new() -> Self {
        Self {
            next: None,
            spacing: FIRST_SEARCH_SPACING,
        }
    }

    /// When to search next; `now` or earlier means at once.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        // A clock that was set back must not postpone the search beyond the longest spacing.
        self.next.map_or(now, |next| {
            next.min(now + jitter_bound(LAST_SEARCH_SPACING))
        })
    }

    /// A search starts now; the next follows after twice the wait.
    pub fn search(&mut self, now: Timestamp, rng: &mut impl rand::CryptoRng) {
        self.next = Some(now + jittered(self.spacing, rng));
        self.spacing = (self.spacing * 2).min(LAST_SEARCH_SPACING);
    }

    /// Neighbours were lost: searches as eagerly as at the start, the first time after the shortest wait.
    pub fn lost_neighbours(&mut self, now: Timestamp, rng: &mut impl rand::CryptoRng) {
        self.spacing = FIRST_SEARCH_SPACING;
        let soon = now + jittered(self.spacing, rng);
        self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
    }
}

impl Default for SearchSchedule {
    fn default() -> Self {
        Self::new()
    }
}

/// 90 % to 110 % of a wait, so that members that started together do not stay together.
fn jittered(wait: Duration, rng: &mut impl rand::CryptoRng) -> Duration {
    let tenth = wait / 10;
    let spread = u64::try_from((tenth * 2).as_millis()).unwrap_or(u64::MAX);
    wait - tenth + Duration::from_millis(rng.random_range(0..=spread))
}

fn jitter_bound(wait: Duration) -> Duration {
    wait + wait / 10
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(3600);

    fn start() -> (Timestamp, ChaCha20Rng) {
        (
            Timestamp::from_secs(1_800_000_000),
            ChaCha20Rng::seed_from_u64(5),
        )
    }

    #[test]
    fn an_entry_is_published_three_times_in_its_lifetime() {
        let (mut now, mut rng) = start();
        let began = now;
        let mut schedule = PublishSchedule::new(LIFETIME);
        let mut published = 0;
        while now.since(began) < LIFETIME * 10 {
            let stamp = schedule.publish(now, &mut rng);
            schedule.succeeded();
            published += 1;
            now = schedule.next(now);
            assert!(now < stamp.expires, "republished before it expires");
        }
        assert!((28..=33).contains(&published), "{published}");
    }

    #[test]
    fn sequences_grow_though_the_clock_steps_back_a_little() {
        let (now, mut rng) = start();
        let mut schedule = PublishSchedule::new(LIFETIME);
        let first = schedule.publish(now, &mut rng);
        let second = schedule.publish(now - Duration::from_secs(300), &mut rng);
        let third = schedule.withdraw(now).unwrap();
        assert!(first.sequence < second.sequence && second.sequence < third.sequence);
        assert!(first.expires < third.expires);
    }

    #[test]
    fn a_clock_set_right_publishes_at_once_with_the_right_time() {
        let (now, mut rng) = start();
        let mut schedule = PublishSchedule::new(LIFETIME);
        schedule.publish(now + Duration::from_secs(86_400), &mut rng);
        assert_eq!(schedule.next(now), now);
        assert_eq!(schedule.publish(now, &mut rng).sequence, now);
        assert!(schedule.next(now) > now);
    }

    #[test]
    fn nothing_published_is_not_withdrawn() {
        let (now, _) = start();
        assert_eq!(PublishSchedule::new(LIFETIME).withdraw(now), None);
    }

    #[test]
    fn failures_are_retried_with_growing_waits() {
        let (mut now, mut rng) = start();
        let mut schedule = PublishSchedule::new(LIFETIME);
        let mut waits = Vec::new();
        for _ in 0..8 {
            schedule.publish(now, &mut rng);
            schedule.failed(now, &mut rng);
            waits.push(schedule.next(now).since(now));
            now = schedule.next(now);
        }
        assert!(waits[0] < Duration::from_secs(17));
        assert!(waits[1] > waits[0] && waits[2] > waits[1]);
        assert!(waits[7] <= jitter_bound(LAST_RETRY));
    }

    #[test]
    fn a_changed_address_is_published_soon_but_not_in_a_storm() {
        let (now, mut rng) = start();
        let mut schedule = PublishSchedule::new(LIFETIME);
        schedule.publish(now, &mut rng);
        schedule.hasten(now);
        schedule.hasten(now);
        assert_eq!(schedule.next(now), now + MIN_REPUBLISH);
        let later = now + Duration::from_secs(600);
        schedule.hasten(later);
        assert!(schedule.next(later) <= later);
    }

    #[test]
    fn searches_become_rare_and_eager_again_after_a_loss() {
        let (mut now, mut rng) = start();
        let mut schedule = SearchSchedule::new();
        assert_eq!(schedule.next(now), now);
        for _ in 0..20 {
            schedule.search(now, &mut rng);
            let next = schedule.next(now);
            assert!(next > now && next <= now + jitter_bound(LAST_SEARCH_SPACING));
            now = next;
        }
        schedule.search(now, &mut rng);
        assert!(schedule.next(now).since(now) > Duration::from_secs(600));
        schedule.lost_neighbours(now, &mut rng);
        assert!(schedule.next(now).since(now) < Duration::from_secs(6));
    }
}
