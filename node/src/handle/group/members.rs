//! Who is in a group, by whom, and since when.

use std::collections::BTreeMap;

use peerage_protocol::gmc::{Holder, VerifiedGmc};
use peerage_records::{id::IdentityKey, time::Timestamp};

use super::{GroupHandle, nodes_of, roles};
use crate::{
    Error, Result,
    command::View,
    model::{
        ChainLink, MemberDetail, MemberInfo, MemberNode, MemberTree, NodeInfo, Standing,
        instant_text,
    },
    naming::{Candidate, Selected, select},
};

impl GroupHandle {
    /// The members known here: ourselves first, then the others in the order of their peer names.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn members(&self) -> Result<Vec<MemberInfo>> {
        let view = self.view().await?;
        let now = self.inner.clock.timestamp();
        let present = self.nodes_of(&view);
        let mut members: Vec<MemberInfo> = view
            .members
            .iter()
            .map(|member| info(&view, member, &present, now))
            .collect();
        members.sort_by(|a, b| b.myself.cmp(&a.myself).then_with(|| a.name.cmp(&b.name)));
        Ok(members)
    }

    /// One member with the whole chain of its membership: who issued whom, when, with which roles.
    /// `name` is a peer name, a unique beginning of it (at least 4 characters), a public key in
    /// hex, or a friendly name that no other member has or could be taken for.
    ///
    /// # Errors
    /// [`Error::MemberNotFound`], or [`Error::MemberAmbiguous`] with all who could be meant: of two
    /// that look the same, neither is chosen.
    pub async fn member(&self, name: &str) -> Result<MemberDetail> {
        let view = self.view().await?;
        let now = self.inner.clock.timestamp();
        let member = find(&view, name)?;
        let mut invited: Vec<String> = view
            .members
            .iter()
            .filter(|other| other.issuer() == member.subject())
            .map(|other| other.subject_name().to_string())
            .collect();
        invited.sort();
        Ok(MemberDetail {
            member: info(&view, member, &self.nodes_of(&view), now),
            chain: member.holders().iter().map(chain_link).collect(),
            invited,
        })
    }

    /// Who invited whom, from the group's own key down to the last member.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn member_tree(&self) -> Result<MemberTree> {
        let view = self.view().await?;
        let now = self.inner.clock.timestamp();
        let mut top = Branch::default();
        for member in &view.members {
            top.insert(member);
        }
        let root = view.gmc.root();
        Ok(MemberTree {
            group: root.name().to_string(),
            friendly_name: self.membership()?.friendly_name.clone(),
            invited: top.nodes(&view, now),
        })
    }
}

/// Finds the member that is meant.
pub(super) fn find<'a>(view: &'a View, name: &str) -> Result<&'a VerifiedGmc> {
    let by_key = view
        .members
        .iter()
        .find(|member| member.subject().to_string() == name);
    if let Some(member) = by_key {
        return Ok(member);
    }
    let candidates = view.members.iter().map(|member| Candidate {
        peer_name: member.subject_name().to_string(),
        friendly_name: member.friendly_name(),
        item: member,
    });
    match select(name, candidates) {
        Selected::One(member) => Ok(member),
        Selected::None => Err(Error::MemberNotFound { name: name.into() }),
        Selected::Several(candidates) => Err(Error::MemberAmbiguous {
            name: name.into(),
            candidates,
        }),
    }
}

fn info(view: &View, member: &VerifiedGmc, present: &[NodeInfo], now: Timestamp) -> MemberInfo {
    let name = member.subject_name().to_string();
    let nodes = nodes_of(present, &name);
    MemberInfo {
        present: !nodes.is_empty(),
        nodes,
        name,
        friendly_name: member.friendly_name().to_owned(),
        public_key: member.subject().to_string(),
        roles: roles(member),
        valid_from: instant_text(member.not_before()),
        valid_until: instant_text(member.not_after()),
        issued_by: name_of(view, member.issuer()),
        depth: member.depth(),
        neighbour: view
            .neighbours
            .iter()
            .any(|(_, neighbour)| neighbour.member() == member.subject()),
        myself: member.subject() == view.gmc.subject(),
        expired: !member.valid_at(now),
    }
}

fn name_of(view: &View, key: IdentityKey) -> String {
    if key == view.gmc.root().key() {
        return view.gmc.root().name().to_string();
    }
    view.members
        .iter()
        .find(|member| member.subject() == key)
        .map_or_else(
            || key.authority().to_string(),
            |member| member.subject_name().to_string(),
        )
}

fn chain_link(link: &Holder) -> ChainLink {
    ChainLink {
        name: link.name.to_string(),
        friendly_name: link.friendly_name.clone(),
        public_key: link.subject.to_string(),
        roles: link_roles(link),
        valid_from: instant_text(link.not_before),
        valid_until: instant_text(link.not_after),
        issued_at: instant_text(link.issued_at),
        fingerprint: data_encoding::HEXLOWER.encode(&link.fingerprint),
    }
}

fn link_roles(link: &Holder) -> Vec<String> {
    link.roles
        .iter()
        .flat_map(|roles| {
            roles
                .iter()
                .map(|role| role.to_string())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A part of the tree while it is put together. Members are put in by the chains they hold, not by
/// who issued whom: two who were invited anew by one another would make a circle of that.
#[derive(Default)]
struct Branch {
    link: Option<Holder>,
    /// Whose chain ends here.
    member: Option<VerifiedGmc>,
    below: BTreeMap<IdentityKey, Self>,
}

impl Branch {
    fn insert(&mut self, member: &VerifiedGmc) {
        let mut branch = self;
        for link in member.holders().into_iter().skip(1) {
            branch = branch.below.entry(link.subject).or_default();
            branch.link.get_or_insert(link);
        }
        branch.link = member.holders().pop();
        branch.member = Some(member.clone());
    }

    fn nodes(&self, view: &View, now: Timestamp) -> Vec<MemberNode> {
        let mut nodes: Vec<MemberNode> = self
            .below
            .values()
            .filter_map(|branch| branch.node(view, now))
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    /// No deeper than a chain may be.
    fn node(&self, view: &View, now: Timestamp) -> Option<MemberNode> {
        let link = self.link.as_ref()?;
        let elsewhere = || {
            view.members
                .iter()
                .any(|member| member.subject() == link.subject)
        };
        let standing = match &self.member {
            Some(member) if member.valid_at(now) => Standing::Member,
            Some(_) => Standing::Expired,
            None if elsewhere() => Standing::Elsewhere,
            None => Standing::Unknown,
        };
        Some(MemberNode {
            name: link.name.to_string(),
            friendly_name: link.friendly_name.clone(),
            roles: link_roles(link),
            valid_until: instant_text(link.not_after),
            standing,
            myself: link.subject == view.gmc.subject() && self.member.is_some(),
            invited: self.nodes(view, now),
        })
    }
}
