//! A removal among whole nodes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use peerage::{
    ErrorKind, GroupHandle, RemoveOptions,
    clock::Clock,
    model::{EventKind, GroupEvent},
};
use peerage_records::{
    id::{RecordId, RecordType},
    record::RecordDraft,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::sleep};

use super::{MIN_LINKS, Outcome, Parameters, outcome::LATER};
use crate::{
    Result,
    scenarios::nodes::{self, LOOK_INTERVAL, Member},
};

/// How long a record published after the removal lives.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long is waited for what must not arrive: longer than lazy gossip and a reconciliation take.
const SILENCE: Duration = Duration::from_secs(5);

/// What a member has told of the removed one.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    applied: Option<Instant>,
    /// When it had a link for the last time, if it has none now.
    cut: Option<Instant>,
    linked: bool,
}

/// What all members have told, by their numbers.
type Tales = Arc<Mutex<Vec<Told>>>;

pub(super) async fn measure(parameters: &Parameters) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let since = Instant::now();
    let mut members = nodes::start(parameters.nodes, folder.path()).await?;
    let formed_ms = nodes::until_formed(parameters.form_timeout, since, || {
        nodes::formed(&members, parameters.neighbours)
    })
    .await?;
    sleep(Duration::from_secs_f64(parameters.settle)).await;

    let chosen = choose(&members, parameters).await?;
    let outcast = members.remove(chosen);
    let name = outcast.group.info().await?.identity;
    let tales: Tales = Arc::new(Mutex::new(vec![Told::default(); members.len()]));
    let mut readers = listen(&members, &name, &tales).await?;
    for (index, member) in members.iter().enumerate() {
        let linked = has_link(&member.group, &name).await?;
        lock(&tales)[index].linked |= linked;
    }
    let linked = lock(&tales).iter().filter(|told| told.linked).count();

    let creator = &members[0].group;
    let called = Instant::now();
    creator
        .remove_member(&name, RemoveOptions::default())
        .await?;
    let deciding_ms = called.elapsed().as_secs_f64() * 1e3;
    let at_once = publish(creator, b"at once").await?;

    let until = Instant::now() + Duration::from_secs_f64(parameters.patience);
    let settled = || {
        lock(&tales)
            .iter()
            .all(|t| t.applied.is_some() && !t.linked)
    };
    while !settled() && Instant::now() < until {
        sleep(LOOK_INTERVAL).await;
    }
    let told = lock(&tales).clone();

    // Nobody has a link with it any more: what is published from now on is not for it.
    let mut rng = StdRng::seed_from_u64(parameters.seed);
    let author = &members[rng.random_range(0..members.len())].group;
    let at_cut = publish(author, b"at the last cut").await?;
    sleep(LATER).await;
    let afterwards = publish(author, b"afterwards").await?;
    let published = [at_once, at_cut, afterwards];
    let until = Instant::now() + Duration::from_secs_f64(parameters.patience);
    while Instant::now() < until && !all_agree(&members, &name, &published).await {
        sleep(LOOK_INTERVAL).await;
    }
    sleep(SILENCE).await;

    let mut disagree = 0;
    for (member, told) in members.iter().zip(&told) {
        let agrees = told.applied.is_some() && agrees(member, &name, &published).await?;
        disagree += usize::from(!agrees);
    }
    if disagree == 0 && nodes::converged(&members).await.is_err() {
        disagree = members.len();
    }
    let ms = |at: Instant| at.saturating_duration_since(called).as_secs_f64() * 1e3;
    let outcome = Outcome {
        formed_ms: Some(formed_ms),
        deciding_ms: Some(deciding_ms),
        met_ms: None,
        honest: members.len(),
        linked,
        applied_ms: told.iter().filter_map(|t| t.applied).map(ms).collect(),
        cut_ms: told.iter().filter_map(|t| t.cut).map(ms).collect(),
        disagree,
        at_once: Some(usize::from(holds(&outcast.group, at_once).await?)),
        at_cut: usize::from(holds(&outcast.group, at_cut).await?),
        afterwards: usize::from(holds(&outcast.group, afterwards).await?),
    };
    readers.shutdown().await;
    join_all(members.iter().map(|member| member.node.shutdown())).await;
    outcast.node.shutdown().await?;
    Ok(outcome)
}

/// Somebody with links enough, not the creator.
async fn choose(members: &[Member], parameters: &Parameters) -> Result<usize> {
    let wanted = MIN_LINKS.min(members.len() - 1);
    let mut linked = Vec::new();
    for (index, member) in members.iter().enumerate().skip(1) {
        if member.group.info().await?.neighbours >= wanted {
            linked.push(index);
        }
    }
    if linked.is_empty() {
        return Err(format!("no member has {wanted} links").into());
    }
    let mut rng = StdRng::seed_from_u64(parameters.seed);
    Ok(linked[rng.random_range(0..linked.len())])
}

/// Reads every member's events, as an application would.
async fn listen(members: &[Member], outcast: &str, tales: &Tales) -> Result<JoinSet<()>> {
    let mut readers = JoinSet::new();
    for (index, member) in members.iter().enumerate() {
        let mut events = member.group.events(None).await?;
        let (tales, outcast) = (Arc::clone(tales), outcast.to_owned());
        readers.spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let now = Instant::now();
                if is_about(&event, &outcast) {
                    lock(&tales)[index].hear(event.kind, now);
                }
            }
        });
    }
    Ok(readers)
}

impl Told {
    fn hear(&mut self, kind: EventKind, now: Instant) {
        match kind {
            EventKind::MemberRemoved => self.applied = self.applied.or(Some(now)),
            EventKind::NeighbourConnected => self.linked = true,
            EventKind::NeighbourDisconnected => {
                self.linked = false;
                self.cut = Some(now);
            }
            _ => {}
        }
    }
}

/// Whether an event tells of this member: the details of those read here begin with a peer name.
fn is_about(event: &GroupEvent, name: &str) -> bool {
    event
        .detail
        .as_deref()
        .and_then(|detail| detail.strip_prefix(name))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
}

async fn publish(group: &GroupHandle, payload: &[u8]) -> Result<RecordId> {
    let draft = RecordDraft {
        kind: RecordType::from_name("bench"),
        expires: Clock::system().timestamp() + LIFETIME,
        attributes: Vec::new(),
        payload: payload.to_vec(),
    };
    Ok(group.publish(draft).await?.id.parse()?)
}

async fn has_link(group: &GroupHandle, name: &str) -> Result<bool> {
    let neighbours = group.neighbours().await?;
    Ok(neighbours.iter().any(|other| other.member == name))
}

async fn holds(group: &GroupHandle, record: RecordId) -> Result<bool> {
    match group.get(record).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a member has no link with the removed one, does not count it, and has what was published.
async fn agrees(member: &Member, name: &str, published: &[RecordId]) -> Result<bool> {
    for record in published {
        if !holds(&member.group, *record).await? {
            return Ok(false);
        }
    }
    let known = member.group.members().await?;
    Ok(!has_link(&member.group, name).await? && known.iter().all(|other| other.name != name))
}

async fn all_agree(members: &[Member], name: &str, published: &[RecordId]) -> bool {
    for member in members {
        if !agrees(member, name, published).await.unwrap_or(false) {
            return false;
        }
    }
    nodes::converged(members).await.is_ok()
}

fn lock(tales: &Tales) -> std::sync::MutexGuard<'_, Vec<Told>> {
    tales.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_came_back_counts_until_it_is_cut_again() {
        let (mut told, begun) = (Told::default(), Instant::now());
        told.hear(EventKind::NeighbourConnected, begun);
        told.hear(EventKind::NeighbourDisconnected, begun);
        told.hear(EventKind::NeighbourConnected, begun);
        assert!(told.linked);
        let later = begun + Duration::from_secs(1);
        told.hear(EventKind::NeighbourDisconnected, later);
        assert_eq!((told.linked, told.cut), (false, Some(later)));
    }
}
