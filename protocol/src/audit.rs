//! Who let whom in, changed whose role, and removed whom: told from the signed records alone.
//!
//! Everything here is evidence that any member holds: certificates name issuer, subject, roles and
//! time; revocations name who decided and why. A [`Bundle`] takes it out of the group as one file that
//! somebody else can verify offline with nothing but this program; `docs/formats/audit.md` has its
//! bytes. Of several renewals by one issuer the group keeps the last, and so does the audit.

use std::collections::{BTreeMap, BTreeSet};

use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, RecordType},
    time::Timestamp,
    validate::validate,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::{
    gmc::{GmcError, Link},
    group::{GroupRoot, Role, Roles},
    revocation::{ActId, Cause, VerifiedRevocation},
    roster::Roster,
    signing,
};

/// Records in one bundle: two for each of 10 000 members, and their revocations.
pub const MAX_BUNDLE_RECORDS: usize = 40_000;

/// Bytes of one bundle.
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024 * 1024;

const MAGIC: &[u8] = b"peerage-audit";
const VERSION: u8 = 1;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The group's key made somebody a member: the creator, or who recovered the group.
    Founded,
    /// Somebody was made a member.
    Invited,
    /// A member got a credential with rights it did not have.
    Promoted,
    /// A member got a credential with fewer rights.
    Lowered,
    /// A member got a newer credential with the same rights.
    Renewed,
    /// A member was removed.
    Removed,
    /// A member left.
    Left,
    /// An invitation was withdrawn.
    Withdrawn,
    /// Older credentials were voided in favour of a newer one.
    Replaced,
}

impl Action {
    /// A short stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Founded => "founded",
            Self::Invited => "invited",
            Self::Promoted => "promoted",
            Self::Lowered => "lowered",
            Self::Renewed => "renewed",
            Self::Removed => "removed",
            Self::Left => "left",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
        }
    }

    const fn of(cause: Cause) -> Self {
        match cause {
            Cause::Removed => Self::Removed,
            Cause::Left => Self::Left,
            Cause::Replaced => Self::Replaced,
            Cause::InvitationWithdrawn => Self::Withdrawn,
        }
    }
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, as whoever did it says.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Who did it: a member, or the group's key.
    pub actor: IdentityKey,
    /// To whom.
    pub subject: IdentityKey,
    /// The roles a certificate gives; none for a revocation.
    pub roles: Roles,
    /// When the certificate ends; none for a revocation.
    pub not_after: Option<Timestamp>,
    /// The reason given.
    pub reason: String,
    /// The certificate by which the actor had the right; none for the group's key.
    pub authority: Option<ActId>,
    /// The certificate or the revocation itself.
    pub act: ActId,
    /// Whether it counts: a certificate that is not void, a revocation that takes effect.
    pub in_force: bool,
}

/// The history of a group as far as its records tell, oldest first.
#[must_use]
pub fn history(roster: &Roster) -> Vec<Entry> {
    let mut entries = certificates(roster);
    entries.extend(
        roster
            .revocations()
            .iter()
            .map(|(_, one)| of_revocation(roster, one)),
    );
    entries.sort_by_key(|entry| (entry.at, entry.act));
    entries
}

fn of_revocation(roster: &Roster, one: &VerifiedRevocation) -> Entry {
    let said = one.said();
    Entry {
        at: one.at(),
        action: Action::of(said.cause),
        actor: one.revoker(),
        subject: said.subject,
        roles: Roles::default(),
        not_after: None,
        reason: said.reason.clone(),
        authority: one
            .authority()
            .and_then(|gmc| gmc.links().last())
            .map(|link| link.certificate),
        act: one.act(),
        in_force: roster.revocations().is_effective(one),
    }
}

fn certificates(roster: &Roster) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    let mut by_subject: BTreeMap<IdentityKey, Vec<Entry>> = BTreeMap::new();
    for gmc in roster.credentials() {
        for (depth, link) in gmc.links().iter().enumerate() {
            if seen.insert(link.certificate) {
                let issuer = depth.checked_sub(1).map(|above| gmc.links()[above]);
                let void = roster.revocations().voids(&gmc.links()[..=depth], None);
                let entry = of_certificate(roster, issuer, link, void.is_none());
                by_subject.entry(link.subject).or_default().push(entry);
            }
        }
    }
    for entries in by_subject.values_mut() {
        entries.sort_by_key(|entry| (entry.at, entry.act));
        let mut before: Option<Roles> = None;
        for entry in entries {
            if let Some(before) = before {
                entry.action = compare(before, entry.roles);
            }
            before = Some(entry.roles);
        }
    }
    by_subject.into_values().flatten().collect()
}

fn of_certificate(roster: &Roster, issuer: Option<Link>, link: &Link, in_force: bool) -> Entry {
    Entry {
        at: link.issued_at,
        action: match issuer {
            Some(_) => Action::Invited,
            None => Action::Founded,
        },
        actor: issuer.map_or(roster.root(), |issuer| issuer.subject),
        subject: link.subject,
        roles: link.roles,
        not_after: Some(link.not_after),
        reason: String::new(),
        authority: issuer.map(|issuer| issuer.certificate),
        act: link.certificate,
        in_force,
    }
}

fn compare(before: Roles, after: Roles) -> Action {
    let rank = |roles: Roles| {
        Role::ALL
            .into_iter()
            .filter(|role| roles.may_issue(*role))
            .count()
    };
    match rank(after).cmp(&rank(before)) {
        std::cmp::Ordering::Greater => Action::Promoted,
        std::cmp::Ordering::Less => Action::Lowered,
        std::cmp::Ordering::Equal => Action::Renewed,
    }
}

/// A group's memberships and revocations as one file.
#[derive(Debug)]
pub struct Bundle {
    root: GroupRoot,
    records: Vec<SignedRecord>,
}

/// Why a file is no audit, or not a true one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not a bundle, or damaged.
    #[error("this is no audit file, or it is damaged: {0}")]
    Malformed(&'static str),
    /// A bundle of a version this program does not know.
    #[error("audit version {0} is not known")]
    UnknownVersion(u8),
    /// The group root does not verify.
    #[error("the group's root certificate does not verify: {0}")]
    Root(#[from] GmcError),
    /// A record in it does not verify.
    #[error("record {number} does not verify: {reason}")]
    Record {
        /// Which, counted from 1.
        number: usize,
        /// Why.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Body(ByteBuf, Vec<ByteBuf>);

impl Bundle {
    /// Takes the memberships and revocations among these records.
    #[must_use]
    pub fn new(root: GroupRoot, records: impl IntoIterator<Item = SignedRecord>) -> Self {
        let of_interest = |signed: &SignedRecord| {
            [RecordType::MEMBERSHIP, RecordType::REVOCATION].contains(&signed.record().kind)
        };
        let mut records: Vec<SignedRecord> = records.into_iter().filter(of_interest).collect();
        records.sort_by_key(|signed| signed.hash());
        Self { root, records }
    }

    /// The group it is about.
    #[must_use]
    pub fn root(&self) -> &GroupRoot {
        &self.root
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let records = self.records.iter();
        let body = signing::to_cbor(&Body(
            ByteBuf::from(self.root.certificate().to_vec()),
            records
                .map(|signed| ByteBuf::from(signed.bytes().to_vec()))
                .collect(),
        ));
        [MAGIC, &[VERSION], &body].concat()
    }

    /// Reads a file and verifies everything in it: each certificate and each signature, as of the
    /// record's own date. Needs no network, no membership and no trust in whoever made the file.
    /// What it cannot show is whether something was left out.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn verify(bytes: &[u8]) -> Result<(Self, Roster), BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::Malformed("it is too large"));
        }
        let (version, body) = bytes
            .strip_prefix(MAGIC)
            .and_then(<[u8]>::split_first)
            .ok_or(BundleError::Malformed("it begins otherwise"))?;
        if *version != VERSION {
            return Err(BundleError::UnknownVersion(*version));
        }
        let Body(root, envelopes) =
            signing::from_cbor(body).ok_or(BundleError::Malformed("it does not decode"))?;
        if envelopes.len() > MAX_BUNDLE_RECORDS {
            return Err(BundleError::Malformed("it has too many records"));
        }
        let root = GroupRoot::from_der(&root)?;
        let mut roster = Roster::new(root.id(), root.key());
        let mut records = Vec::with_capacity(envelopes.len());
        for (number, envelope) in (1..).zip(&envelopes) {
            let wrong = |reason: String| BundleError::Record { number, reason };
            let signed =
                SignedRecord::decode(envelope).map_err(|error| wrong(error.to_string()))?;
            let at = signed.record().modified;
            validate(signed.clone(), &root.id(), &roster, at)
                .map_err(|error| wrong(error.to_string()))?;
            match signed.record().kind {
                RecordType::MEMBERSHIP => roster.learn_record(&signed).map(drop),
                RecordType::REVOCATION => roster.learn_revocation(&signed).map(drop),
                _ => return Err(wrong("it is neither a membership nor a revocation".into())),
            }
            .map_err(|error| wrong(error.to_string()))?;
            records.push(signed);
        }
        Ok((Self { root, records }, roster))
    }
}
