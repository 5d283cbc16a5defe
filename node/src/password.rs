//! What a new password of a group has to be like.
//!
//! Length is not strength: every member of the group can try passwords on what the members keep, so
//! one that a guesser tries early is none.

use peerage_protocol::door::password::Password;
use zxcvbn::{Score, zxcvbn};

use crate::{Error, Result};

/// What zxcvbn must say of it: "safely unguessable", more than a hundred million guesses.
const MIN_SCORE: Score = Score::Three;
/// As much of a password as is looked at; the check takes time that grows with the square.
const MAX_CHECKED_CHARS: usize = 100;

/// Checks a password somebody has chosen for a group. `known` are words a guesser tries first, such as
/// the group's name.
///
/// # Errors
/// [`Error::PasswordPolicy`].
pub(crate) fn check(password: &Password, known: &[&str]) -> Result<()> {
    password
        .check_policy()
        .map_err(|error| Error::PasswordPolicy {
            reason: error.to_string(),
        })?;
    let text: String = password.expose().chars().take(MAX_CHECKED_CHARS).collect();
    let text = zeroize::Zeroizing::new(text);
    let strength = zxcvbn(&text, known);
    if strength.score() >= MIN_SCORE {
        return Ok(());
    }
    let hint = strength
        .feedback()
        .and_then(|feedback| feedback.warning())
        .map(|warning| format!(": {warning}"));
    Err(Error::PasswordPolicy {
        reason: format!("it is easily guessed{}", hint.unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_early_is_no_password() {
        let group = ["chess club of springfield"];
        for weak in [
            "",
            "short",
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "qwertyuiopasdfgh",
            "chess club of springfield",
        ] {
            let error = check(&Password::new(weak.to_owned()), &group).unwrap_err();
            assert_eq!(error.code(), "password_does_not_meet_policy", "{weak}");
            let shown = weak.is_empty() || !error.to_string().contains(weak);
            assert!(shown, "the password is not repeated");
        }
        for strong in ["quiet lamp seven onions", "k9#Tq2!vBz0m"] {
            check(&Password::new(strong.to_owned()), &group).unwrap();
        }
    }
}
