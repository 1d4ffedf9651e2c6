//! A random number for the order of arms: from the worker, or for threads that are none from one
//! counter that they share.

use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::task::current::with_worker;

/// The step of Steele, Lea and Flood's SplitMix64 (OOPSLA 2014): 2⁶⁴ over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

static FOREIGN: AtomicU64 = AtomicU64::new(STEP);

/// 64 bits; not for secrets.
pub(super) fn random() -> u64 {
    with_worker(|worker| worker.next_random()).unwrap_or_else(of_foreign_thread)
}

/// SplitMix64's output function over the shared counter.
fn of_foreign_thread() -> u64 {
    let mut random = FOREIGN.fetch_add(STEP, Ordering::Relaxed);
    random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    random = (random ^ (random >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    random ^ (random >> 31)
}
