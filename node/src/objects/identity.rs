//! An identity as an object.

use peerage_protocol::identity::IdentityCard;

use super::{PeerGroupCollection, PeerGroupFactory, PeerGroupService, PlainGroups};
use crate::{
    Result,
    model::{IdentityInfo, NewIdentity},
};

/// Somebody on this node, with groups. `F` makes the groups its collection yields; see
/// [`with_factory`](Self::with_factory).
#[derive(Debug, Clone)]
pub struct PeerIdentity<F = PlainGroups> {
    service: PeerGroupService,
    info: IdentityInfo,
    factory: F,
}

impl PeerIdentity {
    /// Makes an identity with a new key.
    ///
    /// # Errors
    /// As [`Node::create_identity`](crate::Node::create_identity).
    pub async fn create(service: &PeerGroupService, new: NewIdentity) -> Result<Self> {
        let info = service.node().await?.create_identity(new).await?;
        Ok(Self::new(service, info))
    }

    /// One identity: by peer name, a unique beginning of it or friendly name; the default one when no
    /// name is given.
    ///
    /// # Errors
    /// As [`Node::identity`](crate::Node::identity).
    pub async fn find(service: &PeerGroupService, name: Option<&str>) -> Result<Self> {
        let info = service.node().await?.identity(name).await?;
        Ok(Self::new(service, info))
    }

    /// All identities, in the order of their peer names.
    ///
    /// # Errors
    /// As [`Node::identities`](crate::Node::identities).
    pub async fn all(service: &PeerGroupService) -> Result<Vec<Self>> {
        let infos = service.node().await?.identities().await?;
        Ok(infos
            .into_iter()
            .map(|info| Self::new(service, info))
            .collect())
    }

    fn new(service: &PeerGroupService, info: IdentityInfo) -> Self {
        Self {
            service: service.clone(),
            info,
            factory: PlainGroups,
        }
    }
}

impl<F: PeerGroupFactory> PeerIdentity<F> {
    /// The peer name.
    #[must_use]
    pub fn peer_name(&self) -> &str {
        &self.info.name
    }

    /// The friendly name, as it was when this object was made.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        &self.info.friendly_name
    }

    /// Everything that is to be told, as it was when this object was made.
    #[must_use]
    pub fn info(&self) -> &IdentityInfo {
        &self.info
    }

    /// The service this identity is of.
    #[must_use]
    pub fn service(&self) -> &PeerGroupService {
        &self.service
    }

    /// The public half, to be given to whoever is to invite this identity.
    ///
    /// # Errors
    /// When the identity has been deleted.
    pub async fn card(&self) -> Result<IdentityCard> {
        let node = self.service.node().await?;
        node.card(Some(self.peer_name())).await
    }

    /// The groups of this identity.
    #[must_use]
    pub fn groups(&self) -> PeerGroupCollection<'_, F> {
        PeerGroupCollection::new(self)
    }

    /// Has an application's own type made for each group of the collection.
    #[must_use]
    pub fn with_factory<G: PeerGroupFactory>(self, factory: G) -> PeerIdentity<G> {
        PeerIdentity {
            service: self.service,
            info: self.info,
            factory,
        }
    }

    pub(super) fn factory(&self) -> &F {
        &self.factory
    }

    /// Deletes the identity with its key.
    ///
    /// # Errors
    /// As [`Node::delete_identity`](crate::Node::delete_identity): while it is in a group.
    pub async fn delete(&self) -> Result<()> {
        let node = self.service.node().await?;
        node.delete_identity(self.peer_name()).await
    }
}
