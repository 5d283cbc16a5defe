//! What the first release wrote must be read by every later one. The files under `golden` never change; a
//! new version of a format gets new files beside them.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{fs, path::PathBuf, time::Duration};

use peerage_protocol::{
    binding::NodeBinding,
    gmc::{self, Chain, IssueOptions},
    group::{GroupKey, GroupRecovery, Role},
    identity::{Identity, IdentityCard},
    invitation::{Invitation, InvitationDraft},
    name::PeerName,
    presence::NodePresence,
    properties::{PresencePolicy, Properties},
    secret::DiscoverySecret,
    wire::link::LinkFrame,
};
use peerage_records::time::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_bytes::ByteBuf;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PASSPHRASE: &str = "correct horse battery staple";

fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("tests/golden")
        .join(name)
}

fn golden(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn hex(name: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(golden(name).trim().as_bytes())
        .unwrap()
}

fn peer() -> libp2p_identity::PeerId {
    libp2p_identity::Keypair::ed25519_from_bytes([9; 32])
        .unwrap()
        .public()
        .to_peer_id()
}

#[test]
fn identities_of_version_1_are_read() {
    let identity = Identity::from_pem(&golden("identity-v1.pem"), Some(PASSPHRASE)).unwrap();
    assert_eq!(identity.name().classifier(), "bob");
    assert_eq!(identity.friendly_name(), "Bob");
    let card: IdentityCard = golden("card-v1.txt").parse().unwrap();
    assert_eq!(card, identity.card());
    assert_eq!(card.to_block(), golden("card-v1.txt"));
}

#[test]
fn chains_of_version_1_are_read() {
    let bytes = hex("chain-v1.hex");
    let chain = Chain::decode(&bytes).unwrap();
    assert_eq!(chain.encode(), bytes);
    let group: PeerName = golden("group-v1.txt").trim().parse().unwrap();
    let gmc = gmc::verify(&chain, &group.group_id(), NOW).unwrap();
    assert_eq!(gmc.depth(), 2);
    assert_eq!(gmc.friendly_name(), "Bob");
}

#[test]
fn invitations_of_version_1_are_read() {
    let invitation: Invitation = golden("invitation-v1.txt").parse().unwrap();
    assert_eq!(invitation.to_block(), golden("invitation-v1.txt"));
    let identity = Identity::from_pem(&golden("identity-v1.pem"), Some(PASSPHRASE)).unwrap();
    let accepted = invitation.accept(&identity, NOW).unwrap();
    assert_eq!(accepted.secret.expose(), &[7; 32]);
    assert_eq!(accepted.gmc.chain().encode(), hex("chain-v1.hex"));
}

#[test]
fn bindings_of_version_1_are_read() {
    let binding = NodeBinding::decode(&hex("binding-v1.hex")).unwrap();
    let card: IdentityCard = golden("card-v1.txt").parse().unwrap();
    assert_eq!(binding.verify(&peer(), NOW), Ok(card.key()));
    assert_eq!(binding.boot(), [5; 16]);
}

fn properties() -> Properties {
    Properties {
        friendly_name: "Chess club".into(),
        comment: "every Tuesday".into(),
        membership_lifetime: Some(Duration::from_secs(28 * 86_400)),
        presence_lifetime: Duration::from_secs(600),
        presence: PresencePolicy::About(100),
        defer_expiry: true,
        max_record_bytes: Some(4_096),
    }
}

#[test]
fn properties_of_version_1_are_read() {
    let bytes = hex("properties-v1.hex");
    assert_eq!(Properties::decode(&bytes), Ok(properties()));
    assert_eq!(properties().encode(), bytes);
}

fn presence() -> NodePresence {
    let address = "/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap();
    NodePresence::online(peer(), [5; 16], &[address], Some("back at eight".into()), 7)
}

#[test]
fn presence_of_version_1_is_read() {
    for (name, node) in [
        ("presence-v1.hex", presence()),
        ("presence-gone-v1.hex", NodePresence::gone(peer(), [5; 16])),
    ] {
        let bytes = hex(name);
        assert_eq!(node.encode(), bytes);
        assert_eq!(NodePresence::decode(&bytes), Ok(node));
    }
}

#[test]
fn answers_to_a_comparison_of_version_2_are_read() {
    let bytes = hex("link-compared-v2.hex");
    let frame = LinkFrame::Compared {
        session: 7,
        message: ByteBuf::from(vec![0x61, 0, 0]),
        complete: true,
    };
    assert_eq!(
        data_encoding::HEXLOWER.encode(&frame.encode()),
        golden("link-compared-v2.hex").trim()
    );
    assert_eq!(LinkFrame::decode(&bytes), Ok(frame));
    // Version 1 did not say whether the replica is complete, and its answers are none of version 2.
    assert!(LinkFrame::decode(&hex("link-compared-v1.hex")).is_err());
}

#[test]
fn derived_keys_do_not_change() {
    // Peers of different versions would not find each other.
    let secret = DiscoverySecret::from_bytes([7; 32]);
    let key = data_encoding::HEXLOWER.encode(&secret.derive("golden"));
    assert_eq!(key, golden("derived-v1.hex").trim());
}

#[test]
fn recovery_files_of_version_1_are_read() {
    let recovery = GroupRecovery::from_pem(&golden("recovery-v1.pem"), PASSPHRASE).unwrap();
    assert_eq!(recovery.key.root().name().classifier(), "chess");
    assert_eq!(recovery.secret.expose(), &[7; 32]);
    assert_eq!(recovery.cloud.name(), "Global_");
    let addresses = recovery.bootstrap.iter().map(ToString::to_string);
    assert_eq!(
        addresses.collect::<Vec<_>>(),
        ["/ip4/192.0.2.1/udp/3587/quic-v1"]
    );
}

/// Writes the file for a new version: `cargo test -p peerage-protocol --test golden -- --ignored recovery`
#[test]
#[ignore = "overwrites what must not change"]
fn write_golden_recovery_file() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let recovery = GroupRecovery {
        key: GroupKey::create("chess", Some("Chess club"), NOW, rng).unwrap(),
        secret: DiscoverySecret::from_bytes([7; 32]),
        cloud: peerage_protocol::cloud::Cloud::global(),
        bootstrap: vec!["/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap()],
    };
    let pem = recovery.to_pem(PASSPHRASE, rng).unwrap();
    fs::write(path("recovery-v1.pem"), pem.as_bytes()).unwrap();
}

/// Writes the files for a new version: `cargo test -p peerage-protocol --test golden -- --ignored`
#[test]
#[ignore = "overwrites what must not change"]
fn write_golden_files() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let rng = &mut rng;
    let ada = Identity::generate("ada", Some("Ada"), NOW, rng).unwrap();
    let bob = Identity::generate("bob", Some("Bob"), NOW, rng).unwrap();
    let group = GroupKey::create("chess", Some("Chess club"), NOW, rng).unwrap();
    let chain = group.issue_first(&ada.card(), NOW, rng).unwrap();
    let gmc = gmc::verify(&chain, &group.root().id(), NOW).unwrap();
    let options = IssueOptions::new(Role::Member);
    let chain = gmc::issue(&ada, &gmc, &bob.card(), None, &options, NOW, rng).unwrap();
    let secret = DiscoverySecret::from_bytes([7; 32]);
    let draft = InvitationDraft {
        chain: chain.clone(),
        cloud: peerage_protocol::cloud::Cloud::global(),
        bootstrap: vec!["/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap()],
        note: Some("see you on Tuesday".to_owned()),
    };
    let invitation = Invitation::create(draft, &ada, &bob.card(), &secret, rng).unwrap();
    let binding = NodeBinding::create(&bob, peer(), NOW, [5; 16]);
    let pem = bob.to_pem(Some(PASSPHRASE), rng).unwrap();
    let hex = |bytes: &[u8]| format!("{}\n", data_encoding::HEXLOWER.encode(bytes));

    fs::create_dir_all(path("")).unwrap();
    for (name, content) in [
        ("identity-v1.pem", pem.to_string()),
        ("card-v1.txt", bob.card().to_block()),
        ("chain-v1.hex", hex(chain.encode())),
        ("group-v1.txt", format!("{}\n", group.root().name())),
        ("invitation-v1.txt", invitation.to_block()),
        ("binding-v1.hex", hex(binding.encode())),
        ("properties-v1.hex", hex(&properties().encode())),
        ("presence-v1.hex", hex(&presence().encode())),
        (
            "presence-gone-v1.hex",
            hex(&NodePresence::gone(peer(), [5; 16]).encode()),
        ),
        ("derived-v1.hex", hex(&secret.derive("golden"))),
    ] {
        fs::write(path(name), content).unwrap();
    }
}
