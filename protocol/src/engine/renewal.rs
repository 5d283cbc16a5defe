//! Renewing the memberships of others before they end, where the group's policy gives a lifetime.
//!
//! Without a policy memberships last as long as their issuers', and an end somebody asked for is
//! meant: neither is renewed. With one, any online member with the right renews a membership issued
//! under it when two thirds of its lifetime are over: first its issuer, and if that one is not here,
//! another, each a little later, so that a group does not renew everybody as often as it has Admins.

use std::time::Duration;

use peerage_records::{
    id::{IdentityKey, ReplicaId},
    time::Timestamp,
};
use sha2::{Digest, Sha256};

use super::{Engine, Now, Terms, group::GroupState};
use crate::gmc::{MAX_CHAIN_GMCS, VerifiedGmc};

/// Renewals begun with one sweep: each costs a signature, a write and a flood.
const MAX_AT_ONCE: usize = 8;
/// Of the lifetime, in hundredths, within which those who did not issue a membership spread their
/// turns to renew it.
const SPREAD_PERCENT: u32 = 20;
/// How exactly a lifetime must be the policy's: certificates count whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);

impl Engine {
    /// Renews what is due and ours to renew.
    pub(super) fn renew_others(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get(&replica) else {
            return;
        };
        let due = due(state, now.timestamp);
        for (subject, not_after) in due {
            let terms = Terms {
                roles: None,
                not_after: Some(not_after),
            };
            self.begin_issue(None, replica, subject, terms, false, now);
        }
    }
}

/// Whose membership is to be renewed now, and until when.
fn due(state: &GroupState, now: Timestamp) -> Vec<(IdentityKey, Timestamp)> {
    let me = state.me();
    let policy = state.properties.as_ref();
    let lifetime = policy.and_then(|properties| properties.membership_lifetime);
    let (Some(lifetime), Some(mine)) = (lifetime, state.roster.get(&me)) else {
        return Vec::new();
    };
    if !state.synchronised
        || state.is_behind()
        || !mine.valid_at(now)
        || mine.depth() >= MAX_CHAIN_GMCS
    {
        return Vec::new();
    }
    let until = (now + lifetime).min(mine.not_after());
    state
        .roster
        .iter()
        .filter(|(subject, _)| **subject != me && !mine.issuer_path().contains(subject))
        .filter(|(_, gmc)| gmc.roles().iter().all(|role| mine.roles().may_issue(role)))
        .filter(|(_, gmc)| gmc.valid_at(now) && is_of_policy(gmc, lifetime))
        .filter(|(_, gmc)| now >= turn(gmc, &me))
        // Worth a new certificate only if it lasts noticeably longer.
        .filter(|(_, gmc)| until > gmc.not_after() + lifetime / 100)
        .map(|(subject, _)| (*subject, until))
        .take(MAX_AT_ONCE)
        .collect()
}

/// Whether the membership lasts as long as the policy says, or as long as its issuer's allowed.
fn is_of_policy(gmc: &VerifiedGmc, lifetime: Duration) -> bool {
    let own = gmc.not_after().since(gmc.issued_at());
    let by_policy = own.abs_diff(lifetime) <= ROUNDING;
    let links = gmc.links();
    let capped = links
        .len()
        .checked_sub(2)
        .is_some_and(|issuer| links[issuer].not_after == gmc.not_after());
    by_policy || (capped && own < lifetime)
}

/// When it is the turn of `me` to renew.
fn turn(gmc: &VerifiedGmc, me: &IdentityKey) -> Timestamp {
    let lifetime = gmc.not_after().since(gmc.issued_at());
    let due = gmc.issued_at() + lifetime / 3 * 2;
    if gmc.issuer() == *me {
        return due;
    }
    let digest = Sha256::new()
        .chain_update(me.as_bytes())
        .chain_update(gmc.subject().as_bytes())
        .finalize();
    // Between a tenth of the spread and all of it, so that the issuer comes first.
    let share = 26 + u32::from(digest[0]) * 230 / 256;
    due + lifetime / 100 * SPREAD_PERCENT / 256 * share
}
