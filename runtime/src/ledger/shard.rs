//! The shards: a table of rows per processor, written by its owner alone, and one that all
//! may write.
//!
//! A processor registers a shard when it starts and retires it when it ends. Shards are never
//! freed and never reset: a retired one stays in every sum, and the next processor goes on
//! counting in it. The shared shard has no table: its row of a site lies in the site, so that
//! the fault handler can add without looking anything up.

use super::chunks::Chunks;
use super::row::{Counter, Row};
use crate::primitive::static_atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::site::Site;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

/// The counters of one processor.
pub(crate) struct Shard {
    rows: Chunks<Row>,
    /// The next in the list of all shards; set before the shard is in it.
    next: AtomicPtr<Shard>,
}

/// The newest shard; the others follow by `next`. Only ever grows.
static NEWEST: AtomicPtr<Shard> = AtomicPtr::new(null_mut());

/// Retired shards.
static RETIRED: Mutex<Vec<&'static Shard>> = Mutex::new(Vec::new());

/// How often a growth was counted, over all sites: the monitor looks at the sites only when
/// this has moved.
static GROWTHS: AtomicU64 = AtomicU64::new(0);

impl Shard {
    /// A shard for the calling processor, whose only writer it is until [`Shard::retire`].
    #[must_use]
    pub(crate) fn register() -> &'static Self {
        // The lock orders the last writes of the owner before with the first of this one.
        let mut retired = RETIRED.lock().unwrap_or_else(PoisonError::into_inner);
        retired.pop().unwrap_or_else(Self::create)
    }

    fn create() -> &'static Self {
        let shard: &'static Self = Box::leak(Box::new(Self {
            rows: Chunks::new(),
            next: AtomicPtr::new(null_mut()),
        }));
        // The caller holds the lock, so nobody else writes the list.
        shard
            .next
            .store(NEWEST.load(Ordering::Relaxed), Ordering::Relaxed);
        // Release: pairs with the acquire in `all`.
        NEWEST.store(std::ptr::from_ref(shard).cast_mut(), Ordering::Release);
        shard
    }

    /// Gives the shard back: its processor is gone, its counts stay.
    pub(crate) fn retire(&'static self) {
        RETIRED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self);
    }

    /// Adds to a counter of a site. Only the shard's owner may call it, and not from a signal
    /// handler.
    #[inline]
    pub(crate) fn add(&self, site: &'static Site, counter: Counter, delta: i64) {
        if counter == Counter::Growths {
            return shared().add(site, counter, delta);
        }
        self.rows
            .get_or_make(site.index())
            .add_owned(counter, delta);
    }

    /// The site's row, if anything of it was ever counted near here.
    pub(super) fn row(&self, site: &Site) -> Option<&Row> {
        self.rows.get(site.index())
    }

    /// All shards, retired ones too.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        // Acquire: pairs with the release in `create`.
        std::iter::successors(shard_at(NEWEST.load(Ordering::Acquire)), |shard| {
            shard_at(shard.next.load(Ordering::Relaxed))
        })
    }
}

fn shard_at(pointer: *mut Shard) -> Option<&'static Shard> {
    // SAFETY: the list holds null or leaked shards.
    unsafe { pointer.as_ref() }
}

/// The shard for all who own none: foreign threads, blocking calls, the fault handler.
#[derive(Clone, Copy)]
pub(crate) struct SharedShard;

/// The shared shard.
#[inline]
pub(crate) const fn shared() -> SharedShard {
    SharedShard
}

impl SharedShard {
    /// Adds to a counter of a site. Async-signal-safe.
    #[inline]
    pub(crate) fn add(self, site: &'static Site, counter: Counter, delta: i64) {
        site.shared_row().add_shared(counter, delta);
        if counter == Counter::Growths {
            // Release, after the row: who sees this number also sees the row's.
            GROWTHS.fetch_add(1, Ordering::Release);
        }
    }
}

/// A number that moves whenever a growth is counted at any site.
pub(crate) fn growth_epoch() -> u64 {
    GROWTHS.load(Ordering::Acquire)
}
