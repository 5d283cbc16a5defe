//! The way in: what is refused at the door, who is let in, and as whom.

use std::time::Duration;

use axum::{
    http::{HeaderValue, Request, Response, header},
    response::IntoResponse,
};
use hyper::body::Incoming;

use super::{
    Api,
    caller::Caller,
    confine,
    guard::{self, Way},
    serve::Connection,
};
use crate::Error;

type Answer = Response<axum::body::Body>;

/// A request without a good token is answered after this time, so that nobody tries many.
pub(super) const GUESS_DELAY: Duration = Duration::from_millis(250);

/// At most this many such requests wait; those beyond are answered at once, so that guesses do not
/// take all connections.
pub(super) const MAX_GUESSES: usize = 32;

/// Lets a request in, with its [`Caller`], or answers it.
///
/// # Errors
/// The answer to a request that is not let in.
pub(super) async fn enter(
    api: &Api,
    connection: &Connection,
    mut request: Request<Incoming>,
) -> Result<Request<Incoming>, Answer> {
    let refuse = |error: Error| {
        api.node.counters().api_refused(error.code());
        error.into_response()
    };
    guard::check(&request, connection.way, &api.origins).map_err(refuse)?;
    let Some(caller) = identify(api, connection.way, &request) else {
        return Err(turn_away(api, refuse(Error::TokenNeeded)).await);
    };
    match &caller {
        Caller::Operator => connection.is_of_operator(),
        Caller::Application(application) => {
            let counted = connection.is_of(application);
            counted.map_err(|error| closing(refuse(error)))?;
            confine::confine(api, application, &mut request).map_err(refuse)?;
        }
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

/// On the socket, who says nothing is the operator. Whoever shows a token is who it belongs to, and
/// nobody else, whichever way it came.
fn identify(api: &Api, way: Way, request: &Request<Incoming>) -> Option<Caller> {
    let headers = request.headers();
    if way == Way::Socket && !headers.contains_key(header::AUTHORIZATION) {
        return Some(Caller::Operator);
    }
    let holder = api.node.token_holder(guard::token(headers)?)?;
    Some(Caller::Application(holder))
}

/// The same answer after the same time, whatever was wrong; then the connection ends.
async fn turn_away(api: &Api, answer: Answer) -> Answer {
    if let Ok(_waiting) = api.guesses.try_acquire() {
        tokio::time::sleep(GUESS_DELAY).await;
    }
    let mut answer = closing(answer);
    let scheme = HeaderValue::from_static("Bearer realm=\"peerage\"");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, scheme);
    answer
}

fn closing(mut answer: Answer) -> Answer {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}

/// What every answer says: that it is nobody's to keep, nor to take for something else.
pub(super) fn sealed(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}
