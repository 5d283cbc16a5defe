//! The local HTTP API: everything a [`Node`] can do, for applications in any language.
//!
//! It is served on a Unix socket that only the owner may open, and on loopback where an operator wants
//! that: there every request carries the token of an application. Paths begin with `/v1/`; bodies
//! are JSON, refused when they have unknown fields; errors are `application/problem+json`; events
//! are streamed as server-sent events or as one JSON object per line. `GET /v1/openapi.json`
//! describes all of it, made from the same declarations that make the routes.

use std::{future::Future, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use direct_socket::TAKEN;
pub(crate) use extract::segment;
pub(crate) use files::FILE_BYTES_HEADER;
pub use once::{KEPT_FOR, MAX_ANSWERS, MAX_ANSWERS_BYTES, MAX_AT_ONCE, MAX_KEY_CHARS};
pub use serve::{HEAD_TIMEOUT, MAX_CONNECTIONS, MAX_HEAD_BYTES, MAX_HEADERS};

use crate::{Error, Node};

mod access;
mod applications;
mod caller;
mod confine;
#[allow(unused_qualifications, reason = "in what utoipa's macro writes")]
mod direct;
mod direct_socket;
mod document;
mod doors;
mod entrance;
mod errors;
#[allow(unused_qualifications, reason = "in what utoipa's macro writes")]
mod events;
mod extract;
mod files;
mod group_key;
mod groups;
mod guard;
mod identities;
#[allow(unused_qualifications, reason = "in what utoipa's macro writes")]
mod inspection;
mod invitations;
mod layers;
mod members;
mod node;
mod once;
mod page;
mod patience;
mod portable;
mod properties;
#[allow(unused_qualifications, reason = "in what utoipa's macro writes")]
mod records;
mod serve;
#[allow(unused_qualifications, reason = "in what utoipa's macro writes")]
mod session;
mod socket;
mod standing;
mod told;
mod unread;

/// At most this many bytes in the body of a request: an invitation or a full record in base64 needs
/// less than a third.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A request is answered within this time; a stream begins within it.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that moves a whole node or group is answered within this time.
pub const TRANSFER_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The requests that do.
const TRANSFERS: [&str; 2] = ["/v1/backup", "/v1/groups/{group}/database"];

/// At most this many requests of the operator at once; each may hold one body. Applications have shares
/// of their own.
pub const MAX_REQUESTS: usize = 256;

/// At most this many streams and sockets of the operator held open at once; each holds one queue.
pub const MAX_STREAMS: usize = 128;

/// At most this many items in one answer.
pub const MAX_PAGE: usize = 1_000;

/// A page of records ends with the one that makes its content longer than this: an answer is in memory
/// until it has been read.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What every handler has.
#[derive(Debug, Clone)]
struct Api {
    node: Node,
    /// Ends the streams, and whoever waits for it ends the node.
    stop: CancellationToken,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    answers: Arc<once::Answers>,
    /// Requests without a good token that wait for their answer.
    guesses: Arc<Semaphore>,
    /// Origins whose pages may use the API.
    origins: Arc<[String]>,
    document: Arc<str>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Peerage local API",
        description = "Everything a node can do, on a Unix socket. Times are RFC 3339 in UTC; \
                       a group or identity is named by its peer name, a unique start of it of at \
                       least 4 characters, or its friendly name.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "node", description = "The node as a whole"),
        (name = "applications", description = "Who may use the node, beside its operator"),
        (name = "identities", description = "Who you are"),
        (name = "groups", description = "Where you are a member"),
        (name = "members", description = "Who is in a group, and by whom"),
        (name = "invitations", description = "How others become members"),
        (name = "doors", description = "How people without an invitation become members"),
        (name = "group-key", description = "The group's own key, for the day a disk is lost"),
        (name = "portable", description = "Taking groups and nodes to other machines, and keeping copies"),
        (name = "records", description = "What the members of a group share"),
        (name = "direct", description = "Connections between two members' applications"),
        (name = "events", description = "What happens in a group"),
        (name = "errors", description = "What can go wrong, and what to do then"),
    )
)]
struct Document;

/// A bound socket, serving once [`run`](Server::run) is polled.
#[derive(Debug)]
pub struct Server {
    listener: socket::Listener,
    loopback: Option<TcpListener>,
    router: Router,
    api: Api,
}

impl Server {
    /// Binds the socket, and the address on loopback that the node's settings name. A socket left behind
    /// by a daemon that died is replaced.
    ///
    /// `stop` ends the server when cancelled, and is cancelled by `POST /v1/shutdown`.
    ///
    /// # Errors
    /// [`Error::SocketInUse`] when a daemon answers on it, [`Error::UnableToListen`] when the address is
    /// taken, or when the socket cannot be made.
    pub fn bind(node: Node, path: &Path, stop: CancellationToken) -> Result<Self, Error> {
        let listener = socket::Listener::bind(path)?;
        let loopback = node.settings().api_listen.map(listen).transpose()?;
        let answers = once::Answers::open(node.folder())?;
        let (router, _) = routes().split_for_parts();
        let document = openapi()
            .to_json()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let api = Api {
            guesses: Arc::new(Semaphore::new(entrance::MAX_GUESSES)),
            origins: node.settings().api_allow_origins.clone().into(),
            node,
            stop,
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            answers,
            document: document.into(),
        };
        let router = router
            .fallback(layers::no_such_path)
            .method_not_allowed_fallback(layers::no_such_method)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(middleware::from_fn_with_state(api.clone(), once::once))
            .layer(middleware::from_fn_with_state(api.clone(), layers::watch))
            .with_state(api.clone());
        Ok(Self {
            listener,
            loopback,
            router,
            api,
        })
    }

    /// Where it listens on loopback, with the port really taken.
    #[must_use]
    pub fn loopback(&self) -> Option<SocketAddr> {
        self.loopback.as_ref()?.local_addr().ok()
    }

    /// Serves until `stop` is cancelled, then finishes what was begun and removes the socket.
    ///
    /// # Errors
    /// None today.
    pub fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        let Self {
            listener,
            loopback,
            router,
            api,
        } = self;
        async move {
            // Removes the socket at the end, however it comes.
            let (listener, _guard) = listener.into_parts();
            let serving = serve::Serving {
                stop: api.stop.clone(),
                api,
                router,
                connections: JoinSet::new(),
                strangers: Arc::default(),
                turned_away: Arc::new(Semaphore::new(serve::MAX_TURNED_AWAY)),
            };
            serving.run(listener, loopback).await;
            Ok(())
        }
    }
}

/// The API's description, as served on `/v1/openapi.json`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    document::finish(&mut document);
    access::describe(&mut document);
    document
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listening = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    listening.map_err(|error| Error::UnableToListen {
        address: address.to_string(),
        reason: error.to_string(),
    })
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(node::status))
        .routes(routes!(inspection::doctor))
        .routes(routes!(node::shutdown))
        .routes(routes!(node::document))
        .routes(routes!(node::metrics))
        .routes(routes!(applications::current))
        .routes(routes!(applications::list, applications::register))
        .routes(routes!(applications::show, applications::revoke))
        .routes(routes!(applications::renew))
        .routes(routes!(session::session))
        .routes(routes!(identities::list, identities::create))
        .routes(routes!(inspection::memberships))
        .routes(routes!(identities::default))
        .routes(routes!(identities::default_card))
        .routes(routes!(identities::import))
        .routes(routes!(
            identities::show,
            identities::change,
            identities::delete
        ))
        .routes(routes!(identities::card))
        .routes(routes!(identities::export))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::join))
        .routes(routes!(doors::visit))
        .routes(routes!(groups::show, groups::delete))
        .routes(routes!(groups::open))
        .routes(routes!(groups::connect))
        .routes(routes!(groups::connect_at))
        .routes(routes!(groups::close))
        .routes(routes!(properties::show, properties::change))
        .routes(routes!(properties::nodes))
        .routes(routes!(properties::node))
        .routes(routes!(properties::presence))
        .routes(routes!(members::list))
        .routes(routes!(members::show))
        .routes(routes!(members::tree))
        .routes(routes!(standing::remove))
        .routes(routes!(standing::renew))
        .routes(routes!(standing::progress))
        .routes(routes!(standing::leave))
        .routes(routes!(standing::audit))
        .routes(routes!(standing::audit_file))
        .routes(routes!(groups::neighbours))
        .routes(routes!(groups::fingerprint))
        .routes(routes!(inspection::graph))
        .routes(routes!(inspection::ping))
        .routes(routes!(doors::show, doors::open, doors::close))
        .routes(routes!(doors::address))
        .routes(routes!(doors::inspect))
        .routes(routes!(doors::requests))
        .routes(routes!(doors::accept))
        .routes(routes!(doors::deny))
        .routes(routes!(group_key::export))
        .routes(routes!(group_key::admin))
        .routes(routes!(group_key::import))
        .routes(routes!(portable::export_config))
        .routes(routes!(portable::import_config))
        .routes(routes!(
            portable::export_database,
            portable::import_database
        ))
        .routes(routes!(portable::settle))
        .routes(routes!(portable::backup))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::inspect))
        .routes(routes!(invitations::show))
        .routes(routes!(invitations::reissue))
        .routes(routes!(invitations::revoke))
        .routes(routes!(records::list, records::publish))
        .routes(routes!(records::get, records::update, records::delete))
        .routes(routes!(direct::list, direct::open))
        .routes(routes!(direct::listen))
        .routes(routes!(direct_socket::accept))
        .routes(routes!(direct::show, direct::close))
        .routes(routes!(direct::send))
        .routes(routes!(direct_socket::socket))
        .routes(routes!(events::events))
        .routes(routes!(events::acknowledge))
        .routes(routes!(events::consumers))
        .routes(routes!(events::remove_consumer))
        .routes(routes!(errors::list))
        .routes(routes!(errors::show))
}
