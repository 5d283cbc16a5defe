//! Identities over HTTP.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use peerage_protocol::identity::IdentityCard;
use zeroize::Zeroizing;

use super::{
    Api,
    caller::Caller,
    extract::{Asked, Body, Names, WhichPage, created, segment},
    page::Paging,
};
use crate::{
    Error,
    model::{
        CardText, ExportRequest, ExportedIdentity, IdentityChange, IdentityInfo, ImportRequest,
        NewIdentity, Page, Problem,
    },
};

/// All identities, by peer name
#[utoipa::path(get, path = "/v1/identities", tag = "identities", params(WhichPage),
    responses((status = 200, body = Page<IdentityInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<WhichPage>,
) -> Result<Json<Page<IdentityInfo>>, Error> {
    let paging = Paging::new("identities", which.limit, which.cursor.as_deref())?;
    let mut identities = api.node.identities().await?;
    identities.retain(|identity| caller.sees_identity(identity));
    paging
        .cut(identities, |identity| identity.name.clone())
        .map(Json)
}

/// Make an identity
#[utoipa::path(post, path = "/v1/identities", tag = "identities", request_body = NewIdentity,
    responses((status = 201, body = IdentityInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(api): State<Api>,
    Body(new): Body<NewIdentity>,
) -> Result<Response, Error> {
    let info = api.node.create_identity(new).await?;
    Ok(created(place(&info), info))
}

/// The identity used when none is named
#[utoipa::path(get, path = "/v1/identity", tag = "identities",
    responses((status = 200, body = IdentityInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn default(State(api): State<Api>) -> Result<Json<IdentityInfo>, Error> {
    api.node.identity(None).await.map(Json)
}

/// The card of the identity used when none is named
#[utoipa::path(get, path = "/v1/identity/card", tag = "identities",
    responses((status = 200, body = CardText), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn default_card(State(api): State<Api>) -> Result<Json<CardText>, Error> {
    // Asking must not make an identity without a name, which would be the default for ever.
    let default = api.node.identity(None).await?.name;
    Ok(Json(card_text(&api.node.card(Some(&default)).await?)))
}

/// Bring back an exported identity
#[utoipa::path(post, path = "/v1/identities/import", tag = "identities", request_body = ImportRequest,
    responses((status = 201, body = IdentityInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(api): State<Api>,
    Body(mut request): Body<ImportRequest>,
) -> Result<Response, Error> {
    let pem = Zeroizing::new(std::mem::take(&mut request.pem));
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let info = api.node.import_identity(pem, passphrase).await?;
    Ok(created(place(&info), info))
}

/// One identity
#[utoipa::path(get, path = "/v1/identities/{name}", tag = "identities",
    params(("name" = String, Path, description = "Peer name, a unique start of it, or the friendly name")),
    responses((status = 200, body = IdentityInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<Json<IdentityInfo>, Error> {
    api.node.identity(Some(&name)).await.map(Json)
}

/// Change the friendly name
#[utoipa::path(patch, path = "/v1/identities/{name}", tag = "identities", request_body = IdentityChange,
    params(("name" = String, Path, description = "Peer name, a unique start of it, or the friendly name")),
    responses((status = 200, body = IdentityInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(api): State<Api>,
    Names(name): Names<String>,
    Body(change): Body<IdentityChange>,
) -> Result<Json<IdentityInfo>, Error> {
    api.node
        .rename_identity(&name, change.friendly_name)
        .await
        .map(Json)
}

/// Delete an identity for ever; it must be in no group
#[utoipa::path(delete, path = "/v1/identities/{name}", tag = "identities",
    params(("name" = String, Path, description = "Peer name, a unique start of it, or the friendly name")),
    responses((status = 204, description = "deleted"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<StatusCode, Error> {
    api.node.delete_identity(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The card of an identity, for whoever invites it
#[utoipa::path(get, path = "/v1/identities/{name}/card", tag = "identities",
    params(("name" = String, Path, description = "Peer name, a unique start of it, or the friendly name")),
    responses((status = 200, body = CardText), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn card(
    State(api): State<Api>,
    Names(name): Names<String>,
) -> Result<Json<CardText>, Error> {
    Ok(Json(card_text(&api.node.card(Some(&name)).await?)))
}

/// An identity with its secret key, encrypted
#[utoipa::path(post, path = "/v1/identities/{name}/export", tag = "identities", request_body = ExportRequest,
    params(("name" = String, Path, description = "Peer name, a unique start of it, or the friendly name")),
    responses((status = 200, body = ExportedIdentity), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(
    State(api): State<Api>,
    Names(name): Names<String>,
    Body(mut request): Body<ExportRequest>,
) -> Result<Json<ExportedIdentity>, Error> {
    let passphrase = Zeroizing::new(std::mem::take(&mut request.passphrase));
    let pem = api.node.export_identity(&name, passphrase).await?;
    Ok(Json(ExportedIdentity {
        pem: pem.as_str().to_owned(),
    }))
}

fn place(info: &IdentityInfo) -> String {
    format!("/v1/identities/{}", segment(&info.name))
}

fn card_text(card: &IdentityCard) -> CardText {
    CardText {
        name: card.name().to_string(),
        text: card.to_block(),
        uri: card.to_uri(),
    }
}
