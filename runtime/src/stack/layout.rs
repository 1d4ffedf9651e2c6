//! The sizes of a slot and of its parts: numbers only.
//!
//! Read by everything in this module, the fault handler included.

use super::StackError;
use crate::sys::mem::PAGE_BYTES;

/// What is open below the top before a task has touched anything. Pages that are not touched
/// cost nothing, so this is sized for the common task: it never grows.
pub(crate) const FIRST_WINDOW_BYTES: usize = round_to_page(32 * 1024);

/// The least that a growth opens below the page that was touched.
pub(crate) const LEAST_GROWTH_BYTES: usize = round_to_page(16 * 1024);

/// What a task needs open below it when it enters the runtime.
pub(crate) const HEADROOM_BYTES: usize = 8 * 1024;

/// The part of every slot that never opens: foreign code whose frame is smaller than this and
/// is touched from its far end still faults here, and not in the neighbour's stack.
pub(crate) const GAP_BYTES: usize = 64 * 1024;

/// How many places the top of a stack can have, one cache line apart.
///
/// All slots of a class lie at one stride, so without this the hot ends of a thousand stacks
/// would share a handful of cache sets (40 ns a switch instead of 11, measured). Half a page of
/// them leaves the other half to the frames of a parked task: most touch one page only.
pub(crate) const COLOURS: usize = 32;

/// One cache line.
const COLOUR_BYTES: usize = 64;

/// The smallest class.
const LEAST_CLASS_BYTES: usize = 64 * 1024;

/// How many classes of slots there are: 64 KiB, 128 KiB … 8 MiB.
pub(crate) const CLASSES: usize = 8;

/// The largest stack that a task can have.
pub(crate) const LARGEST_LIMIT_BYTES: usize = LEAST_CLASS_BYTES << (CLASSES - 1);

const fn round_to_page(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES)
}

/// One size of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// Every class, the smallest first.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..CLASSES as u8).map(Self)
    }

    /// The smallest class that holds a stack of `limit_bytes`.
    pub(crate) fn for_limit(limit_bytes: usize) -> Result<Self, StackError> {
        if limit_bytes > LARGEST_LIMIT_BYTES {
            return Err(StackError::LimitTooLarge { limit_bytes });
        }
        let bytes = limit_bytes.max(LEAST_CLASS_BYTES).next_power_of_two();
        Ok(Self((bytes / LEAST_CLASS_BYTES).trailing_zeros() as u8))
    }

    /// The class's place in tables.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The class at this place in tables.
    pub(crate) fn from_index(index: u8) -> Self {
        debug_assert!(usize::from(index) < CLASSES);
        Self(index)
    }

    /// What can ever open in a slot of this class.
    pub(crate) fn stack_bytes(self) -> usize {
        LEAST_CLASS_BYTES << self.0
    }

    /// From one slot's end to the next one's: the stack and the gap under it.
    pub(crate) fn stride_bytes(self) -> usize {
        self.stack_bytes() + GAP_BYTES
    }
}

/// The limit that a task really gets: whole pages, at least the first window.
pub(crate) fn effective_limit(limit_bytes: usize) -> usize {
    round_to_page(limit_bytes.max(FIRST_WINDOW_BYTES))
}

/// How far the top of the stack in slot number `index` lies below the slot's end.
pub(crate) fn colour_bytes(index: usize) -> usize {
    index % COLOURS * COLOUR_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_gets_the_smallest_class_that_holds_it() {
        let bytes = |limit| Class::for_limit(limit).map(Class::stack_bytes);
        assert_eq!(bytes(0), Ok(64 * 1024));
        assert_eq!(bytes(64 * 1024), Ok(64 * 1024));
        assert_eq!(bytes(64 * 1024 + 1), Ok(128 * 1024));
        assert_eq!(bytes(256 * 1024), Ok(256 * 1024));
        assert_eq!(bytes(8 << 20), Ok(8 << 20));
        assert_eq!(
            bytes((8 << 20) + 1),
            Err(StackError::LimitTooLarge {
                limit_bytes: (8 << 20) + 1
            })
        );
        assert!(bytes(usize::MAX).is_err());
    }

    #[test]
    fn tops_of_neighbours_lie_in_different_cache_lines_of_one_page() {
        let colours: std::collections::HashSet<_> = (0..COLOURS).map(colour_bytes).collect();
        assert_eq!(colours.len(), COLOURS);
        assert!(
            colours
                .iter()
                .all(|bytes| bytes % 64 == 0 && *bytes < PAGE_BYTES / 2)
        );
    }

    #[test]
    fn every_class_has_its_own_index_and_holds_the_first_window() {
        for (index, class) in Class::all().enumerate() {
            assert_eq!(class.index(), index);
            assert_eq!(Class::from_index(index as u8), class);
            assert!(class.stack_bytes() >= FIRST_WINDOW_BYTES);
        }
    }
}
