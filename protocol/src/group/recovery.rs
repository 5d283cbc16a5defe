//! The group key on paper or on another disk, so that losing one disk freezes no group.
//!
//! A recovery file is the group key, encrypted under a passphrase, with its root certificate, and what it
//! takes to find the group: the cloud, a few addresses, and the discovery secret sealed to the group key
//! itself. So one passphrase protects all of it, and whoever holds file and passphrase can do what the
//! creator could, even without being a member yet.

use std::fmt;

use multiaddr::Multiaddr;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use zeroize::Zeroizing;

use super::GroupKey;
use crate::{
    cloud::Cloud,
    identity::{IdentityError, SEAL_OVERHEAD_BYTES},
    invitation::{MAX_ADDRESS_BYTES, MAX_BOOTSTRAP_ADDRESSES},
    secret::{DiscoverySecret, SECRET_BYTES},
    signing,
    text::{self, Form},
};

/// At most this many bytes in the part that is not the key: eight addresses and the rest.
pub const MAX_RECOVERY_BYTES: usize = 4 * 1024;

/// The longest text that is looked at, in bytes: that of a key with its certificate.
const MAX_TEXT_BYTES: usize = 16 * 1024;

const MAGIC: &[u8] = b"peerage-recovery";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"peerage recovery v1\0";
const SEAL_DOMAIN: &[u8] = b"peerage recovery secret v1\0";
const SEALED_SECRET_BYTES: usize = SECRET_BYTES + SEAL_OVERHEAD_BYTES;

const FORM: Form = Form {
    label: "PEERAGE GROUP RECOVERY",
    scheme: "peerage:recovery:",
    max_bytes: MAX_RECOVERY_BYTES,
    max_chars: MAX_TEXT_BYTES,
};

/// The signed part: `[cloud, [address, …], sealed secret]`.
#[derive(Serialize, Deserialize)]
struct Body(String, Vec<ByteBuf>, ByteArray<SEALED_SECRET_BYTES>);

/// The whole after magic and version: `[body, signature of the group key]`.
#[derive(Serialize, Deserialize)]
struct Envelope(ByteBuf, ByteArray<{ signing::SIGNATURE_BYTES }>);

/// A group's key with what it takes to find the group. `Debug` shows only the name.
#[derive(Clone)]
pub struct GroupRecovery {
    /// The group's key.
    pub key: GroupKey,
    /// Lets the members find each other.
    pub secret: DiscoverySecret,
    /// Where the group is looked up.
    pub cloud: Cloud,
    /// Addresses of members to start from, at most [`MAX_BOOTSTRAP_ADDRESSES`].
    pub bootstrap: Vec<Multiaddr>,
}

/// Why a recovery file cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The key part cannot be written or read.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// There is a key and nothing about how to find its group.
    #[error("the file holds a key, but is not the recovery file of a group")]
    NotARecovery,
    /// A newer build wrote it.
    #[error("the recovery file has version {version}, which this build does not know")]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// The part beside the key was altered, or belongs to another key.
    #[error("the recovery file cannot be trusted: {0}")]
    NotTrusted(&'static str),
    /// More or longer addresses than are allowed.
    #[error("the addresses are too many or too long")]
    BadAddresses,
}

impl GroupRecovery {
    /// Writes the file: the key as encrypted PKCS#8 PEM, the root certificate as PEM, then the block
    /// `PEERAGE GROUP RECOVERY`. OpenSSL reads the first two.
    ///
    /// # Errors
    /// When the passphrase is empty, or there are more addresses than allowed.
    pub fn to_pem(
        &self,
        passphrase: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<String>, RecoveryError> {
        if !bounded(&self.bootstrap) {
            return Err(RecoveryError::BadAddresses);
        }
        let sealed: [u8; SEALED_SECRET_BYTES] = self
            .key
            .seal(&self.info(), self.secret.expose(), rng)?
            .try_into()
            .expect("32 bytes seal to 80");
        let body = signing::to_cbor(&Body(
            self.cloud.name().to_owned(),
            self.bootstrap
                .iter()
                .map(|address| ByteBuf::from(address.to_vec()))
                .collect(),
            ByteArray::new(sealed),
        ));
        let signature = self.key.sign(&signing::domain_separated(DOMAIN, &body));
        let envelope = signing::to_cbor(&Envelope(ByteBuf::from(body), ByteArray::new(signature)));
        let block = text::to_block(&FORM, &[MAGIC, &[VERSION], &envelope].concat());
        let key = self.key.to_pem(Some(passphrase), rng)?;
        let mut text = Zeroizing::new(String::with_capacity(key.len() + block.len()));
        text.push_str(&key);
        text.push_str(&block);
        Ok(text)
    }

    /// Reads what [`Self::to_pem`] wrote, and checks that its parts belong together.
    ///
    /// # Errors
    /// For a wrong passphrase, damaged or altered text, or a file of another kind.
    pub fn from_pem(text: &str, passphrase: &str) -> Result<Self, RecoveryError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(IdentityError::Malformed.into());
        }
        // The passphrase is stretched last: what is no recovery file costs nothing.
        let block = decode_block(text)?;
        let key = GroupKey::from_pem(text, Some(passphrase))?;
        block.opened(key)
    }

    fn info(&self) -> Vec<u8> {
        seal_info(&self.key)
    }
}

impl fmt::Debug for GroupRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupRecovery")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The block, decoded within its bounds and not believed.
struct Block {
    body: Vec<u8>,
    signature: [u8; signing::SIGNATURE_BYTES],
    cloud: Cloud,
    bootstrap: Vec<Multiaddr>,
    sealed: [u8; SEALED_SECRET_BYTES],
}

fn decode_block(text: &str) -> Result<Block, RecoveryError> {
    let damaged = RecoveryError::NotTrusted("it is damaged");
    let bytes = text::from_text(&FORM, text).map_err(|error| match error {
        text::TextError::Unrecognised { .. } => RecoveryError::NotARecovery,
        _ => damaged.clone(),
    })?;
    let (version, envelope) = bytes
        .strip_prefix(MAGIC)
        .and_then(<[u8]>::split_first)
        .ok_or(RecoveryError::NotARecovery)?;
    if *version != VERSION {
        return Err(RecoveryError::UnsupportedVersion { version: *version });
    }
    let Envelope(body, signature) = signing::from_cbor(envelope).ok_or(damaged.clone())?;
    let Body(cloud, addresses, sealed) = signing::from_cbor(&body).ok_or(damaged.clone())?;
    if addresses.len() > MAX_BOOTSTRAP_ADDRESSES {
        return Err(RecoveryError::BadAddresses);
    }
    let bootstrap = addresses
        .into_iter()
        .map(|address| Multiaddr::try_from(address.into_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| damaged.clone())?;
    if !bounded(&bootstrap) {
        return Err(RecoveryError::BadAddresses);
    }
    Ok(Block {
        body: body.into_vec(),
        signature: signature.into_array(),
        cloud: cloud.parse().map_err(|_| damaged)?,
        bootstrap,
        sealed: sealed.into_array(),
    })
}

impl Block {
    fn opened(self, key: GroupKey) -> Result<GroupRecovery, RecoveryError> {
        let signer = signing::verifying_key(&key.root().key())
            .expect("the key was verified with the group root");
        let signed = signing::domain_separated(DOMAIN, &self.body);
        if !signing::verify(&signer, &signed, &self.signature) {
            return Err(RecoveryError::NotTrusted(
                "its parts do not belong together",
            ));
        }
        let secret = key
            .open(&seal_info(&key), &self.sealed)
            .ok()
            .and_then(|opened| <[u8; SECRET_BYTES]>::try_from(opened.as_slice()).ok())
            .ok_or(RecoveryError::NotTrusted(
                "the group's secret does not open",
            ))?;
        Ok(GroupRecovery {
            key,
            secret: DiscoverySecret::from_bytes(secret),
            cloud: self.cloud,
            bootstrap: self.bootstrap,
        })
    }
}

/// Binds the sealed secret to its group.
fn seal_info(key: &GroupKey) -> Vec<u8> {
    [SEAL_DOMAIN, key.root().id().as_bytes().as_slice()].concat()
}

fn bounded(addresses: &[Multiaddr]) -> bool {
    addresses.len() <= MAX_BOOTSTRAP_ADDRESSES
        && addresses
            .iter()
            .all(|address| address.len() <= MAX_ADDRESS_BYTES)
}

/// Reads the block alone, as the fuzzer does: never a panic, whatever the text.
#[doc(hidden)]
pub fn read_block_for_fuzzing(text: &str) -> bool {
    decode_block(text).is_ok()
}

#[cfg(test)]
mod tests {
    use peerage_records::time::Timestamp;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn recovery(seed: u64) -> (GroupRecovery, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = GroupKey::create("chess", Some("Chess club"), NOW, &mut rng).unwrap();
        let recovery = GroupRecovery {
            key,
            secret: DiscoverySecret::generate(&mut rng),
            cloud: Cloud::global(),
            bootstrap: vec!["/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap()],
        };
        (recovery, rng)
    }

    #[test]
    fn file_and_passphrase_bring_back_everything() {
        let (recovery, mut rng) = recovery(1);
        let text = recovery.to_pem("correct horse", &mut rng).unwrap();
        let read = GroupRecovery::from_pem(&text, "correct horse").unwrap();
        assert_eq!(read.key.root(), recovery.key.root());
        assert_eq!(read.key.sign(b"x"), recovery.key.sign(b"x"));
        assert_eq!(read.secret.expose(), recovery.secret.expose());
        assert_eq!(
            (&read.cloud, &read.bootstrap),
            (&recovery.cloud, &recovery.bootstrap)
        );
        // A key in this form is one other tools read, too.
        assert!(GroupKey::from_pem(&text, Some("correct horse")).is_ok());
        let wrong = GroupRecovery::from_pem(&text, "wrong horse").unwrap_err();
        assert_eq!(wrong, RecoveryError::Key(IdentityError::WrongPassphrase));
        let empty = recovery.to_pem("", &mut rng).unwrap_err();
        assert_eq!(empty, RecoveryError::Key(IdentityError::EmptyPassphrase));
        assert!(!format!("{recovery:?}").contains("192.0.2.1"));
    }

    #[test]
    fn parts_of_two_groups_do_not_make_one_file() {
        let (one, mut rng) = recovery(1);
        let (other, _) = recovery(2);
        let (first, second) = (
            one.to_pem("p", &mut rng).unwrap(),
            other.to_pem("p", &mut rng).unwrap(),
        );
        let begin = "-----BEGIN PEERAGE GROUP RECOVERY-----";
        let (key, _) = first.split_once(begin).unwrap();
        let (_, block) = second.split_once(begin).unwrap();
        let mixed = format!("{key}{begin}{block}");
        assert!(matches!(
            GroupRecovery::from_pem(&mixed, "p"),
            Err(RecoveryError::NotTrusted(_))
        ));
        assert_eq!(
            GroupRecovery::from_pem(key, "p").unwrap_err(),
            RecoveryError::NotARecovery
        );
    }

    #[test]
    fn any_altered_character_of_the_block_is_noticed() {
        let (recovery, mut rng) = recovery(3);
        let text = recovery.to_pem("p", &mut rng).unwrap();
        let block = text.find("-----BEGIN PEERAGE").unwrap();
        let end = text.find("-----END PEERAGE").unwrap();
        let key = GroupKey::from_pem(&text, Some("p")).unwrap();
        for at in block + "-----BEGIN PEERAGE GROUP RECOVERY-----\n".len()..end {
            let mut altered = text.as_bytes().to_vec();
            if altered[at] == b'\n' {
                continue;
            }
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            if *altered == **text {
                continue;
            }
            let read = decode_block(&altered).and_then(|block| block.opened(key.clone()));
            assert!(read.is_err(), "altered at {at}");
        }
    }

    #[test]
    fn contents_are_bounded() {
        let (mut recovery, mut rng) = recovery(4);
        recovery.bootstrap = vec![recovery.bootstrap[0].clone(); MAX_BOOTSTRAP_ADDRESSES + 1];
        assert_eq!(
            recovery.to_pem("p", &mut rng).unwrap_err(),
            RecoveryError::BadAddresses
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,300}", prefix in "(-----BEGIN PEERAGE GROUP RECOVERY-----\n|peerage:recovery:|)") {
            let _ = GroupRecovery::from_pem(&format!("{prefix}{text}"), "p");
        }
    }
}
