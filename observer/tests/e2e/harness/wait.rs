//! Waiting for a state, and how long that took.

use std::time::{Duration, Instant};

/// A state that has not come after this long never will.
const HANG_GUARD: Duration = Duration::from_secs(60);

/// Asks until the answer is `Ok`; returns it with the time it took.
///
/// # Panics
///
/// If the state has not come after the hang guard; the message has the last reason.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    eventually_within(HANG_GUARD, what, ask)
}

/// As [`eventually`], of what takes its time by design.
///
/// # Panics
///
/// If the state has not come after `guard`.
pub fn eventually_within<T>(
    guard: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<T, String>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return (answer, start.elapsed()),
            Err(reason) if start.elapsed() > guard => {
                panic!("never came: {what}: {reason}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Holds a bound of the contract against the best of three tries.
///
/// The machine is shared: one slow try says nothing, three slow ones say that the bound is
/// not kept. Every figure is printed.
///
/// # Panics
///
/// If all three tries take longer than `bound`.
pub fn best_of(what: &str, bound: Duration, mut attempt: impl FnMut(u32) -> Duration) {
    let mut best = Duration::MAX;
    for number in 0..3 {
        let took = attempt(number);
        println!("{what}: {took:.2?} (bound {bound:?})");
        best = best.min(took);
        if best <= bound {
            return;
        }
    }
    panic!("{what}: {best:.2?} at best, the bound is {bound:?}");
}
