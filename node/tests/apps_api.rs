//! Several applications with a token each, over the API of a real daemon: none of them can do more than it
//! was allowed, or take from another what is its own.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::Shutdown,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use common::{Answer, Daemon, Place, escaped, line_with, request, send};
use serde_json::{Value, json};

/// A registered application of a daemon.
struct App<'a> {
    place: &'a Place,
    name: &'static str,
    token: String,
}

impl<'a> App<'a> {
    fn new(place: &'a Place, name: &'static str, arguments: &[&str]) -> Self {
        let words = [&["app", "register", name], arguments].concat();
        let token = place.json(words)["token"].as_str().unwrap().to_owned();
        Self { place, name, token }
    }

    fn headers(&self) -> [(&'static str, String); 1] {
        [("authorization", format!("Bearer {}", self.token))]
    }

    fn http(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let [(name, value)] = self.headers();
        let body = body.map(|body| body.to_string().into_bytes());
        request(
            &self.place.socket(),
            method,
            path,
            &[(name, value.as_str())],
            body.as_deref(),
        )
    }

    fn get(&self, path: &str) -> Answer {
        self.http("GET", path, None)
    }

    fn post(&self, path: &str) -> Answer {
        self.http("POST", path, None)
    }

    fn stream(&self, path: &str) -> BufReader<UnixStream> {
        let [(name, value)] = self.headers();
        let headers = [(name, value.as_str())];
        BufReader::new(send(&self.place.socket(), "GET", path, &headers, None))
    }

    fn session(&self) -> Session {
        let mut stream = self.stream("/v1/session");
        line_with(&mut stream, "event: attached");
        Session(stream)
    }

    /// What the operator sees of it.
    fn shown(&self) -> Value {
        self.place.json(["app", "show", self.name])
    }
}

/// An open session; it breaks when it is dropped.
struct Session(BufReader<UnixStream>);

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Both);
    }
}

/// A daemon with one identity and two groups.
fn with_groups() -> (Place, Daemon, String, String) {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let group = |name| {
        let group = place.json(["group", "create", "--friendly-name", name]);
        group["name"].as_str().unwrap().to_owned()
    };
    let (chess, go) = (group("Chess"), group("Go"));
    (place, daemon, chess, go)
}

fn soon(what: &str, mut probe: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !probe() {
        assert!(Instant::now() < until, "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_application_may_do_what_its_scopes_say_and_nothing_else() {
    let (place, _daemon, _, _) = with_groups();
    let document = place.get("/v1/openapi.json").json();
    let weak = App::new(&place, "weak", &["--scope", "direct"]);
    let mut all = Vec::new();
    for scope in peerage::model::Scope::ALL {
        all.extend(["--scope", scope.as_str()]);
    }
    let mighty = App::new(&place, "mighty", &all);
    let mut seen = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // One ends the node, the other does not end.
            if path == "/v1/shutdown" || path == "/v1/session" {
                continue;
            }
            let method = method.to_uppercase();
            let concrete: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { "zzzz" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let access = operation["x-peerage-access"].as_str().unwrap();
            seen.insert(access.to_owned());
            let refused = |app: &App| {
                let answer = app.http(&method, &concrete, None);
                (answer.status == 403).then(|| {
                    let problem = answer.json();
                    assert!(problem["next_step"].is_string(), "{problem}");
                    problem["code"].as_str().unwrap().to_owned()
                })
            };
            let (of_weak, of_mighty) = (refused(&weak), refused(&mighty));
            let what = format!("{method} {path}: {access}");
            match access {
                "anyone" | "direct" => assert_eq!((of_weak, of_mighty), (None, None), "{what}"),
                "operator" => {
                    assert_eq!(of_weak.as_deref(), Some("operator_only"), "{what}");
                    assert_eq!(of_mighty.as_deref(), Some("operator_only"), "{what}");
                }
                _ => {
                    assert_eq!(of_weak.as_deref(), Some("out_of_scope"), "{what}");
                    assert_eq!(of_mighty, None, "{what}");
                }
            }
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
    assert_eq!(weak.post("/v1/shutdown").code(), "out_of_scope");
    let who = mighty.get("/v1/application").json();
    assert_eq!(
        (&who["name"], &who["operator"]),
        (&json!("mighty"), &json!(false))
    );
    let operator = place.get("/v1/application").json();
    assert_eq!(operator["name"], "operator");
    // What a token may not do, it may not do by its command line either.
    let mut command = common::peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    command
        .env("PEERAGE_TOKEN", &weak.token)
        .args(["group", "ls", "--json"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", common::stderr(&output));
}

#[test]
fn a_confined_application_sees_nothing_else() {
    let (place, _daemon, chess, go) = with_groups();
    let scopes = [
        "--scope", "read", "--scope", "write", "--scope", "groups", "--scope", "node",
    ];
    let app = App::new(
        &place,
        "board",
        &[&scopes[..], &["--group", "Chess"]].concat(),
    );
    let groups = app.get("/v1/groups").json()["items"].clone();
    assert_eq!(groups.as_array().unwrap().len(), 1);
    assert_eq!(groups[0]["name"], chess.as_str());
    let records = |group: &str| format!("/v1/groups/{}/records", escaped(group));
    let note = json!({"type": "note", "payload_text": "e4"});
    for name in [chess.as_str(), &chess[..10], "Chess"] {
        let put = app.http("POST", &records(name), Some(&note));
        assert_eq!(put.status, 201, "{put:?}");
    }
    assert_eq!(
        app.get(&records("Chess")).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    // By any of its names, in any spelling, and as any identity: not there.
    for name in [go.as_str(), &go[..10], "Go"] {
        for path in [
            records(name),
            records(name).replace("/v1/groups/", "/v1//groups/"),
            records(name).replace("/v1/groups/", "/v1/groups/./"),
            records(name).replace("/v1/groups/", "/v1/groups/../groups/"),
            format!("/v1/groups/{}%2frecords", escaped(name)),
        ] {
            let answer = app.get(&path);
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
        }
        let put = app.http("POST", &records(name), Some(&note));
        assert_eq!(put.code(), "group_not_found");
    }
    // The whole node is beyond it, whatever its scopes, and so is making more.
    for (method, path) in [
        ("GET", "/v1/status"),
        ("GET", "/metrics"),
        ("POST", "/v1/groups"),
        ("POST", "/v1/groups/join"),
    ] {
        assert_eq!(
            app.http(method, path, None).code(),
            "out_of_reach",
            "{path}"
        );
    }
    assert_eq!(place.get(&records("Go")).json()["items"], json!([]));

    // Confined to an identity, it sees that one's groups.
    place.json(["id", "new", "--friendly-name", "Ben"]);
    let other = App::new(&place, "bens", &["--scope", "read", "--as", "Ben"]);
    assert_eq!(other.get("/v1/groups").json()["items"], json!([]));
    assert_eq!(other.get(&records("Chess")).code(), "group_not_found");
    let identities = other.get("/v1/identities").json()["items"].clone();
    assert_eq!(identities.as_array().unwrap().len(), 1);
    assert_eq!(other.get("/v1/identities/Ben").status, 200);
    assert_eq!(other.get("/v1/identities/Ada").code(), "identity_not_found");
    let (exit, problem) = place.fails(["app", "register", "x", "--scope", "read", "--group", "No"]);
    assert_eq!((exit, &problem["code"]), (3, &json!("group_not_found")));
}

#[test]
fn over_the_api_too_a_group_that_one_deletes_is_gone_for_the_others() {
    let (place, _daemon, chess, go) = with_groups();
    let board = App::new(&place, "board", &["--scope", "read", "--scope", "groups"]);
    let clock = App::new(&place, "clock", &["--scope", "read"]);
    let path = format!("/v1/groups/{}", escaped(&chess));
    assert_eq!(clock.get(&path).status, 200);
    let mut events = clock.stream(&format!("{path}/events"));
    line_with(&mut events, "200 OK");
    let refused = clock.http("DELETE", &path, None);
    assert_eq!(refused.code(), "out_of_scope");

    let deleted = board.http("DELETE", &path, None);
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let gone = clock.get(&path);
    assert_eq!(
        (gone.status, gone.code().as_str()),
        (404, "group_not_found")
    );
    let mut rest = String::new();
    while events.read_line(&mut rest).unwrap() > 0 {}
    let other = clock.get(&format!("/v1/groups/{}", escaped(&go)));
    assert_eq!(other.status, 200);
}

#[test]
fn each_application_has_consumers_of_its_own() {
    let (place, daemon, chess, go) = with_groups();
    let (board, clock) = (
        App::new(&place, "board", &["--scope", "read", "--group", "Chess"]),
        App::new(&place, "clock", &["--scope", "read"]),
    );
    let of = |group: &str, rest: &str| format!("/v1/groups/{}/{rest}", escaped(group));
    let listed = |app: &App, group: &str| {
        let all = app.get(&of(group, "consumers")).json();
        let all = all.as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for app in [&board, &clock] {
        let begun = app.get(&of(&chess, "events?consumer=in&wait=0"));
        assert_eq!(begun.status, 200, "{begun:?}");
    }
    clock.get(&of(&go, "events?consumer=second&wait=0"));
    assert_eq!(listed(&board, &chess), ["in"]);
    assert_eq!(listed(&clock, &chess), ["in"]);
    assert_eq!(listed(&clock, &go), ["second"]);
    let none = place.json(["events", "consumers", "ls", "--group", "Chess"]);
    assert_eq!(none, json!([]), "the operator is an application of its own");
    assert_eq!(board.get(&of(&go, "consumers")).code(), "group_not_found");

    // An acknowledgement of one is none of the other, under the same name in the same group.
    let position = |app: &App| {
        app.get(&of(&chess, "consumers")).json()[0]["position"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = position(&clock);
    let note = json!({"type": "note", "payload_text": "e4"});
    let put = place.post(&of(&chess, "records"), &note);
    assert_eq!(put.status, 201, "{put:?}");
    let [(name, token)] = board.headers();
    let headers = [(name, token.as_str()), ("accept", "application/x-ndjson")];
    let path = of(&chess, "events?consumer=in&wait=0");
    let read = request(&place.socket(), "GET", &path, &headers, None);
    let text = String::from_utf8(read.body).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let last = last["position"].clone();
    let ack = json!({"consumer": "in", "position": last});
    let acked = board.http("POST", &of(&chess, "events/ack"), Some(&ack));
    assert_eq!(acked.json()["position"], last);
    assert_eq!((json!(position(&board)), position(&clock)), (last, before));
    let theirs = json!({"consumer": "second", "position": "1"});
    let refused = board.http("POST", &of(&chess, "events/ack"), Some(&theirs));
    assert_eq!(refused.code(), "consumer_not_found");
    let refused = clock.http("DELETE", &of(&chess, "consumers/second"), None);
    assert_eq!(
        refused.code(),
        "consumer_not_found",
        "it is in the other group"
    );

    // Who is registered under the name of one that was revoked begins anew; the others go on.
    place.json(["app", "revoke", "clock"]);
    daemon.kill();
    let _daemon = place.start();
    let clock = App::new(&place, "clock", &["--scope", "read"]);
    assert_eq!(listed(&clock, &chess), [""; 0]);
    assert_eq!(listed(&clock, &go), [""; 0]);
    assert_eq!(listed(&board, &chess), ["in"]);
}

/// A name may go to another application, and what was answered to the earlier one does not go with it.
#[test]
fn an_application_is_given_no_answer_of_an_earlier_one_of_its_name() {
    let (place, daemon, chess, _) = with_groups();
    let scopes = ["--scope", "read", "--scope", "write"];
    let (board, clock) = (
        App::new(&place, "board", &scopes),
        App::new(&place, "clock", &scopes),
    );
    let path = format!("/v1/groups/{}/records", escaped(&chess));
    // All of them under the same key: which record it became, and whether that was answered before.
    let publish = |app: &App, text: &str| {
        let [(name, token)] = app.headers();
        let headers = [(name, token.as_str()), ("idempotency-key", "one")];
        let note = json!({"type": "note", "payload_text": text}).to_string();
        let body = Some(note.as_bytes());
        let put = request(&place.socket(), "POST", &path, &headers, body);
        assert_eq!(put.status, 201, "{put:?}");
        let replayed = put.header("idempotency-replayed").is_some();
        (put.json()["id"].as_str().unwrap().to_owned(), replayed)
    };
    let answers = || {
        let kept = std::fs::read_dir(place.data().join("answers")).unwrap();
        kept.count()
    };
    let (first, _) = publish(&board, "e4");
    let (theirs, _) = publish(&clock, "e4");
    assert_ne!(first, theirs);
    assert_eq!(publish(&board, "e4"), (first.clone(), true));
    assert_eq!(answers(), 2);

    place.json(["app", "revoke", "board"]);
    assert_eq!(answers(), 1);
    let board = App::new(&place, "board", &scopes);
    // Another text: it is neither refused for the earlier one's request nor given its record.
    let (second, replayed) = publish(&board, "d4");
    assert!(second != first && !replayed);
    daemon.kill();
    let _daemon = place.start();
    assert_eq!(publish(&board, "d4"), (second, true));
    assert_eq!(publish(&clock, "e4"), (theirs, true));
}

#[test]
fn what_an_application_holds_ends_with_its_session() {
    let (place, _daemon, chess, _) = with_groups();
    let scopes = ["--scope", "read", "--scope", "online"];
    let (board, clock) = (
        App::new(&place, "board", &scopes),
        App::new(&place, "clock", &scopes),
    );
    let path = |what: &str| format!("/v1/groups/{}{what}", escaped(&chess));
    let online = || place.get(&path("")).json()["status"] == "listening";
    for what in ["/open", "/connect", "/close"] {
        let refused = board.post(&path(what));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "session_needed")
        );
        let next = refused.json()["next_step"].as_str().unwrap().to_owned();
        assert!(next.contains("/v1/session"), "{next}");
    }
    let boards = board.session();
    let twice = board.get("/v1/session");
    assert_eq!(
        (twice.status, twice.code().as_str()),
        (409, "session_exists")
    );
    let closed = board.post(&path("/close"));
    assert_eq!(closed.code(), "group_gone", "it does not hold it");
    assert_eq!(board.post(&path("/open")).json()["status"], "offline");
    assert_eq!(board.post(&path("/connect")).json()["status"], "listening");
    assert!(online());
    assert_eq!(board.shown()["holds"], json!([chess]));

    // Another one opens it and is online at once; the first one crashes, and nothing changes for it.
    let clocks = clock.session();
    assert_eq!(clock.post(&path("/open")).json()["status"], "listening");
    drop(boards);
    soon("the end of the session", || {
        board.shown()["attached"] == false
    });
    assert_eq!(board.shown()["holds"], json!([]));
    assert!(online());
    assert_eq!(clock.get(&path("")).json()["status"], "listening");
    assert_eq!(clock.post(&path("/close")).json()["status"], "offline");
    assert!(!online());

    // The operator connects, and an application that closes takes nothing from it.
    place.json(["group", "connect", "Chess"]);
    assert_eq!(clock.post(&path("/open")).json()["status"], "listening");
    assert_eq!(clock.post(&path("/close")).json()["status"], "listening");
    place.json(["group", "close", "Chess"]);
    assert!(!online());

    // The last one crashes while it holds it.
    assert_eq!(clock.post(&path("/connect")).json()["status"], "listening");
    drop(clocks);
    soon("being offline", || !online());
    // A command line holds it as long as it runs, and no longer.
    let mut command = common::peerage(place.path());
    command
        .arg("--data-dir")
        .arg(place.data())
        .env("PEERAGE_TOKEN", &board.token);
    command.args(["app", "attach", "Chess", "--connect", "--json"]);
    let attached = Daemon::start(command);
    assert_eq!(attached.ready["kind"], "attached");
    assert!(online());
    attached.kill();
    soon("being offline", || !online());
}

#[test]
fn a_registration_survives_kill_and_a_revocation_takes_effect_at_once() {
    let (place, daemon, chess, _) = with_groups();
    let app = App::new(&place, "board", &["--scope", "read", "--scope", "online"]);
    let kept = std::fs::read_to_string(place.data().join("applications.json")).unwrap();
    assert!(
        !kept.contains(&app.token) && !kept.contains("peerage_"),
        "the hash only"
    );
    daemon.kill();
    let _daemon = place.start();
    assert_eq!(app.get("/v1/application").json()["name"], "board");
    let listed = place.json(["app", "ls"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains(&app.token));

    let mut session = app.session();
    let path = format!("/v1/groups/{}", escaped(&chess));
    assert_eq!(app.post(&format!("{path}/connect")).status, 200);
    let mut events = app.stream(&format!("{path}/events"));
    line_with(&mut events, "200 OK");
    // A new token is a revocation of the old one.
    let renewed = place.json(["app", "token", "board"]);
    let renewed = App {
        token: renewed["token"].as_str().unwrap().to_owned(),
        ..app
    };
    line_with(&mut session.0, "the token is good no longer");
    let mut rest = String::new();
    while events.read_line(&mut rest).unwrap() > 0 {}
    soon("being offline", || {
        place.get(&path).json()["status"] == "offline"
    });
    assert_eq!(renewed.get("/v1/application").status, 200);
    place.json(["app", "revoke", "board"]);
    let refused = renewed.get("/v1/application");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "token_needed")
    );
    let (exit, problem) = place.fails(["app", "show", "board"]);
    assert_eq!(
        (exit, &problem["code"]),
        (3, &json!("application_not_found"))
    );
}

/// A backup may be older than a revocation.
#[test]
fn a_restored_node_knows_its_applications_and_takes_none_of_their_tokens() {
    let (place, daemon, chess, _) = with_groups();
    let board = App::new(&place, "board", &["--scope", "read", "--group", "Chess"]);
    let (word, backup) = (
        place.path().join("passphrase"),
        place.path().join("node.backup"),
    );
    std::fs::write(&word, "correct horse\n").unwrap();
    let (word, backup) = (word.to_str().unwrap(), backup.to_str().unwrap());
    let under = ["--passphrase-file", word];
    place.json([&["backup", "create", "--out", backup], &under[..]].concat());
    assert_eq!(board.get("/v1/application").status, 200);
    place.json(["app", "revoke", "board"]);
    daemon.kill();
    let restored = place.json([&["backup", "restore", backup, "--force"], &under[..]].concat());
    assert_eq!(restored["applications"], json!(["board"]));

    let _daemon = place.start();
    let refused = board.get("/v1/application");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "token_needed")
    );
    let shown = board.shown();
    assert_eq!(
        (&shown["groups"], &shown["scopes"]),
        (&json!([chess]), &json!(["read"]))
    );
    let renewed = place.json(["app", "token", "board"]);
    let renewed = App {
        token: renewed["token"].as_str().unwrap().to_owned(),
        ..board
    };
    assert_eq!(renewed.get("/v1/application").status, 200);
}

#[test]
fn one_greedy_application_harms_no_other() {
    let (place, _daemon, chess, _) = with_groups();
    let scopes = ["--scope", "read", "--scope", "write", "--scope", "online"];
    let small = [
        "--max-requests",
        "5",
        "--max-concurrent",
        "2",
        "--max-streams",
        "2",
        "--max-bytes",
        "262144",
        "--max-groups",
        "1",
    ];
    let greedy = App::new(&place, "greedy", &[&scopes[..], &small].concat());
    let modest = App::new(&place, "modest", &scopes);
    let group = format!("/v1/groups/{}", escaped(&chess));
    let quota = |answer: &Answer| {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "quota_exceeded")
        );
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(wait >= 1);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };

    // Streams, as many as it gets, and its session besides.
    let _session = greedy.session();
    let streams: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = greedy.stream(&format!("{group}/events"));
            line_with(&mut stream, "200 OK");
            stream
        })
        .collect();
    let more = greedy.get(&format!("{group}/events"));
    assert!(quota(&more).contains("streams at once"));
    // Groups.
    soon("room for requests", || {
        greedy.post(&format!("{group}/open")).status == 200
    });
    soon("the refusal", || {
        let second = greedy.post("/v1/groups/Go/open");
        second.status == 429 && quota(&second).contains("groups at once")
    });
    // Requests, from all sides for as long as the other one works.
    thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let greedy = &greedy;
        let storm = scope.spawn(move || {
            let (mut served, mut refused) = (0, 0);
            while ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                match greedy.get("/v1/groups").status {
                    200 => served += 1,
                    429 => refused += 1,
                    other => panic!("{other}"),
                }
            }
            (served, refused)
        });
        for number in 0..40 {
            let note = json!({"type": "note", "payload_text": format!("{number}")});
            let put = modest.http("POST", &format!("{group}/records"), Some(&note));
            assert_eq!(put.status, 201, "{put:?}");
        }
        let mut stream = modest.stream(&format!("{group}/events?after=0"));
        line_with(&mut stream, "event: record_added");
        drop(done);
        let (served, refused) = storm.join().unwrap();
        assert!(refused > served, "{served} served, {refused} refused");
    });
    // Bytes.
    let large = json!({"type": "note", "payload_text": "x".repeat(40_000)});
    let mut taken = 0;
    soon("the refusal", || {
        let put = greedy.http("POST", &format!("{group}/records"), Some(&large));
        taken += usize::from(put.status == 201);
        put.status == 429 && quota(&put).contains("bytes per minute")
    });
    assert!((1..=7).contains(&taken), "{taken}");
    let put = modest.http("POST", &format!("{group}/records"), Some(&large));
    assert_eq!(put.status, 201);
    // Connections that are kept and say nothing more.
    let idle: Vec<UnixStream> = (0..40)
        .map(|_| {
            use std::io::Write;
            let mut stream = UnixStream::connect(place.socket()).unwrap();
            let head = format!(
                "GET /v1/application HTTP/1.1\r\nhost: peerage\r\nauthorization: Bearer {}\r\n\r\n",
                greedy.token
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let heads: Vec<String> = idle
        .iter()
        .map(|stream| {
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            line
        })
        .collect();
    assert!(
        heads
            .iter()
            .all(|line| line.contains("200") || line.contains("429"))
    );
    assert_eq!(modest.get("/v1/groups").status, 200);
    place.json(["status"]);
    drop((streams, idle));
}

#[test]
fn who_stalls_its_snapshots_takes_nobody_elses() {
    let (place, _daemon, chess, _) = with_groups();
    let greedy = App::new(&place, "greedy", &["--scope", "read"]);
    let modest = App::new(&place, "modest", &["--scope", "read"]);
    let group = format!("/v1/groups/{}", escaped(&chess));
    // More than fits into a socket, so that a snapshot nobody reads does not end.
    let large = json!({"type": "note", "payload_text": "x".repeat(40_000)});
    for _ in 0..60 {
        let put = place.post(&format!("{group}/records"), &large);
        assert_eq!(put.status, 201, "{put:?}");
    }
    let path = format!("{group}/events?snapshot=true&wait=0");
    let stalled: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = greedy.stream(&path);
            line_with(&mut stream, "200 OK");
            stream
        })
        .collect();
    let third = greedy.get(&path);
    assert_eq!(
        (third.status, third.code().as_str()),
        (429, "quota_exceeded")
    );
    let detail = third.json()["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("snapshots at once"),
        "{detail}"
    );
    assert_eq!(greedy.get(&format!("{group}/events?wait=0")).status, 200);

    let whole = |answer: Answer| {
        let text = String::from_utf8(answer.body).unwrap();
        answer.status == 200 && text.contains("event: snapshot_end")
    };
    assert!(whole(modest.get(&path)) && whole(place.get(&path)));
    // A page of large records ends early, and says how to go on.
    let page = |cursor: &str| {
        let answer = modest
            .get(&format!("{group}/records?limit=1000{cursor}"))
            .json();
        let count = answer["items"].as_array().unwrap().len();
        (count, answer["next"].as_str().map(ToOwned::to_owned))
    };
    let (first, next) = page("");
    let (rest, end) = page(&format!("&cursor={}", next.expect("there is more")));
    assert!((30..60).contains(&first), "{first}");
    assert_eq!((first + rest, end), (60, None));

    drop(stalled);
    soon("a snapshot again", || whole(greedy.get(&path)));
}
