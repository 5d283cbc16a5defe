use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn identity() -> Identity {
    Identity::generate("x", None, NOW, &mut ChaCha20Rng::seed_from_u64(3)).unwrap()
}

fn peer(seed: u8) -> PeerId {
    libp2p_identity::Keypair::ed25519_from_bytes([seed; 32])
        .unwrap()
        .public()
        .to_peer_id()
}

/// A binding with another body, correctly signed.
fn forged(body: &Body) -> NodeBinding {
    let body = signing::to_cbor(body);
    let signature = identity().sign(&signing::domain_separated(DOMAIN, &body));
    let envelope = Envelope(1, ByteBuf::from(body), ByteArray::new(signature));
    NodeBinding::decode(&signing::to_cbor(&envelope)).unwrap()
}

#[test]
fn round_trips_and_names_the_identity() {
    let binding = NodeBinding::create(&identity(), peer(1), NOW, [5; 16]);
    assert!(binding.encode().len() <= MAX_BINDING_BYTES);
    let read = NodeBinding::decode(binding.encode()).unwrap();
    assert_eq!(read, binding);
    assert_eq!(read.boot(), [5; 16]);
    assert_eq!(read.verify(&peer(1), NOW), Ok(identity().key()));
}

#[test]
fn another_node_cannot_use_it() {
    let binding = NodeBinding::create(&identity(), peer(1), NOW, [5; 16]);
    assert_eq!(binding.verify(&peer(2), NOW), Err(BindingError::WrongPeer));
}

#[test]
fn lasts_a_day_give_or_take_the_tolerance() {
    let binding = NodeBinding::create(&identity(), peer(1), NOW, [5; 16]);
    let end = NOW + MAX_BINDING_LIFETIME + CLOCK_TOLERANCE;
    assert!(binding.verify(&peer(1), end).is_ok());
    assert!(matches!(
        binding.verify(&peer(1), end + SECOND),
        Err(BindingError::Expired { .. })
    ));
    assert!(binding.verify(&peer(1), NOW - CLOCK_TOLERANCE).is_ok());
    let early = binding
        .verify(&peer(1), NOW - CLOCK_TOLERANCE - SECOND)
        .unwrap_err();
    assert!(matches!(early, BindingError::NotYetValid { .. }));
    assert!(early.to_string().contains("clock"));
    assert!(!binding.is_due(NOW + FRESHNESS));
    assert!(binding.is_due(NOW + FRESHNESS + SECOND));
}

#[test]
fn longer_than_a_day_is_refused_though_signed() {
    let binding = forged(&Body(
        identity().key(),
        ByteBuf::from(peer(1).to_bytes()),
        NOW,
        NOW + MAX_BINDING_LIFETIME + SECOND,
        ByteArray::new([0; 16]),
    ));
    assert_eq!(binding.verify(&peer(1), NOW), Err(BindingError::TooLong));
}

#[test]
fn somebody_elses_or_a_weak_key_is_refused() {
    let body = |key| {
        Body(
            key,
            ByteBuf::from(peer(1).to_bytes()),
            NOW,
            NOW + MAX_BINDING_LIFETIME,
            ByteArray::new([0; 16]),
        )
    };
    let other = Identity::generate("y", None, NOW, &mut ChaCha20Rng::seed_from_u64(4)).unwrap();
    assert_eq!(
        forged(&body(other.key())).verify(&peer(1), NOW),
        Err(BindingError::BrokenSignature)
    );
    assert_eq!(
        forged(&body(IdentityKey::from_bytes([0; 32]))).verify(&peer(1), NOW),
        Err(BindingError::WeakKey)
    );
}

#[test]
fn any_altered_byte_is_noticed() {
    let original = NodeBinding::create(&identity(), peer(1), NOW, [5; 16]);
    for index in 0..original.encode().len() {
        for bit in 0..8 {
            let mut altered = original.encode().to_vec();
            altered[index] ^= 1 << bit;
            let verdict =
                NodeBinding::decode(&altered).and_then(|binding| binding.verify(&peer(1), NOW));
            assert!(verdict.is_err(), "byte {index}, bit {bit}");
        }
        assert!(NodeBinding::decode(&original.encode()[..index]).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = NodeBinding::decode(&bytes);
    }
}
