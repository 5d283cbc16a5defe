//! Connections: accepted, bounded, timed, and ended.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::Request, response::IntoResponse};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{Api, entrance, guard::Way, patience::Patient, told};
use crate::{
    Error,
    applications::{Permit, Registered},
};

/// At most this many connections on the socket, and as many on loopback: none of the two can use up
/// the other's.
pub const MAX_CONNECTIONS: usize = 256;

/// A request's head has arrived within this time, and so has the first byte of the next one.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// At most this many bytes in a request's head.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// At most this many headers in a request.
pub const MAX_HEADERS: usize = 64;

/// How long accepting rests when the system has no sockets left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// How long a connection that is ended to make room may take to end.
const ROOM_PATIENCE: Duration = Duration::from_millis(100);

/// At most this many who are turned away are told why at once; the others are only disconnected.
pub(super) const MAX_TURNED_AWAY: usize = 16;

/// How long whoever is disconnected may take to read why.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// They have asked by then, or hear nothing.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) way: Way,
    strangers: Arc<Strangers>,
    number: u64,
    /// Under whose name it counts.
    counted: Mutex<Option<(String, Permit)>>,
    /// Cancelled when whoever asked last may ask no longer.
    ended: watch::Sender<CancellationToken>,
    /// The answer under way is a stream.
    streams: Arc<AtomicBool>,
}

impl Connection {
    /// An application is at the other end; from now on the connection counts as its, and ends with its
    /// token.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] when it has as many as it may.
    pub(super) fn is_of(&self, application: &Registered) -> Result<(), Error> {
        let name = &application.kept.name;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.as_ref().is_none_or(|(known, _)| known != name) {
            *counted = Some((name.clone(), application.usage.connect()?));
        }
        self.ended.send_replace(application.ended.clone());
        self.strangers.forget(self.number);
        Ok(())
    }

    /// The operator is at the other end.
    pub(super) fn is_of_operator(&self) {
        self.ended.send_replace(CancellationToken::new());
    }

    /// Waits until whoever asked last may ask no longer, and has had the time to be told. What it has
    /// begun ends by itself, except an answer that nobody reads.
    async fn revoked(&self) {
        let mut whose = self.ended.subscribe();
        loop {
            let ended = whose.borrow_and_update().clone();
            tokio::select! {
                () = ended.cancelled() => break,
                _ = whose.changed() => {}
            }
        }
        tokio::time::sleep(FAREWELL).await;
    }
}

/// The connections on loopback at whose other end might be anybody, oldest first.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<(u64, BTreeMap<u64, CancellationToken>)>);

impl Strangers {
    fn add(&self) -> (u64, CancellationToken) {
        let mut inner = self.lock();
        let token = CancellationToken::new();
        inner.0 += 1;
        let number = inner.0;
        inner.1.insert(number, token.clone());
        (number, token)
    }

    fn forget(&self, number: u64) {
        self.lock().1.remove(&number);
    }

    /// Ends the oldest, if there is one: whoever says nothing must not keep out those with a token.
    fn make_room(&self) -> bool {
        let oldest = self.lock().1.pop_first();
        oldest.map(|(_, oldest)| oldest.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, CancellationToken>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves connections until told to stop, then lets those under way finish.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) api: Api,
    pub(super) router: Router,
    pub(super) stop: CancellationToken,
    pub(super) connections: JoinSet<()>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) turned_away: Arc<Semaphore>,
}

impl Serving {
    pub(super) async fn run(mut self, socket: UnixListener, loopback: Option<TcpListener>) {
        let (sockets, loopbacks) = (slots(), slots());
        let port = loopback
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
            .map_or(0, |address: SocketAddr| address.port());
        loop {
            let accepted = async {
                match &loopback {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            let failed = tokio::select! {
                () = self.stop.cancelled() => break,
                Some(_) = self.connections.join_next() => continue,
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        self.take_local(stream, &sockets).await;
                        None
                    }
                    Err(error) => Some(error),
                },
                accepted = accepted => match accepted {
                    Ok((stream, _)) => {
                        // Small answers are not held back to be sent with others.
                        let _ = stream.set_nodelay(true);
                        self.take(stream, Way::Loopback(port), &loopbacks).await;
                        None
                    }
                    Err(error) => Some(error),
                },
            };
            if let Some(error) = failed {
                self.rest(&error).await;
            }
        }
        drop((socket, loopback));
        while self.connections.join_next().await.is_some() {}
    }

    /// A connection that broke before it was accepted is nothing; no sockets left is a reason to wait.
    async fn rest(&self, error: &io::Error) {
        let broken = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        );
        if !broken {
            tracing::warn!(%error, "no connection was accepted");
            tokio::time::sleep(EXHAUSTED_PAUSE).await;
        }
    }

    /// Somebody on the socket: the same user, or root, who can be every user.
    async fn take_local(&mut self, stream: UnixStream, slots: &Arc<Semaphore>) {
        let ours = rustix::process::geteuid().as_raw();
        match stream.peer_cred().map(|peer| peer.uid()) {
            Ok(uid) if uid == ours || uid == 0 => self.take(stream, Way::Socket, slots).await,
            other => {
                tracing::warn!(uid = ?other.ok(), "another user was turned away from the API");
                self.turn_away(stream, || Error::OtherUser, "api_other_user");
            }
        }
    }

    async fn take<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &mut self,
        stream: S,
        way: Way,
        slots: &Arc<Semaphore>,
    ) {
        let mut slot = Arc::clone(slots).try_acquire_owned().ok();
        if slot.is_none() && way != Way::Socket && self.strangers.make_room() {
            let freed = Arc::clone(slots).acquire_owned();
            let freed = tokio::time::timeout(ROOM_PATIENCE, freed).await;
            slot = freed.ok().and_then(Result::ok);
        }
        let Some(slot) = slot else {
            return self.turn_away(stream, || Error::Busy, "api_connections");
        };
        let (number, room) = match way {
            Way::Loopback(_) => self.strangers.add(),
            Way::Socket => (0, CancellationToken::new()),
        };
        let connection = Arc::new(Connection {
            way,
            strangers: Arc::clone(&self.strangers),
            number,
            counted: Mutex::new(None),
            ended: watch::Sender::new(CancellationToken::new()),
            streams: Arc::default(),
        });
        let (api, router, stop) = (self.api.clone(), self.router.clone(), self.stop.clone());
        self.connections
            .spawn(serve(stream, connection, api, router, stop, room, slot));
    }

    /// Answers one request with why, whatever it asks, and closes.
    fn turn_away<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &mut self,
        stream: S,
        why: fn() -> Error,
        bound: &'static str,
    ) {
        self.api.node.counters().dropped(bound);
        let Ok(slot) = Arc::clone(&self.turned_away).try_acquire_owned() else {
            return;
        };
        self.connections.spawn(async move {
            let _slot = slot;
            let service = hyper::service::service_fn(move |_: Request<Incoming>| async move {
                Ok::<_, std::convert::Infallible>(why().into_response())
            });
            let mut http = http1::Builder::new();
            http.keep_alive(false).max_buf_size(MAX_HEAD_BYTES);
            let said = http.serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(REFUSAL_TIMEOUT, said).await;
        });
    }
}

fn slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_CONNECTIONS))
}

async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    connection: Arc<Connection>,
    api: Api,
    router: Router,
    stop: CancellationToken,
    room: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let routes = TowerToHyperService::new(router);
    let here = Arc::clone(&connection);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (api, routes, connection) = (api.clone(), routes.clone(), Arc::clone(&here));
        async move {
            let answer = match entrance::enter(&api, &connection, request).await {
                Ok(request) => match routes.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                },
                Err(refused) => refused,
            };
            let streams = told::is_stream(&answer);
            connection.streams.store(streams, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(entrance::sealed(answer))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let stream = Patient::new(stream, Arc::clone(&connection.streams));
    let mut serving = std::pin::pin!(
        http.serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = room.cancelled() => Ok(()),
        () = connection.revoked() => Ok(()),
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.as_mut().await
        }
    };
    connection.strangers.forget(connection.number);
    if let Err(error) = served {
        // Broken off, or not HTTP: the other end's affair.
        tracing::debug!(%error, "a connection to the API ended");
    }
}
