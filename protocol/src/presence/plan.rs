//! When our own node shows itself, and when it withdraws.

use std::time::{Duration, Instant};

use peerage_records::time::Timestamp;
use rand::RngExt;

use super::{NodePresence, Seen};
use crate::properties::{PresencePolicy, Properties};

/// By how many more than wanted may be present before one withdraws (GRA-029).
const SURPLUS: usize = 10;
/// How long one waits before it helps to correct the number, so that not all do at once.
const DELAY: std::ops::Range<Duration> = Duration::from_secs(30)..Duration::from_secs(180);
/// Between two records of our node: addresses can change by the second, and stores can fail.
const PAUSE: Duration = Duration::from_secs(5);

/// Decides when our own node says something.
#[derive(Debug, Default)]
pub struct Plan {
    /// The application wants the node to be shown, whatever the policy.
    forced: bool,
    /// When the number of nodes present is looked at again.
    look_again: Option<Instant>,
    /// Nothing is said before.
    not_before: Option<Instant>,
}

/// What a decision depends on.
#[derive(Debug)]
pub struct Situation<'a> {
    /// What the group's creator wants.
    pub properties: &'a Properties,
    /// What our node would say now.
    pub node: &'a NodePresence,
    /// What it has said last.
    pub said: Option<&'a Seen>,
    /// How many nodes are present, ours included.
    pub present: usize,
    /// When our membership ends.
    pub membership_end: Timestamp,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Say what there is to say now.
    Publish,
    /// Say that the node is gone.
    Withdraw,
}

impl Plan {
    /// Shows the node whatever the policy, or goes by the policy again.
    pub fn force(&mut self, forced: bool) {
        self.forced = forced;
    }

    /// Whether the node is shown whatever the policy.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.forced
    }

    /// Begins anew, after going offline.
    pub fn reset(&mut self) {
        self.look_again = None;
        self.not_before = None;
    }

    /// What to do now, and when to ask again: at an instant, or at a time by the calendar.
    pub fn step(
        &mut self,
        situation: &Situation<'_>,
        instant: Instant,
        now: Timestamp,
        rng: &mut impl RngExt,
    ) -> (Option<Step>, Option<Instant>, Option<Timestamp>) {
        let lifetime = situation.properties.presence_lifetime;
        let said = situation
            .said
            .filter(|said| said.node.present && said.expires > now);
        let step = if self.wants(situation, said.is_some(), instant, rng) {
            let refresh = said.map(|said| refresh_at(said, lifetime));
            let due = refresh.is_none_or(|at| at <= now)
                || said.is_some_and(|said| said.node != *situation.node);
            // Who is a member for less than one lifetime more says nothing new (GRP-173).
            let may = situation.membership_end >= now + lifetime;
            if !may {
                return (None, self.look_again, None);
            }
            if !due {
                return (None, self.look_again, refresh);
            }
            Step::Publish
        } else if said.is_some() {
            Step::Withdraw
        } else {
            return (None, self.look_again, None);
        };
        match self.not_before {
            Some(at) if at > instant => (None, Some(at), None),
            // If it fails, it is done again after the pause.
            _ => {
                self.not_before = Some(instant + PAUSE);
                (Some(step), self.not_before, None)
            }
        }
    }

    fn wants(
        &mut self,
        situation: &Situation<'_>,
        shown: bool,
        instant: Instant,
        rng: &mut impl RngExt,
    ) -> bool {
        let about = match situation.properties.presence {
            _ if self.forced => None,
            PresencePolicy::All => None,
            PresencePolicy::Nobody => {
                self.look_again = None;
                return false;
            }
            PresencePolicy::About(nodes) => Some(nodes as usize),
        };
        let Some(about) = about else {
            self.look_again = None;
            return true;
        };
        let wrong = if shown {
            situation.present > about + SURPLUS
        } else {
            situation.present < about
        };
        match self.look_again {
            _ if !wrong => {
                self.look_again = None;
                shown
            }
            None => {
                let delay = rng.random_range(DELAY.start.as_millis()..DELAY.end.as_millis());
                self.look_again = Some(instant + Duration::from_millis(delay as u64));
                shown
            }
            Some(at) if at > instant => shown,
            // It stays due until it is done, which shows in the number.
            Some(_) => !shown,
        }
    }
}

/// After two thirds of what the record has to live, so that one lost refresh does not show.
fn refresh_at(said: &Seen, lifetime: Duration) -> Timestamp {
    said.modified + lifetime.min(said.expires.since(said.modified)) * 2 / 3
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::{
        super::tests::{LIFE, NOW, member, online, record},
        *,
    };

    struct Fixture {
        plan: Plan,
        properties: Properties,
        node: NodePresence,
        said: Option<Seen>,
        present: usize,
        end: Timestamp,
        begin: Instant,
        rng: StdRng,
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn fixture(presence: PresencePolicy) -> Fixture {
        Fixture {
            plan: Plan::default(),
            properties: Properties {
                presence,
                ..Properties::default()
            },
            node: online(1),
            said: None,
            present: 0,
            end: NOW + LIFE * 1_000,
            begin: Instant::now(),
            rng: StdRng::seed_from_u64(1),
        }
    }

    impl Fixture {
        fn at(&mut self, after: Duration) -> Option<Step> {
            let situation = Situation {
                properties: &self.properties,
                node: &self.node,
                said: self.said.as_ref(),
                present: self.present,
                membership_end: self.end,
            };
            let (step, ..) =
                self.plan
                    .step(&situation, self.begin + after, NOW + after, &mut self.rng);
            step
        }

        fn say(&mut self) {
            self.said = Seen::of(&record(&self.node, member(1), None));
        }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_record_is_refreshed_after_two_thirds_and_when_it_says_something_else() {
        let mut f = fixture(PresencePolicy::All);
        assert_eq!(f.at(secs(0)), Some(Step::Publish));
        f.say();
        assert_eq!(f.at(secs(199)), None);
        assert_eq!(f.at(secs(200)), Some(Step::Publish));
        f.node.attributes = Some("away".into());
        assert_eq!(f.at(secs(202)), None, "not twice in five seconds");
        assert_eq!(f.at(secs(205)), Some(Step::Publish));
    }

    #[test]
    fn nobody_is_shown_when_none_are_wanted_unless_forced() {
        let mut f = fixture(PresencePolicy::Nobody);
        assert_eq!(f.at(secs(0)), None);
        f.plan.force(true);
        assert_eq!(f.at(secs(1)), Some(Step::Publish));
        f.say();
        assert_eq!(f.at(secs(200)), Some(Step::Publish), "refreshed");
        f.plan.force(false);
        assert_eq!(f.at(secs(206)), Some(Step::Withdraw));
    }

    #[test]
    fn a_membership_that_ends_within_one_lifetime_says_nothing() {
        let mut f = fixture(PresencePolicy::All);
        f.end = NOW + LIFE;
        assert_eq!(f.at(secs(0)), Some(Step::Publish));
        assert_eq!(f.at(secs(10)), None, "too late");
    }

    #[test]
    fn a_missing_one_comes_after_a_while_and_a_surplus_one_goes() {
        let mut f = fixture(PresencePolicy::About(5));
        f.present = 4;
        assert_eq!(f.at(secs(0)), None);
        assert_eq!(f.at(secs(29)), None);
        assert_eq!(f.at(secs(180)), Some(Step::Publish));
        f.say();
        f.present = 15;
        assert_eq!(f.at(secs(190)), None, "ten more are tolerated");
        f.present = 16;
        assert_eq!(f.at(secs(191)), None);
        f.present = 15;
        assert_eq!(f.at(secs(192)), None, "another one went meanwhile");
        f.present = 16;
        assert_eq!(f.at(secs(193)), None, "so it waits anew");
        assert_eq!(f.at(secs(199)), None);
    }
}
