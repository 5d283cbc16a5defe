//! A WebSocket to the daemon, over its Unix socket.

use std::{io, time::Duration};

use futures::{SinkExt, StreamExt};
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;
use peerage_protocol::wire::direct::{MAX_DIRECT_MESSAGE_BYTES, MessageType};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    sync::Notify,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{client::Client, failure::Failure};
use crate::{Error, api::TAKEN, model::Problem};

/// Read from standard input or a TCP connection at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// What the daemon says when a pipe has ended in order.
const DONE: u16 = 1000;
/// How long the daemon may take to greet.
const GREETING: Duration = Duration::from_secs(30);

/// An open WebSocket.
pub(super) struct Socket(WebSocketStream<UnixStream>);

impl Socket {
    pub(super) async fn open(client: &Client, path: &str) -> Result<Self, Failure> {
        let stream = client.connect().await?;
        let mut request = format!("ws://peerage{path}")
            .into_client_request()
            .map_err(|error| Failure::from(Error::Internal(error.to_string())))?;
        if let Some(token) = client.authorization() {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, token.clone());
        }
        let most = Some(MAX_DIRECT_MESSAGE_BYTES + 16);
        let config = WebSocketConfig::default()
            .max_message_size(most)
            .max_frame_size(most);
        let greeting = client_async_with_config(request, stream, Some(config));
        match timeout(GREETING, greeting).await {
            Ok(Ok((socket, _))) => Ok(Self(socket)),
            Ok(Err(error)) => Err(refusal(error)),
            Err(_) => Err(Error::TimedOut {
                seconds: GREETING.as_secs(),
            }
            .into()),
        }
    }

    /// Sends one message; the network has it when this returns.
    pub(super) async fn send_message(
        mut self,
        kind: MessageType,
        data: Vec<u8>,
    ) -> Result<(), Failure> {
        let message = [kind.as_bytes().as_slice(), &data].concat();
        self.0
            .send(Message::binary(message))
            .await
            .map_err(broken)?;
        // The daemon answers it when it has done what came before.
        self.0.send(Message::Close(None)).await.map_err(broken)?;
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(None))) | None => return Ok(()),
                Some(Ok(Message::Close(Some(frame)))) if frame.code == DONE.into() => return Ok(()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(closed(&frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }

    /// Joins the pipe behind the socket with a reader and a writer, until both directions have ended and
    /// everything was taken on both sides.
    pub(super) async fn join(
        self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
        what: Joined,
    ) -> Result<(), Failure> {
        let unwritten = |error| what.unwritten(error);
        let (mut sink, mut stream) = self.0.split();
        let all_taken = Notify::new();
        let outgoing = async {
            let mut buffer = vec![0; BUFFER_BYTES];
            let (mut ended, mut said) = (false, false);
            while !(ended && said) {
                let read = tokio::select! {
                    read = reader.read(&mut buffer), if !ended => {
                        read.map_err(|error| what.unread(error))?
                    }
                    () = all_taken.notified(), if !said => {
                        said = true;
                        sink.send(Message::text(TAKEN)).await.map_err(broken)?;
                        if ended || what != Joined::Terminal {
                            continue;
                        }
                        0
                    }
                };
                let bytes = Bytes::copy_from_slice(&buffer[..read]);
                sink.send(Message::Binary(bytes)).await.map_err(broken)?;
                ended = read == 0;
            }
            Ok::<(), Failure>(())
        };
        let incoming = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => {
                        writer.shutdown().await.map_err(unwritten)?;
                        all_taken.notify_one();
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        writer.write_all(&bytes).await.map_err(unwritten)?;
                        writer.flush().await.map_err(unwritten)?;
                    }
                    Some(Ok(Message::Close(Some(frame)))) if frame.code == DONE.into() => {
                        return Ok(());
                    }
                    Some(Ok(Message::Close(Some(frame)))) => return Err(closed(&frame)),
                    Some(Ok(Message::Close(None))) | None => return Err(cut("closed")),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(broken(error)),
                }
            }
        };
        // The daemon closes the socket when both directions have ended.
        let mut incoming = std::pin::pin!(incoming);
        tokio::select! {
            done = &mut incoming => done,
            sent = outgoing => match sent {
                Ok(()) => incoming.await,
                // The daemon may have said why.
                Err(failure) => match timeout(LAST_WORDS, incoming).await {
                    Ok(Err(better)) => Err(better),
                    _ => Err(failure),
                },
            },
        }
    }
}

/// How long the daemon's reason is waited for when the socket takes no more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a pipe is joined with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// A terminal, which nobody ends: our direction ends with the other one at the latest.
    Terminal,
    /// Files or pipes of the shell.
    Standard,
    /// A TCP connection.
    Tcp,
}

impl Joined {
    fn unread(self, error: io::Error) -> Failure {
        match self {
            Self::Tcp => cut(&format!("reading the TCP connection: {error}")),
            Self::Terminal | Self::Standard => Error::io("standard input", error).into(),
        }
    }

    fn unwritten(self, error: io::Error) -> Failure {
        match self {
            Self::Tcp => cut(&format!("writing the TCP connection: {error}")),
            // A reader that has seen enough (`| head`) has not taken everything.
            _ if error.kind() == io::ErrorKind::BrokenPipe => cut("standard output was closed"),
            Self::Terminal | Self::Standard => Error::io("standard output", error).into(),
        }
    }
}

fn closed(frame: &CloseFrame) -> Failure {
    cut(frame.reason.as_str())
}

fn cut(reason: &str) -> Failure {
    Error::DirectCut {
        reason: reason.to_owned(),
    }
    .into()
}

fn broken(error: tungstenite::Error) -> Failure {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => cut("closed"),
        error => cut(&error.to_string()),
    }
}

/// The problem the daemon answers in place of greeting.
fn refusal(error: tungstenite::Error) -> Failure {
    if let tungstenite::Error::Http(response) = &error
        && let Some(body) = response.body()
        && let Ok(problem) = serde_json::from_slice::<Problem>(body)
    {
        return problem.into();
    }
    Error::Internal(format!("no WebSocket: {error}")).into()
}
