//! Are the system's buffers large enough for what arrives?
//!
//! All traffic of a node comes through one UDP socket. While the node is busy, datagrams wait in that
//! socket's buffer, whose size is `net.core.rmem_default`; what does not fit is dropped and has to be
//! sent again. `net.core.rmem_max` bounds what a program may ask for instead.

use std::{fs, path::Path};

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// What Linux gives by itself, about 160 datagrams. Less is a setting somebody made.
pub const LEAST_BYTES: u64 = 208 * 1_024;
const ENLARGE: &str =
    "sysctl -w net.core.rmem_default=4194304 net.core.rmem_max=4194304; then start the node again";

/// Looks at the system's settings below `proc` (`/proc`), and at what the sockets with these ports have
/// dropped.
#[must_use]
pub fn check(proc: &Path, ports: &[u16]) -> Finding {
    let read = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(proc.join("sys/net/core").join(name)).ok()?;
        text.trim().parse().ok()
    };
    let (Some(default), Some(most)) = (read("rmem_default"), read("rmem_max")) else {
        return Finding::ok(Check::Buffers, "this system does not tell");
    };
    let kind = ErrorKind::Unavailable;
    let sizes = format!("net.core.rmem_default is {default} bytes, rmem_max {most}");
    if default.min(most) < LEAST_BYTES {
        let detail = format!("{sizes}: too small, {LEAST_BYTES} are needed");
        return Finding::warning(Check::Buffers, kind, detail, ENLARGE);
    }
    match dropped(proc, ports) {
        0 => Finding::ok(Check::Buffers, format!("{sizes}, and nothing was dropped")),
        dropped => {
            let detail = format!("{dropped} datagrams did not fit and were dropped: {sizes}");
            Finding::warning(Check::Buffers, kind, detail, ENLARGE)
        }
    }
}

/// Sums the last column, `drops`, of the lines with our ports.
fn dropped(proc: &Path, ports: &[u16]) -> u64 {
    let tables = ["net/udp", "net/udp6"];
    let text: String = tables
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .collect();
    let ours = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, port) = words.get(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        ports
            .contains(&port)
            .then(|| words.last()?.parse::<u64>().ok())?
    };
    text.lines().filter_map(ours).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    #[test]
    fn small_buffers_and_dropped_datagrams_are_named() {
        let proc = tempfile::tempdir().unwrap();
        let core = proc.path().join("sys/net/core");
        fs::create_dir_all(&core).unwrap();
        fs::create_dir_all(proc.path().join("net")).unwrap();
        fs::write(core.join("rmem_default"), "212992\n").unwrap();
        fs::write(core.join("rmem_max"), "212992\n").unwrap();
        let header = "   sl  local_address rem_address   st drops\n";
        let line =
            |port: u16, drops: u64| format!(" 7: 00000000:{port:04X} 00000000:0000 07 {drops}\n");
        let table = format!("{header}{}{}", line(3587, 12), line(53, 900));
        fs::write(proc.path().join("net/udp"), table).unwrap();
        assert_eq!(check(proc.path(), &[]).level, Level::Ok);
        let found = check(proc.path(), &[3587]);
        assert_eq!(found.level, Level::Warning);
        assert!(found.detail.starts_with("12 datagrams"), "{}", found.detail);
        fs::write(core.join("rmem_max"), "8192\n").unwrap();
        let found = check(proc.path(), &[]);
        assert!(found.detail.contains("8192: too small"), "{}", found.detail);
        assert!(found.next_step.unwrap().contains("rmem_max="));
    }
}
