//! The password of a door, by OPAQUE (RFC 9807): neither side ever sends it, what is sent cannot be
//! replayed, and what is stored has to be guessed at the price of Argon2 for each try.
//!
//! ```text
//! opens the door   PasswordFile::register(password) ──► into the group's door record
//!
//! visitor          Attempt::begin(password) ── first ──►  PasswordFile::challenge ── second ──►
//!                  Attempt::meet(second) ─► Stretching::run (slow) ── third ──►  Challenge::finish
//!                  both now have one session key, or one of them an error
//! ```
//!
//! The visitor finds out from the second message whether its password was right, so an attempt is
//! counted when the first one is answered, not when the third one fails.

use std::fmt;

use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialFinalization, CredentialRequest,
    CredentialResponse, Identifiers, Ristretto255, ServerLogin, ServerLoginParameters,
    ServerRegistration, ServerSetup, TripleDh,
    argon2::{Algorithm, Argon2, Params, Version},
    errors::InternalError,
    generic_array::{ArrayLength, GenericArray},
    ksf::Ksf,
    rand as old_rand,
};
use opaque_sha2::Sha512;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Shortest password, in characters. The node asks more of it than length.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// Longest password, in bytes: what one would still type or paste.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Argon2id with 64 MiB and three passes, the second choice of RFC 9106: a fraction of a second and
/// a noticeable part of a small machine's memory per guess.
const STRETCH_KIB: u32 = 64 * 1024;
const STRETCH_PASSES: u32 = 3;
const STRETCH_LANES: u32 = 1;

/// What the password file belongs to; one door has one password, whoever comes.
const CREDENTIAL: &[u8] = b"peerage door v1";

/// Bytes of the first message.
pub const FIRST_BYTES: usize = 96;
/// Bytes of the second message.
pub const SECOND_BYTES: usize = 320;
/// Bytes of the third message.
pub const THIRD_BYTES: usize = 64;
/// Bytes of the server's half of what is stored.
pub const SETUP_BYTES: usize = 128;
/// Bytes of the password's half of what is stored.
pub const FILE_BYTES: usize = 192;

/// OPAQUE-3DH over ristretto255 with SHA-512, the first suite of RFC 9807.
struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Stretch;
}

#[derive(Default)]
struct Stretch;

impl Ksf for Stretch {
    fn hash<L: ArrayLength<u8>>(
        &self,
        input: GenericArray<u8, L>,
    ) -> Result<GenericArray<u8, L>, InternalError> {
        let parameters = Params::new(STRETCH_KIB, STRETCH_PASSES, STRETCH_LANES, None)
            .map_err(|_| InternalError::KsfError)?;
        let mut output = GenericArray::default();
        // The input is salted already: it went through the group's own pseudo-random function.
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(&input, &[0; 16], &mut output)
            .map_err(|_| InternalError::KsfError)?;
        Ok(output)
    }
}

/// The random numbers of our generation for a crate of the one before.
struct Older<'a, R>(&'a mut R);

impl<R: CryptoRng> old_rand::RngCore for Older<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), old_rand::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> old_rand::CryptoRng for Older<'_, R> {}

/// Why a password cannot be a door's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// Fewer than [`MIN_PASSWORD_CHARS`].
    #[error(
        "a password needs at least {MIN_PASSWORD_CHARS} characters; several random words are a good one"
    )]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`].
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
}

/// The two sides did not come to one key: the passwords differ, or a message was made up or altered.
/// Which of these it was cannot be told, and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password is wrong")]
pub struct WrongPassword;

/// A password, wiped when it is dropped, and never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Takes the text as it is.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text; for sealing, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What every build demands of a new password; a node may demand more.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn check_policy(&self) -> Result<(), PasswordPolicyError> {
        if self.0.chars().count() < MIN_PASSWORD_CHARS {
            return Err(PasswordPolicyError::TooShort);
        }
        if self.0.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordPolicyError::TooLong);
        }
        Ok(())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a porter needs to check the password: neither the password nor a hash of it, but who has this
/// can try passwords by himself, at the price of Argon2 each.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PasswordFile {
    setup: Vec<u8>,
    file: Vec<u8>,
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordFile(…)")
    }
}

impl PasswordFile {
    /// Makes what is stored for a password. Slow: stretches it.
    ///
    /// # Errors
    /// [`PasswordPolicyError`].
    ///
    /// # Panics
    /// When 64 MiB of memory cannot be had.
    pub fn register(
        password: &Password,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, PasswordPolicyError> {
        password.check_policy()?;
        let mut rng = Older(rng);
        let text = password.expose().as_bytes();
        let setup = ServerSetup::<Suite>::new(&mut rng);
        let file = ClientRegistration::<Suite>::start(&mut rng, text)
            .and_then(|asked| {
                let answered =
                    ServerRegistration::<Suite>::start(&setup, asked.message, CREDENTIAL)?;
                let parameters =
                    ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&Stretch));
                asked
                    .state
                    .finish(&mut rng, text, answered.message, parameters)
            })
            .map(|finished| ServerRegistration::<Suite>::finish(finished.message))
            .expect("both sides are ours and the password is not empty");
        Ok(Self {
            setup: setup.serialize().to_vec(),
            file: file.serialize().to_vec(),
        })
    }

    /// Takes the two halves as they were stored, if they are such.
    #[must_use]
    pub fn from_parts(setup: &[u8], file: &[u8]) -> Option<Self> {
        (setup.len() == SETUP_BYTES && file.len() == FILE_BYTES).then_some(())?;
        ServerSetup::<Suite>::deserialize(setup).ok()?;
        ServerRegistration::<Suite>::deserialize(file).ok()?;
        Some(Self {
            setup: setup.to_vec(),
            file: file.to_vec(),
        })
    }

    /// The two halves, to be stored.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        (&self.setup, &self.file)
    }

    /// Answers a visitor's first message. `context` is what both sides must agree on besides.
    ///
    /// # Errors
    /// When the message is none.
    pub(super) fn challenge(
        &self,
        first: &[u8],
        context: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(Challenge, Vec<u8>), WrongPassword> {
        (first.len() == FIRST_BYTES)
            .then_some(())
            .ok_or(WrongPassword)?;
        let setup = ServerSetup::<Suite>::deserialize(&self.setup).map_err(|_| WrongPassword)?;
        let file =
            ServerRegistration::<Suite>::deserialize(&self.file).map_err(|_| WrongPassword)?;
        let request = CredentialRequest::<Suite>::deserialize(first).map_err(|_| WrongPassword)?;
        let started = ServerLogin::start(
            &mut Older(rng),
            &setup,
            Some(file),
            request,
            CREDENTIAL,
            agreed(context),
        )
        .map_err(|_| WrongPassword)?;
        let second = started.message.serialize().to_vec();
        Ok((Challenge(started.state), second))
    }
}

/// The porter's side of one attempt.
pub(super) struct Challenge(ServerLogin<Suite>);

impl Challenge {
    /// Checks the visitor's proof; gives the session key.
    pub(super) fn finish(self, third: &[u8], context: &[u8]) -> Result<SessionKey, WrongPassword> {
        (third.len() == THIRD_BYTES)
            .then_some(())
            .ok_or(WrongPassword)?;
        let third =
            CredentialFinalization::<Suite>::deserialize(third).map_err(|_| WrongPassword)?;
        let finished = self
            .0
            .finish(third, agreed(context))
            .map_err(|_| WrongPassword)?;
        Ok(SessionKey(finished.session_key.to_vec()))
    }
}

/// Known to the two sides of an attempt that succeeded, and to nobody else. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct SessionKey(Vec<u8>);

impl SessionKey {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The visitor's side of one attempt.
pub(super) struct Attempt {
    state: ClientLogin<Suite>,
    password: Password,
}

impl Attempt {
    /// Begins an attempt; gives the first message.
    pub(super) fn begin(
        password: &Password,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<u8>), WrongPassword> {
        let started = ClientLogin::<Suite>::start(&mut Older(rng), password.expose().as_bytes())
            .map_err(|_| WrongPassword)?;
        let first = started.message.serialize().to_vec();
        let attempt = Self {
            state: started.state,
            password: password.clone(),
        };
        Ok((attempt, first))
    }

    /// Takes the second message. What remains to be done is slow, and needs nothing else.
    pub(super) fn meet(self, second: Vec<u8>, context: Vec<u8>, seed: [u8; 32]) -> Stretching {
        Stretching {
            attempt: self,
            second,
            context,
            seed: Zeroizing::new(seed),
        }
    }
}

/// An attempt whose password is still to be stretched: a good part of a second of one processor.
pub(super) struct Stretching {
    attempt: Attempt,
    second: Vec<u8>,
    context: Vec<u8>,
    seed: Zeroizing<[u8; 32]>,
}

impl Stretching {
    /// Stretches the password and makes the proof.
    pub(super) fn run(self) -> Result<(Vec<u8>, SessionKey), WrongPassword> {
        use rand::SeedableRng;
        let mut rng = rand::rngs::StdRng::from_seed(*self.seed);
        (self.second.len() == SECOND_BYTES)
            .then_some(())
            .ok_or(WrongPassword)?;
        let second =
            CredentialResponse::<Suite>::deserialize(&self.second).map_err(|_| WrongPassword)?;
        let parameters = ClientLoginFinishParameters::new(
            Some(&self.context),
            Identifiers::default(),
            Some(&Stretch),
        );
        let Attempt { state, password } = self.attempt;
        let text = password.expose().as_bytes();
        let finished = state
            .finish(&mut Older(&mut rng), text, second, parameters)
            .map_err(|_| WrongPassword)?;
        let third = finished.message.serialize().to_vec();
        Ok((third, SessionKey(finished.session_key.to_vec())))
    }
}

fn agreed(context: &[u8]) -> ServerLoginParameters<'_, '_> {
    ServerLoginParameters {
        context: Some(context),
        identifiers: Identifiers::default(),
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn lengths_are_as_declared_and_only_the_right_password_leads_to_one_key() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let file = PasswordFile::register(&password("correct horse battery"), &mut rng).unwrap();
        let (setup, stored) = file.parts();
        assert_eq!((setup.len(), stored.len()), (SETUP_BYTES, FILE_BYTES));
        assert_eq!(PasswordFile::from_parts(setup, stored), Some(file.clone()));

        for (tried, right) in [
            ("correct horse battery", true),
            ("correct horse batterx", false),
        ] {
            let (attempt, first) = Attempt::begin(&password(tried), &mut rng).unwrap();
            assert_eq!(first.len(), FIRST_BYTES);
            let (challenge, second) = file.challenge(&first, b"context", &mut rng).unwrap();
            assert_eq!(second.len(), SECOND_BYTES);
            let met = attempt.meet(second, b"context".to_vec(), [1; 32]).run();
            assert_eq!(met.is_ok(), right, "{tried}");
            if let Ok((third, key)) = met {
                assert_eq!(third.len(), THIRD_BYTES);
                let theirs = challenge.finish(&third, b"context").unwrap();
                assert_eq!(key.bytes(), theirs.bytes());
            }
        }
    }

    #[test]
    fn a_proof_fits_neither_another_attempt_nor_another_context() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let right = password("correct horse battery");
        let file = PasswordFile::register(&right, &mut rng).unwrap();
        let (attempt, first) = Attempt::begin(&right, &mut rng).unwrap();
        let (one, second) = file.challenge(&first, b"here", &mut rng).unwrap();
        let (other, _) = file.challenge(&first, b"here", &mut rng).unwrap();
        let (third, _) = attempt
            .meet(second, b"here".to_vec(), [1; 32])
            .run()
            .unwrap();
        assert!(other.finish(&third, b"here").is_err(), "another attempt");
        assert!(one.finish(&third, b"here").is_ok());

        let (attempt, first) = Attempt::begin(&right, &mut rng).unwrap();
        let (_, second) = file.challenge(&first, b"here", &mut rng).unwrap();
        let elsewhere = attempt.meet(second, b"elsewhere".to_vec(), [1; 32]).run();
        assert!(elsewhere.is_err(), "another context");
    }

    #[test]
    fn a_password_is_neither_short_nor_endless_nor_printed() {
        let short = password("elevenchars");
        assert_eq!(short.check_policy(), Err(PasswordPolicyError::TooShort));
        let long = password(&"x".repeat(MAX_PASSWORD_BYTES + 1));
        assert_eq!(long.check_policy(), Err(PasswordPolicyError::TooLong));
        assert_eq!(password("twelve chars").check_policy(), Ok(()));
        assert!(!format!("{:?}", password("twelve chars")).contains("twelve"));
    }
}
