//! What this process has used of the machine so far, as Linux counts it.

use std::{fs, time::Instant};

/// Ticks per second of the times in `/proc/self/stat`: part of Linux's ABI on every common machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// Fields of `/proc/self/stat` after the name of the program.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// A reading. Where the system does not tell, a count stays 0 and wire bytes are absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    at: Instant,
    cpu_seconds: f64,
    rss_kib: f64,
    wire_bytes: Option<f64>,
}

/// What was used between two readings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    /// User and system time of all threads, to 10 ms.
    pub(crate) cpu_seconds: f64,
    /// Growth of the resident set.
    pub(crate) rss_kib: f64,
    /// What went over the loopback device: of the whole machine, not only of this process.
    pub(crate) wire_bytes: Option<f64>,
}

impl Usage {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            cpu_seconds: cpu_seconds().unwrap_or_default(),
            rss_kib: rss_kib().unwrap_or_default(),
            wire_bytes: loopback_bytes(),
        }
    }

    /// What was used since then.
    pub(crate) fn used(&self) -> Used {
        let now = Self::now();
        Used {
            seconds: now.at.duration_since(self.at).as_secs_f64(),
            cpu_seconds: now.cpu_seconds - self.cpu_seconds,
            rss_kib: now.rss_kib - self.rss_kib,
            wire_bytes: now
                .wire_bytes
                .zip(self.wire_bytes)
                .map(|(now, before)| now - before),
        }
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may contain spaces and brackets.
    let fields: Vec<&str> = stat
        .get(stat.rfind(')')? + 1..)?
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(USER_TICKS)? + ticks(SYSTEM_TICKS)?) / TICKS_PER_SECOND)
}

fn rss_kib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn loopback_bytes() -> Option<f64> {
    let devices = fs::read_to_string("/proc/net/dev").ok()?;
    let line = devices
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_as_cpu_time() {
        let before = Usage::now();
        let mut sum = 0_u64;
        while before.at.elapsed().as_millis() < 200 {
            sum = std::hint::black_box(sum.wrapping_mul(3).wrapping_add(1));
        }
        let used = before.used();
        assert!(used.cpu_seconds > 0.0, "{used:?}");
        assert!(rss_kib().unwrap_or_default() > 0.0);
        assert!(used.wire_bytes.is_some());
    }
}
