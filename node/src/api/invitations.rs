//! Invitations over HTTP.

use axum::{Json, extract::State, http::StatusCode};
use peerage_protocol::invitation::Invitation;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names},
};
use crate::{
    Error, InviteOptions,
    clock::Clock,
    model::{InspectRequest, InvitationInfo, InvitationText, InviteRequest, Problem, parse_expiry},
};

/// Invite an identity, known by its card
#[utoipa::path(post, path = "/v1/groups/{group}/invitations", tag = "invitations", request_body = InviteRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 201, body = InvitationText), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<InviteRequest>,
) -> Result<(StatusCode, Json<InvitationText>), Error> {
    let card = request.card.parse().map_err(Error::Identity)?;
    let now = Clock::system().timestamp();
    let options = InviteOptions {
        role: request
            .role
            .parse()
            .map_err(|error| Error::invalid("role", error))?,
        expires: request
            .expires
            .map(|text| {
                parse_expiry(&text, now).map_err(|reason| Error::invalid("expires", reason))
            })
            .transpose()?,
        note: request.note,
    };
    let group = api.group(&group, &whom).await?;
    let invitation = group.invite(&card, options).await?;
    Ok((StatusCode::CREATED, Json(InvitationText::from(&invitation))))
}

/// What an invitation says; nothing is joined
#[utoipa::path(post, path = "/v1/invitations/inspect", tag = "invitations", request_body = InspectRequest,
    responses((status = 200, body = InvitationInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn inspect(
    Body(request): Body<InspectRequest>,
) -> Result<Json<InvitationInfo>, Error> {
    let invitation: Invitation = request.invitation.parse()?;
    Ok(Json(InvitationInfo::from(&invitation)))
}
