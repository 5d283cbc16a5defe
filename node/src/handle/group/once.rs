//! Publishing under a key of the application's own, so that a repetition is none.

use peerage_protocol::engine::Change;
use peerage_records::record::RecordDraft;
use sha2::{Digest, Sha256};

use super::GroupHandle;
use crate::{Result, model::RecordInfo};

/// What the ids of records published under a key derive from.
const CONTEXT: &[u8] = b"peerage publish once v1";

impl GroupHandle {
    /// Publishes a record under a key that the application chooses, at best at random. Again with the
    /// same key, also after a crash of either side, it gives what became of the first record and publishes
    /// nothing; the draft does not matter then.
    ///
    /// The record's id derives from member, group and key.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`Error::RecordNotFound`](crate::Error::RecordNotFound) when the
    /// record was published and has been deleted since.
    pub async fn publish_once(&self, key: &str, draft: RecordDraft) -> Result<RecordInfo> {
        // Ids of different members differ anyway.
        let digest = Sha256::new()
            .chain_update(CONTEXT)
            .chain_update(self.replica.as_bytes())
            .chain_update(key)
            .finalize();
        let mut entropy = [0; 8];
        entropy.copy_from_slice(&digest[..8]);
        self.change(Change::PublishAs(entropy, draft), None).await
    }
}
