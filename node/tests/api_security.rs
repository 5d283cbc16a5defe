//! The local API under attack: by pages in a browser, by other users and programs of the machine, by
//! thieves of tokens, and by clients that are slow, loud or large.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use common::{Daemon, Place, escaped, line_with, request, send, stderr};
use peerage::api::{MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_HEAD_BYTES, MAX_HEADERS};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that listens on loopback too, and an application that may do a lot.
struct Target {
    place: Place,
    daemon: Daemon,
    port: u16,
    token: String,
}

impl Target {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        let place = Place::new();
        let mut up = place.up();
        up.args(["--api-listen", "127.0.0.1:0"]).args(arguments);
        let daemon = Daemon::start(up);
        let address = daemon.ready["api_listen"].as_str().unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let token = register(&place, "board", &["read", "write", "groups", "identities"]);
        Self {
            place,
            daemon,
            port,
            token,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends text as it is, and reads all of the answer.
    fn raw(&self, text: &str) -> Raw {
        let mut stream = self.connect();
        // It may be refused before it is read.
        let _ = stream.write_all(text.as_bytes());
        Raw::read(stream)
    }

    /// A request with these lines after the usual ones.
    fn ask(&self, method: &str, path: &str, lines: &[&str]) -> Raw {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for line in lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        self.raw(&(head + "\r\n"))
    }

    fn host(&self) -> String {
        format!("host: 127.0.0.1:{}", self.port)
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.token)
    }

    /// An honest request.
    fn honest(&self, path: &str) -> Raw {
        self.ask("GET", path, &[&self.host(), &self.bearer()])
    }

    fn identities(&self) -> usize {
        let status = self.place.json(["status"]);
        usize::try_from(status["identities"].as_u64().unwrap()).unwrap()
    }
}

fn register(place: &Place, name: &str, scopes: &[&str]) -> String {
    let mut words = vec!["app", "register", name];
    for scope in scopes {
        words.extend(["--scope", scope]);
    }
    place.json(words)["token"].as_str().unwrap().to_owned()
}

/// An answer, byte for byte.
#[derive(Debug, PartialEq, Eq)]
struct Raw {
    status: u16,
    /// Without the date.
    head: String,
    body: String,
}

impl Raw {
    fn read(mut stream: impl Read) -> Self {
        let mut text = Vec::new();
        // What was sent and not read may reset the connection after the answer.
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let lines = head.lines().filter(|line| !line.starts_with("date:"));
        Self {
            status: status.unwrap_or(0),
            head: lines.collect::<Vec<_>>().join("\n"),
            body: body.to_owned(),
        }
    }

    fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// No page of another site may read it, and nothing is kept of it.
    fn is_sealed(&self) {
        let head = self.head.to_lowercase();
        assert!(!head.contains("access-control-"), "{head}");
        assert!(!head.contains("set-cookie"), "{head}");
    }
}

#[test]
fn l1_a_rebound_name_reaches_nothing() {
    let target = Target::new();
    let (port, bearer) = (target.port, target.bearer());
    let make = |host: &[&str], path: &str| {
        // What a page could send once its name means 127.0.0.1, had it even stolen the token.
        let mut head = format!("POST {path} HTTP/1.1\r\nconnection: close\r\n{bearer}\r\n");
        for line in host {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("content-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
        target.raw(&head)
    };
    let before = target.identities();
    let hosts = [
        "attacker.com",
        "127.evil.com",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "localhost.",
        "LOCALHOST.",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "127.0.0.2",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "user@127.0.0.1",
        "peerage",
        "",
    ];
    for host in hosts {
        for with_port in [
            host.to_owned(),
            format!("{host}:{port}"),
            format!("{host}:80"),
        ] {
            let answer = make(&[&format!("host: {with_port}")], "/v1/identities");
            let refused = answer.code() == "host_refused" && answer.status == 421;
            // What is no host at all is not even a request.
            assert!(refused || answer.status == 400, "{with_port}: {answer:?}");
            answer.is_sealed();
        }
    }
    for other in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "127.0.0.1:80",
        "localhost:3587",
    ] {
        let answer = make(&[&format!("host: {other}")], "/v1/identities");
        assert_eq!(answer.code(), "host_refused", "{other}");
    }
    let ours = format!("host: 127.0.0.1:{port}");
    let ours = ours.as_str();
    for hosts in [&[][..], &[ours, ours], &[ours, "host: attacker.com"]] {
        let answer = make(hosts, "/v1/identities");
        assert!(
            answer.code() == "host_refused" || answer.status == 400,
            "{hosts:?}: {answer:?}"
        );
    }
    for target in [
        "http://attacker.com/v1/identities".to_owned(),
        format!("http://127.0.0.1:{port}/v1/identities"),
        format!("http://user@127.0.0.1:{port}/v1/identities"),
    ] {
        assert_eq!(make(&[ours], &target).code(), "host_refused", "{target}");
    }
    assert_eq!(target.identities(), before, "nothing was done");
    // The same on the socket, for who forwards it to a port.
    let answer = send(
        &target.place.socket(),
        "POST",
        "/v1/identities",
        &[("host", "x")],
        None,
    );
    assert_eq!(Raw::read(answer).code(), "host_refused", "two hosts");
    // True forms of loopback are let in.
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LocalHost:{port}"),
        format!("[::1]:{port}"),
    ] {
        let answer = make(&[&format!("host: {host}")], "/v1/identities");
        assert_eq!(answer.status, 201, "{host}: {answer:?}");
        answer.is_sealed();
    }
}

#[test]
fn l2_a_page_of_another_site_does_nothing_and_reads_nothing() {
    let target = Target::new();
    let (host, bearer) = (target.host(), target.bearer());
    let before = target.identities();
    let body = "{\"friendly_name\":\"Eve\"}";
    let length = format!("content-length: {}", body.len());
    // A form, or a fetch without leave, even with a token.
    for content in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let head = format!(
            "POST /v1/identities HTTP/1.1\r\nconnection: close\r\n{host}\r\n{bearer}\r\n{length}\r\ncontent-type: {content}\r\n\r\n{body}"
        );
        let answer = target.raw(&head);
        assert_eq!((answer.status, answer.code().as_str()), (415, "not_json"));
        let mut local = UnixStream::connect(target.place.socket()).unwrap();
        let head = head
            .replace(&host, "host: peerage")
            .replace(&format!("{bearer}\r\n"), "");
        local.write_all(head.as_bytes()).unwrap();
        assert_eq!(Raw::read(local).status, 415, "nor on the socket");
    }
    // Whatever says that it comes from a page.
    let own = format!("origin: http://127.0.0.1:{}", target.port);
    for line in [
        "origin: https://attacker.com",
        "origin: null",
        "origin: http://localhost",
        &own,
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "sec-fetch-site: same-origin",
    ] {
        for method in ["GET", "POST", "OPTIONS", "DELETE"] {
            let lines = [
                host.as_str(),
                &bearer,
                line,
                "access-control-request-method: POST",
            ];
            let answer = target.ask(method, "/v1/identities", &lines);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "origin_refused"),
                "{method} {line}"
            );
            answer.is_sealed();
        }
    }
    // A WebSocket is not subject to the rules for reading; its origin is checked all the same.
    let hijack = [
        host.as_str(),
        &bearer,
        "origin: https://attacker.com",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    assert_eq!(
        target.ask("GET", "/v1/groups/x/events", &hijack).code(),
        "origin_refused"
    );
    // A preflight is answered with nothing that would allow anything.
    let preflight = target.ask("OPTIONS", "/v1/identities", &[&host, &bearer]);
    assert!([403, 405].contains(&preflight.status), "{preflight:?}");
    preflight.is_sealed();
    assert_eq!(target.identities(), before);
    target.honest("/v1/identities").is_sealed();

    // The shell of a desktop application can be let in, and nobody else with it.
    let config = target.place.path().join("peerage.toml");
    fs::write(&config, "api_allow_origins = ['tauri://localhost']\n").unwrap();
    target.daemon.kill();
    let mut up = target.place.up();
    up.args(["--api-listen", "127.0.0.1:0", "--config"])
        .arg(&config);
    let daemon = Daemon::start(up);
    let address = daemon.ready["api_listen"].as_str().unwrap().to_owned();
    let from = |origin: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "GET /v1/identities HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{bearer}\r\norigin: {origin}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        Raw::read(stream)
    };
    let allowed = from("tauri://localhost");
    assert_eq!(allowed.status, 200);
    allowed.is_sealed();
    assert_eq!(from("https://attacker.com").code(), "origin_refused");
}

#[test]
fn l3_a_token_is_guessed_in_vain_and_is_nowhere_to_be_read() {
    let target = Target::with(&["--log", "trace,libp2p=info,quinn=info,quinn_proto=info"]);
    let (host, token) = (target.host(), target.token.clone());
    assert!(
        token.starts_with("peerage_") && token.len() >= 8 + 43,
        "{}",
        token.len()
    );
    let mut flipped = token.clone().into_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let guesses = [
        None,
        Some("authorization: Bearer".to_owned()),
        Some("authorization: Bearer peerage_".to_owned()),
        Some(format!("authorization: Bearer {flipped}")),
        Some(format!(
            "authorization: Bearer {}",
            &token[..token.len() - 1]
        )),
        Some(format!("authorization: Bearer {token}x")),
        Some(format!("authorization: Bearer {}", token.to_lowercase())),
        Some(format!("authorization: Basic {token}")),
        Some(format!("authorization: {token}")),
        Some(format!(
            "authorization: Bearer {token}\r\nauthorization: Bearer {token}"
        )),
        Some(format!("cookie: token={token}")),
        Some(format!("x-api-key: {token}")),
    ];
    let mut shapes = BTreeSet::new();
    let answers: Vec<Raw> = thread::scope(|scope| {
        let asked: Vec<_> = guesses
            .iter()
            .map(|guess| {
                let lines: Vec<&str> = [host.as_str()]
                    .into_iter()
                    .chain(guess.as_deref())
                    .collect();
                let target = &target;
                scope.spawn(move || target.ask("GET", "/v1/groups", &lines))
            })
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (answer, guess) in answers.iter().zip(&guesses) {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "token_needed"),
            "{guess:?}"
        );
        shapes.insert((answer.head.clone(), answer.body.clone()));
    }
    // In the address, where it would be logged, it is nothing.
    for path in ["/v1/groups?token=", "/v1/groups?access_token=", "/nothing?"] {
        let answer = target.ask("GET", &format!("{path}{token}"), &[&host]);
        assert_eq!(answer.status, 401, "{path}: not even what there is");
        shapes.insert((answer.head.clone(), answer.body.clone()));
    }
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
    let shape = shapes.first().unwrap();
    assert!(shape.0.to_lowercase().contains("www-authenticate: bearer"));
    assert!(
        shape.0.to_lowercase().contains("connection: close"),
        "one guess, one connection"
    );
    // On the socket a wrong token is wrong, not the operator.
    let wrong = [("authorization", "Bearer peerage_x")];
    let answer = request(&target.place.socket(), "GET", "/v1/groups", &wrong, None);
    assert_eq!(answer.status, 401);
    // While many guess, who has a token is served, on the same loopback.
    thread::scope(|scope| {
        for _ in 0..60 {
            scope
                .spawn(|| target.ask("GET", "/v1/groups", &[&host, "authorization: Bearer guess"]));
        }
        for _ in 0..5 {
            assert_eq!(target.honest("/v1/groups").status, 200);
        }
    });
    let metrics = target.place.get("/metrics");
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("peerage_api_refused_total{code=\"token_needed\"}"));
    // A token that is good is logged as little as one that is not.
    let (_, log) = target.daemon.terminate();
    assert!(log.len() > 1_000, "there is a log");
    for secret in [&token[8..], &flipped[8..]] {
        assert!(!log.contains(secret), "in the log");
    }
}

#[test]
fn l3_a_stolen_token_is_of_no_use_after_it_was_revoked() {
    let target = Target::new();
    target.place.json(["id", "new", "--friendly-name", "Ada"]);
    let group = target
        .place
        .json(["group", "create", "--friendly-name", "Chess"]);
    let path = format!(
        "/v1/groups/{}/events",
        escaped(group["name"].as_str().unwrap())
    );
    let steal = |path: &str| {
        let mut stream = target.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\n{}\r\n{}\r\n\r\n",
            target.host(),
            target.bearer()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        stream.read_line(&mut first).unwrap();
        assert!(first.contains("200"), "{first}");
        stream
    };
    let mut streams = [steal(&path), steal("/v1/session")];
    let mut kept = steal("/v1/application");
    let renewed = target.place.json(["app", "token", "board"]);
    for stream in &mut streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    // Neither on a new connection nor on one that was opened before.
    assert_eq!(target.honest("/v1/application").status, 401);
    let again = format!(
        "GET /v1/application HTTP/1.1\r\n{}\r\n{}\r\n\r\n",
        target.host(),
        target.bearer()
    );
    // It may have been closed by now, which is as good an answer.
    let _ = kept.get_mut().write_all(again.as_bytes());
    let mut rest = Vec::new();
    let _ = kept.read_to_end(&mut rest);
    let rest = String::from_utf8_lossy(&rest);
    assert!(!rest.contains("HTTP/1.1 2"), "{rest}");
    // The new one is good on loopback and on the socket.
    let bearer = format!("Bearer {}", renewed["token"].as_str().unwrap());
    let line = format!("authorization: {bearer}");
    assert_eq!(
        target
            .ask("GET", "/v1/application", &[&target.host(), &line])
            .status,
        200
    );
    let headers = [("authorization", bearer.as_str())];
    let answer = request(
        &target.place.socket(),
        "GET",
        "/v1/application",
        &headers,
        None,
    );
    assert_eq!(answer.json()["name"], "board");
}

#[test]
fn l4_another_user_of_the_machine_is_turned_away() {
    let target = Target::new();
    let other = |socket: &std::path::Path, token: Option<&str>| {
        // Another user may not read our folders, so the program is put where it can.
        let shared = tempfile::tempdir().unwrap();
        fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = shared.path().join("peerage");
        fs::copy(env!("CARGO_BIN_EXE_peerage"), &program).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&program).arg("--socket").arg(socket);
        command
            .args(["status", "--json"])
            .env_clear()
            .env("HOME", "/nonexistent");
        command.env("PATH", std::env::var_os("PATH").unwrap());
        if let Some(token) = token {
            command.env("PEERAGE_TOKEN", token);
        }
        command.output()
    };
    // On loopback, where anybody can connect, there is no operator: without a token, nothing.
    for path in [
        "/v1/status",
        "/v1/groups",
        "/v1/applications",
        "/metrics",
        "/v1/openapi.json",
    ] {
        let answer = target.ask("GET", path, &[&target.host()]);
        assert_eq!(answer.status, 401, "{path}");
    }
    // With one, what its scopes say; and nobody makes himself more.
    for path in ["/v1/applications", "/metrics", "/v1/status"] {
        assert_eq!(target.honest(path).status, 403, "{path}");
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another user; the rest of this test was not run");
        return;
    }
    // The usual place is closed to others.
    let refused = other(&target.place.socket(), None).unwrap();
    assert!(!refused.status.success());
    // Somebody has opened it to everybody by mistake.
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = open.path().join("api.sock");
    target.daemon.kill();
    let mut up = target.place.up();
    up.arg("--socket").arg(&socket);
    let _daemon = Daemon::start(up);
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    for token in [None, Some(target.token.as_str())] {
        let output = other(&socket, token).unwrap();
        let problem: Value = serde_json::from_slice(&output.stderr)
            .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
        assert_eq!(problem["code"], "other_user", "{problem}");
        assert_eq!(output.status.code(), Some(4));
    }
    // Its owner is not.
    let answer = request(&socket, "GET", "/v1/status", &[], None);
    assert_eq!(answer.status, 200);
}

#[test]
fn l7_whoever_says_nothing_keeps_nobody_out() {
    let target = Target::new();
    let began = Instant::now();
    // As many as there may be, and more: some say nothing, some begin and never end.
    let slow: Vec<TcpStream> = (0..MAX_CONNECTIONS + 20)
        .map(|number| {
            let mut stream = target.connect();
            if number % 2 == 0 {
                let _ = stream.write_all(b"GET /v1/groups HTTP/1.1\r\nhost: 127");
            }
            stream
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(target.honest("/v1/groups").status, 200);
    }
    target.place.json(["status"]);
    // One says a byte now and then, and is ended like the others.
    let mut dripping = target.connect();
    while dripping.write_all(b"G").is_ok() {
        assert!(began.elapsed() < PATIENCE, "still connected");
        thread::sleep(Duration::from_millis(100));
    }
    for mut stream in slow {
        let mut buffer = [0; 512];
        while let Ok(1..) = stream.read(&mut buffer) {}
    }
    assert!(began.elapsed() < PATIENCE);
    // Who is not let in is told so before its body has come.
    let head = format!(
        "POST /v1/groups HTTP/1.1\r\n{}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n",
        target.host()
    );
    assert_eq!(target.raw(&head).status, 401);
    assert_eq!(target.honest("/v1/groups").status, 200);
}

#[test]
fn l7_what_is_too_large_is_refused() {
    let target = Target::new();
    let (host, bearer) = (target.host(), target.bearer());
    let long = format!("x: {}", "y".repeat(MAX_HEAD_BYTES));
    let answer = target.ask("GET", "/v1/groups", &[&host, &bearer, &long]);
    assert!([400, 431].contains(&answer.status), "{answer:?}");
    let path = format!("/v1/groups/{}", "y".repeat(MAX_HEAD_BYTES));
    let answer = target.ask("GET", &path, &[&host, &bearer]);
    assert!([400, 414, 431].contains(&answer.status), "{answer:?}");
    let many = vec!["x: y"; MAX_HEADERS + 1];
    let answer = target.ask(
        "GET",
        "/v1/groups",
        &[&[host.as_str(), &bearer], &many[..]].concat(),
    );
    assert_eq!(answer.status, 431, "{answer:?}");
    let json = "content-type: application/json";
    let body = " ".repeat(MAX_BODY_BYTES + 1);
    for (framing, body) in [
        (format!("content-length: {}", body.len()), body.clone()),
        (
            "transfer-encoding: chunked".to_owned(),
            format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
        ),
    ] {
        let head = format!(
            "POST /v1/groups HTTP/1.1\r\nconnection: close\r\n{host}\r\n{bearer}\r\n{json}\r\n{framing}\r\n\r\n"
        );
        let answer = target.raw(&(head + &body));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "too_large"),
            "{framing}"
        );
    }
    // Two lengths, or a length and chunks, are how requests are smuggled.
    for framing in [
        "content-length: 3\r\ncontent-length: 4",
        "transfer-encoding: chunked, identity",
    ] {
        let head = format!(
            "POST /v1/groups HTTP/1.1\r\n{host}\r\n{bearer}\r\n{json}\r\n{framing}\r\n\r\n{{}}"
        );
        assert_eq!(target.raw(&head).status, 400, "{framing}");
    }
    for nonsense in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /v1/groups HTTP/9.9\r\n\r\n",
    ] {
        let answer = target.raw(nonsense);
        assert!(
            [0, 400, 505].contains(&answer.status),
            "{nonsense:?}: {answer:?}"
        );
    }
    assert_eq!(target.honest("/v1/groups").status, 200);
}

#[test]
fn l9_the_api_is_served_on_loopback_or_not_at_all() {
    let place = Place::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0"] {
        let output = place.up().args(["--api-listen", address]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("not on loopback"),
            "{}",
            stderr(&output)
        );
    }
    // Nobody asked for it.
    let daemon = place.start();
    assert!(daemon.ready.get("api_listen").is_none());
    daemon.kill();
    // A port that is taken is said, and nothing of the node is left running.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = place
        .up()
        .args(["--api-listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this machine has no IPv6 loopback");
        return;
    }
    let mut up = place.up();
    up.args(["--api-listen", "[::1]:0"]);
    let daemon = Daemon::start(up);
    let address = daemon.ready["api_listen"].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET /v1/status HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Raw::read(stream).status, 401);
}

#[test]
fn l3_the_socket_knows_its_operator_and_its_applications() {
    let target = Target::new();
    let mut stream = BufReader::new(send(
        &target.place.socket(),
        "GET",
        "/v1/session",
        &[("accept", "application/x-ndjson")],
        None,
    ));
    let said: Value = serde_json::from_str(&line_with(&mut stream, "attached")).unwrap();
    assert_eq!(said["application"], "operator");
    drop(stream);
    let answer = request(&target.place.socket(), "GET", "/v1/status", &[], None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
