//! A bounded copy of the part of a stack that is in use.

use std::io;

use crate::sys::process::read_memory;

/// Most bytes that are copied of one stack, from its stack pointer on. A deeper one is walked as
/// far as that: the frames that are missing are those nearest to the task's beginning.
pub const MAX_COPY_BYTES: usize = 64 << 10;

/// Whoever reads farther from the end of a copy than this has left the stack for another one.
const FAR_BYTES: u64 = 1 << 20;

/// Bytes of a word on a stack.
const WORD_BYTES: usize = size_of::<u64>();

/// Bytes of a stack, from its stack pointer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackCopy {
    start: u64,
    bytes: Box<[u8]>,
    /// A bound ended it, not the memory.
    is_part: bool,
}

impl StackCopy {
    /// Copies a stack of a process, as far as it is readable and the bound allows. What lies above
    /// the stack is copied with it if nothing unreadable is between them.
    ///
    /// `buffer` is used for reading, and can be used again.
    ///
    /// # Errors
    ///
    /// The process is gone, may not be read, or has no memory there.
    pub fn read(pid: u32, stack_pointer: u64, buffer: &mut Vec<u8>) -> io::Result<Self> {
        buffer.resize(MAX_COPY_BYTES, 0);
        let bytes = read_memory(pid, stack_pointer, buffer)?;
        let is_part = bytes == MAX_COPY_BYTES;
        Ok(Self::new(stack_pointer, &buffer[..bytes], is_part))
    }

    /// A copy that was made otherwise; `is_part` if a bound ended it, not the memory.
    #[must_use]
    pub fn new(start: u64, bytes: &[u8], is_part: bool) -> Self {
        Self {
            start,
            bytes: bytes.into(),
            is_part,
        }
    }

    /// The word at an address, if it was copied.
    #[must_use]
    pub fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(WORD_BYTES)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().expect("a word")))
    }

    /// Whether the bound, and not the memory, ended the copy before this address of the stack.
    #[must_use]
    pub fn is_cut_before(&self, address: u64) -> bool {
        let from_start = address.checked_sub(self.start);
        let reach = self.bytes.len() as u64 + FAR_BYTES;
        self.is_part && from_start.is_some_and(|offset| offset < reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_words_of_memory_from_the_pointer_on() {
        let words: Vec<u64> = (0..20_000).collect();
        let (start, mut buffer) = (words.as_ptr() as u64, Vec::new());
        let copy = StackCopy::read(std::process::id(), start, &mut buffer).expect("readable");
        assert_eq!(copy.word(start), Some(0));
        assert_eq!(copy.word(start + 8 * 77), Some(77));
        let end = start + MAX_COPY_BYTES as u64;
        assert_eq!(copy.word(end - 8), Some(MAX_COPY_BYTES as u64 / 8 - 1));
        assert_eq!(copy.word(end - 7), None);
        assert!(copy.is_cut_before(end));
        assert!(!copy.is_cut_before(end + FAR_BYTES), "another stack's");
    }

    #[test]
    fn addresses_outside_have_no_word() {
        let copy = StackCopy::new(0x1000, &[1; 16], false);
        for address in [0, 0xff8, 0x1009, 0x1010, u64::MAX, u64::MAX - 7] {
            assert_eq!(copy.word(address), None, "{address:#x}");
        }
        assert!(copy.word(0x1008).is_some());
        assert!(!copy.is_cut_before(0x1010));
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let read = StackCopy::read(std::process::id(), 64, &mut Vec::new());
        assert!(read.is_err());
    }
}
