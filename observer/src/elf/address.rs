//! From virtual addresses to places in the file, by the load segments.

/// A `PT_LOAD` segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its virtual address.
    pub address: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes in the file; the rest is zeros.
    pub file_bytes: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// It can be executed.
    pub executable: bool,
    /// It can be written.
    pub writable: bool,
}

impl Segment {
    /// The address lies in the segment's memory.
    pub fn contains(&self, address: u64) -> bool {
        address
            .checked_sub(self.address)
            .is_some_and(|inside| inside < self.memory_bytes)
    }

    /// Where the file, which has `file_size` bytes, holds the address.
    pub fn file_offset(&self, address: u64, file_size: u64) -> Option<u64> {
        let inside = address.checked_sub(self.address)?;
        let offset = self.offset.checked_add(inside)?;
        (inside < self.file_bytes && offset < file_size).then_some(offset)
    }
}

/// By how much addresses in a note are moved: what prelink did to the file since it was linked.
///
/// `section` is the address of `.stapsdt.base` now, `note` what the note remembers. A linker
/// that drops the section leaves a zero on one side: then there is nothing to compare.
pub(super) fn adjustment(section: u64, note: u64) -> u64 {
    if section == 0 || note == 0 {
        0
    } else {
        section.wrapping_sub(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Segment = Segment {
        address: 0x1000,
        memory_bytes: 0x200,
        file_bytes: 0x100,
        offset: 0x400,
        executable: true,
        writable: false,
    };

    #[test]
    fn an_address_in_the_file_has_an_offset() {
        assert_eq!(TEXT.file_offset(0x1000, 0x500), Some(0x400));
        assert_eq!(TEXT.file_offset(0x10ff, 0x500), Some(0x4ff));
    }

    #[test]
    fn an_address_beyond_the_file_has_none() {
        assert!(TEXT.contains(0x1100));
        assert_eq!(TEXT.file_offset(0x1100, 0x1000), None);
        assert_eq!(TEXT.file_offset(0x10ff, 0x4ff), None);
        assert_eq!(TEXT.file_offset(0xfff, 0x1000), None);
        let far = Segment {
            offset: u64::MAX,
            ..TEXT
        };
        assert_eq!(far.file_offset(0x1001, u64::MAX), None);
    }

    #[test]
    fn a_segment_ends_where_its_memory_does() {
        assert!(!TEXT.contains(0xfff));
        assert!(!TEXT.contains(0x1200));
        let last = Segment {
            address: u64::MAX - 1,
            memory_bytes: u64::MAX,
            ..TEXT
        };
        assert!(last.contains(u64::MAX));
    }

    #[test]
    fn addresses_move_only_if_both_bases_are_known() {
        assert_eq!(adjustment(0x3000, 0x1000), 0x2000);
        assert_eq!(adjustment(0, 0x1000), 0);
        assert_eq!(adjustment(0x3000, 0), 0);
        assert_eq!(0x2000_u64.wrapping_add(adjustment(0x1000, 0x3000)), 0);
    }
}
