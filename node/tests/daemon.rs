//! The daemon as a process: starting, refusing to start, ending.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    fs,
    io::Write,
    net::UdpSocket,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::Path,
};

use common::{Daemon, Place, peerage, stderr};
use serde_json::Value;

/// Runs `up`, which fails: its exit code and its problem.
fn refused(command: &mut std::process::Command) -> (i32, Value) {
    let output = command.output().unwrap();
    let text = stderr(&output);
    // The problem comes last, after what was logged.
    let problem = text.find("{\n").map_or("", |start| &text[start..]);
    let problem = serde_json::from_str(problem).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), problem)
}

#[test]
fn it_says_who_it_is_and_where_it_listens() {
    let place = Place::new();
    let daemon = place.start();
    let listen = daemon.ready["listen"][0].as_str().unwrap().to_owned();
    assert!(listen.starts_with("/ip4/127.0.0.1/udp/"), "{listen}");
    assert!(
        !listen.contains("/udp/0/"),
        "the port taken is shown: {listen}"
    );
    let status = place.json(["status"]);
    assert_eq!(status["peer_id"], daemon.ready["peer_id"]);
    assert_eq!(status["listen"][0], listen.as_str());
    let mode = fs::metadata(place.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_ends_when_told_to_and_leaves_no_socket() {
    let place = Place::new();
    let (code, log) = place.start().terminate();
    assert_eq!(code, 0, "{log}");
    assert!(!place.socket().exists());
    let daemon = place.start();
    place.json(["down"]);
    assert_eq!(daemon.ended(), 0);
    assert!(!place.socket().exists());
}

#[test]
fn an_open_event_stream_does_not_hold_up_its_end() {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new"]);
    let group = place.json(["group", "create"])["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/groups/{}/events", common::escaped(&group));
    let stream = common::send(&place.socket(), "GET", &path, &[], None);
    let mut stream = std::io::BufReader::new(stream);
    common::line_with(&mut stream, "200");
    assert_eq!(daemon.terminate().0, 0);
}

#[test]
fn a_client_that_stalls_does_not_hold_up_its_end() {
    let place = Place::new();
    let daemon = place.start();
    let mut stalled = UnixStream::connect(place.socket()).unwrap();
    let head = "POST /v1/identities HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stalled.write_all(head.as_bytes()).unwrap();
    // Answered after the stalled request has been read, as far as it goes.
    place.json(["status"]);
    let (code, log) = daemon.terminate();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("cut off"), "{log}");
    assert!(!place.socket().exists());
    drop(stalled);
    place.start();
}

#[test]
fn its_peer_id_stays_over_restarts_and_kills() {
    let place = Place::new();
    let daemon = place.start();
    let peer = daemon.ready["peer_id"].clone();
    daemon.kill();
    assert!(place.socket().exists(), "kill -9 leaves the socket");
    let daemon = place.start();
    assert_eq!(daemon.ready["peer_id"], peer);
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused() {
    let place = Place::new();
    let daemon = place.start();
    let (code, problem) = refused(&mut place.up());
    assert_eq!((code, &problem["code"]), (5, &Value::from("folder_in_use")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(&daemon.ready["pid"].to_string()),
        "{detail}"
    );
    assert!(
        problem["next_step"]
            .as_str()
            .unwrap()
            .contains("peerage status")
    );
    place.json(["status"]);
}

#[test]
fn a_socket_of_another_daemon_is_refused() {
    let (first, second) = (Place::new(), Place::new());
    let _daemon = first.start();
    let mut command = second.up();
    command.arg("--socket").arg(first.socket());
    let (code, problem) = refused(&mut command);
    assert_eq!((code, &problem["code"]), (5, &Value::from("socket_in_use")));
    first.json(["status"]);
}

#[test]
fn a_taken_port_is_an_error_that_names_the_address() {
    let place = Place::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!(
        "/ip4/127.0.0.1/udp/{}/quic-v1",
        taken.local_addr().unwrap().port()
    );
    let mut command = peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    command.args(["up", "--json", "--listen", &address]);
    let (code, problem) = refused(&mut command);
    assert_eq!(code, 6, "{problem}");
    assert_eq!(problem["code"], "unable_to_listen");
    assert_eq!(problem["original"], "PEER_E_UNABLE_TO_LISTEN");
    assert!(problem["detail"].as_str().unwrap().contains(&address));
    drop(taken);
    place.start();
}

#[test]
fn a_wrong_passphrase_is_an_error_and_changes_nothing() {
    let place = Place::new();
    let with = |passphrase: &str| {
        let mut command = place.up();
        command.env("PEERAGE_PASSPHRASE", passphrase);
        command
    };
    let daemon = Daemon::start(with("right"));
    let made = place.json(["id", "new", "--friendly-name", "Ada"]);
    assert_eq!(made["protected"], true);
    daemon.terminate();
    let (code, problem) = refused(&mut with("wrong"));
    assert_eq!(
        (code, &problem["code"]),
        (4, &Value::from("wrong_passphrase"))
    );
    let (code, problem) = refused(&mut place.up());
    assert_eq!(
        (code, &problem["code"]),
        (2, &Value::from("passphrase_needed"))
    );
    let _daemon = Daemon::start(with("right"));
    assert_eq!(place.json(["id", "show", "Ada"])["name"], made["name"]);
}

#[test]
fn a_key_log_of_the_tls_library_is_refused() {
    let place = Place::new();
    let keys = place.path().join("keys");
    let mut command = place.up();
    command.env("SSLKEYLOGFILE", &keys);
    let (code, problem) = refused(&mut command);
    assert_eq!(
        (code, &problem["code"]),
        (2, &Value::from("unsafe_environment"))
    );
    assert!(!keys.exists());
}

/// Gives a folder and all that is in it to a user, except for one part of it.
fn give(path: &Path, user: u32, except: &Path) {
    if path == except {
        return;
    }
    chown(path, Some(user), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user, except);
        }
    }
}

#[test]
fn an_unreadable_key_store_is_named_as_such() {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new"]);
    daemon.terminate();
    let identities = place.data().join("identities");
    let mut command = place.up();
    let root = rustix::process::geteuid().is_root();
    if root {
        // Permissions do not bind root, so the rest of the folder is somebody else's, who looks.
        give(&place.data(), 65_534, &identities);
        let nobody = place.path().join("peerage");
        fs::copy(env!("CARGO_BIN_EXE_peerage"), &nobody).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        command = std::process::Command::new(nobody);
        command.env_clear().arg("--data-dir").arg(place.data());
        command.args(["up", "--json", "--listen", common::LOOPBACK]);
        command.uid(65_534).gid(65_534);
    } else {
        fs::set_permissions(&identities, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let (code, problem) = refused(&mut command);
    assert_eq!((code, &problem["code"]), (4, &Value::from("no_key_access")));
    assert_eq!(problem["original"], "PEER_E_NO_KEY_ACCESS");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(identities.to_str().unwrap()),
        "the store, not only the folder it is in: {detail}"
    );
    if root {
        give(&place.data(), 0, &identities);
    }
    fs::set_permissions(&identities, fs::Permissions::from_mode(0o700)).unwrap();
    let _daemon = place.start();
    assert_eq!(place.json(["id", "ls"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_damaged_identity_is_named_and_left_alone() {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new"]);
    daemon.terminate();
    let file = fs::read_dir(place.data().join("identities"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(&file, "not a key").unwrap();
    let (code, problem) = refused(&mut place.up());
    assert_eq!((code, &problem["code"]), (8, &Value::from("file_damaged")));
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains(file.to_str().unwrap())
    );
    assert_eq!(fs::read(&file).unwrap(), b"not a key");
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let place = Place::new();
    let config = place.path().join("peerage.toml");
    fs::write(&config, "lisen = []\n").unwrap();
    let mut command = place.up();
    command.arg("--config").arg(&config);
    let (code, problem) = refused(&mut command);
    assert_eq!(
        (code, &problem["code"]),
        (2, &Value::from("invalid_setting"))
    );
    assert!(problem["detail"].as_str().unwrap().contains("lisen"));
}

#[test]
fn its_log_holds_no_secret() {
    let place = Place::new();
    let mut command = place.up();
    command.env("PEERAGE_PASSPHRASE", "correct horse battery");
    command.env("PEERAGE_LOG", "trace");
    let daemon = Daemon::start(command);
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["id", "new", "--friendly-name", "Ben"]);
    let card = place.json(["id", "card", "Ben"])["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    place.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let record = [
        "record",
        "put",
        "--type",
        "note",
        "--payload",
        "the knight moves at dawn",
    ];
    place.json(record);
    let invitation = place.run(["invite", "create", "--uri", "--card", &card]);
    let out = place.path().join("ada.pem");
    let mut export = peerage(place.path());
    export.arg("--data-dir").arg(place.data());
    export.args(["id", "export", "Ada", "--out"]).arg(&out);
    export.env("PEERAGE_EXPORT_PASSPHRASE", "export horse");
    assert!(export.output().unwrap().status.success());
    let (_, log) = daemon.terminate();
    assert!(log.len() > 100, "nothing was logged");
    let mut secrets = vec![
        "correct horse".to_owned(),
        "export horse".to_owned(),
        "the knight moves".to_owned(),
        "PRIVATE KEY".to_owned(),
    ];
    secrets.push(common::stdout(&invitation)[..80].to_owned());
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret:?} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_shut_down_answers_nothing_and_may_start_again() {
    let place = Place::new();
    let start = || async {
        let mut settings = peerage::Settings::in_folder(place.data());
        settings.listen = vec![common::LOOPBACK.parse().unwrap()];
        peerage::Node::builder(settings).start().await.unwrap()
    };
    let node = start().await;
    node.create_identity(peerage::NewIdentity::default())
        .await
        .unwrap();
    let group = node
        .create_group(peerage::NewGroup::default())
        .await
        .unwrap();
    node.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
    assert_eq!(node.status().await.unwrap_err().code(), "shutting_down");
    assert_eq!(group.info().await.unwrap_err().code(), "shutting_down");
    let late = node.create_identity(peerage::NewIdentity::default()).await;
    assert_eq!(late.unwrap_err().code(), "shutting_down");
    // The old handles do not hold the folder.
    let again = start().await;
    assert_eq!(again.groups().await.unwrap().len(), 1);
    again.shutdown().await.unwrap();
}
