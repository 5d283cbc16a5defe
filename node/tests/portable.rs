//! Groups as files: a configuration taken to another machine, and records taken there with it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "common/nodes.rs"]
mod nodes;

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nodes::{DAY, Home, code, converged, holds, id_of, linked, note, publish, ready, texts};
use peerage::{
    GroupHandle, NewIdentity, Node,
    clock::Clock,
    model::{GroupChange, ImportedDatabase},
};
use peerage_protocol::{
    database::{DatabaseHeader, DatabaseWriter},
    identity::Identity,
};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, RecordType},
    record::{Record, RecordDraft, RecordUpdate},
    time::Timestamp,
};
use zeroize::Zeroizing;

fn pass(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// What is in a file under a passphrase, as another program reads it.
fn opened(text: &str, passphrase: &str) -> String {
    let armored = age::armor::ArmoredReader::new(text.as_bytes());
    let identity = age::scrypt::Identity::new(passphrase.to_owned().into());
    let mut json = String::new();
    age::Decryptor::new(armored)
        .unwrap()
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .unwrap()
        .read_to_string(&mut json)
        .unwrap();
    json
}

/// Takes an identity to another machine.
async fn carry_identity(from: &Home, to: &Home) {
    let name = from.node.identity(None).await.unwrap().name;
    let pem = from.node.export_identity(&name, pass("p")).await.unwrap();
    to.node.import_identity(pem, pass("p")).await.unwrap();
}

/// GRP-520..525.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_takes_a_group_to_another_machine_of_its_identity() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let ben = Home::new().await;
    let of_ben = ben.enter(&chess).await;
    linked(&of_ben, 1).await;
    ready(&of_ben).await;
    let by_owner = chess.export_config(pass("correct horse")).await.unwrap();
    let by_member = of_ben.export_config(pass("correct horse")).await.unwrap();
    assert_eq!(code(chess.export_config(pass("")).await), "invalid_input");
    // A non-owner's file holds no private key of the group; the owner's does, and neither in clear.
    let key = "PRIVATE KEY";
    assert!(opened(&by_owner, "correct horse").contains(key));
    let inside = opened(&by_member, "correct horse");
    assert!(inside.contains("\"group_key\": null") && !inside.contains(key));
    for text in [&by_owner, &by_member] {
        assert!(!text.contains(key) && !text.contains(chess.name()));
    }

    let other = Home::new().await;
    let import = async |overwrite: bool, passphrase: &str| {
        let passphrase = pass(passphrase);
        let imported = other
            .node
            .import_group_config(by_owner.clone(), passphrase, overwrite);
        imported.await
    };
    // Without the identity, and with another passphrase, nothing changes.
    let refused = import(false, "correct horse").await.unwrap_err();
    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_NOT_FOUND")
    );
    carry_identity(&ada, &other).await;
    assert_eq!(code(import(false, "wrong horse").await), "wrong_passphrase");
    for damaged in [&by_owner[..by_owner.len() / 2], "hello"] {
        let text = Zeroizing::new(damaged.to_owned());
        let imported = other
            .node
            .import_group_config(text, pass("correct horse"), true);
        assert_eq!(code(imported.await), "invalid_export");
    }
    assert!(other.node.groups().await.unwrap().is_empty());

    let taken = import(false, "correct horse").await.unwrap();
    let refused = import(false, "correct horse").await.unwrap_err();
    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_ALREADY_EXISTS")
    );
    assert_eq!(other.node.groups().await.unwrap().len(), 1);
    taken.connect().await.unwrap();
    linked(&taken, 1).await;
    ready(&taken).await;
    // The owner can still do what only the owner can.
    let change = GroupChange {
        comment: Some("on another machine".to_owned()),
        ..GroupChange::default()
    };
    taken.set_properties(change).await.unwrap();
    nodes::eventually("the comment at the member", async || {
        let properties = of_ben.properties().await.unwrap();
        (properties.comment == "on another machine").then_some(())
    })
    .await;
    // Over an existing configuration only when asked to, and only while it is offline.
    assert_eq!(code(import(true, "correct horse").await), "group_in_use");
    taken.close().await.unwrap();
    let again = import(true, "correct horse").await.unwrap();
    let info = again.info().await.unwrap();
    assert!(info.group_key && info.synchronised && info.records > 0);
    again.connect().await.unwrap();
}

/// A member with a seed, so that a test can sign as it does.
async fn member_of(group: &GroupHandle, seed: u8) -> (Home, GroupHandle, Identity) {
    let home = Home::new().await;
    let new = NewIdentity::default();
    let made = home
        .node
        .create_identity_from_seed(Zeroizing::new([seed; 32]), new)
        .await
        .unwrap();
    let now = Clock::system().timestamp();
    let identity = Identity::from_seed(&[seed; 32], "", None, now, &mut rand::rng()).unwrap();
    assert_eq!(made.name, identity.name().to_string());
    let of = home.enter(group).await;
    linked(&of, 1).await;
    ready(&of).await;
    (home, of, identity)
}

/// The same identity and group on a machine that has no record yet.
async fn elsewhere(home: &Home, group: &GroupHandle) -> (Home, GroupHandle) {
    let other = Home::new().await;
    carry_identity(home, &other).await;
    let config = group.export_config(pass("p")).await.unwrap();
    let imported = other.node.import_group_config(config, pass("p"), false);
    let taken = imported.await.unwrap();
    (other, taken)
}

fn is_invalid<T>(result: peerage::Result<T>) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.code(), "invalid_database");
    assert_eq!(
        error.original().map(|code| code.name),
        Some("PEER_E_INVALID_DATABASE")
    );
}

/// GRP-526..530, GRA-166..171.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_brings_the_records_before_anybody_is_met() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let (ben, of_ben, _) = member_of(&chess, 7).await;
    let first = publish(&chess, "first").await;
    let second = publish(&of_ben, "second").await;
    let gone = publish(&of_ben, "gone").await;
    holds(&of_ben, first, "first").await;
    of_ben.delete_record(gone).await.unwrap();
    converged([&chess, &of_ben]).await;

    // Online, over an existing file, for the owner alone.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chess.db");
    fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
    let info = of_ben.export_database(&file).await.unwrap();
    assert_eq!(info.records, of_ben.info().await.unwrap().records);
    assert!(
        fs::metadata(&file).unwrap().len() < 1 << 20,
        "replaced whole"
    );
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // A file that cannot be written is no change of what was there.
    let nowhere = folder.path().join("no/such/folder.db");
    assert_eq!(code(of_ben.export_database(nowhere).await), "io");

    let (_other, taken) = elsewhere(&ben, &of_ben).await;
    assert!(texts(&taken).await.is_empty());
    let draft = || note(&Clock::system(), "mine", DAY);
    assert_eq!(code(taken.publish(draft()).await), "group_not_ready");
    let before = taken.fingerprint().await.unwrap();
    // Missing, of another identity, of another group, damaged, cut off: nothing changes.
    assert_eq!(
        code(taken.import_database(folder.path().join("none")).await),
        "io"
    );
    let of_ada = folder.path().join("ada.db");
    chess.export_database(&of_ada).await.unwrap();
    is_invalid(taken.import_database(&of_ada).await);
    let go = ben.create("Go").await;
    let of_go = folder.path().join("go.db");
    go.export_database(&of_go).await.unwrap();
    is_invalid(taken.import_database(&of_go).await);
    let whole = fs::read(&file).unwrap();
    let damaged = folder.path().join("damaged.db");
    for (at, cut) in [
        (0, false),
        (60, false),
        (whole.len() / 2, false),
        (whole.len() / 2, true),
        (whole.len() - 1, true),
    ] {
        let mut bytes = whole.clone();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1;
        }
        fs::write(&damaged, bytes).unwrap();
        is_invalid(taken.import_database(&damaged).await);
    }
    assert_eq!(taken.fingerprint().await.unwrap(), before);
    assert_eq!(code(taken.publish(draft()).await), "group_not_ready");

    // Whole: the records are there before anybody is met, and the group counts as synchronised.
    let mut events = taken.events(None).await.unwrap();
    let counts = taken.import_database(&file).await.unwrap();
    assert_eq!((counts.refused, counts.expired), (0, 0));
    assert_eq!(counts.stored + counts.known, info.records);
    assert_eq!(texts(&taken).await, ["first", "second"]);
    assert!(taken.get(gone).await.is_err());
    nodes::told(&mut events, "an imported record", |event| {
        event.record.as_deref() == Some(&*second.to_string())
    })
    .await;
    assert!(taken.info().await.unwrap().synchronised);
    let mine = id_of(&taken.publish(draft()).await.unwrap());
    // Once more it is all known, and what is newer here stays.
    let again = taken.import_database(&file).await.unwrap();
    assert_eq!((again.stored, again.known), (0, info.records));
    holds(&taken, mine, "mine").await;

    // Not while it is online.
    taken.connect().await.unwrap();
    let refused = taken.import_database(&file).await.unwrap_err();
    assert_eq!(
        refused.original().map(|code| code.name),
        Some("PEER_E_GROUP_IN_USE")
    );
    holds(&chess, mine, "mine").await;
    converged([&chess, &taken]).await;
}

fn signed(record: Record, by: &Identity) -> SignedRecord {
    SignedRecord::sign(record, |bytes| by.sign(bytes))
}

fn draft(text: &str, now: Timestamp) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name("note"),
        expires: now + DAY,
        attributes: Vec::new(),
        payload: text.as_bytes().to_vec(),
    }
}

/// Makes a file of these envelopes, as the identity itself could.
fn file_of(path: &Path, group: GroupId, by: &Identity, envelopes: &[Vec<u8>]) {
    let mut out = Vec::new();
    let header = DatabaseHeader {
        group,
        identity: by.key(),
        exported: Clock::system().timestamp(),
    };
    let mut writer = DatabaseWriter::begin(&header, &mut out);
    for envelope in envelopes {
        writer.record(envelope, &mut out);
    }
    writer.finish(by, &mut out);
    fs::write(path, out).unwrap();
}

/// GRP-531: the file is whole and ours, and what is in it is no better for that.
#[tokio::test(flavor = "multi_thread")]
async fn records_in_a_file_are_believed_no_more_than_those_of_a_neighbour() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let (_ben, of_ben, identity) = member_of(&chess, 9).await;
    let victim = publish(&chess, "ada said this").await;
    let held = holds(&of_ben, victim, "ada said this").await;
    of_ben.close().await.unwrap();
    let of_ben = _ben.node.open_group(chess.name(), None).await.unwrap();

    let now = Clock::system().timestamp();
    let group: GroupId = of_ben.info().await.unwrap().id.parse().unwrap();
    let create = |text: &str, by: &Identity, entropy: u8| {
        Record::create(draft(text, now), group, by.key(), [entropy; 8], now).unwrap()
    };
    let good = signed(create("good", &identity, 1), &identity);
    // The bytes of a text are where they are: another one of the same length is another payload.
    let altered = signed(create("innocent", &identity, 2), &identity);
    let mut altered = altered.bytes().to_vec();
    let at = altered
        .windows(8)
        .position(|bytes| bytes == b"innocent")
        .unwrap();
    altered[at..at + 8].copy_from_slice(b"tampered");
    let stranger = Identity::from_seed(&[1; 32], "", None, now, &mut rand::rng()).unwrap();
    let foreign = signed(create("stranger", &stranger, 3), &stranger);
    // Ben claims to have changed what only Ada may change.
    let of_ada = Record {
        creator: held.creator.parse().unwrap(),
        id: victim,
        ..create("ada said this", &identity, 4)
    };
    let change = RecordUpdate {
        payload: Some(b"ada said that".to_vec()),
        ..RecordUpdate::default()
    };
    let stolen = signed(
        of_ada.update(change, identity.key(), now).unwrap(),
        &identity,
    );
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("made.db");
    let envelopes = [
        good.bytes().to_vec(),
        altered,
        foreign.bytes().to_vec(),
        stolen.bytes().to_vec(),
        b"not a record".to_vec(),
    ];
    file_of(&path, group, &identity, &envelopes);

    let counts = of_ben.import_database(&path).await.unwrap();

    let expected = ImportedDatabase {
        stored: 1,
        refused: 4,
        ..ImportedDatabase::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(texts(&of_ben).await, ["ada said this", "good"]);
    // Nor does a file that another identity has made in this one's name.
    let mut out = Vec::new();
    let header = DatabaseHeader {
        group,
        identity: identity.key(),
        exported: now,
    };
    DatabaseWriter::begin(&header, &mut out).finish(&stranger, &mut out);
    fs::write(&path, out).unwrap();
    is_invalid(of_ben.import_database(&path).await);
    let _: &Node = &ada.node;
}
