//! `peerage id …`

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    args::IdCommand,
    client::Client,
    failure::Failure,
    input::{self, Ask},
    output::{Output, fields, harmless, short_time, table, yes},
    portable::{Exported, must_be_new, write_private},
};
use crate::{
    Error,
    api::segment,
    model::{
        CardText, ExportRequest, ExportedIdentity, IdentityChange, IdentityInfo,
        IdentityMemberships, ImportRequest, NewIdentity,
    },
};

pub(super) async fn run(
    client: &Client,
    command: IdCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        IdCommand::New {
            classifier,
            friendly_name,
        } => {
            let new = NewIdentity {
                classifier,
                friendly_name,
            };
            let made: IdentityInfo = client.post("/v1/identities", &new).await?;
            output.show(&made, identity_fields)
        }
        IdCommand::Ls { groups, expired } if groups || expired => {
            let path = match expired {
                true => "/v1/memberships?expired=true",
                false => "/v1/memberships",
            };
            let identities: Vec<IdentityMemberships> = client.list(path).await?;
            output.show(&identities, |identities| membership_text(identities))
        }
        IdCommand::Ls { .. } => {
            let identities: Vec<IdentityInfo> = client.list("/v1/identities").await?;
            output.show(&identities, |identities| identity_table(identities))
        }
        IdCommand::Show { name } => {
            let path = identity_path(name.as_deref(), "");
            let identity: IdentityInfo = client.get(&path).await?;
            output.show(&identity, identity_fields)
        }
        IdCommand::Card { name, uri, out } => {
            out.as_deref().map_or(Ok(()), must_be_new)?;
            let path = identity_path(name.as_deref(), "/card");
            let card: CardText = client.get(&path).await?;
            give_out(&card, out, if uri { &card.uri } else { &card.text }, output)
        }
        IdCommand::Rename {
            name,
            friendly_name,
        } => {
            let path = identity_path(Some(&name), "");
            let change = IdentityChange { friendly_name };
            let changed: IdentityInfo = client.patch(&path, &change).await?;
            output.show(&changed, identity_fields)
        }
        IdCommand::Export {
            name,
            out,
            passphrase_file,
        } => export(client, &name, &out, passphrase_file.as_deref(), output).await,
        IdCommand::Import {
            file,
            passphrase_file,
        } => {
            let pem = input::content(&file)?;
            let pem = String::from_utf8(pem)
                .map_err(|_| Error::invalid("file", "is not an exported identity"))?;
            let passphrase = input::passphrase(passphrase_file.as_deref(), Ask::Once)?;
            let request = ImportRequest {
                pem,
                passphrase: passphrase.as_str().to_owned(),
            };
            let imported: IdentityInfo = client.post("/v1/identities/import", &request).await?;
            output.show(&imported, identity_fields)
        }
        IdCommand::Rm { name } => {
            client.delete(&identity_path(Some(&name), "")).await?;
            output.show(&Deleted { deleted: name }, |done| {
                format!("deleted {}", harmless(&done.deleted))
            })
        }
    }
}

/// What was deleted.
#[derive(Serialize)]
pub(super) struct Deleted {
    pub(super) deleted: String,
}

/// Writes the text to the file where one is named, else prints it.
pub(super) fn give_out<T: Serialize>(
    value: &T,
    out: Option<PathBuf>,
    text: &str,
    output: Output,
) -> Result<(), Failure> {
    let Some(path) = out else {
        return output.show(value, |_| text.to_owned());
    };
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    std::fs::write(&path, text).map_err(|error| Error::io(&path, error))?;
    output.show(value, |_| format!("written to {}", path.display()))
}

async fn export(
    client: &Client,
    name: &str,
    out: &Path,
    passphrase_file: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    must_be_new(out)?;
    let passphrase = input::new_passphrase(passphrase_file, output)?;
    let request = ExportRequest {
        passphrase: passphrase.as_str().to_owned(),
    };
    let exported: ExportedIdentity = client
        .post(&identity_path(Some(name), "/export"), &request)
        .await?;
    write_private(out, &exported.pem)?;
    output.show(&Exported::to(out), |done| {
        format!(
            "written to {}; keep it and its passphrase apart",
            done.exported
        )
    })
}

fn identity_path(name: Option<&str>, rest: &str) -> String {
    match name {
        Some(name) => format!("/v1/identities/{}{rest}", segment(name)),
        None => format!("/v1/identity{rest}"),
    }
}

fn identity_fields(identity: &IdentityInfo) -> String {
    fields(&[
        ("name", identity.name.clone()),
        ("friendly name", harmless(&identity.friendly_name)),
        ("public key", identity.public_key.clone()),
        ("created", short_time(&identity.created)),
        ("default", yes(identity.default)),
        ("groups", identity.groups.to_string()),
        ("passphrase", yes(identity.protected)),
    ])
}

fn identity_table(identities: &[IdentityInfo]) -> String {
    table(
        ["FRIENDLY NAME", "NAME", "GROUPS", "DEFAULT", "CREATED"],
        identities.iter().map(|identity| {
            [
                harmless(&identity.friendly_name),
                identity.name.clone(),
                identity.groups.to_string(),
                yes(identity.default),
                short_time(&identity.created),
            ]
        }),
        "no identity yet; make one with: peerage id new --friendly-name NAME",
    )
}

/// As the tradition printed it: identities with their groups below them.
fn membership_text(identities: &[IdentityMemberships]) -> String {
    let paragraph = |identity: &IdentityMemberships| {
        let head = format!(
            "{}  {}  {}",
            identity.p2p_id,
            identity.name,
            harmless(&identity.friendly_name)
        );
        let rows = identity.memberships.iter().map(|one| {
            [
                format!("  {}", one.p2p_id),
                one.chain_length.to_string(),
                one.name.clone(),
                harmless(&one.friendly_name),
                short_time(&one.valid_from),
                short_time(&one.valid_until),
                one.validity.as_str().to_owned(),
            ]
        });
        let header = [
            "  P2P ID",
            "GMC CHAIN LEN",
            "GROUP",
            "FRIENDLY NAME",
            "VALID FROM",
            "VALID UNTIL",
            "VALIDITY",
        ];
        format!("{head}\n{}", table(header, rows, "  no such membership"))
    };
    let paragraphs: Vec<String> = identities.iter().map(paragraph).collect();
    match paragraphs.is_empty() {
        true => "no identity yet; make one with: peerage id new --friendly-name NAME".to_owned(),
        false => paragraphs.join("\n\n"),
    }
}
