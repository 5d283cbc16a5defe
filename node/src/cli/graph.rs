//! `peerage graph …` and `peerage group ping`

use std::fmt::Write;

use super::{
    args::{GraphCommand, GraphFormat, GroupArg},
    client::Client,
    failure::Failure,
    output::{Output, harmless, short_time, table, yes},
};
use crate::{
    error::catalogue,
    model::{GraphNode, GroupGraph, PingReport},
};

pub(super) async fn run(
    client: &Client,
    command: GraphCommand,
    output: Output,
) -> Result<(), Failure> {
    let GraphCommand::Show { group, format } = command;
    let path = client.group(&group.into()).await?.below("/graph");
    let graph: GroupGraph = client.get(&path).await?;
    output.show(&graph, |graph| match format {
        GraphFormat::Table => graph_text(graph),
        GraphFormat::Dot => dot(graph),
    })
}

pub(super) async fn ping(client: &Client, group: GroupArg, output: Output) -> Result<(), Failure> {
    let path = client.group(&group).await?.below("/ping");
    let report: PingReport = client.post(&path, &()).await?;
    output.show(&report, ping_text)?;
    match report.found {
        true => Ok(()),
        // What was tried is told all the same.
        false => Err(Failure::new(
            &catalogue::NO_MEMBERS_FOUND,
            "no participant of the group was found",
        )),
    }
}

fn ping_text(report: &PingReport) -> String {
    let rows = report.participants.iter().map(|one| {
        [
            one.peer_id.clone(),
            one.member.clone().unwrap_or_default(),
            one.known_as.as_str().to_owned(),
            match (one.took_us, &one.failure) {
                (Some(took), _) => milliseconds(took),
                (None, Some(failure)) => failure.clone(),
                (None, None) => String::new(),
            },
            match &one.answered_at {
                Some(address) => address.clone(),
                None => below_each_other(&one.addresses),
            },
        ]
    });
    let header = ["PEER ID", "MEMBER", "KNOWN AS", "ANSWERED IN", "ADDRESSES"];
    let answers = table(header, rows, "no participant is known here");
    let running = report.participants.iter().any(|one| one.took_us.is_some());
    match (report.found, running) {
        (true, _) => answers,
        (false, true) => format!(
            "{answers}\n\nnone found yet: a node answers that was a participant; whether it still is shows \
             peerage group connect"
        ),
        (false, false) => {
            format!("{answers}\n\nnone found: no participant of the group answers")
        }
    }
}

fn graph_text(graph: &GroupGraph) -> String {
    let nodes = table(
        ["NODE", "MEMBER", "NAME", "PRESENT", "ADDRESSES"],
        graph.nodes.iter().map(|node| {
            [
                match node.local {
                    true => format!("{} (this node)", node.peer_id),
                    false => node.peer_id.clone(),
                },
                harmless(&node.friendly_name),
                node.member.chars().take(8).collect(),
                yes(node.present),
                below_each_other(&node.addresses),
            ]
        }),
        "no node",
    );
    let links = table(
        [
            "LINK WITH",
            "DIRECTION",
            "SINCE",
            "ADDRESS",
            "ROUND TRIP",
            "COMPARED",
        ],
        graph.links.iter().map(|link| {
            let other = other_end(graph, &link.from, &link.to);
            [
                other.map_or_else(String::new, |node| harmless(&node.friendly_name)),
                link.direction.as_str().to_owned(),
                short_time(&link.since),
                link.address.clone().unwrap_or_default(),
                link.round_trip_us.map(milliseconds).unwrap_or_default(),
                link.compared.as_deref().map(short_time).unwrap_or_default(),
            ]
        }),
        "no link",
    );
    format!("{nodes}\n\n{links}")
}

/// For Graphviz: a box per node, an arrow from whoever made the connection.
fn dot(graph: &GroupGraph) -> String {
    let mut text = format!(
        "digraph {} {{\n  label={};\n  node [shape=box];\n",
        quoted(&graph.group),
        quoted(&graph.friendly_name)
    );
    for node in &graph.nodes {
        let label = format!(
            "{}\n{}",
            harmless(&node.friendly_name),
            short(&node.peer_id)
        );
        let style = match (node.local, node.present) {
            (true, _) => ", style=bold",
            (false, true) => "",
            (false, false) => ", style=dashed",
        };
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "  {} [label={}{style}];",
            quoted(&node.peer_id),
            quoted(&label)
        );
    }
    for link in &graph.links {
        let label = link.round_trip_us.map(milliseconds).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {} -> {} [label={}];",
            quoted(&link.from),
            quoted(&link.to),
            quoted(&label)
        );
    }
    text.push_str("}\n");
    text
}

/// A quoted string of the DOT language, in which only the quote and the backslash need care. A line end
/// becomes one of a label; other control characters are replaced, as everywhere.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| harmless(line).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}

fn other_end<'a>(graph: &'a GroupGraph, from: &str, to: &str) -> Option<&'a GraphNode> {
    graph
        .nodes
        .iter()
        .find(|node| !node.local && (node.peer_id == from || node.peer_id == to))
}

fn below_each_other(addresses: &[String]) -> String {
    let addresses: Vec<String> = addresses.iter().map(|address| harmless(address)).collect();
    addresses.join("\n")
}

/// The end of a peer id, which is what tells two apart.
fn short(peer_id: &str) -> String {
    let skipped = peer_id.chars().count().saturating_sub(8);
    peer_id.chars().skip(skipped).collect()
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1_000, micros % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_a_drawing() {
        assert_eq!(quoted("a\"];b\\"), r#""a\"];b\\""#);
        assert_eq!(quoted("a\nb\u{1b}[2J"), "\"a\\nb\u{fffd}[2J\"");
        assert_eq!(milliseconds(1_042), "1.042 ms");
        assert_eq!(short("12D3KooWabcdefgh"), "abcdefgh");
    }
}
