//! Whether the observer works: what `/healthz` and `/readyz` say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A step that took longer than this is a pipeline that hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Shared between the pipeline, which reports, and the HTTP routes, which ask.
///
/// Ready: the initial scan is done, every target that it found is attached or reported, and
/// the first step has published its view. Healthy: the last step was not long ago.
#[derive(Clone, Debug)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// Milliseconds from the start to the end of the last step.
    last_step_ms: AtomicU64,
    ready: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        let (last_step_ms, ready) = (AtomicU64::new(0), AtomicBool::new(false));
        Self {
            shared: Arc::new(Shared {
                started: Instant::now(),
                last_step_ms,
                ready,
            }),
        }
    }
}

impl Health {
    /// A step ended and its view is published.
    pub fn stepped(&self) {
        let ms = u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Relaxed: flags for people, nothing is read because of them.
        self.shared.last_step_ms.store(ms, Ordering::Relaxed);
        self.shared.ready.store(true, Ordering::Relaxed);
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn unhealthy(&self) -> Option<String> {
        let last = Duration::from_millis(self.shared.last_step_ms.load(Ordering::Relaxed));
        let quiet = self.shared.started.elapsed().saturating_sub(last);
        (quiet > PATIENCE).then(|| format!("no step for {} s", quiet.as_secs()))
    }

    /// What is still missing, if anything is.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        let ready = self.shared.ready.load(Ordering::Relaxed);
        (!ready)
            .then(|| "the initial scan is not done".to_owned())
            .or_else(|| self.unhealthy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_has_stepped_once() {
        let health = Health::default();
        assert!(health.unready().is_some());
        assert!(health.unhealthy().is_none());
        health.stepped();
        assert!(health.unready().is_none());
    }
}
