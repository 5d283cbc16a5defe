//! Exports and backups from the command line, with a real daemon that is killed in the middle of them.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{Place, peerage, stderr};
use serde_json::{Value, json};

/// Moments at which something is killed.
const KILLS: u64 = 4;

fn passphrase(place: &Place) -> String {
    let file = place.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    file.display().to_string()
}

fn put(place: &Place, text: &str) -> String {
    let record = place.json(["record", "put", "--type", "note", "--payload", text]);
    record["id"].as_str().unwrap().to_owned()
}

/// Begins a command that will not come to its end.
fn begin(place: &Place, data: &Path, arguments: &[&str]) -> Child {
    peerage(place.path())
        .arg("--data-dir")
        .arg(data)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until there is something in a folder, or the process has ended.
fn began(child: &mut Child, folder: &Path) {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until && child.try_wait().unwrap().is_none() {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return;
        }
        thread::yield_now();
    }
}

fn fingerprint(place: &Place) -> Value {
    place.json(["group", "show"])["fingerprint"].clone()
}

#[test]
fn exports_and_backups_from_the_command_line_survive_kill_9() {
    let place = Place::new();
    let data = place.data();
    let file = passphrase(&place);
    let file = file.as_str();
    let daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["group", "create", "--friendly-name", "Chess"]);
    for number in 0..40 {
        let body = json!({ "type": "note", "payload_text": "x".repeat(40_000), "expires": "7d" });
        let answer = place.post("/v1/groups/Chess/records", &body);
        assert_eq!(answer.status, 201, "{number}");
    }
    let kept = put(&place, "kept");
    let path = |name: &str| place.path().join(name).display().to_string();

    // The configuration: never over another file, and not without its passphrase.
    let config = path("chess.config");
    place.json([
        "group",
        "export",
        "Chess",
        "--out",
        &config,
        "--passphrase-file",
        file,
    ]);
    let (status, problem) = place.fails([
        "group",
        "export",
        "Chess",
        "--out",
        &config,
        "--passphrase-file",
        file,
    ]);
    assert_eq!((status, &problem["code"]), (5, &json!("file_exists")));
    let (status, problem) = place.fails(["group", "import", &config, "--passphrase-file", file]);
    assert_eq!(
        (status, &problem["code"]),
        (5, &json!("group_config_exists"))
    );
    let again = [
        "group",
        "import",
        &config,
        "--overwrite",
        "--passphrase-file",
        file,
    ];
    assert_eq!(place.json(again)["friendly_name"], "Chess");

    // The database, over another file.
    let database = path("chess.db");
    fs::write(&database, "old").unwrap();
    place.json(["group", "db", "export", "Chess", "--out", &database]);
    let imported = place.json(["group", "db", "import", "Chess", &database]);
    assert_eq!(
        (&imported["stored"], &imported["refused"]),
        (&json!(0), &json!(0))
    );
    let (_, problem) = place.fails(["group", "db", "import", "Chess", &config]);
    assert_eq!(problem["original"], "PEER_E_INVALID_DATABASE");
    let (_, problem) = place.fails(["group", "db", "import", "Chess", &path("none")]);
    assert_eq!(problem["code"], "io");

    // A backup while it runs, for its owner alone.
    let backup = path("node.backup");
    place.json([
        "backup",
        "create",
        "--out",
        &backup,
        "--passphrase-file",
        file,
    ]);
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(place.data().join("work")).unwrap().count(), 0);
    let verified = place.json(["backup", "verify", &backup, "--passphrase-file", file]);
    assert!(verified["records"].as_u64().unwrap() >= 41);
    let whole = fs::read(&backup).unwrap();
    let truncated = path("truncated.backup");
    fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    let (status, problem) =
        place.fails(["backup", "verify", &truncated, "--passphrase-file", file]);
    assert_eq!((status, &problem["code"]), (2, &json!("invalid_export")));
    let log_of = daemon.terminate().1;
    assert!(!log_of.contains("correct horse"));

    // Killed in the middle of a backup and of an import: the folder is usable, what was there is there.
    for kill in 0..KILLS {
        let daemon = place.start();
        let before = fingerprint(&place);
        let out = path(&format!("killed-{kill}"));
        let mut child = match kill % 2 {
            0 => begin(
                &place,
                &data,
                &["backup", "create", "--out", &out, "--passphrase-file", file],
            ),
            _ => begin(
                &place,
                &data,
                &["group", "db", "import", "Chess", &database],
            ),
        };
        began(&mut child, &place.data().join("work"));
        thread::sleep(Duration::from_millis(kill * 7));
        daemon.kill();
        child.wait().unwrap();
        let daemon = place.start();
        assert_eq!(fingerprint(&place), before);
        assert_eq!(place.json(["record", "get", &kept])["payload_text"], "kept");
        assert!(!place.data().join("work").exists(), "emptied at the start");
        drop(daemon);
    }

    // Killed in the middle of a restoration: nothing is there, and the next one succeeds.
    let target = place.path().join("new");
    let target = target.to_str().unwrap();
    for kill in 0..KILLS {
        let mut child = begin(
            &place,
            Path::new(target),
            &["backup", "restore", &backup, "--passphrase-file", file],
        );
        thread::sleep(Duration::from_millis(150 + kill * 150));
        child.kill().unwrap();
        child.wait().unwrap();
        if Path::new(target).exists() {
            // It was quicker.
            fs::remove_dir_all(target).unwrap();
        }
    }
    let restore = |more: &[&str]| {
        let output = peerage(place.path())
            .args(["--json", "--data-dir", target, "backup", "restore", &backup])
            .args(["--passphrase-file", file])
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), output)
    };
    let (status, output) = restore(&[]);
    assert_eq!(status, Some(0), "{}", stderr(&output));
    // A second time it is not empty; put aside, it is still there.
    assert_eq!(restore(&[]).0, Some(5));
    let (status, output) = restore(&["--force", "--new-node-key"]);
    assert_eq!(status, Some(0), "{}", stderr(&output));
    let restored: Value = serde_json::from_slice(&output.stdout).unwrap();
    let aside = restored["put_aside"].as_str().unwrap();
    assert!(Path::new(aside).join("node.key").exists());
    assert!(!Path::new(target).join("node.key").exists());
    let mut up = peerage(place.path());
    up.args([
        "--data-dir",
        target,
        "up",
        "--json",
        "--listen",
        common::LOOPBACK,
    ]);
    let daemon = common::Daemon::start(up);
    assert_ne!(daemon.ready["peer_id"], restored["manifest"]["node"]);
    let of_restored = common::request(
        &Path::new(target).join("api.sock"),
        "GET",
        &format!("/v1/groups/Chess/records/{kept}"),
        &[],
        None,
    );
    assert_eq!(of_restored.json()["payload_text"], "kept");
    // While a node runs in it, not even by force.
    assert_eq!(restore(&["--force"]).0, Some(5));
    drop(daemon);
}
