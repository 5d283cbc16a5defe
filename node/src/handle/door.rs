//! A group's door, for its members: opening and closing it, its address, and who asks to come in.

use std::sync::Arc;

use peerage_protocol::{
    door::{
        AddressError, Decision, Door, GroupAddress, JoinRequest, PasswordDoor, QueueError,
        password::{Password, PasswordFile},
    },
    group::{GroupKey, Role},
    identity::IdentityCard,
};
use peerage_records::id::IdentityKey;

use super::{GroupHandle, InviteOptions, inner::blocking};
use crate::{
    Error, Result,
    command::Command,
    model::{DoorInfo, DoorRequest, JoinRequestInfo},
    password,
};

/// Checks what is asked of a door before anything is made.
pub(super) fn check(request: &DoorRequest, known: &[&str]) -> Result<()> {
    role(request)?;
    match &request.password {
        Some(text) => password::check(&Password::new(text.clone()), known),
        None if request.requests => Ok(()),
        None => Err(Error::invalid(
            "door",
            "give a password, allow requests, or both",
        )),
    }
}

fn role(request: &DoorRequest) -> Result<Role> {
    match &request.role {
        Some(role) => role.parse().map_err(|error| Error::invalid("role", error)),
        None => Ok(Role::Member),
    }
}

impl GroupHandle {
    /// Whom the group's door lets in, as far as it is known here.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn door(&self) -> Result<DoorInfo> {
        let door = self.held_door().await?;
        Ok(door.as_ref().map_or(
            DoorInfo {
                open: false,
                password: false,
                role: None,
                requests: false,
            },
            DoorInfo::from,
        ))
    }

    /// Opens the group's door, or changes whom it lets in. An address given out before stays good as
    /// long as the door has not been closed in between.
    ///
    /// # Errors
    /// [`Error::NotAuthorised`] for anybody but the group's creator, [`Error::PasswordPolicy`] for a
    /// password that is too short or easily guessed.
    pub async fn open_door(&self, request: DoorRequest) -> Result<DoorInfo> {
        let key = self.door_key()?;
        let held = self.held_door().await?;
        let membership = self.membership()?;
        let door = blocking(move || {
            check(&request, &[membership.friendly_name.as_str()])?;
            let mut rng = rand::rng();
            let mut door = match held {
                Some(held) if !held.kinds().is_closed() => held,
                _ => Door::closed(&mut rng),
            };
            door.requests = request.requests;
            door.password = match &request.password {
                Some(text) => Some(PasswordDoor {
                    role: role(&request)?,
                    file: PasswordFile::register(&Password::new(text.clone()), &mut rng).map_err(
                        |error| Error::PasswordPolicy {
                            reason: error.to_string(),
                        },
                    )?,
                }),
                None => None,
            };
            Ok(door)
        })
        .await?;
        self.set_door(door, key).await
    }

    /// Closes the group's door: addresses given out before are of no use any more, also when it is
    /// opened again. Who has come in stays a member.
    ///
    /// # Errors
    /// [`Error::NotAuthorised`] for anybody but the group's creator.
    pub async fn close_door(&self) -> Result<DoorInfo> {
        let key = self.door_key()?;
        let door = Door::closed(&mut rand::rng());
        self.set_door(door, key).await
    }

    async fn set_door(&self, door: Door, key: GroupKey) -> Result<DoorInfo> {
        self.ready().await?;
        let info = DoorInfo::from(&door);
        let (replica, door, key) = (self.replica, Box::new(door), Box::new(key));
        let result = self
            .inner
            .command(|reply| Command::SetDoor(replica, door, key, reply))
            .await?;
        result.map_err(|error| self.explain(error, None))?;
        Ok(info)
    }

    /// The group's address, for people who may come to its door. It names members to start from, so it
    /// is best made while the group is online.
    ///
    /// # Errors
    /// [`Error::DoorClosed`].
    pub async fn address(&self) -> Result<GroupAddress> {
        let view = self.view().await?;
        let membership = self.membership()?;
        let Some(door) = self.held_door().await? else {
            return Err(self.closed());
        };
        let bootstrap = self.bootstrap(&view).await?;
        let identity = Arc::clone(self.inner.held()?.holder(&membership)?);
        let cloud = membership
            .cloud
            .parse()
            .map_err(|error| Error::invalid("cloud", error))?;
        GroupAddress::create(&identity, &view.gmc, &cloud, bootstrap, &door).map_err(|error| {
            match error {
                AddressError::Closed => self.closed(),
                other => Error::Address(other),
            }
        })
    }

    /// Who has asked this node to join, oldest first. Other members have their own lists.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn requests(&self) -> Result<Vec<JoinRequestInfo>> {
        Ok(self
            .queue()
            .await?
            .iter()
            .map(JoinRequestInfo::from)
            .collect())
    }

    /// Accepts a request: who asked becomes a member when its node asks again, which it does every few
    /// minutes. `who` is a peer name, a unique beginning of it, or a public key in hex.
    ///
    /// # Errors
    /// [`Error::RequestNotFound`], and as [`invite`](Self::invite).
    pub async fn accept_request(
        &self,
        who: &str,
        options: InviteOptions,
    ) -> Result<JoinRequestInfo> {
        let card = self.requester(who).await?;
        let invitation = self.invite(&card, options).await?;
        self.decide(card.key(), Decision::Accept(Box::new(invitation)))
            .await
    }

    /// Denies a request: who asked gets no answer any more, for a week.
    ///
    /// # Errors
    /// [`Error::RequestNotFound`].
    pub async fn deny_request(&self, who: &str) -> Result<JoinRequestInfo> {
        let card = self.requester(who).await?;
        self.decide(card.key(), Decision::Deny).await
    }

    async fn decide(&self, who: IdentityKey, decision: Decision) -> Result<JoinRequestInfo> {
        let replica = self.replica;
        self.inner
            .command(|reply| Command::Decide(replica, who, decision, reply))
            .await?
            .map_err(|error| match error {
                QueueError::NotFound | QueueError::NoDoor => Error::RequestNotFound {
                    name: who.to_string(),
                },
                other => Error::Internal(other.to_string()),
            })?;
        self.queue()
            .await?
            .iter()
            .find(|request| request.card.key() == who)
            .map(JoinRequestInfo::from)
            .ok_or_else(|| Error::RequestNotFound {
                name: who.to_string(),
            })
    }

    /// The card of the one request that `who` names. Friendly names are chosen by who asks, so they
    /// name nobody here.
    async fn requester(&self, who: &str) -> Result<IdentityCard> {
        /// Shortest part of a name that stands for the whole.
        const MIN_PREFIX_CHARS: usize = 4;
        let queue = self.queue().await?;
        let mut found = queue.iter().filter(|request| {
            let name = request.card.name().to_string();
            let begins = who.chars().count() >= MIN_PREFIX_CHARS && name.starts_with(who);
            begins || name == who || request.card.key().to_string() == who
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.card.clone()),
            (Some(_), Some(_)) => Err(Error::invalid(
                "who",
                format!("several requests match {who:?}; give more of the name"),
            )),
            (None, _) => Err(Error::RequestNotFound { name: who.into() }),
        }
    }

    async fn queue(&self) -> Result<Vec<JoinRequest>> {
        self.ready().await?;
        let now = self.inner.clock.timestamp();
        let replica = self.replica;
        self.inner
            .command(|reply| Command::Requests(replica, now, reply))
            .await
    }

    async fn held_door(&self) -> Result<Option<Door>> {
        self.ready().await?;
        let replica = self.replica;
        self.inner
            .command(|reply| Command::Door(replica, reply))
            .await
    }

    fn door_key(&self) -> Result<GroupKey> {
        self.membership()?
            .group_key
            .clone()
            .ok_or_else(|| Error::NotAuthorised {
                reason: "only the group's creator opens and closes its door".into(),
            })
    }

    fn closed(&self) -> Error {
        Error::DoorClosed {
            group: self.name.clone(),
        }
    }
}
