//! Which revocations take effect: a pure function of the set of them, whatever the order of arrival.
//!
//! All revocations are put in one total order and taken one after the other. One takes effect unless
//! an earlier one that did voids the credential it was made with. The order:
//!
//! | step | goes first |
//! |---|---|
//! | 1. depth of the revoker's chain, the group's key having 0 | the nearer to the root |
//! | 2. when the revoker's credential was issued | the earlier |
//! | 3. the revoker's key, byte by byte | the lower |
//! | 4. the record's id, byte by byte | the lower |
//!
//! Nothing in it is the revoker's to choose: depth and date of issue are signed by its issuer. The date
//! a revocation carries has no say, so backdating one gains nothing. Two Admins who remove each other
//! while cut apart are told apart by 1 and 2: the senior stays, on every member.
//!
//! Why members converge: sorting and folding a set are functions of the set, and which version of a
//! record is in the set is decided by [`peerage_records::order`].

use std::{cmp::Ordering, collections::BTreeMap};

use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, IdentityKey, RecordId},
    order::wins,
    time::Timestamp,
};
use sha2::{Digest, Sha256};

use super::{ActId, VerifiedRevocation};
use crate::gmc::Link;

/// What the last subject of a chain signed, when that is what is judged.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// The act.
    pub act: ActId,
    /// A record's date. None for a revocation, which is kept by name or not at all.
    pub dated: Option<Timestamp>,
}

/// Whose standing a revocation may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nobody's.
    None,
    /// That of its subject, and of whoever is a member through it.
    Subject,
    /// Anybody's: other revocations may have gained or lost effect.
    Any,
}

/// All revocations of a group that are known, and those of them that take effect.
#[derive(Debug, Default)]
pub struct Revocations {
    all: BTreeMap<RecordId, (SignedRecord, VerifiedRevocation)>,
    /// In effect, by subject.
    effective: BTreeMap<IdentityKey, Vec<VerifiedRevocation>>,
    digest: u64,
}

impl Revocations {
    /// Takes a revocation; tells what that changed. Of two versions the one that wins stays.
    pub fn insert(&mut self, signed: &SignedRecord, verified: VerifiedRevocation) -> Effect {
        let id = verified.id();
        let held = self.all.get(&id);
        if held.is_some_and(|(held, _)| wins(signed, held) != Ordering::Greater) {
            return Effect::None;
        }
        let alone = held.is_none() && !self.bears_on_others(&verified) && {
            let links = verified.authority().map_or(&[][..], |gmc| gmc.links());
            let tail = Tail {
                act: verified.act(),
                dated: None,
            };
            self.voids(links, Some(tail)).is_none()
        };
        self.all.insert(id, (signed.clone(), verified.clone()));
        if !alone {
            self.settle();
            return Effect::Any;
        }
        let subject = verified.said().subject;
        let about = self.effective.entry(subject).or_default();
        let at = about.partition_point(|other| rank(other) < rank(&verified));
        about.insert(at, verified);
        self.digest = self.compute_digest();
        Effect::Subject
    }

    /// Forgets one; tells which version it was, and what that changed.
    pub(crate) fn remove(&mut self, id: &RecordId) -> Option<(EnvelopeHash, Effect)> {
        let (signed, one) = self.all.remove(id)?;
        let effect = if !self.is_effective(&one) {
            // Without effect, it had none on others either.
            Effect::None
        } else if self.bears_on_others(&one) {
            self.settle();
            Effect::Any
        } else {
            if let Some(about) = self.effective.get_mut(&one.said().subject) {
                about.retain(|other| other.act() != one.act());
            }
            self.effective.retain(|_, about| !about.is_empty());
            self.digest = self.compute_digest();
            Effect::Subject
        };
        Some((signed.hash(), effect))
    }

    /// Whether somebody revokes by a credential that this one may void. Hardly ever so: it saves
    /// settling everything anew for each of many.
    fn bears_on_others(&self, one: &VerifiedRevocation) -> bool {
        let subject = one.said().subject;
        self.all
            .values()
            .filter_map(|(_, other)| other.authority())
            .any(|gmc| gmc.links().iter().any(|link| link.subject == subject))
    }

    fn settle(&mut self) {
        let mut sorted: Vec<&VerifiedRevocation> = self.all.values().map(|(_, one)| one).collect();
        sorted.sort_by_key(|one| rank(one));
        let mut settled = Self::default();
        for one in sorted {
            let links = one.authority().map_or(&[][..], |gmc| gmc.links());
            let tail = Tail {
                act: one.act(),
                dated: None,
            };
            if settled.voids(links, Some(tail)).is_none() {
                settled
                    .effective
                    .entry(one.said().subject)
                    .or_default()
                    .push(one.clone());
            }
        }
        self.effective = settled.effective;
        self.digest = self.compute_digest();
    }

    /// The revocation in effect that voids a chain, or the act at its end.
    #[must_use]
    pub fn voids(&self, links: &[Link], tail: Option<Tail>) -> Option<&VerifiedRevocation> {
        links.iter().enumerate().find_map(|(depth, link)| {
            let next = links
                .get(depth + 1)
                .map(|next| next.certificate)
                .or(tail.map(|tail| tail.act));
            self.effective
                .get(&link.subject)?
                .iter()
                .find(|one| hits(one, depth, link, next, tail))
        })
    }

    /// Those in effect, by subject and then in their order.
    pub fn effective(&self) -> impl Iterator<Item = &VerifiedRevocation> {
        self.effective.values().flatten()
    }

    /// Those about one identity.
    #[must_use]
    pub fn about(&self, subject: &IdentityKey) -> &[VerifiedRevocation] {
        self.effective.get(subject).map_or(&[], Vec::as_slice)
    }

    /// All that are known, in effect or not.
    pub fn iter(&self) -> impl Iterator<Item = (&SignedRecord, &VerifiedRevocation)> {
        self.all.values().map(|(signed, one)| (signed, one))
    }

    /// The record by which this one is known.
    #[must_use]
    pub fn signed(&self, id: &RecordId) -> Option<&SignedRecord> {
        self.all.get(id).map(|(signed, _)| signed)
    }

    /// Whether this one takes effect.
    #[must_use]
    pub fn is_effective(&self, one: &VerifiedRevocation) -> bool {
        self.about(&one.said().subject)
            .iter()
            .any(|other| other.act() == one.act())
    }

    /// A number that is equal where the same revocations are in effect, 0 where none is.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    fn compute_digest(&self) -> u64 {
        if self.effective.is_empty() {
            return 0;
        }
        let mut hash = Sha256::new();
        for one in self.effective() {
            hash.update(one.act().0);
        }
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // 63 bits, so that it fits every integer it may travel in.
        u64::from_be_bytes(first) >> 1
    }
}

/// Where a revocation stands in the total order.
fn rank(one: &VerifiedRevocation) -> (usize, Timestamp, IdentityKey, RecordId) {
    let (depth, issued_at) = one
        .authority()
        .map_or((0, Timestamp::from_millis(0)), |gmc| {
            (gmc.depth(), gmc.issued_at())
        });
    (depth, issued_at, one.revoker(), one.id())
}

/// Whether `one`, which is about the subject of `link`, voids what hangs on that link.
fn hits(
    one: &VerifiedRevocation,
    depth: usize,
    link: &Link,
    next: Option<ActId>,
    tail: Option<Tail>,
) -> bool {
    let said = one.said();
    if link.issued_at >= said.before {
        return false;
    }
    // Who was made a member by the group's key is removed by the group's key, or leaves.
    if depth == 0 && one.authority().is_some() && one.revoker() != link.subject {
        return false;
    }
    let listed = |act: ActId| said.kept.lists(&act);
    let kept = next.is_some_and(listed)
        || tail.is_some_and(|tail| {
            listed(tail.act)
                || (said.kept.records_by_date && tail.dated.is_some_and(|date| date < said.before))
        });
    !kept
}
