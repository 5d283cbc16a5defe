use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use peerage_records::{
    id::{GroupId, IdentityKey},
    time::{CLOCK_TOLERANCE, Timestamp},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_bytes::ByteBuf;

use super::*;
use crate::{
    certificate::{CertificateDraft, INFINITE, Kind, whole_seconds},
    group::{GroupKey, Role, Roles},
    identity::Identity,
    name::PeerName,
    signing,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// A group with its creator, and one clock and one random source for everybody.
struct World {
    rng: ChaCha20Rng,
    group: GroupKey,
    creator: Identity,
    creator_gmc: VerifiedGmc,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let creator = Identity::generate("creator", None, NOW, &mut rng).unwrap();
        let group = GroupKey::create("chess", Some("Chess club"), NOW, &mut rng).unwrap();
        let chain = group.issue_first(&creator.card(), NOW, &mut rng).unwrap();
        let creator_gmc = verify(&chain, &group.root().id(), NOW).unwrap();
        Self {
            rng,
            group,
            creator,
            creator_gmc,
        }
    }

    fn id(&self) -> GroupId {
        self.group.root().id()
    }

    fn identity(&mut self, classifier: &str) -> Identity {
        Identity::generate(classifier, None, NOW, &mut self.rng).unwrap()
    }

    fn issue(
        &mut self,
        issuer: (&Identity, &VerifiedGmc),
        subject: &Identity,
        options: &IssueOptions,
    ) -> Result<VerifiedGmc, GmcError> {
        let chain = issue(
            issuer.0,
            issuer.1,
            &subject.card(),
            None,
            options,
            NOW,
            &mut self.rng,
        )?;
        Ok(verify(&chain, &self.id(), NOW).expect("what is issued verifies"))
    }

    /// Somebody invited by the creator.
    fn invited(&mut self, role: Role) -> (Identity, VerifiedGmc) {
        let subject = self.identity("invited");
        let (creator, gmc) = (self.creator.clone(), self.creator_gmc.clone());
        let options = IssueOptions::new(role);
        let gmc = self.issue((&creator, &gmc), &subject, &options).unwrap();
        (subject, gmc)
    }

    /// A certificate under `issuer`'s chain that no rule of issuing was asked about.
    fn forge(
        &mut self,
        issuer: (&Identity, &VerifiedGmc),
        subject: &Identity,
        change: impl FnOnce(&mut CertificateDraft<'_>),
    ) -> Chain {
        let mut draft = CertificateDraft {
            kind: Kind::Membership {
                group: self.group.root().id(),
                roles: Role::Member.into(),
            },
            subject: subject.key(),
            classifier: "forged",
            friendly_name: "",
            not_before: issuer.1.not_before(),
            not_after: issuer.1.not_after(),
            issued_at: issuer.1.issued_at(),
        };
        change(&mut draft);
        let certificate = draft.sign(issuer.0.signing_key(), &mut self.rng);
        extended(issuer.1.chain(), certificate)
    }
}

fn extended(chain: &Chain, certificate: Vec<u8>) -> Chain {
    let mut certificates: Vec<_> = chain.certificates().map(<[u8]>::to_vec).collect();
    certificates.push(certificate);
    Chain::new(certificates).unwrap()
}

/// The chain with its last certificate changed by `patch` and signed again by `key`.
fn resigned(chain: &Chain, key: &SigningKey, patch: impl Fn(&mut Vec<u8>)) -> Chain {
    let mut certificates: Vec<_> = chain.certificates().map(<[u8]>::to_vec).collect();
    let leaf = certificates.pop().unwrap();
    // SEQUENCE of more than 255 bytes: a header of four, then the signed part, which has one like it.
    let length = usize::from(u16::from_be_bytes([leaf[6], leaf[7]]));
    let mut signed = leaf[4..8 + length].to_vec();
    patch(&mut signed);
    let mut rest = vec![0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x41, 0x00];
    rest.extend(key.sign(&signed).to_bytes());
    let total = u16::try_from(signed.len() + rest.len()).unwrap();
    let mut certificate = vec![0x30, 0x82];
    certificate.extend(total.to_be_bytes());
    certificate.extend(signed);
    certificate.extend(rest);
    certificates.push(certificate);
    Chain::new(certificates).unwrap()
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let at = bytes
        .windows(old.len())
        .position(|window| window == old)
        .expect("what is to be replaced is there");
    bytes[at..at + old.len()].copy_from_slice(new);
}

fn fault(result: Result<VerifiedGmc, GmcError>) -> CertificateError {
    match result {
        Err(GmcError::Certificate { fault, .. }) => fault,
        other => panic!("expected an invalid certificate, got {other:?}"),
    }
}

/// Creator and 23 administrators under each other.
fn longest(world: &mut World) -> (Identity, VerifiedGmc) {
    let mut holder = (world.creator.clone(), world.creator_gmc.clone());
    for index in 2..=MAX_CHAIN_GMCS {
        let next = world.identity(&format!("holder {index} of the chain"));
        let options = IssueOptions::new(Role::Admin);
        let gmc = world
            .issue((&holder.0, &holder.1), &next, &options)
            .unwrap();
        assert_eq!(gmc.depth(), index);
        holder = (next, gmc);
    }
    holder
}

#[test]
fn group_authority_differs_from_the_creators() {
    let world = World::new();
    let group = world.group.root().name().authority();
    assert!(group.is_some());
    assert_ne!(group, world.creator.name().authority());
}

#[test]
fn creator_is_admin_directly_under_the_root() {
    let world = World::new();
    let gmc = &world.creator_gmc;
    assert!(gmc.roles().contains(Role::Admin));
    assert_eq!(gmc.depth(), 1);
    assert_eq!(gmc.issuer(), world.group.root().key());
    assert_eq!(gmc.issuer_path(), [world.group.root().key()]);
    assert_eq!(gmc.issuer_names(), None);
    assert_eq!(gmc.root().friendly_name(), "Chess club");
    assert_eq!(gmc.subject_name(), world.creator.name());
}

#[test]
fn creator_membership_lasts_a_thousand_years() {
    let world = World::new();
    let end = world.creator_gmc.not_after();
    assert!(end.since(NOW) > INFINITE - DAY && end.since(NOW) < INFINITE + DAY);
}

#[test]
fn member_may_not_issue() {
    let mut world = World::new();
    let member = world.invited(Role::Member);
    let subject = world.identity("x");
    for role in Role::ALL {
        let refused = world.issue((&member.0, &member.1), &subject, &IssueOptions::new(role));
        assert_eq!(refused, Err(GmcError::NotAuthorised));
    }
}

#[test]
fn inviting_member_issues_up_to_its_own_level() {
    let mut world = World::new();
    let inviting = world.invited(Role::InvitingMember);
    let subject = world.identity("x");
    let mut issue = |role| {
        world.issue(
            (&inviting.0, &inviting.1),
            &subject,
            &IssueOptions::new(role),
        )
    };
    assert!(issue(Role::Member).is_ok());
    assert!(issue(Role::InvitingMember).is_ok());
    assert_eq!(
        issue(Role::Admin),
        Err(GmcError::RoleNotIssuable {
            position: 3,
            role: Role::Admin
        })
    );
}

#[test]
fn admin_issues_every_role() {
    let mut world = World::new();
    let admin = world.invited(Role::Admin);
    let subject = world.identity("x");
    for role in Role::ALL {
        let gmc = world
            .issue((&admin.0, &admin.1), &subject, &IssueOptions::new(role))
            .unwrap();
        assert_eq!(gmc.roles(), role.into());
    }
    let all: Roles = Role::ALL.into_iter().collect();
    let gmc = world
        .issue((&admin.0, &admin.1), &subject, &IssueOptions::new(all))
        .unwrap();
    assert_eq!(gmc.roles(), all);
    assert_eq!(
        world.issue(
            (&admin.0, &admin.1),
            &subject,
            &IssueOptions::new(Roles::default())
        ),
        Err(GmcError::NoRole)
    );
}

#[test]
fn chain_in_which_a_member_issued_is_rejected() {
    let mut world = World::new();
    let member = world.invited(Role::Member);
    let subject = world.identity("x");
    let chain = world.forge((&member.0, &member.1), &subject, |_| {});
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::RoleNotIssuable {
            position: 3,
            role: Role::Member
        })
    );
}

#[test]
fn chain_in_which_an_inviting_member_issued_an_admin_is_rejected() {
    let mut world = World::new();
    let inviting = world.invited(Role::InvitingMember);
    let subject = world.identity("x");
    let group = world.id();
    let chain = world.forge((&inviting.0, &inviting.1), &subject, |draft| {
        draft.kind = Kind::Membership {
            group,
            roles: Role::Admin.into(),
        };
    });
    assert_eq!(
        verify(&chain, &group, NOW),
        Err(GmcError::RoleNotIssuable {
            position: 3,
            role: Role::Admin
        })
    );
}

#[test]
fn unknown_role_is_refused() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
        replace(signed, &Role::Member.id(), &[0xee; 16]);
    });
    assert_eq!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::UnknownRole
    );
}

#[test]
fn every_mandatory_extension_is_demanded() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let arc = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xfd, 0x59, 0x9c, 0x03];
    for (last, name) in [
        (1, ExtensionName::CertificateType),
        (3, ExtensionName::GroupId),
        (4, ExtensionName::Roles),
        (5, ExtensionName::Classifiers),
        (6, ExtensionName::IssuedAt),
        (7, ExtensionName::SubjectNames),
    ] {
        let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
            replace(
                signed,
                &[&arc[..], &[last]].concat(),
                &[&arc[..], &[99]].concat(),
            );
        });
        assert_eq!(
            fault(verify(&chain, &world.id(), NOW)),
            CertificateError::MissingExtension(name)
        );
    }
    for (last, name) in [
        (0x0e, ExtensionName::SubjectKeyIdentifier),
        (0x23, ExtensionName::AuthorityKeyIdentifier),
    ] {
        let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
            replace(
                signed,
                &[0x06, 0x03, 0x55, 0x1d, last],
                &[0x06, 0x03, 0x55, 0x1d, 0x7f],
            );
        });
        assert_eq!(
            fault(verify(&chain, &world.id(), NOW)),
            CertificateError::MissingExtension(name)
        );
    }
    // The two critical ones become unknown critical ones, which is worse.
    for last in [0x13, 0x0f] {
        let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
            replace(
                signed,
                &[0x06, 0x03, 0x55, 0x1d, last],
                &[0x06, 0x03, 0x55, 0x1d, 0x7f],
            );
        });
        assert_eq!(
            fault(verify(&chain, &world.id(), NOW)),
            CertificateError::UnknownCriticalExtension
        );
    }
}

#[test]
fn member_classifier_other_than_participant_is_invalid() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
        replace(signed, b"participant", b"participanu");
    });
    assert_eq!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::WrongClassifier
    );
}

#[test]
fn weak_key_is_refused() {
    let mut world = World::new();
    let (subject, gmc) = world.invited(Role::Member);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
        replace(signed, subject.key().as_bytes(), &neutral);
    });
    assert_eq!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::WeakKey
    );
}

#[test]
fn no_expiry_given_means_the_issuers_end() {
    let mut world = World::new();
    // The creator's invitation without an end is as long as the creator's own 1000 years.
    let (admin, gmc) = world.invited(Role::Admin);
    assert_eq!(gmc.not_after(), world.creator_gmc.not_after());
    assert!(gmc.not_after().since(NOW) > INFINITE - DAY);

    let short = NOW + 500 * HOUR;
    let (creator, creator_gmc) = (world.creator.clone(), world.creator_gmc.clone());
    let options = IssueOptions {
        not_after: Some(short),
        ..IssueOptions::new(Role::Admin)
    };
    let gmc = world
        .issue((&creator, &creator_gmc), &admin, &options)
        .unwrap();
    let subject = world.identity("x");
    let member = world
        .issue((&admin, &gmc), &subject, &IssueOptions::new(Role::Member))
        .unwrap();
    assert_eq!(member.not_after(), short);
}

#[test]
fn end_after_the_issuers_is_refused() {
    let mut world = World::new();
    let admin = world.identity("admin");
    let (creator, creator_gmc) = (world.creator.clone(), world.creator_gmc.clone());
    let end = NOW + 500 * HOUR;
    let options = IssueOptions {
        not_after: Some(end),
        ..IssueOptions::new(Role::Admin)
    };
    let gmc = world
        .issue((&creator, &creator_gmc), &admin, &options)
        .unwrap();
    let subject = world.identity("x");
    let until = |not_after| IssueOptions {
        not_after: Some(not_after),
        ..IssueOptions::new(Role::Member)
    };
    assert!(matches!(
        world.issue((&admin, &gmc), &subject, &until(end + SECOND)),
        Err(GmcError::InvalidPeriod { limit, .. }) if limit == end
    ));
    assert!(world.issue((&admin, &gmc), &subject, &until(end)).is_ok());

    let chain = world.forge((&admin, &gmc), &subject, |draft| {
        draft.not_after = end + SECOND;
    });
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::LifetimeExceedsIssuer { position: 3 })
    );
}

#[test]
fn end_before_start_or_now_is_refused() {
    let mut world = World::new();
    let subject = world.identity("x");
    let (creator, gmc) = (world.creator.clone(), world.creator_gmc.clone());
    for (not_before, not_after) in [
        (Some(NOW + 2 * HOUR), Some(NOW + HOUR)),
        (Some(NOW + HOUR), Some(NOW + HOUR)),
        (None, Some(NOW - SECOND)),
        (None, Some(NOW - 2 * DAY)),
        (Some(gmc.not_before() - SECOND), None),
    ] {
        let options = IssueOptions {
            not_before,
            not_after,
            ..IssueOptions::new(Role::Member)
        };
        assert!(matches!(
            world.issue((&creator, &gmc), &subject, &options),
            Err(GmcError::InvalidPeriod { .. })
        ));
    }
}

#[test]
fn re_issue_must_be_newer() {
    let mut world = World::new();
    let (subject, current) = world.invited(Role::Member);
    let mut again = |not_before, now| {
        let options = IssueOptions {
            not_before,
            ..IssueOptions::new(Role::Admin)
        };
        issue(
            &world.creator,
            &world.creator_gmc,
            &subject.card(),
            Some(&current),
            &options,
            now,
            &mut world.rng,
        )
    };
    let not_newer = GmcError::NotNewer {
        issued_at: current.issued_at(),
        not_before: current.not_before(),
    };
    assert_eq!(again(None, NOW), Err(not_newer.clone()));
    assert_eq!(again(None, NOW - HOUR / 2), Err(not_newer.clone()));
    assert_eq!(
        again(Some(current.not_before()), NOW + HOUR),
        Err(not_newer)
    );
    assert!(again(Some(current.not_before() + SECOND), NOW + HOUR).is_ok());
    let chain = again(None, NOW + Duration::from_millis(1)).unwrap();
    let newer = verify(&chain, &current.group(), NOW + SECOND).unwrap();
    assert!(newer.issued_at() > current.issued_at());
}

#[test]
fn twenty_four_memberships_validate_and_the_last_may_not_issue() {
    let mut world = World::new();
    let (holder, gmc) = longest(&mut world);
    assert_eq!(gmc.depth(), 24);
    assert_eq!(gmc.chain().certificates().len(), 25);
    assert!(gmc.chain().encode().len() <= MAX_CHAIN_BYTES);
    let subject = world.identity("x");
    assert_eq!(
        world.issue((&holder, &gmc), &subject, &IssueOptions::new(Role::Member)),
        Err(GmcError::ChainTooLong { gmcs: 25 })
    );
}

#[test]
fn twenty_six_certificates_are_rejected_before_any_is_read() {
    let certificates = vec![vec![0x30, 0x00]; 26];
    assert_eq!(
        Chain::new(certificates.clone()),
        Err(GmcError::ChainTooLong { gmcs: 25 })
    );
    let certificates: Vec<_> = certificates.into_iter().map(ByteBuf::from).collect();
    let encoded = signing::to_cbor(&(1_u8, certificates));
    assert_eq!(
        Chain::decode(&encoded),
        Err(GmcError::ChainTooLong { gmcs: 25 })
    );
    assert_eq!(
        Chain::decode(&vec![0; MAX_CHAIN_BYTES + 1]),
        Err(GmcError::ChainTooBig {
            bytes: MAX_CHAIN_BYTES + 1
        })
    );
    assert_eq!(
        Chain::new(vec![vec![0; MAX_CHAIN_BYTES], vec![0]]),
        Err(GmcError::ChainTooBig {
            bytes: MAX_CHAIN_BYTES + 1
        })
    );
    assert_eq!(Chain::new(vec![vec![0x30]]), Err(GmcError::NoMembership));
}

#[test]
fn names_of_full_length_end_a_chain_early_with_a_clear_error() {
    let mut world = World::new();
    let mut holder = (world.creator.clone(), world.creator_gmc.clone());
    let options = IssueOptions {
        friendly_name: Some("ü".repeat(255)),
        ..IssueOptions::new(Role::Admin)
    };
    let error = loop {
        let next = world.identity(&"c".repeat(149));
        match world.issue((&holder.0, &holder.1), &next, &options) {
            Ok(gmc) => holder = (next, gmc),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, GmcError::ChainTooBig { bytes } if bytes > MAX_CHAIN_BYTES));
}

#[test]
fn circular_invitations_are_refused() {
    let mut world = World::new();
    let (admin, gmc) = world.invited(Role::Admin);
    let creator = world.creator.clone();
    let options = IssueOptions::new(Role::Member);
    assert_eq!(
        world.issue((&admin, &gmc), &creator, &options),
        Err(GmcError::CircularChain { position: 3 })
    );
    assert_eq!(
        world.issue((&admin, &gmc), &admin, &options),
        Err(GmcError::CircularChain { position: 3 })
    );
    let chain = world.forge((&admin, &gmc), &creator, |_| {});
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::CircularChain { position: 3 })
    );
}

#[test]
fn any_altered_byte_invalidates_the_chain() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let original = gmc.chain().encode().to_vec();
    let check =
        |bytes: &[u8]| Chain::decode(bytes).and_then(|chain| verify(&chain, &world.id(), NOW));
    assert!(check(&original).is_ok());
    for index in 0..original.len() {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            let mut altered = original.clone();
            altered[index] ^= mask;
            assert!(check(&altered).is_err(), "byte {index} with mask {mask:#x}");
        }
    }
    for length in 0..original.len() {
        assert!(check(&original[..length]).is_err(), "cut to {length}");
    }
    assert!(check(&[&original[..], &[0]].concat()).is_err());
}

#[test]
fn re_encoded_certificates_are_rejected() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let certificates: Vec<_> = gmc.chain().certificates().map(<[u8]>::to_vec).collect();
    let with_leaf = |leaf: Vec<u8>| {
        let mut certificates = certificates.clone();
        *certificates.last_mut().unwrap() = leaf;
        fault(verify(&Chain::new(certificates).unwrap(), &world.id(), NOW))
    };
    let leaf = certificates.last().unwrap();
    // The same length in three bytes instead of two, which BER allows.
    let long = [&[0x30, 0x83, 0x00], &leaf[2..]].concat();
    assert_eq!(with_leaf(long), CertificateError::Malformed);
    // Indefinite length.
    let indefinite = [&[0x30, 0x80], &leaf[4..], &[0, 0]].concat();
    assert_eq!(with_leaf(indefinite), CertificateError::Malformed);
    // Bytes after the end.
    let trailing = [&leaf[..], &[0]].concat();
    assert_eq!(with_leaf(trailing), CertificateError::Malformed);

    // A start before 2050 as GeneralizedTime decodes, and is signed, but is not what RFC 5280 writes.
    let chain = resigned(gmc.chain(), world.creator.signing_key(), |signed| {
        let at = signed
            .windows(2)
            .position(|window| window == [0x17, 0x0d])
            .unwrap();
        signed.splice(at..at + 2, [0x18, 0x0f, b'2', b'0']);
        signed[at - 1] += 2;
        let length = u16::from_be_bytes([signed[2], signed[3]]) + 2;
        signed[2..4].copy_from_slice(&length.to_be_bytes());
    });
    assert_eq!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::NotCanonical
    );

    // CBOR with an integer longer than needed.
    let encoded = gmc.chain().encode();
    assert_eq!(encoded[..2], [0x82, 0x01]);
    let padded = [&[0x82, 0x18, 0x01], &encoded[2..]].concat();
    assert_eq!(Chain::decode(&padded), Err(GmcError::MalformedChain));
    let newer = [&[0x82, 0x02], &encoded[2..]].concat();
    assert_eq!(
        Chain::decode(&newer),
        Err(GmcError::UnsupportedVersion { version: 2 })
    );
}

#[test]
fn swapped_certificates_are_rejected() {
    let mut world = World::new();
    let (_, gmc) = longest(&mut world);
    let certificates: Vec<_> = gmc.chain().certificates().map(<[u8]>::to_vec).collect();
    for index in 1..certificates.len() {
        let mut swapped = certificates.clone();
        swapped.swap(index - 1, index);
        assert!(verify(&Chain::new(swapped).unwrap(), &world.id(), NOW).is_err());
    }
    let mut without_one = certificates;
    without_one.remove(5);
    assert_eq!(
        verify(&Chain::new(without_one).unwrap(), &world.id(), NOW),
        Err(GmcError::WrongIssuer { position: 5 })
    );
}

#[test]
fn chain_of_another_group_is_rejected() {
    let mut world = World::new();
    let other = GroupKey::create("chess", None, NOW, &mut world.rng).unwrap();
    assert_eq!(
        verify(world.creator_gmc.chain(), &other.root().id(), NOW),
        Err(GmcError::WrongGroup {
            expected: other.root().id(),
            found: world.id()
        })
    );
    // A membership of the other group under this group's root.
    let subject = world.identity("x");
    let (creator, gmc) = (world.creator.clone(), world.creator_gmc.clone());
    let chain = world.forge((&creator, &gmc), &subject, |draft| {
        draft.kind = Kind::Membership {
            group: other.root().id(),
            roles: Role::Member.into(),
        };
    });
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::MixedGroups { position: 2 })
    );
}

#[test]
fn root_key_that_does_not_hash_to_the_group_authority_is_rejected() {
    let mut world = World::new();
    let victim: PeerName = world.group.root().name().clone();
    let thief = SigningKey::from_bytes(&[9; 32]);
    let root = CertificateDraft {
        kind: Kind::GroupRoot {
            group_name: victim.clone(),
        },
        subject: IdentityKey::from_bytes(thief.verifying_key().to_bytes()),
        classifier: victim.classifier(),
        friendly_name: "",
        not_before: whole_seconds(NOW),
        not_after: whole_seconds(NOW + DAY),
        issued_at: NOW,
    }
    .sign(&thief, &mut world.rng);
    let leaf = world.creator_gmc.chain().certificates().last().unwrap();
    let chain = Chain::new(vec![root, leaf.to_vec()]).unwrap();
    assert_eq!(
        verify(&chain, &victim.group_id(), NOW),
        Err(GmcError::WrongRoot)
    );
}

#[test]
fn certificate_of_another_kind_is_rejected() {
    let world = World::new();
    let root = world.group.root().certificate().to_vec();
    let identity = world.creator.certificate().to_vec();
    let chain = Chain::new(vec![root.clone(), identity.clone()]).unwrap();
    assert!(matches!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::WrongType { .. }
    ));
    let chain = Chain::new(vec![identity, root]).unwrap();
    assert!(matches!(
        fault(verify(&chain, &world.id(), NOW)),
        CertificateError::WrongType { .. }
    ));
}

#[test]
fn chain_in_the_wrong_hands_is_rejected() {
    let mut world = World::new();
    let (member, gmc) = world.invited(Role::Member);
    let thief = world.identity("thief");
    assert_eq!(gmc.check_subject(&member.key()), Ok(()));
    assert_eq!(
        gmc.check_subject(&thief.key()),
        Err(GmcError::WrongSubject {
            expected: thief.key(),
            found: member.key()
        })
    );
    // Nor can the thief issue with it.
    assert!(matches!(
        world.issue((&thief, &gmc), &member, &IssueOptions::new(Role::Member)),
        Err(GmcError::WrongSubject { .. })
    ));
}

#[test]
fn time_is_checked_with_tolerance_and_the_message_names_the_clock() {
    let mut world = World::new();
    let subject = world.identity("x");
    let (creator, gmc) = (world.creator.clone(), world.creator_gmc.clone());
    let options = IssueOptions {
        not_after: Some(NOW + DAY),
        ..IssueOptions::new(Role::Member)
    };
    let gmc = world.issue((&creator, &gmc), &subject, &options).unwrap();
    let at = |now| verify(gmc.chain(), &world.id(), now);

    assert!(at(NOW + DAY + CLOCK_TOLERANCE).is_ok());
    let late = at(NOW + DAY + CLOCK_TOLERANCE + SECOND).unwrap_err();
    assert!(matches!(late, GmcError::Expired { .. }));
    assert!(
        late.to_string().contains("clock, which says 2027-01-16T"),
        "{late}"
    );

    // Started an hour ago, so that slow clocks accept it for old records …
    assert!(gmc.valid_at(NOW - HOUR));
    assert!(gmc.valid_at(NOW - HOUR - CLOCK_TOLERANCE));
    assert!(!gmc.valid_at(NOW - HOUR - CLOCK_TOLERANCE - SECOND));
    // … but a credential from the future is not believed.
    assert!(at(NOW - CLOCK_TOLERANCE).is_ok());
    let early = at(NOW - CLOCK_TOLERANCE - SECOND).unwrap_err();
    assert!(matches!(early, GmcError::NotYetValid { .. }));
    assert!(early.to_string().contains("clock"), "{early}");
}

#[test]
fn issuing_earlier_than_the_issuer_was_issued_is_rejected() {
    let mut world = World::new();
    let (admin, gmc) = world.invited(Role::Admin);
    let subject = world.identity("x");
    let chain = world.forge((&admin, &gmc), &subject, |draft| {
        draft.issued_at = gmc.issued_at() - Duration::from_millis(1);
    });
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::IssuedAtOutOfOrder { position: 3 })
    );
    // A slow clock within the tolerance does not make an issuer produce such a chain.
    let slow = NOW - CLOCK_TOLERANCE / 2;
    let options = IssueOptions::new(Role::Member);
    let chain = issue(
        &admin,
        &gmc,
        &subject.card(),
        None,
        &options,
        slow,
        &mut world.rng,
    )
    .unwrap();
    assert!(verify(&chain, &world.id(), NOW).is_ok());
}

#[test]
fn foreign_signature_is_rejected() {
    let mut world = World::new();
    let (_, gmc) = world.invited(Role::Member);
    let thief = world.identity("thief");
    let chain = resigned(gmc.chain(), thief.signing_key(), |_| {});
    assert_eq!(
        verify(&chain, &world.id(), NOW),
        Err(GmcError::BrokenSignature { position: 2 })
    );
}

#[test]
fn expired_issuer_may_not_issue() {
    let mut world = World::new();
    let subject = world.identity("x");
    let after = world.creator_gmc.not_after() + DAY;
    let options = IssueOptions::new(Role::Member);
    assert!(matches!(
        issue(
            &world.creator,
            &world.creator_gmc,
            &subject.card(),
            None,
            &options,
            after,
            &mut world.rng
        ),
        Err(GmcError::Expired { .. })
    ));
}

#[test]
fn the_holders_in_a_chain_say_who_issued_whom() {
    let mut world = World::new();
    let (admin, admin_gmc) = world.invited(Role::Admin);
    let member = world.identity("member");
    let options = IssueOptions::new(Role::Member);
    let gmc = world
        .issue((&admin, &admin_gmc), &member, &options)
        .unwrap();
    let links = gmc.holders();
    let subjects: Vec<_> = links.iter().map(|link| link.subject).collect();
    let mut path = gmc.issuer_path().to_vec();
    path.push(gmc.subject());
    assert_eq!(subjects, path);
    assert_eq!(links[0].roles, None);
    assert_eq!(links[0].name, *gmc.root().name());
    assert_eq!(links[1].name, *world.creator.name());
    assert_eq!(links[2].roles, Some(Role::Admin.into()));
    let last = &links[3];
    assert_eq!(
        (&last.name, last.roles),
        (member.name(), Some(Role::Member.into()))
    );
    assert_eq!(
        (last.not_before, last.not_after, last.issued_at),
        (gmc.not_before(), gmc.not_after(), gmc.issued_at())
    );
    // Two certificates of one subject differ in what a person compares.
    let again = world
        .issue((&admin, &admin_gmc), &member, &options)
        .unwrap();
    assert_ne!(again.holders()[3].fingerprint, last.fingerprint);
}

#[test]
fn issuing_over_the_credential_of_another_key_is_refused() {
    let mut world = World::new();
    let (_, other_gmc) = world.invited(Role::Member);
    let subject = world.identity("subject");
    let refused = issue(
        &world.creator,
        &world.creator_gmc,
        &subject.card(),
        Some(&other_gmc),
        &IssueOptions::new(Role::Member),
        NOW,
        &mut world.rng,
    );
    assert_eq!(
        refused,
        Err(GmcError::WrongSubject {
            expected: subject.key(),
            found: other_gmc.subject(),
        })
    );
}

#[test]
fn group_key_survives_its_pem_form() {
    let mut world = World::new();
    let text = world.group.to_pem(Some("secret"), &mut world.rng).unwrap();
    let read = GroupKey::from_pem(&text, Some("secret")).unwrap();
    assert_eq!(read.root(), world.group.root());
    assert_eq!(read.sign(b"x"), world.group.sign(b"x"));
    let debug = format!("{read:?}");
    assert!(debug.contains("chess") && !debug.contains("SigningKey"));

    let identity = world.creator.to_pem(None, &mut world.rng).unwrap();
    assert!(GroupKey::from_pem(&identity, None).is_err());
}

/// `cargo test -p peerage-protocol longest_chain_cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a proof"]
fn longest_chain_cost() {
    let mut world = World::new();
    let (_, gmc) = longest(&mut world);
    let bytes = gmc.chain().encode().len();
    #[expect(clippy::disallowed_methods, reason = "measures real time on purpose")]
    let started = std::time::Instant::now();
    for _ in 0..200 {
        verify(gmc.chain(), &world.id(), NOW).unwrap();
    }
    println!(
        "{bytes} bytes, {:?} per verification",
        started.elapsed() / 200
    );
}
