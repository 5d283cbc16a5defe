//! The data folder: everything a node keeps, except what is in the record store.
//!
//! ```text
//! format                        version of this layout
//! lock                          held by the running node
//! node.key                      the node's libp2p key
//! default-identity              peer name
//! applications.json             who else may use the local API
//! identities/ID.pem             one identity: key and certificate
//! groups/ID/ID.json             one membership: identity, then group
//! groups/ID/ID.join             a group the identity wants to join by its address
//! groups/ID/ID.requests         requests to join the group, at this node
//! groups/ID/ID.pem              the group's key, where this identity made the group or recovered it
//! groups/ID/ID.invited/ID.json  an invitation made here, by its own id
//! deleted-identities            peer names of identities deleted here
//! groups/ID/ID.restored         that the membership came from a backup
//! answers/NAME.answer           an answer given under an idempotency key
//! store/                        the record store
//! work/                         files that are being made or taken in; emptied at each start
//! api.sock                      the local API
//! ```
//! `ID` is the 128-bit id of a peer name, in hex. The folder is 0700 and every file 0600. A file
//! is replaced whole, so that after a crash it is the old or the new one.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use data_encoding::HEXLOWER;
use libp2p::identity::Keypair;
use peerage_protocol::name::PeerName;

use crate::Error;

mod answers;
mod applications;
mod contents;
mod deleted;
mod door;
mod examine;
mod files;
mod identities;
mod invitations;
mod lock;
mod memberships;
mod restored;
mod work;

pub(crate) use answers::{
    AnswerFact, AnswerHead, AnswerName, KeptAnswer, MAX_ANSWER_BYTES, owner_of,
};
pub use applications::KeptApplication;
pub(crate) use applications::void_tokens;
pub(crate) use contents::is_kept;
pub use door::Waiting;
pub use identities::IdentityFacts;
pub use invitations::{KeptInvitation, MAX_KEPT_INVITATIONS};
pub(crate) use lock::FolderLock;
pub use memberships::Membership;
pub(crate) use restored::marker;
pub(crate) use work::WorkFolder;

/// The newest layout this version knows, and the one it writes.
pub const FORMAT: u32 = 1;

const FORMAT_TEXT: &str = "peerage data folder, format ";

/// At most this many bytes in any one file here; the largest, a membership, needs about 30 KiB.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// An open data folder, ours alone until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: Mutex<Option<Arc<FolderLock>>>,
}

/// Keeps the folder ours, for a part of the node that may outlive the rest of it.
#[derive(Debug, Clone)]
pub struct Hold(#[expect(dead_code, reason = "held, not read")] Option<Arc<FolderLock>>);

impl DataFolder {
    /// Opens the folder, making it where it does not exist.
    ///
    /// # Errors
    /// [`Error::FolderInUse`] while another node has it, [`Error::NoKeyAccess`] when permissions
    /// deny it, [`Error::FutureFormat`] when a newer version wrote it, [`Error::FileDamaged`] when
    /// its format cannot be told.
    pub fn open(path: &Path) -> Result<Self, Error> {
        files::private_folder(path)?;
        let path = std::path::absolute(path).map_err(|error| Error::io(path, error))?;
        let lock = FolderLock::take(&path)?;
        let folder = Self {
            path,
            lock: Mutex::new(Some(Arc::new(lock))),
        };
        folder.check_format()?;
        files::private_folder(&folder.path.join("identities"))?;
        files::private_folder(&folder.path.join("groups"))?;
        folder.clear_work()?;
        Ok(folder)
    }

    /// Keeps others out of the folder until this is dropped, whatever becomes of `self`.
    #[must_use]
    pub fn hold(&self) -> Hold {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        Hold(lock.clone())
    }

    /// Lets another node have the folder, once every [`Hold`] is dropped. Nothing is written
    /// through this one afterwards.
    pub fn release(&self) {
        self.lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Whether the folder is still ours.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`] after [`release`](Self::release).
    pub fn check_held(&self) -> Result<(), Error> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map(|_| ()).ok_or(Error::ShuttingDown)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the record store belongs.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Where the local API listens unless the settings say otherwise.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.path.join("api.sock")
    }

    /// The node's own key, made on first use. It is not an identity: it only stands behind the
    /// node's peer id.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], and when it cannot be read or written.
    pub fn node_key(&self) -> Result<Keypair, Error> {
        let path = self.path.join("node.key");
        if let Some(bytes) = files::read(&path, MAX_FILE_BYTES)? {
            let bytes = zeroize::Zeroizing::new(bytes);
            return Keypair::from_protobuf_encoding(&bytes)
                .map_err(|_| files::damaged(&path, "not a libp2p key"));
        }
        let key = Keypair::generate_ed25519();
        let bytes = key
            .to_protobuf_encoding()
            .map(zeroize::Zeroizing::new)
            .map_err(|error| Error::Internal(error.to_string()))?;
        self.check_held()?;
        files::write(&path, &bytes)?;
        Ok(key)
    }

    fn check_format(&self) -> Result<(), Error> {
        let path = self.path.join("format");
        match files::read_text(&path, 64)? {
            Some(text) => match text
                .strip_prefix(FORMAT_TEXT)
                .map(str::trim)
                .map(str::parse)
            {
                Some(Ok(found)) if found > FORMAT => Err(Error::FutureFormat {
                    path: self.path.clone(),
                    found,
                    known: FORMAT,
                }),
                Some(Ok(1..)) => Ok(()),
                _ => Err(files::damaged(&path, "does not say which format")),
            },
            None if self.path.join("identities").exists() => Err(files::damaged(
                &path,
                "missing, although the folder is in use",
            )),
            None => files::write(&path, format!("{FORMAT_TEXT}{FORMAT}\n").as_bytes()),
        }
    }
}

fn file_name(name: &PeerName, extension: &str) -> String {
    format!("{}.{extension}", HEXLOWER.encode(&name.p2p_id()))
}

#[cfg(test)]
mod tests;
