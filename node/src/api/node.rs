//! The node as a whole.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::Api;
use crate::{
    Error,
    metrics::TEXT_FORMAT,
    model::{NodeStatus, Problem},
};

/// The node, its addresses and its groups
#[utoipa::path(get, path = "/v1/status", tag = "node",
    responses((status = 200, body = NodeStatus), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn status(State(api): State<Api>) -> Result<Json<NodeStatus>, Error> {
    api.node.status().await.map(Json)
}

/// Stop the node
#[utoipa::path(post, path = "/v1/shutdown", tag = "node",
    responses((status = 202, description = "the node is stopping")))]
pub(super) async fn shutdown(State(api): State<Api>) -> StatusCode {
    api.stop.cancel();
    StatusCode::ACCEPTED
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", tag = "node",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
pub(super) async fn document(State(api): State<Api>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        api.document.to_string(),
    )
}

/// Counters, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], api.node.metrics())
}
