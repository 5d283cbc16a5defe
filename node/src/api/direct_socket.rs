//! Direct connections over WebSocket.
//!
//! **Messages.** Each binary message is a type, 16 bytes, and the content, both ways. The daemon reads the
//! next one when the network has the last, and the other way as the client reads. A text message tells
//! what a listener is told (only `missed`).
//!
//! **Pipes.** Binary messages are bytes, of any sizes; an empty one says that no more come in that
//! direction, and the text message `taken` that the client has put all of them where they belong. When
//! both directions have ended, and both sides have said so, the daemon closes with 1000: whoever sent
//! then knows that it arrived. A client that closes before cuts the pipe.

use std::borrow::Cow;

use axum::{
    extract::{
        State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
        },
    },
    response::Response,
};
use futures::{
    Sink, SinkExt, Stream, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::body::Bytes;
use peerage_protocol::{direct::ConnectionId, wire::direct::MessageType};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

use super::{
    Api,
    caller::Caller,
    direct::connection_id,
    extract::{AsWhom, Asked, Names},
    serve::FAREWELL,
};
use crate::{
    Error, GroupHandle,
    direct::{DataInterest, DirectEvent, DirectInterest, DirectListener, MAX_MESSAGE_BYTES, Pipe},
    model::{ConnectionMode, DirectTold, Problem},
};

/// Before the content of a message: its type.
const TYPE_BYTES: usize = 16;
/// The largest binary message on the socket of a pipe.
const MAX_PIECE_BYTES: usize = 1024 * 1024;
/// Read from a pipe at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The other side of the connection, or the node, ended it: close codes of our own.
const ENDED: u16 = 4000;
/// A pipe was cut before its end: what came is not all.
const CUT: u16 = 4001;
/// A message was not sent; the reason names the error.
const NOT_SENT: u16 = 4002;
const DONE: u16 = 1000;
/// What the client of a pipe says when it has taken everything.
pub(crate) const TAKEN: &str = "taken";
const GOING_AWAY: u16 = 1001;
const NOT_BINARY: u16 = 1003;
const TOO_SHORT: u16 = 1007;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// A connection as a WebSocket: messages both ways, or the bytes of a pipe
///
/// For messages, each binary message is the type (16 bytes) and the content; closing the socket leaves the
/// connection open. For a pipe, binary messages are bytes and an empty one ends that direction; the socket
/// takes the pipe, and closing it before both directions have ended cuts the pipe (close code 4001 at
/// the other side).
#[utoipa::path(get, path = "/v1/groups/{group}/direct/{id}/socket", tag = "direct",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Connection id"),
        AsWhom
    ),
    responses((status = 101, description = "a WebSocket"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn socket(
    State(api): State<Api>,
    caller: Caller,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    upgrade: Upgrade,
) -> Result<Response, Error> {
    let upgrade = upgraded(upgrade)?;
    let id = connection_id(&id)?;
    let streaming = api.begin_stream(&caller)?;
    let group = api.group(&group, &whom).await?;
    let connection = group.connection(id).await?;
    let over = streaming.over();
    if connection.mode == ConnectionMode::Stream {
        let pipe = group.take_pipe(id)?;
        return Ok(
            bounded(upgrade, MAX_PIECE_BYTES).on_upgrade(async move |socket| {
                let _held = streaming;
                let mut socket = socket;
                let end = tokio::select! {
                    end = join(&mut socket, pipe) => end,
                    () = over => Some((GOING_AWAY, "shutting_down".into())),
                };
                close(socket, end).await;
            }),
        );
    }
    let interest = DirectInterest {
        connections: true,
        pipes: false,
        data: DataInterest::All,
    };
    let listener = group.listen_on(id, interest).await?;
    let most = TYPE_BYTES + MAX_MESSAGE_BYTES;
    Ok(bounded(upgrade, most).on_upgrade(async move |socket| {
        let _held = streaming;
        let (mut sink, mut stream) = socket.split();
        let end = tokio::select! {
            end = take_messages(&mut stream, &group, id) => end,
            end = give_messages(&mut sink, listener, id) => end,
            () = over => Some((GOING_AWAY, "shutting_down".into())),
        };
        if let Ok(socket) = sink.reunite(stream) {
            close(socket, end).await;
        }
    }))
}

/// Wait for a pipe that a member opens, and take it
///
/// Members may open pipes while this socket waits. A text message tells which one came (a
/// `ConnectionInfo`); what follows is as on its own socket.
#[utoipa::path(get, path = "/v1/groups/{group}/direct/pipe", tag = "direct",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 101, description = "a WebSocket"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn accept(
    State(api): State<Api>,
    caller: Caller,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    upgrade: Upgrade,
) -> Result<Response, Error> {
    let upgrade = upgraded(upgrade)?;
    let streaming = api.begin_stream(&caller)?;
    let group = api.group(&group, &whom).await?;
    let interest = DirectInterest {
        pipes: true,
        ..DirectInterest::default()
    };
    let listener = group.listen_direct(interest).await?;
    let over = streaming.over();
    Ok(
        bounded(upgrade, MAX_PIECE_BYTES).on_upgrade(async move |socket| {
            let _held = streaming;
            let mut socket = socket;
            let taken = async {
                let pipe = wait_for_pipe(&mut socket, listener, &group).await?;
                let told = serde_json::to_string(pipe.info())
                    .expect("our own types have string keys only");
                socket.send(Message::text(told)).await.ok()?;
                join(&mut socket, pipe).await
            };
            let end = tokio::select! {
                end = taken => end,
                () = over => Some((GOING_AWAY, "shutting_down".into())),
            };
            close(socket, end).await;
        }),
    )
}

fn upgraded(upgrade: Upgrade) -> Result<WebSocketUpgrade, Error> {
    upgrade.map_err(|rejection| {
        let reason = format!("this path is a WebSocket: {}", rejection.body_text());
        Error::invalid("upgrade", reason)
    })
}

fn bounded(upgrade: WebSocketUpgrade, bytes: usize) -> WebSocketUpgrade {
    upgrade.max_message_size(bytes).max_frame_size(bytes)
}

/// Why the daemon closes a socket; none when the client is gone or has closed it.
type End = Option<(u16, Cow<'static, str>)>;

async fn close(mut socket: WebSocket, end: End) {
    let rest = async {
        if let Some((code, reason)) = end {
            let reason = reason.as_ref().into();
            // The client may be gone.
            let close = Message::Close(Some(CloseFrame { code, reason }));
            let _ = socket.send(close).await;
        }
        // Until the client has heard it: what was sent before must not be lost with the socket.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = tokio::time::timeout(FAREWELL, rest).await;
}

/// From the client to the connection.
async fn take_messages(
    stream: &mut SplitStream<WebSocket>,
    group: &GroupHandle,
    id: ConnectionId,
) -> End {
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Binary(bytes) => {
                let Some((kind, data)) = message_of(bytes) else {
                    return Some((TOO_SHORT, "a message begins with its type, 16 bytes".into()));
                };
                if let Err(error) = group.send_direct(id, kind, data).await {
                    return Some((NOT_SENT, error.code().into()));
                }
            }
            Message::Text(_) => return Some((NOT_BINARY, "messages are binary".into())),
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    None
}

fn message_of(mut bytes: Bytes) -> Option<(MessageType, Bytes)> {
    if bytes.len() < TYPE_BYTES {
        return None;
    }
    let kind = bytes.split_to(TYPE_BYTES);
    let kind = <[u8; TYPE_BYTES]>::try_from(kind.as_ref()).ok()?;
    Some((MessageType::from_bytes(kind), bytes))
}

/// From the connection to the client.
async fn give_messages(
    sink: &mut SplitSink<WebSocket, Message>,
    mut listener: DirectListener,
    id: ConnectionId,
) -> End {
    while let Some(event) = listener.next().await {
        let message = match event {
            DirectEvent::Data(message) => {
                let mut bytes = Vec::with_capacity(TYPE_BYTES + message.data.len());
                bytes.extend_from_slice(message.kind.as_bytes());
                bytes.extend_from_slice(&message.data);
                Message::binary(bytes)
            }
            DirectEvent::Disconnected(notice) if notice.id == id => {
                return Some((ENDED, notice.reason.into()));
            }
            event @ DirectEvent::Missed { .. } => {
                let told = serde_json::to_string(&DirectTold::from(event));
                Message::text(told.expect("our own types have string keys only"))
            }
            _ => continue,
        };
        sink.send(message).await.ok()?;
    }
    Some((ENDED, "group_closed".into()))
}

/// Waits until a member opens a pipe; none when the client has lost interest.
async fn wait_for_pipe(
    socket: &mut WebSocket,
    mut listener: DirectListener,
    group: &GroupHandle,
) -> Option<Pipe> {
    loop {
        tokio::select! {
            event = listener.next() => {
                let DirectEvent::Connected(info) = event? else {
                    continue;
                };
                if !info.incoming || info.mode != ConnectionMode::Stream {
                    continue;
                }
                // Unless another one who waits was quicker.
                if let Ok(pipe) = group.take_pipe(info.id) {
                    return Some(pipe);
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            },
        }
    }
}

/// Joins a socket and a pipe until both directions have ended and everything was taken on both sides.
/// The pipe is dropped before the socket is closed, so that one that was cut is cut for its other side
/// too.
async fn join(socket: &mut WebSocket, mut pipe: Pipe) -> End {
    pipe.take_by_hand();
    let (mut sink, mut stream) = socket.split();
    let (mut reading, mut writing) = tokio::io::split(pipe);
    let incoming = async {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match reading.read(&mut buffer).await {
                Ok(read) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..read]);
                    give(&mut sink, bytes).await?;
                    if read == 0 {
                        return Ok(());
                    }
                }
                Err(_) => return Err(Some((CUT, "cut".into()))),
            }
        }
    };
    let (ended, taken) = (Notify::new(), Notify::new());
    // Goes on after the last byte, to see the client go.
    let outgoing = async {
        loop {
            let bytes = match take(&mut stream).await {
                Ok(Piece::Bytes(bytes)) => bytes,
                Ok(Piece::Taken) => {
                    taken.notify_one();
                    continue;
                }
                Err(end) => return end,
            };
            let written = match bytes.is_empty() {
                true => writing.shutdown().await,
                false => writing.write_all(&bytes).await,
            };
            if written.is_err() {
                return Some((CUT, "cut".into()));
            }
            if bytes.is_empty() {
                ended.notify_one();
            }
        }
    };
    let both = async {
        incoming.await?;
        tokio::join!(ended.notified(), taken.notified());
        Ok::<(), End>(())
    };
    tokio::select! {
        done = both => if let Err(end) = done {
            return end;
        },
        end = outgoing => return end,
    }
    let mut pipe = reading.unsplit(writing);
    tokio::select! {
        finished = pipe.finish() => match finished {
            Ok(()) => Some((DONE, "".into())),
            Err(_) => Some((CUT, "cut".into())),
        },
        end = gone(&mut stream) => end,
    }
}

/// Waits until the client goes.
async fn gone<E>(stream: &mut (impl Stream<Item = Result<Message, E>> + Unpin)) -> End {
    loop {
        if let Err(end) = take(stream).await {
            return end;
        }
    }
}

async fn give(sink: &mut (impl Sink<Message> + Unpin), bytes: Bytes) -> Result<(), End> {
    sink.send(Message::Binary(bytes)).await.map_err(|_| None)
}

/// What the client of a pipe says.
enum Piece {
    /// Bytes; none mean that no more come.
    Bytes(Bytes),
    /// It has taken everything.
    Taken,
}

async fn take<E>(
    stream: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
) -> Result<Piece, End> {
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Binary(bytes) => return Ok(Piece::Bytes(bytes)),
            Message::Text(text) if text.as_str() == TAKEN => return Ok(Piece::Taken),
            Message::Text(_) => return Err(Some((NOT_BINARY, "bytes are binary".into()))),
            Message::Close(_) => return Err(None),
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    Err(None)
}
