//! A group's properties as an object shows them.

use std::time::Duration;

use crate::model::{GroupInfo, GroupProperties};

/// For how long memberships of a group are issued that is made as an object, as the original had it.
pub(super) const MEMBER_DATA_LIFETIME: &str = "28d";

/// The properties of a group. Nothing changes by changing a copy of them: what can be changed has a
/// method of [`PeerGroup`](super::PeerGroup).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerGroupProperties {
    /// What the members agree on.
    pub flags: PeerGroupFlags,
    /// Where the group is looked up.
    pub cloud: String,
    /// The group's full peer name.
    pub group_name: String,
    /// What its creator chose of that name.
    pub classifier: String,
    /// The peer name of the creator, when this identity is it.
    pub creator: Option<String>,
    /// Shown to people.
    pub friendly_name: String,
    /// What the group is for.
    pub comment: String,
    /// For how long memberships are issued when nobody says otherwise; `None`: as long as the issuer's
    /// own. Four weeks for a group that was made as an object.
    pub member_data_lifetime: Option<Duration>,
    /// For how long a node is shown as present after it was last heard of; 300 seconds unless the
    /// creator has chosen another time.
    pub presence_lifetime: Duration,
}

/// What the members of a group agree on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeerGroupFlags {
    /// Nodes do not say that they are present.
    pub disable_presence: bool,
    /// A node without a neighbour keeps what has expired until it has one again.
    pub defer_expiration: bool,
}

impl PeerGroupProperties {
    /// What is known of a group that may never have synchronised.
    pub(super) fn first(info: GroupInfo) -> Self {
        let classifier = info.name.split_once('.').map_or("", |(_, rest)| rest);
        Self {
            flags: PeerGroupFlags::default(),
            cloud: info.cloud,
            classifier: classifier.to_owned(),
            group_name: info.name,
            creator: info.group_key.then_some(info.identity),
            friendly_name: info.friendly_name,
            comment: info.comment,
            member_data_lifetime: None,
            presence_lifetime: Duration::from_secs(300),
        }
    }

    /// Takes over what the creator says now.
    pub(super) fn refresh(&mut self, now: GroupProperties) {
        self.flags = PeerGroupFlags {
            disable_presence: now.presence == "none",
            defer_expiration: now.defer_expiry,
        };
        self.friendly_name = now.friendly_name;
        self.comment = now.comment;
        self.member_data_lifetime = now.membership_lifetime_seconds.map(Duration::from_secs);
        self.presence_lifetime = Duration::from_secs(now.presence_lifetime_seconds);
    }
}
