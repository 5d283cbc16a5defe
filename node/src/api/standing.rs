//! What becomes of memberships, over HTTP.

use axum::{Json, extract::State};
use data_encoding::BASE64;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, OfGroup},
    invitations::expiry,
};
use crate::{
    CredentialOptions, Error, RemoveOptions,
    model::{
        AuditEntry, AuditFile, GroupInfo, LeaveGroup, MemberDetail, Page, Problem, RemovalProgress,
        RemoveMember, RenewMember,
    },
};

/// Remove a member: its credentials are void everywhere, its links are cut
#[utoipa::path(post, path = "/v1/groups/{group}/members/{member}/remove", tag = "members", request_body = RemoveMember,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), ("member" = String, Path, description = "Peer name, a unique start of it, public key, or a friendly name that stands for nobody else"), AsWhom),
    responses((status = 200, body = RemovalProgress), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(api): State<Api>,
    Names((group, member)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<RemoveMember>,
) -> Result<Json<RemovalProgress>, Error> {
    let options = RemoveOptions {
        reason: request.reason,
        cascade: request.cascade,
        with_records: request.with_records,
        by_group_key: request.by_group_key,
    };
    let group = api.group(&group, &whom).await?;
    group.remove_member(&member, options).await.map(Json)
}

/// Give a member a newer credential: renewed, or with another role
#[utoipa::path(post, path = "/v1/groups/{group}/members/{member}/renew", tag = "members", request_body = RenewMember,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), ("member" = String, Path, description = "Peer name, a unique start of it, public key, or a friendly name that stands for nobody else"), AsWhom),
    responses((status = 200, body = MemberDetail), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn renew(
    State(api): State<Api>,
    Names((group, member)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<RenewMember>,
) -> Result<Json<MemberDetail>, Error> {
    let options = CredentialOptions {
        role: request
            .role
            .map(|role| role.parse())
            .transpose()
            .map_err(|error| Error::invalid("role", error))?,
        expires: expiry(request.expires)?,
    };
    let group = api.group(&group, &whom).await?;
    group.renew_member(&member, options).await?;
    group.member(&member).await.map(Json)
}

/// How far the removals decided so far have got
#[utoipa::path(get, path = "/v1/groups/{group}/removals", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = RemovalProgress), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn progress(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<RemovalProgress>, Error> {
    let group = api.group(&group, &whom).await?;
    group.removal_progress().await.map(Json)
}

/// Leave a group for good; this node's copy of the records stays until it is deleted
#[utoipa::path(post, path = "/v1/groups/{group}/leave", tag = "groups", request_body = LeaveGroup,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn leave(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<LeaveGroup>,
) -> Result<Json<GroupInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    group.leave(&request.reason).await?;
    group.info().await.map(Json)
}

/// Who invited, promoted, renewed or removed whom, when, and on whose authority; the oldest first
#[utoipa::path(get, path = "/v1/groups/{group}/audit", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), OfGroup),
    responses((status = 200, body = Page<AuditEntry>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn audit(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<OfGroup>,
) -> Result<Json<Page<AuditEntry>>, Error> {
    let (whom, paging) = which.split("audit")?;
    let entries = api.group(&group, &whom).await?.audit().await?;
    paging
        .cut(entries, |entry| (entry.at.clone(), entry.evidence.clone()))
        .map(Json)
}

/// The signed records behind the audit, as a file that anybody can verify offline
#[utoipa::path(get, path = "/v1/groups/{group}/audit/file", tag = "members",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = AuditFile), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn audit_file(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<AuditFile>, Error> {
    let file = api.group(&group, &whom).await?.export_audit().await?;
    Ok(Json(AuditFile {
        file: BASE64.encode(&file),
    }))
}
