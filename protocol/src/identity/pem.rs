//! A private key and its certificate as PEM, in the forms OpenSSL reads and writes.

use der::{
    Document, SecretDocument,
    pem::{LineEnding, PemLabel},
};
use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey};
use pkcs8::{
    EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef,
    pkcs5::{
        EncryptionScheme,
        pbes2::{Kdf, Parameters},
        scrypt,
    },
};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::IdentityError;

/// scrypt with N = 2^14, r = 8, p = 2: about 100 ms, and 16 MiB, because OpenSSL's limit is 32 MiB.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 2;

/// The dearest scrypt we open: 2^17 · 8 · 128 = 128 MiB, a second or two at the highest `p`.
const MAX_SCRYPT_COST: u64 = 1 << 17;
const MAX_SCRYPT_R: u16 = 8;
const MAX_SCRYPT_P: u16 = 8;

/// The dearest PBKDF2 we open; OpenSSL writes 2 048, others up to a million.
const MAX_PBKDF2_ITERATIONS: u32 = 2_000_000;

/// The longest text that is looked at, in bytes; a key and a certificate of full size need half of it.
const MAX_PEM_BYTES: usize = 16 * 1024;

/// PKCS#8 version 1 of an Ed25519 key up to the seed. Version 2, which adds the public key, is refused by
/// older OpenSSL.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

const ENCRYPTED_LABEL: &str = EncryptedPrivateKeyInfoOwned::PEM_LABEL;
const PLAIN_LABEL: &str = PrivateKeyInfoRef::PEM_LABEL;
const CERTIFICATE_LABEL: &str = "CERTIFICATE";

pub(crate) fn encode(
    key: &SigningKey,
    certificate: &[u8],
    passphrase: Option<&str>,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<String>, IdentityError> {
    let mut pkcs8 = Zeroizing::new([0; PKCS8_PREFIX.len() + 32]);
    pkcs8[..PKCS8_PREFIX.len()].copy_from_slice(&PKCS8_PREFIX);
    pkcs8[PKCS8_PREFIX.len()..].copy_from_slice(key.as_bytes());

    let private = match passphrase {
        None => SecretDocument::try_from(pkcs8.as_slice())
            .and_then(|document| document.to_pem(PLAIN_LABEL, LineEnding::LF)),
        Some("") => return Err(IdentityError::EmptyPassphrase),
        Some(passphrase) => {
            encrypt(pkcs8.as_slice(), passphrase, rng).to_pem(ENCRYPTED_LABEL, LineEnding::LF)
        }
    }
    .expect("a private key of fixed size always encodes");
    let public = Document::try_from(certificate)
        .and_then(|document| document.to_pem(CERTIFICATE_LABEL, LineEnding::LF))
        .expect("a certificate in der always encodes");

    let mut text = Zeroizing::new(String::with_capacity(private.len() + public.len()));
    text.push_str(&private);
    text.push_str(&public);
    Ok(text)
}

fn encrypt(pkcs8: &[u8], passphrase: &str, rng: &mut impl CryptoRng) -> SecretDocument {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut iv);
    let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P)
        .expect("constants within the limits of scrypt");
    let parameters = Parameters::generate_scrypt_aes256cbc(cost, &salt, iv)
        .expect("a salt of 16 bytes is within its limits");
    PrivateKeyInfoRef::try_from(pkcs8)
        .and_then(|info| info.encrypt_with_params(parameters, passphrase))
        .expect("a private key of fixed size can be encrypted")
}

/// Reads the first private key and the first certificate of a PEM text. The caller checks that they belong
/// together.
pub(crate) fn decode(
    text: &str,
    passphrase: Option<&str>,
) -> Result<(SigningKey, Vec<u8>), IdentityError> {
    if text.len() > MAX_PEM_BYTES {
        return Err(IdentityError::Malformed);
    }
    let (certificate_label, certificate) = find(text, CERTIFICATE_LABEL)
        .and_then(|block| Document::from_pem(block).ok())
        .ok_or(IdentityError::Malformed)?;
    debug_assert_eq!(certificate_label, CERTIFICATE_LABEL);

    let key = if let Some(block) = find(text, ENCRYPTED_LABEL) {
        let (_, document) =
            SecretDocument::from_pem(block).map_err(|_| IdentityError::Malformed)?;
        let info = EncryptedPrivateKeyInfoOwned::try_from(document.as_bytes())
            .map_err(|_| IdentityError::Malformed)?;
        check_cost(&info.encryption_algorithm)?;
        let passphrase = passphrase.ok_or(IdentityError::PassphraseNeeded)?;
        let pkcs8 = info
            .decrypt(passphrase)
            .map_err(|_| IdentityError::WrongPassphrase)?;
        SigningKey::from_pkcs8_der(pkcs8.as_bytes()).map_err(|_| IdentityError::WrongPassphrase)?
    } else {
        let block = find(text, PLAIN_LABEL).ok_or(IdentityError::Malformed)?;
        let (_, pkcs8) = SecretDocument::from_pem(block).map_err(|_| IdentityError::Malformed)?;
        SigningKey::from_pkcs8_der(pkcs8.as_bytes()).map_err(|_| IdentityError::Malformed)?
    };
    Ok((key, certificate.into_vec()))
}

/// The first block with this label, boundaries included.
fn find<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let start = text.find(&begin)?;
    let length = text[start..].find(&end)? + end.len();
    Some(&text[start..start + length])
}

/// The parameters come with the file: refuse what would take minutes or gigabytes before trying.
fn check_cost(scheme: &EncryptionScheme) -> Result<(), IdentityError> {
    let affordable = match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Scrypt(scrypt)) => {
            scrypt.cost_parameter <= MAX_SCRYPT_COST
                && scrypt.block_size <= MAX_SCRYPT_R
                && scrypt.parallelization <= MAX_SCRYPT_P
        }
        Some(Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MAX_PBKDF2_ITERATIONS,
        _ => false,
    };
    if affordable {
        Ok(())
    } else {
        Err(IdentityError::TooCostly)
    }
}
