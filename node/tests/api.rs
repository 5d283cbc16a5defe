//! The local API, over a real socket of a real daemon.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{collections::BTreeSet, io::BufReader, time::Duration};

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
        json!([]),
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
    assert_eq!(place.get("/v1/groups").json(), json!([group]));
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(place.get(&path).json(), group);
    assert_eq!(place.http("DELETE", &path, None).status, 204);
    assert_eq!(place.get("/v1/groups").json(), json!([]));
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
    let whose = place.get(&members).json()[0]["name"].clone();
    let whose = escaped(whose.as_str().unwrap());
    let one = place.get(&format!("{members}?member={whose}"));
    assert_eq!(one.json().as_array().unwrap().len(), 1);
    let none = place.get(&format!("{members}?member=0.nobody"));
    assert_eq!(none.json(), json!([]));
}

#[test]
fn a_list_gives_what_is_asked_for_until_there_is_no_more() {
    let (place, _daemon, group) = with_group();
    for text in ["a", "b", "c", "d", "e"] {
        put(&place, &group, text);
    }
    let list = |query: &str| place.get(&format!("{group}/records?{query}")).json();
    let all = list("limit=10");
    assert_eq!(all["records"].as_array().unwrap().len(), 5);
    assert!(all.get("next").is_none());
    let last = all["records"][4]["id"].as_str().unwrap();
    assert!(
        list(&format!("limit=10&after={last}"))["records"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let mut seen = BTreeSet::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = list(&query);
        for record in page["records"].as_array().unwrap() {
            assert!(seen.insert(record["id"].as_str().unwrap().to_owned()));
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => query = format!("limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(list("type=note")["records"].as_array().unwrap().len(), 5);
    assert!(list("type=photo")["records"].as_array().unwrap().is_empty());
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
fn every_path_of_the_document_is_served() {
    let place = Place::new();
    let _daemon = place.start();
    let document = place.get("/v1/openapi.json").json();
    assert_eq!(
        document,
        serde_json::to_value(peerage::api::openapi()).unwrap()
    );
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut served = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            if path == "/v1/shutdown" {
                continue;
            }
            let concrete = path
                .replace("{group}", "zzzz")
                .replace("{name}", "zzzz")
                .replace("{member}", "zzzz")
                .replace("{id}", "zzzz");
            let answer = place.http(&method.to_uppercase(), &concrete, None);
            let routed = answer.status < 400 || {
                let code = answer.code();
                code != "no_such_path" && code != "no_such_method"
            };
            assert!(routed, "{method} {path}: {answer:?}");
            assert!(answer.status < 500, "{method} {path}: {answer:?}");
            served += 1;
        }
    }
    assert!(served >= 28, "{served}");
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name}"
        );
    }
}

#[test]
fn the_document_names_every_operation_once() {
    let document = serde_json::to_value(peerage::api::openapi()).unwrap();
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let tag = operation["tags"][0].as_str().unwrap();
            let name = operation["operationId"].as_str().unwrap();
            assert!(
                names.insert((tag.to_owned(), name.to_owned())),
                "{tag} {name}"
            );
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{name}"
            );
        }
    }
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
