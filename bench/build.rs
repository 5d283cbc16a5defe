//! Notes with what the harness is built, so that every report can say so.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    note("RUSTC", version.trim());
    for (name, variable) in [
        ("TARGET", "TARGET"),
        ("OPT_LEVEL", "OPT_LEVEL"),
        ("TARGET_FEATURES", "CARGO_CFG_TARGET_FEATURE"),
    ] {
        note(name, &env::var(variable).unwrap_or_default());
    }
}

fn note(name: &str, value: &str) {
    println!("cargo::rustc-env=PEERAGE_BENCH_{name}={value}");
}
