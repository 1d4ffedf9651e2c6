//! Why a process could not be examined.

use rustix::io::Errno;

/// Why a process could not be examined. One that has ended is not among the reasons.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamineError {
    /// The observer may not look at this process.
    #[error("pid {pid}: not allowed to read {what}")]
    Denied {
        /// The process.
        pid: u32,
        /// What was to be read.
        what: &'static str,
    },
    /// The kernel answered with an error.
    #[error("pid {pid}: cannot read {what}: {source}")]
    Read {
        /// The process.
        pid: u32,
        /// What was to be read.
        what: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// None of the files that were looked at carries probes, and there are more.
    #[error("pid {pid}: maps more files than are looked at, none of these carries probes")]
    TooManyFiles {
        /// The process.
        pid: u32,
    },
}

impl ExamineError {
    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match self {
            Self::Denied { pid, .. } | Self::Read { pid, .. } | Self::TooManyFiles { pid } => *pid,
        }
    }

    pub(super) fn new(pid: u32, what: &'static str, error: Errno) -> Self {
        match error {
            Errno::PERM | Errno::ACCESS => Self::Denied { pid, what },
            _ => Self::Read {
                pid,
                what,
                source: error.into(),
            },
        }
    }
}
