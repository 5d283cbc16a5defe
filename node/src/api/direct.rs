//! Direct connections over HTTP.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use peerage_protocol::{direct::ConnectionId, wire::direct::MessageType};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Api,
    caller::Caller,
    extract::{AsWhom, Asked, Body, Names, segment},
    page::Paging,
    records::payload,
    told::{self, Told},
};
use crate::{
    Error,
    direct::{DataInterest, DirectInterest, DirectTarget},
    model::{
        ConnectionInfo, ConnectionKind, DirectOpening, DirectTold, OpenDirect, Page, Problem,
        SendDirect,
    },
};

/// How long an answer waits for what comes of an attempt: within the time of any request.
const OPEN_PATIENCE: Duration = Duration::from_secs(25);

/// Open a direct connection to a member
///
/// Answers at once with the connection's id; what comes of it is told to listeners and in the group's
/// events. With `wait` it answers when that is known: with the connection, or with an error.
#[utoipa::path(post, path = "/v1/groups/{group}/direct", tag = "direct", request_body = OpenDirect,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses(
        (status = 201, description = "it is open", body = DirectOpening),
        (status = 202, description = "it is being opened", body = DirectOpening),
        (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    Body(request): Body<OpenDirect>,
) -> Result<Response, Error> {
    let target = DirectTarget {
        member: request.member,
        node: read("node", request.node.as_deref())?,
        address: read("address", request.address.as_deref())?,
        mode: request.mode.into(),
    };
    let group = api.group(&group, &whom).await?;
    let id = match &caller {
        Caller::Operator => group.open_direct(target).await?,
        Caller::Application(application) => {
            let application = Arc::clone(application);
            group.open_direct_for(target, application).await?
        }
    };
    let mut opening = DirectOpening {
        id,
        connection: None,
    };
    if request.wait {
        let connected = group.direct_connected(id);
        if let Ok(connected) = tokio::time::timeout(OPEN_PATIENCE, connected).await {
            let connection = connected?;
            opening.id = connection.id;
            opening.connection = Some(connection);
        }
    }
    let status = match opening.connection {
        Some(_) => StatusCode::CREATED,
        None => StatusCode::ACCEPTED,
    };
    let place = format!("/v1/groups/{}/direct/{}", segment(group.name()), opening.id);
    Ok((status, [(header::LOCATION, place)], Json(opening)).into_response())
}

/// Which connections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The member on this node, where several of its identities are in the group.
    identity: Option<String>,
    /// `direct` (the default), `neighbour` or `all`.
    #[param(inline)]
    kind: Option<Kind>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Direct,
    Neighbour,
    All,
}

/// Open connections to other members' nodes, by id
#[utoipa::path(get, path = "/v1/groups/{group}/direct", tag = "direct",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), Which),
    responses((status = 200, body = Page<ConnectionInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<ConnectionInfo>>, Error> {
    let paging = Paging::new("direct", which.limit, which.cursor.as_deref())?;
    let kind = match which.kind.unwrap_or(Kind::Direct) {
        Kind::Direct => Some(ConnectionKind::Direct),
        Kind::Neighbour => Some(ConnectionKind::Neighbour),
        Kind::All => None,
    };
    let whom = AsWhom {
        identity: which.identity,
    };
    let group = api.group(&group, &whom).await?;
    let connections = group.connections(kind).await?;
    paging.cut(connections, |one| one.id.get()).map(Json)
}

/// One open connection
#[utoipa::path(get, path = "/v1/groups/{group}/direct/{id}", tag = "direct",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Connection id"),
        AsWhom
    ),
    responses((status = 200, body = ConnectionInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<ConnectionInfo>, Error> {
    let id = connection_id(&id)?;
    let group = api.group(&group, &whom).await?;
    group.connection(id).await.map(Json)
}

/// Close a direct connection; what was sent still arrives
#[utoipa::path(delete, path = "/v1/groups/{group}/direct/{id}", tag = "direct",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Connection id"),
        AsWhom
    ),
    responses((status = 204, description = "closed"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<StatusCode, Error> {
    let id = connection_id(&id)?;
    let group = api.group(&group, &whom).await?;
    group.close_direct(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a message on a direct connection, or to a neighbour
///
/// Answers when the network has the message. Larger ones, up to 16 MiB, go over the connection's socket.
#[utoipa::path(post, path = "/v1/groups/{group}/direct/{id}/messages", tag = "direct", request_body = SendDirect,
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Connection id"),
        AsWhom
    ),
    responses((status = 204, description = "on its way"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn send(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    Body(message): Body<SendDirect>,
) -> Result<StatusCode, Error> {
    let id = connection_id(&id)?;
    let kind = message_type(&message.kind)?;
    let data = payload(message.payload, message.payload_text)?.unwrap_or_default();
    let group = api.group(&group, &whom).await?;
    group.send_direct(id, kind, data).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a listener wants.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Interest {
    /// The member on this node, where several of its identities are in the group.
    identity: Option<String>,
    /// Members may open connections for messages while this stream is there, and it tells of
    /// connections. Without it there is no data. Default: true.
    connections: Option<bool>,
    /// Members may open pipes while this stream is there; each is taken at its socket. Default: false.
    pipes: Option<bool>,
    /// Which messages: `all` (the default) or `none`.
    #[param(inline)]
    data: Option<Data>,
    /// Only messages of these types: names or UUIDs, with commas between them.
    types: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Data {
    None,
    All,
}

impl Interest {
    fn read(&self) -> Result<DirectInterest, Error> {
        let data = match (self.data.unwrap_or(Data::All), &self.types) {
            (Data::None, _) => DataInterest::None,
            (Data::All, None) => DataInterest::All,
            (Data::All, Some(types)) => {
                let kinds = types.split(',').map(message_type);
                DataInterest::Types(kinds.collect::<Result<BTreeSet<_>, _>>()?)
            }
        };
        Ok(DirectInterest {
            connections: self.connections.unwrap_or(true),
            pipes: self.pipes.unwrap_or(false),
            data,
        })
    }
}

/// Listen: let members open direct connections, and hear what comes on them
///
/// Consent lasts as long as the stream. Server-sent events, or one JSON object per line for
/// `Accept: application/x-ndjson`. A reader that is alone and does not read holds the senders up; where
/// several read, one that does not loses messages and is told how many.
#[utoipa::path(get, path = "/v1/groups/{group}/direct/listen", tag = "direct",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), Interest),
    responses(
        (status = 200, description = "a stream of DirectTold", content((DirectTold = "text/event-stream"), (DirectTold = "application/x-ndjson"))),
        (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn listen(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(asked): Asked<Interest>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let interest = asked.read()?;
    let whom = AsWhom {
        identity: asked.identity,
    };
    let streaming = api.begin_stream(&caller)?;
    let group = api.group(&group, &whom).await?;
    let heard = group
        .listen_direct(interest)
        .await?
        .map(DirectTold::from)
        .take_until(streaming.over())
        .map(move |told| {
            let _held = &streaming;
            told
        });
    Ok(told::stream(heard, &headers))
}

impl Told for DirectTold {
    fn name(&self) -> &'static str {
        self.as_str()
    }
}

pub(super) fn connection_id(text: &str) -> Result<ConnectionId, Error> {
    text.parse().map_err(|error| Error::invalid("id", error))
}

fn message_type(text: &str) -> Result<MessageType, Error> {
    text.trim()
        .parse()
        .map_err(|error| Error::invalid("type", error))
}

fn read<T: std::str::FromStr<Err: ToString>>(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| Error::invalid(field, error))
}
