//! Invitations as people see them.

use peerage_protocol::invitation::Invitation;

use super::{InvitationInfo, InvitationText, instant_text};

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
