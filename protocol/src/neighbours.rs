//! The bounded table of neighbours per group: who, since when, and who could be the next.
//!
//! Each node keeps [`MIN_NEIGHBOURS`] to [`MAX_NEIGHBOURS`] links per group and looks for more
//! below [`WANTED_NEIGHBOURS`]. A full node still takes a peer that has fewer than the minimum,
//! and sends one of its own away with referrals (the rule of HyParView, Leitão et al. 2007), so
//! nobody is left alone at a full table.
//!
//! Now and then comes a round of maintenance. A node with more neighbours than it wants parts with the
//! *least useful* one: the one that was the first to bring news the least often. Then, with neighbours
//! enough, it *explores*: it takes a random other member. So two halves of a group that were cut apart,
//! and are each content, find each other again. Who needs room displaces a random neighbour, so that
//! nobody stays by being quick alone.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{id::IdentityKey, time::Timestamp};
use rand::{Rng, RngExt, seq::IteratorRandom};

use crate::{admission::Admitted, gmc::VerifiedGmc};

/// Below this a node asks with urgency, and is not turned away.
pub const MIN_NEIGHBOURS: usize = 3;
/// Below this a node looks for more.
pub const WANTED_NEIGHBOURS: usize = 5;
/// Never more than this: each costs a gossip stream and its share of every flood.
pub const MAX_NEIGHBOURS: usize = 7;
/// Peers remembered as possible neighbours of a group; ~300 bytes each.
pub const MAX_CANDIDATES: usize = 256;
/// Attempts under way at once, so that one lookup does not dial a whole group.
pub(crate) const MAX_APPROACHES: usize = 4;
/// An attempt that led nowhere counts as failed after this.
pub(crate) const APPROACH_TIMEOUT: Duration = Duration::from_secs(15);
/// First pause after a failed attempt; doubles up to [`MAX_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(120);
/// How long a peer that broke the protocol is not approached nor admitted.
pub(crate) const BAN: Duration = Duration::from_secs(600);
/// A candidate that failed so often is forgotten when room is needed.
const MAX_FAILURES: u32 = 12;

/// An admitted peer we exchange the group's records with.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its identity's membership.
    pub gmc: VerifiedGmc,
    /// When the link opened.
    pub since: Timestamp,
    /// When its proof lapses.
    pub until: Timestamp,
    /// Where it listens.
    pub addresses: Vec<Multiaddr>,
    /// Messages from it that no honest peer could have sent.
    pub offences: u32,
    /// How often it was the first to bring something, of late.
    pub news: u32,
}

impl Neighbour {
    /// The member behind it.
    #[must_use]
    pub fn member(&self) -> IdentityKey {
        self.gmc.subject()
    }
}

#[derive(Debug)]
struct Candidate {
    addresses: Vec<Multiaddr>,
    failures: u32,
    not_before: Instant,
    /// Set while an attempt is under way.
    approach: Option<Instant>,
}

/// Neighbours and candidates of one group.
#[derive(Debug, Default)]
pub struct Neighbours {
    links: BTreeMap<PeerId, Neighbour>,
    candidates: BTreeMap<PeerId, Candidate>,
    banned: BTreeMap<PeerId, Instant>,
    /// Whom we approach without lacking neighbours.
    exploring: Option<PeerId>,
}

impl Neighbours {
    /// Current neighbours.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &Neighbour)> {
        self.links.iter()
    }

    /// One neighbour.
    #[must_use]
    pub fn get(&self, peer: &PeerId) -> Option<&Neighbour> {
        self.links.get(peer)
    }

    /// One neighbour, to be changed.
    pub fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Neighbour> {
        self.links.get_mut(peer)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether another link would be one too many.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.links.len() >= MAX_NEIGHBOURS
    }

    /// Hears of a peer that may be a member. Addresses are replaced when some are given.
    pub fn suggest(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, now: Instant) {
        if let Some(known) = self.candidates.get_mut(&peer) {
            if !addresses.is_empty() && known.addresses != addresses {
                known.addresses = addresses;
                // News about where it is, so worth a try now.
                if known.approach.is_none() {
                    known.not_before = known.not_before.min(now);
                }
            }
            return;
        }
        if self.candidates.len() >= MAX_CANDIDATES && !self.forget_one() {
            return;
        }
        self.candidates.insert(
            peer,
            Candidate {
                addresses,
                failures: 0,
                not_before: now,
                approach: None,
            },
        );
    }

    /// Forgets the least promising candidate that is neither a neighbour nor being approached.
    fn forget_one(&mut self) -> bool {
        let worst = self
            .candidates
            .iter()
            .filter(|(peer, c)| c.approach.is_none() && !self.links.contains_key(peer))
            .max_by_key(|(_, c)| c.failures)
            .filter(|(_, c)| c.failures > 0)
            .map(|(peer, _)| *peer);
        match worst {
            Some(peer) => self.candidates.remove(&peer).is_some(),
            None => false,
        }
    }

    /// Chooses whom to approach now, and marks the attempts as under way.
    pub fn approach(&mut self, now: Instant, rng: &mut impl Rng) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let under_way = self.under_way();
        let lacking = WANTED_NEIGHBOURS.saturating_sub(self.links.len() + under_way);
        let room = MAX_APPROACHES.saturating_sub(under_way);
        let links = &self.links;
        let banned = &self.banned;
        let mut ready: Vec<(&PeerId, &mut Candidate)> = self
            .candidates
            .iter_mut()
            .filter(|(peer, c)| {
                c.approach.is_none()
                    && c.not_before <= now
                    && !links.contains_key(peer)
                    && !banned.contains_key(peer)
            })
            .sample(rng, lacking.min(room));
        ready.sort_by_key(|(_, c)| c.failures);
        ready
            .into_iter()
            .map(|(peer, candidate)| {
                candidate.approach = Some(now);
                (*peer, candidate.addresses.clone())
            })
            .collect()
    }

    /// Chooses a member that is none of our neighbours, to be approached although we lack none.
    pub fn explore(
        &mut self,
        now: Instant,
        rng: &mut impl Rng,
    ) -> Option<(PeerId, Vec<Multiaddr>)> {
        if self.links.len() < WANTED_NEIGHBOURS || self.under_way() > 0 {
            return None;
        }
        let (links, banned) = (&self.links, &self.banned);
        let (peer, candidate) = self
            .candidates
            .iter_mut()
            .filter(|(peer, c)| {
                c.not_before <= now && !links.contains_key(peer) && !banned.contains_key(peer)
            })
            .choose(rng)?;
        candidate.approach = Some(now);
        self.exploring = Some(*peer);
        Some((*peer, candidate.addresses.clone()))
    }

    /// Whether this peer is to take the place of a neighbour.
    #[must_use]
    pub fn is_explored(&self, peer: &PeerId) -> bool {
        self.exploring.as_ref() == Some(peer)
    }

    /// Whether a link to this peer takes the place of another.
    #[must_use]
    pub fn displaces(&self, peer: &PeerId) -> bool {
        let many = self.is_explored(peer) && self.links.len() > WANTED_NEIGHBOURS;
        (self.is_full() || many) && !self.links.contains_key(peer)
    }

    /// Notes that a neighbour was the first to bring something.
    pub fn credit(&mut self, peer: &PeerId) {
        if let Some(neighbour) = self.links.get_mut(peer) {
            neighbour.news = neighbour.news.saturating_add(1);
        }
    }

    /// Looks the neighbours over: the least useful one when there are more than wanted. What was useful
    /// long ago counts less and less.
    pub fn review(&mut self, rng: &mut impl Rng) -> Option<PeerId> {
        let many = self.links.len() > WANTED_NEIGHBOURS;
        let least = self.links.values().map(|n| n.news).min()?;
        let worst = self
            .links
            .iter()
            .filter(|(_, neighbour)| neighbour.news == least)
            .map(|(peer, _)| *peer)
            .choose(rng);
        for neighbour in self.links.values_mut() {
            neighbour.news /= 2;
        }
        worst.filter(|_| many)
    }

    /// Notes that we are asking this peer now, whether we lack neighbours or not: it is the one an
    /// application wants.
    pub fn insist(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        self.suggest(peer, vec![address], now);
        if let Some(candidate) = self.candidates.get_mut(&peer) {
            candidate.approach = Some(now);
            self.exploring = Some(peer);
        }
    }

    /// Whether anybody is being approached.
    #[must_use]
    pub fn is_approaching(&self) -> bool {
        self.candidates.values().any(|c| c.approach.is_some())
    }

    fn under_way(&self) -> usize {
        self.candidates
            .values()
            .filter(|c| c.approach.is_some())
            .count()
    }

    /// Whether anything is known of this peer.
    #[must_use]
    pub fn knows(&self, peer: &PeerId) -> bool {
        self.candidates.contains_key(peer) || self.links.contains_key(peer)
    }

    /// Whether we are trying to become this peer's neighbour.
    #[must_use]
    pub fn is_approached(&self, peer: &PeerId) -> bool {
        self.candidates
            .get(peer)
            .is_some_and(|c| c.approach.is_some())
    }

    /// Whether this peer may not be admitted now.
    #[must_use]
    pub fn is_banned(&self, peer: &PeerId) -> bool {
        self.banned.contains_key(peer)
    }

    /// A link opened.
    pub fn opened(&mut self, admitted: &Admitted, timestamp: Timestamp, now: Instant) {
        self.suggest(admitted.peer, admitted.addresses.clone(), now);
        self.explored(&admitted.peer);
        if let Some(candidate) = self.candidates.get_mut(&admitted.peer) {
            candidate.failures = 0;
            candidate.approach = None;
        }
        self.links.insert(
            admitted.peer,
            Neighbour {
                gmc: admitted.gmc.clone(),
                since: timestamp,
                until: admitted.until,
                addresses: admitted.addresses.clone(),
                offences: 0,
                news: 0,
            },
        );
    }

    /// A link closed. The peer stays a candidate, to be tried again after a moment.
    pub fn lost(&mut self, peer: &PeerId, now: Instant, rng: &mut impl Rng) -> Option<Neighbour> {
        let neighbour = self.links.remove(peer)?;
        if let Some(candidate) = self.candidates.get_mut(peer) {
            // Not all who lost a neighbour return at the same instant.
            candidate.not_before = now + FIRST_PAUSE.mul_f64(rng.random_range(0.5..1.5));
            candidate.approach = None;
        }
        Some(neighbour)
    }

    /// Forgets a peer altogether: it is not looked for, and not named to others.
    pub fn forget(&mut self, peer: &PeerId) {
        self.explored(peer);
        self.links.remove(peer);
        self.candidates.remove(peer);
    }

    fn explored(&mut self, peer: &PeerId) {
        if self.is_explored(peer) {
            self.exploring = None;
        }
    }

    /// An attempt failed; the next one comes after a longer pause.
    pub fn failed(&mut self, peer: &PeerId, now: Instant, rng: &mut impl Rng) {
        self.explored(peer);
        let Some(candidate) = self.candidates.get_mut(peer) else {
            return;
        };
        candidate.approach = None;
        candidate.failures = (candidate.failures + 1).min(MAX_FAILURES);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << candidate.failures.min(8))
            .min(MAX_PAUSE);
        candidate.not_before = now + pause.mul_f64(rng.random_range(0.5..1.0));
    }

    /// Keeps a peer away that broke the protocol.
    pub fn ban(&mut self, peer: PeerId, now: Instant) {
        let first = self.banned.iter().min_by_key(|(_, until)| **until);
        if let Some((first, _)) = first.filter(|_| self.banned.len() >= MAX_CANDIDATES) {
            let first = *first;
            self.banned.remove(&first);
        }
        self.banned.insert(peer, now + BAN);
        self.explored(&peer);
        self.candidates.remove(&peer);
    }

    /// Chooses the neighbour that makes room for a newcomer.
    pub fn victim(&self, rng: &mut impl Rng) -> Option<PeerId> {
        self.links.keys().choose(rng).copied()
    }

    /// Others that `peer` may try instead of us.
    #[must_use]
    pub fn referrals(&self, peer: &PeerId) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.links
            .iter()
            .filter(|(other, n)| *other != peer && !n.addresses.is_empty())
            .map(|(other, n)| (*other, n.addresses.clone()))
            .collect()
    }

    /// Fails attempts that take too long and lifts bans that are over. Gives back the peers that failed.
    pub fn tick(&mut self, now: Instant, rng: &mut impl Rng) -> Vec<PeerId> {
        let stuck: Vec<PeerId> = self
            .candidates
            .iter()
            .filter(|(_, c)| c.approach.is_some_and(|at| now >= at + APPROACH_TIMEOUT))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in &stuck {
            self.failed(peer, now, rng);
        }
        self.banned.retain(|_, until| *until > now);
        stuck
    }

    /// When something here wants attention: an attempt to give up, a candidate to try.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        let attempts = self
            .candidates
            .values()
            .filter_map(|c| c.approach.map(|at| at + APPROACH_TIMEOUT));
        let under_way = self.under_way();
        let lacking =
            self.links.len() + under_way < WANTED_NEIGHBOURS && under_way < MAX_APPROACHES;
        let tries = self
            .candidates
            .iter()
            .filter(|(peer, c)| {
                lacking
                    && c.approach.is_none()
                    && !self.links.contains_key(peer)
                    && !self.banned.contains_key(peer)
            })
            .map(|(_, c)| c.not_before);
        attempts.chain(tries).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{admission::Handle, group::GroupKey, identity::Identity};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[expect(
        clippy::disallowed_methods,
        reason = "only an origin; no result depends on it"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&[number; 32]);
        PeerId::from_bytes(&bytes).unwrap()
    }

    fn admitted(number: u8) -> Admitted {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let identity = Identity::generate("peer", None, NOW, &mut rng).unwrap();
        let key = GroupKey::create("group", None, NOW, &mut rng).unwrap();
        let chain = key.issue_first(&identity.card(), NOW, &mut rng).unwrap();
        let group = key.root().id();
        Admitted {
            group,
            peer: peer(number),
            boot: [number; 16],
            gmc: crate::gmc::verify(&chain, &group, NOW).unwrap(),
            until: NOW + Duration::from_secs(3_600),
            vouched: NOW,
            addresses: Vec::new(),
            neighbours: 0,
            handle: Handle::new([number; 32]),
        }
    }

    #[derive(Debug, Clone)]
    enum Operation {
        Suggest(u8),
        Approach,
        Explore,
        Open(u8),
        Lose(u8),
        Fail(u8),
        Ban(u8),
        Wait(u64),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        use Operation::{Approach, Ban, Explore, Fail, Lose, Open, Suggest, Wait};
        prop_oneof![
            4 => any::<u8>().prop_map(Suggest),
            3 => Just(Approach),
            1 => Just(Explore),
            3 => (0u8..30).prop_map(Open),
            1 => (0u8..30).prop_map(Lose),
            2 => any::<u8>().prop_map(Fail),
            1 => (0u8..30).prop_map(Ban),
            2 => (0u64..200).prop_map(Wait),
        ]
    }

    #[test]
    fn the_least_useful_of_too_many_goes_and_nobody_else() {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let now = origin();
        let mut table = Neighbours::default();
        for number in 1..=WANTED_NEIGHBOURS as u8 {
            table.opened(&admitted(number), NOW, now);
        }
        assert_eq!(table.review(&mut rng), None, "there are not too many");
        table.opened(&admitted(20), NOW, now);
        table.opened(&admitted(21), NOW, now);
        for _ in 0..8 {
            for number in (1..=WANTED_NEIGHBOURS as u8).chain([20]) {
                table.credit(&peer(number));
            }
        }
        table.credit(&peer(21));
        table.credit(&peer(200));
        assert_eq!(table.review(&mut rng), Some(peer(21)));
        // What was useful once is so no longer.
        for _ in 0..4 {
            table.review(&mut rng);
        }
        table.credit(&peer(21));
        let next = table.review(&mut rng);
        assert!(next.is_some_and(|next| next != peer(21)));
    }

    proptest! {
        #[test]
        fn bounds_hold_and_wakeups_never_spin(
            operations in proptest::collection::vec(operation(), 0..300),
        ) {
            let mut rng = ChaCha20Rng::seed_from_u64(2);
            let mut now = origin();
            let mut table = Neighbours::default();
            let template = admitted(0);
            for operation in operations {
                match operation {
                    Operation::Suggest(p) => table.suggest(peer(p), Vec::new(), now),
                    Operation::Approach => {
                        for (chosen, _) in table.approach(now, &mut rng) {
                            prop_assert!(table.get(&chosen).is_none());
                            prop_assert!(!table.is_banned(&chosen));
                        }
                    }
                    Operation::Explore => {
                        table.explore(now, &mut rng);
                    }
                    // As the engine does: whoever takes a place has another leave first.
                    Operation::Open(p) => {
                        if table.displaces(&peer(p)) {
                            let victim = table.victim(&mut rng).unwrap();
                            table.lost(&victim, now, &mut rng);
                        }
                        let mut newcomer = template.clone();
                        newcomer.peer = peer(p);
                        table.opened(&newcomer, NOW, now);
                    }
                    Operation::Lose(p) => {
                        table.lost(&peer(p), now, &mut rng);
                    }
                    Operation::Fail(p) => table.failed(&peer(p), now, &mut rng),
                    Operation::Ban(p) => {
                        table.lost(&peer(p), now, &mut rng);
                        table.ban(peer(p), now);
                    }
                    Operation::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                prop_assert!(table.len() <= MAX_NEIGHBOURS);
                prop_assert!(table.candidates.len() <= MAX_CANDIDATES);
                prop_assert!(table.banned.len() <= MAX_CANDIDATES);
                prop_assert!(table.under_way() <= MAX_APPROACHES + 1, "and one exploration");
                // Whatever is due is done by one round.
                table.tick(now, &mut rng);
                table.approach(now, &mut rng);
                prop_assert!(table.next_wakeup().is_none_or(|at| at > now));
            }
        }
    }

    #[test]
    fn failed_attempts_are_repeated_ever_more_rarely() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut now = origin();
        let mut table = Neighbours::default();
        table.suggest(peer(1), Vec::new(), now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(table.approach(now, &mut rng).len(), 1);
            table.failed(&peer(1), now, &mut rng);
            assert!(table.approach(now, &mut rng).is_empty(), "not at once");
            let next = table.next_wakeup().unwrap();
            pauses.push(next - now);
            now = next;
        }
        assert!(pauses[0] >= FIRST_PAUSE && pauses[0] <= FIRST_PAUSE * 2);
        assert!(pauses.iter().all(|pause| *pause <= MAX_PAUSE));
        assert!(pauses[11] >= MAX_PAUSE / 2);
    }

    #[test]
    fn an_attempt_that_hangs_is_given_up() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let now = origin();
        let mut table = Neighbours::default();
        table.suggest(peer(1), Vec::new(), now);
        table.approach(now, &mut rng);
        let end = table.next_wakeup().unwrap();
        assert_eq!(end, now + APPROACH_TIMEOUT);
        table.tick(end, &mut rng);
        assert!(!table.is_approached(&peer(1)));
    }

    #[test]
    fn a_ban_ends() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let now = origin();
        let mut table = Neighbours::default();
        table.ban(peer(1), now);
        table.suggest(peer(1), Vec::new(), now);
        assert!(table.approach(now, &mut rng).is_empty());
        table.tick(now + BAN, &mut rng);
        assert_eq!(table.approach(now + BAN, &mut rng).len(), 1);
    }

    #[test]
    fn who_lacks_no_neighbours_explores_and_replaces_only_above_the_wanted_number() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let now = origin();
        let mut table = Neighbours::default();
        let mut newcomer = admitted(0);
        for number in 0..WANTED_NEIGHBOURS as u8 {
            table.suggest(peer(100), Vec::new(), now);
            assert!(
                table.explore(now, &mut rng).is_none(),
                "it lacks neighbours"
            );
            newcomer.peer = peer(number);
            table.opened(&newcomer, NOW, now);
        }
        assert!(table.explore(now, &mut rng).is_some());
        assert!(table.is_explored(&peer(100)) && !table.displaces(&peer(100)));
        newcomer.peer = peer(90);
        table.opened(&newcomer, NOW, now);
        assert!(table.displaces(&peer(100)) && !table.displaces(&peer(101)));
        table.failed(&peer(100), now, &mut rng);
        assert!(!table.is_explored(&peer(100)));
    }
}
