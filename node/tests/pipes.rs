//! Direct connections of real daemons: by command line, by HTTP and by WebSocket.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{Daemon, Place, escaped, line_with, peerage, request, send, stderr};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Two daemons, Ada's and Ben's, in one group and connected.
struct Two {
    ada: Place,
    ben: Place,
    _daemons: [Daemon; 2],
}

impl Two {
    fn new() -> Self {
        let (ada, ben) = (Place::new(), Place::new());
        let daemons = [ada.start(), ben.start()];
        ada.json(["id", "new", "--friendly-name", "Ada"]);
        ben.json(["id", "new", "--friendly-name", "Ben"]);
        ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
        let card = ben.path().join("ben.card");
        let invitation = ben.path().join("ben.invite");
        ben.json([
            "id".as_ref(),
            "card".as_ref(),
            "--out".as_ref(),
            card.as_os_str(),
        ]);
        ada.json([
            "invite".as_ref(),
            "create".as_ref(),
            "--card".as_ref(),
            card.as_os_str(),
            "--out".as_ref(),
            invitation.as_os_str(),
        ]);
        ben.json([
            "join".as_ref(),
            invitation.as_os_str(),
            "--connect".as_ref(),
        ]);
        eventually("being connected", || {
            let near = |place: &Place| place.json(["group", "show"])["neighbours"].as_u64();
            (near(&ada)? > 0 && near(&ben)? > 0).then_some(())
        });
        Self {
            ada,
            ben,
            _daemons: daemons,
        }
    }
}

fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A command that goes on; killed when dropped.
struct Running(Child);

impl Running {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut command = peerage(place.path());
        command.arg("--data-dir").arg(place.data()).args(arguments);
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }

    /// Its exit code, and what it printed.
    fn ended(mut self) -> (i32, Vec<u8>, String) {
        drop(self.0.stdin.take());
        let mut out = Vec::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut out).unwrap();
        }
        let mut text = String::new();
        self.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let code = self.0.wait().unwrap().code().unwrap_or(-1);
        (code, out, text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn line(lines: &mut impl BufRead) -> Value {
    let mut line = String::new();
    assert!(lines.read_line(&mut line).unwrap() > 0, "the command ended");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Runs a command until the other side listens.
fn once_they_listen(mut attempt: impl FnMut() -> std::process::Output) -> std::process::Output {
    eventually("the other side listens", || {
        let output = attempt();
        if output.status.success() {
            return Some(output);
        }
        let problem = stderr(&output);
        assert!(problem.contains("direct_refused"), "{problem}");
        None
    })
}

/// Bytes that show where they belong.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

#[test]
fn the_command_line_sends_messages_files_and_tcp_connections() {
    let two = Two::new();
    let (ada, ben) = (&two.ada, &two.ben);

    // Nobody listens.
    let (exit, problem) = ada.fails(["direct", "send", "Ben", "--payload", "psst"]);
    assert_eq!(
        (exit, problem["code"].as_str()),
        (7, Some("direct_refused"))
    );
    assert_eq!(problem["original"], "PEER_E_CONNECTION_REFUSED");
    assert!(
        problem["next_step"]
            .as_str()
            .unwrap()
            .contains("direct recv")
    );
    let (exit, problem) = ada.fails(["direct", "close", "7"]);
    assert_eq!(
        (exit, problem["code"].as_str()),
        (3, Some("connection_not_found"))
    );
    assert_eq!(problem["original"], "PEER_E_CONNECTION_NOT_FOUND");
    let (exit, problem) = ada.fails(["direct", "open", "Ada"]);
    assert_eq!((exit, problem["code"].as_str()), (2, Some("connect_self")));
    let (exit, problem) = ada.fails(["direct", "send", "Ada", "--payload", "psst"]);
    assert_eq!((exit, problem["code"].as_str()), (2, Some("connect_self")));
    let next = problem["next_step"].as_str().unwrap();
    assert!(next.contains("--node PEER-ID"), "{next}");

    // A message, a large one from a file, and one on a connection that is kept open.
    let mut recv = Running::start(ben, &["direct", "recv", "--count", "3", "--json"]);
    let mut told = recv.lines();
    let sent =
        once_they_listen(|| ada.run(["direct", "send", "Ben", "--payload", "psst", "--json"]));
    let sent: Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(sent["sent_bytes"], 4);
    assert_eq!(line(&mut told)["event"], "connected");
    let message = line(&mut told);
    assert_eq!(
        (&message["event"], &message["payload_text"]),
        (&json!("data"), &json!("psst"))
    );
    assert_eq!(message["from"], ada.json(["id", "show"])["name"]);
    let end = line(&mut told);
    assert_eq!(
        (&end["event"], &end["reason"]),
        (&json!("disconnected"), &json!("closed_there"))
    );
    let photo = ada.path().join("photo");
    fs::write(&photo, bytes(3_000_000)).unwrap();
    let arguments = ["direct", "send", "Ben", "--type", "photo", "--file"].map(AsRef::as_ref);
    let sent = ada.run(arguments.iter().copied().chain([photo.as_os_str()]));
    assert!(sent.status.success(), "{}", stderr(&sent));
    assert_eq!(line(&mut told)["event"], "connected");
    let message = line(&mut told);
    let payload = message["payload"].as_str().unwrap().as_bytes();
    assert!(data_encoding::BASE64.decode(payload).unwrap() == bytes(3_000_000));
    assert_eq!(message["payload_text"], Value::Null);
    line(&mut told);
    let opened = ada.json(["direct", "open", "Ben"]);
    let id = opened["id"].as_str().unwrap().to_owned();
    assert_eq!(ada.json(["direct", "ls"])[0]["id"], opened["id"]);
    assert_eq!(
        ada.json(["direct", "ls", "--kind", "all"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let open = ada.json(["direct", "ls"])[0].clone();
    let at_node = ["--node", open["node"].as_str().unwrap()];
    let on_it = ["direct", "send", &id, "--payload", "still there?"];
    let (exit, problem) = ada.fails([&on_it[..], &at_node].concat());
    assert_eq!((exit, problem["code"].as_str()), (2, Some("usage")));
    ada.json(on_it);
    line(&mut told);
    assert_eq!(line(&mut told)["payload_text"], "still there?");
    drop(told);
    assert_eq!(recv.ended().0, 0, "it ends after the third message");
    ada.json(["direct", "close", &id]);
    let (exit, problem) = ada.fails(["direct", "send", &id, "--payload", "still there?"]);
    assert_eq!(
        (exit, problem["code"].as_str()),
        (3, Some("connection_not_found"))
    );

    // Standard input and output, both ways: a file one way, a word back.
    let content = bytes(5_000_000);
    let mut accept = Running::start(ben, &["direct", "pipe", "--accept", "--from", "Ada"]);
    accept.0.stdin.take().unwrap().write_all(b"thanks").unwrap();
    // Read as it comes: the sender ends when everything was taken.
    let mut out = accept.0.stdout.take().unwrap();
    let taking = thread::spawn(move || {
        let mut received = Vec::new();
        out.read_to_end(&mut received).unwrap();
        received
    });
    let source = ada.path().join("source");
    fs::write(&source, &content).unwrap();
    let output = once_they_listen(|| {
        let mut command = peerage(ada.path());
        command.arg("--data-dir").arg(ada.data());
        command.args(["direct", "pipe", "Ben", "--json"]);
        command
            .stdin(fs::File::open(&source).unwrap())
            .output()
            .unwrap()
    });
    assert_eq!(output.stdout, b"thanks");
    let (code, _, problem) = accept.ended();
    assert_eq!(code, 0, "{problem}");
    assert!(taking.join().unwrap() == content);

    // A pipe whose sender dies is a failure at the other end.
    let accept = Running::start(ben, &["direct", "pipe", "--accept", "--no-input", "--json"]);
    let mut dying = eventually("a pipe is open", || {
        let mut dying = Running::start(ada, &["direct", "pipe", "Ben"]);
        let input = dying.0.stdin.as_mut().unwrap();
        input.write_all(b"the first half").ok()?;
        let open = || ada.json(["direct", "ls"])[0]["mode"] == "stream";
        let ended = |dying: &mut Running| dying.0.try_wait().unwrap().is_some();
        while !open() {
            if ended(&mut dying) {
                return None;
            }
        }
        Some(dying)
    });
    eventually("the first half has left", || {
        let metrics = String::from_utf8(ada.get("/metrics").body).unwrap();
        let out = "peerage_direct_bytes_total{direction=\"out\"} ";
        let left = metrics.lines().find_map(|line| line.strip_prefix(out))?;
        (left.parse::<u64>().unwrap() >= 8_000_014).then_some(())
    });
    dying.0.kill().unwrap();
    let (code, received, problem) = accept.ended();
    assert_eq!(code, 7, "{problem}");
    assert!(problem.contains("direct_cut"), "{problem}");
    assert_eq!(received, b"the first half");

    // TCP: the acceptor alone decides where it leads, and loopback only unless told otherwise.
    let (exit, problem) = ben.fails(["direct", "pipe", "--accept", "--to", "192.0.2.1:80"]);
    assert_eq!((exit, problem["code"].as_str()), (2, Some("invalid_input")));
    let (exit, _) = ada.fails(["direct", "pipe", "Ben", "--listen", "0.0.0.0:0"]);
    assert_eq!(exit, 2);
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = server.local_addr().unwrap().to_string();
    let (exit, problem) = ada.fails(["direct", "pipe", "Ben", "--listen", &to]);
    assert_eq!(
        (exit, problem["code"].as_str()),
        (6, Some("unable_to_listen"))
    );
    assert!(
        problem["next_step"]
            .as_str()
            .unwrap()
            .contains("--listen, or 0")
    );
    let _accept = Running::start(ben, &["direct", "pipe", "--accept", "--to", &to]);
    let mut forward = Running::start(
        ada,
        &["direct", "pipe", "Ben", "--listen", "127.0.0.1:0", "--json"],
    );
    let listening = line(&mut forward.lines())["listening"]
        .as_str()
        .unwrap()
        .to_owned();
    thread::spawn(move || {
        for stream in server.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                // Answers once the client has ended its direction.
                stream.read_to_end(&mut asked).unwrap();
                stream.write_all(&asked).unwrap();
            });
        }
    });
    let echo = |sent: &[u8]| -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(&listening).ok()?;
        let mut copy = stream.try_clone().ok()?;
        let sent = sent.to_vec();
        let writer = thread::spawn(move || {
            let _ = copy.write_all(&sent);
            let _ = copy.shutdown(Shutdown::Write);
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received).ok()?;
        writer.join().unwrap();
        Some(received)
    };
    // Until the acceptor listens, connections are closed without a byte.
    eventually("the forward works", || {
        (echo(b"knock")? == b"knock").then_some(())
    });
    thread::scope(|scope| {
        let clients: Vec<_> = (1..=6)
            .map(|number| scope.spawn(move || (number, echo(&bytes(number * 100_000)))))
            .collect();
        for client in clients {
            let (number, received) = client.join().unwrap();
            assert!(received.unwrap() == bytes(number * 100_000), "{number}");
        }
    });
}

async fn socket(place: &Place, path: &str) -> Result<WebSocketStream<UnixStream>, u16> {
    let stream = UnixStream::connect(place.socket()).await.unwrap();
    let request = format!("ws://peerage{path}").into_client_request().unwrap();
    let most = Some(16 + (16 << 20));
    let config = WebSocketConfig::default()
        .max_message_size(most)
        .max_frame_size(most);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn received(socket: &mut WebSocketStream<UnixStream>) -> Message {
    tokio::time::timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

/// The code a socket is closed with.
async fn closed(socket: &mut WebSocketStream<UnixStream>) -> u16 {
    loop {
        match received(socket).await {
            Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
            Message::Binary(_) | Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_carries_connections_over_http_and_websockets() {
    let two = tokio::task::spawn_blocking(Two::new).await.unwrap();
    let (ada, ben) = (&two.ada, &two.ben);
    let at = |place: &Place, rest: &str| {
        let group = place.json(["group", "show"])["name"]
            .as_str()
            .unwrap()
            .to_owned();
        format!("/v1/groups/{}/direct{rest}", escaped(&group))
    };
    let to_ben = json!({"member": "Ben", "wait": true});

    // Consent lasts as long as a stream.
    assert_eq!(ada.post(&at(ada, ""), &to_ben).status, 503);
    let accept = [("accept", "application/x-ndjson")];
    let listen = send(
        &ben.socket(),
        "GET",
        &at(ben, "/listen?types=chat,photo"),
        &accept,
        None,
    );
    let mut listen = BufReader::new(listen);
    let opened = eventually("consent", || {
        let answer = ada.post(&at(ada, ""), &to_ben);
        (answer.status == 201).then_some(answer)
    });
    let place = opened.header("location").unwrap().to_owned();
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    let there: Value = serde_json::from_str(json_of(&line_with(&mut listen, "connected"))).unwrap();
    let there = there["connection"]["id"].as_str().unwrap().to_owned();
    assert_eq!(ada.get(&place).json()["id"], json!(id));
    assert_eq!(
        ada.get(&at(ada, "?kind=all")).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // One by POST, one by socket; what was not asked for is not told.
    let messages = format!("{place}/messages");
    let hello = json!({"type": "chat", "payload_text": "hello"});
    let noise = json!({"type": "noise", "payload_text": "bzz"});
    assert_eq!(ada.post(&messages, &noise).status, 204);
    assert_eq!(ada.post(&messages, &hello).status, 204);
    let nil = json!({"type": "00000000-0000-0000-0000-000000000000", "payload_text": "x"});
    assert_eq!(ada.post(&messages, &nil).status, 400);
    let told: Value = serde_json::from_str(json_of(&line_with(&mut listen, "data"))).unwrap();
    assert_eq!(
        (&told["payload_text"], &told["id"]),
        (&json!("hello"), &json!(there))
    );

    // Messages of the largest size both ways over sockets, back-pressure and all.
    let (mut here, mut over_there) = (
        socket(ada, &format!("{place}/socket")).await.unwrap(),
        socket(ben, &at(ben, &format!("/{there}/socket")))
            .await
            .unwrap(),
    );
    let kind = peerage_protocol::wire::direct::MessageType::from_name("chat");
    let framed = |data: &[u8]| [kind.as_bytes().as_slice(), data].concat();
    for size in [0, 1, 100_000, 16 << 20] {
        let message = framed(&bytes(size));
        here.send(Message::binary(message.clone())).await.unwrap();
        assert!(
            received(&mut over_there).await.into_data() == message,
            "{size}"
        );
        over_there
            .send(Message::binary(message.clone()))
            .await
            .unwrap();
        assert!(received(&mut here).await.into_data() == message, "{size}");
    }
    // What is no message is answered, and ends this socket alone.
    over_there
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    assert_eq!(closed(&mut over_there).await, 1007);
    let mut over_there = socket(ben, &at(ben, &format!("/{there}/socket")))
        .await
        .unwrap();
    over_there.send(Message::text("hello")).await.unwrap();
    assert_eq!(closed(&mut over_there).await, 1003);
    // The end of the connection ends its sockets.
    assert_eq!(ada.http("DELETE", &place, None).status, 204);
    assert_eq!(ada.http("DELETE", &place, None).status, 404);
    assert_eq!(closed(&mut here).await, 4000);
    let gone = socket(ada, &format!("{place}/socket")).await;
    assert_eq!(gone.err(), Some(404));
    line_with(&mut listen, "closed_there");

    // A pipe between two sockets: bytes, half-close, and the end.
    let mut accepting = socket(ben, &at(ben, "/pipe")).await.unwrap();
    let as_pipe = json!({"member": "Ben", "mode": "stream", "wait": true});
    let pipe = async || {
        let opened = ada.post(&at(ada, ""), &as_pipe);
        assert_eq!(opened.status, 201, "{}", opened.head);
        let place = opened.header("location").unwrap();
        socket(ada, &format!("{place}/socket")).await.unwrap()
    };
    let mut opening = pipe().await;
    let who: Value =
        serde_json::from_str(received(&mut accepting).await.to_text().unwrap()).unwrap();
    assert_eq!(who["friendly_name"], "Ada");
    opening
        .send(Message::binary(b"ping".as_slice()))
        .await
        .unwrap();
    opening.send(Message::binary(b"".as_slice())).await.unwrap();
    assert_eq!(received(&mut accepting).await.into_data().as_ref(), b"ping");
    assert!(received(&mut accepting).await.into_data().is_empty());
    accepting
        .send(Message::binary(b"pong".as_slice()))
        .await
        .unwrap();
    accepting
        .send(Message::binary(b"".as_slice()))
        .await
        .unwrap();
    assert_eq!(received(&mut opening).await.into_data().as_ref(), b"pong");
    assert!(received(&mut opening).await.into_data().is_empty());
    // In order once both have said that they have taken everything.
    opening.send(Message::text("taken")).await.unwrap();
    accepting.send(Message::text("taken")).await.unwrap();
    assert_eq!(closed(&mut opening).await, 1000);
    assert_eq!(closed(&mut accepting).await, 1000);
    // Whose other side has not, cannot think that it has.
    let mut accepting = socket(ben, &at(ben, "/pipe")).await.unwrap();
    let mut opening = pipe().await;
    received(&mut accepting).await;
    opening
        .send(Message::binary(b"lost".as_slice()))
        .await
        .unwrap();
    for side in [&mut opening, &mut accepting] {
        side.send(Message::binary(b"".as_slice())).await.unwrap();
    }
    assert_eq!(received(&mut accepting).await.into_data().as_ref(), b"lost");
    drop(accepting);
    assert!(received(&mut opening).await.into_data().is_empty());
    opening.send(Message::text("taken")).await.unwrap();
    assert_eq!(closed(&mut opening).await, 4001);
    // A client that goes away cuts its pipe.
    let mut accepting = socket(ben, &at(ben, "/pipe")).await.unwrap();
    let opening = pipe().await;
    received(&mut accepting).await;
    drop(opening);
    assert_eq!(closed(&mut accepting).await, 4001);

    let metrics = String::from_utf8(ada.get("/metrics").body).unwrap();
    for line in [
        "peerage_direct_total{outcome=\"opened\"} 4",
        "peerage_direct_total{outcome=\"refused\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

/// The JSON in a chunk of a stream.
fn json_of(line: &str) -> &str {
    line.trim()
}

/// A power cut at one end, in the middle of a file, is a failure at the other.
#[test]
fn a_daemon_that_is_killed_leaves_no_half_file_that_looks_whole() {
    let two = Two::new();
    let Two {
        ada,
        ben,
        _daemons: [at_ada, _at_ben],
    } = two;
    let accept = Running::start(
        &ben,
        &["direct", "pipe", "--accept", "--no-input", "--json"],
    );
    let mut sending = eventually("a pipe is open", || {
        let mut sending = Running::start(&ada, &["direct", "pipe", "Ben", "--json"]);
        sending
            .0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(&bytes(100_000))
            .ok()?;
        loop {
            if ada.json(["direct", "ls"])[0]["mode"] == "stream" {
                return Some(sending);
            }
            if sending.0.try_wait().unwrap().is_some() {
                return None;
            }
        }
    });
    at_ada.kill();
    // Its own command line says so at once.
    drop(sending.0.stdin.take());
    let (code, _, problem) = sending.ended();
    assert_eq!(code, 7, "{problem}");
    let (code, received, problem) = accept.ended();
    assert_eq!(code, 7, "{problem}");
    assert!(bytes(100_000).starts_with(&received));
}

#[test]
fn what_an_application_opens_is_counted_and_ends_with_its_token() {
    let two = Two::new();
    let (ada, ben) = (&two.ada, &two.ben);
    let scopes = ["app", "register", "board", "--scope", "direct"];
    let token = ada.json(scopes)["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let open = |body: Value| {
        let headers = [("authorization", bearer.as_str())];
        let body = body.to_string().into_bytes();
        let path = "/v1/groups/Chess/direct";
        request(&ada.socket(), "POST", path, &headers, Some(&body))
    };
    let connections = || ada.json(["direct", "ls"]).as_array().unwrap().len();
    let listen = send(
        &ben.socket(),
        "GET",
        "/v1/groups/Chess/direct/listen",
        &[],
        None,
    );
    let mut listen = BufReader::new(listen);
    line_with(&mut listen, "200 OK");
    let opened = open(json!({"member": "Ben", "wait": true}));
    assert_eq!(opened.status, 201, "{opened:?}");
    line_with(&mut listen, "event: connected");

    // One that answers nobody, so that what is being opened stays so.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let nowhere = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let attempt = json!({"member": "Ben", "address": nowhere});
    for _ in 0..7 {
        assert_eq!(open(attempt.clone()).status, 202);
    }
    let more = open(attempt.clone());
    assert_eq!((more.status, more.code().as_str()), (429, "quota_exceeded"));
    // Others have their own.
    let operators = ada.post("/v1/groups/Chess/direct", &attempt);
    assert_eq!(operators.status, 202, "{operators:?}");

    ada.json(["direct", "open", "Ben"]);
    line_with(&mut listen, "event: connected");
    assert_eq!(connections(), 2);
    ada.json(["app", "revoke", "board"]);
    line_with(&mut listen, "event: disconnected");
    assert_eq!(connections(), 1, "the operator's stays");
    assert_eq!(open(attempt).status, 401);
}

#[test]
fn a_revoked_application_that_does_not_read_lets_nobody_in_any_more() {
    let two = Two::new();
    let (ada, ben) = (&two.ada, &two.ben);
    let issued = ben.json(["app", "register", "board", "--scope", "direct"]);
    let bearer = format!("Bearer {}", issued["token"].as_str().unwrap());
    let listen = send(
        &ben.socket(),
        "GET",
        "/v1/groups/Chess/direct/listen",
        &[("authorization", &bearer)],
        None,
    );
    let mut listen = BufReader::new(listen);
    line_with(&mut listen, "200 OK");
    let to_ben = json!({"member": "Ben", "wait": true});
    let opened = ada.post("/v1/groups/Chess/direct", &to_ben);
    assert_eq!(opened.status, 201, "{opened:?}");
    // More than fits on the way to a reader that reads no more.
    let messages = format!("{}/messages", opened.header("location").unwrap());
    let large = json!({"type": "chat", "payload_text": "x".repeat(100_000)});
    for _ in 0..30 {
        let sent = ada.post(&messages, &large);
        assert_eq!(sent.status, 204, "{sent:?}");
    }
    ben.json(["app", "revoke", "board"]);
    eventually("nobody is let in", || {
        let answer = ada.post("/v1/groups/Chess/direct", &to_ben);
        if let Some(still) = answer.header("location") {
            ada.json(["direct", "close", still.rsplit('/').next().unwrap()]);
            return None;
        }
        assert_eq!(answer.code(), "direct_refused");
        Some(())
    });
    drop(listen);
}

/// Success at the sender means that it is where the receiver wanted it.
#[test]
fn a_file_that_could_not_be_written_is_a_failure_at_the_sender_too() {
    let two = Two::new();
    let (ada, ben) = (&two.ada, &two.ben);
    for full in [true, false] {
        let mut command = peerage(ben.path());
        command.arg("--data-dir").arg(ben.data());
        command.args(["direct", "pipe", "--accept", "--no-input", "--json"]);
        // Nothing fits on a full disk; and a reader may have seen enough.
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let out = match full {
            true => Stdio::from(
                fs::OpenOptions::new()
                    .write(true)
                    .open("/dev/full")
                    .unwrap(),
            ),
            false => Stdio::piped(),
        };
        let mut accept = command.stdout(out).spawn().unwrap();
        drop(accept.stdout.take());
        let sent = eventually("the other side listens", || {
            let mut sending = Running::start(ada, &["direct", "pipe", "Ben", "--json"]);
            let _ = sending.0.stdin.take().unwrap().write_all(b"small");
            let (code, _, problem) = sending.ended();
            (!problem.contains("direct_refused")).then_some((code, problem))
        });
        assert_eq!(sent.0, 7, "{}", sent.1);
        assert!(sent.1.contains("direct_cut"), "{}", sent.1);
        assert!(!accept.wait().unwrap().success());
    }
}
