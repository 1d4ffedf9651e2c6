//! Who we are and how root is had: as root already, through sudo, or not at all.
//!
//! Asked by the package installer, by `run` for the observer and by the kernel and end-to-end
//! layers. It never runs anything as root by itself.

use std::io::IsTerminal;

use crate::command::Invocation;
use crate::runner;

/// How a call gets root's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// We are root.
    Root,
    /// sudo is there; `prompt` says whether it may ask for a password.
    Sudo {
        /// Whether a password may be asked for on the terminal.
        prompt: bool,
    },
    /// Neither.
    None,
}

impl Privilege {
    /// Finds out, without asking for a password.
    pub fn find() -> Self {
        if rustix::process::geteuid().is_root() {
            return Self::Root;
        }
        if runner::find_program("sudo").is_none() {
            return Self::None;
        }
        if runner::ask(&Invocation::new("sudo").args(["-n", "true"])).is_some() {
            return Self::Sudo { prompt: false };
        }
        if std::io::stdin().is_terminal() {
            Self::Sudo { prompt: true }
        } else {
            Self::None
        }
    }

    /// `invocation` with root's rights; `None` where there is no way to them.
    pub fn raise(self, invocation: Invocation) -> Option<Invocation> {
        match self {
            Self::Root => Some(invocation),
            Self::Sudo { prompt } => Some(invocation.through_sudo(prompt)),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_calls_directly_and_others_through_sudo_or_not_at_all() {
        let call = || Invocation::new("apt-get").arg("update");
        assert_eq!(Privilege::Root.raise(call()), Some(call()));
        let raised = Privilege::Sudo { prompt: true }.raise(call()).unwrap();
        assert_eq!(raised.to_string(), "sudo env apt-get update");
        assert_eq!(Privilege::None.raise(call()), None);
    }
}
