//! The record that a probe's `site` argument points at.

/// Flag of a site whose tasks are declared to live and wait for ever.
pub const SITE_FLAG_SERVICE: u64 = 1;

/// Size of a [`SiteRecord`] on a 64-bit target.
pub const SITE_RECORD_BYTES: usize = 48;

/// One spawn site as it lies in the target's memory, never freed.
///
/// Pointers are addresses in the target; a reader in another process must treat every
/// field as untrusted bytes. Strings are UTF-8 without a terminator.
///
/// | offset | field |
/// |---|---|
/// | 0 | `file` |
/// | 8 | `file_len` |
/// | 16 | `line` |
/// | 20 | `column` |
/// | 24 | `name` |
/// | 32 | `name_len` |
/// | 40 | `flags` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SiteRecord {
    /// The source file's name.
    pub file: *const u8,
    /// Its length in bytes.
    pub file_len: u64,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The static name of the task's builder; null if there is none.
    pub name: *const u8,
    /// Its length in bytes; 0 if there is none.
    pub name_len: u64,
    /// [`SITE_FLAG_SERVICE`]; other bits are zero.
    pub flags: u64,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<SiteRecord>() == SITE_RECORD_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn fields_lie_where_the_contract_says() {
        assert_eq!(offset_of!(SiteRecord, file), 0);
        assert_eq!(offset_of!(SiteRecord, file_len), 8);
        assert_eq!(offset_of!(SiteRecord, line), 16);
        assert_eq!(offset_of!(SiteRecord, column), 20);
        assert_eq!(offset_of!(SiteRecord, name), 24);
        assert_eq!(offset_of!(SiteRecord, name_len), 32);
        assert_eq!(offset_of!(SiteRecord, flags), 40);
    }
}
