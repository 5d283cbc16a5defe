//! What happens around every request.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use http_body_util::{BodyExt, Limited};

use super::{
    Api, MAX_BODY_BYTES, REQUEST_TIMEOUT, TRANSFER_TIMEOUT, TRANSFERS, access, caller::Caller,
    unread,
};
use crate::{
    Error,
    applications::Permit,
    error::catalogue,
    model::{Problem, Scope},
    place,
};

/// How long the rest of a refused request may take to arrive.
const READ_OFF_TIMEOUT: Duration = Duration::from_secs(1);

/// Allows, bounds and counts the request.
pub(super) async fn watch(
    State(api): State<Api>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let metrics = api.node.counters();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let response = match begin(&api, &caller, &request) {
        Ok(permit) => {
            let patience = match TRANSFERS.contains(&route.as_str()) {
                true => TRANSFER_TIMEOUT,
                false => REQUEST_TIMEOUT,
            };
            let (request, unread) = unread::lend(request);
            let answer = tokio::time::timeout(patience, next.run(request));
            match place::within(permit, answer).await {
                Ok(response) => {
                    read_off(unread.take()).await;
                    response
                }
                Err(_) => Error::TimedOut {
                    seconds: patience.as_secs(),
                }
                .into_response(),
            }
        }
        Err(error) => {
            read_off(request.into_body()).await;
            error.into_response()
        }
    };
    metrics.api_request(&route, response.status().as_u16(), started.elapsed());
    response
}

/// Whether the caller may, and has room for it.
fn begin(api: &Api, caller: &Caller, request: &Request) -> Result<Permit, Error> {
    let permit = caller.begin_request(api)?;
    let Some(route) = request.extensions().get::<MatchedPath>() else {
        return Ok(permit);
    };
    access::check(caller, request.method(), route.as_str())?;
    if let Caller::Application(application) = caller {
        let publishes = matches!(
            access::of(request.method(), route.as_str()),
            access::Access::Needs(scope) if scope != Scope::Read
        );
        if publishes {
            application
                .usage
                .publish(body_bytes(request), Instant::now())?;
        }
    }
    Ok(permit)
}

/// Reads what is left of a refused request: whoever is still sending it would be cut off before it
/// could read the answer.
async fn read_off(body: Body) {
    let mut body = Limited::new(body, MAX_BODY_BYTES);
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(READ_OFF_TIMEOUT, rest).await;
}

/// The length of the body; one that does not say it may be as long as any.
fn body_bytes(request: &Request) -> u64 {
    let size = hyper::body::Body::size_hint(request.body());
    size.exact().unwrap_or(MAX_BODY_BYTES as u64)
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
