//! The command line as people and scripts use it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use common::{Place, peerage, stderr, stdout};
use peerage_protocol::{
    cloud::Cloud,
    gmc::{self, IssueOptions},
    group::{GroupKey, Role},
    identity::Identity,
    invitation::{Invitation, InvitationDraft},
    secret::DiscoverySecret,
};
use peerage_records::time::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn help_documents_the_exit_codes() {
    let place = Place::new();
    let output = place.run(["--help"]);
    assert!(output.status.success());
    let text = stdout(&output);
    for kind in peerage::ErrorKind::ALL {
        let line = format!("  {}  {}", kind.exit_code(), kind.meaning());
        assert!(text.contains(&line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let place = Place::new();
    let output = place.run(["status"]);
    assert_eq!(output.status.code(), Some(6));
    let text = stderr(&output);
    assert!(text.starts_with("error: no daemon answers on"), "{text}");
    // As it was called, so that the next command is about the same node.
    let data = place.data();
    let up = format!(
        "next:  start it with: peerage --data-dir {} up",
        data.display()
    );
    assert!(text.contains(&up), "{text}");
    let mut command = peerage(place.path());
    command.env("PEERAGE_DATA_DIR", &data).arg("status");
    let text = stderr(&command.output().unwrap());
    assert!(text.contains("next:  start it with: peerage up"), "{text}");
    let (code, problem) = place.fails(["status"]);
    assert_eq!(
        (code, &problem["code"]),
        (6, &Value::from("daemon_unreachable"))
    );
    assert_eq!(problem["original"], "PEER_E_NOT_INITIALIZED");
    assert!(!place.data().exists(), "asking changes nothing");
}

#[test]
fn a_wrong_command_line_is_a_problem_too() {
    let place = Place::new();
    assert_eq!(place.run(["id", "sing"]).status.code(), Some(2));
    let (code, problem) = place.fails(["id", "sing"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("usage")));
}

#[test]
fn a_pipe_has_one_side_here_and_takes_its_options_only() {
    let place = Place::new();
    let usage = |rest: &[&str]| {
        let (code, problem) = place.fails([&["direct", "pipe"][..], rest].concat());
        assert_eq!((code, &problem["code"]), (2, &Value::from("usage")));
        problem.to_string()
    };
    let to = ["--to", "127.0.0.1:22"];
    usage(&[&["Ben"][..], &to].concat());
    usage(&[&["Ben", "--listen", "127.0.0.1:0"][..], &to].concat());
    usage(&["Ben", "--from", "Cy"]);
    usage(&["Ben", "--node", "x", "--from", "Cy"]);
    usage(&["--listen", "127.0.0.1:0"]);
    assert!(usage(&[]).contains("--accept"));
    assert!(usage(&["Ben", "--accept"]).contains("--from Ben"));
    assert!(usage(&["Ben", "--listen", "2222"]).contains("127.0.0.1:2222"));
    // It gets as far as asking for the daemon.
    let (_, problem) = place.fails(["direct", "pipe", "Ben", "--listen", "localhost:2222"]);
    assert_eq!(problem["code"], "daemon_unreachable");
}

/// Kind by kind, the exit code of something that really goes wrong.
#[test]
fn every_exit_code_is_the_one_of_what_went_wrong() {
    let place = Place::new();
    let check = |arguments: &[&str], exit: i32, code: &str| {
        let (found, problem) = place.fails(arguments);
        assert_eq!(
            (found, problem["code"].as_str().unwrap()),
            (exit, code),
            "{problem}"
        );
        let kind = peerage::error::catalogue::explain(code).unwrap().errors[0].kind;
        assert_eq!(i32::from(kind.exit_code()), exit);
        // People are told the same: what, what next, and a code to ask for more by.
        let text = stderr(&place.run(arguments));
        for line in ["error: ", "next:  ", &format!("code:  {code}")] {
            assert!(
                text.lines().any(|told| told.starts_with(line)),
                "{line:?} is not in {text}"
            );
        }
    };
    check(&["status"], 6, "daemon_unreachable");
    {
        let _daemon = place.start();
        place.json(["id", "new", "--friendly-name", "Ada"]);
        assert_eq!(place.run(["id", "ls"]).status.code(), Some(0));
        place.json(["group", "create", "--friendly-name", "Chess"]);
        check(&["group", "show", "Go"], 3, "group_not_found");
        check(&["id", "rm", "Ada"], 5, "groups_exist");
        check(
            &[
                "record",
                "put",
                "--type",
                "01000000-0000-0000-0000-000000000000",
                "--payload",
                "",
            ],
            4,
            "reserved_type",
        );
        check(
            &["group", "set", "--presence-lifetime", "31d"],
            2,
            "invalid_properties",
        );
    }
    // A daemon that answers nonsense, or that there is too much to do.
    for (status, body, exit, code) in [
        ("200 OK", "nonsense", 1, "internal"),
        (
            "503 Service Unavailable",
            r#"{"type":"urn:peerage:error:busy","title":"may succeed later","status":503,
                "detail":"the node is busy","code":"busy","kind":"retry","next_step":"try again"}"#,
            7,
            "busy",
        ),
    ] {
        let socket = place.path().join(code);
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let answering = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 4096];
                let _ = std::io::Read::read(&mut stream, &mut head).unwrap();
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        check(
            &["status", "--socket", socket.to_str().unwrap()],
            exit,
            code,
        );
        answering.join().unwrap();
    }
    fs::write(place.data().join("default-identity"), "no peer name\n").unwrap();
    check(&["up"], 8, "file_damaged");
}

#[test]
fn errors_and_exit_codes_are_explained_without_a_daemon() {
    let place = Place::new();
    for wanted in [
        "connect_self",
        "PEER_E_CONNECT_SELF",
        "0x80630106",
        "80630106",
        "2153971974",
        "-2140995322",
    ] {
        let found = place.json(["explain", wanted]);
        assert_eq!(found["errors"][0]["code"], "connect_self", "{wanted}");
        assert_eq!(found["originals"][0]["hex"], "0x80630106", "{wanted}");
        assert_eq!(found["originals"][0]["number"], 0x8063_0106_u32, "{wanted}");
    }
    let text = stdout(&place.run(["explain", "0x80630106"]));
    for part in [
        "connect_self",
        "PEER_E_CONNECT_SELF",
        "name the address of another member",
        "exit code",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let service = place.json(["explain", "ERROR_SERVICE_DEPENDENCY_FAIL"]);
    let counterparts = service["originals"][0]["errors"].as_array().unwrap();
    for code in ["daemon_unreachable", "unable_to_listen"] {
        assert!(counterparts.contains(&Value::from(code)), "{service}");
    }
    let exit = place.json(["explain", "exit", "4"]);
    assert_eq!(exit["exit_codes"][0]["kind"], "not_authorised");
    let text = stdout(&place.run(["explain", "PEER_S_ALREADY_CONNECTED"]));
    assert!(text.contains("already_connected"), "{text}");
    let (code, problem) = place.fails(["explain", "grup_not_found"]);
    assert_eq!(
        (code, &problem["code"]),
        (3, &Value::from("code_not_found"))
    );
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean group_not_found"),
        "{problem}"
    );
    let all = place.json(["explain", "--list"]);
    let listed = stdout(&place.run(["explain", "--list"]));
    for (list, name) in [("errors", "code"), ("originals", "name")] {
        for one in all[list].as_array().unwrap() {
            assert!(listed.contains(one[name].as_str().unwrap()), "{one}");
        }
    }
    assert_eq!(all["exit_codes"].as_array().unwrap().len(), 9);
    let bare = place.run(["explain"]);
    assert_eq!(bare.status.code(), Some(2));
    assert!(stderr(&bare).contains("explain --list"));
    let completions = stdout(&place.run(["completions", "bash"]));
    assert!(completions.contains("group_not_found") && completions.contains("PEER_E_CONNECT_SELF"));
    assert!(!place.data().exists(), "explaining changes nothing");
}

#[test]
fn completions_are_made_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = place.run(["completions", shell]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("invite"), "{shell}");
    }
}

#[test]
fn a_group_is_set_and_a_node_speaks_from_the_command_line() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let set = place.json([
        "group",
        "set",
        "Chess",
        "--comment",
        "weekly",
        "--membership-lifetime",
        "28d",
        "--presence-lifetime",
        "10m",
    ]);
    assert_eq!(set["membership_lifetime_seconds"], 2_419_200);
    let shown = place.json(["group", "show"]);
    assert_eq!(shown["properties"], set);
    let shown = stdout(&place.run(["group", "show"]));
    assert!(shown.contains("28d") && shown.contains("10m"), "{shown}");
    let (code, problem) = place.fails(["group", "set", "--presence-lifetime", "31d"]);
    assert_eq!(
        (code, &problem["code"]),
        (2, &Value::from("invalid_properties"))
    );
    assert_eq!(place.run(["group", "set"]).status.code(), Some(2));

    place.json(["member", "attributes", "at home"]);
    let node = &place.json(["member", "nodes", "local"])[0];
    assert_eq!(node["attributes"], "at home");
    place.json(["member", "presence", "always"]);
    place.json(["member", "attributes", "--clear"]);
    let node = &place.json(["member", "nodes", "local"])[0];
    assert_eq!(node["attributes"], Value::Null);
    let members = stdout(&place.run(["member", "ls"]));
    assert!(members.contains("ONLINE"), "{members}");
    let listed = |count: usize, arguments: &[&str]| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let shown = place.json(arguments);
            if shown.as_array().unwrap().len() == count {
                return shown;
            }
            assert!(std::time::Instant::now() < until, "{arguments:?}: {shown}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    let present = listed(1, &["member", "ls", "--present"]);
    let nodes = format!(
        "/v1/groups/Chess/nodes?member={}",
        present[0]["name"].as_str().unwrap()
    );
    assert_eq!(place.get(&nodes).json()["items"], present[0]["nodes"]);
    let nobodys = place.get("/v1/groups/Chess/nodes?member=0.nobody");
    assert_eq!(nobodys.json()["items"], Value::Array(Vec::new()));
    place.json(["group", "close", "Chess"]);
    listed(0, &["member", "ls", "--present"]);
    let present = stdout(&place.run(["member", "ls", "--present"]));
    assert!(present.starts_with("nobody is present"), "{present}");
    listed(1, &["member", "ls"]);
}

#[test]
fn the_whole_path_works_from_the_command_line() {
    let (ada, ben) = (Place::new(), Place::new());
    let _daemons = (ada.start(), ben.start());
    ada.json(["id", "new", "--friendly-name", "Ada"]);
    let group = ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    assert_eq!(group["status"], "listening");
    ben.json(["id", "new", "--friendly-name", "Ben"]);
    let card = ben.path().join("ben.card");
    let invitation = ada.path().join("ben.invite");
    let (card_text, invitation_text) = (card.to_str().unwrap(), invitation.to_str().unwrap());
    ben.json(["id", "card", "--out", card_text]);
    ada.json([
        "invite",
        "create",
        "--group",
        "Chess",
        "--card",
        card_text,
        "--role",
        "inviting-member",
        "--expires",
        "30d",
        "--note",
        "welcome",
        "--out",
        invitation_text,
    ]);
    let shown = ben.json(["invite", "show", invitation_text]);
    assert_eq!(shown["group"], group["name"]);
    assert_eq!(
        (&shown["note"], &shown["roles"][0]),
        (&Value::from("welcome"), &Value::from("inviting-member"))
    );
    let joined = ben.json(["join", invitation_text, "--connect"]);
    assert_eq!(
        (&joined["name"], &joined["role"]),
        (&group["name"], &Value::from("inviting-member"))
    );

    let (code, problem) = ada.fails(["record", "put", "--type", "note"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("usage")));
    let put = ada.json([
        "record",
        "put",
        "--type",
        "note",
        "--payload",
        "e4",
        "--attr",
        "move:int=1",
    ]);
    let id = put["id"].as_str().unwrap();
    let got = ada.run(["record", "get", id, "--raw"]);
    assert_eq!(got.stdout, b"e4");
    let changed = ada.json(["record", "update", id, "--payload", "d4"]);
    assert_eq!(changed["version"], 2);
    assert_eq!(
        ada.json(["record", "ls", "--type", "note"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let kind = put["type"].as_str().unwrap();
    for (words, column) in [
        (&["record", "ls"][..], &kind[..8]),
        (&["record", "ls", "--type", "note"][..], "note"),
    ] {
        let table = stdout(&ada.run(words));
        let row = table.lines().find(|line| line.starts_with(id)).unwrap();
        assert_eq!(row.split_whitespace().nth(1), Some(column), "{table}");
    }
    ada.json(["record", "rm", id]);
    let (code, problem) = ada.fails(["record", "get", id]);
    assert_eq!(
        (code, &problem["code"]),
        (3, &Value::from("record_not_found"))
    );
    let members = ada.json(["member", "ls"]);
    assert!(!members.as_array().unwrap().is_empty());

    for words in [
        vec!["status"],
        vec!["id", "ls"],
        vec!["group", "ls"],
        vec!["group", "show"],
        vec!["member", "ls"],
        vec!["record", "ls"],
    ] {
        let output = ada.run(&words);
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        assert!(!output.stdout.is_empty());
    }
    let closed = ada.json(["group", "close", "Chess"]);
    assert_eq!(closed["status"], "offline");
    assert_eq!(ada.json(["group", "connect"])["status"], "listening");
    ada.json(["group", "delete", "Chess"]);
    assert!(ada.json(["group", "ls"]).as_array().unwrap().is_empty());
}

#[test]
fn a_group_must_be_named_where_there_are_several() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new"]);
    for words in [["member", "ls"], ["group", "show"], ["direct", "ls"]] {
        let (code, problem) = place.fails(words);
        assert_eq!(
            (code, &problem["code"]),
            (3, &Value::from("group_not_found"))
        );
        assert_eq!(problem["detail"], "there is no group yet");
    }
    place.json(["group", "create", "--friendly-name", "Chess"]);
    place.json(["member", "ls"]);
    place.json(["group", "create", "--friendly-name", "Go"]);
    let (code, problem) = place.fails(["member", "ls"]);
    assert_eq!(code, 2, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--group"));
    place.json(["member", "ls", "--group", "Go"]);
    let (_, problem) = place.fails(["group", "show"]);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("argument GROUP: Chess (") && detail.contains("Go ("),
        "{detail}"
    );
}

#[test]
fn an_identity_must_be_named_where_several_are_in_one_group() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["group", "create", "--friendly-name", "Chess club"]);
    place.json(["id", "new", "--friendly-name", "Ben"]);
    let card = place.json(["id", "card", "Ben"]);
    let card = card["uri"].as_str().unwrap();
    let made = place.json(["invite", "create", "--card", card]);
    place.json(["join", made["uri"].as_str().unwrap(), "--as", "Ben"]);
    for words in [
        vec!["record", "ls"],
        vec!["group", "show"],
        vec!["record", "ls", "--group", "Chess club"],
        vec!["group", "show", "Chess club"],
    ] {
        let (code, problem) = place.fails(&words);
        assert_eq!(
            (code, &problem["code"]),
            (2, &Value::from("group_ambiguous")),
            "{words:?}"
        );
        let detail = problem["detail"].as_str().unwrap();
        for part in ["several identities", "Chess club", "Ada (", "Ben ("] {
            assert!(detail.contains(part), "{words:?}: {detail}");
        }
        let next = problem["next_step"].as_str().unwrap();
        assert!(next.contains("--as IDENTITY"), "{words:?}: {next}");
        place.json([&words[..], &["--as", "Ada"]].concat());
    }
}

#[test]
fn events_are_printed_as_they_come() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new"]);
    place.json(["group", "create"]);
    let mut command = peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    // The first events are the membership of the creator and the group's properties.
    command.args(["events", "tail", "--after", "0", "--count", "4", "--json"]);
    command.args(["--kind", "record_*"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["sequence"], 1);
    assert_eq!(next()["sequence"], 2);
    for text in ["a", "b"] {
        let put = place.json(["record", "put", "--type", "note", "--payload", text]);
        let event = next();
        assert_eq!(
            (&event["kind"], &event["record"]),
            (&Value::from("record_added"), &put["id"])
        );
    }
    assert!(child.wait().unwrap().success());
}

fn invitation() -> Invitation {
    let now = Timestamp::from_secs(1_795_000_000);
    let rng = &mut rand::rng();
    let ada = Identity::generate("", Some("Ada"), now, rng).unwrap();
    let ben = Identity::generate("", Some("Ben\u{202e}"), now, rng).unwrap();
    let key = GroupKey::create("chess", Some("Chess"), now, rng).unwrap();
    let chain = key.issue_first(&ada.card(), now, rng).unwrap();
    let admin = gmc::verify(&chain, &key.root().id(), now).unwrap();
    let options = IssueOptions::new(Role::Member);
    let chain = gmc::issue(&ada, &admin, &ben.card(), None, &options, now, rng).unwrap();
    let draft = InvitationDraft {
        chain,
        cloud: Cloud::global(),
        bootstrap: vec!["/ip4/10.0.0.1/udp/3587/quic-v1".parse().unwrap()],
        note: Some("welcome".to_owned()),
    };
    let secret = DiscoverySecret::from_bytes([7; 32]);
    Invitation::create(draft, &ada, &ben.card(), &secret, rng).unwrap()
}

#[test]
fn an_invitation_is_shown_without_daemon_or_identity() {
    let place = Place::new();
    let invitation = invitation();
    let shown = place.json(["invite", "show", &invitation.to_uri()]);
    assert_eq!(shown["group_friendly_name"], "Chess");
    assert_eq!(shown["note"], "welcome");
    let file = place.path().join("letter");
    fs::write(
        &file,
        format!("Dear Ben,\n\n{}\nAda\n", invitation.to_block()),
    )
    .unwrap();
    assert_eq!(
        place.json(["invite", "show", file.to_str().unwrap()]),
        shown
    );
    let mut command = peerage(place.path());
    command.args(["invite", "show", "-", "--json"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(invitation.to_block().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        shown
    );
    assert!(!place.data().exists(), "showing leaves no trace");
}

#[test]
fn an_altered_or_missing_invitation_is_refused() {
    let place = Place::new();
    let uri = invitation().to_uri();
    let mut altered = uri.into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let (code, problem) = place.fails(["invite", "show", &altered]);
    assert_eq!(
        (code, &problem["original"]),
        (2, &Value::from("PEER_E_INVITATION_NOT_TRUSTED"))
    );
    let (code, problem) = place.fails(["invite", "show", "no-such-file"]);
    assert_eq!((code, &problem["code"]), (6, &Value::from("io")));
}

#[test]
fn a_file_that_is_missing_is_the_same_trouble_everywhere() {
    let place = Place::new();
    for words in [
        &["invite", "show", "no-such-file"][..],
        &["join", "no-such-file"],
        &["direct", "send", "Ben", "--file", "no-such-file"],
        &["backup", "verify", "no-such-file"],
        &["id", "import", "no-such-file"],
    ] {
        let (code, problem) = place.fails(words);
        assert_eq!(
            (code, &problem["code"]),
            (6, &Value::from("io")),
            "{words:?}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("no-such-file"), "{words:?}: {detail}");
    }
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let file = place.path().join("here");
    fs::write(&file, "mine").unwrap();
    let out = ["--out", file.to_str().unwrap()];
    for words in [
        &["id", "card"][..],
        &["id", "export", "Ada"],
        &["backup", "create"],
    ] {
        let (code, problem) = place.fails([words, &out].concat());
        assert_eq!(
            (code, &problem["code"]),
            (5, &Value::from("file_exists")),
            "{words:?}"
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn the_example_configuration_is_read() {
    let file = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/../deploy/peerage.toml";
    let shipped = fs::read_to_string(file).unwrap();
    peerage::settings::Layer::from_toml(&shipped).unwrap();
    // As does every line of it that is an example.
    let examples: String = shipped
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if example.starts_with(|c: char| c.is_ascii_lowercase()) => example,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(examples.contains("\nlisten = ["));
    let layer = peerage::settings::Layer::from_toml(&examples).unwrap();
    // What it says of the defaults is so.
    let defaults = peerage::Settings::in_folder("/");
    assert_eq!(layer.listen, Some(defaults.listen));
    assert_eq!(layer.max_identities, Some(defaults.max_identities));
    assert_eq!(layer.log.level, Some(defaults.log.level));
    assert_eq!(layer.log.format, Some(defaults.log.format));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_as_invitation_or_card_is_refused_without_panic(
        text in "(peerage:(invite|card):)?(-----BEGIN PEERAGE INVITATION-----\n)?.{0,300}",
    ) {
        prop_assert!(text.parse::<Invitation>().is_err());
        prop_assert!(text.parse::<peerage_protocol::identity::IdentityCard>().is_err());
    }
}

#[test]
fn the_door_works_from_the_command_line() {
    let (ada, ben, cy) = (Place::new(), Place::new(), Place::new());
    let _daemons = (ada.start(), ben.start(), cy.start());
    for (place, name) in [(&ada, "Ada"), (&ben, "Ben"), (&cy, "Cy")] {
        place.json(["id", "new", "--friendly-name", name]);
    }
    let (weak, right) = (ada.path().join("weak"), ada.path().join("right"));
    fs::write(&weak, "passwordpassword\n").unwrap();
    fs::write(&right, "quiet lamp seven onions\n").unwrap();
    let (weak, right) = (weak.to_str().unwrap(), right.to_str().unwrap());
    let create = |password| {
        let words = ["group", "create", "--friendly-name", "House", "--requests"];
        let rest = ["--connect", "--password-file", password];
        [words.as_slice(), rest.as_slice()].concat()
    };
    let (code, problem) = ada.fails(create(weak));
    assert_eq!(
        (code, &problem["original"]),
        (2, &Value::from("PEER_E_PASSWORD_DOES_NOT_MEET_POLICY"))
    );
    ada.json(create(right));
    let door = ada.json(["group", "door", "show"]);
    assert_eq!(
        (&door["open"], &door["password"], &door["requests"]),
        (&Value::from(true), &Value::from(true), &Value::from(true))
    );
    let address = ada.path().join("house.address");
    let address = address.to_str().unwrap();
    ada.json(["group", "address", "--out", address]);
    let shown = ben.json(["group", "address", "--show", address]);
    assert_eq!(shown["friendly_name"], "House");

    let joined = ben.json([
        "group",
        "join",
        address,
        "--password-file",
        right,
        "--connect",
    ]);
    assert_eq!(joined["role"], "member");
    let wrong = ben.path().join("wrong");
    fs::write(&wrong, "quiet lamp eight onions\n").unwrap();
    let join = ["group", "join", address, "--password-file"];
    let (code, problem) = cy.fails([&join[..], &[wrong.to_str().unwrap(), "--connect"]].concat());
    assert_eq!(
        (code, &problem["code"]),
        (4, &Value::from("not_authorised"))
    );
    assert_eq!(cy.json(["group", "show"])["status"], "refused");

    let asked = cy.json([
        "group",
        "join",
        address,
        "--ask",
        "--note",
        "Cy",
        "--connect",
    ]);
    assert_eq!(asked["status"], "waiting");
    let requests = ada.json(["requests", "ls"]);
    assert_eq!(requests[0]["note"], "Cy");
    let who = requests[0]["name"].as_str().unwrap();
    let (code, problem) = ada.fails(["requests", "accept", "nobody"]);
    assert_eq!(
        (code, &problem["code"]),
        (3, &Value::from("request_not_found"))
    );
    let done = ada.json(["requests", "accept", who]);
    assert_eq!(done["standing"], "accepted");
    let joined = cy.json(["group", "connect"]);
    assert_eq!(joined["role"], "member");
    ada.json(["group", "door", "close"]);
    let (code, problem) = ada.fails(["group", "address"]);
    assert_eq!((code, &problem["code"]), (5, &Value::from("door_closed")));
}

#[test]
fn an_empty_token_is_no_operators() {
    let place = Place::new();
    let _daemon = place.start();
    let mut command = peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    command.env("PEERAGE_TOKEN", "").arg("status");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("PEERAGE_TOKEN: is set and empty"), "{text}");
}

#[test]
fn a_passphrase_is_given_as_the_command_takes_it() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (
        file("right", "correct horse\n"),
        file("wrong", "wrong horse\n"),
    );
    let next_step = |words: &[&str]| {
        let (_, problem) = place.fails(words);
        problem["next_step"].as_str().unwrap().to_owned()
    };
    let path = |name: &str| place.path().join(name).display().to_string();
    let (identity, backup) = (path("ada.pem"), path("node.backup"));
    let right = ["--passphrase-file", &right];
    place.json([&["id", "export", "Ada", "--out", &identity][..], &right].concat());
    place.json([&["backup", "create", "--out", &backup][..], &right].concat());
    for words in [["id", "import", &identity], ["backup", "verify", &backup]] {
        let next = next_step(&[&words[..], &["--passphrase-file", &wrong]].concat());
        assert!(next.contains("PEERAGE_EXPORT_PASSPHRASE"), "{next}");
    }
}

#[test]
fn an_application_is_attached_with_a_token_as_long_as_that_is_good() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["group", "create", "--friendly-name", "Chess"]);
    let (code, problem) = place.fails(["app", "attach", "Chess"]);
    assert_eq!((code, &problem["code"]), (4, &Value::from("token_needed")));
    let next = problem["next_step"].as_str().unwrap();
    assert!(next.contains("PEERAGE_TOKEN"), "{next}");

    let scopes = ["--scope", "read", "--scope", "online"];
    let issued = place.json([&["app", "register", "board"][..], &scopes].concat());
    let as_board = |words: &[&str]| {
        let mut command = peerage(place.path());
        command.arg("--data-dir").arg(place.data()).args(words);
        command.env("PEERAGE_TOKEN", issued["token"].as_str().unwrap());
        command
    };
    let output = as_board(&["group", "connect", "Chess"]).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("app attach GROUP --connect"), "{text}");

    let mut attached = as_board(&["app", "attach", "Chess"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(attached.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "board attached");
    place.json(["app", "revoke", "board"]);
    assert!(lines.next().unwrap().unwrap().starts_with("board ended"));
    let output = attached.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("token_needed"), "{text}");
}
