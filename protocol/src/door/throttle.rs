//! How often a password may be tried: per peer, and over all peers, because peer ids cost nothing.
//!
//! With the group's allowance a porter answers at most 30 + 24 · 30 tries on the first day and 720 on
//! every other. A password of the weakest kind that is accepted takes a hundred million.
//!
//! An attempt that succeeds costs nothing, so that many honest visitors do not lock one another out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;

/// Attempts of one peer in a row.
pub const ATTEMPTS_PER_PEER: u32 = 5;
/// How long a peer earns another one: five in ten minutes.
pub const ATTEMPT_PAUSE: Duration = Duration::from_secs(120);
/// Attempts at one group's door in a row, over all peers.
pub const GROUP_ATTEMPTS: u32 = 30;
/// How long the door earns another one: thirty an hour.
pub const GROUP_ATTEMPT_PAUSE: Duration = Duration::from_secs(120);

/// Rings without a password, of one peer in a row: it asks, and later asks whether it was accepted.
const RINGS_PER_PEER: u32 = 10;
const RING_PAUSE: Duration = Duration::from_secs(20);
/// Such rings at one door in a row. Each costs us a few signatures.
const GROUP_RINGS: u32 = 200;
const GROUP_RING_PAUSE: Duration = Duration::from_millis(500);

/// A bucket that holds so many, and earns one more in every pause.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    since: Instant,
}

impl Bucket {
    const fn full(limit: u32, now: Instant) -> Self {
        Self {
            left: limit,
            since: now,
        }
    }

    fn earn(&mut self, limit: u32, pause: Duration, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let earned = u32::try_from(passed.as_millis() / pause.as_millis()).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= limit {
            *self = Self::full(limit, now);
        } else {
            self.left += earned;
            self.since += pause * earned;
        }
    }
}

/// One allowance: a bucket for all, and one for each peer that has used some.
#[derive(Debug)]
struct Allowance {
    per_peer: (u32, Duration),
    of_all: (u32, Duration),
    all: Option<Bucket>,
    /// Only peers that are short of something, so never more than the common bucket has let through.
    peers: BTreeMap<PeerId, Bucket>,
}

impl Allowance {
    const fn new(per_peer: (u32, Duration), of_all: (u32, Duration)) -> Self {
        Self {
            per_peer,
            of_all,
            all: None,
            peers: BTreeMap::new(),
        }
    }

    fn take(&mut self, peer: PeerId, now: Instant) -> bool {
        let (limit, pause) = self.per_peer;
        self.peers.retain(|_, bucket| {
            bucket.earn(limit, pause, now);
            bucket.left < limit
        });
        let (limit_of_all, pause_of_all) = self.of_all;
        let all = self
            .all
            .get_or_insert_with(|| Bucket::full(limit_of_all, now));
        all.earn(limit_of_all, pause_of_all, now);
        let own = self.peers.get(&peer).map_or(limit, |bucket| bucket.left);
        if own == 0 || all.left == 0 {
            return false;
        }
        all.left -= 1;
        self.peers
            .entry(peer)
            .or_insert_with(|| Bucket::full(limit, now))
            .left -= 1;
        true
    }

    fn give_back(&mut self, peer: &PeerId) {
        if let Some(bucket) = self.peers.get_mut(peer) {
            bucket.left = (bucket.left + 1).min(self.per_peer.0);
        }
        if let Some(all) = &mut self.all {
            all.left = (all.left + 1).min(self.of_all.0);
        }
    }
}

/// The allowances of one door on this node.
#[derive(Debug)]
pub struct Throttle {
    attempts: Allowance,
    rings: Allowance,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            attempts: Allowance::new(
                (ATTEMPTS_PER_PEER, ATTEMPT_PAUSE),
                (GROUP_ATTEMPTS, GROUP_ATTEMPT_PAUSE),
            ),
            rings: Allowance::new(
                (RINGS_PER_PEER, RING_PAUSE),
                (GROUP_RINGS, GROUP_RING_PAUSE),
            ),
        }
    }
}

impl Throttle {
    /// Takes an attempt at the password; whether there was one.
    pub fn attempt(&mut self, peer: PeerId, now: Instant) -> bool {
        self.attempts.take(peer, now)
    }

    /// The attempt was no guess.
    pub fn succeeded(&mut self, peer: &PeerId) {
        self.attempts.give_back(peer);
    }

    /// Takes a ring without a password; whether there was one.
    pub fn ring(&mut self, peer: PeerId, now: Instant) -> bool {
        self.rings.take(peer, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[expect(clippy::disallowed_methods, reason = "an origin for instants")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn one_peer_gets_five_attempts_and_then_one_every_two_minutes() {
        let (mut throttle, now, peer) = (Throttle::default(), start(), PeerId::random());
        let tries =
            |throttle: &mut Throttle, at| (0..100).filter(|_| throttle.attempt(peer, at)).count();
        assert_eq!(tries(&mut throttle, now), 5);
        assert_eq!(tries(&mut throttle, now + ATTEMPT_PAUSE), 1);
        assert_eq!(tries(&mut throttle, now + ATTEMPT_PAUSE * 4), 3);
        assert_eq!(tries(&mut throttle, now + HOUR), 5);
    }

    #[test]
    fn many_peers_share_what_the_group_allows_and_leave_nothing_behind() {
        let (mut throttle, now) = (Throttle::default(), start());
        let tries = |throttle: &mut Throttle, at| {
            (0..1_000)
                .filter(|_| throttle.attempt(PeerId::random(), at))
                .count()
        };
        assert_eq!(tries(&mut throttle, now), 30);
        assert!(throttle.attempts.peers.len() <= 30);
        assert_eq!(tries(&mut throttle, now + HOUR), 30);
        let day: usize = (2..26)
            .map(|hour| tries(&mut throttle, now + HOUR * hour))
            .sum();
        assert!(day <= 24 * 30, "{day} tries in a day");
        throttle.attempt(PeerId::random(), now + HOUR * 48);
        assert_eq!(throttle.attempts.peers.len(), 1);
    }

    #[test]
    fn who_knows_the_password_uses_nothing_up() {
        let (mut throttle, now) = (Throttle::default(), start());
        for _ in 0..200 {
            let peer = PeerId::random();
            assert!(throttle.attempt(peer, now));
            throttle.succeeded(&peer);
        }
    }
}
