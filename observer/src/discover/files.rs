//! Opens the files that processes map, and remembers what they hold.
//!
//! A file is opened through the process, so that a deleted or replaced one, or one in another
//! mount namespace, is still the one that runs:
//!
//! 1. `/proc/PID/map_files/RANGE`: the mapping's own file (needs CAP_SYS_ADMIN or
//!    CAP_CHECKPOINT_RESTORE);
//! 2. `/proc/PID/exe`, if its inode is the mapping's;
//! 3. the path under `/proc/PID/root`, never leaving it, if its inode is the mapping's.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat,
};
use rustix::io::Errno;

use super::mapping::Mapping;
use super::process::ProcessDirectory;
use super::{Carrier, FileId};

/// Most files that are remembered. Beyond, all that carry nothing are forgotten at once, and
/// read again when they are met.
const MAX_FILES: usize = 8_192;

/// What is remembered of a file, as long as its size and time of change stay.
#[derive(Debug)]
struct Known {
    size: i64,
    modified: (i64, u64),
    carrier: Option<Weak<Carrier>>,
}

/// The files that were met.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: HashMap<FileId, Known>,
    /// Files whose notes were read, ever.
    pub read: u64,
}

impl Files {
    /// The carrier that a mapping maps; `None` if its file carries no probes.
    pub fn carrier(
        &mut self,
        process: &ProcessDirectory,
        mapping: &Mapping<'_>,
    ) -> Result<Option<Arc<Carrier>>, Errno> {
        let Some(place) = Place::find(process, mapping)? else {
            return Ok(None);
        };
        if let Some(answer) = self.remembered(&place.stat) {
            return Ok(answer);
        }
        let file = place.open(process)?;
        let stat = fstat(&file)?;
        let path = mapping.plain_path().to_owned();
        self.read += 1;
        // A file that is no ELF file, or cannot be read as one, carries nothing.
        let carrier = Carrier::read(file, path).ok().flatten().map(Arc::new);
        self.remember(&stat, carrier.as_ref());
        Ok(carrier)
    }

    /// The outer `None`: nothing is known of the file as it is now.
    fn remembered(&self, stat: &Stat) -> Option<Option<Arc<Carrier>>> {
        let known = self.known.get(&id(stat))?;
        if known.size != stat.st_size || known.modified != modified(stat) {
            return None;
        }
        match &known.carrier {
            None => Some(None),
            Some(carrier) => carrier.upgrade().map(Some),
        }
    }

    fn remember(&mut self, stat: &Stat, carrier: Option<&Arc<Carrier>>) {
        if self.known.len() >= MAX_FILES {
            let in_use =
                |known: &Known| known.carrier.as_ref().is_some_and(|c| c.strong_count() > 0);
            self.known.retain(|_, known| in_use(known));
        }
        let carrier = carrier.map(Arc::downgrade);
        let known = Known {
            size: stat.st_size,
            modified: modified(stat),
            carrier,
        };
        self.known.insert(id(stat), known);
    }
}

/// Through which name a mapping's file can be opened.
pub(super) struct Place {
    name: Name,
    stat: Stat,
}

enum Name {
    MapFile(String),
    Exe,
    UnderRoot(std::os::fd::OwnedFd),
}

impl Place {
    /// Finds the file without opening it: it may be a device. `None` if it is no regular file.
    pub fn find(process: &ProcessDirectory, mapping: &Mapping<'_>) -> Result<Option<Self>, Errno> {
        let name = format!("map_files/{}", mapping.file_name());
        let place = match statat(process, &name, AtFlags::empty()) {
            Ok(stat) => Self {
                name: Name::MapFile(name),
                stat,
            },
            Err(Errno::PERM | Errno::ACCESS) => Self::find_by_inode(process, mapping)?,
            Err(error) => return Err(error),
        };
        let regular = FileType::from_raw_mode(place.stat.st_mode) == FileType::RegularFile;
        Ok(regular.then_some(place))
    }

    fn find_by_inode(process: &ProcessDirectory, mapping: &Mapping<'_>) -> Result<Self, Errno> {
        let exe = statat(process, "exe", AtFlags::empty())?;
        if exe.st_ino == mapping.inode {
            return Ok(Self {
                name: Name::Exe,
                stat: exe,
            });
        }
        let found = open_under_root(process, mapping.plain_path())?;
        let stat = fstat(&found)?;
        if stat.st_ino != mapping.inode {
            return Err(Errno::PERM);
        }
        Ok(Self {
            name: Name::UnderRoot(found),
            stat,
        })
    }

    pub fn open(&self, process: &ProcessDirectory) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match &self.name {
            Name::MapFile(name) => openat(process, name, flags, Mode::empty())?,
            Name::Exe => openat(process, "exe", flags, Mode::empty())?,
            Name::UnderRoot(found) => reopen(found, flags)?,
        };
        Ok(File::from(file))
    }
}

/// A descriptor that only names the path, which is resolved as the process would.
fn open_under_root(process: &ProcessDirectory, path: &str) -> Result<std::os::fd::OwnedFd, Errno> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(process, "root", directory, Mode::empty())?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(&root, path, flags, Mode::empty(), resolve)
}

fn reopen(found: &impl AsFd, flags: OFlags) -> Result<std::os::fd::OwnedFd, Errno> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    rustix::fs::open(link, flags, Mode::empty())
}

fn id(stat: &Stat) -> FileId {
    FileId {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

fn modified(stat: &Stat) -> (i64, u64) {
    (stat.st_mtime, stat.st_mtime_nsec as u64)
}
