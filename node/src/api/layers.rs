//! What happens around every request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, REQUEST_TIMEOUT};
use crate::{Error, ErrorKind, model::Problem};

/// Bounds and counts the request.
pub(super) async fn watch(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let metrics = api.node.counters();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let response = match api.requests.try_acquire() {
        Ok(_permit) => match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Error::TimedOut {
                seconds: REQUEST_TIMEOUT.as_secs(),
            }
            .into_response(),
        },
        Err(_) => {
            metrics.dropped("api_requests");
            Error::Busy.into_response()
        }
    };
    metrics.api_request(&route, response.status().as_u16(), started.elapsed());
    response
}

pub(super) async fn no_such_path() -> Response {
    routing(
        StatusCode::NOT_FOUND,
        "no_such_path",
        "the API has no such path; GET /v1/openapi.json lists them",
    )
}

pub(super) async fn no_such_method() -> Response {
    routing(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_such_method",
        "the path does not take this method; GET /v1/openapi.json lists them",
    )
}

fn routing(status: StatusCode, code: &str, detail: &str) -> Response {
    Problem {
        kind_uri: format!("urn:peerage:error:{code}"),
        title: ErrorKind::FixInput.meaning().to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        code: code.to_owned(),
        kind: ErrorKind::FixInput,
        original: None,
        next_step: None,
    }
    .into_response()
}
