//! Looking at the node and its groups.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api,
    extract::{AsWhom, Asked, Names},
    page::Paging,
};
use crate::{
    Error,
    model::{DoctorReport, GroupGraph, IdentityMemberships, Page, PingReport, Problem, Validity},
};

/// What is wrong, and what to do next; dials the nodes the cloud is entered through
#[utoipa::path(get, path = "/v1/doctor", tag = "node",
    responses((status = 200, body = DoctorReport), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn doctor(State(api): State<Api>) -> Result<Json<DoctorReport>, Error> {
    api.node.doctor().await.map(Json)
}

/// Which memberships.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichMemberships {
    /// Only those that are over, or only those that are not. Default: all.
    expired: Option<bool>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// At most this many identities.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// Identities with their memberships, also those of groups that are offline or that are over
#[utoipa::path(get, path = "/v1/memberships", tag = "identities", params(WhichMemberships),
    responses((status = 200, body = Page<IdentityMemberships>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn memberships(
    State(api): State<Api>,
    Asked(which): Asked<WhichMemberships>,
) -> Result<Json<Page<IdentityMemberships>>, Error> {
    let paging = Paging::new("memberships", which.limit, which.cursor.as_deref())?;
    let mut identities = api.node.memberships().await?;
    if let Some(expired) = which.expired {
        for identity in &mut identities {
            identity
                .memberships
                .retain(|one| (one.validity == Validity::Expired) == expired);
        }
    }
    paging
        .cut(identities, |identity| identity.name.clone())
        .map(Json)
}

/// Nodes of the group's members, and this node's links with them
#[utoipa::path(get, path = "/v1/groups/{group}/graph", tag = "groups",
    params(("group" = String, Path, description = "The group"), AsWhom),
    responses((status = 200, body = GroupGraph), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn graph(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupGraph>, Error> {
    let group = api.group(&group, &whom).await?;
    group.graph().await.map(Json)
}

/// Ask the participants of a group that are known here whether they are there
#[utoipa::path(post, path = "/v1/groups/{group}/ping", tag = "groups",
    params(("group" = String, Path, description = "The group"), AsWhom),
    responses((status = 200, body = PingReport), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ping(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<PingReport>, Error> {
    let group = api.group(&group, &whom).await?;
    group.ping().await.map(Json)
}
