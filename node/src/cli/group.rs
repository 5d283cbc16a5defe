//! `peerage group …`

use serde::Serialize;

use super::{
    args::{GroupArg, GroupCommand, GroupName},
    client::Client,
    door,
    failure::Failure,
    graph, group_key,
    id::Deleted,
    output::{Output, fields, harmless, short_time, table, yes},
    portable, presence, standing,
};
use crate::{
    api::segment,
    model::{
        ConnectRequest, FingerprintInfo, GroupInfo, GroupProperties, GroupStatus, NeighbourInfo,
        NewGroup,
    },
};

pub(super) async fn run(
    client: &Client,
    command: GroupCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        GroupCommand::Create {
            classifier,
            friendly_name,
            comment,
            identity,
            door,
            cloud,
            connect,
        } => {
            let new = NewGroup {
                door: door::request(&door)?,
                identity,
                classifier,
                friendly_name,
                comment,
                cloud,
            };
            let made: GroupInfo = client.post("/v1/groups", &new).await?;
            finish(client, made, connect, output).await
        }
        GroupCommand::Ls => {
            let groups: Vec<GroupInfo> = client.list("/v1/groups").await?;
            output.show(&groups, |groups| group_table(groups))
        }
        GroupCommand::Show(name) => show(client, name.into(), output).await,
        GroupCommand::Set(args) => presence::set(client, args, output).await,
        GroupCommand::Open(name) => act(client, name.into(), "/open", output).await,
        GroupCommand::Connect { group, addresses } if addresses.is_empty() => {
            act(client, group.into(), "/connect", output).await
        }
        GroupCommand::Connect { group, addresses } => {
            connect_at(client, group.into(), addresses, output).await
        }
        GroupCommand::Ping(name) => graph::ping(client, name.into(), output).await,
        GroupCommand::Close(name) => act(client, name.into(), "/close", output).await,
        GroupCommand::Door(command) => door::door(client, command, output).await,
        GroupCommand::Address(args) => door::address(client, args, output).await,
        GroupCommand::Join(args) => door::join(client, args, output).await,
        GroupCommand::Key(command) => group_key::run(client, command, output).await,
        GroupCommand::Export(args) => portable::export_config(client, args, output).await,
        GroupCommand::Import(args) => portable::import_config(client, args, output).await,
        GroupCommand::Db(command) => portable::database(client, command, output).await,
        GroupCommand::Settle(name) => act(client, name.into(), "/settle", output).await,
        GroupCommand::Leave { group, reason } => {
            standing::leave(client, group.into(), reason, output).await
        }
        GroupCommand::Delete(name) => {
            let group = GroupArg::from(name);
            let path = client.group(&group).await?;
            client.delete(&path.below("")).await?;
            let deleted = group.group.unwrap_or_else(|| "the group".to_owned());
            output.show(&Deleted { deleted }, |done| {
                format!("deleted {}", harmless(&done.deleted))
            })
        }
    }
}

/// Connects a new membership where asked to, and shows it.
pub(super) async fn finish(
    client: &Client,
    made: GroupInfo,
    connect: bool,
    output: Output,
) -> Result<(), Failure> {
    let made = if connect {
        let path = format!(
            "/v1/groups/{}/connect?identity={}",
            segment(&made.name),
            segment(&made.identity)
        );
        client.post(&path, &()).await?
    } else {
        made
    };
    output.show(&made, |group| {
        let next = if group.status == GroupStatus::Offline {
            "\n\nThe group is offline; go online with: peerage group connect"
        } else {
            ""
        };
        format!("{}{next}", group_fields(group))
    })
}

async fn act(
    client: &Client,
    group: GroupArg,
    action: &str,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(&group).await?.below(action);
    let group: GroupInfo = client.post(&path, &()).await?;
    output.show(&group, group_fields)
}

/// Connects to a member at one of these addresses, and shows which.
async fn connect_at(
    client: &Client,
    group: GroupArg,
    addresses: Vec<String>,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(&group).await?.below("/connect-at");
    let request = ConnectRequest { addresses };
    let neighbour: NeighbourInfo = client.post(&path, &request).await?;
    output.show(&neighbour, |neighbour| {
        neighbour_table(std::slice::from_ref(neighbour))
    })
}

async fn show(client: &Client, group: GroupArg, output: Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Shown {
        #[serde(flatten)]
        group: GroupInfo,
        #[serde(skip_serializing_if = "Option::is_none")]
        properties: Option<GroupProperties>,
        fingerprint: String,
        neighbour_list: Vec<NeighbourInfo>,
    }
    let path = client.group(&group).await?;
    let info: GroupInfo = client.get(&path.below("")).await?;
    if info.members == 0 && info.role.is_empty() {
        // Not a member yet: there is nothing inside to look at.
        return output.show(&info, group_fields);
    }
    let fingerprint: FingerprintInfo = client.get(&path.below("/fingerprint")).await?;
    // They are known once another member has told.
    let properties = match info.synchronised {
        true => Some(client.get(&path.below("/properties")).await?),
        false => None,
    };
    let shown = Shown {
        group: info,
        properties,
        fingerprint: fingerprint.fingerprint,
        neighbour_list: client.list(&path.below("/neighbours")).await?,
    };
    output.show(&shown, |shown| {
        let mut rows = group_rows(&shown.group);
        rows.extend(shown.properties.iter().flat_map(presence::property_rows));
        rows.push(("fingerprint", shown.fingerprint.clone()));
        let neighbours = neighbour_table(&shown.neighbour_list);
        format!("{}\n\n{neighbours}", fields(&rows))
    })
}

pub(super) fn group_table(groups: &[GroupInfo]) -> String {
    table(
        [
            "GROUP",
            "NAME",
            "AS",
            "ROLE",
            "STATUS",
            "NEIGHBOURS",
            "MEMBERS",
            "RECORDS",
        ],
        groups.iter().map(|group| {
            [
                harmless(&group.friendly_name),
                group.name.clone(),
                group.identity.chars().take(8).collect(),
                group.role.clone(),
                group.status.as_str().to_owned(),
                group.neighbours.to_string(),
                group.members.to_string(),
                group.records.to_string(),
            ]
        }),
        "no group yet; make one with: peerage group create --friendly-name NAME",
    )
}

pub(super) fn group_fields(group: &GroupInfo) -> String {
    fields(&group_rows(group))
}

fn status_text(group: &GroupInfo) -> String {
    match group.outcome {
        Some(outcome) => format!("{} ({})", group.status.as_str(), outcome.meaning()),
        None => group.status.as_str().to_owned(),
    }
}

fn group_rows(group: &GroupInfo) -> Vec<(&'static str, String)> {
    vec![
        ("group", harmless(&group.friendly_name)),
        ("name", group.name.clone()),
        ("comment", harmless(&group.comment)),
        ("as", group.identity.clone()),
        ("role", group.role.clone()),
        ("status", status_text(group)),
        ("synchronised", yes(group.synchronised)),
        ("neighbours", group.neighbours.to_string()),
        ("members", group.members.to_string()),
        ("records", group.records.to_string()),
        ("cloud", group.cloud.clone()),
        ("group key", yes(group.group_key)),
        ("behind a backup", yes(group.behind)),
        ("valid until", valid_until(group)),
    ]
}

fn valid_until(group: &GroupInfo) -> String {
    if group.revoked {
        return "revoked: removed from the group, or has left it; ask an administrator for a new invitation"
            .to_owned();
    }
    group
        .valid_until
        .as_deref()
        .map_or_else(|| "for ever".to_owned(), short_time)
}

fn neighbour_table(neighbours: &[NeighbourInfo]) -> String {
    table(
        ["NEIGHBOUR", "PEER ID", "SINCE", "ADDRESS"],
        neighbours.iter().map(|neighbour| {
            [
                harmless(&neighbour.friendly_name),
                neighbour.peer_id.clone(),
                short_time(&neighbour.since),
                neighbour.address.clone().unwrap_or_default(),
            ]
        }),
        "no neighbour",
    )
}

impl From<GroupName> for GroupArg {
    fn from(name: GroupName) -> Self {
        Self {
            group: name.group,
            identity: name.identity,
            as_argument: true,
        }
    }
}
