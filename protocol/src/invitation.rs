//! Invitations: what a future member needs to join, in one object that may travel by any mail.
//!
//! An invitation holds the GMC chain already issued to the invitee, the cloud the group is looked up in,
//! addresses to start from, and the group's discovery secret sealed to the invitee's key. Joining needs
//! nobody online. It is bound to one invitee: to anybody else it says who was invited into what, but
//! gives neither the secret nor a membership.

mod error;

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use multiaddr::Multiaddr;
use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

pub use error::InvitationError;

use crate::{
    cloud::Cloud,
    gmc::{self, Chain, MAX_CHAIN_BYTES, VerifiedGmc},
    group::{GroupKey, Roles},
    identity::{Identity, IdentityCard, SEAL_OVERHEAD_BYTES},
    name::{PeerName, check_friendly_name},
    secret::{DiscoverySecret, SECRET_BYTES},
    signing,
    text::{self, Form},
};

/// At most this many addresses to start from: enough for the inviter and a few members, more would only
/// make the text longer.
pub const MAX_BOOTSTRAP_ADDRESSES: usize = 8;

/// At most this many bytes per address; a relayed QUIC address with two peer ids has about 150.
pub const MAX_ADDRESS_BYTES: usize = 256;

/// At most this many characters in the note to the invitee.
pub const MAX_NOTE_CHARS: usize = crate::name::MAX_FRIENDLY_NAME_CHARS;

/// At most this many bytes: a chain, eight addresses and the rest.
pub const MAX_INVITATION_BYTES: usize = MAX_CHAIN_BYTES + 4 * 1024;

/// The longest text that is looked at, in bytes: base64 with room for broken lines and a covering letter.
pub const MAX_INVITATION_TEXT_BYTES: usize = 2 * MAX_INVITATION_BYTES + 4 * 1024;

/// Bytes of [`Invitation::id`]: enough to tell apart all a group will ever make.
const INVITATION_ID_BYTES: usize = 8;

/// What the bytes begin with, so that the version is where every build finds it.
const MAGIC: &[u8] = b"peerage-invite";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"peerage invitation v1\0";
const SEAL_DOMAIN: &[u8] = b"peerage invitation secret v1\0";
const SEALED_SECRET_BYTES: usize = SECRET_BYTES + SEAL_OVERHEAD_BYTES;

const FORM: Form = Form {
    label: "PEERAGE INVITATION",
    scheme: "peerage:invite:",
    max_bytes: MAX_INVITATION_BYTES,
    max_chars: MAX_INVITATION_TEXT_BYTES,
};

/// The signed part: `[chain, cloud, [address, …], sealed secret, note]`.
#[derive(Serialize, Deserialize)]
struct Body(
    ByteBuf,
    String,
    Vec<ByteBuf>,
    ByteArray<SEALED_SECRET_BYTES>,
    Option<String>,
);

/// The whole after magic and version: `[body, signature of the GMC's issuer]`.
#[derive(Serialize, Deserialize)]
struct Envelope(ByteBuf, ByteArray<{ signing::SIGNATURE_BYTES }>);

/// What the inviter puts in.
#[derive(Clone, Debug)]
pub struct InvitationDraft {
    /// The chain issued to the invitee, see [`gmc::issue`].
    pub chain: Chain,
    /// Where the group is looked up.
    pub cloud: Cloud,
    /// Addresses of members to start from, at most [`MAX_BOOTSTRAP_ADDRESSES`].
    pub bootstrap: Vec<Multiaddr>,
    /// A word to the invitee, at most [`MAX_NOTE_CHARS`]; everybody on the way can read it.
    pub note: Option<String>,
}

/// An invitation whose signature and chain have been verified, whatever the time. `Debug` shows only
/// for which group it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    gmc: VerifiedGmc,
    cloud: Cloud,
    bootstrap: Vec<Multiaddr>,
    sealed_secret: [u8; SEALED_SECRET_BYTES],
    note: Option<String>,
    encoded: Vec<u8>,
}

/// What an invitation says, for people to look at before they join. None of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationInfo {
    /// The group's id.
    pub group: GroupId,
    /// The group's peer name.
    pub group_name: PeerName,
    /// The group's friendly name when it was made.
    pub group_friendly_name: String,
    /// Who invites.
    pub issuer: IdentityKey,
    /// The inviter's peer name and friendly name; nothing when the group's own key issued the GMC.
    pub issuer_names: Option<(PeerName, String)>,
    /// Who is invited.
    pub subject: IdentityKey,
    /// The invitee's peer name.
    pub subject_name: PeerName,
    /// The invitee's friendly name in the group.
    pub subject_friendly_name: String,
    /// What the invitee may do.
    pub roles: Roles,
    /// When the membership starts.
    pub not_before: Timestamp,
    /// When the membership ends.
    pub not_after: Timestamp,
    /// Where the group is looked up.
    pub cloud: Cloud,
    /// Addresses of members to start from.
    pub bootstrap: Vec<Multiaddr>,
    /// The inviter's note.
    pub note: Option<String>,
}

/// What the invitee has after accepting.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The membership.
    pub gmc: VerifiedGmc,
    /// The group's discovery secret.
    pub secret: DiscoverySecret,
    /// Addresses of members to start from.
    pub bootstrap: Vec<Multiaddr>,
    /// Where the group is looked up.
    pub cloud: Cloud,
}

/// Who signs: a member, or the group itself.
struct Signer<'a> {
    key: IdentityKey,
    sign: &'a dyn Fn(&[u8]) -> [u8; signing::SIGNATURE_BYTES],
}

impl Invitation {
    /// Makes an invitation for `invitee`, to whom `issuer` has issued `draft.chain`.
    ///
    /// # Errors
    /// When the chain does not verify, was not issued by `issuer` or not to `invitee`, or the draft is out
    /// of bounds.
    pub fn create(
        draft: InvitationDraft,
        issuer: &Identity,
        invitee: &IdentityCard,
        secret: &DiscoverySecret,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, InvitationError> {
        let signer = Signer {
            key: issuer.key(),
            sign: &|message| issuer.sign(message),
        };
        Self::signed(draft, &signer, invitee, secret, rng)
    }

    /// As [`Self::create`], for a chain that the group's own key has issued.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_under_root(
        draft: InvitationDraft,
        group: &GroupKey,
        invitee: &IdentityCard,
        secret: &DiscoverySecret,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, InvitationError> {
        let signer = Signer {
            key: group.root().key(),
            sign: &|message| group.sign(message),
        };
        Self::signed(draft, &signer, invitee, secret, rng)
    }

    fn signed(
        draft: InvitationDraft,
        issuer: &Signer<'_>,
        invitee: &IdentityCard,
        secret: &DiscoverySecret,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, InvitationError> {
        let InvitationDraft {
            chain,
            cloud,
            bootstrap,
            note,
        } = draft;
        let gmc = gmc::verify_without_time(&chain).map_err(InvitationError::Credential)?;
        gmc.check_subject(&invitee.key())
            .map_err(InvitationError::Credential)?;
        if gmc.issuer() != issuer.key {
            return Err(InvitationError::NotTheIssuer);
        }
        check_bounds(&bootstrap, note.as_deref())?;

        let sealed_secret: [u8; SEALED_SECRET_BYTES] = invitee
            .seal(&seal_info(&gmc), secret.expose(), rng)
            .ok()
            .and_then(|sealed| sealed.try_into().ok())
            .expect("32 bytes seal to 80");
        let body = signing::to_cbor(&Body(
            ByteBuf::from(chain.encode()),
            cloud.name().to_owned(),
            bootstrap
                .iter()
                .map(|address| ByteBuf::from(address.to_vec()))
                .collect(),
            ByteArray::new(sealed_secret),
            note.clone(),
        ));
        let signature = (issuer.sign)(&signing::domain_separated(DOMAIN, &body));
        let envelope = signing::to_cbor(&Envelope(ByteBuf::from(body), ByteArray::new(signature)));
        Ok(Self {
            gmc,
            cloud,
            bootstrap,
            sealed_secret,
            note,
            encoded: [MAGIC, &[VERSION], &envelope].concat(),
        })
    }

    /// Decodes and verifies an invitation, for any time and without an identity.
    ///
    /// # Errors
    /// [`InvitationError::UnsupportedVersion`] for an invitation of another version,
    /// [`InvitationError::NotTrusted`] for anything that was altered or is no invitation.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvitationError> {
        if bytes.len() > MAX_INVITATION_BYTES {
            return Err(InvitationError::NotTrusted("it is too long"));
        }
        let (version, envelope) = bytes
            .strip_prefix(MAGIC)
            .and_then(<[u8]>::split_first)
            .ok_or(InvitationError::NotTrusted("it is no invitation"))?;
        if *version != VERSION {
            return Err(InvitationError::UnsupportedVersion { version: *version });
        }
        let malformed = InvitationError::NotTrusted("it is damaged");
        let Envelope(body_bytes, signature) =
            signing::from_cbor(envelope).ok_or(malformed.clone())?;
        let Body(chain, cloud, bootstrap, sealed_secret, note) =
            signing::from_cbor(&body_bytes).ok_or(malformed.clone())?;

        let gmc = Chain::decode(&chain)
            .and_then(|chain| gmc::verify_without_time(&chain))
            .map_err(InvitationError::UntrustedChain)?;
        let issuer = signing::verifying_key(&gmc.issuer())
            .expect("the issuer's key was verified with the chain");
        let signed = signing::domain_separated(DOMAIN, &body_bytes);
        if !signing::verify(&issuer, &signed, signature.as_slice()) {
            return Err(InvitationError::NotTrusted(
                "the inviter's signature does not verify",
            ));
        }
        // Signed, so what is wrong from here on is the issuer's doing; still nothing may be unbounded.
        let cloud: Cloud = cloud
            .parse()
            .map_err(|_| InvitationError::NotTrusted("the cloud has no valid name"))?;
        if bootstrap.len() > MAX_BOOTSTRAP_ADDRESSES {
            return Err(InvitationError::TooManyAddresses {
                addresses: bootstrap.len(),
            });
        }
        let bootstrap = bootstrap
            .into_iter()
            .map(|address| Multiaddr::try_from(address.into_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvitationError::NotTrusted("an address is invalid"))?;
        check_bounds(&bootstrap, note.as_deref())?;
        Ok(Self {
            gmc,
            cloud,
            bootstrap,
            sealed_secret: sealed_secret.into_array(),
            note,
            encoded: bytes.to_vec(),
        })
    }

    /// Whether these are the bytes of an invitation and no text, to be told without decoding them.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The invitation as bytes, for a file.
    #[must_use]
    pub fn to_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// One line: `peerage:invite:` and base64url; also what a QR code holds.
    #[must_use]
    pub fn to_uri(&self) -> String {
        text::to_uri(&FORM, &self.encoded)
    }

    /// A block of lines in the manner of PEM, `-----BEGIN PEERAGE INVITATION-----`.
    #[must_use]
    pub fn to_block(&self) -> String {
        text::to_block(&FORM, &self.encoded)
    }

    /// The credential inside. It was verified, but for no time: whoever accepts compares the clock.
    #[must_use]
    pub const fn gmc(&self) -> &VerifiedGmc {
        &self.gmc
    }

    /// A short name for this invitation and no other: the beginning of its chain's hash, 16 hex digits.
    #[must_use]
    pub fn id(&self) -> String {
        let hash = self.gmc.chain().hash();
        data_encoding::HEXLOWER.encode(&hash.as_bytes()[..INVITATION_ID_BYTES])
    }

    /// The chain issued to the invitee.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.gmc.chain()
    }

    /// Says what the invitation says. Needs no network, no membership and no identity.
    #[must_use]
    pub fn inspect(&self) -> InvitationInfo {
        let gmc = &self.gmc;
        InvitationInfo {
            group: gmc.group(),
            group_name: gmc.root().name().clone(),
            group_friendly_name: gmc.root().friendly_name().to_owned(),
            issuer: gmc.issuer(),
            issuer_names: gmc.issuer_names(),
            subject: gmc.subject(),
            subject_name: gmc.subject_name().clone(),
            subject_friendly_name: gmc.friendly_name().to_owned(),
            roles: gmc.roles(),
            not_before: gmc.not_before(),
            not_after: gmc.not_after(),
            cloud: self.cloud.clone(),
            bootstrap: self.bootstrap.clone(),
            note: self.note.clone(),
        }
    }

    /// Accepts the invitation for `identity` at the time `now`. Needs no network.
    ///
    /// # Errors
    /// [`InvitationError::NotForThisIdentity`] when somebody else was invited,
    /// [`InvitationError::Expired`] or [`InvitationError::NotYetValid`] when it is not its time.
    pub fn accept(&self, identity: &Identity, now: Timestamp) -> Result<Accepted, InvitationError> {
        if self.gmc.subject() != identity.key() {
            return Err(InvitationError::NotForThisIdentity {
                invited: self.gmc.subject_name().clone(),
            });
        }
        let gmc = gmc::verify(self.gmc.chain(), &self.gmc.group(), now)
            .map_err(InvitationError::from_verification)?;
        let opened = identity
            .open(&seal_info(&gmc), &self.sealed_secret)
            .map_err(|_| InvitationError::SecretUnreadable)?;
        let secret: [u8; SECRET_BYTES] = opened
            .as_slice()
            .try_into()
            .map_err(|_| InvitationError::SecretUnreadable)?;
        Ok(Accepted {
            gmc,
            secret: DiscoverySecret::from_bytes(secret),
            bootstrap: self.bootstrap.clone(),
            cloud: self.cloud.clone(),
        })
    }
}

/// Binds the sealed secret to group and invitee: it cannot be moved into another invitation.
fn seal_info(gmc: &VerifiedGmc) -> Vec<u8> {
    [
        SEAL_DOMAIN,
        gmc.group().as_bytes(),
        gmc.subject().as_bytes(),
    ]
    .concat()
}

fn check_bounds(bootstrap: &[Multiaddr], note: Option<&str>) -> Result<(), InvitationError> {
    if bootstrap.len() > MAX_BOOTSTRAP_ADDRESSES {
        return Err(InvitationError::TooManyAddresses {
            addresses: bootstrap.len(),
        });
    }
    if bootstrap
        .iter()
        .any(|address| address.len() > MAX_ADDRESS_BYTES)
    {
        return Err(InvitationError::AddressTooLong);
    }
    check_friendly_name(note.unwrap_or_default()).map_err(InvitationError::BadNote)
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Reads either text form; blanks and line breaks do not matter.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        Self::decode(&text::from_text(&FORM, text)?)
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("group", &self.gmc.group().short())
            .finish_non_exhaustive()
    }
}
