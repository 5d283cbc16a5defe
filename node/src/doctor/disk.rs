//! Is there room on the disk?

use std::path::Path;

use rustix::fs::statvfs;

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// With less, a write may fail at any time: what the record store writes ahead is this large.
pub const LEAST: Room = Room { bytes: 64 << 20 };
/// With less it is time to do something.
pub const COMFORTABLE: Room = Room { bytes: 512 << 20 };

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Room {
    /// Bytes we may still write.
    pub bytes: u64,
}

/// Looks at the disk with this folder, or the nearest one above it that exists.
#[must_use]
pub fn check(folder: &Path, least: Room, comfortable: Room) -> Finding {
    let Some(existing) = folder.ancestors().find(|path| path.exists()) else {
        return Finding::ok(Check::Disk, "nothing to look at yet");
    };
    let found = match statvfs(existing) {
        Ok(found) => found,
        Err(error) => {
            return Finding::warning(
                Check::Disk,
                ErrorKind::Unavailable,
                format!("{}: {error}", existing.display()),
                format!("look yourself: df -h '{}'", existing.display()),
            );
        }
    };
    let free = Room {
        bytes: found.f_bavail.saturating_mul(found.f_frsize),
    };
    let next = format!("free some space: df -h '{}'", existing.display());
    // Some file systems do not count files.
    if found.f_files > 0 && found.f_favail == 0 {
        let detail = format!("no more files fit on the disk of {}", folder.display());
        return Finding::problem(Check::Disk, ErrorKind::Unavailable, detail, next);
    }
    let detail = format!("{} free for {}", in_units(free.bytes), folder.display());
    if free < least {
        Finding::problem(
            Check::Disk,
            ErrorKind::Unavailable,
            format!("full: {detail}"),
            next,
        )
    } else if free < comfortable {
        Finding::warning(
            Check::Disk,
            ErrorKind::Unavailable,
            format!("nearly full: {detail}"),
            next,
        )
    } else {
        Finding::ok(Check::Disk, detail)
    }
}

fn in_units(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}
