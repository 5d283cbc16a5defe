//! One search of the DHT: merges what the nodes answer and says when to stop asking.

use peerage_records::time::Timestamp;

use super::set::{EntrySet, Merged, SetError, VerifiedSet};
use crate::cloud::Cloud;

/// So many answers in a row without news end a search early: the replicas agree, as far as they are honest.
/// A full set is 72 KiB, so asking all 20 replicas each time would cost more than it finds.
pub const ENOUGH_QUIET_ANSWERS: usize = 3;

/// The answers to one search for a group.
///
/// Feed every value found to [`heard`](Self::heard), end the search on [`Progress::Enough`] or when the DHT
/// says so, then open [`found`](Self::found).
///
/// It needs no secret: whoever runs the search learns no more than the storing nodes know.
#[derive(Debug)]
pub struct Lookup {
    cloud: Cloud,
    key: [u8; 32],
    found: Option<VerifiedSet>,
    quiet_answers: usize,
}

impl Lookup {
    /// Starts a search for what lies at a key of a cloud.
    pub fn new(cloud: Cloud, key: [u8; 32]) -> Self {
        Self {
            cloud,
            key,
            found: None,
            quiet_answers: 0,
        }
    }

    /// Takes the value one node answered. A bad value changes nothing.
    ///
    /// # Errors
    /// The value is no verifiable set for this key; count it against the node that sent it.
    pub fn heard(&mut self, value: &[u8], now: Timestamp) -> Result<Progress, SetError> {
        let set =
            EntrySet::decode(value)?.verify(&self.cloud, &self.key, self.found.as_ref(), now)?;
        let merged = match &mut self.found {
            Some(found) => found.merge(set),
            None => {
                self.found = Some(set);
                Merged::Changed
            }
        };
        match merged {
            Merged::Changed => {
                self.quiet_answers = 0;
                Ok(Progress::News)
            }
            Merged::Unchanged => {
                self.quiet_answers += 1;
                if self.quiet_answers >= ENOUGH_QUIET_ANSWERS {
                    Ok(Progress::Enough)
                } else {
                    Ok(Progress::Continue)
                }
            }
        }
    }

    /// Everything heard so far, merged.
    pub fn found(&self) -> Option<&VerifiedSet> {
        self.found.as_ref()
    }
}

/// Whether more answers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The answer brought something; more may bring more. Worth looking at [`Lookup::found`] at once: a
    /// search may go on for seconds over nodes that are gone.
    News,
    /// The answer brought nothing new; others may.
    Continue,
    /// The search may end here.
    Enough,
}
