//! Tells the address sanitizer which stack a thread is on (`--cfg address_sanitizer`); nothing
//! otherwise. Called around every switch by `switch.rs`.
//!
//! Without it the sanitizer does not find the frames that unwinding leaves on a task's stack, and
//! reports who uses that memory next. It is to keep no frames after their return
//! (`detect_stack_use_after_return=0`): no copies of frames are handed from switch to switch.

/// On the worker's stack, before it goes to the stack from `bottom` to `top`.
#[cfg(address_sanitizer)]
pub(super) fn leave_for_task(bottom: usize, top: usize) {
    on::leave_for(bottom, top - bottom);
}

/// On the worker's stack again.
#[inline(always)]
pub(super) fn back_at_worker() {
    #[cfg(address_sanitizer)]
    on::arrive();
}

/// On a task's stack, for the first time or again, perhaps on another thread.
#[inline(always)]
pub(super) fn arrive_at_task() {
    #[cfg(address_sanitizer)]
    on::arrive_from_worker();
}

/// On a task's stack, before it goes back to the worker's.
#[inline(always)]
pub(super) fn leave_for_worker() {
    #[cfg(address_sanitizer)]
    on::leave_for_worker();
}

#[cfg(address_sanitizer)]
mod on {
    use std::cell::Cell;
    use std::ffi::c_void;
    use std::ptr;

    unsafe extern "C" {
        fn __sanitizer_start_switch_fiber(
            copies: *mut *mut c_void,
            bottom: *const c_void,
            size: usize,
        );
        fn __sanitizer_finish_switch_fiber(
            copies: *mut c_void,
            bottom: *mut *const c_void,
            size: *mut usize,
        );
    }

    thread_local! {
        /// Where the thread's own stack begins, and its size.
        static OWN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    #[inline(never)]
    pub(super) fn leave_for(bottom: usize, size: usize) {
        let bottom = ptr::with_exposed_provenance(bottom);
        // SAFETY: the stack is there, and the switch follows. There are no copies to keep.
        unsafe { __sanitizer_start_switch_fiber(ptr::null_mut(), bottom, size) };
    }

    #[inline(never)]
    pub(super) fn arrive() {
        // SAFETY: this is the stack that was told of last. Nobody asks for the one before.
        unsafe {
            __sanitizer_finish_switch_fiber(ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        }
    }

    #[inline(never)]
    pub(super) fn arrive_from_worker() {
        let (mut bottom, mut size) = (ptr::null(), 0);
        // SAFETY: as above, and the places are good for the call.
        unsafe {
            __sanitizer_finish_switch_fiber(ptr::null_mut(), &raw mut bottom, &raw mut size);
        }
        OWN.set((bottom.addr(), size));
    }

    /// The thread is the one on which the task arrived last.
    #[inline(never)]
    pub(super) fn leave_for_worker() {
        let (bottom, size) = OWN.get();
        leave_for(bottom, size);
    }
}
