//! A group's records as a file: out at any time, in while the group is offline.

use std::{path::PathBuf, sync::Arc};

use peerage_protocol::{
    database::DatabaseHeader,
    gmc::{self, VerifiedGmc},
    identity::Identity,
    import::Import,
};
use peerage_records::{
    codec::SignedRecord,
    id::ReplicaId,
    store::{Change, Origin, Put, PutOutcome},
    time::Timestamp,
    validate::ValidRecord,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::GroupHandle;
use crate::{
    Error, Result,
    command::Command,
    handle::{
        Inner, Transfer,
        inner::{blocking, undivided},
        life::Turn,
    },
    model::{DatabaseInfo, ImportedDatabase, instant_text},
    portable::{self, database},
    storing::Storing,
};

/// Records validated and stored in one go.
const BATCH_RECORDS: usize = 256;
/// Bytes of envelopes after which a batch is full.
const BATCH_BYTES: usize = 1024 * 1024;

/// Separates the replica in which an import gathers from every real one.
const STAGING_DOMAIN: &[u8] = b"peerage import into replica v1";

impl GroupHandle {
    /// Writes all records of the group that this node holds to a file, in place of what is there. Works
    /// online, too: the file holds what the replica held at one moment. It appears whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written, the store fails, [`Error::Busy`] while other transfers are under
    /// way; when the handle is closed.
    pub async fn export_database(&self, path: impl Into<PathBuf>) -> Result<DatabaseInfo> {
        let path = path.into();
        let export = self.begin_export().await?;
        blocking(move || portable::whole_file(&path, |output| export.write(output))).await
    }

    pub(crate) async fn begin_export(&self) -> Result<Export> {
        self.ready().await?;
        let membership = self.membership()?;
        let known = self.inner.held()?;
        let signer = Arc::clone(known.holder(&membership)?);
        Ok(Export {
            transfer: self.inner.transfers.begin()?,
            replica: self.replica,
            header: DatabaseHeader {
                group: membership.root()?.id(),
                identity: signer.key(),
                exported: self.inner.clock.timestamp(),
            },
            group: self.name.clone(),
            signer,
        })
    }

    /// Takes in the records of a file that [`export_database`](Self::export_database) has written, for
    /// the same group and identity, on this machine or another. Each is validated as if a neighbour had
    /// sent it, and joins those that are here by the same rules; all of them appear at once, or none
    /// does. Afterwards the group counts as synchronised.
    ///
    /// # Errors
    /// [`Error::GroupOnline`], [`Error::InvalidDatabase`] for another group's or identity's file and for
    /// one that is not whole and unaltered; when it cannot be read, the store fails, or our membership is
    /// not valid now. Nothing has changed then.
    pub async fn import_database(&self, path: impl Into<PathBuf>) -> Result<ImportedDatabase> {
        let (handle, path) = (self.clone(), path.into());
        undivided(async move {
            let transfer = handle.inner.transfers.begin()?;
            let turn = handle.turn().await?;
            let inner = &handle.inner;
            let replica = handle.replica;
            inner.must_be_offline(replica).await?;
            let membership = handle.membership()?;
            let known = inner.held()?;
            let now = inner.clock.timestamp();
            let group = membership.root()?.id();
            let gmc = gmc::verify(&membership.chain, &group, now)?;
            let holder = known.holder(&membership)?.key();
            let source = Source {
                held: inner.records_of_the_group(replica, now).await?,
                is_ours: Box::new(move |header| header.group == group && header.identity == holder),
                path,
                gmc,
            };
            let read = blocking(move || source.read(now)).await?;
            // Nobody opens it again before this has ended, because it is our turn.
            inner.command(|done| Command::Close(replica, done)).await?;
            turn.set_open(false);
            let gathered = inner.gather(replica, read, transfer, now).await;
            let opened = handle.resume_after_import(&turn, gathered.is_ok()).await;
            let (counts, last) = gathered?;
            opened?;
            if let Some(change) = last {
                // Readers find by its number that they have missed some, and read those from the store.
                if let Some(feed) = inner.feeds.of(&replica) {
                    feed.change(&change);
                }
            }
            Ok(counts)
        })
        .await
    }

    /// Opens the group again; its replica counts as brought up to date once if `imported`.
    async fn resume_after_import(&self, turn: &Turn, imported: bool) -> Result<()> {
        if imported {
            self.amend(|membership| membership.synchronised = true)
                .await?;
        }
        self.inner.ensure_open(self.replica, turn).await
    }
}

/// An export that may be written now.
pub(crate) struct Export {
    transfer: Transfer,
    replica: ReplicaId,
    header: DatabaseHeader,
    group: String,
    signer: Arc<Identity>,
}

impl Export {
    /// Writes it; to be called where waiting is allowed.
    pub(crate) fn write(&self, output: &mut impl std::io::Write) -> Result<DatabaseInfo> {
        let records = database::write(
            &self.transfer,
            &self.replica,
            &self.header,
            &self.signer,
            output,
        )?;
        Ok(DatabaseInfo {
            group: self.group.clone(),
            identity: self.signer.name().to_string(),
            records,
            exported: instant_text(self.header.exported),
        })
    }
}

/// A file, and what it has to agree with.
struct Source {
    path: PathBuf,
    is_ours: Box<dyn Fn(&DatabaseHeader) -> bool + Send>,
    gmc: VerifiedGmc,
    held: Vec<SignedRecord>,
}

/// A file that is whole and ours, and who is a member according to it and to what is here.
struct Read {
    path: PathBuf,
    import: Import,
}

impl Source {
    fn read(self, now: Timestamp) -> Result<Read> {
        let mut import = Import::new(&self.gmc);
        for signed in &self.held {
            import.learn(signed, now);
        }
        let (header, _) = database::read(&self.path, |envelope| {
            // What is not a record is counted when it is looked at again.
            if let Ok(signed) = SignedRecord::decode(envelope) {
                import.learn(&signed, now);
            }
            Ok(())
        })?;
        if !(self.is_ours)(&header) {
            return Err(Error::InvalidDatabase {
                reason: "it is of another group or of another identity".to_owned(),
            });
        }
        Ok(Read {
            path: self.path,
            import,
        })
    }
}

impl Inner {
    /// Gathers what the replica holds and what the file holds in a replica of its own, and puts that in
    /// the place of the first.
    async fn gather(
        self: &Arc<Self>,
        replica: ReplicaId,
        read: Read,
        transfer: Transfer,
        now: Timestamp,
    ) -> Result<(ImportedDatabase, Option<Change>)> {
        let staging = staging(&replica);
        self.storing
            .ask(move |store| {
                // Of an import that was cut short.
                store.drop_replica(staging)?;
                store.open_replica(replica)?;
                store.open_replica(staging)
            })
            .await?;
        let gathered = self.fill(replica, staging, read, transfer, now).await;
        let done = match gathered {
            Ok(done) => self
                .storing
                .ask(move |store| store.replace_replica(staging, replica))
                .await
                .map(|()| done),
            Err(error) => Err(error),
        };
        if done.is_err() {
            let dropped = self
                .storing
                .ask(move |store| store.drop_replica(staging))
                .await;
            if let Err(error) = dropped {
                tracing::warn!(%error, "an unfinished import is removed at the next start");
            }
        }
        done
    }

    async fn fill(
        self: &Arc<Self>,
        replica: ReplicaId,
        staging: ReplicaId,
        read: Read,
        transfer: Transfer,
        now: Timestamp,
    ) -> Result<(ImportedDatabase, Option<Change>)> {
        let mut at = None;
        loop {
            transfer.go_on()?;
            let next = self
                .storing
                .ask(move |store| store.copy_replica(&replica, &staging, at))
                .await?;
            match next {
                Some(next) => at = Some(next),
                None => break,
            }
        }
        let storing = self.storing.clone();
        let runtime = Handle::current();
        blocking(move || {
            let mut filling = Filling {
                storing,
                runtime,
                staging,
                now,
                batch: Vec::new(),
                bytes: 0,
                counts: ImportedDatabase::default(),
                last: None,
            };
            database::read(&read.path, |envelope| {
                match read.import.accept(envelope, now) {
                    Ok(record) => filling.take(record),
                    Err(error) if error.is_expired() => {
                        filling.counts.expired += 1;
                        Ok(())
                    }
                    Err(error) => {
                        tracing::debug!(%error, "record not imported");
                        filling.counts.refused += 1;
                        Ok(())
                    }
                }?;
                transfer.go_on()
            })?;
            filling.store()?;
            Ok((filling.counts, filling.last))
        })
        .await
    }
}

/// Records on their way into the store, batch by batch.
struct Filling {
    storing: Storing,
    runtime: Handle,
    staging: ReplicaId,
    now: Timestamp,
    batch: Vec<Put>,
    bytes: usize,
    counts: ImportedDatabase,
    last: Option<Change>,
}

impl Filling {
    fn take(&mut self, record: ValidRecord) -> Result<()> {
        self.bytes += record.signed().bytes().len();
        self.batch.push(Put {
            replica: self.staging,
            record,
            origin: Origin::Remote,
        });
        if self.batch.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            self.store()?;
        }
        Ok(())
    }

    fn store(&mut self) -> Result<()> {
        let (batch, now) = (std::mem::take(&mut self.batch), self.now);
        self.bytes = 0;
        let put = self.storing.ask(move |store| store.put(batch, now));
        for outcome in self.runtime.block_on(put)? {
            match outcome {
                PutOutcome::Stored(change) => {
                    self.counts.stored += 1;
                    self.last = Some(change);
                }
                PutOutcome::Same | PutOutcome::Superseded => self.counts.known += 1,
            }
        }
        Ok(())
    }
}

/// The replica in which an import gathers. No membership belongs to it, so that what a crash leaves of it
/// is removed at the next start.
fn staging(replica: &ReplicaId) -> ReplicaId {
    let digest = Sha256::new()
        .chain_update(STAGING_DOMAIN)
        .chain_update(replica.as_bytes())
        .finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ReplicaId::from_bytes(id)
}
