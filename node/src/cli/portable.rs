//! Groups as files: `peerage group export|import`, `peerage group db …`.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use hyper::Method;
use serde::Serialize;

use super::{
    args::{DatabaseCommand, GroupArg, GroupExportArgs, GroupImportArgs},
    client::Client,
    failure::Failure,
    group,
    input::{self, Ask},
    output::{Output, fields},
};
use crate::{
    Error,
    error::catalogue,
    model::{ExportRequest, GroupConfigFile, GroupConfigRequest, GroupInfo, ImportedDatabase},
    portable::whole_file_of,
};

/// Where something was written.
#[derive(Serialize)]
pub(super) struct Exported {
    pub(super) exported: String,
}

impl Exported {
    pub(super) fn to(path: &Path) -> Self {
        Self {
            exported: path.display().to_string(),
        }
    }
}

pub(super) async fn export_config(
    client: &Client,
    args: GroupExportArgs,
    output: Output,
) -> Result<(), Failure> {
    must_be_new(&args.out)?;
    let path = client.group(&GroupArg::from(args.group)).await?;
    let passphrase = input::new_passphrase(args.passphrase_file.as_deref(), output)?;
    let request = ExportRequest {
        passphrase: passphrase.as_str().to_owned(),
    };
    let file: GroupConfigFile = client.post(&path.below("/config/export"), &request).await?;
    write_private(&args.out, &file.text)?;
    output.show(&Exported::to(&args.out), |done| {
        format!(
            "written to {}; on the other machine: peerage id import, then peerage group import",
            done.exported
        )
    })
}

pub(super) async fn import_config(
    client: &Client,
    args: GroupImportArgs,
    output: Output,
) -> Result<(), Failure> {
    let text = String::from_utf8(input::content(&args.file)?)
        .map_err(|_| Error::invalid("file", "is not a group's configuration"))?;
    let passphrase = input::passphrase(args.passphrase_file.as_deref(), Ask::Once)?;
    let request = GroupConfigRequest {
        text,
        passphrase: passphrase.as_str().to_owned(),
        overwrite: args.overwrite,
    };
    let imported = client.post("/v1/groups/import", &request).await;
    let imported: GroupInfo = imported.map_err(|failure: Failure| match &*failure.0.code {
        "identity_not_found" => failure.advise(
            "export the identity there (id export), and bring it here: peerage id import FILE",
        ),
        _ => failure,
    })?;
    group::finish(client, imported, false, output).await
}

pub(super) async fn database(
    client: &Client,
    command: DatabaseCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        DatabaseCommand::Export { group, out } => {
            let path = client.group(&GroupArg::from(group)).await?;
            let path = path.below("/database");
            whole_file_of(&out, async |file| {
                client
                    .download(Method::GET, &path, None::<&()>, file, |_, _| {})
                    .await
            })
            .await?;
            output.show(&Exported::to(&out), |done| {
                format!("written to {}; it is not encrypted", done.exported)
            })
        }
        DatabaseCommand::Import {
            group,
            file,
            identity,
        } => {
            let group = GroupArg {
                group: Some(group),
                identity,
                as_argument: true,
            };
            let path = client.group(&group).await?.below("/database");
            let imported: ImportedDatabase = client.upload(&path, &file).await?;
            output.show(&imported, |imported| {
                fields(&[
                    ("taken in", imported.stored.to_string()),
                    ("known already", imported.known.to_string()),
                    ("expired", imported.expired.to_string()),
                    ("refused", imported.refused.to_string()),
                ])
            })
        }
    }
}

/// A file with secrets in it replaces no other, nor does a card that somebody was invited by.
pub(super) fn must_be_new(path: &Path) -> Result<(), Failure> {
    match path.exists() {
        true => Err(exists(path)),
        false => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    let detail = format!("{} exists and is not overwritten", path.display());
    Failure::new(&catalogue::FILE_EXISTS, detail)
}

/// Writes a new file for its owner alone.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| match error.kind() {
            // Made by somebody else meanwhile.
            ErrorKind::AlreadyExists => exists(path),
            _ => Error::io(path, error).into(),
        })
}
