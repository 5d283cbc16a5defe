//! Where and of what: the machine, and the program as it was built.

use std::{collections::BTreeMap, fs, thread};

use serde::{Deserialize, Serialize};

/// What every figure depends on besides the code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Processes that wanted a core over the last minute, when the scenario began.
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let load = read("/proc/loadavg");
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_mib: field("/proc/meminfo", "MemTotal")
                .split_whitespace()
                .next()
                .and_then(|kib| kib.parse::<u64>().ok())
                .unwrap_or_default()
                / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load.split_whitespace().next().unwrap_or("?").to_owned(),
        }
    }
}

/// What the program was built with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) version: String,
    pub(crate) rustc: String,
    pub(crate) target: String,
    /// Of our own crates; dependencies are always optimised.
    pub(crate) opt_level: String,
    pub(crate) target_features: String,
    /// Of the packages whose speed is measured here.
    pub(crate) packages: BTreeMap<String, String>,
}

/// The lock file of this very build.
const LOCK_FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
/// Packages a figure may depend on.
const PACKAGES: [&str; 14] = [
    "curve25519-dalek",
    "ed25519-dalek",
    "libp2p",
    "libp2p-gossipsub",
    "libp2p-quic",
    "librocksdb-sys",
    "negentropy",
    "quinn",
    "quinn-proto",
    "rocksdb",
    "rustls",
    "serde_cbor_2",
    "sha2",
    "tokio",
];

impl Build {
    pub(crate) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rustc: env!("PEERAGE_BENCH_RUSTC").to_owned(),
            target: env!("PEERAGE_BENCH_TARGET").to_owned(),
            opt_level: env!("PEERAGE_BENCH_OPT_LEVEL").to_owned(),
            target_features: env!("PEERAGE_BENCH_TARGET_FEATURES").to_owned(),
            packages: PACKAGES
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), locked(LOCK_FILE, name)?)))
                .collect(),
        }
    }

    /// Whether figures of this build may be quoted.
    pub(crate) fn is_optimised(&self) -> bool {
        self.opt_level == "3"
    }
}

/// The versions of a package in a lock file.
fn locked(lock_file: &str, name: &str) -> Option<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock_file.lines();
    let mut versions = Vec::new();
    while let Some(line) = lines.next() {
        if line == wanted {
            let version = lines.next()?.strip_prefix("version = ")?;
            versions.push(version.trim_matches('"').to_owned());
        }
    }
    (!versions.is_empty()).then(|| versions.join(", "))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first `name : value` line.
fn field(path: &str, name: &str) -> String {
    read(path)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(field, _)| field.trim() == name)
        .map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_what_is_measured_are_known() {
        let build = Build::this();
        for name in ["libp2p", "rocksdb", "ed25519-dalek"] {
            assert!(build.packages.contains_key(name), "{name} in {build:?}");
        }
        assert!(build.rustc.starts_with("rustc "), "{}", build.rustc);
    }

    #[test]
    fn a_package_locked_twice_shows_both_versions() {
        let lock = "name = \"a\"\nversion = \"1.0.0\"\n\nname = \"a\"\nversion = \"2.1.0\"\n";
        assert_eq!(locked(lock, "a").as_deref(), Some("1.0.0, 2.1.0"));
        assert_eq!(locked(lock, "b"), None);
    }
}
