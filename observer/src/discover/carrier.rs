//! A file with probes that a process runs.

use std::fs::File;

use runtime_abi::PROVIDER;
use serde::Serialize;

use crate::elf::{Damage, ElfError, Note, SemaphorePage, read_provider_notes};

/// A file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The device, as the open file says.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

/// How the stacks of a file's code can be unwound from outside, as far as the file says.
/// Frame pointers leave no trace in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwinding {
    /// By the `.eh_frame` section.
    EhFrame,
    /// The file says nothing.
    None,
}

impl Unwinding {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EhFrame => "eh_frame",
            Self::None => "none",
        }
    }
}

/// An executable or shared object that carries Parkwatch's probes.
#[derive(Debug)]
pub struct Carrier {
    /// Which file it is.
    pub id: FileId,
    /// The file, opened through a process that maps it.
    pub file: File,
    /// Its path as that process sees it, for messages.
    pub path: String,
    /// Its probes; only those of the provider `parkwatch`, never empty.
    pub probes: Vec<Note>,
    /// What of its notes could not be read.
    pub damage: Vec<Damage>,
    /// How its code can be unwound.
    pub unwinding: Unwinding,
}

impl Carrier {
    /// A process of it that starts while it is watched may never fire: the kernel raises the
    /// semaphores elsewhere until the loader has made relocated data read-only.
    #[must_use]
    pub fn may_miss_semaphores(&self) -> bool {
        let is_shared = |note: &Note| note.semaphore_page == SemaphorePage::SharedWhileStarting;
        self.probes.iter().any(is_shared)
    }

    /// Reads the probes of an open file; `None` if it carries none.
    ///
    /// # Errors
    ///
    /// When it is no ELF file, or cannot be read.
    pub fn read(file: File, path: String) -> Result<Option<Self>, ElfError> {
        let notes = read_provider_notes(&file, PROVIDER)?;
        if notes.notes.is_empty() {
            return Ok(None);
        }
        let stat = rustix::fs::fstat(&file).map_err(std::io::Error::from)?;
        Ok(Some(Self {
            id: FileId {
                device: stat.st_dev,
                inode: stat.st_ino,
            },
            file,
            path,
            probes: notes.notes,
            damage: notes.damage,
            unwinding: if notes.eh_frame {
                Unwinding::EhFrame
            } else {
                Unwinding::None
            },
        }))
    }
}
