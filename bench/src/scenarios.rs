//! The scenarios: each runs Peerage and its rivals in turns and says how they relate.

pub(crate) mod direct;
pub(crate) mod events;
pub(crate) mod exclude;
pub(crate) mod flood;
pub(crate) mod nodes;
pub(crate) mod store;

/// Reads seconds, or a rate, from the command line.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1e6 => Ok(value),
        Ok(_) => Err("is above 0 and at most a million".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
