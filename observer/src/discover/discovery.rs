//! The scan, and the look at one process.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::files::Files;
use super::mapping::{Mapping, executable_mappings};
use super::process::{MAX_BYTES, ProcessDirectory, errno, has_ended};
use super::quiet::{Mark, Quiet};
use super::{Carrier, ExamineError, Filter, Pod, ProcessId, container_id, container_name, pod_uid};

/// Most carriers that are taken of one process; each holds a descriptor.
const MAX_CARRIERS: usize = 64;

/// Most different files that are looked at in one process.
const MAX_FILES_OF_A_PROCESS: usize = 4_096;

/// A process that carries probes.
#[derive(Debug)]
pub struct Found {
    /// Who it is.
    pub id: ProcessId,
    /// The base name of its executable.
    pub name: String,
    /// The path of its executable, as it sees it.
    pub exe: String,
    /// The container that it runs in.
    pub container_id: Option<String>,
    /// The pod that it belongs to.
    pub pod: Option<Pod>,
    /// The files with probes that it maps; never empty, in the order of their addresses.
    pub carriers: Vec<Arc<Carrier>>,
    /// It maps more files than are looked at, or more carriers than are taken.
    pub is_partial: bool,
    /// Becomes readable when the process ends.
    pub pidfd: OwnedFd,
}

/// What a scan saw.
#[derive(Debug, Default)]
pub struct ScanResult {
    /// Processes that carry probes and are wanted, by pid.
    pub found: Vec<Found>,
    /// Processes that were looked at, kernel threads and the ended not counted.
    pub examined: usize,
    /// Processes that could not be examined.
    pub errors: Vec<ExamineError>,
}

/// Finds processes, and remembers what files hold.
///
/// ```no_run
/// use observer::discover::Discovery;
///
/// let mut discovery = Discovery::new();
/// for found in discovery.scan()?.found {
///     println!("{} {}", found.id.pid, found.exe);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Discovery {
    filter: Filter,
    files: Files,
    quiet: Quiet,
    buffer: Vec<u8>,
}

/// What the files of one scan hold, by device and inode as `maps` writes them: no file is
/// looked at twice. An inode that is freed and taken again during one scan is found by the next.
type Memo = HashMap<(u64, u64), Option<Arc<Carrier>>>;

impl Discovery {
    /// Looks for every process that carries probes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks only for processes that the filter wants.
    #[must_use]
    pub fn with_filter(filter: Filter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    /// Looks at every process of this `/proc`. One that carried nothing and has not changed
    /// since is not looked at again, but for once in a while.
    ///
    /// # Errors
    ///
    /// Only when `/proc` itself cannot be listed.
    pub fn scan(&mut self) -> io::Result<ScanResult> {
        let mut result = ScanResult::default();
        let mut memo = Memo::new();
        self.quiet.begin();
        for pid in pids()? {
            match self.look_unless_quiet(pid, &mut memo) {
                Ok(Look::Skipped) => {}
                Ok(Look::Nothing) => result.examined += 1,
                Ok(Look::Carries(found)) => {
                    result.examined += 1;
                    result.found.push(*found);
                }
                Err(error) => result.errors.push(error),
            }
        }
        self.quiet.end();
        result.found.sort_by_key(|found| found.id.pid);
        Ok(result)
    }

    /// Looks at one process. `None`: it carries no probes, is not wanted, or has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be looked at.
    pub fn examine(&mut self, pid: u32) -> Result<Option<Found>, ExamineError> {
        match self.look(pid, &mut Memo::new())? {
            Look::Carries(found) => Ok(Some(*found)),
            Look::Skipped | Look::Nothing => Ok(None),
        }
    }

    /// How many files' notes were read so far; a file that is met again is not read again.
    #[must_use]
    pub fn files_read(&self) -> u64 {
        self.files.read
    }

    fn look_unless_quiet(&mut self, pid: u32, memo: &mut Memo) -> Result<Look, ExamineError> {
        if !self.filter.wants_pid(pid) {
            return Ok(Look::Skipped);
        }
        let mark = Mark::now(pid);
        if mark.is_some_and(|mark| mark.has_no_memory()) {
            return Ok(Look::Skipped);
        }
        if self.quiet.is_unchanged(pid, mark) {
            return Ok(Look::Nothing);
        }
        let look = self.look(pid, memo)?;
        if matches!(look, Look::Nothing) {
            self.quiet.remember(pid, mark);
        }
        Ok(look)
    }

    fn look(&mut self, pid: u32, memo: &mut Memo) -> Result<Look, ExamineError> {
        if !self.filter.wants_pid(pid) {
            return Ok(Look::Skipped);
        }
        match self.try_look(pid, memo) {
            Ok(look) => Ok(look),
            Err((_, error)) if has_ended(error) => Ok(Look::Skipped),
            Err((_, Errno::TOOBIG)) => Err(ExamineError::TooManyFiles { pid }),
            Err((what, error)) => Err(ExamineError::new(pid, what, error)),
        }
    }

    /// Most processes carry nothing: all that is read of them is `maps`, which is empty for a
    /// kernel thread and for a process that has ended and waits for its parent.
    fn try_look(&mut self, pid: u32, memo: &mut Memo) -> Result<Look, Failure> {
        let process = ProcessDirectory::open(pid).map_err(reading("its directory"))?;
        if self.filter.looks_at_exe() {
            let exe = process.exe().map_err(reading("exe"))?;
            if !self.filter.wants(pid, &exe) {
                return Ok(Look::Skipped);
            }
        }
        if let Err(error) = process.read("maps", &mut self.buffer) {
            let skipped = process
                .stat(&mut self.buffer)
                .is_ok_and(|stat| !stat.has_maps());
            return if skipped {
                Ok(Look::Skipped)
            } else {
                Err(("maps", error))
            };
        }
        if self.buffer.is_empty() {
            return Ok(Look::Skipped);
        }
        let is_cut = self.buffer.len() as u64 == MAX_BYTES;
        let (carriers, is_partial) = self.carriers(&process, memo)?;
        let is_partial = is_partial || is_cut;
        if carriers.is_empty() {
            return match is_partial {
                true => Err(("the files that it maps", Errno::TOOBIG)),
                false => Ok(Look::Nothing),
            };
        }
        self.describe(&process, pid, carriers, is_partial)
            .map(|found| Look::Carries(Box::new(found)))
    }

    /// The carriers among the mappings in the buffer, and whether there may be more.
    fn carriers(
        &mut self,
        process: &ProcessDirectory,
        memo: &mut Memo,
    ) -> Result<(Vec<Arc<Carrier>>, bool), Failure> {
        let mut carriers: Vec<Arc<Carrier>> = Vec::new();
        let mut seen = HashSet::new();
        let mut refused = None;
        let mut is_partial = false;
        for mapping in executable_mappings(&self.buffer) {
            let is_new = seen.insert((mapping.device, mapping.inode));
            if !is_new {
                continue;
            }
            if seen.len() > MAX_FILES_OF_A_PROCESS || carriers.len() == MAX_CARRIERS {
                is_partial = true;
                break;
            }
            match remembered_carrier(&mut self.files, process, &mapping, memo) {
                Ok(Some(carrier)) if carriers.iter().all(|known| known.id != carrier.id) => {
                    carriers.push(carrier);
                }
                // A mapping that has gone since `maps` was read, and one that carries nothing.
                Ok(_) | Err(Errno::NOENT) => {}
                Err(Errno::SRCH) => return Err(("map_files", Errno::SRCH)),
                Err(error) => refused = Some(("the files that it maps", error)),
            }
        }
        match refused {
            Some(failure) if carriers.is_empty() => Err(failure),
            _ => Ok((carriers, is_partial)),
        }
    }

    fn describe(
        &mut self,
        process: &ProcessDirectory,
        pid: u32,
        carriers: Vec<Arc<Carrier>>,
        is_partial: bool,
    ) -> Result<Found, Failure> {
        let stat = process.stat(&mut self.buffer).map_err(reading("stat"))?;
        let id = ProcessId {
            pid,
            start_time: stat.start_time,
        };
        let exe = process.exe().map_err(reading("exe"))?;
        process
            .read("cgroup", &mut self.buffer)
            .map_err(reading("cgroup"))?;
        let groups = String::from_utf8_lossy(&self.buffer);
        let container_id = container_id(&groups);
        let pod = pod_uid(&groups).map(|uid| self.pod(process, uid));
        let pidfd = process.pidfd(&mut self.buffer).map_err(reading("pidfd"))?;
        let name = exe.rsplit('/').next().unwrap_or(&exe).to_owned();
        Ok(Found {
            id,
            name,
            exe,
            container_id,
            pod,
            carriers,
            is_partial,
            pidfd,
        })
    }
}

impl Discovery {
    /// The pod with what the mounts tell of it; without them the name is not known.
    fn pod(&mut self, process: &ProcessDirectory, uid: String) -> Pod {
        let mounts = process.read("mountinfo", &mut self.buffer);
        let container = mounts
            .ok()
            .and_then(|()| container_name(&String::from_utf8_lossy(&self.buffer), &uid));
        Pod { uid, container }
    }
}

enum Look {
    /// Not wanted, a kernel thread, or ended.
    Skipped,
    Nothing,
    Carries(Box<Found>),
}

/// What was being read, and the kernel's answer.
type Failure = (&'static str, Errno);

fn reading(what: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |error| (what, error)
}

fn remembered_carrier(
    files: &mut Files,
    process: &ProcessDirectory,
    mapping: &Mapping<'_>,
    memo: &mut Memo,
) -> Result<Option<Arc<Carrier>>, Errno> {
    let key = (mapping.device, mapping.inode);
    if let Some(known) = memo.get(&key) {
        return Ok(known.clone());
    }
    let carrier = files.carrier(process, mapping)?;
    memo.insert(key, carrier.clone());
    Ok(carrier)
}

/// The thread groups of this `/proc`.
fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        match entry {
            Ok(entry) => pids.extend(
                entry
                    .file_name()
                    .to_str()
                    .and_then(|n| n.parse::<u32>().ok()),
            ),
            Err(error) if has_ended(errno(&error)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pids)
}
