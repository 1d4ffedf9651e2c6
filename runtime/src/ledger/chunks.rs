//! A table by dense index that grows and never moves: readers need no lock.
//!
//! Chunk `k` holds `64 << k` entries, so 26 pointers cover all 32-bit indices, and finding an
//! entry is a count of leading zeros. Chunks are zeroed memory, made by the first who needs one
//! and never freed: tables of this kind live as long as the process.

use crate::primitive::static_atomic::{AtomicPtr, Ordering};
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::null_mut;

const FIRST: u64 = 64;
const CHUNKS: usize = 27;

/// Types for which zeroed memory is a valid value, and shared access is enough.
///
/// # Safety
///
/// All bytes zero must be a valid `Self`, which needs no drop.
pub(crate) unsafe trait Zeroed: Sync + 'static {}

/// The table.
pub(crate) struct Chunks<T> {
    chunks: [AtomicPtr<T>; CHUNKS],
}

impl<T: Zeroed> Chunks<T> {
    /// An empty table.
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
        }
    }

    /// The entry, or `None` while nobody has asked for one of its chunk.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        // SAFETY: chunks are initialised (`Zeroed`) and never freed.
        self.pointer(index).map(|entry| unsafe { &*entry })
    }

    /// The entries from `from` up to `to` that lie side by side with the first: to the end of its
    /// chunk at most. `Err` with the length of that run if nobody has asked for one of them.
    pub(crate) fn run(&self, from: u32, to: u32) -> Result<&[T], u32> {
        let (chunk, offset) = place(from);
        let left = (FIRST << chunk) - offset as u64;
        let len = u64::from(to - from).min(left) as u32;
        let first = self.pointer(from).ok_or(len)?;
        // SAFETY: the chunk holds `left` initialised entries from here on, and is never freed.
        Ok(unsafe { std::slice::from_raw_parts(first, len as usize) })
    }

    #[inline]
    fn pointer(&self, index: u32) -> Option<*const T> {
        let (chunk, offset) = place(index);
        // Acquire: pairs with the release in `make`, so that the zeroes are seen.
        let base = self.chunks[chunk].load(Ordering::Acquire);
        // SAFETY: the chunk has `FIRST << chunk` entries and `offset` is below that.
        (!base.is_null()).then(|| unsafe { base.add(offset) }.cast_const())
    }

    /// The entry; makes its chunk if it is the first.
    #[inline]
    pub(crate) fn get_or_make(&self, index: u32) -> &T {
        match self.get(index) {
            Some(entry) => entry,
            None => self.make(index),
        }
    }

    #[cold]
    fn make(&self, index: u32) -> &T {
        let (chunk, _) = place(index);
        let layout = Self::layout(chunk);
        // SAFETY: the layout's size is not zero (asserted in `layout`).
        let fresh = unsafe { alloc_zeroed(layout) }.cast::<T>();
        if fresh.is_null() {
            handle_alloc_error(layout);
        }
        // Release: pairs with the acquire in `get`.
        let place = &self.chunks[chunk];
        let set = place.compare_exchange(null_mut(), fresh, Ordering::Release, Ordering::Relaxed);
        if set.is_err() {
            // SAFETY: another thread was faster; nobody has seen this chunk.
            unsafe { std::alloc::dealloc(fresh.cast(), layout) };
        }
        self.get(index).expect("the chunk was just set")
    }

    fn layout(chunk: usize) -> Layout {
        const { assert!(size_of::<T>() > 0) };
        Layout::array::<T>((FIRST << chunk) as usize).expect("a chunk fits the address space")
    }
}

/// The chunk of an index, and its place there.
#[inline]
fn place(index: u32) -> (usize, usize) {
    let position = u64::from(index) + FIRST;
    let chunk = position.ilog2() - FIRST.ilog2();
    (chunk as usize, (position - (FIRST << chunk)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::static_atomic::AtomicU64;

    // SAFETY: a zeroed AtomicU64 is zero.
    unsafe impl Zeroed for AtomicU64 {}

    #[test]
    fn every_index_has_a_place_of_its_own() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(63), (0, 63));
        assert_eq!(place(64), (1, 0));
        assert_eq!(place(191), (1, 127));
        assert_eq!(place(192), (2, 0));
        let (chunk, offset) = place(u32::MAX);
        assert!(chunk < CHUNKS && (offset as u64) < FIRST << chunk);
    }

    #[test]
    fn runs_follow_each_other_and_leave_none_out() {
        static TABLE: Chunks<AtomicU64> = Chunks::new();
        (64..300).for_each(|i| TABLE.get_or_make(i).store(u64::from(i), Ordering::Relaxed));
        let (mut from, mut seen) = (0, Vec::new());
        while from < 300 {
            from += match TABLE.run(from, 300) {
                Ok(run) => {
                    seen.extend(run.iter().map(|entry| entry.load(Ordering::Relaxed)));
                    run.len() as u32
                }
                Err(absent) => absent,
            };
        }
        assert_eq!(seen, (64..300).collect::<Vec<u64>>());
    }

    #[test]
    fn entries_start_at_zero_and_stay_where_they_are() {
        static TABLE: Chunks<AtomicU64> = Chunks::new();
        assert!(TABLE.get(5).is_none());
        let entry = TABLE.get_or_make(5);
        assert_eq!(entry.load(Ordering::Relaxed), 0);
        entry.store(9, Ordering::Relaxed);
        for index in 0..1_000 {
            TABLE.get_or_make(index);
        }
        assert!(std::ptr::eq(entry, TABLE.get(5).expect("made")));
        assert_eq!(entry.load(Ordering::Relaxed), 9);
    }
}
