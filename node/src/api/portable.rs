//! Groups and nodes as files, over HTTP.

use axum::{Json, extract::State, http::HeaderValue, response::Response};
use zeroize::Zeroizing;

use super::{
    Api,
    extract::{AsWhom, Asked, Body, Names, created},
    files::{FILE_BYTES_HEADER, FileBody, streamed},
    groups::place,
};
use crate::{
    Error,
    model::{
        ExportRequest, GroupConfigFile, GroupConfigRequest, GroupInfo, ImportedDatabase, Problem,
    },
    portable::database::MAX_DATABASE_BYTES,
};

/// A group's configuration, encrypted, to use the group on another machine
#[utoipa::path(post, path = "/v1/groups/{group}/config/export", tag = "portable", request_body = ExportRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupConfigFile), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export_config(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(mut request): Body<ExportRequest>,
) -> Result<Json<GroupConfigFile>, Error> {
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let group = api.group(&group, &whom).await?;
    let text = group.export_config(passphrase).await?;
    Ok(Json(GroupConfigFile {
        text: text.as_str().to_owned(),
    }))
}

/// Take in a group's configuration that was exported on another machine
#[utoipa::path(post, path = "/v1/groups/import", tag = "portable", request_body = GroupConfigRequest,
    responses((status = 201, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import_config(
    State(api): State<Api>,
    Body(mut request): Body<GroupConfigRequest>,
) -> Result<Response, Error> {
    let text = Zeroizing::new(std::mem::take(&mut request.text));
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let group = api
        .node
        .import_group_config(text, passphrase, request.overwrite)
        .await?;
    let info = group.info().await?;
    Ok(created(place(&info), info))
}

/// A group's records as a file
///
/// The answer is the file. If it breaks off, something went wrong and what came is of no use.
#[utoipa::path(get, path = "/v1/groups/{group}/database", tag = "portable",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, description = "the file", body = Vec<u8>, content_type = "application/octet-stream"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export_database(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Response, Error> {
    let export = api.group(&group, &whom).await?.begin_export().await?;
    Ok(streamed(move |mut output| {
        export.write(&mut output).map(drop)
    }))
}

/// Take in a group's records from a file; the group must be offline
#[utoipa::path(put, path = "/v1/groups/{group}/database", tag = "portable",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = ImportedDatabase), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import_database(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    content: FileBody,
) -> Result<Json<ImportedDatabase>, Error> {
    let group = api.group(&group, &whom).await?;
    // Before anything is taken in that would be refused.
    group.must_be_offline().await?;
    let work = api.node.work_folder().await?;
    let path = work.path().join("database");
    content.keep(&path, MAX_DATABASE_BYTES).await?;
    group.import_database(path).await.map(Json)
}

/// Go on with a group that was restored from a backup, without having met another member
#[utoipa::path(post, path = "/v1/groups/{group}/settle", tag = "portable",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = GroupInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn settle(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<GroupInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    group.settle_restored().await?;
    group.info().await.map(Json)
}

/// A backup of the whole node, encrypted
///
/// The answer is the file. If it breaks off, something went wrong and what came is of no use.
#[utoipa::path(post, path = "/v1/backup", tag = "portable", request_body = ExportRequest,
    responses((status = 200, description = "the file", body = Vec<u8>, content_type = "application/octet-stream"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn backup(
    State(api): State<Api>,
    Body(mut request): Body<ExportRequest>,
) -> Result<Response, Error> {
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let copied = api.node.begin_backup(&passphrase).await?;
    let metrics = api.node.counters();
    let total = copied.manifest().total_bytes();
    let mut response = streamed(move |output| {
        let made = copied.write(&passphrase, output, &mut |_, _| {});
        metrics.backup(made.is_ok());
        made.map(drop)
    });
    response
        .headers_mut()
        .insert(FILE_BYTES_HEADER, HeaderValue::from(total));
    Ok(response)
}
