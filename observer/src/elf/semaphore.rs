//! Whether the kernel finds a semaphore when it raises it.
//!
//! The kernel knows a semaphore by its place in the file, and adds to it in the first writable
//! mapping of that place. Linkers may end one segment and begin the next in the same page of the
//! file; the loader maps such a page twice, in the order of addresses:
//!
//! ```text
//! file    │ … relocated data │ .data .probes │        one page
//! memory  │ … relocated data │ ?             │        the earlier segment, first in memory
//!                            │ .data .probes │        the semaphore's own
//! ```
//!
//! Usually the earlier one is made read-only once it is relocated (RELRO), and then the kernel
//! finds the right one: only a process that starts while it is watched can go wrong. Where it
//! stays writable, the kernel always adds to whatever lies at `?`.

use std::ops::Range;

use super::address::Segment;

/// Where the kernel adds when it raises a semaphore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SemaphorePage {
    /// To the semaphore; also where there is none.
    #[default]
    Own,
    /// To the semaphore once the program has started, before that elsewhere.
    SharedWhileStarting,
    /// Always elsewhere.
    Shared,
}

/// Looks at the segments that the loader maps before the semaphore's own. `read_only` are the
/// addresses that the loader makes read-only after relocation, `offset` is the semaphore's in the file.
pub(super) fn page_of(
    segments: &[Segment],
    read_only: Option<&Range<u64>>,
    own: &Segment,
    offset: u64,
    page_bytes: u64,
) -> SemaphorePage {
    let page = offset / page_bytes;
    let before = segments
        .iter()
        .filter(|other| other.writable && other.address < own.address);
    let mut found = SemaphorePage::Own;
    for other in before.filter(|other| maps(other, page, page_bytes)) {
        let from_start = page.saturating_sub(other.offset / page_bytes);
        let address = (other.address / page_bytes)
            .saturating_add(from_start)
            .saturating_mul(page_bytes);
        if !is_read_only(read_only, address, page_bytes) {
            return SemaphorePage::Shared;
        }
        found = SemaphorePage::SharedWhileStarting;
    }
    found
}

/// The segment's mapping has this page of the file in it.
fn maps(segment: &Segment, page: u64, page_bytes: u64) -> bool {
    let Some(last) = segment.file_bytes.checked_sub(1) else {
        return false;
    };
    let last_page = segment.offset.saturating_add(last) / page_bytes;
    (segment.offset / page_bytes..=last_page).contains(&page)
}

/// The loader makes whole pages read-only, both ends rounded down.
fn is_read_only(range: Option<&Range<u64>>, address: u64, page_bytes: u64) -> bool {
    let down = |address: u64| address - address % page_bytes;
    let end = address.saturating_add(page_bytes);
    range.is_some_and(|range| down(range.start) <= address && end <= down(range.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 0x1000;

    /// What LLD makes of a small program: `.data` in the page of the file in which the
    /// relocated data ends.
    const RELOCATED: Segment = Segment {
        address: 0x2b40,
        memory_bytes: 0x4c0,
        file_bytes: 0x1d8,
        offset: 0xb40,
        executable: false,
        writable: true,
    };
    const DATA: Segment = Segment {
        address: 0x3d18,
        memory_bytes: 0xb0,
        file_bytes: 0x78,
        offset: 0xd18,
        executable: false,
        writable: true,
    };
    const SEMAPHORE: u64 = 0xd28;

    fn page(segments: &[Segment], read_only: Option<&Range<u64>>) -> SemaphorePage {
        page_of(segments, read_only, &DATA, SEMAPHORE, PAGE)
    }

    #[test]
    fn a_page_that_relocated_data_shares_is_found_after_the_start_only() {
        let shared = page(&[RELOCATED, DATA], Some(&(0x2b40..0x3000)));
        assert_eq!(shared, SemaphorePage::SharedWhileStarting);
    }

    #[test]
    fn a_page_that_stays_writable_before_the_semaphores_is_never_right() {
        assert_eq!(page(&[RELOCATED, DATA], None), SemaphorePage::Shared);
        // The loader rounds the end down: this page stays writable.
        let short = page(&[RELOCATED, DATA], Some(&(0x2b40..0x2fff)));
        assert_eq!(short, SemaphorePage::Shared);
    }

    #[test]
    fn segments_that_the_kernel_passes_over_do_no_harm() {
        let read_only = Segment {
            writable: false,
            ..RELOCATED
        };
        let elsewhere = Segment {
            offset: 0x1b40,
            ..RELOCATED
        };
        let empty = Segment {
            file_bytes: 0,
            ..RELOCATED
        };
        let later = Segment {
            address: 0x9b40,
            ..RELOCATED
        };
        for other in [read_only, elsewhere, empty, later] {
            assert_eq!(page(&[other, DATA], None), SemaphorePage::Own, "{other:?}");
        }
        assert_eq!(page(&[DATA], None), SemaphorePage::Own);
    }

    #[test]
    fn the_page_may_be_any_of_a_longer_segment() {
        let long = Segment {
            address: 0x1000,
            memory_bytes: 0x3800,
            file_bytes: 0x3800,
            offset: 0,
            ..RELOCATED
        };
        let own = Segment {
            address: 0x9800,
            offset: 0x3800,
            ..DATA
        };
        let found =
            |read_only: Option<&Range<u64>>| page_of(&[long, own], read_only, &own, 0x3810, PAGE);
        assert_eq!(
            found(Some(&(0x1000..0x5000))),
            SemaphorePage::SharedWhileStarting
        );
        assert_eq!(found(Some(&(0x1000..0x4000))), SemaphorePage::Shared);
    }

    #[test]
    fn hostile_numbers_do_not_overflow() {
        let wild = Segment {
            address: u64::MAX - 1,
            memory_bytes: u64::MAX,
            file_bytes: u64::MAX,
            offset: u64::MAX,
            executable: true,
            writable: true,
        };
        let last = Segment {
            address: u64::MAX,
            ..wild
        };
        page_of(
            &[wild, last],
            Some(&(u64::MAX..u64::MAX)),
            &last,
            u64::MAX,
            PAGE,
        );
    }
}
