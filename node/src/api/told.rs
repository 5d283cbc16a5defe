//! Streams of things to tell, as server-sent events or as one JSON object per line.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt, stream};
use serde::Serialize;

const NDJSON: &str = "application/x-ndjson";
const MESSAGES: &str = "text/event-stream";

/// After so long a silence a stream shows that it lives: with a comment, or with an empty line, which
/// readers of lines skip. There is no other way to notice that a reader has gone.
const KEEP_ALIVE: Duration = if cfg!(test) {
    Duration::from_millis(50)
} else {
    Duration::from_secs(15)
};

/// Something to tell.
pub(super) trait Told: Serialize {
    /// The name of the server-sent event.
    fn name(&self) -> &'static str;

    /// What a reader that comes back says it saw last.
    fn id(&self) -> Option<String> {
        None
    }
}

/// The stream in the form that was asked for.
pub(super) fn stream<T: Told + 'static>(
    told: impl Stream<Item = T> + Send + 'static,
    headers: &HeaderMap,
) -> Response {
    if wants_lines(headers) {
        lines(told)
    } else {
        messages(told)
    }
}

/// Whether an answer is such a stream, or a socket: something that goes on.
pub(super) fn is_stream(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    answer.status() == StatusCode::SWITCHING_PROTOCOLS
        || kind.starts_with(MESSAGES)
        || kind == NDJSON
}

fn messages<T: Told>(told: impl Stream<Item = T> + Send + 'static) -> Response {
    let messages = told.map(|told| {
        let message = Event::default().event(told.name()).data(json(&told));
        Ok::<_, Infallible>(match told.id() {
            Some(id) => message.id(id),
            None => message,
        })
    });
    Sse::new(messages)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

fn lines<T: Told + 'static>(told: impl Stream<Item = T> + Send + 'static) -> Response {
    let lines = stream::unfold(Box::pin(told), |mut told| async {
        let line = match tokio::time::timeout(KEEP_ALIVE, told.next()).await {
            Ok(Some(one)) => json(&one),
            Ok(None) => return None,
            Err(_) => String::new(),
        };
        Some((Ok::<_, Infallible>(line + "\n"), told))
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use http_body_util::BodyExt;

    use super::*;

    #[derive(Serialize)]
    struct Word(&'static str);

    impl Told for Word {
        fn name(&self) -> &'static str {
            self.0
        }
    }

    /// A listener that has crashed must not go on consenting to connections.
    #[tokio::test]
    async fn a_silent_stream_of_either_form_shows_that_it_lives() {
        for (form, beat) in [
            ("application/x-ndjson", "\n"),
            ("text/event-stream", ":\n\n"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(form));
            let silent = stream::iter([Word("hello")]).chain(stream::pending());
            let mut body = stream(silent, &headers).into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(first.windows(5).any(|five| five == b"hello"), "{form}");
            let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(second, beat, "{form}");
        }
    }
}
