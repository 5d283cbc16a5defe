//! Do records come in line with the neighbours'?
//!
//! Neighbours compare their records about once a minute, and one comparison ends within ten. When none
//! has ended for longer, something keeps them apart.

use std::time::Duration;

use super::span;
use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// Longer than the longest comparison takes and the pause before it.
pub const STUCK_AFTER: Duration = Duration::from_secs(15 * 60);

/// A newcomer whose neighbours cannot bring it up to date within this time has none who is.
pub const NEWCOMERS_PATIENCE: Duration = Duration::from_secs(2 * 60);

/// A group and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The group's peer name.
    pub group: String,
    /// The group, for people.
    pub friendly_name: String,
    /// Whether it has been brought up to date.
    pub synchronised: bool,
    /// For how long there has been a neighbour.
    pub connected: Duration,
    /// For each neighbour, for people: how long ago records were last compared with it, or how long it
    /// has been one without that.
    pub neighbours: Vec<(String, Duration)>,
}

/// Looks at each of them.
#[must_use]
pub fn check(groups: &[Progress]) -> Vec<Finding> {
    let mut found: Vec<Finding> = groups
        .iter()
        .filter_map(|one| one.trouble().map(|found| found.of_group(&one.group)))
        .collect();
    if found.is_empty() {
        let compared: usize = groups.iter().map(|group| group.neighbours.len()).sum();
        let detail = match compared {
            0 => "no neighbour to compare with".to_owned(),
            count => format!("records are compared with {count} neighbour(s)"),
        };
        found.push(Finding::ok(Check::Synchronisation, detail));
    }
    found
}

impl Progress {
    fn trouble(&self) -> Option<Finding> {
        let (group, name) = (&self.friendly_name, &self.group);
        if !self.synchronised && self.connected > NEWCOMERS_PATIENCE {
            let detail = format!(
                "{group} was not brought up to date, though there are neighbours for {}: none of them is up to date",
                span(self.connected)
            );
            let next = format!(
                "wait until a member comes online that is, or name one: peerage group connect {name} --address ADDRESS"
            );
            return Some(Finding::problem(
                Check::Synchronisation,
                ErrorKind::Retry,
                detail,
                next,
            ));
        }
        let stuck: Vec<&(String, Duration)> = self
            .neighbours
            .iter()
            .filter(|(_, ago)| *ago > STUCK_AFTER)
            .collect();
        let (_, longest) = stuck.iter().max_by_key(|(_, ago)| *ago)?;
        let names: Vec<&str> = stuck.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        let next = format!(
            "connect anew: peerage group close {name}; peerage group connect {name}; then look at the daemon's log"
        );
        let detail = format!(
            "records of {group} were not compared with {names} for {}",
            span(*longest)
        );
        let kind = ErrorKind::Retry;
        // With one neighbour that works, records arrive.
        if stuck.len() < self.neighbours.len() && self.synchronised {
            return Some(Finding::warning(Check::Synchronisation, kind, detail, next));
        }
        Some(Finding::problem(Check::Synchronisation, kind, detail, next))
    }
}
