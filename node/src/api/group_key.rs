//! The group's own key over HTTP.

use axum::{Json, extract::State, response::Response};
use zeroize::Zeroizing;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, created},
    groups::place,
};
use crate::{
    Error,
    model::{ExportRequest, GroupInfo, IssueAdminRequest, Problem, RecoverRequest, RecoveryFile},
};

/// The group's key, encrypted, with what it takes to find the group
#[utoipa::path(post, path = "/v1/groups/{group}/key/export", tag = "group-key", request_body = ExportRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = RecoveryFile), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(mut request): Body<ExportRequest>,
) -> Result<Json<RecoveryFile>, Error> {
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let group = api.group(&group, &whom).await?;
    let pem = group.export_group_key(passphrase).await?;
    Ok(Json(RecoveryFile {
        pem: pem.as_str().to_owned(),
    }))
}

/// Make one of our identities an Admin directly under the group's key
#[utoipa::path(post, path = "/v1/groups/{group}/key/admin", tag = "group-key", request_body = IssueAdminRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn admin(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<IssueAdminRequest>,
) -> Result<Json<GroupInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    let admin = group.issue_admin(request.identity.as_deref()).await?;
    admin.info().await.map(Json)
}

/// Take in a group's key from its recovery file
#[utoipa::path(post, path = "/v1/groups/recover", tag = "group-key", request_body = RecoverRequest,
    responses((status = 201, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(api): State<Api>,
    Body(mut request): Body<RecoverRequest>,
) -> Result<Response, Error> {
    let pem = Zeroizing::new(std::mem::take(&mut request.pem));
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let identity = request.identity.take();
    let group = api
        .node
        .import_group_key(pem, passphrase, identity.as_deref())
        .await?;
    let info = group.info().await?;
    Ok(created(place(&info), info))
}
