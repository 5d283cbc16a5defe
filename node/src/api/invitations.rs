//! Invitations over HTTP.

use axum::{Json, extract::State, http::StatusCode};
use peerage_protocol::invitation::Invitation;
use peerage_records::time::Timestamp;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, OfGroup},
};
use crate::{
    Error, InviteOptions, ReissueOptions,
    clock::Clock,
    model::{
        InspectRequest, InvitationDetail, InvitationInfo, InvitationSummary, InvitationText,
        InviteRequest, Page, Problem, ReissueRequest, parse_expiry,
    },
};

/// Invitations made here, the oldest first, with what became of them
#[utoipa::path(get, path = "/v1/groups/{group}/invitations", tag = "invitations",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), OfGroup),
    responses((status = 200, body = Page<InvitationSummary>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<OfGroup>,
) -> Result<Json<Page<InvitationSummary>>, Error> {
    let (whom, paging) = which.split("invitations")?;
    let invitations = api.group(&group, &whom).await?.invitations().await?;
    paging
        .cut(invitations, |made| (made.made.clone(), made.id.clone()))
        .map(Json)
}

/// One invitation made here
#[utoipa::path(get, path = "/v1/invitations/{id}", tag = "invitations",
    params(("id" = String, Path, description = "Its id, or a unique start of it")),
    responses((status = 200, body = InvitationDetail), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(id): Names<String>,
) -> Result<Json<InvitationDetail>, Error> {
    api.node.invitation(&id).await.map(Json)
}

/// Invite the same identity anew; the new credential wins over the first
#[utoipa::path(post, path = "/v1/invitations/{id}/reissue", tag = "invitations", request_body = ReissueRequest,
    params(("id" = String, Path, description = "Its id, or a unique start of it")),
    responses((status = 201, body = InvitationText), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn reissue(
    State(api): State<Api>,
    Names(id): Names<String>,
    Body(request): Body<ReissueRequest>,
) -> Result<(StatusCode, Json<InvitationText>), Error> {
    let options = ReissueOptions {
        expires: expiry(request.expires)?,
        note: request.note,
    };
    let invitation = api.node.reissue_invitation(&id, options).await?;
    Ok((StatusCode::CREATED, Json(InvitationText::from(&invitation))))
}

/// Revoke an invitation that was not used
#[utoipa::path(post, path = "/v1/invitations/{id}/revoke", tag = "invitations",
    params(("id" = String, Path, description = "Its id, or a unique start of it")),
    responses((status = 200, body = InvitationSummary), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    State(api): State<Api>,
    Names(id): Names<String>,
) -> Result<Json<InvitationSummary>, Error> {
    api.node.revoke_invitation(&id).await.map(Json)
}

pub(super) fn expiry(text: Option<String>) -> Result<Option<Timestamp>, Error> {
    let now = Clock::system().timestamp();
    text.map(|text| parse_expiry(&text, now).map_err(|reason| Error::invalid("expires", reason)))
        .transpose()
}

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
    let options = InviteOptions {
        role: request
            .role
            .parse()
            .map_err(|error| Error::invalid("role", error))?,
        expires: expiry(request.expires)?,
        note: request.note,
        by_group_key: request.by_group_key,
        publish: request.publish,
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
