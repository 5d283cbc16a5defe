//! Events over HTTP, as server-sent events or as one JSON object per line.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api,
    extract::{AsWhom, Asked, Names},
};
use crate::{
    Error,
    model::{GroupEvent, Problem},
};

const NDJSON: &str = "application/x-ndjson";
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The member, where several identities of this node are in the group.
    identity: Option<String>,
    /// Replay the durable events after this sequence number first; 0 is from the oldest kept.
    /// Default: only new events. The header `Last-Event-ID` wins.
    after: Option<u64>,
}

/// Events of a group, as they happen
///
/// Server-sent events, with the sequence number as id and the kind as event name; or one JSON object per
/// line for `Accept: application/x-ndjson`. The stream ends when the node stops; an error in it is its
/// last message.
#[utoipa::path(get, path = "/v1/groups/{group}/events", tag = "events",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As `after`; sent by browsers that reconnect"),
        From
    ),
    responses(
        (status = 200, description = "a stream of GroupEvent", content((GroupEvent = "text/event-stream"), (GroupEvent = "application/x-ndjson"))),
        (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn events(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(from): Asked<From>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let after = match headers.get("last-event-id") {
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| Error::invalid("Last-Event-ID", "is not a sequence number"))?,
        ),
        None => from.after,
    };
    let whom = AsWhom {
        identity: from.identity,
    };
    let Ok(permit) = Arc::clone(&api.streams).try_acquire_owned() else {
        api.node.counters().dropped("api_streams");
        return Err(Error::Busy);
    };
    let events = api.group(&group, &whom).await?.events(after).await?;
    let told = told(events)
        .take_until(api.stop.clone().cancelled_owned())
        .map(move |told| {
            let _held = &permit;
            told
        });
    Ok(if wants_lines(&headers) {
        lines(told)
    } else {
        messages(told)
    })
}

/// Up to the first error, which is the last thing told.
fn told(
    events: impl Stream<Item = Result<GroupEvent, Error>> + Send + 'static,
) -> impl Stream<Item = Result<GroupEvent, Box<Problem>>> + Send + 'static {
    let mut ended = false;
    events
        .map(|event| event.map_err(|error| Box::new(Problem::from(&error))))
        .take_while(move |told| {
            let go_on = !ended;
            ended = told.is_err();
            std::future::ready(go_on)
        })
}

fn messages(
    told: impl Stream<Item = Result<GroupEvent, Box<Problem>>> + Send + 'static,
) -> Response {
    let messages = told.map(|told| {
        Ok::<_, Infallible>(match told {
            Ok(event) => {
                let message = Event::default()
                    .event(event.kind.as_str())
                    .data(json(&event));
                match event.sequence {
                    Some(sequence) => message.id(sequence.to_string()),
                    None => message,
                }
            }
            Err(problem) => Event::default().event("error").data(json(&problem)),
        })
    });
    Sse::new(messages)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

fn lines(told: impl Stream<Item = Result<GroupEvent, Box<Problem>>> + Send + 'static) -> Response {
    let lines = told.map(|told| {
        let mut line = match told {
            Ok(event) => json(&event),
            Err(problem) => json(&problem),
        };
        line.push('\n');
        Ok::<_, Infallible>(line)
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own types have string keys only")
}

fn wants_lines(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(NDJSON) || value.contains("application/jsonl"))
}
