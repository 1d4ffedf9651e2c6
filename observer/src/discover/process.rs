//! One process, as `/proc` shows it.
//!
//! Everything is read through one descriptor of `/proc/PID`: it stays with the process that
//! it was opened for, and answers that there is none when the pid is another's.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A process: a pid is reused, a pid with its start time is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId {
    /// The thread group's id, as this mount of `/proc` shows it.
    pub pid: u32,
    /// Clock ticks from boot to its start.
    pub start_time: u64,
}

/// Flag of kernel threads in a process's `stat`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Most bytes of a file in `/proc` that are read; a map line has about 100.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// What a process's `stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub start_time: u64,
    pub kernel_thread: bool,
    /// It has ended and waits for its parent.
    pub ended: bool,
}

impl Stat {
    /// The process has memory of its own.
    pub fn has_maps(self) -> bool {
        !self.kernel_thread && !self.ended
    }
}

/// An open `/proc/PID`.
#[derive(Debug)]
pub(super) struct ProcessDirectory {
    pid: u32,
    directory: OwnedFd,
}

impl ProcessDirectory {
    pub fn open(pid: u32) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty())?;
        Ok(Self { pid, directory })
    }

    pub fn stat(&self, buffer: &mut Vec<u8>) -> Result<Stat, Errno> {
        self.read("stat", buffer)?;
        parse_stat(buffer).ok_or(Errno::INVAL)
    }

    /// The path of the executable as the process sees it, without the mark of a deleted file.
    pub fn exe(&self) -> Result<String, Errno> {
        let link = readlinkat(&self.directory, "exe", Vec::new())?;
        let path = link.to_string_lossy();
        Ok(path.strip_suffix(" (deleted)").unwrap_or(&path).to_owned())
    }

    /// Reads a file of the directory into the buffer, which is emptied first.
    pub fn read(&self, name: &str, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        buffer.clear();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = File::from(openat(&self.directory, name, flags, Mode::empty())?);
        file.take(MAX_BYTES)
            .read_to_end(buffer)
            .map(|_| ())
            .map_err(|error| errno(&error))
    }

    /// A pidfd of this process, and not of one that has its pid now.
    pub fn pidfd(&self, buffer: &mut Vec<u8>) -> Result<OwnedFd, Errno> {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        // It had not ended after the pidfd was opened, so its pid was not another's before.
        self.read("stat", buffer)?;
        Ok(pidfd)
    }
}

impl AsFd for ProcessDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// The process has ended, or the pid was never one.
pub(super) fn has_ended(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::SRCH)
}

pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// The state, flags (field 9) and start time (field 22). The command (field 2) is in brackets
/// and may hold anything, brackets and spaces too.
fn parse_stat(text: &[u8]) -> Option<Stat> {
    let end_of_command = text.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(&text[end_of_command + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    let start_time = fields.nth(12)?.parse().ok()?;
    let ended = matches!(state, "Z" | "X");
    Some(Stat {
        start_time,
        kernel_thread: flags & KERNEL_THREAD != 0,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_and_spaces_hides_no_field() {
        let line = b"7 (a) R 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 4711 1 2 3\n";
        let expected = Stat {
            start_time: 4711,
            kernel_thread: false,
            ended: false,
        };
        assert_eq!(parse_stat(line), Some(expected));
    }

    #[test]
    fn kernel_threads_and_the_ended_are_recognised() {
        let thread = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0\n";
        assert!(parse_stat(thread).unwrap().kernel_thread);
        let zombie = b"7 (a) Z 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 4711 1 2 3\n";
        assert!(parse_stat(zombie).unwrap().ended);
    }

    #[test]
    fn a_cut_line_is_no_stat() {
        assert_eq!(parse_stat(b"7 (a) R 1 2"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn a_process_knows_itself() {
        let mut buffer = Vec::new();
        let own = ProcessDirectory::open(std::process::id()).unwrap();
        let stat = own.stat(&mut buffer).unwrap();
        assert!(stat.start_time > 0 && !stat.kernel_thread && !stat.ended);
        assert_eq!(
            own.exe().unwrap(),
            std::env::current_exe().unwrap().to_string_lossy()
        );
        own.pidfd(&mut buffer).unwrap();
    }
}
