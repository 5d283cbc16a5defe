//! A group's properties, and who is present in it, over HTTP.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names},
    page::Paging,
};
use crate::{
    Error,
    model::{GroupChange, GroupProperties, NodeInfo, Page, PresenceRequest, Problem},
};

/// What the group's creator says about it
#[utoipa::path(get, path = "/v1/groups/{group}/properties", tag = "groups", operation_id = "show_properties",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupProperties), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupProperties>, Error> {
    api.group(&group, &whom).await?.properties().await.map(Json)
}

/// Change them; the creator alone may
#[utoipa::path(patch, path = "/v1/groups/{group}/properties", tag = "groups", request_body = GroupChange,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupProperties), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(change): Body<GroupChange>,
) -> Result<Json<GroupProperties>, Error> {
    let group = api.group(&group, &whom).await?;
    group.set_properties(change).await.map(Json)
}

/// Which nodes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The member, where several identities of this node are in the group.
    identity: Option<String>,
    /// Only nodes of the member with this peer name.
    member: Option<String>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// The nodes that are present, our own first
#[utoipa::path(get, path = "/v1/groups/{group}/nodes", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), Filter),
    responses((status = 200, body = Page<NodeInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn nodes(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<NodeInfo>>, Error> {
    let paging = Paging::new("nodes", filter.limit, filter.cursor.as_deref())?;
    let whom = AsWhom {
        identity: filter.identity,
    };
    let mut nodes = api.group(&group, &whom).await?.nodes().await?;
    if let Some(member) = filter.member {
        nodes.retain(|node| node.member == member);
    }
    paging
        .cut(nodes, |node| {
            (!node.local, node.member.clone(), node.peer_id.clone())
        })
        .map(Json)
}

/// One node
#[utoipa::path(get, path = "/v1/groups/{group}/nodes/{peer_id}", tag = "groups",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("peer_id" = String, Path, description = "The node's peer id, or `local` for this node"), AsWhom),
    responses((status = 200, body = NodeInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn node(
    State(api): State<Api>,
    Names((group, peer_id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<NodeInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    match peer_id.as_str() {
        "local" => group.own_node().await,
        peer_id => group.node(peer_id).await,
    }
    .map(Json)
}

/// Say something about this node in a group, or show it whatever the policy
#[utoipa::path(patch, path = "/v1/groups/{group}/presence", tag = "groups", request_body = PresenceRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = NodeInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn presence(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<PresenceRequest>,
) -> Result<Json<NodeInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    if let Some(attributes) = request.attributes {
        group.set_attributes(Some(attributes)).await?;
    }
    if let Some(forced) = request.forced {
        group.force_presence(forced).await?;
    }
    group.own_node().await.map(Json)
}
