//! A processor's own spare stacks: last in, first out, so that the next task gets the stack
//! whose pages are still in the processor's caches.
//!
//! Used by the processor's owner only. Beyond a bound the older half goes to the global pool.

use super::layout::{CLASSES, Class};
use super::owned::{Spare, Stack};
use super::totals::{self, Cell};
use super::{StackError, StackOwner, pool};
use crate::ledger::{self, Counter, Shard};
use crate::site::Site;

/// Most stacks of one class that a cache holds.
const MOST_HELD: usize = 64;

/// Most bytes of open stack that a cache holds over all classes.
const MOST_HELD_BYTES: usize = 4 << 20;

/// How many stacks a cache takes from the pool at once.
const BATCH: usize = 32;

/// The spare stacks of one processor.
pub(crate) struct StackCache {
    lists: [Vec<Spare>; CLASSES],
    held_bytes: usize,
    cell: &'static Cell,
    /// Where the sites' stack bytes are counted; the shared shard if there is none.
    shard: Option<&'static Shard>,
}

impl StackCache {
    /// An empty cache that counts through the shared shard of the ledger.
    #[allow(dead_code, reason = "for code without a processor, and tests")]
    pub(crate) fn new() -> Self {
        Self::with(None)
    }

    /// An empty cache of the processor that owns `shard`.
    pub(crate) fn with_shard(shard: &'static Shard) -> Self {
        Self::with(Some(shard))
    }

    fn with(shard: Option<&'static Shard>) -> Self {
        let lists = [const { Vec::new() }; CLASSES];
        Self {
            lists,
            held_bytes: 0,
            cell: totals::register(),
            shard,
        }
    }

    /// A stack for `owner` that can grow to `limit_bytes`: from this cache, else from the pool,
    /// else one that was never used.
    pub(crate) fn acquire(
        &mut self,
        limit_bytes: usize,
        owner: StackOwner,
    ) -> Result<Stack, StackError> {
        let spare = self.take(Class::for_limit(limit_bytes)?)?;
        self.hand_out(spare, limit_bytes, owner)
    }

    /// A stack that was never used.
    #[cfg(test)]
    pub(super) fn acquire_fresh(
        &mut self,
        limit_bytes: usize,
        owner: StackOwner,
    ) -> Result<Stack, StackError> {
        let spare = pool::fresh(Class::for_limit(limit_bytes)?)?;
        self.hand_out(spare, limit_bytes, owner)
    }

    fn hand_out(
        &mut self,
        spare: Spare,
        limit_bytes: usize,
        owner: StackOwner,
    ) -> Result<Stack, StackError> {
        match spare.bind(limit_bytes, owner) {
            Ok(stack) => {
                let bytes = stack.open_bytes() as i64;
                self.cell.add_used(bytes);
                self.count(owner.site, bytes);
                Ok(stack)
            }
            Err((spare, error)) => {
                self.keep(spare);
                Err(error)
            }
        }
    }

    /// Takes back the stack of a task that has ended.
    pub(crate) fn release(&mut self, stack: Stack) {
        let (spare, owner, bytes) = stack.into_spare();
        if let Some(owner) = owner {
            self.count(owner.site, -(bytes as i64));
        }
        self.cell.add_used(-(bytes as i64));
        self.keep(spare);
    }

    /// Gives every stack to the global pool.
    pub(crate) fn drain(&mut self) {
        pool::put(self.lists.iter_mut().flat_map(|list| list.drain(..)));
        self.held_bytes = 0;
    }

    fn count(&self, site: &'static Site, bytes: i64) {
        match self.shard {
            Some(shard) => shard.add(site, Counter::StackBytes, bytes),
            None => ledger::shared().add(site, Counter::StackBytes, bytes),
        }
    }

    fn take(&mut self, class: Class) -> Result<Spare, StackError> {
        let list = &mut self.lists[class.index()];
        if list.is_empty() {
            self.held_bytes += pool::take(class, BATCH, list);
        }
        let Some(spare) = list.pop() else {
            return pool::fresh(class);
        };
        let bytes = spare.open_bytes();
        self.held_bytes -= bytes;
        self.cell.add_cached(-(bytes as i64));
        Ok(spare)
    }

    fn keep(&mut self, spare: Spare) {
        let class = spare.slot().class();
        let bytes = spare.open_bytes();
        self.held_bytes += bytes;
        self.cell.add_cached(bytes as i64);
        self.lists[class.index()].push(spare);
        if self.lists[class.index()].len() > MOST_HELD || self.held_bytes > MOST_HELD_BYTES {
            self.spill(class);
        }
    }

    /// Gives the older half of a class to the pool.
    #[cold]
    fn spill(&mut self, class: Class) {
        let list = &mut self.lists[class.index()];
        let half = list.len().div_ceil(2);
        self.held_bytes -= list[..half].iter().map(Spare::open_bytes).sum::<usize>();
        pool::put(list.drain(..half));
    }
}

impl Drop for StackCache {
    fn drop(&mut self) {
        self.drain();
        totals::retire(self.cell);
    }
}
