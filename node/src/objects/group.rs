//! A group as an object.

use super::{
    PeerGroupEvents, PeerGroupFactory, PeerGroupFlags, PeerGroupProperties, PeerGroupService,
    PeerIdentity, event, properties::MEMBER_DATA_LIFETIME,
};
use crate::{
    Error, GroupHandle, Node, Result,
    model::{GroupChange, GroupInfo, NewGroup},
};

/// A group of an identity: closed, or open and online. Got from
/// [`PeerIdentity::groups`](super::PeerIdentity::groups), and closed then.
#[derive(Debug)]
pub struct PeerGroup {
    service: PeerGroupService,
    owner: String,
    properties: PeerGroupProperties,
    handle: Option<GroupHandle>,
}

impl PeerGroup {
    /// Creates a group of this identity, which its collection yields from now on, and tells its peer name.
    /// Nothing is open afterwards. Its memberships are issued for four weeks, as the original's, unless
    /// that is changed later. `new.identity` is of no account.
    ///
    /// # Errors
    /// As [`Node::create_group`]. There is no new group then.
    pub async fn create<F: PeerGroupFactory>(
        creator: &PeerIdentity<F>,
        new: NewGroup,
    ) -> Result<String> {
        let node = creator.service().node().await?;
        let identity = Some(creator.peer_name().to_owned());
        let handle = node.create_group(NewGroup { identity, ..new }).await?;
        let lifetime = GroupChange {
            membership_lifetime: Some(MEMBER_DATA_LIFETIME.to_owned()),
            ..GroupChange::default()
        };
        if let Err(error) = handle.set_properties(lifetime).await {
            handle.delete().await?;
            return Err(error);
        }
        Ok(handle.name().to_owned())
    }

    pub(super) async fn new(service: &PeerGroupService, info: GroupInfo) -> Result<Self> {
        let mut group = Self {
            service: service.clone(),
            owner: info.identity.clone(),
            properties: PeerGroupProperties::first(info),
            handle: None,
        };
        let node = service.node().await?;
        // What does not open now, or never synchronised, is still one to be told of.
        if let Ok(handle) = group.ask(&node).await
            && let Ok(properties) = handle.properties().await
        {
            group.properties.refresh(properties);
        }
        Ok(group)
    }

    /// The group's peer name.
    #[must_use]
    pub fn group_name(&self) -> &str {
        &self.properties.group_name
    }

    /// The peer name of the identity whose group this is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether the group is open, as an object.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Opens the group and goes online; an open one is closed first. The events begin before the node
    /// connects, so the first status is among them, and end when the group is closed.
    ///
    /// A group that was joined by password and lets us in only now is online before its events begin.
    ///
    /// # Errors
    /// As [`GroupHandle::connect`], and [`Node::connect_group`] for a group that has not let us in yet.
    /// The group is closed then.
    pub async fn open(&mut self) -> Result<PeerGroupEvents> {
        self.close().await?;
        let node = self.service.node().await?;
        let handle = match self.ask(&node).await {
            Err(Error::GroupNotFound { .. }) => {
                let name = self.group_name();
                node.connect_group(name, Some(&self.owner)).await?;
                self.ask(&node).await?
            }
            found => found?,
        };
        let events = handle.events(None).await?;
        handle.connect().await?;
        self.handle = Some(handle);
        Ok(event::of(events))
    }

    /// Closes the group and goes offline. One that is closed stays so.
    ///
    /// # Errors
    /// As [`GroupHandle::close`]. The group counts as closed even so.
    pub async fn close(&mut self) -> Result<()> {
        match self.handle.take() {
            Some(handle) => handle.close().await,
            None => Ok(()),
        }
    }

    /// Deletes the group here; an open one is closed first. Other members keep theirs.
    ///
    /// # Errors
    /// As [`Node::delete_group`]; it may then be deleted again.
    pub async fn delete(&mut self) -> Result<()> {
        self.close().await?;
        let node = self.service.node().await?;
        node.delete_group(self.group_name(), Some(&self.owner))
            .await
    }

    /// The properties: as they are now when the group is open, as they were last seen when it is closed.
    ///
    /// # Errors
    /// [`Error::GroupNotReady`] for an open group that has never synchronised; when it is gone.
    pub async fn properties(&mut self) -> Result<&PeerGroupProperties> {
        if let Some(handle) = &self.handle {
            self.properties.refresh(handle.properties().await?);
        }
        Ok(&self.properties)
    }

    /// The properties as they were last seen.
    #[must_use]
    pub fn cached_properties(&self) -> &PeerGroupProperties {
        &self.properties
    }

    /// Changes the friendly name: for all members and at once when the group is open, only in this object
    /// when it is closed.
    ///
    /// # Errors
    /// As [`GroupHandle::set_properties`], so [`Error::NotAuthorised`] for anybody but the creator. Nothing
    /// has changed then, here included.
    pub async fn set_friendly_name(&mut self, friendly_name: &str) -> Result<()> {
        let change = GroupChange {
            friendly_name: Some(friendly_name.to_owned()),
            ..GroupChange::default()
        };
        if !self.push(change).await? {
            self.properties.friendly_name = friendly_name.to_owned();
        }
        Ok(())
    }

    /// Changes the comment, as [`set_friendly_name`](Self::set_friendly_name) the name.
    ///
    /// # Errors
    /// As [`set_friendly_name`](Self::set_friendly_name).
    pub async fn set_comment(&mut self, comment: &str) -> Result<()> {
        let change = GroupChange {
            comment: Some(comment.to_owned()),
            ..GroupChange::default()
        };
        if !self.push(change).await? {
            self.properties.comment = comment.to_owned();
        }
        Ok(())
    }

    /// Changes the flags, as [`set_friendly_name`](Self::set_friendly_name) the name.
    ///
    /// # Errors
    /// As [`set_friendly_name`](Self::set_friendly_name).
    pub async fn set_flags(&mut self, flags: PeerGroupFlags) -> Result<()> {
        let presence = if flags.disable_presence {
            "none"
        } else {
            "all"
        };
        let change = GroupChange {
            presence: Some(presence.to_owned()),
            defer_expiry: Some(flags.defer_expiration),
            ..GroupChange::default()
        };
        if !self.push(change).await? {
            self.properties.flags = flags;
        }
        Ok(())
    }

    /// The handle of an open group: the way to its records, members and invitations.
    ///
    /// # Errors
    /// [`Error::GroupGone`] when it is closed.
    pub fn handle(&self) -> Result<&GroupHandle> {
        self.handle.as_ref().ok_or_else(|| Error::GroupGone {
            group: self.group_name().to_owned(),
        })
    }

    /// Whether the group is open, and so has taken the change.
    async fn push(&mut self, change: GroupChange) -> Result<bool> {
        let Some(handle) = &self.handle else {
            return Ok(false);
        };
        self.properties
            .refresh(handle.set_properties(change).await?);
        Ok(true)
    }

    async fn ask(&self, node: &Node) -> Result<GroupHandle> {
        node.open_group(self.group_name(), Some(&self.owner)).await
    }
}
