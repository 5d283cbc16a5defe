//! A group's properties, and who is present in it.

use peerage_protocol::{
    engine::{Change, PresenceWish},
    presence::{Seen, check_attributes},
};
use peerage_records::id::{IdentityKey, ReplicaId};

use super::{GroupHandle, Inner};
use crate::{
    Error, Result,
    command::{Command, View},
    model::{GroupChange, GroupProperties, NodeInfo, instant_text},
};

impl GroupHandle {
    /// What the group's creator says about it. Works offline once the group has synchronised.
    ///
    /// # Errors
    /// [`Error::GroupNotReady`] when the group has never synchronised; when the handle is closed.
    pub async fn properties(&self) -> Result<GroupProperties> {
        let view = self.view().await?;
        match &view.properties {
            Some(properties) if view.synchronised => {
                Ok(GroupProperties::of(properties, view.is_creator))
            }
            _ => Err(self.not_ready()),
        }
    }

    /// Changes the group's properties; durable here when this returns. Members hear of it at once,
    /// or when they come online.
    ///
    /// # Errors
    /// [`Error::NotAuthorised`] unless this identity has made the group on this node; when a value is
    /// outside its limits, or the store fails. Nothing has changed then.
    pub async fn set_properties(&self, change: GroupChange) -> Result<GroupProperties> {
        self.change(Change::Properties(change.read()?), None)
            .await?;
        self.properties().await
    }

    /// The nodes that are present now, this one first, then by member. None while the group is offline,
    /// because nobody tells us then who has gone.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>> {
        Ok(self.nodes_of(&self.view().await?))
    }

    /// One node that is present now, by its peer id. This node is always known.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`]; when the handle is closed.
    pub async fn node(&self, peer_id: &str) -> Result<NodeInfo> {
        if peer_id == self.inner().peer.to_string() {
            return self.own_node().await;
        }
        let found = self.nodes().await?;
        found
            .into_iter()
            .find(|node| node.peer_id == peer_id)
            .ok_or_else(|| Error::NodeNotFound {
                peer_id: peer_id.to_owned(),
            })
    }

    /// This node: where it listens now, and what is said about it in the group.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn own_node(&self) -> Result<NodeInfo> {
        let view = self.view().await?;
        let network = self.inner().network().await?;
        let addresses = match network.addresses.is_empty() {
            true => &network.listeners,
            false => &network.addresses,
        };
        let said = self.nodes_of(&view).into_iter().find(|node| node.local);
        Ok(NodeInfo {
            peer_id: self.inner().peer.to_string(),
            member: view.gmc.subject_name().to_string(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            attributes: view.attributes.clone(),
            since: said.and_then(|node| node.since),
            local: true,
        })
    }

    /// Says something about this node to the members, or nothing any more. Kept over restarts.
    ///
    /// # Errors
    /// When it is longer than 1024 bytes; when the handle is closed or the store fails.
    pub async fn set_attributes(&self, attributes: Option<String>) -> Result<()> {
        let attributes = attributes.filter(|text| !text.is_empty());
        check_attributes(attributes.as_deref())
            .map_err(|error| Error::invalid("attributes", error))?;
        self.view().await?;
        let key = attributes_key(&self.replica());
        let kept = attributes.clone();
        self.inner()
            .storing
            .ask(move |store| match &kept {
                Some(text) => store.put_note(&key, text.as_bytes()),
                None => store.delete_note(&key),
            })
            .await?;
        self.wish(PresenceWish::Attributes(attributes)).await
    }

    /// Shows this node whatever the group's policy, until the group is closed; or goes by the policy
    /// again.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn force_presence(&self, forced: bool) -> Result<()> {
        self.view().await?;
        self.wish(PresenceWish::Forced(forced)).await
    }

    async fn wish(&self, wish: PresenceWish) -> Result<()> {
        self.inner()
            .command(|done| Command::Presence(self.replica(), wish, done))
            .await
    }

    /// The nodes present in a view, this one first.
    pub(super) fn nodes_of(&self, view: &View) -> Vec<NodeInfo> {
        let local = self.inner().peer;
        let mut nodes: Vec<NodeInfo> = view
            .present
            .iter()
            .map(|(member, seen)| node_info(view, member, seen, seen.node.peer == local))
            .collect();
        // A machine may carry two members of one group, of which one is online.
        nodes.sort_by_key(|node| !node.local);
        nodes
    }
}

impl Inner {
    /// What was last said about this node in a group.
    pub(super) async fn attributes(&self, replica: ReplicaId) -> Result<Option<String>> {
        let key = attributes_key(&replica);
        let kept = self.storing.ask(move |store| store.note(&key)).await?;
        // A note that does not read is no reason not to open the group.
        Ok(kept.and_then(|text| String::from_utf8(text).ok()))
    }
}

fn node_info(view: &View, member: &IdentityKey, seen: &Seen, local: bool) -> NodeInfo {
    let known = view.members.iter().find(|gmc| gmc.subject() == *member);
    NodeInfo {
        peer_id: seen.node.peer.to_string(),
        member: known.map_or_else(
            || member.authority().to_string(),
            |gmc| gmc.subject_name().to_string(),
        ),
        addresses: seen
            .node
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect(),
        attributes: seen.node.attributes.clone(),
        since: Some(instant_text(seen.created)),
        local,
    }
}

/// The key of the note with what is said about this node.
pub(super) fn attributes_key(replica: &ReplicaId) -> Vec<u8> {
    [b"attributes/", replica.as_bytes().as_slice()].concat()
}
