//! Who makes whom a member, with what rights, and until when.

use std::{sync::Arc, time::Duration};

use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordType},
    record::{Record, RecordDraft},
    time::Timestamp,
};

use super::{Ended, GroupIndex, Membership, NodeIndex, World};
use crate::{
    engine::{Change, CommandId, Event, Removal, Terms},
    gmc::{self, Chain, IssueOptions, VerifiedGmc},
    group::Roles,
    identity::Identity,
    revocation::Cause,
};

/// Longer than any command takes while its disk works.
const PATIENCE: Duration = Duration::from_secs(10);

/// The usual removal: whom the member invited stays, and so do its records.
#[must_use]
pub fn removal_of(subject: IdentityKey) -> Removal {
    Removal {
        subject,
        cause: Cause::Removed,
        reason: String::new(),
        cascade: false,
        with_records: false,
        by_group_key: false,
    }
}

impl World {
    /// Issues a membership as the member behind `inviter`, by the clock of its node and under the
    /// credential its engine has.
    ///
    /// # Panics
    /// When the inviter may not.
    pub fn invite(
        &mut self,
        inviter: NodeIndex,
        group: GroupIndex,
        invitee: Identity,
        roles: impl Into<Roles>,
        not_after: Option<Timestamp>,
    ) -> Membership {
        let Membership { identity, gmc } = self.membership_of(inviter, group).clone();
        let gmc = self
            .view(inviter, group)
            .map_or(gmc, |view| view.gmc.clone());
        let issuer = Membership { identity, gmc };
        let now = self.now_at(inviter).timestamp;
        self.issue_as(&issuer, invitee, roles, not_after, now)
    }

    /// Issues a membership with an identity and a credential that may be anybody's, at any time.
    ///
    /// # Panics
    /// When the issuer may not.
    pub fn issue_as(
        &mut self,
        issuer: &Membership,
        invitee: Identity,
        roles: impl Into<Roles>,
        not_after: Option<Timestamp>,
        at: Timestamp,
    ) -> Membership {
        let options = IssueOptions {
            not_after,
            ..IssueOptions::new(roles)
        };
        let seed = self.config.seed;
        let chain = gmc::issue(
            &issuer.identity,
            &issuer.gmc,
            &invitee.card(),
            None,
            &options,
            at,
            &mut self.rng,
        )
        .unwrap_or_else(|error| panic!("seed {seed}: not issued: {error}"));
        let gmc = gmc::verify_for_any_time(&chain, &issuer.gmc.group())
            .unwrap_or_else(|error| panic!("seed {seed}: issued and not valid: {error}"));
        Membership {
            identity: Arc::new(invitee),
            gmc,
        }
    }

    /// A new node whose member was invited by that of `inviter`, online.
    pub fn enrol_under(
        &mut self,
        inviter: NodeIndex,
        group: GroupIndex,
        roles: impl Into<Roles>,
    ) -> NodeIndex {
        let node = self.add_node();
        let identity = self.identity();
        let membership = self.invite(inviter, group, identity, roles, None);
        self.enrol_as(node, group, membership);
        self.connect(node, group);
        node
    }

    /// Asks a node to revoke.
    pub fn revoke(&mut self, node: NodeIndex, group: GroupIndex, removal: Removal) -> CommandId {
        self.change(node, group, Change::Revoke(removal))
    }

    /// Asks a node to leave the group.
    pub fn leave(&mut self, node: NodeIndex, group: GroupIndex) -> CommandId {
        let removal = Removal {
            cause: Cause::Left,
            ..removal_of(self.member(node, group))
        };
        self.revoke(node, group, removal)
    }

    /// Asks a node to issue a newer credential to a member.
    pub fn issue_to(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        subject: IdentityKey,
        terms: Terms,
    ) -> CommandId {
        self.change(node, group, Change::Issue { subject, terms })
    }

    /// Asks a node to publish a credential it has issued.
    pub fn grant(&mut self, node: NodeIndex, group: GroupIndex, chain: Chain) -> CommandId {
        self.change(node, group, Change::Grant(chain))
    }

    /// Waits until a command has ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn ended(&mut self, node: NodeIndex, command: CommandId) -> &Ended {
        self.run_until(PATIENCE, |world| world.reply(node, command).is_some());
        let seed = self.config.seed;
        match self.reply(node, command) {
            Some(ended) => ended,
            None => panic!("seed {seed}: command {command} of node {node} does not end"),
        }
    }

    /// Waits until a command has ended well, and gives back the record it led to.
    ///
    /// # Panics
    /// When it has not.
    pub fn succeeded(&mut self, node: NodeIndex, command: CommandId) -> SignedRecord {
        let seed = self.config.seed;
        match self.ended(node, command) {
            Ok(signed) => signed.clone(),
            Err(error) => panic!("seed {seed}: refused: {error}"),
        }
    }

    /// A note with any date, signed by a member: what a liar makes who does not ask an engine.
    ///
    /// # Panics
    /// When such a record cannot exist.
    pub fn note_by(&mut self, by: &Membership, payload: &[u8], at: Timestamp) -> SignedRecord {
        let mut entropy = [0; 8];
        entropy.copy_from_slice(&self.fresh()[..8]);
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: at + Duration::from_secs(365 * 24 * 3_600),
            attributes: Vec::new(),
            payload: payload.to_vec(),
        };
        let record = Record::create(draft, by.gmc.group(), by.identity.key(), entropy, at)
            .expect("a plain note can be made");
        SignedRecord::sign(record, |bytes| by.identity.sign(bytes))
    }

    /// What the engine of a node takes up, its vault keeps: else it would be gone after a restart.
    pub(super) fn keep_renewed(&mut self, node: NodeIndex, event: &Event) {
        let Event::MembershipRenewed { replica, gmc } = event else {
            return;
        };
        let held = self.nodes[node].memberships.values_mut();
        for membership in held.filter(|held| held.replica() == *replica) {
            membership.gmc = VerifiedGmc::clone(gmc);
        }
    }
}
