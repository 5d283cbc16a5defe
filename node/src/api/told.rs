//! A stream of things to tell, as server-sent events or as one JSON object per line.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt};
use serde::Serialize;

const NDJSON: &str = "application/x-ndjson";
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Something to tell.
pub(super) trait Told: Serialize {
    /// The name of the server-sent event.
    fn name(&self) -> &'static str;
}

/// The stream in the form that was asked for.
pub(super) fn stream<T: Told>(
    told: impl Stream<Item = T> + Send + 'static,
    headers: &HeaderMap,
) -> Response {
    if wants_lines(headers) {
        let lines = told.map(|told| Ok::<_, Infallible>(json(&told) + "\n"));
        return ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response();
    }
    let messages =
        told.map(|told| Ok::<_, Infallible>(Event::default().event(told.name()).data(json(&told))));
    Sse::new(messages)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

fn wants_lines(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(NDJSON) || value.contains("application/jsonl"))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own types have string keys only")
}
