//! Invitations as people see them.

use peerage_protocol::invitation::Invitation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvitationInfo, InvitationText, instant_text};

/// What became of an invitation made here, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvitationState {
    /// It can be used.
    Open,
    /// Its invitee is, or was, a member by it.
    Used,
    /// A newer credential of the same invitee wins over it.
    Replaced,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl InvitationState {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// An invitation made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationSummary {
    /// Names it in commands, 16 hex digits.
    pub id: String,
    /// The group's peer name.
    pub group: String,
    /// Who is invited, as a peer name.
    pub invitee: String,
    /// Who is invited, for people.
    pub invitee_friendly_name: String,
    /// Roles granted, strongest first.
    pub roles: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub made: String,
    /// End of the membership.
    #[schema(format = DateTime)]
    pub valid_until: String,
    /// What became of it.
    pub state: InvitationState,
    /// The id of the one made in its place.
    pub replaced_by: Option<String>,
}

/// An invitation made here, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationDetail {
    /// What became of it.
    pub made: InvitationSummary,
    /// As it was handed out.
    pub invitation: InvitationText,
}

impl From<&Invitation> for InvitationInfo {
    fn from(invitation: &Invitation) -> Self {
        let info = invitation.inspect();
        let (issuer, issuer_friendly_name) = match info.issuer_names {
            Some((name, friendly_name)) => (name.to_string(), friendly_name),
            None => (
                info.group_name.to_string(),
                info.group_friendly_name.clone(),
            ),
        };
        Self {
            id: invitation.id(),
            group: info.group_name.to_string(),
            group_friendly_name: info.group_friendly_name,
            issuer,
            issuer_friendly_name,
            subject: info.subject_name.to_string(),
            subject_friendly_name: info.subject_friendly_name,
            roles: info.roles.iter().map(|role| role.to_string()).collect(),
            valid_from: instant_text(info.not_before),
            valid_until: instant_text(info.not_after),
            cloud: info.cloud.name().to_owned(),
            scope: info.cloud.scope().to_string(),
            bootstrap: info.bootstrap.iter().map(ToString::to_string).collect(),
            note: info.note.unwrap_or_default(),
        }
    }
}

impl From<&Invitation> for InvitationText {
    fn from(invitation: &Invitation) -> Self {
        Self {
            uri: invitation.to_uri(),
            text: invitation.to_block(),
            info: InvitationInfo::from(invitation),
        }
    }
}
