//! `peerage group key …`

use std::path::Path;

use super::{
    args::{GroupArg, GroupKeyCommand},
    client::Client,
    failure::Failure,
    group::group_fields,
    input::{self, Ask},
    output::Output,
    portable::{Exported, must_be_new, write_private},
};
use crate::{
    Error,
    model::{ExportRequest, GroupInfo, IssueAdminRequest, RecoverRequest, RecoveryFile},
};

pub(super) async fn run(
    client: &Client,
    command: GroupKeyCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        GroupKeyCommand::Export {
            group,
            out,
            passphrase_file,
            identity,
        } => {
            let group = GroupArg {
                group: Some(group),
                identity,
                as_argument: true,
            };
            export(client, &group, &out, passphrase_file.as_deref(), output).await
        }
        GroupKeyCommand::Import {
            file,
            passphrase_file,
            identity,
        } => {
            let pem = String::from_utf8(input::content(&file)?)
                .map_err(|_| Error::invalid("file", "is not a recovery file"))?;
            let passphrase = input::passphrase(passphrase_file.as_deref(), Ask::Once)?;
            let request = RecoverRequest {
                pem,
                passphrase: passphrase.as_str().to_owned(),
                identity,
            };
            let group: GroupInfo = client.post("/v1/groups/recover", &request).await?;
            output.show(&group, |group| {
                format!(
                    "{}\n\nThe group's key is on this node now. To become an administrator: peerage group key issue-admin GROUP",
                    group_fields(group)
                )
            })
        }
        GroupKeyCommand::IssueAdmin { group, identity } => {
            let group = GroupArg {
                group: Some(group),
                identity: None,
                as_argument: true,
            };
            let path = client.group(&group).await?.below("/key/admin");
            let request = IssueAdminRequest { identity };
            let group: GroupInfo = client.post(&path, &request).await?;
            output.show(&group, group_fields)
        }
    }
}

async fn export(
    client: &Client,
    group: &GroupArg,
    out: &Path,
    passphrase_file: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    must_be_new(out)?;
    let path = client.group(group).await?.below("/key/export");
    let passphrase = input::new_passphrase(passphrase_file, output)?;
    let request = ExportRequest {
        passphrase: passphrase.as_str().to_owned(),
    };
    let file: RecoveryFile = client.post(&path, &request).await?;
    write_private(out, &file.pem)?;
    output.show(&Exported::to(out), |done| {
        format!(
            "written to {}; keep it and its passphrase apart, and away from this disk",
            done.exported
        )
    })
}
