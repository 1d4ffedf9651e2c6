//! What a runtime holds and what it uses when its tasks do nothing: the benches `alive_1m` and
//! `idle`.

pub mod may;
pub mod ours;
pub mod tokio;

use std::time::Duration;

use crate::measure::Figure;
use crate::{crowd, memory};

/// Tasks that run and end before a runtime is idle.
pub const BEFORE_IDLE: u64 = 1_000;
/// Longer than any round.
pub const FOR_EVER: Duration = Duration::from_secs(3_600);
/// How long a runtime has to become idle.
pub const SETTLING: Duration = Duration::from_millis(500);

/// What was held before the tasks were there.
pub struct Before(u64);

impl Before {
    /// Now, when none of them has come to wait.
    pub fn now() -> Self {
        crowd::forget();
        Self(memory::held_bytes())
    }

    /// What is held now beyond that.
    pub fn growth(&self) -> Figure {
        Figure::Bytes(memory::held_bytes().saturating_sub(self.0))
    }
}
