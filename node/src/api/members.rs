//! Members over HTTP.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{
    Api,
    extract::{AsWhom, Asked, Names},
    page::Paging,
};
use crate::{
    Error,
    model::{MemberDetail, MemberInfo, MemberTree, Page, Problem},
};

/// Which members.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The member on this node, where several of its identities are in the group.
    identity: Option<String>,
    /// Only those with a node that is present.
    #[serde(default)]
    present: bool,
    /// Only the one with this peer name.
    member: Option<String>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// Members of a group, this node's first, then by peer name
#[utoipa::path(get, path = "/v1/groups/{group}/members", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), Which),
    responses((status = 200, body = Page<MemberInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<MemberInfo>>, Error> {
    let paging = Paging::new("members", which.limit, which.cursor.as_deref())?;
    let whom = AsWhom {
        identity: which.identity,
    };
    let mut members = api.group(&group, &whom).await?.members().await?;
    members.retain(|member| {
        (member.present || !which.present)
            && which
                .member
                .as_ref()
                .is_none_or(|name| member.name == *name)
    });
    paging
        .cut(members, |member| (!member.myself, member.name.clone()))
        .map(Json)
}

/// One member, with who issued its membership and on whose authority
#[utoipa::path(get, path = "/v1/groups/{group}/members/{member}", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), ("member" = String, Path, description = "Peer name, a unique start of it, public key, or a friendly name that stands for nobody else"), AsWhom),
    responses((status = 200, body = MemberDetail), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names((group, member)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<MemberDetail>, Error> {
    let group = api.group(&group, &whom).await?;
    group.member(&member).await.map(Json)
}

/// Who invited whom
#[utoipa::path(get, path = "/v1/groups/{group}/member-tree", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = MemberTree), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn tree(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<MemberTree>, Error> {
    let group = api.group(&group, &whom).await?;
    group.member_tree().await.map(Json)
}
