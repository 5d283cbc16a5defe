//! A group's address: what people need to find a group's door and to ring at it, in one object.
//!
//! It says which group, where members may be found, and what the door asks for, and holds the door
//! secret, by which the members' nodes know a visitor from a stranger. It holds neither the password nor
//! anything made of it, and it is not the group's discovery secret: who has only the address can ring,
//! and learns who opens, but no member list and no record.

use std::{fmt, str::FromStr};

use multiaddr::Multiaddr;
use peerage_records::id::{GroupId, IdentityKey};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::{DoorKinds, DoorSecret};
use crate::{
    cloud::Cloud,
    gmc::{self, Chain, GmcError, MAX_CHAIN_BYTES, VerifiedGmc},
    group::GroupRoot,
    identity::Identity,
    invitation::{MAX_ADDRESS_BYTES, MAX_BOOTSTRAP_ADDRESSES},
    secret::SECRET_BYTES,
    signing,
    text::{self, Form, TextError},
};

/// At most this many bytes: a chain, eight addresses and the rest.
pub const MAX_GROUP_ADDRESS_BYTES: usize = MAX_CHAIN_BYTES + 4 * 1024;
/// The longest text that is looked at, in bytes.
pub const MAX_GROUP_ADDRESS_TEXT_BYTES: usize = 2 * MAX_GROUP_ADDRESS_BYTES + 4 * 1024;

const MAGIC: &[u8] = b"peerage-group";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"peerage group address v1\0";

const PASSWORD: u8 = 1;
const REQUESTS: u8 = 2;

const FORM: Form = Form {
    label: "PEERAGE GROUP ADDRESS",
    scheme: "peerage:group:",
    max_bytes: MAX_GROUP_ADDRESS_BYTES,
    max_chars: MAX_GROUP_ADDRESS_TEXT_BYTES,
};

/// The signed part: `[chain of the maker, cloud, [address, …], kinds, door secret]`.
#[derive(Serialize, Deserialize)]
struct Body(ByteBuf, String, Vec<ByteBuf>, u8, ByteArray<SECRET_BYTES>);

/// The whole after magic and version: `[body, signature of the maker]`.
#[derive(Serialize, Deserialize)]
struct Envelope(ByteBuf, ByteArray<{ signing::SIGNATURE_BYTES }>);

/// Why a group address cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It was altered on the way, or is no group address at all.
    #[error("the group address cannot be trusted: {0}")]
    NotTrusted(&'static str),
    /// The text around it is damaged or something else.
    #[error("the group address cannot be read")]
    Text(#[from] TextError),
    /// The maker's chain does not verify.
    #[error("the group address cannot be trusted: its maker's membership is invalid")]
    Chain(#[from] GmcError),
    /// Made by a newer build.
    #[error(
        "the group address has version {version}, which this build does not know; a newer one may"
    )]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// The door is closed, so there is nothing to ring at.
    #[error("the group's door is closed; its creator can open it")]
    Closed,
    /// Too many or too long addresses.
    #[error(
        "at most {MAX_BOOTSTRAP_ADDRESSES} addresses of at most {MAX_ADDRESS_BYTES} bytes are allowed"
    )]
    Bounds,
}

/// A verified group address, whatever the time. `Debug` shows only which group.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupAddress {
    maker: VerifiedGmc,
    cloud: Cloud,
    bootstrap: Vec<Multiaddr>,
    kinds: DoorKinds,
    secret: DoorSecret,
    encoded: Vec<u8>,
}

impl GroupAddress {
    /// Makes the address of a door. `maker` is the member that does, `gmc` its membership.
    ///
    /// # Errors
    /// [`AddressError::Closed`], or when the addresses are out of bounds or the membership is not the
    /// maker's.
    pub fn create(
        maker: &Identity,
        gmc: &VerifiedGmc,
        cloud: &Cloud,
        bootstrap: Vec<Multiaddr>,
        door: &super::Door,
    ) -> Result<Self, AddressError> {
        gmc.check_subject(&maker.key())?;
        check_bounds(&bootstrap)?;
        let kinds = door.kinds();
        if kinds.is_closed() {
            return Err(AddressError::Closed);
        }
        let mut bits = 0;
        if kinds.password {
            bits |= PASSWORD;
        }
        if kinds.requests {
            bits |= REQUESTS;
        }
        let body = signing::to_cbor(&Body(
            ByteBuf::from(gmc.chain().encode()),
            cloud.name().to_owned(),
            bootstrap
                .iter()
                .map(|address| ByteBuf::from(address.to_vec()))
                .collect(),
            bits,
            ByteArray::new(*door.secret.expose()),
        ));
        let signature = maker.sign(&signing::domain_separated(DOMAIN, &body));
        let envelope = signing::to_cbor(&Envelope(ByteBuf::from(body), ByteArray::new(signature)));
        Ok(Self {
            maker: gmc.clone(),
            cloud: cloud.clone(),
            bootstrap,
            kinds,
            secret: door.secret.clone(),
            encoded: [MAGIC, &[VERSION], &envelope].concat(),
        })
    }

    /// Decodes and verifies an address.
    ///
    /// # Errors
    /// [`AddressError::UnsupportedVersion`] for one of another version, else what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, AddressError> {
        if bytes.len() > MAX_GROUP_ADDRESS_BYTES {
            return Err(AddressError::NotTrusted("it is too long"));
        }
        let (version, envelope) = bytes
            .strip_prefix(MAGIC)
            .and_then(<[u8]>::split_first)
            .ok_or(AddressError::NotTrusted("it is no group address"))?;
        if *version != VERSION {
            return Err(AddressError::UnsupportedVersion { version: *version });
        }
        let damaged = AddressError::NotTrusted("it is damaged");
        let Envelope(body_bytes, signature) =
            signing::from_cbor(envelope).ok_or(damaged.clone())?;
        let Body(chain, cloud, bootstrap, bits, secret) =
            signing::from_cbor(&body_bytes).ok_or(damaged.clone())?;
        let maker = gmc::verify_without_time(&Chain::decode(&chain)?)?;
        let key = signing::verifying_key(&maker.subject())
            .ok_or(AddressError::NotTrusted("its maker's key is weak"))?;
        let signed = signing::domain_separated(DOMAIN, &body_bytes);
        if !signing::verify(&key, &signed, signature.as_slice()) {
            return Err(AddressError::NotTrusted(
                "its maker's signature does not verify",
            ));
        }
        let cloud: Cloud = cloud
            .parse()
            .map_err(|_| AddressError::NotTrusted("the cloud has no valid name"))?;
        if bootstrap.len() > MAX_BOOTSTRAP_ADDRESSES {
            return Err(AddressError::Bounds);
        }
        let bootstrap = bootstrap
            .into_iter()
            .map(|address| Multiaddr::try_from(address.into_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| AddressError::NotTrusted("an address is invalid"))?;
        check_bounds(&bootstrap)?;
        let kinds = DoorKinds {
            password: bits & PASSWORD != 0,
            requests: bits & REQUESTS != 0,
        };
        if kinds.is_closed() || bits & !(PASSWORD | REQUESTS) != 0 {
            return Err(AddressError::NotTrusted("it is of no known kind"));
        }
        Ok(Self {
            maker,
            cloud,
            bootstrap,
            kinds,
            secret: DoorSecret::from_bytes(secret.into_array()),
            encoded: bytes.to_vec(),
        })
    }

    /// Which group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.maker.group()
    }

    /// The group's root certificate.
    #[must_use]
    pub fn root(&self) -> &GroupRoot {
        self.maker.root()
    }

    /// Which member made it.
    #[must_use]
    pub fn maker(&self) -> IdentityKey {
        self.maker.subject()
    }

    /// Where the group is looked up.
    #[must_use]
    pub const fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Addresses of members to start from.
    #[must_use]
    pub fn bootstrap(&self) -> &[Multiaddr] {
        &self.bootstrap
    }

    /// What the door asked for when the address was made.
    #[must_use]
    pub const fn kinds(&self) -> DoorKinds {
        self.kinds
    }

    /// What the members' nodes know a visitor by.
    #[must_use]
    pub(crate) const fn secret(&self) -> &DoorSecret {
        &self.secret
    }

    /// The address as bytes, for a file.
    #[must_use]
    pub fn to_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// One line: `peerage:group:` and base64url.
    #[must_use]
    pub fn to_uri(&self) -> String {
        text::to_uri(&FORM, &self.encoded)
    }

    /// A block of lines in the manner of PEM, `-----BEGIN PEERAGE GROUP ADDRESS-----`.
    #[must_use]
    pub fn to_block(&self) -> String {
        text::to_block(&FORM, &self.encoded)
    }
}

fn check_bounds(bootstrap: &[Multiaddr]) -> Result<(), AddressError> {
    let fits = bootstrap.len() <= MAX_BOOTSTRAP_ADDRESSES
        && bootstrap
            .iter()
            .all(|address| address.len() <= MAX_ADDRESS_BYTES);
    fits.then_some(()).ok_or(AddressError::Bounds)
}

impl FromStr for GroupAddress {
    type Err = AddressError;

    /// Reads either text form; blanks and line breaks do not matter.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::decode(&text::from_text(&FORM, text)?)
    }
}

impl fmt::Debug for GroupAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupAddress")
            .field("group", &self.group().short())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use peerage_records::time::Timestamp;
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{
        door::{
            Door, PasswordDoor,
            password::{Password, PasswordFile},
        },
        group::{GroupKey, Role},
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn address(password: Option<&str>) -> GroupAddress {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = GroupKey::create("club", Some("The Club"), NOW, &mut rng).unwrap();
        let maker = Identity::generate("ann", None, NOW, &mut rng).unwrap();
        let chain = key.issue_first(&maker.card(), NOW, &mut rng).unwrap();
        let gmc = gmc::verify(&chain, &key.root().id(), NOW).unwrap();
        let mut door = Door::closed(&mut rng);
        door.requests = true;
        door.password = password.map(|text| PasswordDoor {
            role: Role::Member,
            file: PasswordFile::register(&Password::new(text.into()), &mut rng).unwrap(),
        });
        let at = "/ip4/192.0.2.1/udp/4001/quic-v1".parse().unwrap();
        GroupAddress::create(&maker, &gmc, &Cloud::global(), vec![at], &door).unwrap()
    }

    #[test]
    fn both_text_forms_are_read_back() {
        let address = address(None);
        let uri: GroupAddress = address.to_uri().parse().unwrap();
        let block: GroupAddress = address.to_block().parse().unwrap();
        assert_eq!(uri, address);
        assert_eq!(block, address);
        assert_eq!(address.root().friendly_name(), "The Club");
        assert!(address.kinds().requests && !address.kinds().password);
    }

    #[test]
    fn nothing_of_the_password_is_in_it() {
        // The same chances, two passwords: what is not in the address cannot make it differ.
        let one = address(Some("correct horse battery"));
        let other = address(Some("staple battery horse"));
        assert_eq!(one, other);
        assert!(one.kinds().password);
    }

    #[test]
    fn what_was_altered_is_not_read() {
        let address = address(None);
        let bytes = address.to_bytes();
        for index in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[index] ^= 1;
            assert!(GroupAddress::decode(&altered).is_err(), "byte {index}");
        }
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let closed = Door::closed(&mut rng);
        let key = GroupKey::create("club", None, NOW, &mut rng).unwrap();
        let maker = Identity::generate("ann", None, NOW, &mut rng).unwrap();
        let chain = key.issue_first(&maker.card(), NOW, &mut rng).unwrap();
        let gmc = gmc::verify(&chain, &key.root().id(), NOW).unwrap();
        let made = GroupAddress::create(&maker, &gmc, &Cloud::global(), vec![], &closed);
        assert_eq!(made, Err(AddressError::Closed));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = GroupAddress::decode(&bytes);
            let _ = GroupAddress::decode(&[MAGIC, &[VERSION], &bytes].concat());
        }
    }
}
