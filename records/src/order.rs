//! Which of two versions of a record wins: the same one on every peer, in whatever order they arrive.
//!
//! The first difference decides:
//!
//! | step | winner |
//! |---|---|
//! | 1. version | the higher |
//! | 2. modifier present in exactly one | the one that has a modifier |
//! | 3. modifier's key, byte by byte | the higher |
//! | 4. modification time | the later |
//! | 5. signature, byte by byte (all are 64 bytes long) | the higher |
//! | 6. complete envelope, byte by byte | the higher |
//!
//! Steps 1 to 5 are the original's. Deletion has no rank of its own, and time comes after the version and
//! the modifier, so that no wrong clock beats a count. Step 6 makes the order total without trusting that
//! nobody can find two records under one signature: two envelopes that compare equal *are* equal.
//!
//! Why peers converge: a lexicographic comparison of totally ordered keys is a total order, and keeping
//! the greater of two elements of a total order is commutative, associative and idempotent. So what is
//! held after hearing any set of versions is its maximum, however often and in whatever order they came.

use std::cmp::Ordering;

use crate::codec::SignedRecord;

/// Compares two versions of one record: `Greater` if `challenger` takes the place of `held`, `Equal` if
/// they are the same envelope.
#[must_use]
pub fn wins(challenger: &SignedRecord, held: &SignedRecord) -> Ordering {
    let (new, old) = (challenger.record(), held.record());
    new.version
        .cmp(&old.version)
        // `None` is less than any key, so this is step 2 and step 3.
        .then_with(|| new.modifier.cmp(&old.modifier))
        .then_with(|| new.modified.cmp(&old.modified))
        .then_with(|| challenger.signature().cmp(held.signature()))
        .then_with(|| challenger.bytes().cmp(held.bytes()))
}

#[cfg(test)]
mod tests;
