//! Scenarios that measure Peerage against named baselines.
fn main() {}
