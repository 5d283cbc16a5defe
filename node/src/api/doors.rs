//! Doors over HTTP: group addresses, joining by one, and requests to join.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use peerage_protocol::door::{GroupAddress, password::Password};

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, OfGroup, created, segment},
};
use crate::{
    Error, InviteOptions,
    clock::Clock,
    model::{
        AcceptRequest, AddressInfo, AddressText, DoorInfo, DoorRequest, GroupInfo, InspectAddress,
        JoinRequestInfo, Page, Problem, VisitRequest, parse_expiry,
    },
};

/// Join a group by its address, with its password or by asking; it is offline until it is connected
#[utoipa::path(post, path = "/v1/groups/visit", tag = "doors", request_body = VisitRequest,
    responses((status = 201, body = GroupInfo), (status = 200, description = "a member already", body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn visit(
    State(api): State<Api>,
    Body(request): Body<VisitRequest>,
) -> Result<Response, Error> {
    let address = request.address.parse()?;
    let password = request.password.clone().map(Password::new);
    let identity = request.identity.as_deref();
    let info = api
        .node
        .join_by_address(address, identity, password, request.note.clone())
        .await?;
    Ok(match info.outcome {
        Some(_) => Json(info).into_response(),
        None => created(format!("/v1/groups/{}", segment(&info.name)), info),
    })
}

/// Whom a group's door lets in
#[utoipa::path(get, path = "/v1/groups/{group}/door", tag = "doors",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = DoorInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<DoorInfo>, Error> {
    api.group(&group, &whom).await?.door().await.map(Json)
}

/// Open a group's door, or change whom it lets in
#[utoipa::path(put, path = "/v1/groups/{group}/door", tag = "doors", request_body = DoorRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = DoorInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<DoorRequest>,
) -> Result<Json<DoorInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    group.open_door(request).await.map(Json)
}

/// Close a group's door; addresses given out before are of no use any more
#[utoipa::path(delete, path = "/v1/groups/{group}/door", tag = "doors",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = DoorInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<DoorInfo>, Error> {
    api.group(&group, &whom).await?.close_door().await.map(Json)
}

/// A group's address, for people who may come to its door
#[utoipa::path(get, path = "/v1/groups/{group}/address", tag = "doors",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = AddressText), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn address(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<AddressText>, Error> {
    let address = api.group(&group, &whom).await?.address().await?;
    Ok(Json(AddressText::from(&address)))
}

/// What a group's address says; nothing is joined
#[utoipa::path(post, path = "/v1/addresses/inspect", tag = "doors", request_body = InspectAddress,
    responses((status = 200, body = AddressInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn inspect(
    Body(request): Body<InspectAddress>,
) -> Result<Json<AddressInfo>, Error> {
    let address: GroupAddress = request.address.parse()?;
    Ok(Json(AddressInfo::from(&address)))
}

/// Who has asked this node to join, the first first
#[utoipa::path(get, path = "/v1/groups/{group}/requests", tag = "doors",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), OfGroup),
    responses((status = 200, body = Page<JoinRequestInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn requests(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<OfGroup>,
) -> Result<Json<Page<JoinRequestInfo>>, Error> {
    let (whom, paging) = which.split("requests")?;
    let requests = api.group(&group, &whom).await?.requests().await?;
    paging
        .cut(requests, |request| {
            (request.asked.clone(), request.name.clone())
        })
        .map(Json)
}

/// Accept a request to join
#[utoipa::path(post, path = "/v1/groups/{group}/requests/{who}/accept", tag = "doors", request_body = AcceptRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("who" = String, Path, description = "Peer name of who asks, a unique start of it, or the public key"), AsWhom),
    responses((status = 200, body = JoinRequestInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn accept(
    State(api): State<Api>,
    Names((group, who)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<AcceptRequest>,
) -> Result<Json<JoinRequestInfo>, Error> {
    let now = Clock::system().timestamp();
    let mut options = InviteOptions::default();
    if let Some(role) = request.role {
        options.role = role
            .parse()
            .map_err(|error| Error::invalid("role", error))?;
    }
    options.expires = request
        .expires
        .map(|text| parse_expiry(&text, now).map_err(|reason| Error::invalid("expires", reason)))
        .transpose()?;
    let group = api.group(&group, &whom).await?;
    group.accept_request(&who, options).await.map(Json)
}

/// Deny a request to join; who asked gets no answer any more
#[utoipa::path(post, path = "/v1/groups/{group}/requests/{who}/deny", tag = "doors",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("who" = String, Path, description = "Peer name of who asks, a unique start of it, or the public key"), AsWhom),
    responses((status = 200, body = JoinRequestInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn deny(
    State(api): State<Api>,
    Names((group, who)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<JoinRequestInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    group.deny_request(&who).await.map(Json)
}
