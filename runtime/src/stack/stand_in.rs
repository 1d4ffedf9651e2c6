//! Stacks without memory, for Miri and loom: there each task runs on a thread of its own (see
//! `context/thread_backed.rs`), so a stack is only its accounts.
//!
//! The names and the ledger's counts are those of the real module; nothing ever grows.
#![allow(dead_code, reason = "the names of the real module, used or not")]

use super::{StackError, StackOwner};
use crate::ledger::{self, Counter, Shard};
use crate::primitive::static_atomic::{AtomicI64, Ordering};
use crate::site::Site;
use crate::sys::registers::Registers;
use std::fmt;
use std::marker::PhantomData;
use std::process;

/// What every stack is said to have open.
const WINDOW_BYTES: usize = 32 * 1024;

/// The largest class of the real module.
const LARGEST_LIMIT_BYTES: usize = 8 << 20;

static USED_BYTES: AtomicI64 = AtomicI64::new(0);

/// The accounts of one task's stack.
pub(crate) struct Stack {
    limit_bytes: usize,
    site: &'static Site,
    shard: Option<&'static Shard>,
}

/// Bytes of open stack windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackTotals {
    /// Of stacks that tasks own.
    pub(crate) used_bytes: u64,
    /// Of stacks that wait for a task with their pages: none here.
    pub(crate) cached_bytes: u64,
}

/// Keeps nothing: every stack is a new one.
pub(crate) struct StackCache {
    shard: Option<&'static Shard>,
}

/// Nothing to widen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window;

/// No alternate stack: there is no handler.
pub(crate) struct SignalStack(PhantomData<*mut ()>);

impl StackCache {
    /// A cache that counts through the shared shard of the ledger.
    pub(crate) fn new() -> Self {
        Self { shard: None }
    }

    /// A cache of the processor that owns `shard`.
    pub(crate) fn with_shard(shard: &'static Shard) -> Self {
        Self { shard: Some(shard) }
    }

    /// A stack for `owner`.
    pub(crate) fn acquire(
        &mut self,
        limit_bytes: usize,
        owner: StackOwner,
    ) -> Result<Stack, StackError> {
        if limit_bytes > LARGEST_LIMIT_BYTES {
            return Err(StackError::LimitTooLarge { limit_bytes });
        }
        let limit_bytes = limit_bytes.max(WINDOW_BYTES);
        let stack = Stack {
            limit_bytes,
            site: owner.site,
            shard: self.shard,
        };
        stack.count(WINDOW_BYTES as i64);
        Ok(stack)
    }

    /// Takes back the stack of a task that has ended.
    pub(crate) fn release(&mut self, mut stack: Stack) {
        stack.shard = self.shard;
        drop(stack);
    }

    /// Nothing to drain.
    pub(crate) fn drain(&mut self) {}
}

impl Stack {
    pub(crate) fn open_bytes(&self) -> usize {
        WINDOW_BYTES
    }

    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    pub(crate) fn top(&self) -> usize {
        0
    }

    pub(crate) fn contains(&self, _address: usize) -> bool {
        false
    }

    pub(crate) fn window(&self) -> Window {
        Window
    }

    fn count(&self, bytes: i64) {
        USED_BYTES.fetch_add(bytes, Ordering::Relaxed);
        match self.shard {
            Some(shard) => shard.add(self.site, Counter::StackBytes, bytes),
            None => ledger::shared().add(self.site, Counter::StackBytes, bytes),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.count(-(WINDOW_BYTES as i64));
    }
}

/// The stack is a thread's: there is nothing to be read from outside.
///
/// # Safety
/// None is needed here.
pub(crate) unsafe fn frames(at: Registers, _is_code: impl Fn(u64) -> bool) -> Vec<u64> {
    vec![at.pc]
}

pub(crate) fn ensure_headroom(_window: Window) {}

pub(crate) fn install_worker_handler() -> SignalStack {
    SignalStack(PhantomData)
}

/// Only calls `f`.
pub fn with_open_stack<R>(_bytes: usize, f: impl FnOnce() -> R) -> R {
    f()
}

pub(crate) fn totals() -> StackTotals {
    let used_bytes = USED_BYTES.load(Ordering::Relaxed).max(0) as u64;
    StackTotals {
        used_bytes,
        cached_bytes: 0,
    }
}

pub(crate) fn set_fixed(_fixed: bool) {}

pub(crate) fn give_back(_budget: usize) -> usize {
    0
}

pub(crate) fn watch_signal_handlers() {}

/// Ends the process: one of the runtime's own rules is broken.
pub(crate) fn abort_with(text: fmt::Arguments<'_>) -> ! {
    eprint!("{text}");
    process::abort()
}
