//! What every file of ours says of itself first: what it is, and in which form.

use serde::Deserialize;

use super::sealed::invalid;
use crate::Result;

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// Refuses what is another kind of file, or has a form that this build does not know; `what` is what it
/// should be, for people.
pub(crate) fn check_head(json: &[u8], format: &str, version: u32, what: &str) -> Result<()> {
    let head: Head = serde_json::from_slice(json).map_err(|error| invalid(what, error))?;
    if head.format != format {
        return Err(invalid(what, "it is something else"));
    }
    if head.version != version {
        let reason = format!(
            "it has version {}, which this build does not know",
            head.version
        );
        return Err(invalid(what, reason));
    }
    Ok(())
}
