//! What becomes of memberships: renewed, given other roles, removed, left; and the history of it.

use peerage_protocol::{
    audit::{self, Bundle},
    engine::{Change, Removal, Terms},
    group::Role,
    revocation::Cause,
};
use peerage_records::{
    id::{IdentityKey, RecordType},
    store::{Partition, RecordQuery},
    time::Timestamp,
};

use super::{GroupHandle, members};
use crate::{
    Error, Result,
    command::View,
    model::{AuditEntry, RemovalProgress},
};

/// Records read from the store at once.
const PAGE: usize = 1_024;

/// How a member is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Why, at most 255 characters; every member can read it.
    pub reason: String,
    /// Whether those go too whom the member let in, and so on. Default: they stay.
    pub cascade: bool,
    /// Whether the member's records go too. Default: what is known of them here stays.
    pub with_records: bool,
    /// Whether the group's key decides, which alone removes the creator. Only where that key is.
    pub by_group_key: bool,
}

/// What a member's newer credential says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialOptions {
    /// The role. Default: the one it has.
    pub role: Option<Role>,
    /// When it ends. Default: as long from now as the present one lasted, but not after our own.
    pub expires: Option<Timestamp>,
}

impl GroupHandle {
    /// Removes a member: every credential it has is void from now on, here when this returns and on
    /// each other member as soon as it hears of it. Its links are cut; what it published until now
    /// stays unless asked otherwise. To let it in again, invite it anew.
    ///
    /// # Errors
    /// When our role does not allow it, there is no such member, it is the group's creator, or more
    /// would have to be listed than fits. Nothing has changed then.
    pub async fn remove_member(
        &self,
        name: &str,
        options: RemoveOptions,
    ) -> Result<RemovalProgress> {
        let view = self.view().await?;
        let subject = members::find(&view, name)?.subject();
        self.revoke(subject, Cause::Removed, options).await?;
        self.removal_progress().await
    }

    /// Leaves the group: our credentials are void everywhere from now on, and the group goes offline.
    /// The records stay here until the group is deleted.
    ///
    /// # Errors
    /// [`Error::NotConnected`] when no other member would hear of it; when we are the last Admin of others,
    /// or not a member any more.
    pub async fn leave(&self, reason: &str) -> Result<()> {
        let view = self.view().await?;
        let subject = view.gmc.subject();
        // Afterwards nobody admits us, so it could never be told later.
        if view.members.len() > 1 && view.neighbours.is_empty() {
            return Err(Error::NotConnected {
                group: self.name.clone(),
            });
        }
        let options = RemoveOptions {
            reason: reason.to_owned(),
            ..RemoveOptions::default()
        };
        self.revoke(subject, Cause::Left, options).await?;
        self.amend(|membership| membership.connected = false).await
    }

    /// Voids whatever credentials an identity has in the group, member or only invited.
    async fn revoke(
        &self,
        subject: IdentityKey,
        cause: Cause,
        options: RemoveOptions,
    ) -> Result<()> {
        let removal = Removal {
            subject,
            cause,
            reason: options.reason,
            cascade: options.cascade,
            with_records: options.with_records,
            by_group_key: options.by_group_key,
        };
        self.change(Change::Revoke(removal), None).await.map(drop)
    }

    /// Gives a member a newer credential: renewed, or with another role. It reaches the member with
    /// the group's records and takes effect without its doing anything. Rights that are taken away
    /// are void at once.
    ///
    /// # Errors
    /// When our role does not allow it, there is no such member, it is ourselves, the period is
    /// impossible, or the chain would be too long or go round in a circle.
    pub async fn renew_member(&self, name: &str, options: CredentialOptions) -> Result<()> {
        let view = self.view().await?;
        let subject = members::find(&view, name)?.subject();
        let terms = Terms {
            roles: options.role.map(Into::into),
            not_after: options.expires,
        };
        let change = Change::Issue { subject, terms };
        self.change(change, None).await.map(drop)
    }

    /// How far the removals decided so far have got: which members that are online have applied
    /// the same ones as this node, and which not yet.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn removal_progress(&self) -> Result<RemovalProgress> {
        let view = self.view().await?;
        Ok(progress(&view))
    }

    /// Who invited, promoted, renewed or removed whom, when, and on whose authority; oldest first.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn audit(&self) -> Result<Vec<AuditEntry>> {
        let (_, roster) = Bundle::verify(&self.export_audit().await?)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(audit::history(&roster)
            .iter()
            .map(|entry| AuditEntry::new(entry, &roster))
            .collect())
    }

    /// The signed records behind [`audit`](Self::audit) as one file, which anybody can verify offline.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn export_audit(&self) -> Result<Vec<u8>> {
        self.ready().await?;
        let root = self.membership()?.root()?;
        let (replica, now) = (self.replica, self.inner.clock.timestamp());
        let records = self
            .inner
            .storing
            .ask(move |store| {
                let mut records = Vec::new();
                for kind in [RecordType::MEMBERSHIP, RecordType::REVOCATION] {
                    let mut query = RecordQuery {
                        kind: Some(kind),
                        partition: Partition::Membership,
                        after: None,
                        limit: PAGE,
                    };
                    loop {
                        let page = store.list(&replica, &query, now)?;
                        let Some(last) = page.last() else {
                            break;
                        };
                        query.after = Some(last.record().id);
                        records.extend(page);
                    }
                }
                Ok(records)
            })
            .await?;
        Ok(Bundle::new(root, records).encode())
    }
}

fn progress(view: &View) -> RemovalProgress {
    let me = view.gmc.subject();
    let mut progress = RemovalProgress::default();
    for member in &view.members {
        let name = member.subject_name().to_string();
        let nodes: Vec<_> = view
            .present
            .iter()
            .filter(|(of, seen)| *of == member.subject() && seen.node.present)
            .collect();
        progress.members += 1;
        if member.subject() == me
            || (!nodes.is_empty()
                && nodes
                    .iter()
                    .all(|(_, seen)| seen.node.applied == view.applied))
        {
            progress.applied += 1;
        } else if nodes.is_empty() {
            progress.absent.push(name);
        } else {
            progress.pending.push(name);
        }
    }
    progress
}
