//! Would something in the environment give secrets away?

use std::ffi::OsString;

use crate::{
    Error,
    model::{Check, Finding},
};

/// The variable in which the TLS library looks for a file to write the keys of every connection to.
pub const KEY_LOG: &str = "SSLKEYLOGFILE";

/// The variable must not be set: `peerage up` refuses to start.
///
/// # Errors
/// [`Error::UnsafeEnvironment`].
pub fn refuse_key_log(value: Option<OsString>) -> Result<(), Error> {
    match value {
        Some(value) if !value.is_empty() => Err(Error::UnsafeEnvironment {
            variable: KEY_LOG,
            reason: "the keys of every connection would be written to that file",
        }),
        _ => Ok(()),
    }
}

/// The same, as a finding.
#[must_use]
pub fn check(env: &dyn Fn(&str) -> Option<OsString>) -> Finding {
    match refuse_key_log(env(KEY_LOG)) {
        Ok(()) => Finding::ok(Check::Environment, "nothing in it gives secrets away"),
        Err(error) => Finding::problem(
            Check::Environment,
            error.kind(),
            error.to_string(),
            error.next_step(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_log_is_refused() {
        assert!(refuse_key_log(None).is_ok());
        assert!(refuse_key_log(Some(OsString::new())).is_ok());
        let error = refuse_key_log(Some("/tmp/keys".into())).unwrap_err();
        assert_eq!(error.code(), "unsafe_environment");
        assert!(error.next_step().contains(KEY_LOG));
    }
}
