//! Names of code addresses of a live process, for those who have stacks already.

use std::path::Path;

use super::debug_file::DEBUG_FILES;
use super::modules::Modules;
use super::symbols::{Frame, Symbols};

/// Names the addresses of one process. Its files are opened at the beginning, and looked for anew
/// when an address is in none of them: a library may have been loaded since.
///
/// What it reads is a stranger's, and may make it slow or panic: see the module.
pub struct Names {
    pid: u32,
    modules: Modules,
    symbols: Symbols,
}

impl Names {
    /// Of this process, as this mount of `/proc` shows it. Of one that has ended, nothing has a name.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self {
            pid,
            modules: Modules::or_none(pid).unwrap_or_default(),
            symbols: Symbols::new(Path::new(DEBUG_FILES)),
        }
    }

    /// The functions at these addresses, each time the innermost first; at least one frame each.
    pub fn frames(&mut self, addresses: &[u64]) -> Vec<Vec<Frame>> {
        let is_missing = |address: &u64| self.modules.find(*address).is_none();
        if addresses.iter().any(is_missing)
            && let Some(modules) = Modules::or_none(self.pid)
        {
            // Descriptors of the old ones may be used again.
            (self.modules, self.symbols) = (modules, Symbols::new(Path::new(DEBUG_FILES)));
        }
        let frames = addresses.iter();
        frames
            .map(|address| self.symbols.frames(&self.modules, *address))
            .collect()
    }
}
