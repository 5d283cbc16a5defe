//! Keys of one opening: those of an admission, under labels of their own.

use crate::admission::keys::Labels;

pub(super) const LABELS: Labels = Labels {
    hello: "peerage direct hello",
    sealed: b"request",
    reply: "peerage direct reply",
};

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use libp2p_identity::PeerId;

    use super::*;
    use crate::{
        admission::keys::{HelloKeys, ReplyKeys},
        secret::DiscoverySecret,
    };

    fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&[number; 32]);
        PeerId::from_bytes(&bytes).expect("a well-formed multihash")
    }

    /// Computed by another implementation of what `docs/protocols/direct.md` says.
    #[test]
    fn keys_are_derived_as_documented() {
        let secret = DiscoverySecret::from_bytes([7; 32]);
        let (opener, target) = (peer(1), peer(2));
        let hello = HelloKeys::derive(&LABELS, &secret, (&opener, &target), &[3; 32]);
        let reply = ReplyKeys::derive(&LABELS, &secret, (&opener, &target), &[3; 32], &[4; 32]);

        let found = [
            HEXLOWER.encode(&hello.tag()),
            HEXLOWER.encode(reply.handle().as_bytes()),
            HEXLOWER.encode(&hello.key.0),
            HEXLOWER.encode(&reply.answer.0),
        ];

        let expected = [
            "3e5bccdbb60b1a45b4b17d3c7fe1d4da",
            "357ef554befae6c495ccf0d5d6e49643fa195fd7e368b02212c84daa9e9a9313",
            "a55023dd8c048988cc45d88e36b6f38ebc88f11c4105a7b5f2df8ceebe68bdfd",
            "98b8b260a88ad4e78f3ffe84d419b7683977979adec4bb86b26cd6e08b41e964",
        ];
        assert_eq!(found, expected);
    }
}
