//! A group, its members, and the records they made.

use std::{sync::Arc, time::Duration};

use ed25519_dalek::{Signature, VerifyingKey};
use peerage_protocol::{
    gmc::{self, Chain, IssueOptions},
    group::{GroupKey, Role},
    identity::Identity,
    roster::Roster,
};
use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, GroupId, RecordType, ReplicaId},
    record::{Record, RecordDraft},
    time::Timestamp,
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::Parameters;
use crate::Result;

/// The group is so much older than its first record.
const HEAD_START: Duration = Duration::from_secs(2 * 60 * 60);
/// Records outlive the measurement.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that is stored and reconciled, made before any clock runs.
pub(super) struct Material {
    pub(super) group: GroupId,
    pub(super) roster: Roster,
    pub(super) now: Timestamp,
    /// The members' own records: what a replica holds before any other.
    pub(super) memberships: Vec<Envelope>,
    /// In the order in which they were made.
    pub(super) records: Vec<Envelope>,
    authors: Vec<Identity>,
    payload: usize,
    span: Duration,
}

/// A signed record as it travels, and the same for whoever only checks signatures.
pub(super) struct Envelope {
    pub(super) bytes: Arc<[u8]>,
    pub(super) hash: EnvelopeHash,
    pub(super) key: VerifyingKey,
    pub(super) message: Vec<u8>,
    pub(super) signature: Signature,
}

/// Where the records of a pair of replicas differ.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spot {
    /// Made just now, after everything else.
    Recent,
    /// Made at any time while the others were.
    Scattered,
}

impl Material {
    pub(super) fn make(parameters: &Parameters, now: Timestamp) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(parameters.seed);
        let span = Duration::from_secs(parameters.span_hours * 60 * 60);
        let founded = now - span - HEAD_START;
        let key = GroupKey::create("", None, founded, &mut rng)?;
        let group = key.root().id();
        let mut material = Self {
            group,
            roster: Roster::new(group, key.root().key()),
            now,
            memberships: Vec::with_capacity(parameters.authors),
            records: Vec::with_capacity(parameters.records),
            authors: Vec::with_capacity(parameters.authors),
            payload: parameters.payload,
            span,
        };
        for _ in 0..parameters.authors {
            material.admit(&key, founded, &mut rng)?;
        }
        let millis = u64::try_from(span.as_millis())?;
        for index in 0..parameters.records {
            let after = index as u64 * millis / parameters.records as u64;
            let at = now - span + Duration::from_millis(after);
            let record = material.record(at, &mut rng)?;
            material.records.push(record);
        }
        Ok(material)
    }

    /// More records, all different, which nobody has yet.
    pub(super) fn more(&self, count: usize, spot: Spot, seed: u64) -> Result<Vec<Envelope>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let millis = u64::try_from(self.span.as_millis())?;
        (0..count)
            .map(|index| {
                let before = match spot {
                    Spot::Recent => (count - index) as u64,
                    Spot::Scattered => rng.random_range(0..millis),
                };
                self.record(self.now - Duration::from_millis(before), &mut rng)
            })
            .collect()
    }

    pub(super) fn mean_bytes(&self) -> f64 {
        self.bytes() as f64 / self.records.len() as f64
    }

    /// Bytes of all records.
    pub(super) fn bytes(&self) -> usize {
        self.records
            .iter()
            .map(|envelope| envelope.bytes.len())
            .sum()
    }

    /// A replica of the group; `number` says whose.
    pub(super) fn replica(&self, number: usize) -> ReplicaId {
        ReplicaId::of(
            &self.authors[number % self.authors.len()].key(),
            &self.group,
        )
    }

    fn admit(&mut self, key: &GroupKey, founded: Timestamp, rng: &mut StdRng) -> Result<()> {
        let author = Identity::generate("", None, founded, rng)?;
        let options = IssueOptions::new(Role::Member);
        let chain: Chain = key.issue(&author.card(), None, &options, founded, rng)?;
        self.roster
            .learn(gmc::verify(&chain, &self.group, founded)?);
        let record = Record::create_reserved(
            RecordType::MEMBERSHIP,
            self.group,
            author.key(),
            self.now + LIFETIME,
            chain.encode().to_vec(),
            founded,
        )?;
        self.memberships.push(sealed(record, &author)?);
        self.authors.push(author);
        Ok(())
    }

    fn record(&self, at: Timestamp, rng: &mut StdRng) -> Result<Envelope> {
        let author = &self.authors[rng.random_range(0..self.authors.len())];
        let (mut entropy, mut payload) = ([0; 8], vec![0; self.payload]);
        rng.fill_bytes(&mut entropy);
        rng.fill_bytes(&mut payload);
        let draft = RecordDraft {
            kind: RecordType::from_name("bench"),
            expires: self.now + LIFETIME,
            attributes: Vec::new(),
            payload,
        };
        let record = Record::create(draft, self.group, author.key(), entropy, at)?;
        sealed(record, author)
    }
}

fn sealed(record: Record, author: &Identity) -> Result<Envelope> {
    let mut message = Vec::new();
    let signed = SignedRecord::sign(record, |bytes| {
        message = bytes.to_vec();
        author.sign(bytes)
    });
    Ok(Envelope {
        bytes: Arc::clone(signed.bytes()),
        hash: signed.hash(),
        key: VerifyingKey::from_bytes(author.key().as_bytes())?,
        message,
        signature: Signature::from_bytes(signed.signature()),
    })
}
