//! Several applications on one node: who is registered, who is attached, and what each holds.
//!
//! An application that has opened a group *holds* it. While anybody does, the group stays as it is:
//! one connects and all are online, the last close takes it offline.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
};

use peerage_records::id::ReplicaId;

use super::{
    GroupHandle, JoinOptions, Node,
    inner::{blocking, undivided},
    life::{HoldId, Turn},
};
use crate::{
    Result,
    applications::{Registered, check_name},
    model::{ApplicationInfo, IssuedToken, NewApplication, NewGroup, instant_text},
};
use peerage_protocol::invitation::Invitation;

/// An application attached to a node that others use too. Clones are cheap and share it.
///
/// Groups opened [through it](Self::open_group) are held until their handle is closed, or the last
/// clone of the application is dropped: then its handles are of no use any more, and the groups that
/// nobody else holds go offline. What the operator has connected stays online.
#[derive(Clone)]
pub struct Application {
    instance: Arc<Instance>,
}

/// What the clones share.
struct Instance {
    name: Arc<str>,
    node: Node,
    holds: Mutex<HashMap<HoldId, GroupHandle>>,
}

/// That a handle belongs to an application. It does not keep the application attached.
#[derive(Clone)]
pub(super) struct Held {
    hold: HoldId,
    name: Arc<str>,
    instance: Weak<Instance>,
}

/// An application that may be gone.
#[derive(Clone)]
pub(crate) struct WeakApplication(Weak<Instance>);

impl WeakApplication {
    pub(crate) fn upgrade(&self) -> Option<Application> {
        let instance = self.0.upgrade()?;
        Some(Application { instance })
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("name", &self.instance.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.hold).finish()
    }
}

impl Held {
    /// The application's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The handle is closed.
    pub(super) fn forget(&self, turn: &Turn) {
        turn.release(self.hold);
        if let Some(instance) = self.instance.upgrade() {
            instance.holds().remove(&self.hold);
        }
    }
}

impl Instance {
    fn holds(&self) -> MutexGuard<'_, HashMap<HoldId, GroupHandle>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A crash ends here too: whoever held the application is gone.
impl Drop for Instance {
    fn drop(&mut self) {
        let holds = self.holds.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (hold, handle) in holds.drain() {
            handle.life.closed.cancel();
            let runtime = handle.inner().runtime.clone();
            runtime.spawn(let_go(hold, handle));
        }
    }
}

/// Ends a hold, and takes its group offline if it was the last one.
async fn let_go(hold: HoldId, handle: GroupHandle) {
    let Some(turn) = handle.life.shared.turn().await else {
        return;
    };
    turn.release(hold);
    if let Err(error) = handle.inner().rest(handle.replica(), &turn).await {
        tracing::debug!(%error, "a group was left as it is");
    }
}

impl Application {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.instance.name
    }

    /// The node it is attached to.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.instance.node
    }

    /// As [`Node::open_group`], and holds the group: it is online at once if the group is, and keeps it
    /// online until it is closed. Each call holds it once more.
    ///
    /// # Errors
    /// As [`Node::open_group`], and when the group does not open now.
    pub async fn open_group(&self, group: &str, identity: Option<&str>) -> Result<GroupHandle> {
        let handle = self.node().open_group(group, identity).await?;
        self.hold(handle).await
    }

    /// As [`Node::create_group`], and holds the group.
    ///
    /// # Errors
    /// As [`Node::create_group`].
    pub async fn create_group(&self, new: NewGroup) -> Result<GroupHandle> {
        let handle = self.node().create_group(new).await?;
        self.hold(handle).await
    }

    /// As [`Node::join_with`], and holds the group.
    ///
    /// # Errors
    /// As [`Node::join_with`].
    pub async fn join_with(
        &self,
        invitation: Invitation,
        options: JoinOptions,
    ) -> Result<GroupHandle> {
        let handle = self.node().join_with(invitation, options).await?;
        self.hold(handle).await
    }

    pub(crate) fn downgrade(&self) -> WeakApplication {
        WeakApplication(Arc::downgrade(&self.instance))
    }

    /// The handle by which it holds a group, or a new one; none when it holds `most` already.
    pub(crate) async fn open_once(
        &self,
        group: &str,
        identity: Option<&str>,
        most: usize,
    ) -> Result<Option<GroupHandle>> {
        let handle = self.node().open_group(group, identity).await?;
        if let Some(held) = self.holding(&handle) {
            return Ok(Some(held));
        }
        let living = |handle: &&GroupHandle| !handle.life.is_over();
        if self.instance.holds().values().filter(living).count() >= most {
            return Ok(None);
        }
        self.hold(handle).await.map(Some)
    }

    /// The handle by which it holds the group of another handle.
    pub(crate) fn holding(&self, group: &GroupHandle) -> Option<GroupHandle> {
        let holds = self.instance.holds();
        holds
            .values()
            .find(|handle| handle.replica() == group.replica() && !handle.life.is_over())
            .cloned()
    }

    async fn hold(&self, handle: GroupHandle) -> Result<GroupHandle> {
        let application = self.clone();
        undivided(async move {
            let turn = handle.turn().await?;
            let (inner, replica) = (handle.inner(), handle.replica());
            inner.ensure_open(replica, &turn).await?;
            let hold = HoldId(inner.holds.fetch_add(1, Ordering::Relaxed));
            let instance = &application.instance;
            turn.hold(hold, Arc::clone(&instance.name));
            let handle = handle.held_by(Held {
                hold,
                name: Arc::clone(&instance.name),
                instance: Arc::downgrade(instance),
            });
            let mut holds = instance.holds();
            // What was deleted under it holds nothing any more.
            holds.retain(|_, held| !held.life.is_over());
            holds.insert(hold, handle.clone());
            Ok(handle)
        })
        .await
    }
}

impl Node {
    /// Attaches an application to the node, beside others and under a name for people and logs. It may
    /// do whatever the program may: for others, see [`register_application`](Self::register_application).
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) when the name breaks the rules.
    pub fn attach(&self, name: &str) -> Result<Application> {
        check_name(name)?;
        Ok(Application {
            instance: Arc::new(Instance {
                name: name.into(),
                node: self.clone(),
                holds: Mutex::default(),
            }),
        })
    }

    /// Registers an application that will use the local API under a token of its own. The token is
    /// in the answer and nowhere else. The application is kept when this returns.
    ///
    /// # Errors
    /// When there is one of this name, there are too many, a value breaks the rules, or a group or an
    /// identity it is confined to does not exist.
    pub async fn register_application(&self, mut new: NewApplication) -> Result<IssuedToken> {
        let known = self.inner.held()?;
        for group in &mut new.groups {
            *group = known.group_name(group)?;
        }
        for identity in &mut new.identities {
            *identity = known.identity(Some(identity.as_str()))?.name().to_string();
        }
        let (inner, name) = (Arc::clone(&self.inner), new.name.clone());
        let now = inner.clock.timestamp();
        let token = blocking(move || inner.applications.register(new, now)).await?;
        Ok(IssuedToken {
            name,
            token: token.to_string(),
        })
    }

    /// The applications that are registered, by name.
    #[must_use]
    pub fn applications(&self) -> Vec<ApplicationInfo> {
        let all = self.inner.applications.all();
        let holders = self.inner.replicas.holders();
        all.iter()
            .map(|one| self.application_info(one, &holders))
            .collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`](crate::Error::ApplicationNotFound).
    pub fn application(&self, name: &str) -> Result<ApplicationInfo> {
        let one = self.inner.applications.find(name)?;
        Ok(self.application_info(&one, &self.inner.replicas.holders()))
    }

    /// Gives an application a new token. The earlier one is of no use from now on: what was begun with
    /// it ends.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`](crate::Error::ApplicationNotFound), or when it cannot be kept.
    pub async fn renew_application_token(&self, name: &str) -> Result<IssuedToken> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        blocking(move || {
            let token = inner.applications.renew(&name, inner.clock.timestamp())?;
            Ok(IssuedToken {
                name,
                token: token.to_string(),
            })
        })
        .await
    }

    /// Revokes an application: its token is of no use from now on, what was begun with it ends, and its
    /// [consumers](crate::Consumer) and the answers kept for its idempotency keys are forgotten.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`](crate::Error::ApplicationNotFound), or when it cannot be kept.
    pub async fn revoke_application(&self, name: &str) -> Result<()> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        undivided(async move {
            let (registry, revoked) = (Arc::clone(&inner), name.clone());
            blocking(move || registry.applications.revoke(&revoked)).await?;
            for (replica, _) in inner.known().memberships() {
                let forgotten = inner
                    .consumers
                    .forget_application(&name, *replica, &inner.storing)
                    .await;
                if let Err(error) = forgotten {
                    // Revoked it is; only another application of this name would find them.
                    tracing::warn!(application = %name, %error, "its consumers are still kept");
                }
            }
            let (folder, revoked) = (Arc::clone(&inner.folder), name.clone());
            let forgotten = blocking(move || folder.forget_answers_of(&revoked)).await;
            if let Err(error) = forgotten {
                // Nobody is given them any more, and they go when they are a day old.
                tracing::warn!(application = %name, %error, "its answers are still kept");
            }
            Ok(())
        })
        .await
    }

    /// Whose token this is.
    pub(crate) fn token_holder(&self, token: &str) -> Option<Arc<Registered>> {
        self.inner.applications.holder(token)
    }

    /// The group and the identity that a confined application means: their peer names.
    pub(crate) fn visible_group(
        &self,
        group: &str,
        identity: Option<&str>,
        application: &Registered,
    ) -> Result<(String, String)> {
        let known = self.inner.known();
        known.find_among(group, identity, |group, identity| {
            application.may_use_group(group) && application.may_use_identity(identity)
        })
    }

    /// The identity that a confined application means: its peer name.
    pub(crate) fn visible_identity(
        &self,
        identity: &str,
        application: &Registered,
    ) -> Result<String> {
        let known = self.inner.known();
        known.find_identity_among(identity, |name| application.may_use_identity(name))
    }

    fn application_info(
        &self,
        one: &Registered,
        holders: &[(ReplicaId, Vec<Arc<str>>)],
    ) -> ApplicationInfo {
        let kept = &one.kept;
        let known = self.inner.known();
        let mut holds: Vec<String> = holders
            .iter()
            .filter(|(_, names)| names.iter().any(|name| **name == *kept.name))
            .filter_map(|(replica, _)| known.membership(replica)?.root().ok())
            .map(|root| root.name().to_string())
            .collect();
        holds.sort();
        ApplicationInfo {
            name: kept.name.clone(),
            scopes: kept.scopes.clone(),
            groups: kept.groups.clone(),
            identities: kept.identities.clone(),
            quotas: kept.quotas,
            registered: instant_text(kept.registered),
            token_made: instant_text(kept.token_made),
            attached: one.session().is_some(),
            holds,
        }
    }
}
