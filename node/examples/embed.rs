//! Two nodes inside one program: Ada makes a group and invites Ben, and Ben hears what she publishes.
//!
//! Run it with `cargo run -p peerage --example embed`. Everything is kept in a temporary folder.

use std::{path::Path, time::Duration};

use futures::StreamExt;
use peerage::{InviteOptions, NewGroup, NewIdentity, Node, Settings, model::EventKind};
use peerage_records::{
    id::{RecordId, RecordType},
    record::RecordDraft,
    time::Timestamp,
};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("peerage-embed-{}", std::process::id()));
    let outcome = tokio::time::timeout(Duration::from_secs(60), meet(&folder)).await;
    std::fs::remove_dir_all(&folder)?;
    outcome?
}

pub(crate) async fn meet(folder: &Path) -> Result<()> {
    let ada = start(&folder.join("ada"), "Ada").await?;
    let ben = start(&folder.join("ben"), "Ben").await?;

    // Ada makes a group and goes online, alone.
    let group = ada
        .create_group(NewGroup {
            friendly_name: Some("Chess".to_owned()),
            ..NewGroup::default()
        })
        .await?;
    group.connect().await?;

    // Ben's card goes to Ada and her invitation to Ben, by whatever mail they use.
    let card = ben.card(None).await?;
    let invitation = group.invite(&card, InviteOptions::default()).await?;
    println!(
        "Ada invites {}: {:.60}…",
        card.friendly_name(),
        invitation.to_uri()
    );

    let joined = ben.join(invitation.to_uri().parse()?, None).await?;
    let mut events = joined.events(None).await?;
    joined.connect().await?;

    // A record has a type of the application's own, and an end.
    let kind = RecordType::from_name("move");
    let now = Timestamp::from_secs(std::time::UNIX_EPOCH.elapsed()?.as_secs());
    let record = group
        .publish(RecordDraft {
            kind,
            expires: now + Duration::from_secs(3_600),
            attributes: Vec::new(),
            payload: b"e2 e4".to_vec(),
        })
        .await?;
    println!("Ada publishes {}", record.id);

    // Ben hears of everything new, in order; this is what he waits for.
    while let Some(event) = events.next().await {
        let event = event?;
        println!(
            "Ben hears {} {}",
            event.kind.as_str(),
            event.detail.unwrap_or_default()
        );
        if event.kind == EventKind::RecordAdded && event.record.as_ref() == Some(&record.id) {
            break;
        }
    }
    let id: RecordId = record.id.parse()?;
    let heard = joined.get(id).await?;
    println!("Ben reads {:?}", heard.payload_text.unwrap_or_default());

    ada.shutdown().await?;
    ben.shutdown().await?;
    Ok(())
}

async fn start(folder: &Path, friendly_name: &str) -> Result<Node> {
    let mut settings = Settings::in_folder(folder);
    settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
    let node = Node::builder(settings).start().await?;
    node.create_identity(NewIdentity {
        friendly_name: Some(friendly_name.to_owned()),
        ..NewIdentity::default()
    })
    .await?;
    Ok(node)
}
