//! An application's session: what it holds, it holds as long as this stream is open.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt, stream};

use super::{Api, KEEP_ALIVE, NDJSON, caller::Caller, events::wants_lines};
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
    Ok(if wants_lines(&headers) {
        lines(events)
    } else {
        messages(events)
    })
}

fn messages(events: impl Stream<Item = SessionEvent> + Send + 'static) -> Response {
    let messages = events.map(|event| {
        let message = Event::default().event(event.kind.as_str());
        Ok::<_, Infallible>(message.data(json(&event)))
    });
    Sse::new(messages)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

/// An empty line keeps it alive: a reader of lines skips those.
fn lines(events: impl Stream<Item = SessionEvent> + Send + 'static) -> Response {
    let lines = events.map(|event| json(&event) + "\n");
    let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut lines = Box::pin(lines);
    let alive = stream::poll_fn(move |context| match lines.poll_next_unpin(context) {
        std::task::Poll::Pending => beats.poll_tick(context).map(|_| Some("\n".to_owned())),
        ready => ready,
    });
    let alive = alive.map(Ok::<_, Infallible>);
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(alive)).into_response()
}

fn json(event: &SessionEvent) -> String {
    serde_json::to_string(event).expect("our own types have string keys only")
}
