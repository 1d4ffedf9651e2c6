//! Maps by `bpf(2)`: batches, single entries, deletion. Keys and values are bytes here, whose
//! lengths are held against the map's own.

use super::bpf::{bpf, bpf_unit};
use super::{check, processors};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

const LOOKUP: libc::c_int = 1;
const UPDATE: libc::c_int = 2;
const DELETE: libc::c_int = 3;
const NEXT_KEY: libc::c_int = 4;
const INFO_BY_FD: libc::c_int = 15;
const LOOKUP_BATCH: libc::c_int = 24;

#[derive(Default)]
#[repr(C)]
struct ElementAttributes {
    map: u32,
    padding: u32,
    key: u64,
    /// The value's address; for [`NEXT_KEY`] the next key's.
    value: u64,
    flags: u64,
}

#[derive(Default)]
#[repr(C)]
struct BatchAttributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

#[derive(Default)]
#[repr(C)]
struct InfoAttributes {
    descriptor: u32,
    length: u32,
    info: u64,
}

/// The beginning of `struct bpf_map_info`.
#[derive(Default)]
#[repr(C)]
struct Info {
    kind: u32,
    id: u32,
    key_bytes: u32,
    value_bytes: u32,
    max_entries: u32,
    flags: u32,
}

/// A map.
#[derive(Debug)]
pub struct Map {
    descriptor: OwnedFd,
    key_bytes: usize,
    value_bytes: usize,
    processors: usize,
    capacity: u32,
}

/// Where the next batch of a map begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// The kernel's own state; hash maps use four bytes of it, others at most a key.
    state: [u64; 8],
    started: bool,
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Entries written.
    pub count: usize,
    /// There are no more.
    pub is_last: bool,
}

impl Map {
    /// Asks the kernel for the map's sizes.
    ///
    /// # Errors
    ///
    /// The descriptor is no map's.
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let info = info(descriptor.as_fd())?;
        let is_per_processor = matches!(info.kind, PERCPU_HASH | PERCPU_ARRAY);
        Ok(Self {
            descriptor,
            key_bytes: info.key_bytes as usize,
            value_bytes: info.value_bytes as usize,
            processors: if is_per_processor { processors()? } else { 1 },
            capacity: info.max_entries,
        })
    }

    /// The map's descriptor.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Bytes of a key.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// Bytes of a value; of one processor's in a per-processor map.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// How many values an entry has: the processors in a per-processor map, else 1.
    #[must_use]
    pub fn values(&self) -> usize {
        self.processors
    }

    /// Bytes of all of an entry's values as they are read.
    #[must_use]
    pub fn entry_bytes(&self) -> usize {
        if self.processors == 1 {
            self.value_bytes
        } else {
            self.stride() * self.processors
        }
    }

    /// From one processor's value to the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.value_bytes.next_multiple_of(8)
    }

    /// Entries that fit.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Reads the next entries into both slices, as many as fit.
    ///
    /// # Errors
    ///
    /// ENOSPC if one bucket has more entries than fit: try again with more room. EINVAL where
    /// the kernel has no batches for this type of map.
    ///
    /// # Panics
    ///
    /// If the map's keys are longer than the cursor.
    pub fn lookup_batch(
        &self,
        cursor: &mut Cursor,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch> {
        assert!(
            self.key_bytes <= size_of_val(&cursor.state),
            "a batch state is at most a key"
        );
        let mut next = Cursor {
            started: true,
            ..Cursor::default()
        };
        let room = (keys.len() / self.key_bytes).min(values.len() / self.entry_bytes());
        let mut attributes = BatchAttributes {
            in_batch: if cursor.started {
                cursor.state.as_ptr() as u64
            } else {
                0
            },
            out_batch: next.state.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: room as u32,
            map: self.descriptor.as_raw_fd() as u32,
            ..BatchAttributes::default()
        };
        // SAFETY: the cursors outlive the call and hold any batch state of the map (asserted);
        // both slices have room for `count` entries.
        let answer = check(unsafe { bpf(LOOKUP_BATCH, &mut attributes) });
        let is_last = match answer {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            Err(error) => return Err(error),
        };
        *cursor = next;
        Ok(Batch {
            count: attributes.count as usize,
            is_last,
        })
    }

    /// Reads an entry's values; `false` if there is none.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    ///
    /// # Panics
    ///
    /// If a slice has not the map's size; likewise below.
    pub fn lookup(&self, key: &[u8], values: &mut [u8]) -> io::Result<bool> {
        assert_eq!(
            values.len(),
            self.entry_bytes(),
            "a slice of an entry's size"
        );
        self.element(LOOKUP, Some(key), values.as_mut_ptr() as u64, 0)
    }

    /// Replaces the value of an entry that exists; `false` if there is none.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn replace(&self, key: &[u8], values: &[u8]) -> io::Result<bool> {
        const EXISTING: u64 = 2;
        assert_eq!(
            values.len(),
            self.entry_bytes(),
            "a slice of an entry's size"
        );
        self.element(UPDATE, Some(key), values.as_ptr() as u64, EXISTING)
    }

    /// Adds an entry or replaces its value.
    ///
    /// # Errors
    ///
    /// The kernel's refusal; E2BIG if the map is full.
    pub fn insert(&self, key: &[u8], values: &[u8]) -> io::Result<()> {
        const ANY: u64 = 0;
        assert_eq!(
            values.len(),
            self.entry_bytes(),
            "a slice of an entry's size"
        );
        self.element(UPDATE, Some(key), values.as_ptr() as u64, ANY)
            .map(|_| ())
    }

    /// Deletes an entry; `false` if there is none.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn delete(&self, key: &[u8]) -> io::Result<bool> {
        self.element(DELETE, Some(key), 0, 0)
    }

    /// Finds the key after this one, or the first; `false` at the end.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
        assert_eq!(next.len(), self.key_bytes, "a slice of a key's size");
        self.element(NEXT_KEY, key, next.as_mut_ptr() as u64, 0)
    }

    fn element(
        &self,
        command: libc::c_int,
        key: Option<&[u8]>,
        value: u64,
        flags: u64,
    ) -> io::Result<bool> {
        assert!(
            key.is_none_or(|key| key.len() == self.key_bytes),
            "a slice of a key's size"
        );
        let mut attributes = ElementAttributes {
            map: self.descriptor.as_raw_fd() as u32,
            key: key.map_or(0, |key| key.as_ptr() as u64),
            value,
            flags,
            padding: 0,
        };
        // SAFETY: the key and, by the callers, the value have the map's sizes and outlive the
        // call.
        let answer = unsafe { bpf_unit(command, &mut attributes) };
        match answer {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

const PERCPU_HASH: u32 = 5;
const PERCPU_ARRAY: u32 = 6;

fn info(map: BorrowedFd<'_>) -> io::Result<Info> {
    let mut info = Info::default();
    let mut attributes = InfoAttributes {
        descriptor: map.as_raw_fd() as u32,
        length: size_of::<Info>() as u32,
        info: &raw mut info as u64,
    };
    // SAFETY: the kernel writes at most `length` bytes, all integers, into `info`.
    unsafe { bpf_unit(INFO_BY_FD, &mut attributes) }?;
    Ok(info)
}
