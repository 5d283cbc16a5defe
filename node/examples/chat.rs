//! A chat among the members of one group, with nothing but the library.
//!
//! In one terminal:
//! ```text
//! cargo run -p peerage --example chat -- /tmp/ada create Chess
//! ```
//! In another, Ben prints his card; Ada types `/invite CARD`; Ben joins with what she is shown:
//! ```text
//! cargo run -p peerage --example chat -- /tmp/ben card
//! cargo run -p peerage --example chat -- /tmp/ben join peerage:invite:…
//! ```
//! Later `chat FOLDER` goes on where it was left. Lines typed are published, `/members` lists who is
//! there, `/quit` leaves.

use std::{process::ExitCode, time::Duration};

use futures::StreamExt;
use peerage::{
    GroupHandle, InviteOptions, NewGroup, NewIdentity, Node, Settings,
    model::{EventKind, EventOrigin, GroupEvent, RecordInfo},
};
use peerage_records::{
    id::RecordType,
    record::RecordDraft,
    store::{Partition, RecordQuery},
    time::Timestamp,
};
use tokio::io::{AsyncBufReadExt, BufReader};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: chat FOLDER [card | create NAME | join INVITATION]";
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// So many lines are shown when a chat is opened.
const SHOWN: usize = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[&str]) -> Result<()> {
    let [folder, rest @ ..] = words else {
        return Err(USAGE.into());
    };
    let mut settings = Settings::in_folder(folder);
    settings.listen = vec!["/ip4/0.0.0.0/udp/0/quic-v1".parse()?];
    let node = Node::builder(settings).start().await?;
    if node.identities().await?.is_empty() {
        let friendly_name = folder.rsplit('/').next().map(str::to_owned);
        node.create_identity(NewIdentity {
            friendly_name,
            ..NewIdentity::default()
        })
        .await?;
    }
    let group = match rest {
        ["card"] => {
            println!("{}", node.card(None).await?.to_uri());
            return Ok(node.shutdown().await?);
        }
        ["create", name] => {
            node.create_group(NewGroup {
                friendly_name: Some((*name).to_owned()),
                ..NewGroup::default()
            })
            .await?
        }
        ["join", invitation] => node.join(invitation.parse()?, None).await?,
        [] => match node.groups().await?.first() {
            Some(group) => node.open_group(&group.name, None).await?,
            None => return Err("no chat here yet: create one or join one".into()),
        },
        _ => return Err(USAGE.into()),
    };
    group.connect().await?;
    let left = chat(&group).await;
    node.shutdown().await?;
    left
}

async fn chat(group: &GroupHandle) -> Result<()> {
    let mut events = group.events(None).await?;
    show_earlier(group).await?;
    println!("— type a line, /invite CARD, /members or /quit —");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line?.as_deref().map(str::trim) {
                None | Some("/quit") => return Ok(()),
                Some("") => {}
                Some("/members") => {
                    for member in group.members().await? {
                        let here = if member.neighbour || member.myself { "" } else { " (not connected)" };
                        println!("— {}{here}", member.friendly_name);
                    }
                }
                Some(line) => if let Err(error) = enter(group, line).await {
                    println!("— {error}");
                }
            },
            event = events.next() => match event {
                Some(event) => tell(group, event?).await?,
                None => return Ok(()),
            },
        }
    }
}

async fn enter(group: &GroupHandle, line: &str) -> Result<()> {
    if let Some(card) = line.strip_prefix("/invite ") {
        let invitation = group
            .invite(&card.parse()?, InviteOptions::default())
            .await?;
        println!("{}", invitation.to_uri());
        return Ok(());
    }
    let now = Timestamp::from_secs(std::time::UNIX_EPOCH.elapsed()?.as_secs());
    group
        .publish(RecordDraft {
            kind: RecordType::from_name("chat line"),
            expires: now + LIFETIME,
            attributes: Vec::new(),
            payload: line.as_bytes().to_vec(),
        })
        .await?;
    Ok(())
}

async fn tell(group: &GroupHandle, event: GroupEvent) -> Result<()> {
    match (event.kind, event.record) {
        (EventKind::RecordAdded, Some(id)) if event.origin == Some(EventOrigin::Remote) => {
            let line_type = RecordType::from_name("chat line").to_string();
            if event.record_type == Some(line_type)
                && let Ok(record) = group.get(id.parse()?).await
            {
                say(group, &record).await?;
            }
        }
        (
            EventKind::NeighbourConnected
            | EventKind::NeighbourDisconnected
            | EventKind::StatusChanged,
            _,
        ) => {
            println!(
                "— {} {}",
                event.kind.as_str(),
                event.detail.unwrap_or_default()
            );
        }
        _ => {}
    }
    Ok(())
}

async fn show_earlier(group: &GroupHandle) -> Result<()> {
    let mut earlier = group
        .list(RecordQuery {
            kind: Some(RecordType::from_name("chat line")),
            partition: Partition::Application,
            after: None,
            limit: SHOWN,
        })
        .await?;
    // Instants as text sort by time.
    earlier.sort_by(|one, other| one.created.cmp(&other.created));
    for record in &earlier {
        say(group, record).await?;
    }
    Ok(())
}

async fn say(group: &GroupHandle, record: &RecordInfo) -> Result<()> {
    let members = group.members().await?;
    let who = members
        .iter()
        .find(|member| member.public_key == record.creator)
        .map_or("somebody", |member| member.friendly_name.as_str());
    let text = record.payload_text.as_deref().unwrap_or("(not text)");
    // What others wrote must not drive our terminal.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    println!("{who}: {text}");
    Ok(())
}
