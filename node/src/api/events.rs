//! Events over HTTP, as server-sent events or as one JSON object per line.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures::{Stream, StreamExt, future, stream};
use peerage_records::id::RecordType;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{
    Api,
    caller::Caller,
    extract::{AsWhom, Asked, Body as JsonBody, Names},
    told::{self, Told},
};
use crate::{
    Error, EventFilter, EventStream, Snapshot,
    model::{
        AckRequest, ConsumerInfo, EventKind, EventOrigin, GroupEvent, Position, Problem,
        RecordInfo, instant_text,
    },
};

/// The longest silence a reader may ask to be waited for.
const MAX_WAIT: u64 = 60 * 60;

/// Where to begin, and what is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The member, where several identities of this node are in the group.
    identity: Option<String>,
    /// Begin after this position, such as 17 or 17.3412; 0 is from the oldest kept. Default: only new
    /// events. The header `Last-Event-ID` wins. For a consumer that is new: where it begins.
    #[param(value_type = Option<Position>)]
    after: Option<String>,
    /// Only these kinds, with commas between them; `record_*` is all that begin so. Default: all.
    kinds: Option<String>,
    /// Of the events about records, only those about these types, UUIDs or names with commas between
    /// them. Default: all types.
    record_type: Option<String>,
    /// Of the events about records, only those from this node, or only those from others.
    origin: Option<EventOrigin>,
    /// Begin where this consumer is, which is made if there is none of this name; see
    /// `POST /v1/groups/{group}/events/ack`.
    consumer: Option<String>,
    /// Tell all records first, as `snapshot_record`, then `snapshot_end`, then what happened since.
    /// Not after a position.
    #[serde(default)]
    snapshot: bool,
    /// End when nothing has happened for so many seconds, up to 3600; 0 tells what there is and ends.
    /// Default: never.
    wait: Option<u64>,
}

impl From {
    fn filter(&self) -> Result<EventFilter, Error> {
        let mut filter = EventFilter::all();
        if let Some(kinds) = &self.kinds {
            filter =
                filter.kinds(EventKind::matching(kinds).map_err(|e| Error::invalid("kinds", e))?);
        }
        for name in self.record_type.iter().flat_map(|names| names.split(',')) {
            let kind: RecordType = name
                .parse()
                .map_err(|error| Error::invalid("record_type", error))?;
            filter = filter.record_type(kind);
        }
        if !filter.is_bounded() {
            let rule = format!("has at most {} types", EventFilter::MAX_RECORD_TYPES);
            return Err(Error::invalid("record_type", rule));
        }
        Ok(match self.origin {
            Some(origin) => filter.origin(origin),
            None => filter,
        })
    }

    fn wait(&self) -> Result<Option<Duration>, Error> {
        match self.wait {
            Some(wait) if wait > MAX_WAIT => {
                Err(Error::invalid("wait", format!("is at most {MAX_WAIT}")))
            }
            wait => Ok(wait.map(Duration::from_secs)),
        }
    }

    fn after(&self) -> Result<Option<Position>, Error> {
        let after = self.after.as_deref().map(str::parse).transpose();
        after.map_err(|error| Error::invalid("after", error))
    }
}

/// Events of a group, as they happen
///
/// Server-sent events, with the position as id and the kind as event name; or one JSON object per
/// line for `Accept: application/x-ndjson`. A silent stream has a comment, or an empty line, every 15
/// seconds. The stream ends when the node stops; an error in it is its
/// last message.
#[utoipa::path(get, path = "/v1/groups/{group}/events", tag = "events",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("Last-Event-ID" = Option<Position>, Header, description = "As `after`; sent by browsers that reconnect"),
        From
    ),
    responses(
        (status = 200, description = "a stream of GroupEvent", content((GroupEvent = "text/event-stream"), (GroupEvent = "application/x-ndjson"))),
        (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn events(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(from): Asked<From>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (filter, wait, after) = (from.filter()?, from.wait()?, from.after()?);
    let seen = last_seen(&headers)?;
    let whom = AsWhom {
        identity: from.identity,
    };
    let streaming = api.begin_stream(&caller)?;
    let group = api.group(&group, &whom).await?;
    let begin = match &from.consumer {
        Some(name) => {
            let consumer = group.consumer_of(caller.name(), name, after).await?;
            Some(consumer.position()?)
        }
        None => after,
    };
    let told = if from.snapshot && seen.is_none() {
        let snapshot = match &caller {
            Caller::Operator => group.snapshot(filter.clone()).await?,
            Caller::Application(application) => {
                let permit = application.usage.begin_snapshot()?;
                group.snapshot_under(permit, filter.clone()).await?
            }
        };
        let rest = group.events_where(filter, Some(snapshot.position()));
        let rest = rest.await?;
        present(group.name(), snapshot)
            .chain(tail(rest, wait))
            .left_stream()
    } else {
        let events = group.events_where(filter, seen.or(begin)).await?;
        tail(events, wait).right_stream()
    };
    let told = up_to_error(told)
        .take_until(streaming.over())
        .map(move |told| {
            let _held = &streaming;
            told
        });
    Ok(told::stream(told, &headers))
}

/// Acknowledge events: a consumer's next stream begins after them
///
/// They are acknowledged durably when the answer comes. Acknowledging less than before changes nothing.
#[utoipa::path(post, path = "/v1/groups/{group}/events/ack", tag = "events", request_body = AckRequest,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = ConsumerInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    JsonBody(ack): JsonBody<AckRequest>,
) -> Result<Json<ConsumerInfo>, Error> {
    let group = api.group(&group, &whom).await?;
    let consumer = group.find_consumer_of(caller.name(), &ack.consumer).await?;
    consumer.ack(ack.position).await?;
    Ok(Json(consumer.info()?))
}

/// The consumers whose cursors are kept in a group, those of the application that asks
#[utoipa::path(get, path = "/v1/groups/{group}/consumers", tag = "events",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 200, body = Vec<ConsumerInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn consumers(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<Vec<ConsumerInfo>>, Error> {
    let group = api.group(&group, &whom).await?;
    Ok(Json(group.consumers_of(caller.name()).await?))
}

/// Forget a consumer; streams that were opened with it go on
#[utoipa::path(delete, path = "/v1/groups/{group}/consumers/{consumer}", tag = "events",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("consumer" = String, Path, description = "The consumer's name"),
        AsWhom
    ),
    responses((status = 204), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_consumer(
    State(api): State<Api>,
    caller: Caller,
    Names((group, consumer)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<StatusCode, Error> {
    let group = api.group(&group, &whom).await?;
    group.remove_consumer_of(caller.name(), &consumer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a reader that comes back says it saw last.
fn last_seen(headers: &HeaderMap) -> Result<Option<Position>, Error> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let position = id.to_str().ok().and_then(|text| text.trim().parse().ok());
    position
        .map(Some)
        .ok_or_else(|| Error::invalid("Last-Event-ID", "is no position such as 17 or 17.3"))
}

/// A snapshot as events, its end included.
fn present(
    group: &str,
    snapshot: Snapshot,
) -> impl Stream<Item = Result<GroupEvent, Error>> + Send + 'static {
    let group = group.to_owned();
    let (position, at) = (snapshot.position(), instant_text(snapshot.taken()));
    let of = move |kind| GroupEvent {
        position,
        group: group.clone(),
        at: at.clone(),
        ..GroupEvent::of(kind)
    };
    let end = of(EventKind::SnapshotEnd);
    let shown = move |record: RecordInfo| GroupEvent {
        record: Some(record.id.clone()),
        record_type: Some(record.kind.clone()),
        content: Some(Box::new(record)),
        ..of(EventKind::SnapshotRecord)
    };
    let records = snapshot.map(move |record| record.map(&shown));
    records.chain(stream::once(future::ready(Ok(end))))
}

/// Events until the stream ends, or until there was none for a while.
fn tail(
    events: EventStream,
    wait: Option<Duration>,
) -> impl Stream<Item = Result<GroupEvent, Error>> + Send + 'static {
    stream::unfold(events, move |mut events| async move {
        let next = match wait {
            None => events.next().await,
            Some(wait) => match events.next_now().await {
                Ok(Some(event)) => Some(Ok(event)),
                Ok(None) => tokio::time::timeout(wait, events.next()).await.ok()?,
                Err(Error::GroupGone { .. } | Error::ShuttingDown | Error::EventsEnded) => None,
                Err(error) => Some(Err(error)),
            },
        };
        next.map(|event| (event, events))
    })
}

/// One message of the stream.
#[derive(Serialize)]
#[serde(untagged)]
enum Message {
    Event(Box<GroupEvent>),
    Problem(Box<Problem>),
}

impl Told for Message {
    fn name(&self) -> &'static str {
        match self {
            Self::Event(event) => event.kind.as_str(),
            Self::Problem(_) => "error",
        }
    }

    fn id(&self) -> Option<String> {
        match self {
            // Whoever breaks off in a snapshot begins it again.
            Self::Event(event) if event.kind != EventKind::SnapshotRecord => {
                Some(event.position.to_string())
            }
            Self::Event(_) | Self::Problem(_) => None,
        }
    }
}

/// Up to the first error, which is the last thing told.
fn up_to_error(
    events: impl Stream<Item = Result<GroupEvent, Error>> + Send + 'static,
) -> impl Stream<Item = Message> + Send + 'static {
    let mut ended = false;
    events
        .map(|event| match event {
            Ok(event) => Message::Event(Box::new(event)),
            Err(error) => Message::Problem(Box::new(Problem::from(&error))),
        })
        .take_while(move |told| {
            let go_on = !ended;
            ended = matches!(told, Message::Problem(_));
            future::ready(go_on)
        })
}
