use std::time::Duration;

use peerage_records::time::CLOCK_TOLERANCE;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{
    gmc::{GmcError, IssueOptions, issue, verify},
    group::{GroupKey, Role},
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);

struct World {
    rng: ChaCha20Rng,
    group: GroupKey,
    inviter: Identity,
    inviter_gmc: VerifiedGmc,
    invitee: Identity,
    secret: DiscoverySecret,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut identity = |classifier, friendly| {
            Identity::generate(classifier, Some(friendly), NOW, &mut rng).unwrap()
        };
        let (inviter, invitee) = (identity("ada", "Ada"), identity("bob", "Bob"));
        let group = GroupKey::create("chess", Some("Chess club"), NOW, &mut rng).unwrap();
        let chain = group.issue_first(&inviter.card(), NOW, &mut rng).unwrap();
        let inviter_gmc = verify(&chain, &group.root().id(), NOW).unwrap();
        let secret = DiscoverySecret::generate(&mut rng);
        Self {
            rng,
            group,
            inviter,
            inviter_gmc,
            invitee,
            secret,
        }
    }

    fn draft(&mut self, options: &IssueOptions) -> InvitationDraft {
        let card: IdentityCard = self.invitee.card().to_uri().parse().unwrap();
        InvitationDraft {
            chain: issue(
                &self.inviter,
                &self.inviter_gmc,
                &card,
                None,
                options,
                NOW,
                &mut self.rng,
            )
            .unwrap(),
            cloud: Cloud::global(),
            bootstrap: vec!["/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap()],
            note: Some("see you on Tuesday".to_owned()),
        }
    }

    fn create(&mut self, draft: InvitationDraft) -> Result<Invitation, InvitationError> {
        let card = self.invitee.card();
        Invitation::create(draft, &self.inviter, &card, &self.secret, &mut self.rng)
    }

    fn invitation(&mut self, options: &IssueOptions) -> Invitation {
        let draft = self.draft(options);
        self.create(draft).unwrap()
    }

    fn member(&mut self) -> Invitation {
        self.invitation(&IssueOptions::new(Role::Member))
    }
}

#[test]
fn invitation_from_a_card_is_accepted_by_its_owner() {
    let mut world = World::new();
    let invitation = world.member();
    for text in [invitation.to_uri(), invitation.to_block()] {
        let read: Invitation = text.parse().unwrap();
        assert_eq!(read, invitation);
        let accepted = read.accept(&world.invitee, NOW).unwrap();
        assert_eq!(accepted.gmc.subject(), world.invitee.key());
        assert_eq!(accepted.gmc.group(), world.group.root().id());
        assert_eq!(accepted.secret.expose(), world.secret.expose());
        assert_eq!(accepted.cloud, Cloud::global());
        assert_eq!(accepted.bootstrap.len(), 1);
    }
    assert!(invitation.to_bytes().len() <= MAX_INVITATION_BYTES);
}

#[test]
fn invitation_for_somebody_else_is_refused() {
    let mut world = World::new();
    let invitation = world.member();
    let error = invitation.accept(&world.inviter, NOW).unwrap_err();
    assert_eq!(
        error,
        InvitationError::NotForThisIdentity {
            invited: world.invitee.name().clone()
        }
    );
    assert!(error.is_not_trusted());
}

#[test]
fn inspection_tells_everything_without_joining() {
    let mut world = World::new();
    let options = IssueOptions {
        not_after: Some(NOW + DAY),
        ..IssueOptions::new(Role::InvitingMember)
    };
    let info = world.invitation(&options).inspect();
    assert_eq!(info.group, world.group.root().id());
    assert_eq!(&info.group_name, world.group.root().name());
    assert_eq!(info.group_friendly_name, "Chess club");
    assert_eq!(info.issuer, world.inviter.key());
    assert_eq!(
        info.issuer_names,
        Some((world.inviter.name().clone(), "Ada".to_owned()))
    );
    assert_eq!(info.subject, world.invitee.key());
    assert_eq!(&info.subject_name, world.invitee.name());
    assert_eq!(info.subject_friendly_name, "Bob");
    assert_eq!(info.roles, Role::InvitingMember.into());
    assert_eq!(info.not_after, NOW + DAY);
    assert!(info.not_before <= NOW);
    assert_eq!(info.cloud, Cloud::global());
    assert_eq!(info.note.as_deref(), Some("see you on Tuesday"));
}

#[test]
fn any_altered_byte_makes_it_untrusted() {
    let mut world = World::new();
    let original = world.member();
    for index in 0..original.to_bytes().len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut altered = original.to_bytes().to_vec();
            altered[index] ^= mask;
            let error = Invitation::decode(&altered).unwrap_err();
            if index == MAGIC.len() {
                assert!(matches!(error, InvitationError::UnsupportedVersion { .. }));
            } else {
                assert!(error.is_not_trusted(), "byte {index}: {error}");
            }
        }
        let cut = Invitation::decode(&original.to_bytes()[..index]).unwrap_err();
        assert!(cut.is_not_trusted(), "cut to {index}: {cut}");
    }
    assert!(Invitation::decode(&[original.to_bytes(), &[0]].concat()).is_err());
}

#[test]
fn unknown_version_is_its_own_error() {
    let mut world = World::new();
    let mut bytes = world.member().to_bytes().to_vec();
    bytes[MAGIC.len()] = 2;
    let uri = text::to_uri(&FORM, &bytes);
    assert_eq!(
        uri.parse::<Invitation>(),
        Err(InvitationError::UnsupportedVersion { version: 2 })
    );
}

#[test]
fn expired_invitation_is_refused() {
    let mut world = World::new();
    let invitation = world.invitation(&IssueOptions {
        not_after: Some(NOW + DAY),
        ..IssueOptions::new(Role::Member)
    });
    let late = NOW + DAY + CLOCK_TOLERANCE;
    assert!(invitation.accept(&world.invitee, late).is_ok());
    let error = invitation
        .accept(&world.invitee, late + SECOND)
        .unwrap_err();
    assert!(matches!(error, InvitationError::Expired { .. }));
    assert!(error.to_string().contains("clock"));
    // It still says what it was.
    assert_eq!(invitation.inspect().not_after, NOW + DAY);
}

#[test]
fn not_yet_valid_invitation_is_refused() {
    let mut world = World::new();
    let invitation = world.invitation(&IssueOptions {
        not_before: Some(NOW + DAY),
        ..IssueOptions::new(Role::Member)
    });
    let error = invitation.accept(&world.invitee, NOW).unwrap_err();
    assert!(matches!(error, InvitationError::NotYetValid { .. }));
    assert!(error.to_string().contains("clock"));
    assert!(invitation.accept(&world.invitee, NOW + DAY).is_ok());
}

#[test]
fn only_the_issuer_makes_an_invitation_and_only_for_its_subject() {
    let mut world = World::new();
    let draft = world.draft(&IssueOptions::new(Role::Member));
    let card = world.invitee.card();
    assert_eq!(
        Invitation::create(
            draft.clone(),
            &world.invitee,
            &card,
            &world.secret,
            &mut world.rng
        ),
        Err(InvitationError::NotTheIssuer)
    );
    let card = world.inviter.card();
    assert!(matches!(
        Invitation::create(draft, &world.inviter, &card, &world.secret, &mut world.rng),
        Err(InvitationError::Credential(GmcError::WrongSubject { .. }))
    ));
}

#[test]
fn the_group_itself_invites_whom_its_key_has_issued_to() {
    let mut world = World::new();
    let card = world.invitee.card();
    let options = IssueOptions::new(Role::Admin);
    let chain = world
        .group
        .issue(&card, None, &options, NOW, &mut world.rng)
        .unwrap();
    let draft = InvitationDraft {
        chain,
        ..world.draft(&options)
    };
    let create = |draft, world: &mut World| {
        Invitation::create_under_root(draft, &world.group, &card, &world.secret, &mut world.rng)
    };
    let invitation = create(draft.clone(), &mut world).unwrap();
    let read: Invitation = invitation.to_uri().parse().unwrap();
    assert_eq!(read.inspect().issuer, world.group.root().key());
    assert_eq!(read.inspect().issuer_names, None);
    let accepted = read.accept(&world.invitee, NOW).unwrap();
    assert_eq!(accepted.gmc.depth(), 1);
    assert!(accepted.gmc.roles().contains(Role::Admin));
    // Neither signs for the other.
    assert_eq!(world.create(draft), Err(InvitationError::NotTheIssuer));
    let by_member = world.draft(&options);
    assert_eq!(
        create(by_member, &mut world),
        Err(InvitationError::NotTheIssuer)
    );
}

#[test]
fn two_invitations_have_two_ids_and_one_has_the_same_everywhere() {
    let mut world = World::new();
    let (first, second) = (world.member(), world.member());
    assert_ne!(first.id(), second.id());
    let read: Invitation = first.to_block().parse().unwrap();
    assert_eq!(read.id(), first.id());
    assert_eq!(first.id().len(), 16);
}

#[test]
fn body_signed_by_another_member_is_untrusted() {
    let mut world = World::new();
    let invitation = world.member();
    // The invitee, who has a key in the chain but is not the issuer, changes the note.
    let envelope = &invitation.to_bytes()[MAGIC.len() + 1..];
    let Envelope(body, _) = signing::from_cbor(envelope).unwrap();
    let Body(chain, cloud, bootstrap, sealed, _) = signing::from_cbor(&body).unwrap();
    let body = signing::to_cbor(&Body(chain, cloud, bootstrap, sealed, Some("x".to_owned())));
    let signature = world
        .invitee
        .sign(&signing::domain_separated(DOMAIN, &body));
    let envelope = signing::to_cbor(&Envelope(ByteBuf::from(body), ByteArray::new(signature)));
    let forged = [MAGIC, &[VERSION], &envelope].concat();
    assert!(matches!(
        Invitation::decode(&forged),
        Err(InvitationError::NotTrusted(_))
    ));
}

#[test]
fn secret_cannot_be_moved_into_another_group() {
    let mut world = World::new();
    let first = world.member();
    let mut other = World::new();
    other.rng = ChaCha20Rng::seed_from_u64(99);
    other.group = GroupKey::create("chess", None, NOW, &mut other.rng).unwrap();
    let chain = other
        .group
        .issue_first(&other.inviter.card(), NOW, &mut other.rng)
        .unwrap();
    other.inviter_gmc = verify(&chain, &other.group.root().id(), NOW).unwrap();
    let mut second = other.member();
    second.sealed_secret = first.sealed_secret;
    assert_eq!(
        second.accept(&other.invitee, NOW).unwrap_err(),
        InvitationError::SecretUnreadable
    );
}

#[test]
fn contents_are_bounded() {
    let mut world = World::new();
    let mut draft = world.draft(&IssueOptions::new(Role::Member));
    draft.bootstrap = vec![draft.bootstrap[0].clone(); MAX_BOOTSTRAP_ADDRESSES];
    draft.note = Some("ü".repeat(MAX_NOTE_CHARS));
    assert!(world.create(draft.clone()).is_ok());

    let mut many = draft.clone();
    many.bootstrap.push(draft.bootstrap[0].clone());
    assert_eq!(
        world.create(many),
        Err(InvitationError::TooManyAddresses { addresses: 9 })
    );
    let mut long = draft.clone();
    long.bootstrap[0] = format!("/dns4/{}/udp/1", "x".repeat(MAX_ADDRESS_BYTES))
        .parse()
        .unwrap();
    assert_eq!(world.create(long), Err(InvitationError::AddressTooLong));
    for note in ["n".repeat(MAX_NOTE_CHARS + 1), "\u{1b}[31m".to_owned()] {
        let mut noted = draft.clone();
        noted.note = Some(note);
        assert!(matches!(
            world.create(noted),
            Err(InvitationError::BadNote(_))
        ));
    }
    assert!(Invitation::decode(&vec![0; MAX_INVITATION_BYTES + 1]).is_err());
}

#[test]
fn debug_shows_neither_addresses_nor_text() {
    let mut world = World::new();
    let invitation = world.member();
    let accepted = invitation.accept(&world.invitee, NOW).unwrap();
    let debug = format!("{invitation:?} {:?}", accepted.secret);
    for private in ["192.0.2", "Tuesday", "peerage:", "sealed"] {
        assert!(!debug.contains(private), "{debug}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn line_wrapping_and_blanks_do_not_matter(every in 1_usize..200, blank in "(\r?\n[ \t]*|  )") {
        let invitation = World::new().member();
        let uri = invitation.to_uri();
        let wrapped: String = uri
            .as_bytes()
            .chunks(every)
            .map(|line| format!("{}{blank}", String::from_utf8_lossy(line)))
            .collect();
        if wrapped.len() <= MAX_INVITATION_TEXT_BYTES {
            prop_assert_eq!(wrapped.parse::<Invitation>().unwrap(), invitation.clone());
        }
        let mailed = format!("Hello!\r\n\r\n{}\r\nBye", invitation.to_block().replace('\n', "\r\n  "));
        prop_assert_eq!(mailed.parse::<Invitation>().unwrap(), invitation);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,300}", prefix in "(peerage:invite:|-----BEGIN PEERAGE INVITATION-----|)") {
        let _ = format!("{prefix}{text}").parse::<Invitation>();
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Invitation::decode(&bytes);
        let _ = Invitation::decode(&[MAGIC, &[VERSION], &bytes].concat());
    }
}
