use std::time::Duration;

use multiaddr::Multiaddr;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::discovery::{FUTURE_TOLERANCE, Lookup, MAX_LIFETIME, Merged, Progress};

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn group(n: u8) -> Rendezvous {
    Rendezvous::new(&DiscoverySecret::from_bytes([n; 32]), &Cloud::global())
}

fn online(peer: PeerId) -> Announcement {
    let address: Multiaddr = "/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap();
    Announcement::online(peer, [address], b"binding".to_vec()).unwrap()
}

fn sealed(group: &Rendezvous, announcement: &Announcement, at: Timestamp) -> EntrySet {
    group.seal(&mut rng(), announcement, at, at + HOUR).unwrap()
}

fn believed(group: &Rendezvous, set: EntrySet) -> VerifiedSet {
    group.read(&set.encode(), None, now()).unwrap()
}

#[test]
fn a_member_reads_what_a_member_published() {
    let announcement = online(PeerId::random());
    let set = believed(&group(1), sealed(&group(1), &announcement, now()));
    let sightings = group(1).open(&set, now());
    assert_eq!(sightings.unreadable, 0);
    assert_eq!(sightings.online.len(), 1);
    assert_eq!(sightings.online[0].announcement, announcement);
    assert_eq!(sightings.online[0].expires, now() + HOUR);
}

#[test]
fn a_storing_node_verifies_without_the_secret() {
    let set = sealed(&group(1), &online(PeerId::random()), now());
    assert!(
        set.verify(&Cloud::global(), &group(1).key(), None, now())
            .is_ok()
    );
}

#[test]
fn a_stranger_cannot_write_at_a_groups_key() {
    // With a key of its own: the set belongs elsewhere.
    let strangers = sealed(&group(2), &online(PeerId::random()), now());
    assert_eq!(
        strangers
            .clone()
            .verify(&Cloud::global(), &group(1).key(), None, now()),
        Err(SetError::WrongKey)
    );
    // With the group's public key, which every reply shows, but its own signature.
    let own = believed(&group(2), strangers)
        .entries()
        .next()
        .cloned()
        .unwrap();
    let forged = EntrySet::of_one(*group(1).signing.verifying_key().as_bytes(), own);
    assert_eq!(
        forged.verify(&Cloud::global(), &group(1).key(), None, now()),
        Err(EntryError::BadSignature.into())
    );
}

#[test]
fn no_part_of_an_entry_can_be_changed() {
    let set = sealed(&group(1), &online(PeerId::random()), now());
    let entry = believed(&group(1), set).entries().next().cloned().unwrap();
    let changes: [fn(&mut Entry); 6] = [
        |e| e.sequence = e.sequence + Duration::from_millis(1),
        |e| e.expires = e.expires + Duration::from_millis(1),
        |e| e.pseudonym.0[0] ^= 1,
        |e| e.nonce[0] ^= 1,
        |e| e.ciphertext[0] ^= 1,
        |e| e.signature[0] ^= 1,
    ];
    for change in changes {
        let mut changed = entry.clone();
        change(&mut changed);
        let set = EntrySet::of_one(*group(1).signing.verifying_key().as_bytes(), changed);
        assert_eq!(
            set.verify(&Cloud::global(), &group(1).key(), None, now()),
            Err(EntryError::BadSignature.into())
        );
    }
}

#[test]
fn one_bad_entry_among_good_ones_spoils_the_set() {
    let mut good = believed(
        &group(1),
        sealed(&group(1), &online(PeerId::random()), now()),
    );
    let known = good.clone();
    let mut bad = known.entries().next().cloned().unwrap();
    bad.pseudonym.0[0] ^= 1;
    let rendezvous = *group(1).signing.verifying_key().as_bytes();
    // Not through `verify`, as a liar would.
    let smuggled = EntrySet::of_one(rendezvous, bad).verify_nothing_for_tests(group(1).key());
    assert_eq!(good.merge(smuggled), Merged::Changed);
    for known in [None, Some(&known)] {
        assert_eq!(
            group(1).read(&good.encode(), known, now()),
            Err(EntryError::BadSignature.into())
        );
    }
}

#[test]
fn a_weak_rendezvous_key_is_refused() {
    // The neutral element: a signature of it says nothing.
    let mut weak = [0; 32];
    weak[0] = 1;
    let entry = believed(
        &group(1),
        sealed(&group(1), &online(PeerId::random()), now()),
    )
    .entries()
    .next()
    .cloned()
    .unwrap();
    assert_eq!(
        EntrySet::of_one(weak, entry).verify(
            &Cloud::global(),
            &dht_key(&Cloud::global(), &weak),
            None,
            now()
        ),
        Err(SetError::WeakKey)
    );
}

#[test]
fn a_stranger_cannot_read() {
    let set = believed(
        &group(1),
        sealed(&group(1), &online(PeerId::random()), now()),
    );
    let mut stranger = group(2);
    // Even one that learned the place.
    stranger.key = group(1).key();
    let sightings = stranger.open(&set, now());
    assert!(sightings.online.is_empty() && sightings.withdrawn.is_empty());
    assert_eq!(sightings.unreadable, 1);
}

#[test]
fn clouds_and_groups_have_places_of_their_own() {
    let secret = DiscoverySecret::from_bytes([1; 32]);
    let here = Rendezvous::new(&secret, &Cloud::global());
    let elsewhere = Rendezvous::new(&secret, &Cloud::site("berlin").unwrap());
    assert_ne!(here.key(), elsewhere.key());
    assert_ne!(here.key(), group(2).key());
    let set = sealed(&here, &online(PeerId::random()), now());
    assert_eq!(
        elsewhere.read(&set.encode(), None, now()),
        Err(SetError::WrongKey)
    );
}

#[test]
fn pseudonyms_differ_between_groups_and_stay_within_one() {
    let peer = PeerId::random();
    assert_eq!(group(1).pseudonym(&peer), group(1).pseudonym(&peer));
    assert_ne!(group(1).pseudonym(&peer), group(2).pseudonym(&peer));
    assert_ne!(
        group(1).pseudonym(&peer),
        group(1).pseudonym(&PeerId::random())
    );
}

#[test]
fn a_withdrawal_hides_the_member_in_whatever_order_it_arrives() {
    let peer = PeerId::random();
    let shown = believed(&group(1), sealed(&group(1), &online(peer), now()));
    let gone = Announcement::withdrawn(peer);
    let later = now() + Duration::from_secs(60);
    let hidden = believed(&group(1), sealed(&group(1), &gone, later));
    for (mut first, second) in [(shown.clone(), hidden.clone()), (hidden, shown)] {
        first.merge(second);
        let sightings = group(1).open(&first, later);
        assert!(sightings.online.is_empty());
        assert_eq!(sightings.withdrawn, [peer]);
    }
}

#[test]
fn expired_entries_are_left_out() {
    let (early, late) = (online(PeerId::random()), online(PeerId::random()));
    let mut both = believed(&group(1), sealed(&group(1), &early, now()));
    let half = now() + HOUR / 2;
    both.merge(believed(
        &group(1),
        sealed(&group(1), &late, now() + Duration::from_secs(600)),
    ));
    assert_eq!(group(1).open(&both, half).online.len(), 2);

    let after = now() + HOUR;
    let left = group(1).read(&both.encode(), None, after).unwrap();
    assert_eq!(left.entry_count(), 1);
    let sightings = group(1).open(&both, after);
    assert_eq!(sightings.online.len(), 1);
    assert_eq!(sightings.online[0].announcement, late);

    let long_after = after + HOUR;
    assert_eq!(
        group(1).read(&both.encode(), None, long_after),
        Err(SetError::NothingCurrent)
    );
    assert!(both.unexpired(long_after).is_none());
}

#[test]
fn entries_from_the_future_are_left_out() {
    let ahead = |by: Duration| {
        let set = sealed(&group(1), &online(PeerId::random()), now() + by);
        group(1).read(&set.encode(), None, now())
    };
    assert!(ahead(FUTURE_TOLERANCE).is_ok());
    assert_eq!(
        ahead(FUTURE_TOLERANCE + Duration::from_millis(1)),
        Err(SetError::NothingCurrent)
    );
}

#[test]
fn an_entry_that_would_be_refused_is_not_sealed() {
    let announcement = online(PeerId::random());
    let seal = |expires| group(1).seal(&mut rng(), &announcement, now(), expires);
    assert_eq!(seal(now()), Err(EntryError::NoLifetime.into()));
    assert_eq!(
        seal(now() + MAX_LIFETIME + Duration::from_millis(1)),
        Err(EntryError::LivesTooLong.into())
    );
    assert!(seal(now() + MAX_LIFETIME).is_ok());
}

#[test]
fn a_member_cannot_announce_under_many_pseudonyms() {
    let liar = group(1);
    let set = sealed(&liar, &online(PeerId::random()), now());
    let mut entry = believed(&liar, set).entries().next().cloned().unwrap();
    // A holder of the secret seals its announcement under a pseudonym that is not its own.
    entry.pseudonym.0[0] ^= 1;
    let plaintext = online(PeerId::random()).to_plaintext();
    let payload = Payload {
        msg: &plaintext,
        aad: &entry.sealed_with(&liar.key),
    };
    entry.ciphertext = liar
        .cipher()
        .encrypt(&Nonce::from(entry.nonce), payload)
        .unwrap();
    entry.signature = liar.signing.sign(&entry.signed_bytes(&liar.key)).to_bytes();
    let set = EntrySet::of_one(*liar.signing.verifying_key().as_bytes(), entry);
    let sightings = group(1).open(&believed(&group(1), set), now());
    assert_eq!((sightings.online.len(), sightings.unreadable), (0, 1));
}

#[test]
fn a_lookup_merges_answers_and_ends_when_they_agree() {
    let (a, b) = (online(PeerId::random()), online(PeerId::random()));
    let only_a = sealed(&group(1), &a, now()).encode();
    let only_b = sealed(&group(1), &b, now()).encode();
    let mut lookup = Lookup::new(Cloud::global(), group(1).key());
    let mut heard = |value: &[u8]| lookup.heard(value, now());
    assert_eq!(heard(&only_a), Ok(Progress::News));
    assert_eq!(heard(b"rubbish"), Err(SetError::Malformed));
    assert_eq!(heard(&only_a), Ok(Progress::Continue));
    assert_eq!(heard(&only_b), Ok(Progress::News));
    assert_eq!(heard(&only_a), Ok(Progress::Continue));
    assert_eq!(heard(&only_b), Ok(Progress::Continue));
    assert_eq!(heard(&only_b), Ok(Progress::Enough));
    let found = lookup.found().unwrap();
    assert_eq!(group(1).open(found, now()).online.len(), 2);
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", group(1));
    assert_eq!(shown, "Rendezvous { cloud: \"Global_\", .. }");
}
