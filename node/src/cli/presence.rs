//! `peerage member nodes|attributes|presence …` and `peerage group set …`

use super::{
    args::{GroupArg, GroupSetArgs},
    client::Client,
    failure::Failure,
    output::{Output, fields, harmless, short_time, table},
};
use crate::{
    api::segment,
    model::{GroupChange, GroupProperties, NodeInfo, PresenceRequest},
};

pub(super) async fn set(
    client: &Client,
    args: GroupSetArgs,
    output: Output,
) -> Result<(), Failure> {
    let change = GroupChange {
        friendly_name: args.friendly_name,
        comment: args.comment,
        membership_lifetime: args.membership_lifetime,
        presence_lifetime: args.presence_lifetime,
        presence: args.presence,
        defer_expiry: args.defer_expiry,
        max_record_bytes: args.max_record_bytes,
    };
    if change == GroupChange::default() {
        return Err(Failure::usage(
            "nothing to change: give --friendly-name, --comment, --membership-lifetime, \
             --presence-lifetime, --presence, --defer-expiry or --max-record-bytes",
        ));
    }
    let path = client.group(&args.group.into()).await?;
    let properties: GroupProperties = client.patch(&path.below("/properties"), &change).await?;
    output.show(&properties, |properties| {
        fields(&[named_rows(properties), property_rows(properties)].concat())
    })
}

fn named_rows(properties: &GroupProperties) -> Vec<(&'static str, String)> {
    vec![
        ("group", harmless(&properties.friendly_name)),
        ("comment", harmless(&properties.comment)),
    ]
}

/// What members go by, as rows.
pub(super) fn property_rows(properties: &GroupProperties) -> Vec<(&'static str, String)> {
    let issued = properties
        .membership_lifetime_seconds
        .map_or_else(|| "as long as the issuer's own".to_owned(), span);
    vec![
        ("new memberships", issued),
        ("presence", properties.presence.clone()),
        ("presence lasts", span(properties.presence_lifetime_seconds)),
        (
            "expiry",
            match properties.defer_expiry {
                true => "waits while there is no neighbour".to_owned(),
                false => "on time".to_owned(),
            },
        ),
        (
            "largest record",
            properties
                .max_record_bytes
                .map_or_else(|| "no limit".to_owned(), |bytes| format!("{bytes} bytes")),
        ),
    ]
}

/// A number of seconds in the largest units that fit.
fn span(seconds: u64) -> String {
    let (value, unit) = match seconds {
        s if s % 86_400 == 0 => (s / 86_400, "d"),
        s if s % 3_600 == 0 => (s / 3_600, "h"),
        s if s % 60 == 0 => (s / 60, "m"),
        s => (s, "s"),
    };
    format!("{value}{unit}")
}

pub(super) async fn nodes(
    client: &Client,
    group: &GroupArg,
    peer_id: Option<String>,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(group).await?;
    let nodes: Vec<NodeInfo> = match peer_id {
        Some(peer_id) => {
            let node = format!("/nodes/{}", segment(&peer_id));
            vec![client.get(&path.below(&node)).await?]
        }
        None => client.list(&path.below("/nodes")).await?,
    };
    output.show(&nodes, |nodes| node_table(nodes))
}

pub(super) async fn say(
    client: &Client,
    group: &GroupArg,
    request: &PresenceRequest,
    output: Output,
) -> Result<(), Failure> {
    let path = client.group(group).await?.below("/presence");
    let node: NodeInfo = client.patch(&path, request).await?;
    output.show(&node, |node| node_table(std::slice::from_ref(node)))
}

fn node_table(nodes: &[NodeInfo]) -> String {
    table(
        ["PEER ID", "MEMBER", "SINCE", "ADDRESSES", "ATTRIBUTES"],
        nodes.iter().map(|node| {
            [
                match node.local {
                    true => format!("{} (this node)", node.peer_id),
                    false => node.peer_id.clone(),
                },
                node.member.chars().take(8).collect(),
                node.since.as_deref().map(short_time).unwrap_or_default(),
                node.addresses.join(" "),
                node.attributes.as_deref().map(harmless).unwrap_or_default(),
            ]
        }),
        "no node is present, or none shows that it is",
    )
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        for (seconds, told) in [
            (2_419_200, "28d"),
            (28_800, "8h"),
            (300, "5m"),
            (301, "301s"),
        ] {
            assert_eq!(span(seconds), told);
        }
    }
}
