//! What the first door wrote must be read by every later one; see `golden.rs`.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{fs, path::PathBuf};

use peerage_protocol::{
    cloud::Cloud,
    door::{
        Door, GroupAddress, PasswordDoor,
        password::{FIRST_BYTES, Password, PasswordFile, SECOND_BYTES, THIRD_BYTES},
    },
    gmc,
    group::{GroupKey, Role},
    identity::Identity,
    wire::door::{Answer, Greeting, Ring, Sealed, Visit, Visitor},
};
use peerage_records::time::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_bytes::ByteBuf;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("tests/golden")
        .join(name)
}

fn golden(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn visitor() -> Visitor {
    Visitor {
        card: ByteBuf::from(vec![1; 3]),
        binding: ByteBuf::from(vec![2; 3]),
    }
}

/// One of each message, encoded.
fn messages() -> Vec<Vec<u8>> {
    let greeting = |challenge| Greeting {
        binding: ByteBuf::from(vec![3; 3]),
        chain: ByteBuf::from(vec![4; 3]),
        challenge,
    };
    vec![
        Ring::Password(ByteBuf::from(vec![5; FIRST_BYTES])).encode(),
        Ring::Request.encode(),
        greeting(None).encode(),
        greeting(Some(ByteBuf::from(vec![6; SECOND_BYTES]))).encode(),
        Visit::Proof {
            proof: ByteBuf::from(vec![7; THIRD_BYTES]),
            visitor: ByteBuf::from(vec![8; 3]),
        }
        .encode(),
        Visit::Request {
            visitor: visitor(),
            note: "it is Ben".into(),
        }
        .encode(),
        visitor().encode(),
        Answer::Invitation(ByteBuf::from(vec![9; 3])).encode(),
        Answer::Waiting.encode(),
        Sealed {
            sealed: ByteBuf::from(vec![10; 3]),
        }
        .encode(),
    ]
}

fn lines(messages: &[Vec<u8>]) -> String {
    let hex = |bytes: &Vec<u8>| format!("{}\n", data_encoding::HEXLOWER.encode(bytes));
    messages.iter().map(hex).collect()
}

#[test]
fn doors_of_version_1_are_read() {
    let bytes = data_encoding::HEXLOWER
        .decode(golden("door-v1.hex").trim().as_bytes())
        .unwrap();
    let door = Door::decode(&bytes).unwrap();
    assert!(door.requests);
    assert_eq!(door.password.as_ref().unwrap().role, Role::InvitingMember);
    assert_eq!(door.encode(), bytes);
}

#[test]
fn group_addresses_of_version_1_are_read() {
    let text = golden("group-address-v1.txt");
    let address: GroupAddress = text.parse().unwrap();
    assert_eq!(address.root().friendly_name(), "Chess club");
    assert!(address.kinds().password && address.kinds().requests);
    assert_eq!(address.bootstrap().len(), 1);
    assert_eq!(address.to_block(), text);
}

#[test]
fn what_is_said_at_a_door_is_written_as_in_version_1() {
    assert_eq!(lines(&messages()), golden("wire-door-v1.hex"));
}

#[test]
#[ignore = "writes the files; run it once for a new format, never for an old one"]
fn write_the_golden_files() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2026);
    let ada = Identity::generate("ada", Some("Ada"), NOW, rng).unwrap();
    let group = GroupKey::create("chess", Some("Chess club"), NOW, rng).unwrap();
    let chain = group.issue_first(&ada.card(), NOW, rng).unwrap();
    let gmc = gmc::verify(&chain, &group.root().id(), NOW).unwrap();
    let mut door = Door::closed(rng);
    door.requests = true;
    let password = Password::new("correct horse battery".to_owned());
    door.password = Some(PasswordDoor {
        role: Role::InvitingMember,
        file: PasswordFile::register(&password, rng).unwrap(),
    });
    let at = "/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap();
    let address = GroupAddress::create(&ada, &gmc, &Cloud::global(), vec![at], &door).unwrap();
    for (name, content) in [
        ("door-v1.hex", lines(&[door.encode()])),
        ("group-address-v1.txt", address.to_block()),
        ("wire-door-v1.hex", lines(&messages())),
    ] {
        fs::write(path(name), content).unwrap();
    }
}
