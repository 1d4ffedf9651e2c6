//! Looking at a parked task from outside: what lies on its stack and in its cell, which only its
//! owner may touch. Called by `introspect`, from any thread.

use crate::stack;
use crate::task::{record::Record, table, wait};

/// A task that is parked, and stays so for as long as this lives.
pub(crate) struct Inspected(&'static Record);

/// Calls `look` with the task in this slot if that is parked. Nobody wakes it meanwhile: who tries
/// leaves a token, and the task is queued here, afterwards. `look` is quick, and does not park.
pub(crate) fn inspect<R>(slot: u32, look: impl FnOnce(&Inspected) -> R) -> Option<R> {
    let record = table::get(slot)?;
    if !record.state.inspect(record.state.read()) {
        return None;
    }
    let inspected = Inspected(record);
    Some(look(&inspected))
}

impl Inspected {
    pub(super) fn record(&self) -> &'static Record {
        self.0
    }

    /// Since when the token that it works under is cancelled.
    pub(crate) fn cancelled_since_ns(&self) -> Option<u64> {
        // SAFETY: inspecting makes us the owner of the task.
        unsafe { self.0.cancelled_since_ns() }
    }

    /// Where it is, innermost frame first; `is_code` says what may be an address of code.
    pub(crate) fn frames(&self, is_code: impl Fn(u64) -> bool) -> Vec<u64> {
        let registers = self.0.registers.load();
        // SAFETY: the task is parked, and stays so: nobody runs on its stack, which it keeps.
        unsafe { stack::frames(registers, is_code) }
    }
}

impl Drop for Inspected {
    fn drop(&mut self) {
        if self.0.state.stop_inspecting() {
            wait::wake_inspected(self.0);
        }
    }
}
