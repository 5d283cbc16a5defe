//! `peerage status` and `peerage down`.

use std::{io::IsTerminal, time::Duration};

use serde::Serialize;

use super::{
    args::StatusArgs,
    client::Client,
    doctor::finding_lines,
    failure::Failure,
    output::{Output, fields, harmless, short_time, table, yes},
};
use crate::{
    clock::Clock,
    doctor::span,
    model::{GroupInfo, IdentityInfo, NodeStatus, parse_instant},
};

pub(super) async fn status(
    client: &Client,
    args: &StatusArgs,
    output: Output,
) -> Result<(), Failure> {
    let Some(seconds) = args.watch else {
        let status: NodeStatus = client.get("/v1/status").await?;
        return output.show(&status, status_text);
    };
    loop {
        let status: NodeStatus = client.get("/v1/status").await?;
        output.line(&status, |status| {
            let text = status_text(status);
            match std::io::stdout().is_terminal() {
                // From the top of an empty screen.
                true => format!("\u{1b}[H\u{1b}[2J{text}"),
                false => format!("{text}\n"),
            }
        })?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

fn status_text(status: &NodeStatus) -> String {
    let mut text = fields(&[
        ("version", status.version.clone()),
        ("peer id", status.peer_id.clone()),
        ("listening", listening(&status.listen)),
        ("found at", listening(&status.external)),
        ("started", short_time(&status.started)),
        ("running", running(status.uptime_seconds)),
        ("identities", identities(&status.identity_list)),
        ("data", status.data_dir.clone()),
    ]);
    text.push_str("\n\n");
    text.push_str(&standing_table(&status.groups));
    for found in &status.warnings {
        text.push_str("\n\n");
        text.push_str(&finding_lines(found).join("\n"));
    }
    text
}

fn identities(list: &[IdentityInfo]) -> String {
    if list.is_empty() {
        return "none; make one with: peerage id new --friendly-name NAME".to_owned();
    }
    let lines: Vec<String> = list
        .iter()
        .map(|identity| {
            let default = if identity.default { " (default)" } else { "" };
            format!(
                "{} {}{default}",
                identity.name,
                harmless(&identity.friendly_name)
            )
        })
        .collect();
    lines.join("\n")
}

/// The groups, with what `group ls` leaves out: whether they are up to date, and how long we are in them.
fn standing_table(groups: &[GroupInfo]) -> String {
    table(
        [
            "GROUP",
            "NAME",
            "AS",
            "STATUS",
            "NEIGHBOURS",
            "MEMBERS",
            "RECORDS",
            "UP TO DATE",
            "MEMBERSHIP",
        ],
        groups.iter().map(|group| {
            [
                harmless(&group.friendly_name),
                group.name.clone(),
                group.identity.chars().take(8).collect(),
                group.status.as_str().to_owned(),
                group.neighbours.to_string(),
                group.members.to_string(),
                group.records.to_string(),
                yes(group.synchronised),
                membership(group),
            ]
        }),
        "no group yet; make one with: peerage group create --friendly-name NAME",
    )
}

fn membership(group: &GroupInfo) -> String {
    match group.revoked {
        true => "revoked".to_owned(),
        false => remaining(group.valid_until.as_deref()),
    }
}

/// How long a membership still lasts by this computer's clock.
fn remaining(until: Option<&str>) -> String {
    let Some(until) = until.and_then(|text| parse_instant(text).ok()) else {
        return "not valid".to_owned();
    };
    let left = until.since(Clock::system().timestamp());
    match left.is_zero() {
        true => "expired".to_owned(),
        false => format!("{} left", span(left)),
    }
}

pub(super) async fn down(client: &Client, output: Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Stopping {
        stopping: bool,
    }
    client.tell("/v1/shutdown").await?;
    output.show(&Stopping { stopping: true }, |_| {
        "the node is stopping".to_owned()
    })
}

pub(super) fn listening(addresses: &[String]) -> String {
    if addresses.is_empty() {
        "nowhere".to_owned()
    } else {
        addresses.join("\n")
    }
}

fn running(seconds: u64) -> String {
    match seconds {
        0..60 => format!("for {seconds} s"),
        60..3_600 => format!("for {} min", seconds / 60),
        3_600..86_400 => format!("for {} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("for {} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupStatus;

    #[test]
    fn a_membership_that_was_taken_away_does_not_last() {
        let mut group = GroupInfo {
            name: String::new(),
            id: String::new(),
            friendly_name: String::new(),
            comment: String::new(),
            identity: String::new(),
            role: String::new(),
            status: GroupStatus::Listening,
            synchronised: true,
            neighbours: 0,
            members: 1,
            records: 0,
            valid_until: Some("3000-01-01T00:00:00Z".to_owned()),
            cloud: String::new(),
            group_key: false,
            behind: false,
            revoked: false,
            outcome: None,
        };
        assert!(membership(&group).ends_with(" left"));
        group.revoked = true;
        assert_eq!(membership(&group), "revoked");
    }
}
