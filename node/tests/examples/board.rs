//! The notice board: a node inside a web server.

use std::net::SocketAddr;

use peerage::{Node, Settings};
use peerage_records::{id::RecordType, record::RecordDraft};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::{
    embed_axum,
    nodes::{DAY, DEADLINE, Home, eventually, note, ready},
};

/// Sends a request, from a page at `host`.
async fn send(at: SocketAddr, host: &str, request: &str, body: Option<&Value>) -> TcpStream {
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream
}

/// The status and the body of the answer.
async fn ask(at: SocketAddr, request: &str, body: Option<&Value>) -> (u16, Value) {
    let mut stream = send(at, &at.to_string(), request, body).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Reads a stream of events until a line begins so; gives what follows.
async fn heard(page: &mut BufReader<TcpStream>, begins: &str) -> String {
    let read = async {
        loop {
            let mut line = String::new();
            assert!(
                page.read_line(&mut line).await.unwrap() > 0,
                "no {begins:?}"
            );
            if let Some(rest) = line.strip_prefix(begins) {
                return rest.trim().to_owned();
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_with_a_node_in_it_shows_what_members_publish_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::in_folder(folder.path().join("data"));
    settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(embed_axum::serve(settings.clone(), listener, async {
        let _ = stopped.await;
    }));

    let mut page = BufReader::new(send(at, &at.to_string(), "GET /events", None).await);
    heard(&mut page, "HTTP/1.1 200").await;
    let (status, pinned) = ask(at, "POST /notices", Some(&json!({ "text": "tea at four" }))).await;
    assert_eq!((status, &pinned["text"]), (201, &json!("tea at four")));
    heard(&mut page, "event: pinned").await;
    assert!(heard(&mut page, "data: ").await.contains("tea at four"));

    // Another member, on a node of its own.
    let ben = Home::new().await;
    let card = ben.node.card(None).await.unwrap().to_uri();
    let (status, answer) = ask(at, "POST /invitations", Some(&json!({ "card": card }))).await;
    assert_eq!(status, 200, "{answer}");
    let invitation = answer["invitation"].as_str().unwrap().parse().unwrap();
    let bens = ben.node.join(invitation, None).await.unwrap();
    bens.connect().await.unwrap();
    ready(&bens).await;
    let draft = RecordDraft {
        kind: RecordType::from_name("notice"),
        ..note(&peerage::clock::Clock::system(), "<b>cake</b>", DAY)
    };
    bens.publish(draft).await.unwrap();
    heard(&mut page, "event: pinned").await;
    assert!(heard(&mut page, "data: ").await.contains("<b>cake</b>"));
    let (_, notices) = ask(at, "GET /notices", None).await;
    assert_eq!(notices.as_array().unwrap().len(), 2);

    let id = pinned["id"].as_str().unwrap();
    assert_eq!(ask(at, &format!("DELETE /notices/{id}"), None).await.0, 204);
    heard(&mut page, "event: gone").await;
    assert_eq!(heard(&mut page, "data: ").await, id);
    eventually("the end of the notice at the other member", async || {
        let id = id.parse().unwrap();
        bens.get(id).await.err().map(drop)
    })
    .await;

    let (status, answer) = ask(at, &format!("DELETE /notices/{id}"), None).await;
    assert_eq!((status, &answer["code"]), (404, &json!("record_not_found")));
    assert_eq!(
        ask(at, "POST /notices", Some(&json!({ "text": "" })))
            .await
            .0,
        400
    );
    let mut misled = BufReader::new(send(at, "evil.example", "GET /notices", None).await);
    heard(&mut misled, "HTTP/1.1 421").await;

    // The open page ends, then the server, then the node: its folder is free.
    stop.send(()).unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, page.read_to_end(&mut rest)).await;
    ended.unwrap().unwrap();
    served.await.unwrap().unwrap();
    let node = Node::builder(settings).start().await.unwrap();
    node.shutdown().await.unwrap();
}
