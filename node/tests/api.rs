//! The local API, over a real socket of a real daemon.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{io::BufReader, time::Duration};

use common::{Place, escaped, line_with, request, send};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A daemon with one identity and one group, and the path of the group.
fn with_group() -> (Place, common::Daemon, String) {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let group = place.json(["group", "create", "--friendly-name", "Chess"]);
    let path = format!("/v1/groups/{}", escaped(group["name"].as_str().unwrap()));
    (place, daemon, path)
}

fn put(place: &Place, group: &str, text: &str) -> Value {
    let answer = place.post(
        &format!("{group}/records"),
        &json!({ "type": "note", "payload_text": text, "expires": "7d" }),
    );
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

#[test]
fn records_are_made_read_changed_and_deleted() {
    let (place, _daemon, group) = with_group();
    let answer = place.post(
        &format!("{group}/records"),
        &json!({
            "type": "note",
            "payload_text": "e4",
            "expires": "7d",
            "attributes": [
                { "name": "move", "type": "integer", "value": 1 },
                { "name": "by", "type": "string", "value": "white" },
                { "name": "on", "type": "date", "value": "2026-12-24T18:00:00Z" }
            ]
        }),
    );
    assert_eq!(answer.status, 201, "{answer:?}");
    let record = answer.json();
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(record["payload"], "ZTQ=");
    assert_eq!(
        (
            &record["version"],
            record["attributes"].as_array().unwrap().len()
        ),
        (&json!(1), 3)
    );
    assert_eq!(place.get(&path).json(), record);
    let changed = place
        .http("PATCH", &path, Some(br#"{"payload_text":"d4"}"#))
        .json();
    assert_eq!(
        (&changed["version"], &changed["payload_text"]),
        (&json!(2), &json!("d4"))
    );
    assert_eq!(changed["attributes"], record["attributes"]);
    assert_eq!(place.http("DELETE", &path, None).status, 204);
    let gone = place.get(&path);
    assert_eq!(
        (gone.status, gone.code()),
        (404, "record_not_found".to_owned())
    );
    assert_eq!(gone.json()["original"], "PEER_E_RECORD_NOT_FOUND");
}

#[test]
fn a_record_without_a_type_is_refused_and_without_an_expiry_lives_four_weeks() {
    let (place, _daemon, group) = with_group();
    let records = format!("{group}/records");
    let untyped = place.post(&records, &json!({ "payload_text": "e4", "expires": "7d" }));
    assert_eq!(untyped.status, 400, "{untyped:?}");
    let answer = place.post(&records, &json!({ "type": "note", "payload_text": "e4" }));
    assert_eq!(answer.status, 201, "{answer:?}");
    let record = answer.json();
    let time = |field: &str| {
        let text = record[field].as_str().unwrap();
        peerage::model::parse_instant(text).unwrap()
    };
    let lives = time("expires").since(time("created"));
    let weeks = Duration::from_secs(28 * 24 * 3_600);
    assert!(lives.abs_diff(weeks) < Duration::from_secs(60), "{lives:?}");
}

#[test]
fn a_group_is_made_offline_listed_and_deleted() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let make = |body: Value| place.post("/v1/groups", &body);
    for (body, code) in [
        (json!({ "name": "mine" }), "invalid_input"),
        (
            json!({ "classifier": "x".repeat(150) }),
            "classifier_too_long",
        ),
        (
            json!({ "friendly_name": "x".repeat(256) }),
            "invalid_friendly_name",
        ),
        (json!({ "comment": "x".repeat(256) }), "invalid_input"),
        (json!({ "identity": "nobody" }), "identity_not_found"),
    ] {
        let refused = make(body.clone());
        assert_eq!(refused.code(), code, "{body}");
    }
    assert_eq!(
        place.get("/v1/groups").json(),
        json!({ "items": [] }),
        "what was refused left nothing"
    );
    let answer = make(json!({ "classifier": "chess", "comment": "on Tuesdays" }));
    assert_eq!(answer.status, 201);
    let group = answer.json();
    assert_eq!(
        (&group["status"], &group["role"]),
        (&json!("offline"), &json!("admin"))
    );
    assert_eq!(
        (&group["comment"], &group["synchronised"]),
        (&json!("on Tuesdays"), &json!(true))
    );
    assert!(group["name"].as_str().unwrap().ends_with(".chess"));
    assert_eq!(place.get("/v1/groups").json(), json!({ "items": [group] }));
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(place.get(&path).json(), group);
    assert_eq!(place.http("DELETE", &path, None).status, 204);
    assert_eq!(place.get("/v1/groups").json(), json!({ "items": [] }));
    let again = place.http("DELETE", &path, None);
    assert_eq!(
        (again.status, &again.json()["original"]),
        (404, &json!("PEER_E_NOT_FOUND"))
    );
}

#[test]
fn properties_are_shown_and_changed_and_what_is_fixed_cannot_be() {
    let (place, _daemon, group) = with_group();
    let path = format!("{group}/properties");
    let patch = |body: &Value| place.http("PATCH", &path, Some(body.to_string().as_bytes()));
    let before = place.get(&path).json();
    assert_eq!(before["presence_lifetime_seconds"], 300);
    assert_eq!(before["presence"], "all");
    for fixed in ["cloud", "classifier", "name", "creator", "identity"] {
        let refused = patch(&json!({fixed: "other", "comment": "other"}));
        assert_eq!(refused.status, 400, "{fixed}");
    }
    assert_eq!(place.get(&path).json(), before);
    let wrong = patch(&json!({"comment": "other", "max_record_bytes": 1023}));
    assert_eq!(wrong.json()["code"], "invalid_properties");
    assert_eq!(place.get(&path).json(), before);

    let change = json!({"comment": "weekly", "presence_lifetime": "1s", "presence": "12"});
    let set = patch(&change);

    assert_eq!(set.status, 200);
    assert_eq!(set.json()["comment"], "weekly");
    assert_eq!(set.json()["presence_lifetime_seconds"], 300, "raised");
    assert_eq!(set.json()["presence"], "12");
    assert_eq!(set.json()["friendly_name"], before["friendly_name"]);
    let connect = format!("{group}/connect");
    assert_eq!(place.post(&connect, &json!({})).status, 200);
    let presence = format!("{group}/presence");
    let said = json!({"attributes": "here", "forced": true}).to_string();
    let said = place.http("PATCH", &presence, Some(said.as_bytes()));
    assert_eq!(said.json()["attributes"], "here");
    let local = format!("{group}/nodes/local");
    assert_eq!(place.get(&local).json()["attributes"], "here");
    let nobody = format!("{group}/nodes/12D3");
    assert_eq!(place.get(&nobody).json()["code"], "node_not_found");
    let members = format!("{group}/members");
    let whose = place.get(&members).json()["items"][0]["name"].clone();
    let whose = escaped(whose.as_str().unwrap());
    let one = place.get(&format!("{members}?member={whose}"));
    assert_eq!(one.json()["items"].as_array().unwrap().len(), 1);
    let none = place.get(&format!("{members}?member=0.nobody"));
    assert_eq!(none.json(), json!({ "items": [] }));
}

#[test]
fn a_list_gives_what_is_asked_for_until_there_is_no_more() {
    let (place, _daemon, group) = with_group();
    for text in ["a", "b", "c", "d", "e"] {
        put(&place, &group, text);
    }
    for name in ["Ben", "Cy"] {
        place.json(["id", "new", "--friendly-name", name]);
        place.json(["group", "create", "--friendly-name", "Go", "--as", name]);
    }
    // Every list of the document that has pages, and how many items it has here.
    let document = place.get("/v1/openapi.json").json();
    let mut lists = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"].as_array();
        if !parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "cursor")) {
            continue;
        }
        let path = path.replace("/v1/groups/{group}", &group);
        let all = place.get(&format!("{path}?limit=1000"));
        assert_eq!(all.status, 200, "{path}: {all:?}");
        let all = all.json();
        assert!(all.get("next").is_none(), "{path}");
        let mut walked = Vec::new();
        let mut query = "limit=1".to_owned();
        loop {
            let page = place.get(&format!("{path}?{query}")).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 1, "{path}");
            walked.extend(items.iter().cloned());
            match page["next"].as_str() {
                Some(next) => query = format!("limit=1&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(Value::from(walked), all["items"], "{path}");
        let wrong = place.get(&format!("{path}?cursor=bm90aGluZw"));
        assert_eq!(wrong.code(), "invalid_cursor", "{path}");
        assert_eq!(place.get(&format!("{path}?limit=1001")).status, 400);
        lists += 1;
    }
    assert!(lists >= 9, "{lists}");
    let records =
        |query: &str| place.get(&format!("{group}/records?{query}")).json()["items"].clone();
    assert_eq!(records("limit=10").as_array().unwrap().len(), 5);
    assert_eq!(records("type=note").as_array().unwrap().len(), 5);
    assert_eq!(records("type=photo"), json!([]));
    assert_eq!(
        place.get("/v1/groups").json()["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

/// What the original answered with a success code is success here, and said.
#[test]
fn what_is_so_already_is_success_and_said() {
    let (place, _daemon, group) = with_group();
    let connect = format!("{group}/connect");
    let first = place.post(&connect, &json!({}));
    assert_eq!((first.status, first.json().get("outcome")), (200, None));
    let again = place.post(&connect, &json!({}));
    assert_eq!(
        (again.status, &again.json()["outcome"]),
        (200, &json!("already_connected"))
    );
    let shown = common::stdout(&place.run(["group", "connect"]));
    assert!(shown.contains("online already"), "{shown}");
    // No event waits: the stream is open, and there is nothing in it.
    let path = format!("{group}/events");
    let mut stream = BufReader::new(send(&place.socket(), "GET", &path, &[], None));
    line_with(&mut stream, "200 OK");
    // Who has never synchronised is told so, as a success.
    assert_eq!(place.get(&group).json()["synchronised"], true);
}

/// However often a request with a key comes, it is carried out once.
#[test]
fn a_request_with_a_key_is_carried_out_once() {
    let (place, daemon, group) = with_group();
    let socket = place.socket();
    let post = |path: &str, key: &str, body: &Value| {
        let headers = [("idempotency-key", key)];
        request(
            &socket,
            "POST",
            path,
            &headers,
            Some(body.to_string().as_bytes()),
        )
    };
    let count = |path: &str| place.get(path).json()["items"].as_array().unwrap().len();
    let records = format!("{group}/records");
    let note = json!({ "type": "note", "payload_text": "e4", "expires": "7d" });

    // At the same time: one is carried out, the others wait for its answer.
    let answers: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| post(&records, "one", &note)))
            .collect();
        tries
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let first = &answers[0];
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 201 && answer.body == first.body)
    );
    let replayed = |answer: &&common::Answer| answer.header("idempotency-replayed").is_some();
    assert_eq!(answers.iter().filter(replayed).count(), 7);
    assert_eq!(count(&records), 1);
    let location = first.header("location").unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer.header("location") == Some(location))
    );

    // Another request under the same key is a mistake, and another key another record.
    let other = post(
        &records,
        "one",
        &json!({ "type": "note", "payload_text": "d4" }),
    );
    assert_eq!((other.status, other.code().as_str()), (422, "key_reused"));
    let other = post("/v1/groups", "one", &json!({}));
    assert_eq!((other.status, other.code().as_str()), (422, "key_reused"));
    assert_eq!(post(&records, "two", &note).status, 201);
    assert_eq!(count(&records), 2);
    // What failed has changed nothing and may come again, corrected.
    assert_eq!(
        post(
            &records,
            "three",
            &json!({ "type": "note", "expires": "never" })
        )
        .status,
        400
    );
    assert_eq!(post(&records, "three", &note).status, 201);
    let long = "x".repeat(peerage::api::MAX_KEY_CHARS + 1);
    for wrong in ["", "a b", "ü", long.as_str()] {
        assert_eq!(
            post(&records, wrong, &note).code(),
            "invalid_input",
            "{wrong}"
        );
    }
    let go = json!({ "friendly_name": "Go" });
    let made = post("/v1/groups", "go", &go);
    assert_eq!(post("/v1/groups", "go", &go).body, made.body);
    assert_eq!(count("/v1/groups"), 2);

    // The node dies: what was answered is answered again.
    daemon.kill();
    let daemon = place.start();
    let again = post(&records, "one", &note);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(post("/v1/groups", "go", &go).body, made.body);
    daemon.kill();
    // As if it had died before it could keep any answer: a record is found again by its key; of a group
    // it is said that nobody knows.
    for file in std::fs::read_dir(place.data().join("answers")).unwrap() {
        let file = file.unwrap().path();
        let kept = std::fs::read_to_string(&file).unwrap();
        if kept.contains("Go") {
            let begun = kept
                .lines()
                .next()
                .unwrap()
                .replace("\"status\":201", "\"status\":null");
            std::fs::write(&file, begun + "\n").unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
    }
    let _daemon = place.start();
    let again = post(&records, "one", &note);
    assert_eq!(
        (again.status, again.json()["id"].clone()),
        (201, first.json()["id"].clone())
    );
    assert_eq!(count(&records), 3);
    let unknown = post("/v1/groups", "go", &go);
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (409, "interrupted")
    );
    assert_eq!(count("/v1/groups"), 2);
    // A record that was deleted since does not come back.
    assert_eq!(place.http("DELETE", location, None).status, 204);
    let folder = place.data().join("answers");
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let gone = post(&records, "one", &note);
    assert_eq!(
        (gone.status, gone.code().as_str()),
        (404, "record_not_found")
    );
}

/// Each request that makes or publishes something takes a key; the others do no harm when they come twice.
#[test]
fn every_request_that_makes_something_takes_a_key() {
    let document = serde_json::to_value(peerage::api::openapi()).unwrap();
    let harmless = [
        "ack",
        "applications",
        "backup",
        "direct",
        "messages",
        "ping",
        "token",
        "addresses_",
        "close",
        "connect",
        "connect-at",
        "deny",
        "accept",
        "admin",
        "export",
        "inspect",
        "leave",
        "open",
        "remove",
        "revoke",
        "settle",
        "shutdown",
    ];
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(post) = methods.get("post") else {
            continue;
        };
        let none = Vec::new();
        let parameters = post["parameters"].as_array().unwrap_or(&none);
        let takes_a_key = parameters
            .iter()
            .any(|one| one["name"] == "idempotency-key");
        let last = path.rsplit('/').next().unwrap();
        assert!(
            takes_a_key != harmless.contains(&last),
            "POST {path}: add it to TAKE_A_KEY in node/src/api/once.rs if it makes something that two \
             requests would make twice and its answer may be kept; else to the list here"
        );
    }
}

#[test]
fn errors_are_problems_with_a_stable_code() {
    let (place, _daemon, group) = with_group();
    let cases = [
        (place.get("/v1/groups/nothing"), 404, "group_not_found"),
        (place.get("/v1/identities/nothing"), 404, "identity_not_found"),
        (place.get("/v2/status"), 404, "no_such_path"),
        (place.http("PUT", "/v1/status", None), 405, "no_such_method"),
        (place.get(&format!("{group}/records?limit=0")), 400, "invalid_input"),
        (place.get(&format!("{group}/records?colour=red")), 400, "invalid_input"),
        (place.get(&format!("{group}/records/x")), 400, "invalid_input"),
        (place.http("POST", "/v1/identities", Some(b"{")), 400, "invalid_input"),
        (place.post("/v1/identities", &json!({ "frendly_name": "Ada" })), 400, "invalid_input"),
        (place.post(&format!("{group}/records"), &json!({ "type": "note", "expires": "yesterday" })), 400, "invalid_input"),
        (place.post(&format!("{group}/records"), &json!({ "type": "note", "expires": "1990-01-01T00:00:00Z" })), 400, "invalid_record_expiration"),
        (place.post(&format!("{group}/records"), &json!({ "type": "01000000-0000-0000-0000-000000000000" })), 403, "reserved_type"),
        (place.post(&format!("{group}/records"), &json!({ "type": "note", "payload_text": "x".repeat(50 * 1024) })), 400, "record_too_large"),
        (place.post(&format!("{group}/records"), &json!({ "type": "note", "attributes": [{ "name": "no good", "type": "string", "value": "" }] })), 400, "invalid_attributes"),
        (place.post("/v1/groups/join", &json!({ "invitation": "peerage:invite:AAAA" })), 400, "invitation_not_trusted"),
        (place.post(&format!("{group}/invitations"), &json!({ "card": "nonsense" })), 400, "invalid_identity"),
    ];
    for (answer, status, code) in cases {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{answer:?}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert!(problem["type"].as_str().unwrap().ends_with(code));
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let place = Place::new();
    let _daemon = place.start();
    let body = vec![b' '; peerage::api::MAX_BODY_BYTES + 1];
    let answer = place.http("POST", "/v1/identities", Some(&body));
    assert_eq!(
        (answer.status, answer.code()),
        (413, "too_large".to_owned())
    );
    place.json(["status"]);
}

#[test]
fn events_are_told_as_messages_and_resumed_by_their_id() {
    let (place, _daemon, group) = with_group();
    let first = put(&place, &group, "a");
    let path = format!("{group}/events?after=0");
    let stream = send(&place.socket(), "GET", &path, &[], None);
    let mut stream = BufReader::new(stream);
    assert!(line_with(&mut stream, "content-type").contains("text/event-stream"));
    line_with(&mut stream, "event: record_added");
    let data = line_with(&mut stream, first["id"].as_str().unwrap());
    let event: Value = serde_json::from_str(data.trim_start_matches("data:").trim()).unwrap();
    assert_eq!(event["kind"], "record_added");
    // Live, after what was kept.
    let second = put(&place, &group, "b");
    line_with(&mut stream, second["id"].as_str().unwrap());
    // A reader that comes back names the last event it saw, which wins over the query.
    let last = event["sequence"].to_string();
    let headers = [("last-event-id", last.as_str())];
    let stream = send(&place.socket(), "GET", &path, &headers, None);
    let mut stream = BufReader::new(stream);
    let data = line_with(&mut stream, "data:");
    assert!(data.contains(second["id"].as_str().unwrap()), "{data}");
    let headers = [("last-event-id", "x")];
    let answer = request(&place.socket(), "GET", &path, &headers, None);
    assert_eq!(
        (answer.status, answer.code()),
        (400, "invalid_input".to_owned())
    );
}

#[test]
fn events_are_told_as_lines_to_those_who_ask() {
    let (place, _daemon, group) = with_group();
    let record = put(&place, &group, "a");
    let path = format!("{group}/events?after=0");
    let headers = [("accept", "application/x-ndjson")];
    let stream = send(&place.socket(), "GET", &path, &headers, None);
    let mut stream = BufReader::new(stream);
    assert!(line_with(&mut stream, "content-type").contains("application/x-ndjson"));
    let line = line_with(&mut stream, record["id"].as_str().unwrap());
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["kind"], &event["origin"]),
        (&json!("record_added"), &json!("local"))
    );
}

#[test]
fn event_streams_are_bounded() {
    let (place, _daemon, group) = with_group();
    let path = format!("{group}/events");
    let mut streams = Vec::new();
    for _ in 0..peerage::api::MAX_STREAMS {
        let mut stream = BufReader::new(send(&place.socket(), "GET", &path, &[], None));
        line_with(&mut stream, "200 OK");
        streams.push(stream);
    }
    let refused = place.get(&path);
    assert_eq!((refused.status, refused.code()), (503, "busy".to_owned()));
    drop(streams);
    // The daemon notices closed readers when it next writes to them.
    for text in ["a", "b"] {
        put(&place, &group, text);
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = BufReader::new(send(&place.socket(), "GET", &path, &[], None));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stream, &mut line).unwrap();
        if line.contains("200") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "streams stay taken");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn requests_are_counted_by_route() {
    let (place, _daemon, group) = with_group();
    place.get(&group);
    let answer = place.get("/metrics");
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let text = String::from_utf8(answer.body).unwrap();
    assert!(
        text.contains(r#"peerage_api_requests_total{route="/v1/groups/{group}",status="200"} 1"#),
        "{text}"
    );
    assert!(
        !text.contains(&group[12..30]),
        "a group is named in the metrics"
    );
}

#[test]
fn any_bytes_are_answered_without_a_fault() {
    let (place, _daemon, group) = with_group();
    let document = place.get("/v1/openapi.json").json();
    let mut targets = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("requestBody").is_some() {
                let path = path
                    .replace("/v1/groups/{group}", &group)
                    .replace("{name}", "Ada")
                    .replace("{id}", "zzzz");
                targets.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(targets.len() >= 9);
    let field = prop::sample::select(vec![
        "classifier",
        "friendly_name",
        "invitation",
        "card",
        "role",
        "expires",
        "note",
        "type",
        "payload",
        "payload_text",
        "attributes",
        "pem",
        "passphrase",
        "identity",
        "comment",
        "cloud",
        "by_group_key",
    ]);
    let value = prop_oneof![
        ".{0,60}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!([{ "name": "a", "type": "integer", "value": 1 }])),
        "peerage:(card|invite):[A-Za-z0-9_-]{0,80}".prop_map(Value::from),
    ];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::btree_map(field, value, 0..6)
            .prop_map(|map| serde_json::to_vec(&map).unwrap()),
    ];
    let target = prop::sample::select(targets);
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(target in target, body in body)| {
        let (method, path) = target;
        let answer = place.http(&method, &path, Some(&body));
        prop_assert!(answer.status < 500, "{method} {path}: {answer:?}");
        prop_assert!(answer.status < 400 || !answer.code().is_empty());
    });
    let path = "[/a-zA-Z0-9%._?&=-]{0,60}";
    proptest!(ProptestConfig::with_cases(200), |(path in path)| {
        let answer = place.get(&format!("/v1{path}"));
        prop_assert!(answer.status < 500, "{path}: {answer:?}");
    });
    place.json(["status"]);
}
