//! Talks to the daemon over its socket.

mod choice;
mod transfer;

use std::{path::PathBuf, time::Duration};

use futures::Stream;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    client::conn::http1,
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use super::{args::GroupArg, failure::Failure};
use crate::{
    Error,
    api::{MAX_PAGE, segment},
    error::catalogue,
    model::{GroupEvent, GroupInfo, IdentityInfo, Page, Problem},
};

/// A page of full records is the largest answer.
const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;
/// At most this many bytes in one line of a stream: a full message of a direct connection in base64.
const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;
/// The daemon answers, or says that it cannot, within half of this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to the daemon; connects anew for each request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    socket: PathBuf,
    /// Makes the requests those of an application.
    token: Option<HeaderValue>,
}

impl Client {
    /// A way to the daemon: as its operator, or as the application whose token this is.
    ///
    /// # Errors
    /// When the token cannot be one.
    pub(super) fn new(socket: PathBuf, token: Option<&str>) -> Result<Self, Failure> {
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {}", token.trim())));
        let mut token = token
            .transpose()
            .map_err(|_| Error::invalid("PEERAGE_TOKEN", "is not a token"))?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Self { socket, token })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(Method::GET, path, None::<&()>).await
    }

    /// A whole list, page by page.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        self.list_up_to(path, usize::MAX).await
    }

    /// The first items of a list, page by page.
    pub(super) async fn list_up_to<T: DeserializeOwned>(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<Vec<T>, Failure> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items: Vec<T> = Vec::new();
        let mut cursor = String::new();
        while items.len() < limit {
            let count = (limit - items.len()).min(MAX_PAGE);
            let page = format!("{path}{separator}limit={count}{cursor}");
            let page: Page<T> = self.get(&page).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={}", segment(&next)),
                None => break,
            }
        }
        Ok(items)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(Method::PUT, path, Some(body)).await
    }

    /// Deletes something that leaves something to be told of.
    pub(super) async fn remove<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(Method::DELETE, path, None::<&()>).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.bytes(Method::DELETE, path, None::<&()>)
            .await
            .map(drop)
    }

    /// A request without a body whose answer has content.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(Method::POST, path, None::<&()>).await
    }

    /// A request whose answer has no content.
    pub(super) async fn tell(&self, path: &str) -> Result<(), Failure> {
        self.bytes(Method::POST, path, None::<&()>).await.map(drop)
    }

    /// Names the identities to choose from where one is missing: what the daemon says of several groups
    /// is true of one group as several identities, too.
    pub(super) async fn told_apart(&self, failure: Failure) -> Failure {
        if !failure.is(&catalogue::GROUP_AMBIGUOUS) {
            return failure;
        }
        // Who may not list the groups is told what the daemon said.
        let mut groups: Vec<GroupInfo> = self.list("/v1/groups").await.unwrap_or_default();
        groups.retain(|group| failure.0.detail.contains(&group.name));
        match groups.as_slice() {
            [first, more @ ..]
                if !more.is_empty() && more.iter().all(|other| other.name == first.name) =>
            {
                let identities = choice::identities(self, &groups).await;
                choice::which_identity(first, &identities)
            }
            _ => failure,
        }
    }

    /// The path of a group: the one named, else the only one there is.
    pub(super) async fn group(&self, wanted: &GroupArg) -> Result<GroupPath, Failure> {
        if let Some(group) = &wanted.group {
            return Ok(GroupPath::new(group, wanted.identity.as_deref()));
        }
        let identity = match &wanted.identity {
            Some(name) => {
                let path = format!("/v1/identities/{}", segment(name));
                let identity: IdentityInfo = self.get(&path).await?;
                Some(identity.name)
            }
            None => None,
        };
        let mut groups: Vec<GroupInfo> = self.list("/v1/groups").await?;
        groups.retain(|group| identity.as_ref().is_none_or(|one| group.identity == *one));
        match groups.as_slice() {
            [only] => Ok(GroupPath::new(&only.name, Some(&only.identity))),
            [] => Err(choice::no_group(identity.as_deref())),
            [first, more @ ..] if more.iter().all(|other| other.name == first.name) => {
                let identities = choice::identities(self, &groups).await;
                Err(choice::which_identity(first, &identities))
            }
            several => Err(choice::which_group(several, wanted.as_argument)),
        }
    }

    /// The events of a group that are asked for, as they come.
    pub(super) async fn events(
        &self,
        group: &GroupPath,
        query: &str,
    ) -> Result<impl Stream<Item = Result<GroupEvent, Failure>>, Failure> {
        self.lines(&group.asking("/events", query)).await
    }

    /// What a stream tells, until the daemon stops.
    pub(super) async fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<T, Failure>> + use<T>, Failure> {
        let request = Request::get(path)
            .header(header::HOST, "peerage")
            .header(header::ACCEPT, "application/x-ndjson")
            .body(Full::<Bytes>::default())
            .map_err(internal)?;
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let lines = Lines {
            body: response.into_body(),
            buffer: Vec::new(),
            looked_at: 0,
        };
        Ok(futures::stream::try_unfold(lines, |mut lines| async move {
            let line = loop {
                match lines.next().await? {
                    // It only says that it is there.
                    Some(line) if line.is_empty() => {}
                    Some(line) => break line,
                    None => return Ok(None),
                }
            };
            match serde_json::from_slice(&line) {
                Ok(told) => Ok(Some((told, lines))),
                Err(error) => Err(match serde_json::from_slice::<Problem>(&line) {
                    Ok(problem) => Failure::from(problem),
                    Err(_) => internal(error),
                }),
            }
        }))
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let bytes = self.bytes(method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(internal)
    }

    async fn bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Bytes, Failure> {
        let request = request_of(method, path, body)?;
        let exchange = async {
            let response = self.send(request).await?;
            if !response.status().is_success() {
                return Err(self.refusal(response).await);
            }
            collect(response).await
        };
        tokio::time::timeout(ANSWER_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(Error::TimedOut {
                    seconds: ANSWER_TIMEOUT.as_secs(),
                }
                .into())
            })
    }

    /// A connection to the daemon.
    pub(super) async fn connect(&self) -> Result<UnixStream, Failure> {
        let connecting = UnixStream::connect(&self.socket).await;
        connecting.map_err(|source| {
            Failure::from(Error::DaemonUnreachable {
                path: self.socket.clone(),
                source,
            })
        })
    }

    /// What says whose requests these are; nothing says that they are the operator's.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.token.as_ref()
    }

    async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, Failure>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        if let Some(token) = self.authorization() {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }

    /// The problem the daemon tells of.
    async fn refusal(&self, response: Response<Incoming>) -> Failure {
        let status: StatusCode = response.status();
        match collect(response).await {
            Ok(bytes) => match serde_json::from_slice::<Problem>(&bytes) {
                Ok(problem) => problem.into(),
                Err(_) => internal(format!("the daemon answered {status}")),
            },
            Err(failure) => failure,
        }
    }
}

/// A group as part of a path.
#[derive(Debug, Clone)]
pub(super) struct GroupPath {
    group: String,
    identity: Option<String>,
}

impl GroupPath {
    fn new(group: &str, identity: Option<&str>) -> Self {
        Self {
            group: segment(group),
            identity: identity.map(segment),
        }
    }

    /// The path of something of the group.
    pub(super) fn below(&self, rest: &str) -> String {
        self.asking(rest, "")
    }

    /// The same with a query.
    pub(super) fn asking(&self, rest: &str, query: &str) -> String {
        let mut path = format!("/v1/groups/{}{rest}", self.group);
        let mut separator = '?';
        if let Some(identity) = &self.identity {
            path.push_str(&format!("{separator}identity={identity}"));
            separator = '&';
        }
        if !query.is_empty() {
            path.push(separator);
            path.push_str(query);
        }
        path
    }
}

struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    /// So much of the buffer holds no end of a line.
    looked_at: usize,
}

impl Lines {
    /// The next line that is not empty, without its end; none when the stream has ended.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let unseen = &self.buffer[self.looked_at..];
            if let Some(end) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.looked_at + end + 1);
                self.looked_at = 0;
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            self.looked_at = self.buffer.len();
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(internal("the daemon sent an endless line"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(broken(error)),
                None => return Ok(None),
            }
        }
    }
}

async fn collect(response: Response<Incoming>) -> Result<Bytes, Failure> {
    Limited::new(response.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .map_err(internal)
}

fn broken(error: hyper::Error) -> Failure {
    // The daemon went away in the middle.
    let mut failure = Failure::from(Error::ShuttingDown);
    failure.0.detail = format!("the daemon broke off: {error}");
    failure.advise("see the daemon's log; start it with: peerage up")
}

/// A request with this body as JSON, or without one.
fn request_of(
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "peerage");
    let body = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(serde_json::to_vec(body).map_err(internal)?)
        }
        None => Bytes::new(),
    };
    request.body(Full::new(body)).map_err(internal)
}

fn internal(error: impl ToString) -> Failure {
    Error::Internal(error.to_string()).into()
}
