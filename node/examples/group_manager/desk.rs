//! Does what the window asks for, and tells it what happens in open groups.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt;
use peerage::{
    Error, InviteOptions, NewGroup, NewIdentity, Result,
    objects::{
        PeerGroup, PeerGroupEvent, PeerGroupFactory, PeerGroupProperties, PeerGroupService,
        PeerIdentity,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::app::{App, Failure, GroupRow, IdentityRow, Message, Of, Task};

/// A group that tells the window what happens in it while it is open: the manager's own type, which its
/// collections yield.
pub(crate) struct ManagedGroup {
    group: PeerGroup,
    tell: mpsc::Sender<Message>,
    telling: Option<JoinHandle<()>>,
}

struct Managed {
    tell: mpsc::Sender<Message>,
}

impl PeerGroupFactory for Managed {
    type Group = ManagedGroup;

    fn create(&self, group: PeerGroup) -> ManagedGroup {
        ManagedGroup {
            group,
            tell: self.tell.clone(),
            telling: None,
        }
    }
}

impl ManagedGroup {
    async fn open(&mut self) -> Result<()> {
        let mut events = self.group.open().await?;
        let (tell, of) = (self.tell.clone(), self.of());
        let telling = tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let what = describe(&event);
                let of = of.clone();
                if tell.send(Message::Happened { of, what }).await.is_err() {
                    return;
                }
            }
        });
        self.telling = Some(telling);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        if let Some(telling) = self.telling.take() {
            telling.abort();
        }
        self.group.close().await
    }

    fn of(&self) -> Of {
        Of {
            identity: self.group.owner().to_owned(),
            group: self.group.group_name().to_owned(),
        }
    }

    async fn row(&mut self) -> Result<GroupRow> {
        let open = self.group.is_open();
        let properties = match self.group.properties().await {
            Ok(properties) => properties.clone(),
            Err(Error::GroupNotReady { .. }) => self.group.cached_properties().clone(),
            Err(error) => return Err(error),
        };
        let mut fixed = fixed(&properties);
        if let Ok(handle) = self.group.handle() {
            let info = handle.info().await?;
            fixed.push(("Status", info.status.as_str().to_owned()));
            fixed.push(("Members", info.members.to_string()));
            fixed.push(("Neighbours", info.neighbours.to_string()));
        }
        Ok(GroupRow {
            name: properties.group_name,
            friendly_name: properties.friendly_name,
            comment: properties.comment,
            open,
            fixed,
        })
    }
}

/// What cannot be edited here.
fn fixed(properties: &PeerGroupProperties) -> Vec<(&'static str, String)> {
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs());
    let creator = properties.creator.as_deref().unwrap_or("another member");
    let flags = match (
        properties.flags.disable_presence,
        properties.flags.defer_expiration,
    ) {
        (false, false) => "none",
        (true, false) => "no presence",
        (false, true) => "deferred expiration",
        (true, true) => "no presence, deferred expiration",
    };
    let memberships = properties
        .member_data_lifetime
        .map_or_else(|| "as the issuer's".to_owned(), seconds);
    vec![
        ("Group name", properties.group_name.clone()),
        ("Classifier", properties.classifier.clone()),
        ("Creator", creator.to_owned()),
        ("Cloud", properties.cloud.clone()),
        ("Member data lifetime", memberships),
        ("Presence lifetime", seconds(properties.presence_lifetime)),
        ("Flags", flags.to_owned()),
    ]
}

fn describe(event: &PeerGroupEvent) -> String {
    match event {
        PeerGroupEvent::StatusChanged(event) => {
            let status = event.status.map_or("changing", |status| status.as_str());
            format!("is {status}")
        }
        PeerGroupEvent::PropertyChanged(_) => "its properties changed".to_owned(),
        PeerGroupEvent::RecordChanged(event)
        | PeerGroupEvent::ConnectionChanged(event)
        | PeerGroupEvent::MemberChanged(event)
        | PeerGroupEvent::Other(event) => event.kind.as_str().replace('_', " "),
        _ => "something happened".to_owned(),
    }
}

/// Where the window's tasks are done. It has the groups that are open; of all others a collection makes
/// new objects whenever they are listed.
pub(crate) struct Desk {
    service: PeerGroupService,
    tell: mpsc::Sender<Message>,
    open: BTreeMap<Of, ManagedGroup>,
}

impl Desk {
    pub(crate) fn new(service: PeerGroupService, tell: mpsc::Sender<Message>) -> Self {
        Self {
            service,
            tell,
            open: BTreeMap::new(),
        }
    }

    /// Gives a message to the window, and does what comes of it.
    pub(crate) async fn serve(&mut self, app: &mut App, message: Message) {
        let mut messages = VecDeque::from([message]);
        while let Some(message) = messages.pop_front() {
            if let Some(task) = app.update(message) {
                messages.push_back(match self.perform(task).await {
                    Ok(message) => message,
                    Err(error) => Message::Failed(failure(&error)),
                });
            }
        }
    }

    pub(crate) async fn close_all(&mut self) {
        for (_, mut group) in std::mem::take(&mut self.open) {
            // It goes offline with the node all the same.
            let _ = group.close().await;
        }
    }

    async fn perform(&mut self, task: Task) -> Result<Message> {
        let done = |text: &str| Ok(Message::Done(text.to_owned()));
        match task {
            Task::ListIdentities => self.list_identities().await,
            Task::ListGroups { identity } => self.list_groups(identity).await,
            Task::CreateIdentity { friendly_name } => {
                let new = NewIdentity {
                    friendly_name: some(friendly_name),
                    ..NewIdentity::default()
                };
                let made = PeerIdentity::create(&self.service, new).await?;
                Ok(Message::Done(format!("made {}", made.friendly_name())))
            }
            Task::DeleteIdentity { identity } => {
                self.identity(&identity).await?.delete().await?;
                done("the identity is deleted")
            }
            Task::ShowCard { identity } => Ok(Message::Show {
                title: "Card, for whoever is to invite this identity",
                text: self.identity(&identity).await?.card().await?.to_uri(),
            }),
            Task::CreateGroup {
                identity,
                name,
                friendly_name,
            } => {
                let creator = self.identity(&identity).await?;
                let new = NewGroup {
                    // A blank one is like the group's name.
                    friendly_name: some(friendly_name).or_else(|| some(name.clone())),
                    classifier: some(name),
                    ..NewGroup::default()
                };
                PeerGroup::create(&creator, new).await?;
                done("the group is made; open it in the tab Groups")
            }
            Task::Open(of) => {
                let mut group = self.group(&of).await?;
                group.open().await?;
                self.open.insert(of, group);
                done("the group is open")
            }
            Task::Close(of) => {
                if let Some(mut group) = self.open.remove(&of) {
                    group.close().await?;
                }
                done("the group is closed")
            }
            Task::Delete(of) => {
                let mut group = match self.open.remove(&of) {
                    Some(group) => group,
                    None => self.group(&of).await?,
                };
                // Deleting closes it, which ends the telling.
                group.group.delete().await?;
                done("the group is deleted here")
            }
            Task::SetFriendlyName(of, name) => {
                self.opened(&of)?.group.set_friendly_name(&name).await?;
                done("the friendly name is changed for all members")
            }
            Task::SetComment(of, comment) => {
                self.opened(&of)?.group.set_comment(&comment).await?;
                done("the comment is changed for all members")
            }
            Task::Invite(of, card) => {
                let card = unbroken(&card).parse().map_err(Error::Identity)?;
                let handle = self.opened(&of)?.group.handle()?;
                let invitation = handle.invite(&card, InviteOptions::default()).await?;
                Ok(Message::Show {
                    title: "Invitation, for whose card it was",
                    text: invitation.to_uri(),
                })
            }
            Task::Join {
                identity,
                invitation,
            } => {
                let invitation = unbroken(&invitation).parse()?;
                let identity = self.identity(&identity).await?;
                identity.groups().join(invitation).await?;
                done("joined; open the group to go online")
            }
        }
    }

    async fn list_identities(&self) -> Result<Message> {
        let all = PeerIdentity::all(&self.service).await?;
        let rows = all.iter().map(|identity| IdentityRow {
            peer_name: identity.peer_name().to_owned(),
            friendly_name: identity.friendly_name().to_owned(),
            groups: identity.info().groups,
        });
        Ok(Message::Identities(rows.collect()))
    }

    async fn list_groups(&mut self, identity: String) -> Result<Message> {
        let mut groups = Vec::new();
        for mut group in self.identity(&identity).await?.groups().list().await? {
            let held = self.open.get_mut(&group.of()).unwrap_or(&mut group);
            groups.push(held.row().await?);
        }
        Ok(Message::Groups { identity, groups })
    }

    async fn identity(&self, name: &str) -> Result<PeerIdentity<Managed>> {
        let identity = PeerIdentity::find(&self.service, Some(name)).await?;
        let tell = self.tell.clone();
        Ok(identity.with_factory(Managed { tell }))
    }

    /// A new object of a group.
    async fn group(&self, of: &Of) -> Result<ManagedGroup> {
        let identity = self.identity(&of.identity).await?;
        identity.groups().get(&of.group).await
    }

    fn opened(&mut self, of: &Of) -> Result<&mut ManagedGroup> {
        self.open.get_mut(of).ok_or_else(|| Error::GroupGone {
            group: of.group.clone(),
        })
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A card or an invitation, without the ends of lines that copying from a screen puts into it; the form
/// in several lines is left as it is.
fn unbroken(text: &str) -> String {
    let text = text.trim();
    match text.starts_with("peerage:") {
        true => text.split_whitespace().collect(),
        false => text.to_owned(),
    }
}

fn failure(error: &Error) -> Failure {
    Failure {
        code: error.code(),
        message: error.to_string(),
        original: error.original().map(|original| original.name),
        next_step: error.next_step(),
    }
}
