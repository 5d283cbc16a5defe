//! What the doctor finds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorKind;

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorReport {
    /// Whether there is no problem. There may be warnings.
    pub healthy: bool,
    /// One entry or more per check.
    pub findings: Vec<Finding>,
}

impl DoctorReport {
    /// A report of these findings, the worst first; those alike stay in their order.
    #[must_use]
    pub fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        Self {
            healthy: findings.iter().all(|found| found.level < Level::Problem),
            findings,
        }
    }

    /// The findings that are worth telling by themselves.
    pub fn troubles(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.level > Level::Ok)
    }
}

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub level: Level,
    /// What to do about it, as of an error; absent when nothing need be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The group it is about, as a peer name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What was found, for people.
    pub detail: String,
    /// What to do next, most often a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(check: Check, detail: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            kind: None,
            group: None,
            detail: detail.into(),
            next_step: None,
        }
    }

    /// It works, but may not for long.
    #[must_use]
    pub fn warning(
        check: Check,
        kind: ErrorKind,
        detail: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            kind: Some(kind),
            next_step: Some(next_step.into()),
            ..Self::ok(check, detail)
        }
    }

    /// Something does not work.
    #[must_use]
    pub fn problem(
        check: Check,
        kind: ErrorKind,
        detail: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(check, kind, detail, next_step)
        }
    }

    /// The same, about a group.
    #[must_use]
    pub fn of_group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }
}

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Ok,
    /// It works, but may not for long, or not as well as it could.
    Warning,
    /// Something does not work.
    Problem,
}

/// What the doctor looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// The configuration file, `PEERAGE_…` and the flags.
    Configuration,
    /// What else is in the environment.
    Environment,
    /// The data folder: whose it is, and who may read it.
    Folder,
    /// The files in it.
    Files,
    /// The running daemon and its socket.
    Daemon,
    /// The node's own key: whether another node runs with it.
    NodeKey,
    /// Where the node listens.
    Port,
    /// Room on the disk.
    Disk,
    /// Whether the clock is right.
    Clock,
    /// The system's buffers for what arrives.
    Buffers,
    /// How many files may be open.
    OpenFiles,
    /// The nodes to enter the cloud through.
    Bootstrap,
    /// The memberships of our identities.
    Credentials,
    /// Whether other members are found.
    Members,
    /// Whether records come in line with the neighbours'.
    Synchronisation,
}

impl Check {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Environment => "environment",
            Self::Folder => "folder",
            Self::Files => "files",
            Self::Daemon => "daemon",
            Self::NodeKey => "node_key",
            Self::Port => "port",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Buffers => "buffers",
            Self::OpenFiles => "open_files",
            Self::Bootstrap => "bootstrap",
            Self::Credentials => "credentials",
            Self::Members => "members",
            Self::Synchronisation => "synchronisation",
        }
    }
}
