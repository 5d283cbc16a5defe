//! Random operations on a store beside the same operations on the memory store: after each step both
//! must answer everything alike. Driven by bytes, so that property tests and fuzzing share it.

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordId, RecordType, ReplicaId},
    judge::Refusal,
    record::Record,
    store::{Origin, Partition, Put, RecordQuery, Store, memory::MemoryStore},
    time::Timestamp,
    validate::{ValidRecord, validate},
};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Bytes, taken one after another; zeros when there are no more.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn below(&mut self, bound: u8) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % bound
    }
}

/// Does what `bytes` say to `store` and to a memory store. `reopen` may close the store and open it again.
pub(crate) fn run<S: Store>(
    bytes: &[u8],
    mut store: S,
    replicas: [ReplicaId; 2],
    mut reopen: impl FnMut(S) -> S,
) -> S {
    let mut source = Source(bytes);
    let mut oracle = MemoryStore::new();
    let mut now = START;
    for replica in replicas {
        store.open_replica(replica).unwrap();
        oracle.open_replica(replica).unwrap();
    }
    while !source.0.is_empty() {
        let replica = replicas[usize::from(source.below(2))];
        match source.below(13) {
            0..=5 => {
                let batch: Vec<Put> = (0..=source.below(5))
                    .map(|_| Put {
                        replica: replicas[usize::from(source.below(2))],
                        record: record(&mut source),
                        origin: [Origin::Local, Origin::Remote][usize::from(source.below(2))],
                    })
                    .collect();
                let expected = oracle.put(batch.clone(), now).unwrap();
                assert_eq!(store.put(batch, now).unwrap(), expected);
            }
            6 => now = now + Duration::from_secs(u64::from(source.below(20))),
            7 | 8 => {
                let limit = usize::from(source.below(4));
                let expected = oracle.expire(&replica, now, limit).unwrap();
                assert_eq!(store.expire(&replica, now, limit).unwrap(), expected);
            }
            9 => {
                let id = id(&mut source).0;
                oracle.forget(&replica, &id).unwrap();
                store.forget(&replica, &id).unwrap();
            }
            10 => {
                let held = oracle.scan(&replica, None, 8).unwrap();
                assert_eq!(store.scan(&replica, None, 8).unwrap(), held);
                let named: Vec<_> = held
                    .iter()
                    .filter(|_| source.below(2) == 0)
                    .map(|signed| (signed.record().id, signed.hash()))
                    .collect();
                let expected = oracle.withdraw(&replica, &named, now).unwrap();
                assert_eq!(store.withdraw(&replica, &named, now).unwrap(), expected);
            }
            11 => {
                store = reopen(store);
                for replica in replicas {
                    store.open_replica(replica).unwrap();
                }
            }
            _ => {
                for store in [&mut store as &mut dyn Store, &mut oracle] {
                    store.drop_replica(replica).unwrap();
                    assert!(store.count(&replica).is_err());
                    store.open_replica(replica).unwrap();
                }
            }
        }
        for replica in &replicas {
            assert_alike(&store, &oracle, replica, now);
        }
    }
    store
}

/// One of eight ids: of two members, and of reserved and other types.
fn id(source: &mut Source<'_>) -> (RecordId, RecordType, u8) {
    let creator = 1 + source.below(2);
    let which = source.below(4);
    let kind = kinds()[usize::from(which)];
    let id = if kind.is_reserved() {
        RecordId::reserved(&key(creator).1, kind)
    } else {
        RecordId::new(&key(creator).1, [which; 8])
    };
    (id, kind, creator)
}

fn kinds() -> [RecordType; 4] {
    let named = RecordType::from_name;
    [
        named("chat"),
        named("chat"),
        named("mail"),
        RecordType::MEMBERSHIP,
    ]
}

fn key(member: u8) -> (SigningKey, IdentityKey) {
    let key = SigningKey::from_bytes(&[member; 32]);
    let public = IdentityKey::from_bytes(key.verifying_key().to_bytes());
    (key, public)
}

/// A valid version out of few, so that they meet, tie, supersede and repeat.
fn record(source: &mut Source<'_>) -> ValidRecord {
    let (id, kind, creator) = id(source);
    let version = 1 + u32::from(source.below(3));
    let modifier = 1 + source.below(2);
    let deleted = version > 1 && source.below(3) == 0;
    let later = if version == 1 {
        0
    } else {
        u64::from(source.below(3))
    };
    let toucher = if version == 1 { creator } else { modifier };
    let group = GroupId::of_name("0.chess");
    let record = Record {
        group,
        id,
        kind,
        version,
        creator: key(creator).1,
        modifier: (version > 1).then(|| key(modifier).1),
        created: START,
        modified: START + Duration::from_secs(later),
        expires: START + Duration::from_secs(10 + u64::from(source.below(60))),
        deleted,
        attributes: vec![],
        payload: if deleted {
            vec![]
        } else {
            vec![source.below(3)]
        },
    };
    let signed = SignedRecord::sign(record, |message| key(toucher).0.sign(message).to_bytes());
    let everyone = |_: &SignedRecord, _: Timestamp| Ok::<(), Refusal>(());
    validate(signed, &group, &everyone, START).unwrap()
}

fn assert_alike(store: &dyn Store, oracle: &MemoryStore, replica: &ReplicaId, now: Timestamp) {
    assert_eq!(
        store.count(replica).unwrap(),
        oracle.count(replica).unwrap()
    );
    let fingerprint = oracle.fingerprint(replica, now).unwrap();
    assert_eq!(store.fingerprint(replica, now).unwrap(), fingerprint);
    for after in [0, 3] {
        let expected = oracle.changes(replica, after, 50).unwrap();
        assert_eq!(store.changes(replica, after, 50).unwrap(), expected);
    }
    for partition in [Partition::Membership, Partition::Application] {
        let expected = oracle.summary(replica, partition).unwrap();
        assert_eq!(store.summary(replica, partition).unwrap(), expected);
        for (_, hash) in expected.iter() {
            let found = oracle.by_hash(replica, &hash).unwrap();
            assert_eq!(store.by_hash(replica, &hash).unwrap(), found);
            let id = found.expect("a summary lists what is held").record().id;
            assert_eq!(
                store.get(replica, &id).unwrap(),
                oracle.get(replica, &id).unwrap()
            );
        }
        for kind in [None, Some(kinds()[0]), Some(kinds()[2]), Some(kinds()[3])] {
            let mut query = RecordQuery {
                kind,
                partition,
                after: None,
                limit: 2,
            };
            loop {
                let page = oracle.list(replica, &query, now).unwrap();
                assert_eq!(store.list(replica, &query, now).unwrap(), page);
                match page.last() {
                    Some(last) => query.after = Some(last.record().id),
                    None => break,
                }
            }
        }
    }
}
