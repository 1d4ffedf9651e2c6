//! What a runtime holds and what it uses when its tasks do nothing: the benches `alive_1m` and
//! `idle`.

pub mod may;
pub mod ours;
pub mod tokio;

use std::time::Duration;

use crate::measure::Figure;
use crate::memory;

/// Tasks that run and end before a runtime is idle.
pub const BEFORE_IDLE: u64 = 1_000;
/// How long a runtime has to become idle.
pub const SETTLING: Duration = Duration::from_millis(500);

/// What was held before the tasks were there.
pub struct Before(u64);

impl Before {
    pub fn now() -> Self {
        Self(memory::held_bytes())
    }

    /// What is held now beyond that.
    pub fn growth(&self) -> Figure {
        Figure::Bytes(memory::held_bytes().saturating_sub(self.0))
    }
}
