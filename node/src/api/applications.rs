//! Applications over HTTP: who may use the node beside its operator.

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{
    Api,
    caller::Caller,
    extract::{Asked, Body, Names, WhichPage, created, segment},
    page::Paging,
};
use crate::{
    Error,
    model::{ApplicationInfo, CallerInfo, IssuedToken, NewApplication, Page, Problem},
};

/// Who this request is from, and what it may do
#[utoipa::path(get, path = "/v1/application", tag = "applications",
    responses((status = 200, body = CallerInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn current(caller: Caller) -> Json<CallerInfo> {
    Json(caller.info())
}

/// All applications, by name
#[utoipa::path(get, path = "/v1/applications", tag = "applications", params(WhichPage),
    responses((status = 200, body = Page<ApplicationInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(which): Asked<WhichPage>,
) -> Result<Json<Page<ApplicationInfo>>, Error> {
    let paging = Paging::new("applications", which.limit, which.cursor.as_deref())?;
    paging
        .cut(api.node.applications(), |one| one.name.clone())
        .map(Json)
}

/// Register an application; the answer is the only place where its token is shown
#[utoipa::path(post, path = "/v1/applications", tag = "applications", request_body = NewApplication,
    responses((status = 201, body = IssuedToken), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn register(
    State(api): State<Api>,
    Body(new): Body<NewApplication>,
) -> Result<Response, Error> {
    let issued = api.node.register_application(new).await?;
    let place = format!("/v1/applications/{}", segment(&issued.name));
    Ok(created(place, issued))
}

/// One application
#[utoipa::path(get, path = "/v1/applications/{name}", tag = "applications",
    params(("name" = String, Path, description = "The application's name")),
    responses((status = 200, body = ApplicationInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<Json<ApplicationInfo>, Error> {
    api.node.application(&name).map(Json)
}

/// Give an application a new token; the earlier one is of no use from now on
#[utoipa::path(post, path = "/v1/applications/{name}/token", tag = "applications",
    params(("name" = String, Path, description = "The application's name")),
    responses((status = 200, body = IssuedToken), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn renew(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<Json<IssuedToken>, Error> {
    api.node.renew_application_token(&name).await.map(Json)
}

/// Revoke an application: its token is of no use from now on, and what it has begun ends
#[utoipa::path(delete, path = "/v1/applications/{name}", tag = "applications",
    params(("name" = String, Path, description = "The application's name")),
    responses((status = 204, description = "revoked"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<StatusCode, Error> {
    api.node.revoke_application(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
