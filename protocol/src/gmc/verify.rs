//! Checking a chain: bounds were checked when it was decoded, here comes the rest, cheapest first.

use std::{fmt, sync::Arc};

use peerage_records::{
    id::{GroupId, IdentityKey},
    time::{CLOCK_TOLERANCE, Timestamp},
};

use super::{Chain, GmcError};
use crate::{
    certificate::{Certificate, CertificateError, Kind},
    group::{GroupRoot, Roles},
    name::PeerName,
    revocation::ActId,
};

/// Checks that `chain` makes its last subject a member of `group` at the time `now`.
///
/// Costs one signature per certificate, about 1 ms for the longest chain; cache the answer by
/// [`Chain::hash`] and ask it for other times with [`VerifiedGmc::valid_at`].
///
/// # Errors
/// The first thing found wrong. Times are compared with a tolerance of ten minutes.
pub fn verify(chain: &Chain, group: &GroupId, now: Timestamp) -> Result<VerifiedGmc, GmcError> {
    let gmc = verify_for_any_time(chain, group)?;
    gmc.check_at(now)?;
    Ok(gmc)
}

/// Checks everything but the time, which [`VerifiedGmc::check_at`] checks. So a chain that has been
/// verified once can be judged for the date of each record without verifying it again.
///
/// # Errors
/// As [`verify`], except those about time.
pub fn verify_for_any_time(chain: &Chain, group: &GroupId) -> Result<VerifiedGmc, GmcError> {
    verify_links(chain, Some(group))
}

/// Checks everything that does not depend on the time or the group asked about.
pub(crate) fn verify_without_time(chain: &Chain) -> Result<VerifiedGmc, GmcError> {
    verify_links(chain, None)
}

fn verify_links(chain: &Chain, group: Option<&GroupId>) -> Result<VerifiedGmc, GmcError> {
    let mut ders = chain.certificates();
    let (root, mut issuer) = GroupRoot::checked(ders.next().ok_or(GmcError::NoMembership)?)?;
    if let Some(group) = group
        && root.id() != *group
    {
        return Err(GmcError::WrongGroup {
            expected: *group,
            found: root.id(),
        });
    }

    let mut path = vec![issuer.subject];
    let mut links = Vec::with_capacity(chain.gmcs());
    let mut issuer_roles = None;
    let mut issuer_names = None;
    for (position, der) in (1..).zip(ders) {
        let certificate =
            Certificate::parse(der).map_err(|fault| GmcError::Certificate { position, fault })?;
        let roles = check_link(&root, &issuer, issuer_roles, &certificate, position)?;
        if path.contains(&certificate.subject) {
            return Err(GmcError::CircularChain { position });
        }
        if !issuer.has_signed(&certificate) {
            return Err(GmcError::BrokenSignature { position });
        }
        path.push(certificate.subject);
        links.push(Link {
            subject: certificate.subject,
            issued_at: certificate.issued_at,
            roles,
            not_after: certificate.not_after,
            certificate: ActId::of_certificate(der),
        });
        if issuer_roles.replace(roles).is_some() {
            issuer_names = Some((issuer.subject_name(), issuer.display_name()));
        }
        issuer = certificate;
    }
    let roles = issuer_roles.ok_or(GmcError::NoMembership)?;
    let subject = path.pop().ok_or(GmcError::NoMembership)?;
    Ok(VerifiedGmc(Arc::new(Inner {
        subject_name: issuer.subject_name(),
        friendly_name: issuer.display_name(),
        subject,
        roles,
        not_before: issuer.not_before,
        not_after: issuer.not_after,
        issued_at: issuer.issued_at,
        issuer_path: path,
        links,
        issuer_names,
        root,
        chain: chain.clone(),
    })))
}

/// Everything about one link but its signature; `issuer_roles` is nothing for the root, which may issue all.
fn check_link(
    root: &GroupRoot,
    issuer: &Certificate,
    issuer_roles: Option<Roles>,
    certificate: &Certificate,
    position: usize,
) -> Result<Roles, GmcError> {
    let Kind::Membership { group, roles } = certificate.kind else {
        let fault = CertificateError::WrongType {
            expected: "a membership certificate",
            found: certificate.kind.name(),
        };
        return Err(GmcError::Certificate { position, fault });
    };
    if group != root.id() {
        return Err(GmcError::MixedGroups { position });
    }
    if certificate.issuer != issuer.subject.authority() {
        return Err(GmcError::WrongIssuer { position });
    }
    if let Some(issuer_roles) = issuer_roles
        && let Some(role) = roles.iter().find(|role| !issuer_roles.may_issue(*role))
    {
        return Err(GmcError::RoleNotIssuable { position, role });
    }
    if certificate.not_before < issuer.not_before || certificate.not_after > issuer.not_after {
        return Err(GmcError::LifetimeExceedsIssuer { position });
    }
    // A start in the future is legal, so being issued before the start is too.
    if certificate.issued_at < issuer.issued_at || certificate.issued_at > certificate.not_after {
        return Err(GmcError::IssuedAtOutOfOrder { position });
    }
    Ok(roles)
}

/// One certificate of a checked chain: what was issued to whom, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// To whom.
    pub subject: IdentityKey,
    /// When: what a revocation is compared with.
    pub issued_at: Timestamp,
    /// As what.
    pub roles: Roles,
    /// Until when.
    pub not_after: Timestamp,
    /// The certificate as an act of its issuer.
    pub certificate: ActId,
}

/// A chain that has been checked: proof that its subject is a member of its group for a time.
///
/// There is no constructor but [`verify`]. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedGmc(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    root: GroupRoot,
    subject: IdentityKey,
    subject_name: PeerName,
    friendly_name: String,
    roles: Roles,
    not_before: Timestamp,
    not_after: Timestamp,
    issued_at: Timestamp,
    issuer_path: Vec<IdentityKey>,
    links: Vec<Link>,
    issuer_names: Option<(PeerName, String)>,
    chain: Chain,
}

impl VerifiedGmc {
    /// The root the chain ends in.
    #[must_use]
    pub fn root(&self) -> &GroupRoot {
        &self.0.root
    }

    /// The group this is a membership of.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.0.root.id()
    }

    /// Whose membership it is.
    #[must_use]
    pub fn subject(&self) -> IdentityKey {
        self.0.subject
    }

    /// The peer name of the subject.
    #[must_use]
    pub fn subject_name(&self) -> &PeerName {
        &self.0.subject_name
    }

    /// What people are shown for the subject.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        &self.0.friendly_name
    }

    /// What the subject may do.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.0.roles
    }

    /// When it starts. All of its issuers' have started then, too.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When it ends. None of its issuers' ends earlier.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// When it was issued: what a revocation is compared with.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.0.issued_at
    }

    /// How many GMCs the chain has: 1 for the creator.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.issuer_path.len()
    }

    /// Who issued it and on whose authority: the group's key first, the direct issuer last.
    #[must_use]
    pub fn issuer_path(&self) -> &[IdentityKey] {
        &self.0.issuer_path
    }

    /// Its certificates, the creator's first and its own last.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.0.links
    }

    /// Who issued it: an identity, or the group's key.
    #[must_use]
    pub fn issuer(&self) -> IdentityKey {
        *self
            .0
            .issuer_path
            .last()
            .expect("the path begins with the group's key")
    }

    /// Peer name and friendly name of the issuer; nothing when that is the group's key.
    #[must_use]
    pub fn issuer_names(&self) -> Option<(PeerName, String)> {
        self.0.issuer_names.clone()
    }

    /// The chain this was read from.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.0.chain
    }

    /// Whether the membership holds at `time`, give or take the clock tolerance of ten minutes.
    #[must_use]
    pub fn valid_at(&self, time: Timestamp) -> bool {
        self.check_time(time).is_ok()
    }

    /// Whether it is valid at `now`, and not issued after it, give or take the clock tolerance: a
    /// later date of issue must not get around a revocation.
    ///
    /// # Errors
    /// [`GmcError::Expired`] or [`GmcError::NotYetValid`].
    pub fn check_at(&self, now: Timestamp) -> Result<(), GmcError> {
        self.check_time(now)?;
        if now + CLOCK_TOLERANCE < self.issued_at() {
            return Err(GmcError::NotYetValid {
                not_before: self.issued_at(),
                now,
            });
        }
        Ok(())
    }

    /// As [`Self::valid_at`], saying what is wrong.
    ///
    /// # Errors
    /// [`GmcError::Expired`] or [`GmcError::NotYetValid`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), GmcError> {
        // The lifetimes of a chain nest, so the last one says it for all.
        if now > self.0.not_after + CLOCK_TOLERANCE {
            return Err(GmcError::Expired {
                not_after: self.0.not_after,
                now,
            });
        }
        let not_before = self.0.not_before;
        if now + CLOCK_TOLERANCE < not_before {
            return Err(GmcError::NotYetValid { not_before, now });
        }
        Ok(())
    }

    /// Whether this is the membership of the holder of `key`.
    ///
    /// # Errors
    /// [`GmcError::WrongSubject`]: a valid chain in the wrong hands.
    pub fn check_subject(&self, key: &IdentityKey) -> Result<(), GmcError> {
        if self.0.subject == *key {
            Ok(())
        } else {
            Err(GmcError::WrongSubject {
                expected: *key,
                found: self.0.subject,
            })
        }
    }
}

impl fmt::Debug for VerifiedGmc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedGmc")
            .field("group", &self.group().short())
            .field("subject", &self.subject().short())
            .field("roles", &self.roles())
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}
