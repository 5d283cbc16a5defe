//! `peerage invite …` and `peerage join`

use std::path::{Path, PathBuf};

use peerage_protocol::invitation::Invitation;

use super::{
    args::{Forms, GroupArg, InvitationForm, InviteCommand, JoinArgs},
    client::Client,
    failure::Failure,
    group::finish,
    id::give_out,
    input,
    output::{Output, fields, harmless, short_time, table},
    qr,
};
use crate::{
    Error,
    api::segment,
    model::{
        GroupInfo, InvitationDetail, InvitationInfo, InvitationState, InvitationSummary,
        InvitationText, InviteRequest, JoinRequest, ReissueRequest,
    },
};

pub(super) async fn run(
    client: &Client,
    command: InviteCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        InviteCommand::Create {
            group,
            card,
            role,
            expires,
            note,
            by_group_key,
            publish,
            forms,
        } => {
            check(&forms)?;
            let request = InviteRequest {
                card: input::text(&card)?,
                role: role.as_str().to_owned(),
                expires: expires.map(|expires| expires.0),
                note,
                by_group_key,
                publish,
            };
            let path = client.group(&group).await?.below("/invitations");
            let made: InvitationText = client.post(&path, &request).await?;
            give(&made, forms, output)
        }
        InviteCommand::Ls { group, all } => {
            let path = client
                .group(&GroupArg::from(group))
                .await?
                .below("/invitations");
            let mut made: Vec<InvitationSummary> = client.list(&path).await?;
            made.retain(|made| all || made.state == InvitationState::Open);
            output.show(&made, |made| summaries(made, all))
        }
        InviteCommand::Show { invitation, forms } => {
            check(&forms)?;
            let path = format!("/v1/invitations/{}", segment(&invitation));
            let found: InvitationDetail = client.get(&path).await?;
            if given(&forms) {
                return give(&found.invitation, forms, output);
            }
            output.show(&found, |found| {
                let mut rows = vec![
                    ("id", found.made.id.clone()),
                    ("state", state(&found.made)),
                    ("made", short_time(&found.made.made)),
                ];
                rows.extend(rows_of(&found.invitation.info).into_iter().skip(1));
                fields(&rows)
            })
        }
        InviteCommand::Revoke { id } => {
            let path = format!("/v1/invitations/{}/revoke", segment(&id));
            let revoked: InvitationSummary = client.post(&path, &()).await?;
            output.show(&revoked, |revoked| {
                format!(
                    "revoked: {} is not invited any more",
                    harmless(&revoked.invitee_friendly_name)
                )
            })
        }
        InviteCommand::Reissue {
            id,
            expires,
            note,
            forms,
        } => {
            check(&forms)?;
            let request = ReissueRequest {
                expires: expires.map(|expires| expires.0),
                note,
            };
            let path = format!("/v1/invitations/{}/reissue", segment(&id));
            let made: InvitationText = client.post(&path, &request).await?;
            give(&made, forms, output)
        }
    }
}

/// Whether the argument of `show` is the id of an invitation made here, which the daemon knows.
pub(super) fn is_id(argument: &str) -> bool {
    (4..=16).contains(&argument.len())
        && argument.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !Path::new(argument).exists()
}

/// Reads an invitation without the daemon, so that anybody may look at one anywhere.
pub(super) fn show(argument: &str, forms: Forms, output: Output) -> Result<(), Failure> {
    check(&forms)?;
    let invitation: Invitation = input::invitation(argument)?.parse().map_err(Error::from)?;
    if given(&forms) {
        return give(&InvitationText::from(&invitation), forms, output);
    }
    let info = InvitationInfo::from(&invitation);
    output.show(&info, |info| fields(&rows_of(info)))
}

pub(super) async fn join(client: &Client, args: JoinArgs, output: Output) -> Result<(), Failure> {
    let request = JoinRequest {
        invitation: input::invitation(&args.invitation)?,
        identity: args.identity,
        cloud: args.cloud,
    };
    let joined: GroupInfo = client.post("/v1/groups/join", &request).await?;
    finish(client, joined, args.connect, output).await
}

/// Whether a form was asked for.
fn given(forms: &Forms) -> bool {
    forms.qr || forms.uri || forms.format.is_some() || forms.out.is_some()
}

/// Finds out before anything is made.
fn check(forms: &Forms) -> Result<(), Failure> {
    if forms.format == Some(InvitationForm::File) && forms.out.is_none() {
        return Err(
            Failure::from(Error::invalid("format", "bytes are not for the terminal"))
                .advise("name a file with --out FILE, or choose --format block"),
        );
    }
    Ok(())
}

/// Gives the invitation out in the form asked for.
fn give(made: &InvitationText, forms: Forms, output: Output) -> Result<(), Failure> {
    let Forms {
        format,
        uri,
        qr,
        out,
    } = forms;
    if qr {
        let code = qr::draw(&made.uri)?;
        return output.show(made, |_| code);
    }
    match format {
        Some(InvitationForm::File) => {
            let invitation: Invitation = made.uri.parse().map_err(Error::from)?;
            let path: PathBuf = out.unwrap_or_default();
            std::fs::write(&path, invitation.to_bytes())
                .map_err(|error| Error::io(&path, error))?;
            output.show(made, |_| format!("written to {}", path.display()))
        }
        Some(InvitationForm::Uri) => give_out(made, out, &made.uri, output),
        Some(InvitationForm::Block) => give_out(made, out, &made.text, output),
        None => give_out(made, out, if uri { &made.uri } else { &made.text }, output),
    }
}

fn rows_of(info: &InvitationInfo) -> Vec<(&'static str, String)> {
    let who = |name: &str, friendly_name: &str| format!("{} ({name})", harmless(friendly_name));
    vec![
        ("id", info.id.clone()),
        ("group", who(&info.group, &info.group_friendly_name)),
        ("invited by", who(&info.issuer, &info.issuer_friendly_name)),
        ("invited", who(&info.subject, &info.subject_friendly_name)),
        ("roles", info.roles.join(", ")),
        ("valid from", short_time(&info.valid_from)),
        ("valid until", short_time(&info.valid_until)),
        ("note", harmless(&info.note)),
        ("cloud", info.cloud.clone()),
        ("addresses", info.bootstrap.join("\n")),
    ]
}

fn summaries(made: &[InvitationSummary], all: bool) -> String {
    table(
        [
            "ID",
            "INVITED",
            "NAME",
            "ROLES",
            "MADE",
            "VALID UNTIL",
            "STATE",
        ],
        made.iter().map(|made| {
            [
                made.id.clone(),
                harmless(&made.invitee_friendly_name),
                made.invitee.clone(),
                made.roles.join(", "),
                short_time(&made.made),
                short_time(&made.valid_until),
                state(made),
            ]
        }),
        if all {
            "no invitation was made here; make one with: peerage invite create --card FILE"
        } else {
            "no open invitation; see also: peerage invite ls --all"
        },
    )
}

fn state(made: &InvitationSummary) -> String {
    match &made.replaced_by {
        Some(id) => format!("{} by {id}", made.state.as_str()),
        None => made.state.as_str().to_owned(),
    }
}
