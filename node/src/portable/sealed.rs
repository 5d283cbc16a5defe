//! A passphrase around bytes: the [age](https://age-encryption.org/v1) format, which other tools read.
//!
//! The passphrase is stretched by scrypt; what follows is encrypted in chunks of 64 KiB, each
//! authenticated with its place and the last one marked, so that nothing can be altered, reordered or
//! cut off unnoticed and reading needs the memory of one chunk.

use std::{
    io::{self, BufReader, Cursor, Read, Write},
    iter,
};

use age::{
    DecryptError, Decryptor, Encryptor,
    scrypt::{Identity, Recipient},
    secrecy::SecretString,
    stream::{StreamReader, StreamWriter},
};

use crate::{Error, Result};

/// scrypt with N = 2^16, r = 8: 64 MiB and about a quarter of a second for each passphrase tried.
const WORK_FACTOR: u8 = 16;

/// The dearest file we open: 256 MiB and a second or two, which is what the program `age` writes.
const MAX_WORK_FACTOR: u8 = 18;

/// A header is a line of type, the passphrase's stanza and a line that ends it: about 150 bytes.
const MAX_HEADER_BYTES: u64 = 2 * 1024;

/// What is read once the passphrase has opened the file.
pub(crate) type Opened<R> = StreamReader<io::Chain<Cursor<Vec<u8>>, BufReader<R>>>;

/// Encrypts what is written. The writer must be finished, or what came out is not whole.
///
/// # Errors
/// When the passphrase is empty or the header cannot be written.
pub(crate) fn seal<W: Write>(output: W, passphrase: &str) -> Result<StreamWriter<W>> {
    if passphrase.is_empty() {
        return Err(Error::invalid("passphrase", "must not be empty"));
    }
    let mut recipient = Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(WORK_FACTOR);
    Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
        .map_err(|error| Error::Internal(error.to_string()))?
        .wrap_output(output)
        .map_err(|error| Error::io("the encrypted file", error))
}

/// Opens what [`seal`] made; `what` is how it is named in errors. The passphrase is stretched only for
/// what looks like such a file.
///
/// # Errors
/// [`Error::WrongPassphrase`], and [`Error::InvalidExport`] for anything that is not such a file.
pub(crate) fn open<R: Read>(mut input: R, passphrase: &str, what: &str) -> Result<Opened<R>> {
    let mut header = Vec::new();
    (&mut input)
        .take(MAX_HEADER_BYTES)
        .read_to_end(&mut header)
        .map_err(|error| broken(error, what))?;
    // A header that does not end within its bound would be read into memory for as long as it goes on.
    let ends = header.windows(5).any(|bytes| bytes == b"\n--- ");
    if !begins(&header) || !ends {
        return Err(invalid(what, "it does not begin as an encrypted file does"));
    }
    let input = Cursor::new(header).chain(BufReader::new(input));
    let decryptor = Decryptor::new_buffered(input).map_err(|error| refused(error, what))?;
    let mut identity = Identity::new(SecretString::from(passphrase));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    decryptor
        .decrypt(iter::once(&identity as &dyn age::Identity))
        .map_err(|error| refused(error, what))
}

/// Whether these bytes begin as a file under a passphrase does.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/v1\n-> scrypt ")
}

/// Why reading on failed: what has been altered or cut off shows only then.
pub(crate) fn broken(error: io::Error, what: &str) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            invalid(what, "it was altered or cut off")
        }
        _ => Error::io(what, error),
    }
}

pub(crate) fn invalid(what: &str, reason: impl ToString) -> Error {
    Error::InvalidExport {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

fn refused(error: DecryptError, what: &str) -> Error {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Error::WrongPassphrase {
                what: what.to_owned(),
            }
        }
        DecryptError::ExcessiveWork { required, .. } => invalid(
            what,
            format!(
                "its passphrase is stretched 2^{required} times, more than the 2^{MAX_WORK_FACTOR} we take"
            ),
        ),
        DecryptError::Io(error) => broken(error, what),
        _ => invalid(what, "its header was altered or cut off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        let mut writer = seal(Vec::new(), "correct horse").unwrap();
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], passphrase: &str) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        open(bytes, passphrase, "it")?
            .read_to_end(&mut text)
            .map_err(|error| broken(error, "it"))?;
        Ok(text)
    }

    #[test]
    fn only_the_passphrase_opens_it_and_only_whole() {
        let text = vec![7; 200_000];
        let bytes = sealed(&text);
        assert_eq!(read(&bytes, "correct horse").unwrap(), text);
        let wrong = read(&bytes, "wrong horse").unwrap_err();
        assert_eq!(wrong.code(), "wrong_passphrase");
        let empty = seal(Vec::new(), "").map(drop).unwrap_err();
        assert_eq!(empty.code(), "invalid_input");
        // In the header, the stanza, the nonce, each chunk and its tag.
        for at in [3, 40, 120, 160, 190, 70_000, bytes.len() - 1] {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let code = read(&altered, "correct horse").unwrap_err().code();
            assert!(
                ["invalid_export", "wrong_passphrase"].contains(&code),
                "{at}: {code}"
            );
        }
        // Also at the border between two chunks.
        let border = bytes.len() - (200_000 % 65_536 + 16);
        for cut in [0, 10, 100, 150, border, bytes.len() - 1] {
            let error = read(&bytes[..cut], "correct horse").unwrap_err();
            assert_eq!(error.code(), "invalid_export", "{cut}");
        }
    }

    #[test]
    fn a_header_is_bounded_in_length_and_in_work() {
        let endless = [
            b"age-encryption.org/v1\n-> scrypt ".as_slice(),
            &vec![b'a'; 1 << 20],
        ]
        .concat();
        assert_eq!(read(&endless, "p").unwrap_err().code(), "invalid_export");
        let bytes = sealed(b"x");
        let text = String::from_utf8_lossy(&bytes[..100]).into_owned();
        let line = text.lines().nth(1).unwrap().to_owned();
        let dear = line.replace(&format!(" {WORK_FACTOR}"), " 30");
        let dear = [dear.as_bytes(), &bytes[22 + line.len()..]].concat();
        let dear = [b"age-encryption.org/v1\n".as_slice(), &dear].concat();
        let error = read(&dear, "correct horse").unwrap_err();
        assert!(error.to_string().contains("2^30"), "{error}");
    }
}
