//! The `peerage` daemon and command line.
fn main() {}
