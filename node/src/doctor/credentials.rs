//! Do our memberships hold, and for how long?

use std::time::Duration;

use peerage_records::time::Timestamp;

use super::span;
use crate::{
    ErrorKind,
    model::{Check, Finding, instant_text},
};

/// A longer rest than this is no reason to worry, however long the whole is.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// One membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The group's peer name.
    pub group: String,
    /// The group, for people.
    pub friendly_name: String,
    /// The member, for people.
    pub identity: String,
    /// Start.
    pub not_before: Timestamp,
    /// End.
    pub not_after: Timestamp,
    /// Whether the group has taken it away, as far as is known here.
    pub revoked: bool,
}

/// Looks at each of them.
#[must_use]
pub fn check(now: Timestamp, credentials: &[Credential]) -> Vec<Finding> {
    let mut found: Vec<Finding> = credentials
        .iter()
        .filter_map(|one| one.trouble(now).map(|found| found.of_group(&one.group)))
        .collect();
    if found.is_empty() {
        let detail = match credentials.len() {
            0 => "no membership yet".to_owned(),
            count => format!("{count} valid"),
        };
        found.push(Finding::ok(Check::Credentials, detail));
    }
    found
}

impl Credential {
    fn trouble(&self, now: Timestamp) -> Option<Finding> {
        let (member, group) = (&self.identity, &self.friendly_name);
        let whose = format!("the membership of {member} in {group}");
        let anew = "ask a member who may invite for a new invitation; then: peerage join FILE";
        if self.revoked {
            let detail = format!("{whose} was taken away");
            return Some(problem(ErrorKind::NotAuthorised, detail, anew));
        }
        if now < self.not_before {
            let detail = format!(
                "{whose} begins at {}, in {} by this computer's clock",
                instant_text(self.not_before),
                span(self.not_before.since(now))
            );
            let next = "check the clock: timedatectl; otherwise wait, or ask for a new invitation";
            return Some(problem(ErrorKind::NotAuthorised, detail, next));
        }
        if now > self.not_after {
            let detail = format!(
                "{whose} expired at {}, {} ago",
                instant_text(self.not_after),
                span(now.since(self.not_after))
            );
            return Some(problem(ErrorKind::NotAuthorised, detail, anew));
        }
        let left = self.not_after.since(now);
        let life = self.not_after.since(self.not_before);
        // Members who may do so renew it after two thirds of its life.
        if left < SOON && left < life / 3 {
            let detail = format!("{whose} ends in {} and was not renewed yet", span(left));
            let next = format!(
                "go online with a member who may renew it (peerage group connect {}), or have it done: peerage member renew {}",
                self.group, self.identity
            );
            let kind = ErrorKind::NotAuthorised;
            return Some(Finding::warning(Check::Credentials, kind, detail, next));
        }
        None
    }
}

fn problem(kind: ErrorKind, detail: String, next: &str) -> Finding {
    Finding::problem(Check::Credentials, kind, detail, next)
}
