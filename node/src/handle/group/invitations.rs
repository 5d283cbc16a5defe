//! Invitations: making them, and keeping track of those that were made here.

use std::sync::Arc;

use peerage_protocol::{
    engine::{Change, Removal},
    gmc::{self, IssueOptions, VerifiedGmc},
    group::Role,
    identity::IdentityCard,
    invitation::{Invitation, InvitationDraft},
    revocation::Cause,
};
use peerage_records::{id::ReplicaId, time::Timestamp};

use super::{GroupHandle, Inner};
use crate::{
    Error, Node, Result,
    command::View,
    folder::{KeptInvitation, Membership},
    handle::inner::blocking,
    model::{InvitationDetail, InvitationState, InvitationSummary, InvitationText, instant_text},
    naming::MIN_PREFIX_CHARS,
};

/// What an invitation grants.
#[derive(Debug, Clone)]
pub struct InviteOptions {
    /// The role of the invited member. Default: [`Role::Member`].
    pub role: Role,
    /// When the membership ends. Default: as the group's properties say, or else with the inviter's
    /// own.
    pub expires: Option<Timestamp>,
    /// A word to the invited, at most 255 characters; everybody on the way can read it.
    pub note: Option<String>,
    /// Whether the group itself invites: the credential then hangs on no member's. Takes the
    /// group's key, see [`GroupHandle::export_group_key`].
    pub by_group_key: bool,
    /// Whether all members are told of the new one at once, and not only when it first connects.
    pub publish: bool,
}

impl Default for InviteOptions {
    fn default() -> Self {
        Self {
            role: Role::Member,
            expires: None,
            note: None,
            by_group_key: false,
            publish: false,
        }
    }
}

/// What is different when an invitation is made again.
#[derive(Debug, Clone, Default)]
pub struct ReissueOptions {
    /// When the membership ends. Default: after as long as the first time, at most with the
    /// inviter's own.
    pub expires: Option<Timestamp>,
    /// A word to the invited. Default: that of the first time.
    pub note: Option<String>,
}

impl GroupHandle {
    /// Invites whoever the card belongs to. The invitation is for that identity alone, needs
    /// nobody online to be accepted, and says where members may be found. It is kept here, see
    /// [`invitations`](Self::invitations).
    ///
    /// # Errors
    /// When our role does not allow it, the group has never been synchronised, the time period is
    /// impossible, the chain would be too long, or the invited identity was deleted on this node.
    pub async fn invite(&self, card: &IdentityCard, options: InviteOptions) -> Result<Invitation> {
        let view = self.view().await?;
        // Who has not met another member yet does not know who is one (GRP-210).
        if !view.synchronised {
            return Err(self.not_ready());
        }
        if options.publish && options.by_group_key {
            let reason = "what the group itself issues is published by whoever it is for";
            return Err(Error::invalid("publish", reason));
        }
        let publish = options.publish;
        let current = member(&view, card).cloned();
        let made = self
            .issue(view, card.clone(), options, current, None)
            .await?;
        if publish {
            let chain = made.chain().clone();
            self.change(Change::Grant(chain), None).await?;
        }
        Ok(made)
    }

    /// Issues, keeps and hands out an invitation, in the place of `instead` where that is one.
    async fn issue(
        &self,
        view: View,
        card: IdentityCard,
        options: InviteOptions,
        current: Option<VerifiedGmc>,
        instead: Option<KeptInvitation>,
    ) -> Result<Invitation> {
        let bootstrap = self.bootstrap(&view).await?;
        let membership = self.membership()?;
        let identity = Arc::clone(self.inner.held()?.holder(&membership)?);
        let folder = Arc::clone(&self.inner.folder);
        let made_at = self.inner.clock.timestamp();
        // Whoever was removed by a clock ahead of ours is invited as of that moment, or the new
        // credential would be void from the start.
        let now = view
            .revoked_before
            .get(&card.key())
            .map_or(made_at, |before| made_at.max(*before));
        let (name, holder) = (self.name.clone(), membership.identity.clone());
        let (made, kept) = blocking(move || {
            if folder.was_deleted(card.name())? {
                return Err(Error::IdentityDeleted {
                    name: card.name().to_string(),
                });
            }
            let mut rng = rand::rng();
            let mut issued = IssueOptions::new(options.role);
            issued.not_after = options.expires.or_else(|| {
                let properties = view.properties.as_ref()?;
                properties.membership_end(now, view.gmc.not_after())
            });
            let current = current.as_ref();
            let draft = |chain| -> Result<InvitationDraft> {
                Ok(InvitationDraft {
                    chain,
                    cloud: membership
                        .cloud
                        .parse()
                        .map_err(|error| Error::invalid("cloud", error))?,
                    bootstrap,
                    note: options.note,
                })
            };
            let secret = &membership.secret;
            let made = if options.by_group_key {
                let key = membership
                    .group_key
                    .as_ref()
                    .ok_or(Error::GroupKeyMissing { group: name })?;
                let chain = key.issue(&card, current, &issued, now, &mut rng)?;
                Invitation::create_under_root(draft(chain)?, key, &card, secret, &mut rng)?
            } else {
                let own = &view.gmc;
                let chain = gmc::issue(&identity, own, &card, current, &issued, now, &mut rng)?;
                Invitation::create(draft(chain)?, &identity, &card, secret, &mut rng)?
            };
            let kept = KeptInvitation {
                invitation: made.clone(),
                card,
                made: now,
                used: false,
                replaced_by: None,
                revoked: None,
            };
            Ok((made, kept))
        })
        .await?;
        // Kept before it is handed out, so that there is none we do not know of.
        self.inner
            .with_vault(move |vault| {
                let folder = vault.folder();
                folder.save_invitation(&holder, &kept, now)?;
                match instead {
                    Some(mut old) => {
                        old.replaced_by = Some(kept.invitation.id());
                        folder.save_invitation(&holder, &old, now)
                    }
                    None => Ok(()),
                }
            })
            .await?;
        Ok(made)
    }

    /// The invitations made here as this member, the oldest first, with what became of them as far
    /// as it is known here: that one was used is learnt when its invitee is.
    ///
    /// # Errors
    /// When the handle is closed or they cannot be read.
    pub async fn invitations(&self) -> Result<Vec<InvitationSummary>> {
        let view = self.view().await?;
        let membership = self.membership()?;
        let now = self.inner.clock.timestamp();
        self.inner
            .with_vault(move |vault| {
                let folder = vault.folder();
                let root = membership.root()?;
                let mut all = folder.invitations(&membership.identity, &root.id())?;
                for kept in &mut all {
                    if !kept.used && is_used(kept, &view) {
                        kept.used = true;
                        folder.save_invitation(&membership.identity, kept, now)?;
                    }
                }
                Ok(all.iter().map(|kept| summary(kept, &view, now)).collect())
            })
            .await
    }

    /// An invitation made here and what became of it.
    async fn kept_invitation(&self, id: &str) -> Result<(KeptInvitation, View)> {
        let view = self.view().await?;
        let membership = self.membership()?;
        let (folder, wanted) = (Arc::clone(&self.inner.folder), id.to_owned());
        let found = blocking(move || {
            folder.invitation(&membership.identity, &membership.root()?.id(), &wanted)
        })
        .await?;
        match found {
            Some(kept) => Ok((kept, view)),
            None => Err(Error::InvitationNotFound { id: id.to_owned() }),
        }
    }

    /// Makes void what the invitation grants, at every member. Nothing else of the invited is touched.
    async fn withdraw(&self, id: &str) -> Result<InvitationSummary> {
        let (kept, view) = self.kept_invitation(id).await?;
        let now = self.inner.clock.timestamp();
        match state(&kept, &view, now) {
            InvitationState::Open | InvitationState::Expired | InvitationState::Replaced => {}
            InvitationState::Revoked => return Ok(summary(&kept, &view, now)),
            state @ InvitationState::Used => return Err(over(&kept, state)),
        }
        if member(&view, &kept.card).is_some() {
            let reason = "its invitee is a member already, whose membership would end with it";
            return Err(Error::invalid("invitation", reason));
        }
        if !view.gmc.roles().contains(Role::Admin) {
            return Err(Error::NotAuthorised {
                reason: "only an administrator revokes an invitation".into(),
            });
        }
        let removal = Removal {
            subject: kept.card.key(),
            cause: Cause::InvitationWithdrawn,
            reason: String::new(),
            cascade: true,
            with_records: true,
            by_group_key: false,
        };
        self.change(Change::Revoke(removal), None).await?;
        let membership = self.membership()?;
        let id = kept.invitation.id();
        self.inner
            .with_vault(move |vault| {
                let folder = vault.folder();
                let holder = &membership.identity;
                let mut revoked = None;
                for mut other in folder.invitations(holder, &membership.root()?.id())? {
                    // Every credential of the identity up to now is void.
                    if other.card.key() == kept.card.key() && !other.used {
                        other.revoked.get_or_insert(now);
                        folder.save_invitation(holder, &other, now)?;
                        if other.invitation.id() == id {
                            revoked = Some(summary(&other, &view, now));
                        }
                    }
                }
                revoked.ok_or(Error::InvitationNotFound { id })
            })
            .await
    }

    async fn reissue(&self, id: &str, options: ReissueOptions) -> Result<Invitation> {
        let (kept, view) = self.kept_invitation(id).await?;
        let now = self.inner.clock.timestamp();
        match state(&kept, &view, now) {
            InvitationState::Open | InvitationState::Expired | InvitationState::Revoked => {}
            state @ (InvitationState::Used | InvitationState::Replaced) => {
                return Err(over(&kept, state));
            }
        }
        let old = kept.invitation.gmc();
        let under_root = old.issuer() == old.root().key();
        let limit = match under_root {
            true => old.root().not_after(),
            false => view.gmc.not_after(),
        };
        // Whoever left the end open the first time does so again.
        let again = (old.not_after() < limit)
            .then(|| now + old.not_after().since(kept.made))
            .filter(|end| *end < limit);
        let role = Role::ALL
            .into_iter()
            .find(|role| old.roles().contains(*role))
            .unwrap_or(Role::Member);
        let invite = InviteOptions {
            role,
            expires: options.expires.or(again),
            note: options.note.or(kept.invitation.inspect().note),
            by_group_key: under_root,
            publish: false,
        };
        // What is made again must win over the first, whether or not that is used yet.
        let newest = member(&view, &kept.card)
            .into_iter()
            .chain([old])
            .max_by_key(|gmc| gmc.issued_at())
            .cloned();
        let card = kept.card.clone();
        self.issue(view, card, invite, newest, Some(kept)).await
    }
}

impl Node {
    /// An invitation made on this node, by its id or a unique beginning of it (at least 4
    /// characters).
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn invitation(&self, id: &str) -> Result<InvitationDetail> {
        let (group, id) = self.inner.inviting(id).await?;
        let (kept, view) = group.kept_invitation(&id).await?;
        let now = group.inner.clock.timestamp();
        Ok(InvitationDetail {
            made: summary(&kept, &view, now),
            invitation: InvitationText::from(&kept.invitation),
        })
    }

    /// Revokes an invitation that was not used: every member refuses what it grants from now on, and
    /// the others do as they hear of it.
    ///
    /// # Errors
    /// [`Error::InvitationOver`] when it was used: the member can be removed. When its invitee is a
    /// member already, and when our role does not allow it.
    pub async fn revoke_invitation(&self, id: &str) -> Result<InvitationSummary> {
        let (group, id) = self.inner.inviting(id).await?;
        group.withdraw(&id).await
    }

    /// Invites the same identity anew, with a fresh credential that wins over the first one's.
    ///
    /// # Errors
    /// [`Error::InvitationOver`] when the first one was used or replaced already, and as
    /// [`GroupHandle::invite`].
    pub async fn reissue_invitation(
        &self,
        id: &str,
        options: ReissueOptions,
    ) -> Result<Invitation> {
        let (group, id) = self.inner.inviting(id).await?;
        group.reissue(&id, options).await
    }
}

impl Inner {
    /// The group an invitation was made in, and the invitation's whole id.
    async fn inviting(self: &Arc<Self>, wanted: &str) -> Result<(GroupHandle, String)> {
        let known = self.held()?;
        let (inner, looked_for) = (Arc::clone(self), wanted.to_owned());
        let found = blocking(move || {
            let mut found: Vec<(ReplicaId, Arc<Membership>, String)> = Vec::new();
            for (replica, membership) in known.memberships() {
                let group = membership.root()?.id();
                for id in inner.folder.invitation_ids(&membership.identity, &group)? {
                    if id.starts_with(&looked_for) {
                        found.push((*replica, Arc::clone(membership), id));
                    }
                }
            }
            Ok(found)
        })
        .await?;
        let id = wanted.to_owned();
        if wanted.len() < MIN_PREFIX_CHARS || found.is_empty() {
            return Err(Error::InvitationNotFound { id });
        }
        match <[_; 1]>::try_from(found) {
            Ok([(replica, membership, id)]) => Ok((self.handle_of(replica, &membership)?, id)),
            Err(_) => Err(Error::InvitationAmbiguous { id }),
        }
    }
}

fn member<'a>(view: &'a View, card: &IdentityCard) -> Option<&'a VerifiedGmc> {
    view.members
        .iter()
        .find(|member| member.subject() == card.key())
}

/// Whether the invitee is a member by this very invitation.
fn is_used(kept: &KeptInvitation, view: &View) -> bool {
    let chain = kept.invitation.gmc().chain().hash();
    member(view, &kept.card).is_some_and(|member| member.chain().hash() == chain)
}

fn state(kept: &KeptInvitation, view: &View, now: Timestamp) -> InvitationState {
    let gmc = kept.invitation.gmc();
    let newer =
        || member(view, &kept.card).is_some_and(|member| member.issued_at() > gmc.issued_at());
    if kept.revoked.is_some() {
        InvitationState::Revoked
    } else if kept.used || is_used(kept, view) {
        InvitationState::Used
    } else if kept.replaced_by.is_some() || newer() {
        InvitationState::Replaced
    } else if matches!(gmc.check_time(now), Err(gmc::GmcError::Expired { .. })) {
        InvitationState::Expired
    } else {
        InvitationState::Open
    }
}

fn over(kept: &KeptInvitation, state: InvitationState) -> Error {
    Error::InvitationOver {
        id: kept.invitation.id(),
        state: state.as_str(),
    }
}

fn summary(kept: &KeptInvitation, view: &View, now: Timestamp) -> InvitationSummary {
    let gmc = kept.invitation.gmc();
    InvitationSummary {
        id: kept.invitation.id(),
        group: gmc.root().name().to_string(),
        invitee: gmc.subject_name().to_string(),
        invitee_friendly_name: gmc.friendly_name().to_owned(),
        roles: super::roles(gmc),
        made: instant_text(kept.made),
        valid_until: instant_text(gmc.not_after()),
        state: state(kept, view, now),
        replaced_by: kept.replaced_by.clone(),
    }
}
