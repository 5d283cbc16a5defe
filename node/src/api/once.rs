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
//!
//! Each caller, the operator or an application, has a share of its own of what is kept and of what is under
//! way: nobody takes from another the answer, or the mark that a request was begun, that keeps it from being
//! carried out twice.

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
    folder::{
        AnswerFact, AnswerHead, AnswerName, DataFolder, KeptAnswer, MAX_ANSWER_BYTES, owner_of,
    },
    handle::blocking,
    place,
};

/// The header with the key.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// At most this many characters in a key; a UUID has 36.
pub const MAX_KEY_CHARS: usize = 128;
/// A key is good for so long.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// At most this many answers of a caller are kept, together with what was begun; its oldest answer goes first. With
/// as many applications as there can be, these are 33 000 files.
pub const MAX_ANSWERS: usize = 1_000;
/// At most this many bytes of answers of a caller are kept: at least three of the largest, and some 130 MiB of all
/// callers. Its oldest goes first.
pub const MAX_ANSWERS_BYTES: u64 = 4 * 1024 * 1024;
/// At most this many requests of a caller with a key at once, because they go on when it does not wait. As many
/// as an application may have at once unless its quota says otherwise.
pub const MAX_AT_ONCE: usize = 16;

/// When a request with a key may have ended, as far as anybody can tell.
const TURN_PAUSE: Duration = Duration::from_secs(1);

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
    under_way: Mutex<HashMap<AnswerName, Turn>>,
    /// Held while answers are forgotten: who finds none begins only when its file is gone.
    forgetting: Mutex<()>,
}

/// That a request is being carried out.
#[derive(Debug)]
struct Turn {
    owner: Arc<str>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What is kept, of all callers and of each.
#[derive(Debug, Default)]
struct Kept {
    by_age: ByAge,
    facts: HashMap<AnswerName, AnswerFact>,
    shares: HashMap<Arc<str>, Share>,
}

/// To know which goes first.
type ByAge = BTreeSet<(SystemTime, AnswerName)>;

/// What is kept of one caller.
#[derive(Debug, Default)]
struct Share {
    answered: ByAge,
    /// Never goes before its time: the request may be under way, or nobody knows what became of it.
    begun: ByAge,
    bytes: u64,
}

/// A request with a key.
struct Once {
    caller: Caller,
    owner: Arc<str>,
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
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or(Error::TokenNeeded)?;
    let owner = owner(&caller);
    let key = key(&parts, &owner)?;
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES,
        })?;
    let once = Once::new(caller, owner, &key, &parts, &body);
    let answers = Arc::clone(&api.answers);
    let turn = answers.turn(&once)?.lock_owned().await;
    if let Some(kept) = answers.kept(once.name).await? {
        if kept.head.request != once.request {
            return Err(Error::KeyReused);
        }
        match kept.head.status {
            Some(status) => return Ok(replay(status, kept)),
            None if once.repeatable => {}
            None => return Err(Error::Interrupted),
        }
    } else {
        answers.check_room(&once)?;
    }
    parts.extensions.insert(key);
    let request = Request::from_parts(parts, Body::from(body));
    // Goes on when the caller hangs up.
    place::spawn(answers.answer(turn, once, request, next))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

/// The key as it was sent.
fn key(parts: &Parts, owner: &str) -> Result<OnceKey, Error> {
    let mut keys = parts.headers.get_all(KEY).iter();
    match (keys.next().map(HeaderValue::to_str), keys.next()) {
        (Some(Ok(key)), None)
            if (1..=MAX_KEY_CHARS).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(OnceKey(format!("{owner}/{key}")))
        }
        _ => Err(Error::invalid(
            "Idempotency-Key",
            format!("is 1 to {MAX_KEY_CHARS} visible characters of ASCII, given once"),
        )),
    }
}

/// Whose key it is: equal keys of two applications are two keys, also when both have one name, one after the
/// other.
fn owner(caller: &Caller) -> Arc<str> {
    match caller {
        Caller::Operator => caller.name().into(),
        Caller::Application(application) => owner_of(&application.kept).into(),
    }
}

impl Once {
    fn new(caller: Caller, owner: Arc<str>, key: &OnceKey, parts: &Parts, body: &Bytes) -> Self {
        let route = parts.extensions.get::<MatchedPath>();
        let request = Sha256::new()
            .chain_update(parts.method.as_str())
            .chain_update([0])
            .chain_update(parts.uri.to_string())
            .chain_update([0])
            .chain_update(body)
            .finalize();
        Self {
            caller,
            owner,
            name: Sha256::digest(&key.0).into(),
            request: HEXLOWER.encode(&request),
            repeatable: route.is_some_and(|route| route.as_str() == PUBLISH),
        }
    }

    fn head(&self, status: Option<StatusCode>) -> AnswerHead {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        AnswerHead {
            owner: self.owner.to_string(),
            request: self.request.clone(),
            at: now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
            status: status.map(|status| status.as_u16()),
            content_type: None,
            location: None,
        }
    }

    /// The answer when its caller has as many as it may.
    fn exceeded(&self, quota: &'static str, wait: Duration) -> Error {
        match &self.caller {
            Caller::Operator => Error::Busy,
            Caller::Application(application) => Error::QuotaExceeded {
                application: application.kept.name.clone(),
                quota,
                retry_after_seconds: u32::try_from(wait.as_secs().max(1)).unwrap_or(u32::MAX),
            },
        }
    }
}

impl Answers {
    /// Finds what is kept from before.
    pub(super) fn open(folder: Arc<DataFolder>) -> Result<Arc<Self>, Error> {
        let mut kept = Kept::default();
        for (name, fact) in folder.answers()? {
            kept.add(name, fact);
        }
        Ok(Arc::new(Self {
            folder,
            kept: Mutex::new(kept),
            under_way: Mutex::default(),
            forgetting: Mutex::default(),
        }))
    }

    /// One request of a name at a time, and so many of a caller.
    fn turn(&self, once: &Once) -> Result<Arc<tokio::sync::Mutex<()>>, Error> {
        let mut under_way = lock(&self.under_way);
        under_way.retain(|_, one| Arc::strong_count(&one.turn) > 1);
        if let Some(one) = under_way.get(&once.name) {
            return Ok(Arc::clone(&one.turn));
        }
        let of_caller = under_way.values().filter(|one| one.owner == once.owner);
        if of_caller.count() >= MAX_AT_ONCE {
            return Err(once.exceeded("requests with a key at once", TURN_PAUSE));
        }
        let one = Turn {
            owner: Arc::clone(&once.owner),
            turn: Arc::default(),
        };
        let turn = Arc::clone(&one.turn);
        under_way.insert(once.name, one);
        Ok(turn)
    }

    /// Whether the caller may begin one more.
    fn check_room(&self, once: &Once) -> Result<(), Error> {
        let room = lock(&self.kept).room(&once.owner, SystemTime::now());
        room.map_err(|wait| once.exceeded("requests begun with an unknown end", wait))
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
            let fact = answers.folder.keep_answer(&name, &kept)?;
            lock(&answers.kept).add(name, fact);
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
        let _turn = lock(&self.forgetting);
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
    fn add(&mut self, name: AnswerName, fact: AnswerFact) {
        self.remove(&name);
        self.by_age.insert((fact.at, name));
        let share = self.shares.entry(Arc::clone(&fact.owner)).or_default();
        share.by_age(fact.begun).insert((fact.at, name));
        share.bytes += fact.bytes;
        self.facts.insert(name, fact);
    }

    fn remove(&mut self, name: &AnswerName) {
        let Some(fact) = self.facts.remove(name) else {
            return;
        };
        let place = (fact.at, *name);
        self.by_age.remove(&place);
        if let Some(share) = self.shares.get_mut(&fact.owner) {
            share.by_age(fact.begun).remove(&place);
            share.bytes -= fact.bytes;
            if share.len() == 0 {
                self.shares.remove(&fact.owner);
            }
        }
    }

    /// One that is too old, or one of a caller that has too many.
    fn oldest_to_go(&self, now: SystemTime) -> Option<AnswerName> {
        let old = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age > KEPT_FOR);
        match self.by_age.first() {
            Some((at, name)) if old(at) => Some(*name),
            _ => self.shares.values().find_map(Share::one_too_many),
        }
    }

    /// Whether a caller may begin something more, or how long until it may.
    fn room(&self, owner: &str, now: SystemTime) -> Result<(), Duration> {
        let begun = self.shares.get(owner).map(|share| &share.begun);
        match begun.and_then(|begun| begun.first()) {
            Some((at, _)) if begun.is_some_and(|begun| begun.len() >= MAX_ANSWERS) => {
                let age = now.duration_since(*at).unwrap_or_default();
                Err(KEPT_FOR.saturating_sub(age))
            }
            _ => Ok(()),
        }
    }
}

impl Share {
    fn by_age(&mut self, begun: bool) -> &mut ByAge {
        match begun {
            true => &mut self.begun,
            false => &mut self.answered,
        }
    }

    fn len(&self) -> usize {
        self.answered.len() + self.begun.len()
    }

    /// The oldest answer, if there is no room for it.
    fn one_too_many(&self) -> Option<AnswerName> {
        let (_, name) = self.answered.first()?;
        let full = self.len() > MAX_ANSWERS || self.bytes > MAX_ANSWERS_BYTES;
        full.then_some(*name)
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

    const START: SystemTime = SystemTime::UNIX_EPOCH;
    const HOUR: Duration = Duration::from_secs(3_600);

    fn name(number: usize) -> AnswerName {
        Sha256::digest(number.to_be_bytes()).into()
    }

    fn fact(owner: &str, at: SystemTime, bytes: u64) -> AnswerFact {
        AnswerFact {
            owner: owner.into(),
            at,
            bytes,
            begun: false,
        }
    }

    fn begun(owner: &str, at: SystemTime) -> AnswerFact {
        AnswerFact {
            begun: true,
            ..fact(owner, at, 1)
        }
    }

    fn asked(owner: &str, number: usize) -> Once {
        Once {
            caller: Caller::Operator,
            owner: owner.into(),
            name: name(number),
            request: String::new(),
            repeatable: false,
        }
    }

    fn opened() -> (tempfile::TempDir, Arc<Answers>) {
        let base = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::open(base.path()).unwrap());
        (base, Answers::open(folder).unwrap())
    }

    /// Forgets what has to go, and says how many these were.
    fn forget(kept: &mut Kept, now: SystemTime) -> usize {
        let mut gone = 0;
        while let Some(name) = kept.oldest_to_go(now) {
            kept.remove(&name);
            gone += 1;
        }
        gone
    }

    #[test]
    fn the_oldest_answer_goes_first_and_none_before_its_time() {
        let mut kept = Kept::default();
        for number in 0..MAX_ANSWERS {
            let at = START + Duration::from_secs(number as u64);
            kept.add(name(number), fact("board", at, 1));
        }
        assert_eq!(kept.oldest_to_go(START + KEPT_FOR), None);
        let later = START + KEPT_FOR + Duration::from_millis(1);
        assert_eq!(kept.oldest_to_go(later), Some(name(0)));
        kept.add(name(MAX_ANSWERS), fact("board", START + KEPT_FOR, 1));
        assert_eq!(kept.oldest_to_go(START), Some(name(0)), "one too many");
        kept.remove(&name(0));
        assert_eq!(kept.oldest_to_go(START), None);
        kept.add(name(5), fact("board", START, MAX_ANSWERS_BYTES));
        assert_eq!(
            kept.oldest_to_go(START),
            Some(name(5)),
            "too large together"
        );
        kept.remove(&name(5));
        assert_eq!(kept.shares["board"].bytes, MAX_ANSWERS as u64 - 1);
    }

    #[test]
    fn a_flood_of_one_caller_takes_no_answer_and_no_mark_of_another() {
        let mut kept = Kept::default();
        kept.add(name(0), fact("board", START, 1));
        kept.add(name(1), begun("board", START));
        // It has begun something itself, before all the rest.
        kept.add(name(2), begun("flood", START));
        let mut gone = 0;
        for number in 3..MAX_ANSWERS + 10 {
            kept.add(name(number), fact("flood", START + HOUR, 1));
            gone += forget(&mut kept, START + HOUR);
        }
        assert_eq!(gone, 8);
        kept.add(name(3), fact("flood", START + HOUR, MAX_ANSWERS_BYTES));
        gone += forget(&mut kept, START + HOUR);
        assert!(gone > 8);
        for number in 0..3 {
            assert!(kept.facts.contains_key(&name(number)), "{number}");
        }
        assert!(kept.shares["flood"].bytes <= MAX_ANSWERS_BYTES);
        // In their time they go.
        assert_eq!(kept.oldest_to_go(START + KEPT_FOR), None);
        forget(&mut kept, START + KEPT_FOR + HOUR * 2);
        assert!(kept.facts.is_empty() && kept.shares.is_empty() && kept.by_age.is_empty());
    }

    #[test]
    fn who_has_begun_as_much_as_is_kept_begins_nothing_more() {
        let mut kept = Kept::default();
        for number in 0..MAX_ANSWERS {
            assert_eq!(kept.room("board", START), Ok(()));
            kept.add(name(number), begun("board", START));
        }
        assert_eq!(kept.room("board", START + HOUR), Err(KEPT_FOR - HOUR));
        assert_eq!(kept.room("clock", START), Ok(()));
        assert_eq!(kept.oldest_to_go(START + KEPT_FOR), None);
        // An answer beside them finds no place; one in the place of a mark does.
        kept.add(name(MAX_ANSWERS), fact("board", START, 1));
        assert_eq!(kept.oldest_to_go(START), Some(name(MAX_ANSWERS)));
        kept.remove(&name(MAX_ANSWERS));
        kept.add(name(0), fact("board", START, 1));
        assert_eq!(kept.oldest_to_go(START), None);
        assert_eq!(kept.room("board", START), Ok(()));
    }

    #[test]
    fn who_has_all_its_turns_takes_none_of_another() {
        let (_base, answers) = opened();
        let turns: Vec<_> = (0..MAX_AT_ONCE)
            .map(|number| answers.turn(&asked("greedy", number)).unwrap())
            .collect();
        let more = asked("greedy", MAX_AT_ONCE);
        assert_eq!(answers.turn(&more).unwrap_err().code(), "busy");
        // The same once more waits for its turn.
        let same = answers.turn(&asked("greedy", 0)).unwrap();
        assert!(Arc::ptr_eq(&same, &turns[0]));
        let theirs = answers.turn(&asked("modest", MAX_AT_ONCE + 1));
        assert!(theirs.is_ok());
        drop((turns, same));
        assert!(answers.turn(&more).is_ok());
    }

    #[test]
    fn after_a_restart_it_is_known_whose_everything_is() {
        let (_base, answers) = opened();
        let (board, clock) = (asked("board", 0), asked("clock", 1));
        for (once, status) in [(&board, None), (&clock, Some(StatusCode::CREATED))] {
            let kept = KeptAnswer {
                head: once.head(status),
                body: b"{}".to_vec(),
            };
            answers.folder.keep_answer(&once.name, &kept).unwrap();
        }
        let again = Answers::open(Arc::clone(&answers.folder)).unwrap();
        let kept = lock(&again.kept);
        let of = |owner: &str| {
            let share = &kept.shares[owner];
            (share.begun.len(), share.answered.len())
        };
        assert_eq!((of("board"), of("clock")), ((1, 0), (0, 1)));
    }
}
