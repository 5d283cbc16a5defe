//! May the process open enough files?

use rustix::process::{Resource, getrlimit};

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// The record store opens up to 128 files; requests, streams and what a start needs come on top.
pub const LEAST: u64 = 256;
/// As many as requests, streams and the store may need at once.
pub const COMFORTABLE: u64 = 1_024;

/// Looks at the limit of this process.
#[must_use]
pub fn check() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) => judge(limit),
        None => Finding::ok(Check::OpenFiles, "no limit"),
    }
}

fn judge(limit: u64) -> Finding {
    let detail = format!("{limit} files may be open at once");
    let next = "allow more before the node starts: ulimit -n 4096 (LimitNOFILE= in a service)";
    let kind = ErrorKind::Unavailable;
    if limit < LEAST {
        let detail = format!("only {detail}, {LEAST} are needed");
        Finding::problem(Check::OpenFiles, kind, detail, next)
    } else if limit < COMFORTABLE {
        let detail = format!("{detail}, fewer than the {COMFORTABLE} of a busy node");
        Finding::warning(Check::OpenFiles, kind, detail, next)
    } else {
        Finding::ok(Check::OpenFiles, detail)
    }
}
