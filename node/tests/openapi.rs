//! The description of the local API against the server: every operation is called on a real node, and
//! what comes back is compared with what the description says.
//!
//! A new operation is called too, with what its parameters suggest; `sample` gives it arguments with which
//! it succeeds.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
};

use common::{Answer, Place, escaped, send};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// The last to be called, in this order: nothing works after them.
const LAST: [&str; 5] = [
    "groups_leave",
    "groups_delete",
    "identities_delete",
    "node_shutdown",
    "",
];

/// Operations that cannot succeed on one node alone, or not after what was done before; each is refused
/// in a documented way instead.
const REFUSED: &[(&str, &str)] = &[
    ("direct_open", "connect_self"),
    ("doors_accept", "request_not_found"),
    ("doors_deny", "request_not_found"),
    ("groups_connect_at", "connect_self"),
    ("groups_join", "invitation_for_another"),
    ("identities_import", "identity_exists"),
];

/// What samples are made of.
struct Scene {
    place: Place,
    group: String,
    record: String,
    invitation: Value,
    /// The same as it is listed.
    made: Value,
    card: String,
    address: String,
    pem: String,
    recovery: String,
    listen: String,
}

/// One operation of the document.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    what: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.what["operationId"].as_str().unwrap()
    }

    /// The place in [`LAST`], or before all of them.
    fn rank(&self) -> usize {
        let place = LAST.iter().position(|id| *id == self.id());
        place.map_or(0, |place| place + 1)
    }

    /// Streams never end, so only their beginning is read.
    fn streams(&self) -> bool {
        self.what["responses"]["200"]["content"]
            .get("text/event-stream")
            .is_some()
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(what) = methods.get(method) {
                all.push(Operation { path, method, what });
            }
        }
    }
    all.sort_by_key(|operation| (operation.rank(), operation.method != "get"));
    all
}

fn scene() -> (Scene, common::Daemon) {
    let place = Place::new();
    let daemon = place.start();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let made = place.json([
        "group",
        "create",
        "--friendly-name",
        "Chess",
        "--requests",
        "--connect",
    ]);
    let group = format!("/v1/groups/{}", escaped(&text(&made["name"])));
    let post = |path: &str, body: Value| {
        let answer = place.post(path, &body);
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    };
    let record = post(
        &format!("{group}/records"),
        json!({ "type": "note", "payload_text": "e4", "attributes": [
            { "name": "on", "type": "date", "value": "2026-12-24T18:00:00Z" },
            { "name": "move", "type": "integer", "value": 1 } ] }),
    );
    // Somebody to be invited, who lives elsewhere.
    let other = Place::new();
    let _other = other.start();
    other.json(["id", "new", "--friendly-name", "Ben"]);
    let card = text(&other.get("/v1/identity/card").json()["text"]);
    let invitation = post(&format!("{group}/invitations"), json!({ "card": card }));
    let exported = post(
        "/v1/identities/Ada/export",
        json!({ "passphrase": "seven onions" }),
    );
    let recovery = post(
        &format!("{group}/key/export"),
        json!({ "passphrase": "seven onions" }),
    );
    let scene = Scene {
        record: format!("{group}/records/{}", text(&record["id"])),
        address: text(&place.get(&format!("{group}/address")).json()["text"]),
        pem: text(&exported["pem"]),
        recovery: text(&recovery["pem"]),
        listen: text(&daemon.ready["listen"][0]),
        made: place.get(&format!("{group}/invitations")).json()["items"][0].clone(),
        invitation,
        card,
        group,
        place,
    };
    (scene, daemon)
}

/// What an operation is called with: the value of each `{part}` of its path, and the body.
fn sample(scene: &Scene, operation: &Operation<'_>) -> (String, Option<Value>) {
    let body = match operation.id() {
        "identities_create" => Some(json!({ "friendly_name": "Cy", "classifier": "cy" })),
        "applications_register" => Some(json!({ "name": "board", "scopes": ["read"] })),
        "identities_change" => Some(json!({ "friendly_name": "Ada" })),
        "identities_import" => Some(json!({ "pem": scene.pem, "passphrase": "seven onions" })),
        "identities_export" | "group_key_export" => Some(json!({ "passphrase": "seven onions" })),
        "groups_create" => Some(json!({ "friendly_name": "Go", "classifier": "go" })),
        "groups_join" | "invitations_inspect" => {
            Some(json!({ "invitation": scene.invitation["text"] }))
        }
        "groups_connect_at" => Some(json!({ "addresses": [scene.listen] })),
        "groups_change" => Some(json!({ "comment": "weekly", "presence_lifetime": "10m" })),
        "groups_presence" => Some(json!({ "attributes": "here", "forced": true })),
        "groups_leave" => Some(json!({ "reason": "moving" })),
        "group_key_import" => Some(json!({ "pem": scene.recovery, "passphrase": "seven onions" })),
        "group_key_admin" => Some(json!({})),
        "doors_visit" => Some(json!({ "address": scene.address, "note": "Ada" })),
        "doors_inspect" => Some(json!({ "address": scene.address })),
        "doors_open" => Some(json!({ "requests": true })),
        "doors_accept" => Some(json!({ "role": "member" })),
        "invitations_create" => Some(json!({ "card": scene.card, "note": "welcome" })),
        "invitations_reissue" => Some(json!({ "expires": "30d" })),
        "members_remove" => Some(json!({ "reason": "lost his laptop" })),
        "members_renew" => Some(json!({ "role": "member" })),
        "direct_open" => Some(json!({ "member": "Ada", "wait": true })),
        "direct_send" => Some(json!({ "type": "chat", "payload_text": "psst" })),
        "events_acknowledge" => Some(json!({ "consumer": "reader", "position": "1" })),
        "records_publish" => Some(json!({ "type": "note", "payload_text": "d4", "expires": "7d" })),
        "records_update" => Some(json!({ "payload_text": "c4" })),
        _ => operation.what.get("requestBody").map(|_| json!({})),
    };
    let text = |value: &Value| escaped(value.as_str().unwrap());
    let made = &scene.made;
    let path = operation
        .path
        .replace("/v1/groups/{group}/records/{id}", &scene.record)
        .replace("/v1/groups/{group}", &scene.group)
        .replace(
            "/v1/invitations/{id}",
            &format!("/v1/invitations/{}", text(&made["id"])),
        )
        .replace("/v1/applications/{name}", "/v1/applications/board")
        .replace("{name}", "Ada")
        .replace("{member}", &text(&made["invitee"]))
        .replace("{peer_id}", "local")
        .replace("{who}", "zzzz")
        .replace("{code}", "exit%204")
        .replace("{id}", "zzzz");
    (filled(&path), body)
}

/// With something in place of each part that `sample` has no value for.
fn filled(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "zzzz" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_answers_as_the_document_says() {
    let (scene, daemon) = scene();
    let document = scene.place.get("/v1/openapi.json").json();
    assert_eq!(
        document,
        serde_json::to_value(peerage::api::openapi()).unwrap()
    );
    let schemas = Schemas::new(&document);
    let (mut succeeded, mut refused) = (BTreeSet::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for operation in operations(&document) {
        let (path, body) = sample(&scene, &operation);
        let id = operation.id().to_owned();
        let what = format!("{id}: {} {path}", operation.method);
        if let Some(body) = body.as_ref().filter(|body| **body != json!({})) {
            let accepted = &operation.what["requestBody"]["content"]["application/json"];
            wrong.extend(schemas.check(&what, &accepted["schema"], body));
        }
        let method = operation.method.to_uppercase();
        let answer = if operation.streams() {
            beginning(&scene.place, &path)
        } else {
            let body = body.map(|body| body.to_string().into_bytes());
            scene.place.http(&method, &path, body.as_deref())
        };
        wrong.extend(compare(&schemas, &what, &operation, &answer));
        if answer.status < 400 {
            succeeded.insert(id);
        } else {
            refused.insert(id, answer.code());
        }
    }
    for (id, code) in REFUSED {
        if refused.get(*id).map(String::as_str) != Some(*code) {
            wrong.push(format!("{id}: {:?} instead of {code}", refused.get(*id)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is not named there is refused as documented for want of better arguments.
    assert!(
        succeeded.len() >= 50,
        "only {} succeed; give sample() better arguments for some of {refused:?}",
        succeeded.len()
    );
    assert_eq!(daemon.ended(), 0, "it was told to stop");
}

/// What in an answer is not as the document says: its status, type and content are to be among those of
/// the operation.
fn compare(
    schemas: &Schemas,
    what: &str,
    operation: &Operation<'_>,
    answer: &Answer,
) -> Vec<String> {
    let complain = |text: &str| vec![format!("{what}: {text}: {answer:?}")];
    let status = answer.status;
    let responses = &operation.what["responses"];
    let response = match responses.get(status.to_string()) {
        Some(response) => response,
        None if status >= 400 => &responses["default"],
        None => return complain("the status is not documented"),
    };
    if status == 500 {
        return complain("a fault");
    }
    if status == 503 && answer.header("retry-after").is_none() {
        return complain("no Retry-After");
    }
    let Some(content) = response.get("content") else {
        return match answer.body.is_empty() {
            true => Vec::new(),
            false => complain("content that is not documented"),
        };
    };
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let found = &content[kind]["schema"];
    if found.is_null() {
        return complain("the content type is not documented");
    }
    if !kind.ends_with("json") {
        return Vec::new();
    }
    let body = answer.json();
    let mut wrong = schemas.check(what, found, &body);
    wrong.extend(times(&body).map(|time| format!("{what}: {time}")));
    if status >= 400 {
        let code = answer.code();
        let known = peerage::error::catalogue::entries().any(|entry| entry.code == code);
        if !known || body["status"] != status {
            wrong.extend(complain("not an error of the catalogue"));
        }
    }
    wrong
}

/// The head of a stream.
fn beginning(place: &Place, path: &str) -> Answer {
    let mut stream = BufReader::new(send(&place.socket(), "GET", path, &[], None));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
    }
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: Vec::new(),
    }
}

/// The first time in an answer that is not RFC 3339 in UTC.
fn times(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(times),
        Value::Object(fields) => fields.values().find_map(times),
        Value::String(text) if looks_like_a_time(text) => {
            let read = text.ends_with('Z') && peerage::model::parse_instant(text).is_ok();
            (!read).then(|| text.clone())
        }
        _ => None,
    }
}

fn looks_like_a_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() > 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && (bytes[4], bytes[7]) == (b'-', b'-')
        && matches!(bytes[10], b'T' | b' ' | b't')
}

/// The schemas of the document, stricter than they are written: a field that is not described is one too
/// many.
struct Schemas(Value);

impl Schemas {
    fn new(document: &Value) -> Self {
        let mut components = document["components"].clone();
        for schema in components["schemas"].as_object_mut().unwrap().values_mut() {
            close(schema);
        }
        Self(components)
    }

    /// What in a value is not as its schema says.
    fn check(&self, what: &str, schema: &Value, value: &Value) -> Vec<String> {
        if schema.is_null() {
            return vec![format!("{what}: no schema")];
        }
        let mut schema = schema.clone();
        schema["components"] = self.0.clone();
        let validator: Validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        validator
            .iter_errors(value)
            .map(|error| format!("{what}: {}: {error}\n{value:#}", error.instance_path()))
            .collect()
    }
}

fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut()
        && object.contains_key("properties")
        && !object.contains_key("additionalProperties")
    {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// What is wrong with a request before any handler sees it is told like everything else.
#[test]
fn whatever_is_wrong_with_a_request_is_a_typed_problem() {
    let (scene, _daemon) = scene();
    let document = scene.place.get("/v1/openapi.json").json();
    let schemas = Schemas::new(&document);
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    let check = |what: &str, answer: &Answer, status: u16, code: &str| {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{what}: {answer:?}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{what}"
        );
        assert_eq!(
            schemas.check(what, &problem, &answer.json()),
            Vec::<String>::new()
        );
    };
    for operation in operations(&document) {
        let id = operation.id().to_owned();
        if operation.rank() > 0 {
            continue;
        }
        let (path, body) = sample(&scene, &operation);
        let method = operation.method.to_uppercase();
        let place = &scene.place;
        let takes_json = operation.what["requestBody"]["content"]
            .get("application/json")
            .is_some();
        if body.is_some() && takes_json {
            let broken = place.http(&method, &path, Some(b"{"));
            check(&id, &broken, 400, "invalid_input");
            let unknown = place.http(&method, &path, Some(br#"{"no_such_field":1}"#));
            check(&id, &unknown, 400, "invalid_input");
            let head = [("content-type", "text/plain"), ("content-length", "2")];
            let plain = common::request(&place.socket(), &method, &path, &head, None);
            check(&id, &plain, 415, "not_json");
            let large = vec![b' '; peerage::api::MAX_BODY_BYTES + 1];
            check(
                &id,
                &place.http(&method, &path, Some(&large)),
                413,
                "too_large",
            );
        }
        let queries = operation.what["parameters"].as_array();
        if queries.is_some_and(|all| all.iter().any(|one| one["in"] == "query")) && body.is_none() {
            let asked = place.http(&method, &format!("{path}?no_such_parameter=1"), None);
            check(&id, &asked, 400, "invalid_input");
        }
        if path != operation.path {
            let bytes = operation
                .path
                .replace("{group}", "%FF")
                .replace("{name}", "%FF")
                .replace("{id}", "%FF");
            if bytes.contains("%FF") && !bytes.contains('{') && body.is_none() {
                check(
                    &id,
                    &place.http(&method, &bytes, None),
                    400,
                    "invalid_input",
                );
            }
        }
        let other = METHODS
            .iter()
            .find(|other| document["paths"][operation.path].get(**other).is_none());
        if let Some(other) = other {
            let answer = place.http(&other.to_uppercase(), &path, None);
            check(&id, &answer, 405, "no_such_method");
        }
    }
    check("path", &scene.place.get("/v1/nothing"), 404, "no_such_path");
}

/// What the node says about itself, and what is in its folder.
fn state(scene: &Scene, document: &Value) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    for operation in operations(document) {
        if operation.method != "get"
            || operation.streams()
            || ["/metrics", "/v1/doctor"].contains(&operation.path)
        {
            continue;
        }
        let (path, _) = sample(scene, &operation);
        let answer = scene.place.get(&path);
        // A file, or what is about this moment, is no state.
        let Ok(mut told) = serde_json::from_slice::<Value>(&answer.body) else {
            continue;
        };
        if let Some(status) = told.as_object_mut() {
            status.remove("uptime_seconds");
        }
        state.insert(path, told);
    }
    let mut folders = vec![scene.place.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("store") {
                folders.push(path);
            } else if path.is_file() {
                let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                state.insert(path.display().to_string(), content.into());
            }
        }
    }
    state
}

/// A call that fails leaves everything as it was.
#[test]
fn a_failing_call_changes_nothing() {
    let (scene, _daemon) = scene();
    let (group, place) = (&scene.group, &scene.place);
    place.json(["group", "close", "Chess"]);
    let document = place.get("/v1/openapi.json").json();
    let before = state(&scene, &document);
    // Stands for every record there is.
    let records = &before[&format!("{group}/fingerprint")];
    assert!(records["fingerprint"].is_string(), "{records}");
    let members = place.get(&format!("{group}/members")).json();
    let ada = escaped(members["items"][0]["name"].as_str().unwrap());
    let long = "x".repeat(300);
    let calls = [
        (
            "POST",
            "/v1/identities".to_owned(),
            json!({ "classifier": long }),
            "classifier_too_long",
        ),
        (
            "POST",
            "/v1/identities".to_owned(),
            json!({ "friendly_name": long }),
            "invalid_friendly_name",
        ),
        (
            "POST",
            "/v1/identities/import".to_owned(),
            json!({ "pem": scene.pem, "passphrase": "wrong" }),
            "wrong_passphrase",
        ),
        (
            "POST",
            "/v1/identities/import".to_owned(),
            json!({ "pem": scene.pem, "passphrase": "seven onions" }),
            "identity_exists",
        ),
        (
            "POST",
            "/v1/identities/Ada/export".to_owned(),
            json!({ "passphrase": "" }),
            "invalid_input",
        ),
        (
            "PATCH",
            "/v1/identities/Ada".to_owned(),
            json!({ "friendly_name": "a\u{7}" }),
            "invalid_friendly_name",
        ),
        (
            "DELETE",
            "/v1/identities/Ada".to_owned(),
            Value::Null,
            "groups_exist",
        ),
        (
            "DELETE",
            "/v1/identities/Nobody".to_owned(),
            Value::Null,
            "identity_not_found",
        ),
        (
            "POST",
            "/v1/groups".to_owned(),
            json!({ "comment": long }),
            "invalid_input",
        ),
        (
            "POST",
            "/v1/groups".to_owned(),
            json!({ "identity": "Nobody" }),
            "identity_not_found",
        ),
        (
            "POST",
            "/v1/groups".to_owned(),
            json!({ "cloud": "Elsewhere" }),
            "no_cloud",
        ),
        (
            "POST",
            "/v1/groups/join".to_owned(),
            json!({ "invitation": scene.invitation["text"] }),
            "invitation_for_another",
        ),
        (
            "POST",
            "/v1/groups/visit".to_owned(),
            json!({ "address": "nonsense" }),
            "group_address_not_trusted",
        ),
        (
            "POST",
            "/v1/groups/recover".to_owned(),
            json!({ "pem": scene.recovery, "passphrase": "wrong" }),
            "wrong_passphrase",
        ),
        (
            "POST",
            format!("{group}/connect-at"),
            json!({ "addresses": ["nonsense"] }),
            "invalid_input",
        ),
        (
            "PATCH",
            format!("{group}/properties"),
            json!({ "comment": "other", "max_record_bytes": 1 }),
            "invalid_properties",
        ),
        (
            "PUT",
            format!("{group}/door"),
            json!({ "password": "password" }),
            "password_does_not_meet_policy",
        ),
        (
            "POST",
            format!("{group}/invitations"),
            json!({ "card": "nonsense" }),
            "invalid_identity",
        ),
        (
            "POST",
            format!("{group}/invitations"),
            json!({ "card": scene.card, "role": "king" }),
            "invalid_input",
        ),
        (
            "POST",
            format!("{group}/invitations"),
            json!({ "card": scene.card, "expires": "1990-01-01T00:00:00Z" }),
            "invalid_time_period",
        ),
        (
            "POST",
            "/v1/invitations/ffffffff/revoke".to_owned(),
            json!({}),
            "invitation_not_found",
        ),
        (
            "POST",
            format!("{group}/members/Nobody/remove"),
            json!({}),
            "member_not_found",
        ),
        (
            "POST",
            format!("{group}/members/{ada}/remove"),
            json!({}),
            "own_membership",
        ),
        (
            "POST",
            format!("{group}/requests/Nobody/accept"),
            json!({}),
            "request_not_found",
        ),
        (
            "POST",
            format!("{group}/records"),
            json!({ "type": "note", "payload_text": "x".repeat(50 * 1024) }),
            "record_too_large",
        ),
        (
            "POST",
            format!("{group}/records"),
            json!({ "type": "note", "expires": "1990-01-01T00:00:00Z" }),
            "invalid_record_expiration",
        ),
        (
            "POST",
            format!("{group}/records"),
            json!({ "type": "01000000-0000-0000-0000-000000000000" }),
            "reserved_type",
        ),
        (
            "PATCH",
            scene.record.clone(),
            json!({ "expires": "1s" }),
            "invalid_record_expiration",
        ),
        (
            "DELETE",
            format!("{group}/records/00000000-0000-0000-0000-000000000000"),
            Value::Null,
            "record_not_found",
        ),
    ];
    let mut wrong = Vec::new();
    for (method, path, body, code) in calls {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        let answer = place.http(method, &path, body.as_deref());
        if answer.status < 400 || answer.code() != code {
            let told = String::from_utf8_lossy(&answer.body).into_owned();
            wrong.push(format!(
                "{method} {path}: not {code}: {} {told}",
                answer.status
            ));
            continue;
        }
        let after = state(&scene, &document);
        let places: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for changed in places {
            if before.get(changed) != after.get(changed) {
                wrong.push(format!("{method} {path} changed {changed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operation_has_a_name_of_its_own_and_is_described() {
    let document = serde_json::to_value(peerage::api::openapi()).unwrap();
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        let id = operation.id();
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{id}"
        );
        let tag = operation.what["tags"][0].as_str().unwrap();
        assert!(
            id.starts_with(&format!("{}_", tag.replace('-', "_"))),
            "{id}"
        );
        assert!(
            !operation.what["summary"].as_str().unwrap().is_empty(),
            "{id}"
        );
        let problem = &operation.what["responses"]["default"]["content"];
        assert!(problem.get("application/problem+json").is_some(), "{id}");
        let none = Vec::new();
        let parameters = operation.what["parameters"].as_array().unwrap_or(&none);
        let described: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let parts: BTreeSet<_> = operation
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        assert_eq!(described, parts, "{id}");
        for parameter in parameters {
            assert!(parameter["description"].is_string(), "{id}: {parameter}");
        }
    }
    assert!(ids.len() > 60, "{}", ids.len());
    let schemas: &Map<_, _> = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

/// A route that is made without a description would be one the document does not have.
#[test]
fn no_route_is_made_without_a_description() {
    let folder = format!("{}/src/api", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.chain([format!("{folder}.rs").into()]) {
        let text = fs::read_to_string(&file).unwrap();
        for way in [".route(", ".route_service(", ".nest_service("] {
            assert!(
                !text.contains(way),
                "{}: use routes!() instead of {way}",
                file.display()
            );
        }
    }
}
