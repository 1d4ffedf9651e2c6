//! What happens in the child of a fork: it has one thread, so no monitor and no workers.

/// Calls `child` in every child that this process forks from now on (not those that it spawns
/// by `posix_spawn` or `vfork`, which run none of our code).
///
/// `child` must be async-signal-safe: the parent may have had other threads.
pub(crate) fn on_fork_in_child(child: extern "C" fn()) {
    if cfg!(miri) {
        return;
    }
    // SAFETY: the function is a static of the program and takes no arguments.
    let error = unsafe { libc::pthread_atfork(None, None, Some(callback(child))) };
    debug_assert_eq!(error, 0, "pthread_atfork can only fail for want of memory");
}

fn callback(function: extern "C" fn()) -> unsafe extern "C" fn() {
    function
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::primitive::static_atomic::{AtomicU32, Ordering};

    static CALLS: AtomicU32 = AtomicU32::new(0);

    extern "C" fn call() {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn the_child_is_told_and_the_parent_is_not() {
        on_fork_in_child(call);
        // SAFETY: the child only reads an atomic and ends, both async-signal-safe.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(CALLS.load(Ordering::Relaxed) as i32) };
        }
        assert!(child > 0, "the test may fork");
        let mut status = 0;
        // SAFETY: `status` is a valid place, and the child is ours.
        let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(ended, child);
        assert!(libc::WIFEXITED(status));
        assert_eq!(libc::WEXITSTATUS(status), 1);
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);
    }
}
