//! Slabs: large ranges of address space cut into slots of one class, and the way from any
//! address to its slot.
//!
//! A slab is reserved without backing, never unmapped, and found through a directory of two
//! levels that is read without a lock: the fault handler looks up the address that was touched,
//! because tasks touch each other's stacks.
//!
//! ```text
//!   address bits   47 ─────── 36 | 35 ─────── 24 | 23 ──── 0
//!                  ROOT[4096]    | Leaf[4096]    | within a chunk of 16 MiB
//! ```
//!
//! Slabs begin and end at chunks, so a chunk belongs to one slab at most.

use super::layout::Class;
use super::slot::Slot;
use super::{StackError, guard};
use crate::primitive::static_atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sys::mem::{self, Access, Errno};
use std::alloc::{self, Layout};
use std::{ptr, slice};

const CHUNK_BITS: u32 = 24;
const CHUNK_BYTES: usize = 1 << CHUNK_BITS;
const LEVEL_BITS: u32 = 12;
const LEVEL_ENTRIES: usize = 1 << LEVEL_BITS;

/// Slabs double from here, as a process turns out to need them …
pub(super) const FIRST_SLAB_BYTES: usize = 64 << 20;

/// … to here: a million stacks of 256 KiB are some 300 slabs, and neighbours share a mapping.
pub(super) const LARGEST_SLAB_BYTES: usize = 1 << 30;

struct Leaf([AtomicPtr<Slab>; LEVEL_ENTRIES]);

static ROOT: [AtomicPtr<Leaf>; LEVEL_ENTRIES] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LEVEL_ENTRIES];

/// A range of slots of one class. Lives for ever.
#[derive(Debug)]
pub(super) struct Slab {
    base: usize,
    class: Class,
    /// What the slab was reserved for: with [`Access::None`] every window is opened by a change
    /// of protection.
    access: Access,
    slots: &'static [Slot],
    /// The first slot that was never used.
    next: AtomicUsize,
}

/// One slot together with where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The record.
    pub(super) slot: &'static Slot,
    /// The slot's first byte, in the gap.
    pub(super) start: usize,
    /// The address after its last.
    pub(super) end: usize,
    /// Its number within the slab.
    pub(super) index: usize,
}

impl Slab {
    /// Reserves a slab of about `bytes`, smaller where the process may not have so much.
    pub(super) fn reserve(class: Class, bytes: usize) -> Result<&'static Self, StackError> {
        let least = class.stride_bytes().next_multiple_of(CHUNK_BYTES);
        let mut refused = Errno(0);
        // A process that may not write to so much (strict overcommit charges every writable
        // page) can still have it closed, and open the windows one by one.
        for access in accesses() {
            let mut bytes = bytes.next_multiple_of(CHUNK_BYTES).max(least);
            while bytes >= least {
                match mem::reserve(bytes, CHUNK_BYTES, *access) {
                    Ok(base) => return Self::publish(base, bytes, class, *access),
                    Err(errno) => refused = errno,
                }
                bytes = (bytes / 2)
                    .next_multiple_of(CHUNK_BYTES)
                    .min(bytes - CHUNK_BYTES);
            }
        }
        Err(StackError::NoAddressSpace {
            bytes: least,
            errno: refused.0,
        })
    }

    fn publish(
        base: usize,
        bytes: usize,
        class: Class,
        access: Access,
    ) -> Result<&'static Self, StackError> {
        let slots = slot_records(bytes / class.stride_bytes()).inspect_err(|_| {
            // SAFETY: the range was just reserved, and nobody knows of it.
            unsafe { mem::unmap(base, bytes) };
        })?;
        let slab = Box::leak(Box::new(Self {
            base,
            class,
            access,
            slots,
            next: AtomicUsize::new(0),
        }));
        for chunk in (base..base + bytes).step_by(CHUNK_BYTES) {
            // Release: pairs with the acquire in `find`.
            leaf_of(chunk).0[leaf_index(chunk)].store(slab, Ordering::Release);
        }
        Ok(slab)
    }

    /// The next slot that was never used, or `None` if all were.
    pub(super) fn take_fresh(&self) -> Option<Place> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.slots.len() {
            self.next.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(self.place(index))
    }

    /// Takes back a slot that could not be guarded, if no later one was taken since; else its
    /// address space stays unused.
    pub(super) fn give_back_fresh(&self, place: Place) {
        let _ = self.next.compare_exchange(
            place.index + 1,
            place.index,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// The bytes of address space.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * self.class.stride_bytes()
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    fn place(&self, index: usize) -> Place {
        let start = self.base + index * self.class.stride_bytes();
        let end = start + self.class.stride_bytes();
        Place {
            slot: &self.slots[index],
            start,
            end,
            index,
        }
    }
}

/// The slot at an address, or `None` if the address is in none that was ever used.
///
/// Async-signal-safe: a few loads and a division.
pub(super) fn find(address: usize) -> Option<Place> {
    let leaf = ROOT
        .get(address >> (CHUNK_BITS + LEVEL_BITS))?
        .load(Ordering::Acquire);
    // SAFETY: the pointer is null or of a leaf that is never freed.
    let leaf = unsafe { leaf.as_ref() }?;
    let slab = leaf.0[leaf_index(address)].load(Ordering::Acquire);
    // SAFETY: the pointer is null or of a slab that is never freed.
    let slab = unsafe { slab.as_ref() }?;
    let index = (address - slab.base) / slab.class.stride_bytes();
    (index < slab.slots.len())
        .then(|| slab.place(index))
        .filter(|place| place.slot.end() != 0)
}

fn leaf_index(address: usize) -> usize {
    (address >> CHUNK_BITS) % LEVEL_ENTRIES
}

fn accesses() -> &'static [Access] {
    if guard::regions_work() {
        &[Access::ReadWrite, Access::None]
    } else {
        &[Access::None]
    }
}

/// The leaf for an address, made if there is none. User addresses have 48 bits at most.
fn leaf_of(address: usize) -> &'static Leaf {
    let entry = &ROOT[address >> (CHUNK_BITS + LEVEL_BITS)];
    if entry.load(Ordering::Acquire).is_null() {
        let fresh = Box::into_raw(Box::new(Leaf::empty()));
        let ours =
            entry.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire);
        if ours.is_err() {
            // SAFETY: the leaf was made above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
    // SAFETY: the entry is not null any more, and leaves are never freed.
    unsafe { &*entry.load(Ordering::Acquire) }
}

impl Leaf {
    fn empty() -> Self {
        Self([const { AtomicPtr::new(ptr::null_mut()) }; LEVEL_ENTRIES])
    }
}

/// Records of zeroes, which the allocator takes untouched from the kernel: a slab costs memory
/// as its slots are used.
fn slot_records(count: usize) -> Result<&'static [Slot], StackError> {
    let no_memory = StackError::NoMemory {
        bytes: count * size_of::<Slot>(),
    };
    let layout = Layout::array::<Slot>(count).map_err(|_| no_memory)?;
    // SAFETY: the layout is not empty: a slab has room for one slot at least.
    let records = unsafe { alloc::alloc_zeroed(layout) }.cast::<Slot>();
    if records.is_null() {
        return Err(no_memory);
    }
    // SAFETY: the memory is of this layout, never freed, and zeroes are a valid record.
    Ok(unsafe { slice::from_raw_parts(records, count) })
}
