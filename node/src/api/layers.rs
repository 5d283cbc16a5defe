//! What happens around every request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, REQUEST_TIMEOUT};
use crate::{Error, error::catalogue, model::Problem};

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

pub(super) async fn no_such_path() -> Problem {
    Problem::new(&catalogue::NO_SUCH_PATH, "the API has no such path")
}

pub(super) async fn no_such_method() -> Problem {
    Problem::new(
        &catalogue::NO_SUCH_METHOD,
        "the path does not take this method",
    )
}
