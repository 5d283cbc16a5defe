//! What errors mean, over HTTP.

use axum::Json;

use super::extract::Names;
use crate::{
    Error,
    error::catalogue,
    model::{Explanation, Problem},
};

/// Every error there is, with the original's codes and the exit codes
#[utoipa::path(get, path = "/v1/errors", tag = "errors",
    responses((status = 200, body = Explanation)))]
pub(super) async fn list() -> Json<Explanation> {
    Json(catalogue::everything())
}

/// What one error means, known by its code, the original's name or number, or an exit code
#[utoipa::path(get, path = "/v1/errors/{code}", tag = "errors",
    params(("code" = String, Path, description = "A code, a name or number of the original's, or `exit 4`")),
    responses((status = 200, body = Explanation), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(Names(code): Names<String>) -> Result<Json<Explanation>, Error> {
    catalogue::explain(&code).map(Json)
}
