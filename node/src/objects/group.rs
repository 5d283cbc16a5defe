//! A group as an object.

use super::{
    PeerGroupEvents, PeerGroupFactory, PeerGroupFlags, PeerGroupProperties, PeerGroupService,
    PeerIdentity, event, properties::MEMBER_DATA_LIFETIME,
};
use crate::{
    Application, DirectInterest, Error, GroupHandle, Result,
    model::{GroupChange, GroupInfo, NewGroup},
};

/// A group of an identity: closed, or open and online. Got from
/// [`PeerIdentity::groups`](super::PeerIdentity::groups), and closed then.
#[derive(Debug)]
pub struct PeerGroup {
    service: PeerGroupService,
    owner: String,
    properties: PeerGroupProperties,
    open: Option<Open>,
}

/// What an open group holds. It ends when this is dropped, closed or not.
#[derive(Debug)]
struct Open {
    handle: GroupHandle,
    _application: Application,
}

/// What a group object is called among those that hold a group open.
const APPLICATION: &str = "object";

impl PeerGroup {
    /// Creates a group of this identity, which its collection yields from now on, and tells its peer name.
    /// Nothing is open afterwards. Its memberships are issued for four weeks, as the original's, unless
    /// that is changed later. `new.identity` is of no account.
    ///
    /// # Errors
    /// As [`Node::create_group`](crate::Node::create_group). There is no new group then.
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
            open: None,
        };
        let node = service.node().await?;
        // What does not open now, or never synchronised, is still one to be told of.
        let (name, owner) = (group.group_name(), Some(group.owner()));
        if let Ok(handle) = node.open_group(name, owner).await
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
        self.open.is_some()
    }

    /// Opens the group and goes online; an open one is closed first. The events begin before the node
    /// connects, so the first status is among them, and end when the group is closed.
    ///
    /// The group stays online until it is closed or this object is dropped, and longer if another object
    /// or application has it open. One that was joined by password and lets us in only now is online
    /// before its events begin.
    ///
    /// # Errors
    /// As [`GroupHandle::connect`], and [`Node::connect_group`](crate::Node::connect_group) for a group
    /// that has not let us in yet. The group is closed then.
    pub async fn open(&mut self) -> Result<PeerGroupEvents> {
        self.begin(None).await
    }

    /// As [`open`](Self::open), and lets members open direct connections to this one, as `interest` says.
    /// What comes on them is among the events.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`GroupHandle::listen_direct`].
    pub async fn open_listening(&mut self, interest: DirectInterest) -> Result<PeerGroupEvents> {
        self.begin(Some(interest)).await
    }

    async fn begin(&mut self, interest: Option<DirectInterest>) -> Result<PeerGroupEvents> {
        self.close().await?;
        let node = self.service.node().await?;
        let application = node.attach(APPLICATION)?;
        let (name, owner) = (self.group_name(), Some(self.owner()));
        let (handle, let_in) = match application.open_group(name, owner).await {
            Err(Error::GroupNotFound { .. }) => {
                node.connect_group(name, owner).await?;
                (application.open_group(name, owner).await?, true)
            }
            found => (found?, false),
        };
        let events = handle.events(None).await?;
        let data = match interest {
            Some(interest) => Some(handle.listen_direct(interest).await?),
            None => None,
        };
        handle.connect().await?;
        if let_in {
            // Who is let in is connected until told otherwise; from here on, until this object is closed.
            node.close_group(name, owner).await?;
        }
        self.open = Some(Open {
            handle,
            _application: application,
        });
        Ok(event::of(events, data))
    }

    /// Closes the group and goes offline, unless somebody else has it open. One that is closed stays so.
    ///
    /// # Errors
    /// As [`GroupHandle::close`]. The group counts as closed even so.
    pub async fn close(&mut self) -> Result<()> {
        match self.open.take() {
            Some(open) => open.handle.close().await,
            None => Ok(()),
        }
    }

    /// Deletes the group here; an open one is closed first. Other members keep theirs.
    ///
    /// # Errors
    /// As [`Node::delete_group`](crate::Node::delete_group); it may then be deleted again.
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
        if let Some(open) = &self.open {
            self.properties.refresh(open.handle.properties().await?);
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
        match &self.open {
            Some(open) => Ok(&open.handle),
            None => Err(Error::GroupGone {
                group: self.group_name().to_owned(),
            }),
        }
    }

    /// Whether the group is open, and so has taken the change.
    async fn push(&mut self, change: GroupChange) -> Result<bool> {
        let Some(Open { handle, .. }) = &self.open else {
            return Ok(false);
        };
        self.properties
            .refresh(handle.set_properties(change).await?);
        Ok(true)
    }
}
