//! What the first version says about direct connections must be understood by every later one; see
//! `golden.rs`.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{fs, path::PathBuf};

use peerage_protocol::wire::direct::{
    DirectAnswer, DirectHello, DirectRefusal, DirectReply, DirectRequest, DirectWish,
    MessageHeader, MessageType,
};
use serde_bytes::{ByteArray, ByteBuf};

fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("tests/golden")
        .join(name)
}

/// One of each, encoded.
fn messages() -> Vec<Vec<u8>> {
    let request = |wish| {
        DirectRequest {
            binding: ByteBuf::from(vec![1; 3]),
            chain: ByteBuf::from(vec![2; 3]),
            member: ByteArray::new([3; 32]),
            wish,
        }
        .encode()
    };
    let refusal = |why| DirectAnswer::Refuse(why).encode();
    let header = MessageHeader::new(MessageType::from_name("chat"), 1_000_000).unwrap();
    vec![
        DirectHello {
            nonce: ByteArray::new([4; 32]),
            tag: ByteArray::new([5; 16]),
            sealed: ByteBuf::from(vec![6; 3]),
        }
        .encode(),
        DirectReply {
            nonce: ByteArray::new([7; 32]),
            sealed: ByteBuf::from(vec![8; 3]),
        }
        .encode(),
        request(DirectWish::Messages),
        request(DirectWish::Stream),
        request(DirectWish::Renewal),
        DirectAnswer::Accept {
            binding: ByteBuf::from(vec![9; 3]),
            chain: ByteBuf::from(vec![10; 3]),
        }
        .encode(),
        refusal(DirectRefusal::Disallowed),
        refusal(DirectRefusal::Busy),
        refusal(DirectRefusal::NotThatMember),
        header.encode().to_vec(),
    ]
}

fn lines() -> String {
    let hex = |bytes: &Vec<u8>| format!("{}\n", data_encoding::HEXLOWER.encode(bytes));
    messages().iter().map(hex).collect()
}

#[test]
fn what_is_said_about_direct_connections_is_written_as_in_version_1() {
    let golden = fs::read_to_string(path("wire-direct-v1.hex")).unwrap();
    assert_eq!(lines(), golden);
}

#[test]
#[ignore = "writes the file; run it once for a new format, never for an old one"]
fn write_the_golden_file() {
    fs::write(path("wire-direct-v1.hex"), lines()).unwrap();
}
