//! The processor's counter of instructions, where there is one: virtual machines often have none.

use perf_event::events::Hardware;
use perf_event::{Builder, Counter as PerfCounter};

/// Counts the instructions of this thread in user mode.
pub struct Counter(Option<PerfCounter>);

impl Counter {
    /// The counter, or one that counts nothing where the kernel or the machine has none.
    pub fn open() -> Self {
        Self(Builder::new(Hardware::INSTRUCTIONS).build().ok())
    }

    /// Does the work; how many instructions it took, if they can be counted.
    pub fn count<T>(&mut self, work: impl FnOnce() -> T) -> (T, Option<u64>) {
        let Some(counter) = &mut self.0 else {
            return (work(), None);
        };
        let counts = counter.reset().and_then(|()| counter.enable()).is_ok();
        let result = work();
        let counted = counter.disable().and_then(|()| counter.read());
        // 0 is a counter that had no place on the processor.
        (result, counted.ok().filter(|count| counts && *count > 0))
    }
}
