//! Processes that were looked at and carry nothing: the next scans only ask whether they changed.
//!
//! Reading what a process maps costs some 50 µs, and nearly all processes of a machine carry
//! nothing, scan after scan. A mapping that comes or goes changes the size of the address space;
//! another program has another executable, another process another directory in `/proc`. What all that misses (a
//! library that is mapped while as much is unmapped) a full look finds, which every process
//! gets once in [`SWEEP`] scans.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;

use rustix::fs::stat;

/// Scans after which a process is looked at in any case.
const SWEEP: u64 = 24;

/// What tells that a process maps what it mapped when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The inode of its directory in `/proc`: another process with this pid has another. (A
    /// directory that falls out of the kernel's cache comes back with a new one, too; that only
    /// costs a look. The start time would cost more to ask for than everything here.)
    directory: u64,
    memory_pages: u64,
    /// Where it has one that this user may ask for.
    executable: Option<Executable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Executable {
    device: u64,
    inode: u64,
    modified: (i64, u64),
}

/// The processes that carry nothing.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    marks: HashMap<u32, (Mark, u64)>,
    scan: u64,
}

impl Mark {
    /// Of the process as it is now; `None` if it cannot be asked.
    pub fn now(pid: u32) -> Option<Self> {
        let directory = stat(format!("/proc/{pid}")).ok()?.st_ino;
        let memory_pages = memory_pages(pid)?;
        let executable = stat(format!("/proc/{pid}/exe")).ok();
        Some(Self {
            directory,
            memory_pages,
            executable: executable.map(|file| Executable {
                device: file.st_dev,
                inode: file.st_ino,
                modified: (file.st_mtime, file.st_mtime_nsec as u64),
            }),
        })
    }

    /// It is a kernel thread, or has ended and waits for its parent.
    pub fn has_no_memory(&self) -> bool {
        self.memory_pages == 0
    }
}

/// The first number of `/proc/PID/statm`: the size of the address space.
fn memory_pages(pid: u32) -> Option<u64> {
    let mut line = [0; 128];
    let bytes = File::open(format!("/proc/{pid}/statm"))
        .ok()?
        .read(&mut line)
        .ok()?;
    let text = std::str::from_utf8(&line[..bytes]).ok()?;
    text.split(' ').next()?.parse().ok()
}

impl Quiet {
    /// A scan begins.
    pub fn begin(&mut self) {
        self.scan += 1;
    }

    /// A scan is over: forgets the processes that it did not meet.
    pub fn end(&mut self) {
        self.marks.retain(|_, (_, scan)| *scan == self.scan);
    }

    /// The process is as it was when it carried nothing, and not due for a full look.
    pub fn is_unchanged(&mut self, pid: u32, mark: Option<Mark>) -> bool {
        let is_due = (u64::from(pid) + self.scan).is_multiple_of(SWEEP);
        let known = self.marks.get_mut(&pid);
        let Some((_, scan)) = known.filter(|(known, _)| !is_due && Some(*known) == mark) else {
            return false;
        };
        *scan = self.scan;
        true
    }

    /// The process was looked at and carries nothing. The mark is from before the look, so that
    /// what was mapped meanwhile is seen as a change.
    pub fn remember(&mut self, pid: u32, mark: Option<Mark>) {
        if let Some(mark) = mark {
            self.marks.insert(pid, (mark, self.scan));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark {
        directory: 5,
        memory_pages: 4,
        executable: Some(Executable {
            device: 1,
            inode: 2,
            modified: (3, 4),
        }),
    };
    const PID: u32 = 1;

    fn quiet() -> Quiet {
        let mut quiet = Quiet::default();
        quiet.begin();
        quiet.remember(PID, Some(MARK));
        quiet.end();
        quiet.begin();
        quiet
    }

    #[test]
    fn whatever_changes_asks_for_a_look() {
        assert!(quiet().is_unchanged(PID, Some(MARK)));
        let executable = MARK
            .executable
            .map(|known| Executable { inode: 3, ..known });
        for changed in [
            None,
            Some(Mark {
                directory: 6,
                ..MARK
            }),
            Some(Mark {
                memory_pages: 8,
                ..MARK
            }),
            Some(Mark { executable, ..MARK }),
            Some(Mark {
                executable: None,
                ..MARK
            }),
        ] {
            assert!(!quiet().is_unchanged(PID, changed), "{changed:?}");
        }
        assert!(!quiet().is_unchanged(PID + 1, Some(MARK)), "never met");
    }

    #[test]
    fn every_process_is_looked_at_once_in_a_sweep() {
        let mut quiet = quiet();
        let mut looks = 0;
        for _ in 0..3 * SWEEP {
            if !quiet.is_unchanged(PID, Some(MARK)) {
                looks += 1;
                quiet.remember(PID, Some(MARK));
            }
            quiet.end();
            quiet.begin();
        }
        assert_eq!(looks, 3);
    }

    #[test]
    fn a_process_that_a_scan_did_not_meet_is_forgotten() {
        let mut quiet = quiet();
        quiet.end();
        assert!(quiet.marks.is_empty());
    }

    #[test]
    fn the_mark_of_a_process_stays_until_it_maps_more() {
        let own = std::process::id();
        let mut before = Mark::now(own);
        assert!(before.is_some_and(|mark| !mark.has_no_memory()));
        let largest = std::iter::successors(Some(1_usize << 22), |bytes| Some(bytes * 2));
        // An allocator may answer small wishes from what it has mapped.
        let grown = largest.take(8).any(|bytes| {
            let more = vec![1_u8; bytes];
            let now = std::mem::replace(&mut before, Mark::now(own));
            std::hint::black_box(&more);
            now != before
        });
        assert!(grown);
        assert_eq!(Mark::now(u32::MAX), None);
    }
}
