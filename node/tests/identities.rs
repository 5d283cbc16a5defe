//! The identity manager, through the library, the API and the command line.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{ffi::OsString, fs};

use common::{Place, escaped, peerage, stderr};
use peerage::{NewGroup, Node, Settings, model::NewIdentity};
use serde_json::{Value, json};
use zeroize::Zeroizing;

fn named(friendly_name: &str) -> NewIdentity {
    NewIdentity {
        friendly_name: Some(friendly_name.to_owned()),
        ..NewIdentity::default()
    }
}

fn settings(place: &Place) -> Settings {
    let mut settings = Settings::in_folder(place.data());
    settings.listen = vec![common::LOOPBACK.parse().unwrap()];
    settings
}

async fn start(place: &Place) -> Node {
    Node::builder(settings(place)).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_identity_is_named_after_its_key_and_classifier() {
    let place = Place::new();
    let node = start(&place).await;
    let of = |friendly_name: Option<&str>| NewIdentity {
        classifier: Some("work".to_owned()),
        friendly_name: friendly_name.map(str::to_owned),
    };
    let first = node.create_identity(of(None)).await.unwrap();
    assert!(first.name.ends_with(".work"));
    assert_eq!(first.friendly_name, first.name);
    let second = node.create_identity(of(Some("Ada"))).await.unwrap();
    assert_ne!(first.name[..40], second.name[..40]);
    // Friendly names need not be unique, but then they name nobody.
    let third = node.create_identity(of(Some("Ada"))).await.unwrap();
    assert_eq!(second.friendly_name, third.friendly_name);
    let error = node.identity(Some("Ada")).await.unwrap_err();
    assert_eq!(error.code(), "identity_ambiguous");
    assert_eq!(node.identity(Some(&third.name[..12])).await.unwrap(), third);
    assert_eq!(node.identity(Some(&third.name)).await.unwrap(), third);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_classifier_twice_is_one_identity() {
    let place = Place::new();
    let node = start(&place).await;
    let seed = || Zeroizing::new([7; 32]);
    let of = |classifier: &str| NewIdentity {
        classifier: Some(classifier.to_owned()),
        ..NewIdentity::default()
    };
    let first = node
        .create_identity_from_seed(seed(), of("work"))
        .await
        .unwrap();
    let again = node
        .create_identity_from_seed(seed(), of("work"))
        .await
        .unwrap_err();
    assert_eq!(
        again.original().map(|code| code.name),
        Some("PEER_E_ALREADY_EXISTS")
    );
    assert_eq!(node.identities().await.unwrap().len(), 1);
    // GRP-014: another classifier is another identity with the same authority.
    let second = node
        .create_identity_from_seed(seed(), of("play"))
        .await
        .unwrap();
    assert_ne!(first.name, second.name);
    assert_eq!(first.name[..40], second.name[..40]);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_listed_after_a_restart() {
    let place = Place::new();
    let node = start(&place).await;
    let made = node.create_identity(named("Ada")).await.unwrap();
    node.shutdown().await.unwrap();
    drop(node);
    let node = start(&place).await;
    assert_eq!(node.identities().await.unwrap(), [made]);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_with_groups_is_deleted_only_after_them() {
    let place = Place::new();
    let node = start(&place).await;
    let ada = node.create_identity(named("Ada")).await.unwrap();
    let group = node.create_group(Default::default()).await.unwrap();
    let error = node.delete_identity(&ada.name).await.unwrap_err();
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_GROUPS_EXIST")
    );
    assert_eq!(node.identity(Some("Ada")).await.unwrap().groups, 1);
    assert_eq!(node.groups().await.unwrap().len(), 1);
    // GRP-021: without groups it goes, and nothing of it stays.
    group.delete().await.unwrap();
    node.delete_identity(&ada.name).await.unwrap();
    assert!(node.identities().await.unwrap().is_empty());
    let keys = fs::read_dir(place.data().join("identities")).unwrap();
    assert_eq!(keys.count(), 0);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_identity_is_not_found_by_any_call() {
    let place = Place::new();
    let node = start(&place).await;
    node.create_identity(named("Ada")).await.unwrap();
    let ben = node.create_identity(named("Ben")).await.unwrap();
    let group = node.create_group(Default::default()).await.unwrap();
    let card = node.card(Some(&ben.name)).await.unwrap();
    let invitation = group.invite(&card, Default::default()).await.unwrap();
    let nobody = "0123456789012345678901234567890123456789.x";
    let of_nobody = NewGroup {
        identity: Some(nobody.to_owned()),
        ..NewGroup::default()
    };
    let secret = || Zeroizing::new("secret".to_owned());
    let create = node.create_group(of_nobody).await;
    let open = node.open_group(group.name(), Some(nobody)).await;
    let join = node.join(invitation, Some(nobody)).await;
    let errors = [
        create.map(drop).unwrap_err(),
        open.map(drop).unwrap_err(),
        join.map(drop).unwrap_err(),
        node.identity(Some(nobody)).await.unwrap_err(),
        node.rename_identity(nobody, None).await.unwrap_err(),
        node.card(Some(nobody)).await.unwrap_err(),
        node.export_identity(nobody, secret()).await.unwrap_err(),
        node.delete_identity(nobody).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            error.original().map(|code| code.name),
            Some("PEER_E_NOT_FOUND"),
            "{error}"
        );
    }
    assert_eq!(node.groups().await.unwrap().len(), 1);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_default_before_the_first_and_a_card_makes_it() {
    let place = Place::new();
    let node = start(&place).await;
    let error = node.identity(None).await.unwrap_err();
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_NOT_FOUND")
    );
    let card = node.card(None).await.unwrap();
    let default = node.identity(None).await.unwrap();
    assert!(default.default);
    assert_eq!(default.name, card.name().to_string());
    assert_eq!(node.card(None).await.unwrap(), card);
    assert_eq!(node.identities().await.unwrap().len(), 1);
    node.shutdown().await.unwrap();
}

/// The text with another character at the beginning of this line.
fn altered(text: &str, index: usize) -> Zeroizing<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let other = if lines[index].starts_with('A') {
        "B"
    } else {
        "A"
    };
    lines[index].replace_range(..1, other);
    Zeroizing::new(lines.join("\n") + "\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_a_copy_that_brings_the_identity_back_without_groups() {
    let (here, there) = (Place::new(), Place::new());
    let node = start(&here).await;
    let ada = node.create_identity(named("Ada")).await.unwrap();
    node.create_group(Default::default()).await.unwrap();
    let secret = || Zeroizing::new("secret".to_owned());
    assert!(
        node.export_identity("Ada", Zeroizing::default())
            .await
            .is_err()
    );
    let pem = node.export_identity("Ada", secret()).await.unwrap();
    assert_eq!(
        node.identities().await.unwrap().len(),
        1,
        "a copy, not a move"
    );
    // GRP-029: where it is, it cannot come again.
    let twice = node
        .import_identity(pem.clone(), secret())
        .await
        .unwrap_err();
    assert_eq!(
        twice.original().map(|code| code.name),
        Some("PEER_E_ALREADY_EXISTS")
    );
    node.shutdown().await.unwrap();

    let node = start(&there).await;
    let wrong = Zeroizing::new("wrong".to_owned());
    assert_eq!(
        node.import_identity(pem.clone(), wrong)
            .await
            .unwrap_err()
            .code(),
        "wrong_passphrase"
    );
    // One character of the first line of the key, of one in its middle, and of one of the certificate.
    let boundary = |text: &str| pem.lines().position(|line| line.starts_with(text)).unwrap();
    let key = boundary("-----BEGIN ENCRYPTED") + 1;
    let key_end = boundary("-----END ENCRYPTED");
    let certificate = boundary("-----BEGIN CERT") + 1;
    let certificate_end = boundary("-----END CERT");
    for index in [
        key,
        key.midpoint(key_end),
        certificate.midpoint(certificate_end),
    ] {
        let altered = node.import_identity(altered(&pem, index), secret()).await;
        let altered = altered.map(drop).unwrap_err();
        assert_eq!(
            altered.original().map(|code| code.name),
            Some("E_INVALIDARG"),
            "line {index}: {altered}"
        );
        assert!(node.identities().await.unwrap().is_empty());
    }
    let back = node.import_identity(pem, secret()).await.unwrap();
    assert_eq!((&back.name, &back.public_key), (&ada.name, &ada.public_key));
    assert_eq!(back.groups, 0);
    assert!(node.groups().await.unwrap().is_empty());
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_beyond_the_ceiling_are_refused() {
    let place = Place::new();
    let mut settings = settings(&place);
    settings.max_identities = 2;
    let node = Node::builder(settings).start().await.unwrap();
    node.create_identity(named("Ada")).await.unwrap();
    node.create_identity(named("Ada")).await.unwrap();
    let error = node.create_identity(named("Ada")).await.unwrap_err();
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_TOO_MANY_IDENTITIES")
    );
    assert_eq!(node.identities().await.unwrap().len(), 2);
    node.shutdown().await.unwrap();
}

#[test]
fn a_friendly_name_is_reset_by_none_and_by_an_empty_one() {
    let place = Place::new();
    let _daemon = place.start();
    let made = place.json(["id", "new", "--friendly-name", "Ada"]);
    let name = made["name"].as_str().unwrap();
    let path = format!("/v1/identities/{}", escaped(name));
    for reset in [Value::Null, Value::from("")] {
        place.json(["id", "rename", name, "Ada L."]);
        assert_eq!(place.get(&path).json()["friendly_name"], "Ada L.");
        let body = json!({ "friendly_name": reset }).to_string();
        let answer = place.http("PATCH", &path, Some(body.as_bytes()));
        assert_eq!(answer.json()["friendly_name"], name);
    }
    place.json(["id", "rename", name, "Ada"]);
    assert_eq!(place.json(["id", "rename", name])["friendly_name"], name);
}

#[test]
fn asking_for_a_card_makes_no_identity() {
    let place = Place::new();
    let _daemon = place.start();
    let shown = place.fails(["id", "show"]);
    assert_eq!(place.fails(["id", "card"]), shown);
    assert_eq!(shown.1["code"], "identity_not_found");
    let next = shown.1["next_step"].as_str().unwrap();
    assert!(next.contains("peerage id new"), "{next}");
    assert_eq!(place.json(["status"])["identities"], 0);
}

#[test]
fn names_have_their_lengths_on_the_api_too() {
    let place = Place::new();
    let _daemon = place.start();
    let make = |field: &str, length: usize| {
        let answer = place.post("/v1/identities", &json!({ field: "x".repeat(length) }));
        (answer.status, answer.json()["original"].clone())
    };
    assert_eq!(make("classifier", 149).0, 201);
    assert_eq!(
        make("classifier", 150),
        (400, Value::from("PEER_E_CLASSIFIER_TOO_LONG"))
    );
    assert_eq!(make("friendly_name", 255).0, 201);
    assert_eq!(
        make("friendly_name", 256),
        (400, Value::from("PEER_E_INVALID_FRIENDLY_NAME"))
    );
}

#[test]
fn a_card_holds_nothing_private_and_an_altered_one_is_refused() {
    let place = Place::new();
    let _daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["id", "new", "--friendly-name", "Ben"]);
    place.json(["group", "create"]);
    let card = place.json(["id", "card", "Ben"])["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!card.contains("PRIVATE"));
    let file = place.path().join("ben.card");
    fs::write(&file, &card).unwrap();
    let invite = |file: &std::path::Path| -> Vec<OsString> {
        vec![
            "invite".into(),
            "create".into(),
            "--card".into(),
            file.into(),
        ]
    };
    place.json(invite(&file));
    // One byte in the middle of the certificate.
    let middle = card.len() / 2;
    let mut altered = card.into_bytes();
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    fs::write(&file, altered).unwrap();
    let (code, problem) = place.fails(invite(&file));
    assert_eq!(
        (code, &problem["code"]),
        (2, &Value::from("invalid_identity"))
    );
}

#[test]
fn identities_of_one_user_are_not_those_of_another() {
    let (ada, ben) = (Place::new(), Place::new());
    // Without --data-dir, everything follows from whose home it is.
    let daemon = |place: &Place| {
        let mut command = peerage(place.path());
        command.args(["up", "--json", "--listen", common::LOOPBACK]);
        common::Daemon::start(command)
    };
    let list = |place: &Place| {
        let output = peerage(place.path())
            .args(["id", "ls", "--json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let _daemons = (daemon(&ada), daemon(&ben));
    let made = peerage(ada.path()).args(["id", "new"]).output().unwrap();
    assert!(made.status.success());
    assert_eq!(list(&ada).as_array().unwrap().len(), 1);
    assert_eq!(list(&ben).as_array().unwrap().len(), 0);
}

#[test]
fn an_export_is_written_once_for_its_owner_and_read_back() {
    use std::os::unix::fs::PermissionsExt;

    let (here, there) = (Place::new(), Place::new());
    let daemon = here.start();
    let made = here.json(["id", "new", "--friendly-name", "Ada"]);
    let out = here.path().join("ada.pem");
    let secret = here.path().join("passphrase");
    fs::write(&secret, "secret\n").unwrap();
    let with_secret = |words: &[&str]| -> Vec<OsString> {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.extend(["--passphrase-file".into(), secret.clone().into()]);
        arguments
    };
    let out_text = out.to_str().unwrap();
    here.json(with_secret(&["id", "export", "Ada", "--out", out_text]));
    assert_eq!(
        fs::metadata(&out).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (code, problem) = here.fails(with_secret(&["id", "export", "Ada", "--out", out_text]));
    assert_eq!((code, &problem["code"]), (5, &Value::from("file_exists")));
    let again = here.path().join("again.pem");
    let exported = here.run(with_secret(&[
        "id",
        "export",
        "Ada",
        "--out",
        again.to_str().unwrap(),
    ]));
    assert!(exported.status.success());
    let warned = String::from_utf8(exported.stderr).unwrap();
    assert!(warned.contains("at least 8 characters"), "{warned}");
    daemon.terminate();
    let _daemon = there.start();
    let imported = there.json(with_secret(&["id", "import", out_text]));
    assert_eq!(imported["name"], made["name"]);
}
