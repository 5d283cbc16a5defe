//! Groups over HTTP.

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{
    Api,
    caller::Caller,
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

    /// The group as an application holds it; none for the operator, who connects it for good.
    async fn hold(
        &self,
        caller: &Caller,
        name: &str,
        whom: &AsWhom,
    ) -> Result<Option<GroupHandle>, Error> {
        let (Some(session), Caller::Application(application)) = (caller.session()?, caller) else {
            return Ok(None);
        };
        let most = usize::try_from(application.kept.quotas.groups).unwrap_or(usize::MAX);
        let identity = whom.identity.as_deref();
        match session.open_once(name, identity, most).await? {
            Some(held) => Ok(Some(held)),
            None => Err(application.usage.groups_full()),
        }
    }
}

/// All groups, by peer name
#[utoipa::path(get, path = "/v1/groups", tag = "groups", params(WhichPage),
    responses((status = 200, body = Page<GroupInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<WhichPage>,
) -> Result<Json<Page<GroupInfo>>, Error> {
    let paging = Paging::new("groups", which.limit, which.cursor.as_deref())?;
    let mut groups = api.node.groups().await?;
    groups.retain(|group| caller.sees_group(group));
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
///
/// An application holds it until it closes it or its session ends; it is online at once if the group is.
#[utoipa::path(post, path = "/v1/groups/{group}/open", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    let group = match api.hold(&caller, &group, &whom).await? {
        Some(held) => held,
        None => api.group(&group, &whom).await?,
    };
    group.info().await.map(Json)
}

/// Go online with a group, or to the door of one we are not a member of yet
///
/// The operator's wish holds over restarts; an application's as long as it holds the group.
#[utoipa::path(post, path = "/v1/groups/{group}/connect", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn connect(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    if let Some(held) = api.hold(&caller, &group, &whom).await? {
        held.connect().await?;
        return held.info().await.map(Json);
    }
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
    caller: Caller,
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
    let group = match api.hold(&caller, &group, &whom).await? {
        Some(held) => held,
        None => api.group(&group, &whom).await?,
    };
    group.connect_at(addresses).await.map(Json)
}

/// Go offline with a group
///
/// An application lets go of it: the group stays online while anybody else holds it.
#[utoipa::path(post, path = "/v1/groups/{group}/close", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    if let Some(application) = caller.session()? {
        let group = api.group(&group, &whom).await?;
        let held = application.holding(&group).ok_or_else(|| group.over())?;
        held.close().await?;
        // Opened more than once, at the same time.
        while let Some(another) = application.holding(&group) {
            another.close().await?;
        }
        return group.info().await.map(Json);
    }
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
