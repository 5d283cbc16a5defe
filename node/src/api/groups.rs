//! Groups over HTTP.

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, OfGroup, WhichPage, created, segment},
    page::Paging,
};
use crate::{
    Error, GroupHandle, JoinOptions,
    model::{
        ConnectRequest, FingerprintInfo, GroupInfo, JoinRequest, NeighbourInfo, NewGroup, Page,
        Problem,
    },
};

impl Api {
    pub(super) async fn group(&self, name: &str, whom: &AsWhom) -> Result<GroupHandle, Error> {
        self.node.open_group(name, whom.identity.as_deref()).await
    }
}

/// All groups, by peer name
#[utoipa::path(get, path = "/v1/groups", tag = "groups", params(WhichPage),
    responses((status = 200, body = Page<GroupInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(which): Asked<WhichPage>,
) -> Result<Json<Page<GroupInfo>>, Error> {
    let paging = Paging::new("groups", which.limit, which.cursor.as_deref())?;
    let groups = api.node.groups().await?;
    paging
        .cut(groups, |group| (group.name.clone(), group.identity.clone()))
        .map(Json)
}

/// Make a group; it is offline until it is connected
#[utoipa::path(post, path = "/v1/groups", tag = "groups", request_body = NewGroup,
    responses((status = 201, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(api): State<Api>,
    Body(new): Body<NewGroup>,
) -> Result<Response, Error> {
    let info = api.node.create_group(new).await?.info().await?;
    Ok(created(place(&info), info))
}

/// Join a group with an invitation; it is offline until it is connected
#[utoipa::path(post, path = "/v1/groups/join", tag = "groups", request_body = JoinRequest,
    responses((status = 201, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn join(
    State(api): State<Api>,
    Body(request): Body<JoinRequest>,
) -> Result<Response, Error> {
    let invitation = request.invitation.parse()?;
    let options = JoinOptions {
        identity: request.identity,
        cloud: request.cloud,
    };
    let group = api.node.join_with(invitation, options).await?;
    let info = group.info().await?;
    Ok(created(place(&info), info))
}

/// One group
#[utoipa::path(get, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    let identity = whom.identity.as_deref();
    api.node.group_info(&group, identity).await.map(Json)
}

/// Delete the membership and this node's copy of the records
#[utoipa::path(delete, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 204, description = "deleted"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<StatusCode, Error> {
    let identity = whom.identity.as_deref();
    api.node.delete_group(&group, identity).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Open a group without connecting
#[utoipa::path(post, path = "/v1/groups/{group}/open", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    api.group(&group, &whom).await?.info().await.map(Json)
}

/// Go online with a group, or to the door of one we are not a member of yet
#[utoipa::path(post, path = "/v1/groups/{group}/connect", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn connect(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    let identity = whom.identity.as_deref();
    api.node.connect_group(&group, identity).await.map(Json)
}

/// Go online with a group and connect to a member at one of these addresses
///
/// Answers once a member there is a neighbour; with an error when none becomes one. The group stays online either way.
#[utoipa::path(post, path = "/v1/groups/{group}/connect-at", tag = "groups", request_body = ConnectRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = NeighbourInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn connect_at(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<ConnectRequest>,
) -> Result<Json<NeighbourInfo>, Error> {
    let addresses = request
        .addresses
        .iter()
        .map(|address| {
            address
                .parse()
                .map_err(|error| Error::invalid("addresses", error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let group = api.group(&group, &whom).await?;
    group.connect_at(addresses).await.map(Json)
}

/// Go offline with a group
#[utoipa::path(post, path = "/v1/groups/{group}/close", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    let identity = whom.identity.as_deref();
    api.node.close_group(&group, identity).await.map(Json)
}

/// Members connected to this node now
#[utoipa::path(get, path = "/v1/groups/{group}/neighbours", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), OfGroup),
    responses((status = 200, body = Page<NeighbourInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn neighbours(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<OfGroup>,
) -> Result<Json<Page<NeighbourInfo>>, Error> {
    let (whom, paging) = which.split("neighbours")?;
    let neighbours = api.group(&group, &whom).await?.neighbours().await?;
    paging
        .cut(neighbours, |neighbour| neighbour.peer_id.clone())
        .map(Json)
}

/// A digest over everything held; equal on members that are in line
#[utoipa::path(get, path = "/v1/groups/{group}/fingerprint", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = FingerprintInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn fingerprint(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<FingerprintInfo>, Error> {
    let fingerprint = api.group(&group, &whom).await?.fingerprint().await?;
    Ok(Json(FingerprintInfo { fingerprint }))
}

pub(super) fn place(info: &GroupInfo) -> String {
    format!("/v1/groups/{}", segment(&info.name))
}
