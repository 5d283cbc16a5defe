//! A small web application with a node in it: a notice board that the members of a group share.
//!
//! ```text
//! cargo run -p peerage --example embed_axum -- FOLDER [PORT]
//! ```
//! It serves `http://127.0.0.1:PORT/`, a page that shows every notice as it comes, whoever pinned it up.
//! The node runs in the same process and on the same runtime; Ctrl-C ends both, the pages first.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /notices` | all notices, as JSON |
//! | `POST /notices` `{"text": …}` | pins one up |
//! | `DELETE /notices/ID` | takes one down |
//! | `POST /invitations` `{"card": …}` | an invitation to the board |
//! | `GET /events` | changes as they happen, as server-sent events |

use std::{convert::Infallible, process::ExitCode, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{delete, get, post},
};
use futures::{Stream, StreamExt};
use peerage::{
    Error, GroupHandle, InviteOptions, NewGroup, NewIdentity, Node, Settings,
    model::{EventKind, RecordInfo},
};
use peerage_records::{
    id::RecordType,
    record::RecordDraft,
    store::{Partition, RecordQuery},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// So long a notice stays up.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// At most this many bytes of text in a notice.
const MAX_TEXT_BYTES: usize = 4 * 1024;
/// So many notices are shown.
const SHOWN: usize = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let port = |word: Option<String>| word.map_or(Ok(8080), |word| word.parse::<u16>());
    let (Some(folder), Ok(port)) = (words.next(), port(words.next())) else {
        eprintln!("usage: embed_axum FOLDER [PORT]");
        return ExitCode::from(2);
    };
    match run(&folder, port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(folder: &str, port: u16) -> Result<()> {
    let mut settings = Settings::in_folder(folder);
    settings.listen = vec!["/ip4/0.0.0.0/udp/0/quic-v1".parse()?];
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("the board is at http://{}/", listener.local_addr()?);
    serve(settings, listener, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}

/// Serves the board until `stop`, then ends the pages, the server and the node, in this order.
pub(crate) async fn serve(
    settings: Settings,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let node = Node::builder(settings).start().await?;
    let served = serve_board(&node, listener, stop).await;
    // Only now: whoever was still being answered needed the node.
    node.shutdown().await?;
    served
}

async fn serve_board(
    node: &Node,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let board = Board {
        group: the_group(node).await?,
        host: Arc::from(listener.local_addr()?.to_string()),
        ending: CancellationToken::new(),
    };
    board.group.connect().await?;
    let ending = board.ending.clone();
    axum::serve(listener, board.router())
        .with_graceful_shutdown(async move {
            stop.await;
            // Pages would listen for ever.
            ending.cancel();
        })
        .await?;
    Ok(())
}

/// The board of this folder, made at the first start.
async fn the_group(node: &Node) -> Result<GroupHandle> {
    if let Some(group) = node.groups().await?.first() {
        return Ok(node.open_group(&group.name, None).await?);
    }
    if node.identities().await?.is_empty() {
        node.create_identity(NewIdentity::default()).await?;
    }
    let new = NewGroup {
        friendly_name: Some("Notice board".to_owned()),
        ..NewGroup::default()
    };
    Ok(node.create_group(new).await?)
}

/// What every request needs.
#[derive(Clone)]
struct Board {
    group: GroupHandle,
    /// Where we are; whoever calls us otherwise was led here by a trick.
    host: Arc<str>,
    ending: CancellationToken,
}

impl Board {
    fn router(self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/notices", get(notices).post(pin_up))
            .route("/notices/{id}", delete(take_down))
            .route("/invitations", post(invite))
            .route("/events", get(events))
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self)
    }
}

/// Answers only those who know where they are (another site's name may be made to lead here), and tells
/// browsers to run no script but the page's own. That bodies are JSON keeps other sites' forms out.
async fn guard(State(board): State<Board>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    if host.is_none_or(|host| host.as_bytes() != board.host.as_bytes()) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static(
            "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; \
             style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'",
        ),
    );
    response
}

/// A notice on the board.
#[derive(Debug, Serialize)]
struct Notice {
    id: String,
    by: String,
    at: String,
    text: String,
}

#[derive(Debug, Deserialize)]
struct NewNotice {
    text: String,
}

#[derive(Deserialize)]
struct Card {
    card: String,
}

/// An error of the node, as an answer: the kind knows the status, the code is for programs.
struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind().http_status());
        let body = serde_json::json!({ "code": self.0.code(), "detail": self.0.to_string() });
        (
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Json(body),
        )
            .into_response()
    }
}

async fn notices(State(board): State<Board>) -> Result<Json<Vec<Notice>>, Refusal> {
    let query = RecordQuery {
        kind: Some(notice_type()),
        partition: Partition::Application,
        after: None,
        limit: SHOWN,
    };
    let records = board.group.list(query).await?;
    let mut notices = Vec::new();
    for record in records {
        notices.push(notice(&board.group, record).await?);
    }
    notices.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(Json(notices))
}

async fn pin_up(
    State(board): State<Board>,
    Json(new): Json<NewNotice>,
) -> Result<(StatusCode, Json<Notice>), Refusal> {
    if new.text.trim().is_empty() || new.text.len() > MAX_TEXT_BYTES {
        return Err(Refusal(Error::InvalidInput {
            field: "text",
            reason: format!("has 1 to {MAX_TEXT_BYTES} bytes"),
        }));
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let record = board
        .group
        .publish(RecordDraft {
            kind: notice_type(),
            expires: Timestamp::from_secs(now.as_secs()) + LIFETIME,
            attributes: Vec::new(),
            payload: new.text.into_bytes(),
        })
        .await?;
    let notice = notice(&board.group, record).await?;
    Ok((StatusCode::CREATED, Json(notice)))
}

async fn take_down(
    State(board): State<Board>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let unknown = |_| Error::RecordNotFound { id: id.clone() };
    board
        .group
        .delete_record(id.parse().map_err(unknown)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invite(
    State(board): State<Board>,
    Json(card): Json<Card>,
) -> Result<Json<serde_json::Value>, Refusal> {
    let card = card.card.parse().map_err(Error::Identity)?;
    let invitation = board.group.invite(&card, InviteOptions::default()).await?;
    Ok(Json(
        serde_json::json!({ "invitation": invitation.to_uri() }),
    ))
}

/// `pinned` with the notice, `gone` with its id, and `missed` where the page has to load everything anew.
async fn events(
    State(board): State<Board>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let told = board.group.events(None).await?;
    let group = board.group.clone();
    let changes = told.filter_map(move |event| {
        let group = group.clone();
        async move {
            let event = event.ok()?;
            let ours = event.record_type.as_deref() == Some(&notice_type().to_string());
            let sse = match event.kind {
                EventKind::Gap => Event::default().event("missed").data(""),
                EventKind::RecordAdded if ours => {
                    let record = group.get(event.record?.parse().ok()?).await.ok()?;
                    let notice = notice(&group, record).await.ok()?;
                    Event::default().event("pinned").json_data(notice).ok()?
                }
                EventKind::RecordDeleted | EventKind::RecordExpired if ours => {
                    Event::default().event("gone").data(event.record?)
                }
                _ => return None,
            };
            Some(Ok(sse))
        }
    });
    let changes = changes.take_until(board.ending.clone().cancelled_owned());
    Ok(Sse::new(changes).keep_alive(KeepAlive::default()))
}

fn notice_type() -> RecordType {
    RecordType::from_name("notice")
}

async fn notice(group: &GroupHandle, record: RecordInfo) -> Result<Notice, Error> {
    let members = group.members().await?;
    let by = members
        .into_iter()
        .find(|member| member.public_key == record.creator)
        .map_or_else(|| "somebody".to_owned(), |member| member.friendly_name);
    Ok(Notice {
        id: record.id,
        by,
        at: record.created,
        text: record.payload_text.unwrap_or_default(),
    })
}

async fn page() -> Html<&'static str> {
    Html(PAGE)
}

/// What others wrote gets into the page as text only.
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Notice board</title>
<style>
  body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  li { margin: .5rem 0 } small { color: #666 } input { width: 70% }
</style>
<h1>Notice board</h1>
<form id="form"><input id="text" autofocus> <button>Pin up</button></form>
<ul id="board"></ul>
<script>
  const board = document.getElementById('board');
  const show = notice => {
    if (document.getElementById(notice.id)) return;
    const item = document.createElement('li');
    item.id = notice.id;
    item.textContent = notice.text + ' ';
    const by = document.createElement('small');
    by.textContent = notice.by;
    item.append(by);
    board.prepend(item);
  };
  const load = async () => {
    board.replaceChildren();
    for (const notice of await (await fetch('/notices')).json()) show(notice);
  };
  const events = new EventSource('/events');
  events.onopen = load;
  events.addEventListener('missed', load);
  events.addEventListener('pinned', event => show(JSON.parse(event.data)));
  events.addEventListener('gone', event => document.getElementById(event.data)?.remove());
  document.getElementById('form').onsubmit = async event => {
    event.preventDefault();
    const text = document.getElementById('text');
    await fetch('/notices', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: text.value }),
    });
    text.value = '';
  };
</script>
"#;
