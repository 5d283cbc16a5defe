//! A copy of the whole node while it runs.

use std::{path::PathBuf, sync::Arc};

use zeroize::Zeroizing;

use super::{Inner, Node, inner::blocking};
use crate::{
    Error, Result,
    backup::{Copied, Manifest},
    folder::WorkFolder,
    model::instant_text,
    portable,
};

impl Node {
    /// Writes a backup of everything this node keeps to a file, under a passphrase: keys, identities,
    /// memberships, invitations, registered applications and all records, as they are at one moment. The
    /// node goes on meanwhile. The file replaces what has its name, whole or not at all.
    ///
    /// See [`crate::backup`] for what to do with it.
    ///
    /// # Errors
    /// When the passphrase is empty, the file cannot be written, or the disk is full; [`Error::Busy`]
    /// while other transfers are under way.
    pub async fn backup(
        &self,
        path: impl Into<PathBuf>,
        passphrase: Zeroizing<String>,
    ) -> Result<Manifest> {
        let path = path.into();
        let copied = self.begin_backup(&passphrase).await?;
        let made = blocking(move || {
            portable::whole_file(&path, |output| {
                copied
                    .write(&passphrase, output, &mut |_, _| {})
                    .map(|_| copied.manifest().clone())
            })
        })
        .await;
        self.inner.metrics.backup(made.is_ok());
        made
    }

    /// A folder for a file that is being taken in.
    pub(crate) async fn work_folder(&self) -> Result<WorkFolder> {
        let folder = Arc::clone(&self.inner.folder);
        blocking(move || folder.work_folder()).await
    }

    /// Copies what is to be written, and takes down what it is.
    pub(crate) async fn begin_backup(&self, passphrase: &str) -> Result<Copied> {
        if passphrase.is_empty() {
            return Err(Error::invalid("passphrase", "must not be empty"));
        }
        self.inner.copy().await
    }
}

impl Inner {
    async fn copy(self: &Arc<Self>) -> Result<Copied> {
        let transfer = self.transfers.begin()?;
        let now = instant_text(self.clock.timestamp());
        let manifest = Manifest::of(now, &self.peer);
        let (work, known) = self
            .with_vault(|vault| {
                let work = vault.folder().work_folder()?;
                Copied::link(vault.folder(), &work)?;
                Ok((work, vault.known()))
            })
            .await?;
        let settings = self.settings.clone();
        // After the small files: a group that is deleted in between leaves records nobody belongs to, which
        // the next start removes.
        blocking(move || Copied::finish(transfer, work, &settings, &known, manifest)).await
    }
}
