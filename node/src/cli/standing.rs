//! `peerage member rm|role|renew`, `peerage group leave` and `peerage audit`.

use std::{fs, path::Path, time::Duration};

use data_encoding::BASE64;
use peerage_protocol::audit::{self, Bundle};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    args::{AuditArgs, AuditCommand, GroupArg, RemoveArgs},
    client::Client,
    failure::Failure,
    output::{Output, harmless, short_time, table, yes},
};
use crate::{
    Error,
    api::segment,
    model::{
        AuditEntry, AuditFile, GroupInfo, LeaveGroup, MemberDetail, RemovalProgress, RemoveMember,
        RenewMember,
    },
};

/// How often the progress of a removal is looked at while waiting.
const LOOK: Duration = Duration::from_millis(500);

/// Removes a member, and waits for the others to apply it where asked to.
pub(super) async fn remove(
    client: &Client,
    args: RemoveArgs,
    output: Output,
) -> Result<(), Failure> {
    let RemoveArgs {
        name,
        group,
        reason,
        cascade,
        with_records,
        by_group_key,
        wait,
    } = args;
    let path = client.group(&group).await?;
    let request = RemoveMember {
        reason: reason.unwrap_or_default(),
        cascade,
        with_records,
        by_group_key,
    };
    let rest = format!("/members/{}/remove", segment(&name));
    let mut progress: RemovalProgress = client.post(&path.below(&rest), &request).await?;
    if let Some(seconds) = wait {
        let until = Instant::now() + Duration::from_secs(seconds);
        while !progress.pending.is_empty() {
            if Instant::now() >= until {
                output.show(&progress, progress_text)?;
                return Err(Error::TimedOut { seconds }.into());
            }
            sleep(LOOK).await;
            progress = client.get(&path.below("/removals")).await?;
        }
    }
    output.show(&progress, |progress| {
        format!("removed {}; {}", harmless(&name), progress_text(progress))
    })
}

/// Gives a member another role, or renews its membership.
pub(super) async fn renew(
    client: &Client,
    name: &str,
    group: &GroupArg,
    request: &RenewMember,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(group).await?;
    let rest = format!("/members/{}/renew", segment(name));
    let detail: MemberDetail = client.post(&path.below(&rest), request).await?;
    output.show(&detail, |detail| {
        format!(
            "{} is {} until {}",
            harmless(&detail.member.friendly_name),
            detail.member.roles.join(", "),
            short_time(&detail.member.valid_until),
        )
    })
}

/// Leaves a group.
pub(super) async fn leave(
    client: &Client,
    group: GroupArg,
    reason: Option<String>,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(&group).await?;
    let request = LeaveGroup {
        reason: reason.unwrap_or_default(),
    };
    let left: GroupInfo = client.post(&path.below("/leave"), &request).await?;
    output.show(&left, |group| {
        format!(
            "left {}; remove its records from this node with: peerage group delete",
            harmless(&group.friendly_name)
        )
    })
}

#[derive(Serialize)]
struct Exported {
    file: String,
    bytes: usize,
}

/// Shows the history of a group, or writes it to a file.
pub(super) async fn audit(client: &Client, args: AuditArgs, output: Output) -> Result<(), Failure> {
    let path = client.group(&args.group).await?;
    let Some(file) = args.export else {
        let entries: Vec<AuditEntry> = client.list(&path.below("/audit")).await?;
        return output.show(&entries, |entries| audit_table(entries));
    };
    let exported: AuditFile = client.get(&path.below("/audit/file")).await?;
    let bytes = BASE64
        .decode(exported.file.as_bytes())
        .map_err(|error| Error::Internal(error.to_string()))?;
    fs::write(&file, &bytes).map_err(|error| Error::io(&file, error))?;
    let exported = Exported {
        file: file.display().to_string(),
        bytes: bytes.len(),
    };
    output.show(&exported, |exported| {
        format!(
            "wrote {}; verify it anywhere with: peerage audit verify {}",
            exported.file, exported.file
        )
    })
}

#[derive(Serialize)]
struct Verified {
    group: String,
    friendly_name: String,
    records: usize,
    history: Vec<AuditEntry>,
}

/// Verifies an exported history. Needs no daemon and no membership.
pub(super) fn verify(command: &AuditCommand, output: Output) -> Result<(), Failure> {
    let AuditCommand::Verify { file } = command;
    let bytes = read(file)?;
    let (bundle, roster) =
        Bundle::verify(&bytes).map_err(|error| Error::invalid("audit file", error))?;
    let history = audit::history(&roster);
    let verified = Verified {
        group: bundle.root().name().to_string(),
        friendly_name: bundle.root().friendly_name().to_owned(),
        records: bundle.len(),
        history: history
            .iter()
            .map(|entry| AuditEntry::new(entry, &roster))
            .collect(),
    };
    output.show(&verified, |verified| {
        format!(
            "{}\n\nall {} records of {} ({}) verify; that none was left out cannot be seen from the file",
            audit_table(&verified.history),
            verified.records,
            harmless(&verified.friendly_name),
            verified.group,
        )
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(file)
        .map_err(|error| Error::io(file, error))?
        .len();
    if size > audit::MAX_BUNDLE_BYTES as u64 {
        return Err(Error::TooLarge {
            limit_bytes: audit::MAX_BUNDLE_BYTES,
        });
    }
    fs::read(file).map_err(|error| Error::io(file, error))
}

fn progress_text(progress: &RemovalProgress) -> String {
    let mut text = format!("applied on {} of {}", progress.applied, progress.members);
    if !progress.pending.is_empty() {
        text.push_str(&format!(
            ", not yet seen by {}",
            progress.pending.join(", ")
        ));
    }
    if !progress.absent.is_empty() {
        text.push_str(&format!("; not online: {}", progress.absent.join(", ")));
    }
    text
}

fn audit_table(entries: &[AuditEntry]) -> String {
    let who = |name: &str, friendly: &str| {
        let short: String = name.chars().take(8).collect();
        match friendly.is_empty() {
            true => short,
            false => format!("{} ({short})", harmless(friendly)),
        }
    };
    table(
        [
            "WHEN", "WHO", "DID", "WHOM", "AS", "REASON", "IN FORCE", "EVIDENCE",
        ],
        entries.iter().map(|entry| {
            [
                short_time(&entry.at),
                who(&entry.actor, &entry.actor_friendly_name),
                entry.action.clone(),
                who(&entry.subject, &entry.subject_friendly_name),
                entry.roles.join(", "),
                harmless(&entry.reason),
                yes(entry.in_force),
                entry.evidence.chars().take(12).collect(),
            ]
        }),
        "nothing is known yet",
    )
}
