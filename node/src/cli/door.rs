//! `peerage group door …`, `peerage group address`, `peerage group join` and `peerage requests …`

use peerage_protocol::door::GroupAddress;
use zeroize::Zeroize;

use super::{
    args::{AddressArgs, DoorArgs, DoorCommand, GroupArg, RequestsCommand, VisitArgs},
    client::Client,
    failure::Failure,
    group::finish,
    id::give_out,
    input,
    output::{Output, fields, harmless, short_time, table, yes},
};
use crate::{
    Error,
    api::segment,
    model::{
        AcceptRequest, AddressInfo, AddressText, DoorInfo, DoorRequest, GroupInfo, JoinRequestInfo,
        VisitRequest,
    },
};

/// What the options say about a door, if they say anything.
pub(super) fn request(args: &DoorArgs) -> Result<Option<DoorRequest>, Failure> {
    let password = match &args.password_file {
        Some(path) => Some(input::password(path)?.to_string()),
        None if args.password => Some(input::new_password()?.to_string()),
        None => None,
    };
    if password.is_none() && !args.requests {
        return Ok(None);
    }
    Ok(Some(DoorRequest {
        password,
        role: args.door_role.map(|role| role.as_str().to_owned()),
        requests: args.requests,
    }))
}

pub(super) async fn door(
    client: &Client,
    command: DoorCommand,
    output: Output,
) -> Result<(), Failure> {
    let info: DoorInfo = match command {
        DoorCommand::Open { group, door } => {
            let Some(request) = request(&door)? else {
                return Err(Failure::from(Error::invalid(
                    "door",
                    "say whom it opens to: --password, --password-file or --requests",
                )));
            };
            let path = client.group(&group.into()).await?.below("/door");
            client.put(&path, &request).await?
        }
        DoorCommand::Close(group) => {
            let path = client.group(&group.into()).await?.below("/door");
            client.remove(&path).await?
        }
        DoorCommand::Show(group) => {
            let path = client.group(&group.into()).await?.below("/door");
            client.get(&path).await?
        }
    };
    output.show(&info, |info| {
        fields(&[
            ("door", if info.open { "open" } else { "closed" }.to_owned()),
            ("password", yes(info.password)),
            ("password gives", info.role.clone().unwrap_or_default()),
            ("requests", yes(info.requests)),
        ])
    })
}

pub(super) async fn address(
    client: &Client,
    args: AddressArgs,
    output: Output,
) -> Result<(), Failure> {
    let AddressArgs {
        group,
        uri,
        out,
        show,
    } = args;
    if let Some(address) = show {
        let address: GroupAddress = input::text(&address)?.parse().map_err(Error::from)?;
        return output.show(&AddressInfo::from(&address), address_fields);
    }
    let group = GroupArg::from(group);
    let path = client.group(&group).await?.below("/address");
    let made: AddressText = client.get(&path).await?;
    give_out(&made, out, if uri { &made.uri } else { &made.text }, output)
}

fn address_fields(info: &AddressInfo) -> String {
    fields(&[
        (
            "group",
            format!("{} ({})", harmless(&info.friendly_name), info.group),
        ),
        ("made by", info.made_by.clone()),
        ("password", yes(info.password)),
        ("requests", yes(info.requests)),
        ("cloud", info.cloud.clone()),
        ("addresses", info.bootstrap.join("\n")),
    ])
}

pub(super) async fn join(client: &Client, args: VisitArgs, output: Output) -> Result<(), Failure> {
    let password = match &args.password_file {
        Some(path) => Some(input::password(path)?.to_string()),
        None if args.ask => None,
        None => {
            Some(input::prompt("Password of the group: ", input::PASSWORD_OTHERWISE)?.to_string())
        }
    };
    let mut request = VisitRequest {
        address: input::text(&args.address)?,
        identity: args.identity,
        password,
        note: args.note,
    };
    let made: Result<GroupInfo, Failure> = client.post("/v1/groups/visit", &request).await;
    request.zeroize();
    finish(client, made?, args.connect, output).await
}

pub(super) async fn requests(
    client: &Client,
    command: RequestsCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        RequestsCommand::Ls(group) => {
            let path = client.group(&group).await?.below("/requests");
            let requests: Vec<JoinRequestInfo> = client.list(&path).await?;
            output.show(&requests, |requests| request_table(requests))
        }
        RequestsCommand::Accept {
            group,
            who,
            role,
            expires,
        } => {
            let request = AcceptRequest {
                role: Some(role.as_str().to_owned()),
                expires: expires.map(|expires| expires.0),
            };
            let rest = format!("/requests/{}/accept", segment(&who));
            let path = client.group(&group).await?.below(&rest);
            let done: JoinRequestInfo = client.post(&path, &request).await?;
            output.show(&done, |done| {
                format!(
                    "{} is let in when its node asks again, within a few minutes",
                    done.name
                )
            })
        }
        RequestsCommand::Deny { group, who } => {
            let rest = format!("/requests/{}/deny", segment(&who));
            let path = client.group(&group).await?.below(&rest);
            let done: JoinRequestInfo = client.post(&path, &()).await?;
            output.show(&done, |done| {
                format!("{} gets no answer any more", done.name)
            })
        }
    }
}

fn request_table(requests: &[JoinRequestInfo]) -> String {
    table(
        ["WHO", "CALLS ITSELF", "ASKED", "STANDING", "NOTE"],
        requests.iter().map(|request| {
            [
                request.name.clone(),
                harmless(&request.friendly_name),
                short_time(&request.asked),
                request.standing.clone(),
                harmless(&request.note),
            ]
        }),
        "nobody has asked this node to join",
    )
}
