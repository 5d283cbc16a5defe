//! Records from a file, believed on the same terms as from a neighbour.
//!
//! Who may have signed a record follows from the memberships and revocations of the group, which are
//! records themselves and carry the chains they stand on. So all of them are learned first, in any order,
//! and then each record is validated by what has been learned. Nothing is taken on trust of the file.

use peerage_records::{
    codec::{DecodeError, SignedRecord},
    id::{GroupId, RecordType},
    time::Timestamp,
    validate::{Rejection, ValidRecord, validate},
};

use crate::{gmc::VerifiedGmc, roster::Roster};

/// Judges the records of one file for one replica.
#[derive(Debug)]
pub struct Import {
    group: GroupId,
    roster: Roster,
}

/// Why a record of a file is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotImported {
    /// It is not a record.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It does not pass the checks that records from neighbours have to pass.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

impl NotImported {
    /// Whether time alone is the reason: the record has ceased to exist.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Rejected(Rejection::Expired(_)))
    }
}

impl Import {
    /// An import for the member with this membership.
    #[must_use]
    pub fn new(own: &VerifiedGmc) -> Self {
        let mut roster = Roster::new(own.group(), own.root().key());
        roster.learn(own.clone());
        Self {
            group: own.group(),
            roster,
        }
    }

    /// Learns who is a member, if that is what the record says and it is to be believed. To be called with
    /// every record of the file, and with what the replica holds already, before the first
    /// [`accept`](Self::accept).
    pub fn learn(&mut self, signed: &SignedRecord, now: Timestamp) {
        let kind = signed.record().kind;
        if ![RecordType::MEMBERSHIP, RecordType::REVOCATION].contains(&kind)
            || validate(signed.clone(), &self.group, &self.roster, now).is_err()
        {
            return;
        }
        match kind {
            RecordType::MEMBERSHIP => drop(self.roster.learn_record(signed)),
            _ => drop(self.roster.learn_revocation(signed)),
        }
    }

    /// Validates a record.
    ///
    /// # Errors
    /// Names the first check that failed.
    pub fn accept(&self, envelope: &[u8], now: Timestamp) -> Result<ValidRecord, NotImported> {
        let signed = SignedRecord::decode(envelope)?;
        Ok(validate(signed, &self.group, &self.roster, now)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use peerage_records::record::{Record, RecordDraft};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::{
        gmc::{self, IssueOptions},
        group::{GroupKey, Role},
        identity::Identity,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn note(by: &Identity, group: GroupId, lives: Duration) -> SignedRecord {
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: NOW + lives,
            attributes: Vec::new(),
            payload: b"hello".to_vec(),
        };
        let record = Record::create(draft, group, by.key(), [7; 8], NOW).unwrap();
        SignedRecord::sign(record, |bytes| by.sign(bytes))
    }

    #[test]
    fn members_are_learned_from_the_file_and_nobody_else_is_believed() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = GroupKey::create("chess", None, NOW, &mut rng).unwrap();
        let group = key.root().id();
        let mut identity = |name| Identity::generate(name, None, NOW, &mut rng).unwrap();
        let (ada, ben, eve) = (identity("ada"), identity("ben"), identity("eve"));
        let chain = key.issue_first(&ada.card(), NOW, &mut rng).unwrap();
        let own = gmc::verify(&chain, &group, NOW).unwrap();
        let options = IssueOptions::new(Role::Member);
        let of_ben = gmc::issue(&ada, &own, &ben.card(), None, &options, NOW, &mut rng).unwrap();
        let expires = gmc::verify(&of_ben, &group, NOW).unwrap().not_after();
        let membership = Record::create_reserved(
            RecordType::MEMBERSHIP,
            group,
            ben.key(),
            expires.min(peerage_records::record::MAX_EXPIRY),
            of_ben.encode().to_vec(),
            NOW,
        );
        let membership = SignedRecord::sign(membership.unwrap(), |bytes| ben.sign(bytes));

        let mut import = Import::new(&own);
        let accept = |import: &Import, signed: &SignedRecord, now| {
            import
                .accept(signed.bytes(), now)
                .map_err(|error| error.to_string())
        };
        let by_ben = note(&ben, group, DAY);
        assert!(accept(&import, &by_ben, NOW).is_err(), "not known yet");
        for signed in [&by_ben, &membership] {
            import.learn(signed, NOW);
        }
        assert!(accept(&import, &by_ben, NOW).is_ok());
        assert!(accept(&import, &membership, NOW).is_ok());
        assert!(accept(&import, &note(&ada, group, DAY), NOW).is_ok());
        assert!(accept(&import, &note(&eve, group, DAY), NOW).is_err());
        let elsewhere = note(&ada, GroupId::of_name("0.other"), DAY);
        assert!(accept(&import, &elsewhere, NOW).is_err());
        let expired = import.accept(by_ben.bytes(), NOW + DAY).unwrap_err();
        assert!(expired.is_expired());
        // Altered in any byte it is not a record, or not what its signer signed.
        for at in 0..by_ben.bytes().len() {
            let mut altered = by_ben.bytes().to_vec();
            altered[at] ^= 1;
            assert!(import.accept(&altered, NOW).is_err(), "altered at {at}");
        }
    }
}
