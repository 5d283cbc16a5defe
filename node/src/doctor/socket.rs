//! Does a daemon answer?

use std::{
    fs,
    io::{self, Read},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

const START: &str = "start it: peerage up";

/// Knocks at the socket; with nobody there, says what is in its place.
#[must_use]
pub fn check(socket: &Path, folder: &Path) -> Finding {
    let shown = socket.display();
    let Err(error) = UnixStream::connect(socket) else {
        return Finding::ok(Check::Daemon, format!("answers on {shown}"));
    };
    if let Some(pid) = holder(folder) {
        return Finding::problem(
            Check::Daemon,
            ErrorKind::Unavailable,
            format!("process {pid} uses the data folder, but nobody answers on {shown}"),
            format!("name its socket with --socket, or see what it does: ps -p {pid}"),
        );
    }
    let is_socket = fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    match error.kind() {
        io::ErrorKind::NotFound => Finding::problem(
            Check::Daemon,
            ErrorKind::Unavailable,
            format!("no daemon runs: there is no socket {shown}"),
            START,
        ),
        io::ErrorKind::PermissionDenied => Finding::problem(
            Check::Daemon,
            ErrorKind::NotAuthorised,
            format!("the socket {shown} belongs to somebody else"),
            "run as the owner of the data folder, or name another with --socket",
        ),
        io::ErrorKind::ConnectionRefused if is_socket => Finding::problem(
            Check::Daemon,
            ErrorKind::Unavailable,
            format!("no daemon runs: the socket {shown} was left behind by one that died"),
            format!("{START} (it replaces the socket)"),
        ),
        _ if !is_socket => Finding::problem(
            Check::Daemon,
            ErrorKind::FixInput,
            format!("{shown} is not a socket"),
            "choose another path with --socket",
        ),
        _ => Finding::problem(
            Check::Daemon,
            ErrorKind::Unavailable,
            format!("{shown}: {error}"),
            START,
        ),
    }
}

/// The process that has the data folder, if one does.
fn holder(folder: &Path) -> Option<u32> {
    let lock = fs::File::open(folder.join("lock")).ok()?;
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            lock.take(16).read_to_string(&mut text).ok()?;
            text.trim().parse().ok()
        }
        // Nobody has it; ours ends with the file.
        _ => None,
    }
}
