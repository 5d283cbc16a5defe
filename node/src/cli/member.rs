//! `peerage member …`

use super::{
    args::{MemberCommand, ShowArg},
    client::Client,
    failure::Failure,
    output::{Output, fields, harmless, short_time, table, yes},
    presence, standing,
};
use crate::{
    api::segment,
    model::{
        MemberDetail, MemberInfo, MemberNode, MemberTree, PresenceRequest, RenewMember, Standing,
    },
};

pub(super) async fn run(
    client: &Client,
    command: MemberCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        MemberCommand::Ls { group, present } => {
            let path = client.group(&group).await?;
            let path = path.asking("/members", if present { "present=true" } else { "" });
            let members: Vec<MemberInfo> = client.list(&path).await?;
            let nobody = match present {
                true => "nobody is present, or nobody shows that they are",
                false => "no member is known yet",
            };
            output.show(&members, |members| member_table(members, nobody))
        }
        MemberCommand::Show { name, group } => {
            let rest = format!("/members/{}", segment(&name));
            let path = client.group(&group).await?.below(&rest);
            let member: MemberDetail = client.get(&path).await?;
            output.show(&member, member_text)
        }
        MemberCommand::Tree(group) => {
            let path = client.group(&group).await?.below("/member-tree");
            let tree: MemberTree = client.get(&path).await?;
            output.show(&tree, tree_text)
        }
        MemberCommand::Rm(args) => standing::remove(client, args, output).await,
        MemberCommand::Role { name, role, group } => {
            let request = RenewMember {
                role: Some(role.as_str().to_owned()),
                expires: None,
            };
            standing::renew(client, &name, &group, &request, output).await
        }
        MemberCommand::Renew {
            name,
            expires,
            group,
        } => {
            let request = RenewMember {
                role: None,
                expires: expires.map(|expires| expires.0),
            };
            standing::renew(client, &name, &group, &request, output).await
        }
        MemberCommand::Nodes { group, peer_id } => {
            presence::nodes(client, &group, peer_id, output).await
        }
        MemberCommand::Attributes { group, text, clear } => {
            let request = PresenceRequest {
                attributes: (clear || text.is_some()).then(|| text.unwrap_or_default()),
                forced: None,
            };
            presence::say(client, &group, &request, output).await
        }
        MemberCommand::Presence { group, show } => {
            let request = PresenceRequest {
                attributes: None,
                forced: Some(show == ShowArg::Always),
            };
            presence::say(client, &group, &request, output).await
        }
    }
}

fn member_table(members: &[MemberInfo], nobody: &str) -> String {
    table(
        [
            "MEMBER",
            "NAME",
            "ROLES",
            "HERE",
            "ONLINE",
            "VALID UNTIL",
            "INVITED BY",
        ],
        members.iter().map(|member| {
            [
                harmless(&member.friendly_name),
                member.name.clone(),
                member.roles.join(", "),
                here(member).to_owned(),
                online(member),
                until(member),
                member.issued_by.chars().take(8).collect(),
            ]
        }),
        nobody,
    )
}

fn here(member: &MemberInfo) -> &'static str {
    match (member.myself, member.neighbour) {
        (true, _) => "myself",
        (false, true) => "connected",
        (false, false) => "",
    }
}

fn online(member: &MemberInfo) -> String {
    match member.nodes.len() {
        0 => String::new(),
        1 => "yes".to_owned(),
        nodes => format!("{nodes} nodes"),
    }
}

fn until(member: &MemberInfo) -> String {
    let until = short_time(&member.valid_until);
    if member.expired {
        format!("{until} (expired)")
    } else {
        until
    }
}

fn member_text(detail: &MemberDetail) -> String {
    let member = &detail.member;
    let facts = fields(&[
        ("member", harmless(&member.friendly_name)),
        ("name", member.name.clone()),
        ("public key", member.public_key.clone()),
        ("roles", member.roles.join(", ")),
        ("valid from", short_time(&member.valid_from)),
        ("valid until", until(member)),
        ("myself", yes(member.myself)),
        ("connected", yes(member.neighbour)),
        ("online", online(member)),
        ("invited", detail.invited.join("\n")),
    ]);
    let chain = table(
        [
            "#",
            "HOLDER",
            "NAME",
            "ROLES",
            "ISSUED",
            "VALID UNTIL",
            "SHA-256",
        ],
        detail.chain.iter().enumerate().map(|(position, link)| {
            [
                position.to_string(),
                harmless(&link.friendly_name),
                link.name.clone(),
                if position == 0 {
                    "group".to_owned()
                } else {
                    link.roles.join(", ")
                },
                short_time(&link.issued_at),
                short_time(&link.valid_until),
                link.fingerprint.chars().take(16).collect(),
            ]
        }),
        "",
    );
    format!("{facts}\n\nEach of these was issued by the one above it:\n{chain}")
}

fn tree_text(tree: &MemberTree) -> String {
    let mut text = format!("{} ({})", harmless(&tree.friendly_name), tree.group);
    branches(&tree.invited, "", &mut text);
    text
}

fn branches(nodes: &[MemberNode], margin: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        let (turn, below) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let remark = match (node.myself, node.standing) {
            (true, _) => ", myself",
            (false, Standing::Member) => "",
            (false, Standing::Expired) => ", expired",
            (false, Standing::Elsewhere) => ", an earlier membership",
            (false, Standing::Unknown) => ", not known as a member now",
        };
        text.push_str(&format!(
            "\n{margin}{turn}{} ({}) {}{remark}",
            harmless(&node.friendly_name),
            node.name,
            node.roles.join(", "),
        ));
        branches(&node.invited, &format!("{margin}{below}"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, standing: Standing, invited: Vec<MemberNode>) -> MemberNode {
        MemberNode {
            name: format!("{name}.x"),
            friendly_name: name.to_owned(),
            roles: vec!["member".to_owned()],
            valid_until: String::new(),
            standing,
            myself: false,
            invited,
        }
    }

    #[test]
    fn the_tree_shows_who_hangs_on_whom() {
        let below = vec![
            node(
                "ben",
                Standing::Member,
                vec![node("cy", Standing::Expired, Vec::new())],
            ),
            node("di\u{202e}", Standing::Unknown, Vec::new()),
        ];
        let tree = MemberTree {
            group: "g.chess".to_owned(),
            friendly_name: "Chess".to_owned(),
            invited: vec![node("ada", Standing::Member, below)],
        };
        assert_eq!(
            tree_text(&tree),
            "Chess (g.chess)\n\
             └── ada (ada.x) member\n    \
             ├── ben (ben.x) member\n    \
             │   └── cy (cy.x) member, expired\n    \
             └── di\u{fffd} (di\u{202e}.x) member, not known as a member now"
        );
    }
}
