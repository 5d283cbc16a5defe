//! `peerage direct …`

use std::collections::BTreeMap;

use data_encoding::BASE64;
use futures::StreamExt;
use peerage_protocol::{
    direct::ConnectionId,
    wire::direct::{MAX_DIRECT_MESSAGE_BYTES, MessageType},
};
use serde::Serialize;

use super::{
    args::{DirectCommand, GroupArg, KindArg, PayloadArgs},
    client::{Client, GroupPath},
    failure::Failure,
    input,
    output::{Output, fields, harmless, on_one_line, short_time, table},
    pipe,
    socket::Socket,
};
use crate::{
    Error,
    api::segment,
    error::catalogue,
    model::{
        ConnectionInfo, ConnectionMode, DirectOpening, DirectTold, MemberDetail, MessageInfo,
        OpenDirect,
    },
};

/// At most this many characters of a message on a line.
const MAX_SHOWN_CHARS: usize = 200;

/// The type of messages that are sent without one.
const USUAL_TYPE: &str = "message";

pub(super) async fn run(
    client: &Client,
    command: DirectCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        DirectCommand::Open {
            member,
            node,
            address,
            no_wait,
            group,
        } => {
            let request = OpenDirect {
                member,
                node,
                address,
                mode: ConnectionMode::Messages,
                wait: !no_wait,
            };
            let path = client.group(&group).await?;
            let opening = begun(client, &path, &request).await?;
            output.show(&opening, |opening| match &opening.connection {
                Some(connection) => connection_fields(connection),
                None => opening.id.to_string(),
            })
        }
        DirectCommand::Send {
            to,
            kind,
            node,
            address,
            payload,
            group,
        } => {
            let request = OpenDirect {
                member: to,
                node,
                address,
                mode: ConnectionMode::Messages,
                wait: true,
            };
            send(client, &group, &request, &kind, payload, output).await
        }
        DirectCommand::Recv {
            kinds,
            count,
            raw,
            group,
        } => {
            let path = client.group(&group).await?;
            recv(client, &path, &kinds, count, raw, output).await
        }
        DirectCommand::Ls { kind, group } => {
            let kind = match kind {
                KindArg::Direct => "direct",
                KindArg::Neighbour => "neighbour",
                KindArg::All => "all",
            };
            let path = client.group(&group).await?;
            let path = path.asking("/direct", &format!("kind={kind}"));
            let connections: Vec<ConnectionInfo> = client.list(&path).await?;
            output.show(&connections, |connections| connection_table(connections))
        }
        DirectCommand::Close { id, group } => {
            let path = client.group(&group).await?;
            client.delete(&of(&path, &id, "")).await?;
            output.show(&Closed { closed: id }, |done| {
                format!("closed {}", harmless(&done.closed))
            })
        }
        DirectCommand::Pipe(args) => pipe::run(client, args, output).await.map_err(other_port),
    }
}

#[derive(Serialize)]
struct Closed {
    closed: String,
}

#[derive(Serialize)]
struct Sent {
    sent_bytes: usize,
    to: String,
}

/// Sends to the member that a connection is to be opened to, or on the connection that has this id.
async fn send(
    client: &Client,
    group: &GroupArg,
    request: &OpenDirect,
    kind: &str,
    payload: PayloadArgs,
    output: Output,
) -> Result<(), Failure> {
    let kind: MessageType = kind
        .parse()
        .map_err(|error| Error::invalid("type", error))?;
    let data = match payload {
        PayloadArgs {
            payload: Some(text),
            ..
        } => text.into_bytes(),
        PayloadArgs {
            file: Some(path), ..
        } => input::message(&path)?,
        PayloadArgs { .. } => {
            return Err(Failure::usage("nothing to send: give --payload or --file"));
        }
    };
    if data.len() > MAX_DIRECT_MESSAGE_BYTES {
        return Err(Error::TooLarge {
            limit_bytes: MAX_DIRECT_MESSAGE_BYTES,
        }
        .into());
    }
    let path = client.group(group).await?;
    let open: Vec<ConnectionInfo> = client.list(&path.asking("/direct", "kind=all")).await?;
    let existing = open.iter().find(|one| one.id.to_string() == request.member);
    let connection = match existing {
        Some(_) if request.node.is_some() || request.address.is_some() => {
            return Err(Failure::usage(
                "a connection that is open leads where it leads: leave --node and --address out",
            ));
        }
        Some(connection) => connection.clone(),
        None => opened(client, &path, request)
            .await
            .map_err(|failure| no_member(&request.member, failure))?,
    };
    let sent_bytes = data.len();
    let id = connection.id.to_string();
    let sent = Socket::open(client, &of(&path, &id, "/socket"))
        .await?
        .send_message(kind, data)
        .await;
    if existing.is_none() {
        // What came before it still arrives.
        let closed = client.delete(&of(&path, &id, "")).await;
        sent.and(closed)?;
    } else {
        sent?;
    }
    let to = connection.member;
    output.show(&Sent { sent_bytes, to }, |sent| {
        format!("sent {} bytes to {}", sent.sent_bytes, sent.to)
    })
}

/// The port that cannot be had is the pipe's, not the node's.
fn other_port(failure: Failure) -> Failure {
    match failure.is(&catalogue::UNABLE_TO_LISTEN) {
        true => failure.advise("choose another port with --listen, or 0 for any that is free"),
        false => failure,
    }
}

/// A number that stands for no member is the id of a connection that has ended.
fn no_member(to: &str, failure: Failure) -> Failure {
    match to.parse::<ConnectionId>() {
        Ok(id) if failure.is(&catalogue::MEMBER_NOT_FOUND) => {
            Error::ConnectionNotFound { id }.into()
        }
        _ => failure,
    }
}

/// Opens a connection and waits until it is open.
pub(super) async fn opened(
    client: &Client,
    group: &GroupPath,
    request: &OpenDirect,
) -> Result<ConnectionInfo, Failure> {
    let opening = begun(client, group, request).await?;
    opening
        .connection
        .ok_or_else(|| Error::TimedOut { seconds: 25 }.into())
}

async fn begun(
    client: &Client,
    group: &GroupPath,
    request: &OpenDirect,
) -> Result<DirectOpening, Failure> {
    let opening = client.post(&group.below("/direct"), request).await;
    opening.map_err(|failure: Failure| match failure.is(&catalogue::CONNECT_SELF) {
        true => failure.advise(
            "name another member, or another node of this one with --node PEER-ID; list them with: peerage member nodes",
        ),
        false => failure,
    })
}

async fn recv(
    client: &Client,
    group: &GroupPath,
    kinds: &[String],
    count: Option<u64>,
    raw: bool,
    output: Output,
) -> Result<(), Failure> {
    let types = kinds.iter().map(|kind| segment(kind)).collect::<Vec<_>>();
    let query = match types.is_empty() {
        true => "data=all".to_owned(),
        false => format!("types={}", types.join(",")),
    };
    let path = group.asking("/direct/listen", &query);
    let told = client.lines::<DirectTold>(&path).await?;
    let mut told = std::pin::pin!(told);
    let mut names = Names::new(kinds);
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(told) = told.next().await else {
            break;
        };
        let told = told?;
        if output == Output::Text && !raw {
            names.hear_of(&told, client, group).await;
        }
        match (&told, raw) {
            (DirectTold::Data(message), true) => output.bytes(&content(message)?)?,
            (_, true) => {}
            (_, false) => output.line(&told, |told| told_line(told, &names))?,
        }
        if let DirectTold::Data(_) = told {
            left -= 1;
        }
    }
    Ok(())
}

/// What people call the members and the types that messages name by numbers.
struct Names {
    members: BTreeMap<String, String>,
    types: BTreeMap<String, String>,
}

impl Names {
    /// Of types, only names that were asked for are known, and the usual one.
    fn new(kinds: &[String]) -> Self {
        let names = kinds.iter().map(String::as_str).chain([USUAL_TYPE]);
        let types = names
            .filter_map(|name| {
                Some((
                    name.parse::<MessageType>().ok()?.to_string(),
                    name.to_owned(),
                ))
            })
            .collect();
        Self {
            members: BTreeMap::new(),
            types,
        }
    }

    /// Notes a member's name, and asks for that of one who was connected before.
    async fn hear_of(&mut self, told: &DirectTold, client: &Client, group: &GroupPath) {
        match told {
            DirectTold::Connected { connection } => {
                let (name, friendly) = (&connection.member, &connection.friendly_name);
                self.members.insert(name.clone(), friendly.clone());
            }
            DirectTold::Data(message) if !self.members.contains_key(&message.from) => {
                let path = group.below(&format!("/members/{}", segment(&message.from)));
                let member: Result<MemberDetail, Failure> = client.get(&path).await;
                // Not everybody may look; then the peer name has to do.
                let friendly = member.map_or_else(|_| String::new(), |it| it.member.friendly_name);
                self.members.insert(message.from.clone(), friendly);
            }
            _ => {}
        }
    }

    fn member(&self, name: &str) -> &str {
        self.members.get(name).map_or("", String::as_str)
    }

    fn kind<'a>(&'a self, kind: &'a str) -> &'a str {
        self.types.get(kind).map_or(kind, String::as_str)
    }
}

/// The path of one connection.
pub(super) fn of(group: &GroupPath, id: &str, rest: &str) -> String {
    group.below(&format!("/direct/{}{rest}", segment(id)))
}

fn content(message: &MessageInfo) -> Result<Vec<u8>, Failure> {
    BASE64
        .decode(message.payload.as_bytes())
        .map_err(|error| Error::Internal(error.to_string()).into())
}

fn told_line(told: &DirectTold, names: &Names) -> String {
    match told {
        DirectTold::Connected { connection } => format!(
            "{} connected {} {}",
            connection.id,
            connection.member,
            harmless(&connection.friendly_name)
        ),
        DirectTold::Disconnected(end) => {
            format!("{} disconnected {} {}", end.id, end.member, end.reason)
        }
        DirectTold::Failed(end) => format!("{} failed {} {}", end.id, end.member, end.reason),
        DirectTold::Data(message) => {
            let text = match &message.payload_text {
                Some(text) => on_one_line(&text.chars().take(MAX_SHOWN_CHARS).collect::<String>()),
                None => format!(
                    "{} bytes",
                    BASE64.decode_len(message.payload.len()).unwrap_or(0)
                ),
            };
            let (name, kind) = (names.member(&message.from), names.kind(&message.kind));
            format!(
                "{} data {} {} [{}] {text}",
                message.id,
                message.from,
                harmless(name),
                harmless(kind)
            )
        }
        DirectTold::Missed { messages } => format!("- missed {messages} messages"),
    }
}

fn connection_fields(connection: &ConnectionInfo) -> String {
    fields(&[
        ("id", connection.id.to_string()),
        ("member", connection.member.clone()),
        ("name", harmless(&connection.friendly_name)),
        ("node", connection.node.clone()),
        ("address", connection.address.clone().unwrap_or_default()),
    ])
}

fn connection_table(connections: &[ConnectionInfo]) -> String {
    table(
        [
            "ID",
            "KIND",
            "MEMBER",
            "NAME",
            "CARRIES",
            "OPENED BY",
            "SINCE",
            "ADDRESS",
        ],
        connections.iter().map(|one| {
            [
                one.id.to_string(),
                one.kind.as_str().to_owned(),
                one.member.chars().take(8).collect(),
                harmless(&one.friendly_name),
                match one.mode {
                    ConnectionMode::Messages => "messages",
                    ConnectionMode::Stream => "bytes",
                }
                .to_owned(),
                if one.incoming { "them" } else { "us" }.to_owned(),
                short_time(&one.since),
                one.address.clone().unwrap_or_default(),
            ]
        }),
        "no open connection; open one with: peerage direct open MEMBER",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_with_who_sent_it_as_what_on_one_line() {
        let mut names = Names::new(&["photo".to_owned()]);
        names.members.insert("5f0c.x".to_owned(), "Ada".to_owned());
        let line = |kind: MessageType, from: &str, text: &str| {
            let message = MessageInfo {
                id: ConnectionId::new(7).unwrap(),
                from: from.to_owned(),
                kind: kind.to_string(),
                payload: String::new(),
                payload_text: Some(text.to_owned()),
            };
            told_line(&DirectTold::Data(message), &names)
        };
        let named = MessageType::from_name;
        assert_eq!(
            line(named("message"), "5f0c.x", "a\nb\n"),
            "7 data 5f0c.x Ada [message] a\\nb"
        );
        assert_eq!(
            line(named("photo"), "5f0c.x", "x"),
            "7 data 5f0c.x Ada [photo] x"
        );
        let other = named("other");
        let shown = line(other, "1111.y", "x");
        assert!(shown.contains(&format!("[{other}] x")), "{shown}");
    }

    #[test]
    fn a_number_that_is_nobodys_name_is_a_connection_that_has_ended() {
        let unknown = |name: &str| {
            Failure::from(Error::MemberNotFound {
                name: name.to_owned(),
            })
        };
        let of = |to: &str| no_member(to, unknown(to)).0.code;
        assert_eq!(of("1781"), "connection_not_found");
        assert_eq!(of("0"), "member_not_found");
        assert_eq!(of("Ben"), "member_not_found");
        let busy = no_member("1781", Error::Busy.into());
        assert_eq!(busy.0.code, "busy");
    }
}
