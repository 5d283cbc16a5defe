//! Are other members found?

use std::time::Duration;

use super::span;
use crate::{
    ErrorKind,
    model::{Check, Finding, GroupStatus},
};

/// A search that takes longer has most likely nobody to find.
const PATIENCE: Duration = Duration::from_secs(30);

/// A group, and how far it has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// The group's peer name.
    pub group: String,
    /// The group, for people.
    pub friendly_name: String,
    /// How far the node has got with it.
    pub status: GroupStatus,
    /// For how long.
    pub lasting: Duration,
    /// Members known, ourselves among them.
    pub members: usize,
    /// Members connected to this node.
    pub neighbours: usize,
}

/// Looks at each of them.
#[must_use]
pub fn check(groups: &[Company]) -> Vec<Finding> {
    let mut found: Vec<Finding> = groups
        .iter()
        .filter_map(|one| one.trouble().map(|found| found.of_group(&one.group)))
        .collect();
    if found.is_empty() {
        let online = groups.iter().filter(|one| one.neighbours > 0).count();
        let detail = match groups.len() {
            0 => "no group yet".to_owned(),
            count => format!("{online} of {count} groups have neighbours"),
        };
        found.push(Finding::ok(Check::Members, detail));
    }
    found
}

impl Company {
    fn trouble(&self) -> Option<Finding> {
        let (group, name) = (&self.friendly_name, &self.group);
        let lasting = span(self.lasting);
        let next = format!(
            "see whether anybody answers: peerage group ping {name}; or name an address: peerage group connect {name} --address ADDRESS"
        );
        match self.status {
            GroupStatus::Connecting if self.lasting >= PATIENCE => {
                let detail = format!("no member of {group} was found in {lasting}");
                Some(Finding::problem(
                    Check::Members,
                    ErrorKind::Retry,
                    detail,
                    next,
                ))
            }
            GroupStatus::Listening if self.members > 1 && self.lasting >= PATIENCE => {
                let others = self.members - 1;
                let detail = format!(
                    "alone in {group} for {lasting}: of {others} other member(s) none is connected"
                );
                Some(Finding::warning(
                    Check::Members,
                    ErrorKind::Retry,
                    detail,
                    next,
                ))
            }
            GroupStatus::Refused => {
                let detail = format!("not let into {group}: the password is wrong");
                let next = "join again with the right one: peerage group join ADDRESS --password-file FILE";
                Some(Finding::problem(
                    Check::Members,
                    ErrorKind::NotAuthorised,
                    detail,
                    next,
                ))
            }
            _ => None,
        }
    }
}
