//! Requests that come with an idempotency key: however often they come, they are carried out once.
//!
//! ```text
//! absent ──► begun ──► answered          again, the same request: the same answer
//!              │                         again, another request:  key_reused
//!              ├──► absent               it failed: nothing was changed, it may be tried again
//!              └──► begun for ever       the node died meanwhile: interrupted, says who comes again
//! ```
//! Publishing a record is never interrupted: its id derives from the key, so the same record is published
//! again, or found. What is begun goes on when the caller hangs up; whoever comes again meanwhile waits.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::{Api, MAX_BODY_BYTES, caller::Caller};
use crate::{
    Error,
    folder::{AnswerHead, AnswerName, DataFolder, KeptAnswer, MAX_ANSWER_BYTES},
    handle::blocking,
};

/// The header with the key.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// At most this many characters in a key; a UUID has 36.
pub const MAX_KEY_CHARS: usize = 128;
/// A key is good for so long.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// At most this many answers are kept; the oldest goes first.
pub const MAX_ANSWERS: usize = 10_000;
/// At most this many bytes of answers are kept; the oldest goes first.
pub const MAX_ANSWERS_BYTES: u64 = 64 * 1024 * 1024;
/// At most this many requests with a key at once, because they go on when the caller does not wait.
pub const MAX_AT_ONCE: usize = 64;

/// The requests that take a key: those that make or publish something. All others do the same when they
/// come twice, or hand out what must not be kept.
pub(super) const TAKE_A_KEY: &[&str] = &[
    "/v1/identities",
    "/v1/identities/import",
    "/v1/groups",
    "/v1/groups/join",
    "/v1/groups/visit",
    "/v1/groups/recover",
    "/v1/groups/import",
    "/v1/groups/{group}/invitations",
    "/v1/groups/{group}/members/{member}/renew",
    "/v1/invitations/{id}/reissue",
    PUBLISH,
];
const PUBLISH: &str = "/v1/groups/{group}/records";

/// The key of a request, together with whose it is.
#[derive(Debug, Clone)]
pub(super) struct OnceKey(pub(super) String);

/// The answers that are kept, and the requests under way.
#[derive(Debug)]
pub(super) struct Answers {
    folder: Arc<DataFolder>,
    kept: Mutex<Kept>,
    under_way: Mutex<HashMap<AnswerName, Arc<tokio::sync::Mutex<()>>>>,
}

/// By age, to know which goes first.
#[derive(Debug, Default)]
struct Kept {
    by_age: BTreeSet<(SystemTime, AnswerName)>,
    facts: HashMap<AnswerName, (SystemTime, u64)>,
    bytes: u64,
}

/// A request with a key.
struct Once {
    name: AnswerName,
    request: String,
    /// The request may be carried out again when it is not known what became of it.
    repeatable: bool,
}

/// Carries out what comes with a key once.
pub(super) async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let takes_a_key = request.method() == Method::POST
        && route.is_some_and(|route| TAKE_A_KEY.contains(&route.as_str()));
    if !takes_a_key || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    carry_out(&api, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn carry_out(api: &Api, request: Request, next: Next) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let key = key(&parts)?;
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES,
        })?;
    let once = Once::new(&key, &parts, &body);
    let answers = Arc::clone(&api.answers);
    let turn = answers.turn(once.name)?.lock_owned().await;
    if let Some(kept) = answers.kept(once.name).await? {
        if kept.head.request != once.request {
            return Err(Error::KeyReused);
        }
        match kept.head.status {
            Some(status) => return Ok(replay(status, kept)),
            None if once.repeatable => {}
            None => return Err(Error::Interrupted),
        }
    }
    parts.extensions.insert(key);
    let request = Request::from_parts(parts, Body::from(body));
    // Goes on when the caller hangs up.
    tokio::spawn(answers.answer(turn, once, request, next))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

/// The key as it was sent.
fn key(parts: &Parts) -> Result<OnceKey, Error> {
    let mut keys = parts.headers.get_all(KEY).iter();
    match (keys.next().map(HeaderValue::to_str), keys.next()) {
        (Some(Ok(key)), None)
            if (1..=MAX_KEY_CHARS).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(OnceKey(format!("{}/{key}", scope(parts))))
        }
        _ => Err(Error::invalid(
            "Idempotency-Key",
            format!("is 1 to {MAX_KEY_CHARS} visible characters of ASCII, given once"),
        )),
    }
}

/// Whose key it is: equal keys of two applications are two keys.
fn scope(parts: &Parts) -> &str {
    let caller = parts.extensions.get::<Caller>();
    caller.map_or("nobody", Caller::name)
}

impl Once {
    fn new(key: &OnceKey, parts: &Parts, body: &Bytes) -> Self {
        let route = parts.extensions.get::<MatchedPath>();
        let request = Sha256::new()
            .chain_update(parts.method.as_str())
            .chain_update([0])
            .chain_update(parts.uri.to_string())
            .chain_update([0])
            .chain_update(body)
            .finalize();
        Self {
            name: Sha256::digest(&key.0).into(),
            request: HEXLOWER.encode(&request),
            repeatable: route.is_some_and(|route| route.as_str() == PUBLISH),
        }
    }

    fn head(&self, status: Option<StatusCode>) -> AnswerHead {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        AnswerHead {
            request: self.request.clone(),
            at: now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
            status: status.map(|status| status.as_u16()),
            content_type: None,
            location: None,
        }
    }
}

impl Answers {
    /// Finds what is kept from before.
    pub(super) fn open(folder: Arc<DataFolder>) -> Result<Arc<Self>, Error> {
        let mut kept = Kept::default();
        for (name, at, bytes) in folder.answers()? {
            kept.add(name, at, bytes);
        }
        Ok(Arc::new(Self {
            folder,
            kept: Mutex::new(kept),
            under_way: Mutex::default(),
        }))
    }

    /// One request of a name at a time.
    fn turn(&self, name: AnswerName) -> Result<Arc<tokio::sync::Mutex<()>>, Error> {
        let mut under_way = lock(&self.under_way);
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        if under_way.len() >= MAX_AT_ONCE && !under_way.contains_key(&name) {
            return Err(Error::Busy);
        }
        Ok(Arc::clone(under_way.entry(name).or_default()))
    }

    async fn kept(self: &Arc<Self>, name: AnswerName) -> Result<Option<KeptAnswer>, Error> {
        let answers = Arc::clone(self);
        blocking(move || {
            answers.forget_old()?;
            match lock(&answers.kept).facts.contains_key(&name) {
                true => answers.folder.answer(&name),
                false => Ok(None),
            }
        })
        .await
    }

    /// Has the request carried out and keeps the answer; of one that failed and changed nothing, nothing.
    async fn answer(
        self: Arc<Self>,
        _turn: OwnedMutexGuard<()>,
        once: Once,
        request: Request,
        next: Next,
    ) -> Result<Response, Error> {
        if !once.repeatable {
            self.keep(once.name, once.head(None), Bytes::new()).await?;
        }
        let (parts, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| Error::Internal(error.to_string()))?;
        if parts.status.is_success() {
            let text = |name| {
                let value = parts.headers.get(name).map(HeaderValue::to_str);
                value.and_then(Result::ok).map(str::to_owned)
            };
            let head = AnswerHead {
                content_type: text(header::CONTENT_TYPE),
                location: text(header::LOCATION),
                ..once.head(Some(parts.status))
            };
            self.keep(once.name, head, body.clone()).await?;
        } else if !is_unknown(parts.status) && !once.repeatable {
            self.forget(once.name).await?;
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn keep(
        self: &Arc<Self>,
        name: AnswerName,
        head: AnswerHead,
        body: Bytes,
    ) -> Result<(), Error> {
        let answers = Arc::clone(self);
        blocking(move || {
            let kept = KeptAnswer {
                head,
                body: body.to_vec(),
            };
            answers.folder.keep_answer(&name, &kept)?;
            let bytes = kept.body.len() as u64;
            lock(&answers.kept).add(name, SystemTime::now(), bytes);
            answers.forget_old()
        })
        .await
    }

    async fn forget(self: &Arc<Self>, name: AnswerName) -> Result<(), Error> {
        let answers = Arc::clone(self);
        blocking(move || {
            answers.folder.forget_answer(&name)?;
            lock(&answers.kept).remove(&name);
            Ok(())
        })
        .await
    }

    /// Forgets what has been kept long enough, and what there is no room for.
    fn forget_old(&self) -> Result<(), Error> {
        loop {
            let Some(name) = lock(&self.kept).oldest_to_go(SystemTime::now()) else {
                return Ok(());
            };
            self.folder.forget_answer(&name)?;
            lock(&self.kept).remove(&name);
        }
    }
}

impl Kept {
    fn add(&mut self, name: AnswerName, at: SystemTime, bytes: u64) {
        self.remove(&name);
        self.by_age.insert((at, name));
        self.facts.insert(name, (at, bytes));
        self.bytes += bytes;
    }

    fn remove(&mut self, name: &AnswerName) {
        if let Some((at, bytes)) = self.facts.remove(name) {
            self.by_age.remove(&(at, *name));
            self.bytes -= bytes;
        }
    }

    fn oldest_to_go(&self, now: SystemTime) -> Option<AnswerName> {
        let (at, name) = self.by_age.first()?;
        let old = now.duration_since(*at).is_ok_and(|age| age > KEPT_FOR);
        let full = self.by_age.len() > MAX_ANSWERS || self.bytes > MAX_ANSWERS_BYTES;
        (old || full).then_some(*name)
    }
}

/// Whether an answer leaves open what became of the request.
fn is_unknown(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::GATEWAY_TIMEOUT
    )
}

fn replay(status: u16, kept: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    for (name, value) in [
        (header::CONTENT_TYPE, kept.head.content_type),
        (header::LOCATION, kept.head.location),
    ] {
        headers.remove(&name);
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answer_goes_first_and_none_before_its_time() {
        let start = SystemTime::UNIX_EPOCH;
        let name = |number: usize| -> AnswerName { Sha256::digest(number.to_be_bytes()).into() };
        let mut kept = Kept::default();
        for number in 0..MAX_ANSWERS {
            let at = start + Duration::from_secs(number as u64);
            kept.add(name(number), at, 1);
        }
        assert_eq!(kept.oldest_to_go(start + KEPT_FOR), None);
        let later = start + KEPT_FOR + Duration::from_millis(1);
        assert_eq!(kept.oldest_to_go(later), Some(name(0)));
        kept.add(name(MAX_ANSWERS), start + KEPT_FOR, 1);
        assert_eq!(kept.oldest_to_go(start), Some(name(0)), "one too many");
        kept.remove(&name(0));
        assert_eq!(kept.oldest_to_go(start), None);
        kept.add(name(5), start, MAX_ANSWERS_BYTES);
        assert_eq!(
            kept.oldest_to_go(start),
            Some(name(5)),
            "too large together"
        );
        kept.remove(&name(5));
        assert_eq!(kept.bytes, MAX_ANSWERS as u64 - 1);
    }
}
