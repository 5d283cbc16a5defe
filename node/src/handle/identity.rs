//! The identity manager: [`Node`]'s methods about identities.

use std::sync::Arc;

use peerage_protocol::identity::{Identity, IdentityCard};
use zeroize::Zeroizing;

use super::{Node, inner::blocking};
use crate::{
    Error, Result,
    model::{IdentityInfo, NewIdentity},
};

impl Node {
    /// Makes an identity with a new key. The first one becomes the default.
    ///
    /// # Errors
    /// When a name breaks the rules, there are too many identities, or it cannot be kept.
    pub async fn create_identity(&self, new: NewIdentity) -> Result<IdentityInfo> {
        let now = self.inner.clock.timestamp();
        self.inner
            .with_vault(move |vault| {
                let identity = Identity::generate(
                    new.classifier.as_deref().unwrap_or_default(),
                    new.friendly_name.as_deref(),
                    now,
                    &mut rand::rng(),
                )?;
                let identity = vault.add_identity(identity, now)?;
                vault.known().info(&identity)
            })
            .await
    }

    /// Makes an identity around an existing Ed25519 key (32-byte seed): with another classifier it
    /// is another identity with the same authority.
    ///
    /// # Errors
    /// As [`Node::create_identity`], and when this very identity exists.
    pub async fn create_identity_from_seed(
        &self,
        seed: Zeroizing<[u8; 32]>,
        new: NewIdentity,
    ) -> Result<IdentityInfo> {
        let now = self.inner.clock.timestamp();
        self.inner
            .with_vault(move |vault| {
                let identity = Identity::from_seed(
                    &seed,
                    new.classifier.as_deref().unwrap_or_default(),
                    new.friendly_name.as_deref(),
                    now,
                    &mut rand::rng(),
                )?;
                let identity = vault.add_identity(identity, now)?;
                vault.known().info(&identity)
            })
            .await
    }

    /// All identities, in the order of their peer names.
    ///
    /// # Errors
    /// When one cannot be read.
    pub async fn identities(&self) -> Result<Vec<IdentityInfo>> {
        let known = self.inner.held()?;
        known.identities().map(|i| known.info(i)).collect()
    }

    /// One identity: by peer name, a unique beginning of it (at least 4 characters) or friendly
    /// name; the default one when no name is given.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn identity(&self, name: Option<&str>) -> Result<IdentityInfo> {
        let known = self.inner.held()?;
        known.info(known.identity(name)?)
    }

    /// Gives an identity another friendly name; `None` or an empty one is its peer name again.
    ///
    /// # Errors
    /// When there is no such identity, the name breaks the rules, or it cannot be kept.
    pub async fn rename_identity(
        &self,
        name: &str,
        friendly_name: Option<String>,
    ) -> Result<IdentityInfo> {
        let now = self.inner.clock.timestamp();
        let name = name.to_owned();
        self.inner
            .with_vault(move |vault| {
                let mut identity = Identity::clone(vault.known().identity(Some(&name))?);
                identity.set_friendly_name(friendly_name.as_deref(), now, &mut rand::rng())?;
                let identity = vault.replace_identity(identity, now)?;
                vault.known().info(&identity)
            })
            .await
    }

    /// The public half of an identity, to be given to whoever is to invite it. Without a name and
    /// without any identity, the default identity is made (GRP-025); the local API does not do that.
    ///
    /// # Errors
    /// When there is no such identity.
    pub async fn card(&self, name: Option<&str>) -> Result<IdentityCard> {
        match self.inner.held()?.identity(name) {
            Err(Error::NoDefaultIdentity) => {}
            found => return Ok(found?.card()),
        }
        let now = self.inner.clock.timestamp();
        self.inner
            .with_vault(move |vault| match vault.known().identity(None) {
                Err(Error::NoDefaultIdentity) => {
                    let identity = Identity::generate("", None, now, &mut rand::rng())?;
                    Ok(vault.add_identity(identity, now)?.card())
                }
                found => Ok(found?.card()),
            })
            .await
    }

    /// An identity with its secret, under a passphrase, as PEM that OpenSSL reads. The identity
    /// stays where it is.
    ///
    /// # Errors
    /// When there is no such identity or the passphrase is empty.
    pub async fn export_identity(
        &self,
        name: &str,
        passphrase: Zeroizing<String>,
    ) -> Result<Zeroizing<String>> {
        if passphrase.is_empty() {
            return Err(Error::invalid("passphrase", "must not be empty"));
        }
        let identity = Arc::clone(self.inner.held()?.identity(Some(name))?);
        blocking(move || {
            identity
                .to_pem(Some(&passphrase), &mut rand::rng())
                .map_err(Error::Identity)
        })
        .await
    }

    /// Takes in an exported identity. It has no groups here.
    ///
    /// # Errors
    /// When the passphrase is wrong, the text is damaged, or the identity exists here.
    pub async fn import_identity(
        &self,
        pem: Zeroizing<String>,
        passphrase: Zeroizing<String>,
    ) -> Result<IdentityInfo> {
        let now = self.inner.clock.timestamp();
        // The passphrase is stretched while nobody waits for the vault.
        let identity =
            blocking(move || Identity::from_pem(&pem, Some(&passphrase)).map_err(Error::Identity))
                .await?;
        self.inner
            .with_vault(move |vault| {
                let identity = vault.add_identity(identity, now)?;
                vault.known().info(&identity)
            })
            .await
    }

    /// Deletes an identity with its key.
    ///
    /// # Errors
    /// [`Error::GroupsExist`] while it is in a group; nothing has changed then.
    pub async fn delete_identity(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.inner
            .with_vault(move |vault| {
                let name = vault.known().identity(Some(&name))?.name().clone();
                vault.remove_identity(&name)
            })
            .await
    }
}
