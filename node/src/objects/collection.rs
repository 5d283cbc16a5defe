//! The groups of an identity, and who makes objects of them.

use peerage_protocol::{
    door::{GroupAddress, password::Password},
    invitation::Invitation,
};

use super::{PeerGroup, PeerIdentity};
use crate::{Error, Result, model::GroupInfo};

/// Makes what a collection yields, so that an application gets groups of a type of its own: one that has
/// the [`PeerGroup`] it is given, and whatever else it needs.
///
/// ```
/// use peerage::objects::{PeerGroup, PeerGroupFactory};
///
/// /// A group in which a game goes on.
/// struct Game {
///     group: PeerGroup,
///     moves: Vec<String>,
/// }
///
/// struct Games;
///
/// impl PeerGroupFactory for Games {
///     type Group = Game;
///
///     fn create(&self, group: PeerGroup) -> Game {
///         Game { group, moves: Vec::new() }
///     }
/// }
/// ```
pub trait PeerGroupFactory {
    /// The application's type.
    type Group;

    /// Makes one around a group, closed as yet.
    fn create(&self, group: PeerGroup) -> Self::Group;
}

/// The groups as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainGroups;

impl PeerGroupFactory for PlainGroups {
    type Group = PeerGroup;

    fn create(&self, group: PeerGroup) -> PeerGroup {
        group
    }
}

/// The groups of an identity: those it created and those it joined. There is no other way to get a group
/// as an object.
#[derive(Debug)]
pub struct PeerGroupCollection<'a, F> {
    owner: &'a PeerIdentity<F>,
}

impl<'a, F: PeerGroupFactory> PeerGroupCollection<'a, F> {
    pub(super) fn new(owner: &'a PeerIdentity<F>) -> Self {
        Self { owner }
    }

    /// All of them, each a new object and closed, whatever other objects there are of the same group.
    ///
    /// # Errors
    /// When the node does not start, has shut down or its store fails.
    pub async fn list(&self) -> Result<Vec<F::Group>> {
        let mut groups = Vec::new();
        for info in self.infos().await? {
            groups.push(self.make(info).await?);
        }
        Ok(groups)
    }

    /// One of them, by its full peer name.
    ///
    /// # Errors
    /// When there is none; as [`list`](Self::list).
    pub async fn get(&self, group_name: &str) -> Result<F::Group> {
        let infos = self.infos().await?;
        let found = infos.into_iter().find(|info| info.name == group_name);
        let info = found.ok_or_else(|| Error::GroupNotFound {
            name: group_name.to_owned(),
        })?;
        self.make(info).await
    }

    /// Joins a group by invitation. It is closed as yet.
    ///
    /// # Errors
    /// As [`Node::join`](crate::Node::join).
    pub async fn join(&self, invitation: Invitation) -> Result<F::Group> {
        let node = self.owner.service().node().await?;
        let joined = node.join(invitation, Some(self.owner.peer_name())).await?;
        self.get(joined.name()).await
    }

    /// Joins a group by its address and password. Whether the password is right turns out when it is
    /// opened.
    ///
    /// # Errors
    /// As [`Node::join_by_address`](crate::Node::join_by_address).
    pub async fn join_by_password(
        &self,
        address: GroupAddress,
        password: Password,
    ) -> Result<F::Group> {
        let node = self.owner.service().node().await?;
        let owner = Some(self.owner.peer_name());
        let info = node
            .join_by_address(address, owner, Some(password), None)
            .await?;
        self.make(info).await
    }

    async fn infos(&self) -> Result<Vec<GroupInfo>> {
        let mut groups = self.owner.service().node().await?.groups().await?;
        groups.retain(|info| info.identity == self.owner.peer_name());
        Ok(groups)
    }

    async fn make(&self, info: GroupInfo) -> Result<F::Group> {
        let group = PeerGroup::new(self.owner.service(), info).await?;
        Ok(self.owner.factory().create(group))
    }
}
