//! `peerage invite …` and `peerage join`

use peerage_protocol::invitation::Invitation;

use super::{
    args::{InviteCommand, JoinArgs},
    client::Client,
    failure::Failure,
    group::finish,
    id::give_out,
    input,
    output::{Output, fields, harmless, short_time},
};
use crate::{
    Error,
    model::{GroupInfo, InvitationInfo, InvitationText, InviteRequest, JoinRequest},
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
            uri,
            out,
        } => {
            let request = InviteRequest {
                card: input::text(&card)?,
                role: role.as_str().to_owned(),
                expires: expires.map(|expires| expires.0),
                note,
            };
            let path = client.group(&group).await?.below("/invitations");
            let made: InvitationText = client.post(&path, &request).await?;
            give_out(&made, out, if uri { &made.uri } else { &made.text }, output)
        }
        InviteCommand::Show { invitation } => show(&invitation, output),
    }
}

/// Reads an invitation without the daemon, so that anybody may look at one anywhere.
pub(super) fn show(argument: &str, output: Output) -> Result<(), Failure> {
    let invitation: Invitation = input::text(argument)?.parse().map_err(Error::from)?;
    let info = InvitationInfo::from(&invitation);
    output.show(&info, |info| {
        let who = |name: &str, friendly_name: &str| format!("{} ({name})", harmless(friendly_name));
        fields(&[
            ("group", who(&info.group, &info.group_friendly_name)),
            ("invited by", who(&info.issuer, &info.issuer_friendly_name)),
            ("invited", who(&info.subject, &info.subject_friendly_name)),
            ("roles", info.roles.join(", ")),
            ("valid from", short_time(&info.valid_from)),
            ("valid until", short_time(&info.valid_until)),
            ("note", harmless(&info.note)),
            ("cloud", info.cloud.clone()),
            ("addresses", info.bootstrap.join("\n")),
        ])
    })
}

pub(super) async fn join(client: &Client, args: JoinArgs, output: Output) -> Result<(), Failure> {
    let request = JoinRequest {
        invitation: input::text(&args.invitation)?,
        identity: args.identity,
    };
    let joined: GroupInfo = client.post("/v1/groups/join", &request).await?;
    finish(client, joined, args.connect, output).await
}
