//! Whole nodes in this process, each with a folder of its own, all in one group.

use std::{
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use peerage::{GroupHandle, InviteOptions, NewGroup, NewIdentity, Node, Settings};
use tokio::time::sleep;

use crate::Result;

/// How often it is looked whether something waited for has come about.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often it is said what the network lacks to be formed.
const NEWS_INTERVAL: Duration = Duration::from_secs(5);

/// A node and the group it is in.
pub(crate) struct Member {
    pub(crate) node: Node,
    pub(crate) group: GroupHandle,
}

/// One node makes the group and invites the others, who come one by one.
pub(crate) async fn start(count: usize, folder: &Path) -> Result<Vec<Member>> {
    let creator = node(folder, 0).await?;
    let group = creator.create_group(NewGroup::default()).await?;
    group.connect().await?;
    let mut members = vec![Member {
        node: creator,
        group: group.clone(),
    }];
    for index in 1..count {
        let node = node(folder, index).await?;
        let invitation = group
            .invite(&node.card(None).await?, InviteOptions::default())
            .await?;
        let group = node.join(invitation, None).await?;
        group.connect().await?;
        members.push(Member { node, group });
    }
    Ok(members)
}

async fn node(folder: &Path, index: usize) -> Result<Node> {
    let mut settings = Settings::in_folder(folder.join(index.to_string()));
    settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
    let node = Node::builder(settings).start().await?;
    node.create_identity(NewIdentity::default()).await?;
    Ok(node)
}

/// Whether every member has neighbours enough and knows all the others; what is lacking if not.
pub(crate) async fn formed(members: &[Member], neighbours: usize) -> Result<(), String> {
    let wanted = neighbours.min(members.len() - 1);
    let (mut alone, mut ignorant) = (0, 0);
    for member in members {
        let info = member.group.info().await.map_err(|e| e.to_string())?;
        alone += usize::from(info.neighbours < wanted);
        ignorant += usize::from(info.members < members.len());
    }
    if alone == 0 && ignorant == 0 {
        Ok(())
    } else {
        Err(format!(
            "{alone} nodes have fewer than {wanted} neighbours, {ignorant} do not know every member"
        ))
    }
}

/// Waits until `formed` holds; tells in milliseconds how long that took since `since`.
///
/// # Errors
/// What is lacking still, when the time is over.
pub(crate) async fn until_formed<F: Future<Output = Result<(), String>>>(
    timeout_seconds: f64,
    since: Instant,
    formed: impl Fn() -> F,
) -> Result<f64, String> {
    let until = Instant::now() + Duration::from_secs_f64(timeout_seconds);
    let mut news = Instant::now() + NEWS_INTERVAL;
    loop {
        match formed().await {
            Ok(()) => return Ok(since.elapsed().as_secs_f64() * 1e3),
            Err(lacking) if Instant::now() >= until => {
                return Err(format!(
                    "the network did not form in {timeout_seconds} s: {lacking}"
                ));
            }
            Err(lacking) => {
                if Instant::now() >= news {
                    eprintln!("  forming: {lacking}");
                    news += NEWS_INTERVAL;
                }
                sleep(LOOK_INTERVAL).await;
            }
        }
    }
}

/// Whether the whole databases of these members are the same; how they differ if not.
pub(crate) async fn converged(members: &[Member]) -> Result<(), String> {
    let mut fingerprints = Vec::new();
    for member in members {
        let fingerprint = member.group.fingerprint().await;
        fingerprints.push(fingerprint.map_err(|error| error.to_string())?);
    }
    fingerprints.sort();
    fingerprints.dedup();
    match fingerprints.len() {
        0 | 1 => Ok(()),
        several => Err(format!("{several} different databases")),
    }
}
