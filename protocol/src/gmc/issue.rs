//! Issuing: the rules a well-behaved issuer keeps, which are those every checker enforces and a few more.

use ed25519_dalek::SigningKey;
use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};
use rand::CryptoRng;

use super::{CLOCK_SKEW_ALLOWANCE, Chain, GmcError, MAX_CHAIN_GMCS, VerifiedGmc};
use crate::{
    certificate::{CertificateDraft, Kind, whole_seconds},
    group::{GroupRoot, Roles},
    identity::{Identity, IdentityCard},
    name::check_friendly_name,
};

/// What to put into a GMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOptions {
    /// What the subject may do; at least one, and each issuable by the issuer.
    pub roles: Roles,
    /// When it starts. Default: an hour before now, but not before the issuer's own start.
    pub not_before: Option<Timestamp>,
    /// When it ends. Default: with the issuer's own.
    pub not_after: Option<Timestamp>,
    /// What people are shown. Default: the friendly name in the subject's card.
    pub friendly_name: Option<String>,
}

impl IssueOptions {
    /// The defaults, with these roles.
    #[must_use]
    pub fn new(roles: impl Into<Roles>) -> Self {
        Self {
            roles: roles.into(),
            not_before: None,
            not_after: None,
            friendly_name: None,
        }
    }
}

/// Issues a GMC to `subject` and returns the subject's whole chain.
///
/// `current` is the credential the subject has in the group, if any: the new one must be newer.
///
/// # Errors
/// When the issuer's GMC is not the issuer's or not valid now, the issuer may not issue these roles
/// ([`GmcError::NotAuthorised`], [`GmcError::RoleNotIssuable`]), the chain would be too long, too big or
/// circular, the period is impossible, or the new credential would not be newer than `current`.
pub fn issue(
    issuer: &Identity,
    issuer_gmc: &VerifiedGmc,
    subject: &IdentityCard,
    current: Option<&VerifiedGmc>,
    options: &IssueOptions,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Chain, GmcError> {
    let subject = Subject::of_card(subject);
    issue_to(issuer, issuer_gmc, subject, current, options, now, rng)
}

/// Issues a newer GMC to the subject of `current`, under the same name.
///
/// # Errors
/// As [`issue`].
pub fn reissue(
    issuer: &Identity,
    issuer_gmc: &VerifiedGmc,
    current: &VerifiedGmc,
    options: &IssueOptions,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Chain, GmcError> {
    let subject = Subject {
        key: current.subject(),
        classifier: current.subject_name().classifier(),
        friendly_name: current.friendly_name(),
    };
    issue_to(
        issuer,
        issuer_gmc,
        subject,
        Some(current),
        options,
        now,
        rng,
    )
}

/// Whom a certificate is issued to.
#[derive(Clone, Copy)]
struct Subject<'a> {
    key: IdentityKey,
    classifier: &'a str,
    friendly_name: &'a str,
}

impl<'a> Subject<'a> {
    fn of_card(card: &'a IdentityCard) -> Self {
        Self {
            key: card.key(),
            classifier: card.name().classifier(),
            friendly_name: card.given_friendly_name(),
        }
    }
}

fn issue_to(
    issuer: &Identity,
    issuer_gmc: &VerifiedGmc,
    subject: Subject<'_>,
    current: Option<&VerifiedGmc>,
    options: &IssueOptions,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Chain, GmcError> {
    issuer_gmc.check_subject(&issuer.key())?;
    issuer_gmc.check_time(now)?;
    if !crate::group::Role::ALL
        .into_iter()
        .any(|role| issuer_gmc.roles().may_issue(role))
    {
        return Err(GmcError::NotAuthorised);
    }
    let position = issuer_gmc.depth() + 1;
    if let Some(role) = options
        .roles
        .iter()
        .find(|role| !issuer_gmc.roles().may_issue(*role))
    {
        return Err(GmcError::RoleNotIssuable { position, role });
    }
    if position > MAX_CHAIN_GMCS {
        return Err(GmcError::ChainTooLong { gmcs: position });
    }
    if subject.key == issuer.key() || issuer_gmc.issuer_path().contains(&subject.key) {
        return Err(GmcError::CircularChain { position });
    }
    Issuer {
        group: issuer_gmc.group(),
        chain: issuer_gmc
            .chain()
            .certificates()
            .map(<[u8]>::to_vec)
            .collect(),
        not_before: issuer_gmc.not_before(),
        not_after: issuer_gmc.not_after(),
        issued_at: issuer_gmc.issued_at(),
        key: issuer.signing_key(),
    }
    .issue(subject, current, options, now, rng)
}

/// Issues directly under the root.
pub(crate) fn issue_from_root(
    root: &GroupRoot,
    key: &SigningKey,
    subject: &IdentityCard,
    current: Option<&VerifiedGmc>,
    options: &IssueOptions,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Chain, GmcError> {
    if subject.key() == root.key() {
        return Err(GmcError::CircularChain { position: 1 });
    }
    Issuer {
        group: root.id(),
        chain: vec![root.certificate().to_vec()],
        not_before: root.not_before(),
        not_after: root.not_after(),
        issued_at: root.issued_at(),
        key,
    }
    .issue(Subject::of_card(subject), current, options, now, rng)
}

/// What both kinds of issuer have in common.
struct Issuer<'a> {
    group: GroupId,
    chain: Vec<Vec<u8>>,
    not_before: Timestamp,
    not_after: Timestamp,
    issued_at: Timestamp,
    key: &'a SigningKey,
}

impl Issuer<'_> {
    fn issue(
        mut self,
        subject: Subject<'_>,
        current: Option<&VerifiedGmc>,
        options: &IssueOptions,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Chain, GmcError> {
        if options.roles.is_empty() {
            return Err(GmcError::NoRole);
        }
        let friendly_name = options
            .friendly_name
            .as_deref()
            .unwrap_or(subject.friendly_name);
        check_friendly_name(friendly_name).map_err(GmcError::BadFriendlyName)?;

        // An issuer whose clock is behind must not seem to issue before it was issued itself.
        let issued_at = now.max(self.issued_at);
        let (not_before, not_after) = self.period(options, issued_at, now)?;
        if let Some(current) = current {
            check_newer(
                current,
                self.group,
                &subject.key,
                options.not_before.map(whole_seconds),
                issued_at,
            )?;
        }
        let certificate = CertificateDraft {
            kind: Kind::Membership {
                group: self.group,
                roles: options.roles,
            },
            subject: subject.key,
            classifier: subject.classifier,
            friendly_name,
            not_before,
            not_after,
            issued_at,
        }
        .sign(self.key, rng);
        self.chain.push(certificate);
        Chain::new(self.chain)
    }

    fn period(
        &self,
        options: &IssueOptions,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Result<(Timestamp, Timestamp), GmcError> {
        let usual_start = whole_seconds(issued_at - CLOCK_SKEW_ALLOWANCE).max(self.not_before);
        let not_before = options.not_before.map_or(usual_start, whole_seconds);
        let not_after = options.not_after.map_or(self.not_after, whole_seconds);
        let possible = not_before >= self.not_before
            && not_before < not_after
            && not_after > now
            && issued_at <= not_after
            && not_after <= self.not_after;
        if possible {
            Ok((not_before, not_after))
        } else {
            Err(GmcError::InvalidPeriod {
                not_before,
                not_after,
                limit: self.not_after,
            })
        }
    }
}

/// A revocation and every roster compare credentials by when they were issued, so a re-issue must be later.
/// A start asked for must be later, too; the usual start is only put back for slow clocks and may be equal.
fn check_newer(
    current: &VerifiedGmc,
    group: GroupId,
    subject: &IdentityKey,
    start: Option<Timestamp>,
    issued_at: Timestamp,
) -> Result<(), GmcError> {
    current.check_subject(subject)?;
    if current.group() != group {
        return Err(GmcError::WrongGroup {
            expected: group,
            found: current.group(),
        });
    }
    if issued_at <= current.issued_at() || start.is_some_and(|start| start <= current.not_before())
    {
        return Err(GmcError::NotNewer {
            issued_at: current.issued_at(),
            not_before: current.not_before(),
        });
    }
    Ok(())
}
