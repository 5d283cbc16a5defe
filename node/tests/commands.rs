//! Invitations, members and group keys from the command line and over HTTP.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{fs, os::unix::fs::PermissionsExt};

use common::{Place, escaped, peerage, stderr, stdout};
use data_encoding::BASE64;
use serde_json::{Value, json};

/// A daemon's place with an identity of this name.
fn place_of(name: &str) -> (Place, common::Daemon) {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new", "--friendly-name", name]);
    (place, daemon)
}

fn card_of(place: &Place) -> String {
    let card = place.json(["id", "card", "--uri"]);
    card["uri"].as_str().unwrap().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn invitations_are_listed_shown_given_out_again_and_made_again() {
    let (ada, _up) = place_of("Ada");
    let (ben, _ben_up) = place_of("Ben");
    ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let card = card_of(&ben);
    let none = ada.run(["invite", "ls"]);
    assert!(
        stdout(&none).contains("no open invitation"),
        "{}",
        stdout(&none)
    );
    let made = ada.json([
        "invite",
        "create",
        "--card",
        &card,
        "--expires",
        "30d",
        "--note",
        "hi",
    ]);
    let id = text(&made["info"]["id"]);
    let listed = ada.json(["invite", "ls", "Chess"]);
    assert_eq!(listed[0]["id"], id);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["invitee_friendly_name"]),
        (&json!("open"), &json!("Ben"))
    );
    let table = stdout(&ada.run(["invitation", "ls"]));
    assert!(
        table.contains(id) && table.contains("Ben") && table.contains("open"),
        "{table}"
    );

    // Our own by its id, and the same by anybody without a daemon.
    let shown = ada.json(["invite", "show", &id[..6]]);
    assert_eq!(
        (&shown["made"]["id"], &shown["invitation"]["uri"]),
        (&json!(id), &made["uri"])
    );
    let seen = stdout(&ada.run(["invite", "show", id]));
    assert!(
        seen.contains("open") && seen.contains("Ben (") && seen.contains("hi"),
        "{seen}"
    );
    let stranger = Place::new();
    let offline = stranger.json(["invite", "show", text(&made["uri"])]);
    assert_eq!(offline, made["info"]);

    // In every form it is the same invitation.
    let (bytes, line, block) = (
        ada.path().join("ben.bytes"),
        ada.path().join("ben.uri"),
        ada.path().join("ben.block"),
    );
    for (form, file) in [("file", &bytes), ("uri", &line), ("block", &block)] {
        let file = file.to_str().unwrap();
        ada.json(["invite", "show", id, "--format", form, "--out", file]);
        assert_eq!(
            stranger.json(["invite", "show", file]),
            made["info"],
            "{form}"
        );
    }
    assert!(fs::read(&bytes).unwrap().starts_with(b"peerage-invite"));
    assert!(
        fs::read_to_string(&line)
            .unwrap()
            .starts_with("peerage:invite:")
    );
    let (code, problem) = ada.fails(["invite", "show", id, "--format", "file"]);
    assert_eq!((code, &problem["code"]), (2, &json!("invalid_input")));
    let code = ada.run(["invite", "show", id, "--qr"]);
    assert!(code.status.success(), "{}", stderr(&code));
    assert!(stdout(&code).contains('█'));

    let again = ada.json(["invite", "reissue", id, "--expires", "10d"]);
    assert_ne!(again["info"]["id"], id);
    assert_eq!(again["info"]["note"], "hi");
    let open = ada.json(["invite", "ls"]);
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_eq!(open[0]["id"], again["info"]["id"]);
    let all = ada.json(["invite", "ls", "--all"]);
    assert_eq!(all[0]["state"], "replaced");
    assert_eq!(all[0]["replaced_by"], again["info"]["id"]);
    let (code, problem) = ada.fails(["invite", "reissue", id]);
    assert_eq!((code, &problem["code"]), (5, &json!("invitation_over")));

    // Joining takes bytes, too.
    let file = ada.path().join("again");
    let file = file.to_str().unwrap();
    let newer = text(&again["info"]["id"]);
    ada.json(["invite", "show", newer, "--format", "file", "--out", file]);
    ben.json(["join", file, "--cloud", "Global_"]);
    // What was made here is kept for its owner alone.
    let groups = ada.data().join("groups");
    let mut kept = 0;
    let mut folders = vec![groups];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                folders.push(path);
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
                kept += usize::from(path.parent().unwrap().extension().is_some());
            }
        }
    }
    assert_eq!(kept, 2);
}

#[test]
fn members_are_shown_as_a_list_one_by_one_and_as_a_tree() {
    let (ada, _up) = place_of("Ada");
    let (ben, _ben_up) = place_of("Ben");
    let group = ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let made = ada.json(["invite", "create", "--card", &card_of(&ben)]);
    ben.json(["join", text(&made["uri"]), "--connect"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while ada
        .json(["member", "ls", "--present"])
        .as_array()
        .unwrap()
        .len()
        < 2
    {
        assert!(std::time::Instant::now() < until, "Ben does not come");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let shown = ada.json(["member", "show", "Ben"]);
    assert_eq!(shown["chain"].as_array().unwrap().len(), 3);
    assert_eq!(shown["chain"][0]["name"], group["name"]);
    assert_eq!(shown["friendly_name"], "Ben");
    let seen = stdout(&ada.run(["member", "show", text(&shown["name"])]));
    assert!(seen.contains("issued by the one above it"), "{seen}");
    assert!(
        seen.contains(&text(&shown["chain"][2]["fingerprint"])[..16]),
        "{seen}"
    );
    let (code, problem) = ada.fails(["member", "show", "Zoe"]);
    assert_eq!((code, &problem["code"]), (3, &json!("member_not_found")));
    let tree = ada.json(["member", "tree"]);
    assert_eq!(tree["invited"][0]["friendly_name"], "Ada");
    assert_eq!(tree["invited"][0]["invited"][0]["friendly_name"], "Ben");
    let drawn = stdout(&ada.run(["member", "tree", "--group", "Chess"]));
    assert!(
        drawn.contains("└── Ada") && drawn.contains("    └── Ben"),
        "{drawn}"
    );
    // The same over HTTP.
    let path = format!(
        "/v1/groups/{}/members/{}",
        escaped(text(&group["name"])),
        escaped(text(&shown["name"]))
    );
    assert_eq!(ada.get(&path).json(), shown);

    ben.json(["group", "close", "Chess"]);
    while ada
        .json(["member", "ls", "--present"])
        .as_array()
        .unwrap()
        .len()
        > 1
    {
        assert!(std::time::Instant::now() < until, "Ben does not go");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(ada.json(["member", "ls"]).as_array().unwrap().len(), 2);
}

#[test]
fn the_key_of_a_group_moves_to_another_machine() {
    let (ben, _ben_up) = place_of("Ben");
    let passphrase = ben.path().join("passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let file = ben.path().join("chess.recovery");
    let file = file.to_str().unwrap();
    {
        let (ada, _up) = place_of("Ada");
        ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
        let made = ada.json(["invite", "create", "--card", &card_of(&ben)]);
        ben.json(["join", text(&made["uri"])]);
        let export = [
            "group",
            "key",
            "export",
            "Chess",
            "--out",
            file,
            "--passphrase-file",
            passphrase,
        ];
        ada.json(export);
        let (code, problem) = ada.fails(export);
        assert_eq!(
            (code, &problem["code"]),
            (5, &json!("file_exists")),
            "not overwritten"
        );
        let (code, problem) = ben.fails([
            "group",
            "key",
            "export",
            "Chess",
            "--out",
            "/nowhere",
            "--passphrase-file",
            passphrase,
        ]);
        assert_eq!((code, &problem["code"]), (4, &json!("group_key_missing")));
    }
    let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let written = fs::read_to_string(file).unwrap();
    assert!(written.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let got = ben.json([
        "group",
        "key",
        "import",
        file,
        "--passphrase-file",
        passphrase,
    ]);
    assert_eq!(
        (&got["role"], &got["group_key"]),
        (&json!("member"), &json!(true))
    );
    let admin = ben.json(["group", "key", "issue-admin", "Chess"]);
    assert_eq!(admin["role"], "admin");
    // The passphrase is no argument, and the secrets are in no answer.
    let mut command = peerage(ben.path());
    command.args(["group", "key", "import", "--help"]);
    assert!(!stdout(&command.output().unwrap()).contains("--passphrase "));
}

#[test]
fn an_invitation_is_issued_by_who_makes_it_whatever_the_request_says() {
    let (ada, _up) = place_of("Ada");
    let (ben, _ben_up) = place_of("Ben");
    let group = ada.json(["group", "create", "--friendly-name", "Chess"]);
    let path = format!("/v1/groups/{}/invitations", escaped(text(&group["name"])));
    let card = card_of(&ben);
    for field in ["issuer", "issuer_friendly_name", "issuer_name"] {
        let mut request = json!({ "card": card });
        request[field] = json!("Mallory");
        let answer = ada.post(&path, &request);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_input"),
            "{field}"
        );
    }
    let made = ada.post(&path, &json!({ "card": card })).json();
    let own = ada.json(["id", "show"]);
    assert_eq!(made["info"]["issuer"], own["name"]);
    assert_eq!(made["info"]["issuer_friendly_name"], "Ada");
}

#[test]
fn a_card_with_more_in_it_than_a_card_is_refused() {
    let (ada, _up) = place_of("Ada");
    let (ben, _ben_up) = place_of("Ben");
    ada.json(["group", "create", "--friendly-name", "Chess"]);
    let block = ben.json(["id", "card"]);
    let block = text(&block["text"]);
    let body: String = block
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = BASE64.decode(body.as_bytes()).unwrap();
    let forms = |der: &[u8]| {
        format!(
            "-----BEGIN PEERAGE IDENTITY CARD-----\n{}\n-----END PEERAGE IDENTITY CARD-----\n",
            BASE64.encode(der)
        )
    };
    let file = ada.path().join("card");
    let name = file.to_str().unwrap();
    // Something after it, something in it, a length that says there is more, and another key under
    // the name: the original's extra tags, and a public key that is not the identity's (GRP-164).
    let mut after = der.clone();
    after.extend([0x05, 0x00]);
    let mut inside = der.clone();
    inside.splice(der.len() - 66..der.len() - 66, [0x05, 0x00]);
    let mut longer = inside.clone();
    let length = u16::from_be_bytes([longer[2], longer[3]]) + 2;
    longer[2..4].copy_from_slice(&length.to_be_bytes());
    let key = der
        .windows(10)
        .position(|window| window == [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00])
        .unwrap()
        + 10;
    let mut other_key = der.clone();
    let other = ada.json(["id", "card"]);
    let other: String = text(&other["text"])
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let other = BASE64.decode(other.as_bytes()).unwrap();
    let theirs = other
        .windows(10)
        .position(|window| window == [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00])
        .unwrap()
        + 10;
    other_key[key..key + 32].copy_from_slice(&other[theirs..theirs + 32]);
    for (what, der) in [
        ("after", after),
        ("inside", inside),
        ("longer", longer),
        ("other key", other_key),
    ] {
        fs::write(&file, forms(&der)).unwrap();
        let (code, problem) = ada.fails(["invite", "create", "--card", name]);
        assert_eq!(
            (code, &problem["code"]),
            (2, &json!("invalid_identity")),
            "{what}"
        );
    }
    assert!(
        ada.json(["invite", "ls", "--all"])
            .as_array()
            .unwrap()
            .is_empty()
    );
    // As it was, it is fine.
    fs::write(&file, forms(&der)).unwrap();
    ada.json(["invite", "create", "--card", name]);
}

/// A member that was not there while the others moved comes back by a new invitation.
#[test]
fn an_invitation_says_where_the_others_are_now() {
    let (ada, ben) = (Place::new(), Place::new());
    let (ada_up, ben_up) = (ada.start(), ben.start());
    ada.json(["id", "new", "--friendly-name", "Ada"]);
    ben.json(["id", "new", "--friendly-name", "Ben"]);
    ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let card = ben.path().join("ben.card");
    ben.json(["id", "card", "--out", card.to_str().unwrap()]);
    let join = || {
        let invitation = ada.json(["invite", "create", "--card", card.to_str().unwrap()]);
        ben.json(["join", invitation["uri"].as_str().unwrap(), "--connect"]);
    };
    let near = || {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while ben.json(["group", "show"])["neighbours"] != 1 {
            assert!(std::time::Instant::now() < until, "they did not meet");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    join();
    near();
    assert_eq!((ada_up.terminate().0, ben_up.terminate().0), (0, 0));
    // Both on other ports, and nobody who could tell.
    let _daemons = (ada.start(), ben.start());
    join();
    near();
}
