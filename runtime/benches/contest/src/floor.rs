//! The floor under the bench `sleepers_1m`: what it costs to touch, for the first time, as many
//! pages as its tasks touched, in the same way. No runtime whose tasks have stacks can be faster.

use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use memmap2::{Advice, MmapMut};

use crate::memory::PAGE_BYTES;

/// From one stack of ours to the next: 256 KiB and the gap below.
const STRIDE_BYTES: u64 = 320 * 1024;
/// Bytes of one mapping, as of the mappings that stacks lie in.
const MAPPING_BYTES: u64 = 1 << 30;

/// The time to touch `pages` fresh pages with so many threads: one for each of the `stacks`, as
/// far from each other as stacks are and without huge pages, and the rest side by side, as a heap's.
pub fn touching(pages: u64, stacks: u64, threads: usize) -> Duration {
    let threads = threads as u64;
    let far = pages.min(stacks);
    let near = pages - far;
    let start = Instant::now();
    let touching: Vec<_> = (0..threads)
        .map(|_| spawn(move || touch(far / threads, near / threads)))
        .collect();
    let mappings: Vec<_> = touching.into_iter().map(JoinHandle::join).collect();
    let elapsed = start.elapsed();
    // Giving the memory back is no part of it.
    drop(mappings);
    elapsed
}

/// One thread's share.
fn touch(far: u64, near: u64) -> Vec<MmapMut> {
    let mut mappings = touch_every(STRIDE_BYTES, far, Some(Advice::NoHugePage));
    mappings.extend(touch_every(PAGE_BYTES, near, None));
    mappings
}

/// Touches `pages` pages that begin `stride_bytes` apart.
fn touch_every(stride_bytes: u64, pages: u64, advice: Option<Advice>) -> Vec<MmapMut> {
    let each = MAPPING_BYTES / stride_bytes;
    let touch = |mapping: u64| {
        let pages = each.min(pages - mapping * each);
        let mut memory = MmapMut::map_anon((pages * stride_bytes) as usize).expect("fits in space");
        if let Some(advice) = advice {
            // A kernel without huge pages refuses, and needs no advice.
            let _ = memory.advise(advice);
        }
        for page in 0..pages {
            memory[(page * stride_bytes) as usize] = 1;
        }
        memory
    };
    (0..pages.div_ceil(each)).map(touch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::resident_bytes;

    #[test]
    fn each_page_is_touched_once_and_for_the_first_time() {
        let before = resident_bytes();
        let mappings = touch(5_000, 3_000);
        let bytes = resident_bytes() - before;
        // Other tests' memory comes and goes meanwhile.
        assert!(bytes >= 7_000 * PAGE_BYTES, "{bytes}");
        assert!(bytes <= 16_000 * PAGE_BYTES, "{bytes}");
        assert_eq!(mappings.len(), 3);
    }
}
