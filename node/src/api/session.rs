//! An application's session: what it holds, it holds as long as this stream is open.

use axum::{extract::State, http::HeaderMap, response::Response};
use futures::{StreamExt, stream};

use super::{
    Api,
    caller::Caller,
    told::{self, Told},
};
use crate::{
    Error,
    model::{Problem, SessionEvent, SessionEventKind},
};

/// Attach the application to the node
///
/// Held open, it says `attached` once and then keeps itself alive. What the application opens is held as
/// long as it is; when it breaks, whatever the reason, that is a close of every group. An application has
/// one session at a time. The operator needs none: what it connects stays connected.
#[utoipa::path(get, path = "/v1/session", tag = "applications",
    responses(
        (status = 200, description = "a stream of SessionEvent", content((SessionEvent = "text/event-stream"), (SessionEvent = "application/x-ndjson"))),
        (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn session(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let name = caller.name().to_owned();
    let says = move |kind, reason: Option<&str>| SessionEvent {
        kind,
        application: name.clone(),
        reason: reason.map(ToOwned::to_owned),
    };
    let (attached, ended, operators) = match &caller {
        Caller::Operator => (None, None, Some(api.begin_stream(&caller)?)),
        Caller::Application(registered) => (
            Some(registered.begin_session(&api.node)?),
            Some(registered.ended.clone()),
            None,
        ),
    };
    let stop = api.stop.clone();
    let first = says(SessionEventKind::Attached, None);
    let last = async move {
        let revoked = async {
            match &ended {
                Some(ended) => ended.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            () = stop.cancelled() => "the node stops",
            () = revoked => "the token is good no longer",
        };
        // It ends here, or wherever the stream is dropped before.
        drop((attached, operators));
        says(SessionEventKind::Ended, Some(reason))
    };
    let events = stream::iter([first]).chain(stream::once(last));
    Ok(told::stream(events, &headers))
}

impl Told for SessionEvent {
    fn name(&self) -> &'static str {
        self.kind.as_str()
    }
}
