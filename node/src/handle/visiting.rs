//! How an identity becomes a member by a group's address: by its password, or by asking.
//!
//! What an identity waits for is kept until it has led to a membership or is given up, over restarts too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use peerage_protocol::{
    door::{GroupAddress, password::Password},
    engine::{Entry, MAX_VISITS, NewVisit, VisitOutcome, visit_id},
    gmc,
    name::check_friendly_name,
};
use peerage_records::id::ReplicaId;
use tokio::sync::watch;

use super::{Inner, Node, inner::undivided};
use crate::{
    Error, Result,
    command::Command,
    folder::Waiting,
    model::{GroupInfo, GroupStatus, Outcome},
    vault::Known,
};

/// How long connecting to a group we are not let into yet waits for an answer before it leaves the
/// rest to the background; less than a request to the API may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How far we have got with joining a group by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Progress {
    /// Nobody has answered yet.
    #[default]
    Trying,
    /// The request lies with somebody who decides.
    Waiting,
    /// The password is wrong.
    Refused,
    /// We are a member.
    Admitted,
    /// We do not want to any more.
    GivenUp,
}

/// What is known of visits under way, for whoever waits for them.
#[derive(Debug, Default)]
pub(crate) struct Visits(Mutex<HashMap<ReplicaId, watch::Sender<Progress>>>);

impl Visits {
    fn tell(&self, visit: ReplicaId, progress: Progress) {
        self.with(visit, |sender| sender.send_replace(progress));
        if matches!(progress, Progress::Admitted | Progress::GivenUp) {
            let mut visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            visits.remove(&visit);
        }
    }

    fn watch(&self, visit: ReplicaId) -> watch::Receiver<Progress> {
        self.with(visit, |sender| sender.subscribe())
    }

    fn now(&self, visit: ReplicaId) -> Progress {
        let visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        visits
            .get(&visit)
            .map_or_else(Progress::default, |sender| *sender.borrow())
    }

    fn with<T>(&self, visit: ReplicaId, act: impl FnOnce(&watch::Sender<Progress>) -> T) -> T {
        let mut visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(visits
            .entry(visit)
            .or_insert_with(|| watch::Sender::new(Progress::default())))
    }
}

impl Node {
    /// Joins a group by its address: with the group's password, or by asking with a note. Needs no
    /// network; whether the password is right turns out with [`connect_group`](Self::connect_group).
    /// Joining again replaces the password or the note; a member is told that it is one, by the
    /// [outcome](GroupInfo::outcome), and nothing changes.
    ///
    /// # Errors
    /// When the address does not allow what is asked, or too many groups are being joined.
    pub async fn join_by_address(
        &self,
        address: GroupAddress,
        identity: Option<&str>,
        password: Option<Password>,
        note: Option<String>,
    ) -> Result<GroupInfo> {
        let inner = Arc::clone(&self.inner);
        let named = identity.map(ToOwned::to_owned);
        undivided(async move {
            let now = inner.clock.timestamp();
            let known = inner.held()?;
            let identity = Arc::clone(known.identity(named.as_deref())?);
            let entry = entry(&address, password, note)?;
            let replica = ReplicaId::of(&identity.key(), &address.group());
            if let Some(held) = known.membership(&replica)
                && gmc::verify(&held.chain, &address.group(), now).is_ok()
            {
                let member = inner.handle_of(replica, held)?.info().await?;
                return Ok(GroupInfo {
                    outcome: Some(Outcome::AlreadyAMember),
                    ..member
                });
            }
            let id = visit_id(&identity.key(), &address.group());
            if known.waiting(&id).is_none() && known.all_waiting().count() >= MAX_VISITS {
                return Err(Error::TooManyVisits { limit: MAX_VISITS });
            }
            let waiting = Waiting {
                identity: identity.name().clone(),
                address,
                entry,
                connected: false,
                refused: false,
                added: now,
            };
            inner.command(|done| Command::Leave(id, done)).await?;
            let kept = waiting.clone();
            inner
                .with_vault(move |vault| vault.keep_waiting(id, kept))
                .await?;
            inner.visits.tell(id, Progress::Trying);
            inner.waiting_info(&id, &waiting)
        })
        .await
    }

    /// Goes online with a group, as [`GroupHandle::connect`](super::GroupHandle::connect), or, while we
    /// are not let into it yet, goes to its door. Waits a while for what comes of it; the node goes on
    /// trying after that, also after a restart. Of a group that was online before, the
    /// [outcome](GroupInfo::outcome) says so.
    ///
    /// # Errors
    /// [`Error::NotAdmitted`] when the password is wrong, and as `connect`.
    pub async fn connect_group(&self, group: &str, identity: Option<&str>) -> Result<GroupInfo> {
        let absent = match self.open_group(group, identity).await {
            Ok(handle) => {
                let online = handle.info().await?.status != GroupStatus::Offline;
                handle.connect().await?;
                return Ok(GroupInfo {
                    outcome: online.then_some(Outcome::AlreadyConnected),
                    ..handle.info().await?
                });
            }
            Err(error @ Error::GroupNotFound { .. }) => error,
            Err(error) => return Err(error),
        };
        let known = self.inner.held()?;
        let Some(id) = known.find_waiting(group, identity)? else {
            return Err(absent);
        };
        let mut progress = self.inner.visits.watch(id);
        self.inner.begin_visit(id).await?;
        progress.mark_unchanged();
        let decided = async {
            let decided = progress.wait_for(|progress| *progress != Progress::Trying);
            decided.await.map_or(Progress::Trying, |progress| *progress)
        };
        let decided = tokio::time::timeout(PATIENCE, decided).await;
        match decided.unwrap_or(Progress::Trying) {
            Progress::Admitted => self.open_group(group, identity).await?.info().await,
            Progress::Refused => Err(Error::NotAdmitted {
                group: group.to_owned(),
            }),
            Progress::Trying | Progress::Waiting | Progress::GivenUp => {
                let known = self.inner.known();
                match known.waiting(&id) {
                    Some(waiting) => self.inner.waiting_info(&id, waiting),
                    None => self.open_group(group, identity).await?.info().await,
                }
            }
        }
    }

    /// Goes offline with a group, as [`GroupHandle::close`](super::GroupHandle::close), or stops trying
    /// to be let into it, until it is connected again.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn close_group(&self, group: &str, identity: Option<&str>) -> Result<GroupInfo> {
        match self.open_group(group, identity).await {
            Ok(handle) => handle.close().await?,
            Err(error @ Error::GroupNotFound { .. }) => {
                let Some(id) = self.inner.held()?.find_waiting(group, identity)? else {
                    return Err(error);
                };
                self.inner.command(|done| Command::Leave(id, done)).await?;
                self.inner
                    .with_vault(move |vault| {
                        vault.amend_waiting(&id, |waiting| waiting.connected = false)
                    })
                    .await?;
            }
            Err(error) => return Err(error),
        }
        // Closing ends a handle, so its state is asked of a new one.
        self.group_info(group, identity).await
    }

    /// One group, also one we are not let into yet.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn group_info(&self, group: &str, identity: Option<&str>) -> Result<GroupInfo> {
        match self.open_group(group, identity).await {
            Ok(handle) => handle.info().await,
            Err(error @ Error::GroupNotFound { .. }) => {
                let known = self.inner.known();
                match known.find_waiting(group, identity)? {
                    Some(id) => {
                        let waiting = known.waiting(&id).ok_or(error)?;
                        self.inner.waiting_info(&id, waiting)
                    }
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Gives up joining a group we have not been let into; whether there was one.
    pub(super) async fn give_up(&self, group: &str, identity: Option<&str>) -> Result<bool> {
        let Some(id) = self.inner.held()?.find_waiting(group, identity)? else {
            return Ok(false);
        };
        self.inner.command(|done| Command::Leave(id, done)).await?;
        self.inner
            .with_vault(move |vault| vault.discard_waiting(&id))
            .await?;
        self.inner.visits.tell(id, Progress::GivenUp);
        Ok(true)
    }

    /// The groups we have not been let into yet.
    pub(super) fn waiting_groups(&self) -> Result<Vec<GroupInfo>> {
        let known = self.inner.known();
        known
            .all_waiting()
            .map(|(id, waiting)| self.inner.waiting_info(id, waiting))
            .collect()
    }
}

impl Inner {
    /// Begins to visit, or begins anew.
    async fn begin_visit(self: &Arc<Self>, id: ReplicaId) -> Result<()> {
        self.visits.tell(id, Progress::Trying);
        self.with_vault(move |vault| {
            vault.amend_waiting(&id, |waiting| {
                waiting.connected = true;
                waiting.refused = false;
            })
        })
        .await?;
        self.visit(id).await
    }

    async fn visit(&self, id: ReplicaId) -> Result<()> {
        let known = self.known();
        let Some(waiting) = known.waiting(&id) else {
            return Ok(());
        };
        let visit = NewVisit {
            identity: Arc::clone(known.identity(Some(&waiting.identity.to_string()))?),
            address: waiting.address.clone(),
            entry: waiting.entry.clone(),
        };
        self.command(|done| Command::Visit(Box::new(visit), done))
            .await
    }

    /// Takes up after a restart what was being tried.
    pub(super) async fn resume_visits(self: &Arc<Self>) {
        let known = self.known();
        for (id, waiting) in known.all_waiting() {
            if waiting.refused {
                self.visits.tell(*id, Progress::Refused);
            } else if waiting.connected
                && let Err(error) = self.visit(*id).await
            {
                tracing::warn!(%error, "a group is not being joined");
            }
        }
    }

    /// What came of a visit.
    pub(super) async fn visited(
        self: &Arc<Self>,
        id: ReplicaId,
        outcome: VisitOutcome,
    ) -> Result<()> {
        match outcome {
            VisitOutcome::Unanswered => self.visits.tell(id, Progress::Trying),
            VisitOutcome::Waiting => self.visits.tell(id, Progress::Waiting),
            VisitOutcome::Refused => {
                self.with_vault(move |vault| {
                    vault.amend_waiting(&id, |waiting| waiting.refused = true)
                })
                .await?;
                self.visits.tell(id, Progress::Refused);
            }
            VisitOutcome::Admitted(accepted) => {
                let known = self.held()?;
                let Some(waiting) = known.waiting(&id) else {
                    return Ok(());
                };
                let name = waiting.identity.to_string();
                let identity = Arc::clone(known.identity(Some(&name))?);
                let now = self.clock.timestamp();
                match self.admit(&identity, *accepted, now).await {
                    Ok(handle) => {
                        if let Err(error) = handle.connect().await {
                            tracing::warn!(%error, "joined, but not connected");
                        }
                    }
                    // By an invitation, meanwhile.
                    Err(Error::AlreadyMember { .. }) => {}
                    Err(error) => return Err(error),
                }
                // The password goes only now that there is a membership.
                self.with_vault(move |vault| vault.discard_waiting(&id))
                    .await?;
                self.visits.tell(id, Progress::Admitted);
            }
        }
        Ok(())
    }

    pub(super) fn waiting_info(&self, id: &ReplicaId, waiting: &Waiting) -> Result<GroupInfo> {
        let root = waiting.address.root();
        let status = match self.visits.now(*id) {
            Progress::Refused => GroupStatus::Refused,
            _ if !waiting.connected => GroupStatus::Offline,
            Progress::Waiting => GroupStatus::Waiting,
            Progress::Trying | Progress::Admitted | Progress::GivenUp => GroupStatus::Connecting,
        };
        Ok(GroupInfo {
            name: root.name().to_string(),
            id: root.id().to_string(),
            friendly_name: root.friendly_name().to_owned(),
            comment: String::new(),
            identity: waiting.identity.to_string(),
            role: String::new(),
            status,
            synchronised: false,
            neighbours: 0,
            members: 0,
            records: 0,
            valid_until: None,
            cloud: waiting.address.cloud().name().to_owned(),
            group_key: false,
            outcome: None,
            behind: false,
            revoked: false,
        })
    }
}

fn entry(
    address: &GroupAddress,
    password: Option<Password>,
    note: Option<String>,
) -> Result<Entry> {
    let kinds = address.kinds();
    match (password, note) {
        (Some(_), Some(_)) => Err(Error::invalid(
            "note",
            "who has the password need not ask: give one of the two",
        )),
        (Some(_), None) if !kinds.password => Err(Error::invalid(
            "password",
            "this group has none; it takes requests",
        )),
        (None, _) if !kinds.requests => Err(Error::invalid(
            "password",
            "this group takes no requests; it asks for a password",
        )),
        (Some(password), None) => {
            if password.expose().is_empty() {
                return Err(Error::invalid("password", "is empty"));
            }
            Ok(Entry::Password(password))
        }
        (None, note) => {
            let note = note.unwrap_or_default();
            check_friendly_name(&note).map_err(|error| Error::invalid("note", error))?;
            Ok(Entry::Request(note))
        }
    }
}

impl Known {
    /// Finds a group we have not been let into by its peer name, a unique beginning of it, or its
    /// friendly name.
    pub(crate) fn find_waiting(
        &self,
        group: &str,
        identity: Option<&str>,
    ) -> Result<Option<ReplicaId>> {
        let identity = identity
            .map(|wanted| self.identity(Some(wanted)))
            .transpose()?;
        let candidates = self
            .all_waiting()
            .filter(|(_, waiting)| {
                identity.is_none_or(|identity| *identity.name() == waiting.identity)
            })
            .map(|(id, waiting)| {
                let root = waiting.address.root();
                (root.name().to_string(), root.friendly_name(), id)
            });
        self.select_waiting(group, candidates)
    }
}
