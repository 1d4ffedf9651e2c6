//! Where a parked task is: the addresses on its stack, and, with the feature `symbols`, their names.

use std::fmt;
use std::ops::Range;

use super::Task;
use crate::ledger::stall;
use crate::task::inspection::{Inspected, inspect};

/// Where a parked task is, innermost first. Shown as one line for each frame: by function, file and
/// line with the feature `symbols`, by address without it.
///
/// The first address is that of the park itself, inlined into what called it, so that with debug
/// information it shows as several functions. The callers are found by frame pointers: build with
/// `-C force-frame-pointers=yes` for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    addresses: Vec<u64>,
}

/// What is executable in this process.
pub(super) struct Code(Vec<Range<u64>>);

impl Code {
    /// As it is now.
    pub(super) fn now() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Self(maps.lines().filter_map(executable).collect())
    }

    fn contains(&self, address: u64) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The stack of a task, if it is parked as it was when it was looked at.
    pub(super) fn stack_of(&self, task: &Task) -> Option<Stack> {
        let slot = task.id.slot();
        let walk = |task: &Inspected| task.frames(|address| self.contains(address));
        let addresses = inspect(slot, walk)?;
        (stall::word(slot) == task.word).then_some(Stack { addresses })
    }
}

/// The range of a line like `55d0e2f3a000-55d0e2f9b000 r-xp …`.
fn executable(line: &str) -> Option<Range<u64>> {
    let mut words = line.split(' ');
    let (start, end) = words.next()?.split_once('-')?;
    let is_executable = words.next()?.as_bytes().get(2) == Some(&b'x');
    let address = |text| u64::from_str_radix(text, 16).ok();
    is_executable.then_some(address(start)?..address(end)?)
}

impl Stack {
    /// Addresses of code: of the park, and then those to which the functions return.
    #[must_use]
    pub fn addresses(&self) -> &[u64] {
        &self.addresses
    }
}

#[cfg(not(feature = "symbols"))]
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for address in &self.addresses {
            writeln!(f, "    at {address:#x}")?;
        }
        Ok(())
    }
}

#[cfg(feature = "symbols")]
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in super::symbols::lines(&self.addresses) {
            writeln!(f, "    at {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executable_is_read_from_the_kernels_list() {
        let code = executable("55d0e2f3a000-55d0e2f9b000 r-xp 0002a000 08:01 42 /bin/a b");
        assert_eq!(code, Some(0x55d0_e2f3_a000..0x55d0_e2f9_b000));
        assert_eq!(executable("7f21c4000000-7f21c4021000 rw-p 0 00:00 0"), None);
        assert_eq!(executable("nonsense"), None);
    }
}
