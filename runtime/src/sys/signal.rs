//! Signal handlers, alternate stacks, and what the kernel says about a fault.
//!
//! The fault handler of the stacks is built from these. What runs inside a handler allocates
//! nothing, takes no lock and touches no thread-local but the C library's error number, which it
//! puts back.

use crate::primitive::static_atomic::{AtomicPtr, Ordering};
use crate::sys::mem::{self, Access, Errno, PAGE_BYTES};
use crate::sys::registers::Registers;
use libc::{c_int, c_void, siginfo_t};
use std::marker::PhantomData;
use std::{mem as memory, ptr};

/// The signal of an access that no mapping allows.
pub(crate) const MEMORY_FAULT: i32 = libc::SIGSEGV;

/// The number of the last signal that programs may handle.
const LAST_SIGNAL: i32 = 64;

/// `si_code` of a fault for which the kernel knows no address.
const CODE_KERNEL: i32 = 0x80;

/// What the kernel says about a signal.
pub(crate) type SignalInfo = siginfo_t;

/// What a handler installed by [`Action::install`] is called as.
pub(crate) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// What a process does on a signal.
#[derive(Clone, Copy)]
pub(crate) struct Action(libc::sigaction);

/// An action that was there before ours, readable from a handler.
pub(crate) struct SavedAction(AtomicPtr<Action>);

/// A memory fault as the kernel describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The address that was touched; 0 if the fault is not one of memory access.
    pub(crate) address: usize,
    /// The registers of the code that touched it.
    pub(crate) registers: Registers,
}

/// The alternate signal stack of the thread that made it.
///
/// Dropped on that same thread, which then has the one that it had before.
pub(crate) struct AlternateStack {
    base: usize,
    bytes: usize,
    previous: libc::stack_t,
    not_send: PhantomData<*mut ()>,
}

impl AlternateStack {
    /// Gives the calling thread a stack of `bytes` beyond what the kernel itself puts there,
    /// with a guard page below.
    pub(crate) fn install(bytes: usize) -> Result<Self, Errno> {
        let bytes = (bytes + kernel_frame_bytes()).next_multiple_of(PAGE_BYTES) + PAGE_BYTES;
        let base = mem::reserve(bytes, PAGE_BYTES, Access::ReadWrite)?;
        // SAFETY: the lowest page of the range just reserved; nothing refers to it.
        unsafe { mem::protect(base, PAGE_BYTES, Access::None) }?;
        let stack = libc::stack_t {
            ss_sp: (base + PAGE_BYTES) as *mut c_void,
            ss_flags: 0,
            ss_size: bytes - PAGE_BYTES,
        };
        let previous = exchange_alternate_stack(&stack)?;
        Ok(Self {
            base,
            bytes,
            previous,
            not_send: PhantomData,
        })
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        if exchange_alternate_stack(&self.previous).is_ok() {
            // SAFETY: the kernel does not use the range as this thread's alternate stack any
            // more, and no handler runs on it: this code would be running above it.
            unsafe { mem::unmap(self.base, self.bytes) };
        }
    }
}

fn exchange_alternate_stack(stack: &libc::stack_t) -> Result<libc::stack_t, Errno> {
    let mut previous = memory::MaybeUninit::uninit();
    // SAFETY: both pointers are to live structures of the kernel's type.
    if unsafe { libc::sigaltstack(stack, previous.as_mut_ptr()) } != 0 {
        return Err(Errno(
            std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        ));
    }
    // SAFETY: a call that succeeds fills the structure in.
    Ok(unsafe { previous.assume_init() })
}

/// The bytes that the kernel needs for the registers of the interrupted code.
fn kernel_frame_bytes() -> usize {
    // SAFETY: a read of the auxiliary vector; 0 where the entry is unknown.
    let bytes = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    (bytes as usize).max(libc::MINSIGSTKSZ)
}

impl Action {
    /// What is done on `signal` now; `None` for signals that may not be asked about.
    pub(crate) fn current(signal: i32) -> Option<Self> {
        let mut action = memory::MaybeUninit::uninit();
        // SAFETY: no new action is given, and the old one goes to a structure of its type.
        let result = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
        // SAFETY: a call that succeeds fills the structure in.
        (result == 0).then(|| Self(unsafe { action.assume_init() }))
    }

    /// A call of `handler` on the alternate stack, with every other signal held back.
    pub(crate) fn call(handler: Handler) -> Self {
        // SAFETY: an action of zeroes is a valid one: the default, no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { memory::zeroed() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: the mask is a live signal set.
        unsafe { libc::sigfillset(&mut action.sa_mask) };
        Self(action)
    }

    /// Makes this the action of `signal` and returns what it replaces.
    pub(crate) fn install(&self, signal: i32) -> Option<Self> {
        let mut previous = memory::MaybeUninit::uninit();
        // SAFETY: both are live structures; the handler, where there is one, was taken from
        // `call` or from the process itself.
        let result = unsafe { libc::sigaction(signal, &self.0, previous.as_mut_ptr()) };
        // SAFETY: a call that succeeds fills the structure in.
        (result == 0).then(|| Self(unsafe { previous.assume_init() }))
    }

    /// Whether this calls `handler`.
    pub(crate) fn calls(&self, handler: Handler) -> bool {
        self.0.sa_sigaction == handler as usize
    }

    /// Whether this calls what `other` calls.
    pub(crate) fn is_same_function(&self, other: &Self) -> bool {
        self.0.sa_sigaction == other.0.sa_sigaction
    }

    pub(super) fn is_function(&self) -> bool {
        self.0.sa_sigaction != libc::SIG_DFL && self.0.sa_sigaction != libc::SIG_IGN
    }

    fn has(&self, flag: c_int) -> bool {
        self.0.sa_flags & flag != 0
    }
}

impl PartialEq for Action {
    /// The same function, called in the same way.
    fn eq(&self, other: &Self) -> bool {
        let is_masked = |action: &Self, signal| {
            // SAFETY: the set is live and the signal's number valid.
            unsafe { libc::sigismember(&action.0.sa_mask, signal) }
        };
        self.is_same_function(other)
            && self.0.sa_flags == other.0.sa_flags
            && (1..=LAST_SIGNAL).all(|signal| is_masked(self, signal) == is_masked(other, signal))
    }
}

impl SavedAction {
    /// Nothing saved yet.
    pub(crate) const fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Keeps an action for good: a handler may be reading it at any time.
    pub(crate) fn set(&self, action: Action) {
        // Release: pairs with the acquire in `get`, which may run in a handler elsewhere.
        self.0
            .store(Box::into_raw(Box::new(action)), Ordering::Release);
    }

    /// The saved action.
    pub(crate) fn get(&self) -> Option<&'static Action> {
        // SAFETY: the pointer is null or from a box that is never freed or changed.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}

impl Fault {
    /// What the kernel passed to a handler.
    ///
    /// # Safety
    /// The pointers are those that the kernel gave to a handler that is still running.
    pub(crate) unsafe fn read(info: *const siginfo_t, context: *const c_void) -> Self {
        // SAFETY: the caller's promise.
        let info = unsafe { &*info };
        // SAFETY: the caller's promise; the third argument of a handler is a user context.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        let by_access = info.si_code > 0 && info.si_code != CODE_KERNEL;
        // SAFETY: every siginfo has these bytes; they are an address for a positive code of this
        // signal other than the kernel's own, and used only then.
        let address = unsafe { info.si_addr() } as usize;
        let address = if by_access { address } else { 0 };
        Self {
            address,
            registers: registers_of(context),
        }
    }

    /// Whether the fault came from jumping to the address rather than from reading or writing.
    pub(crate) fn is_instruction_fetch(&self) -> bool {
        self.registers.pc as usize == self.address
    }
}

/// A word of the kernel's description of a signal that is zero when the kernel delivers it, and
/// nobody's: since 4.20 ("signal: Use a smaller struct siginfo in the kernel") Linux fills in the
/// first 48 bytes and clears the rest.
///
/// # Safety
/// The description is the one that the kernel gave to a handler that is still running.
pub(crate) unsafe fn unused_word(info: *mut siginfo_t) -> *mut u64 {
    const OFFSET: usize = size_of::<siginfo_t>() - size_of::<u64>();
    const { assert!(OFFSET >= 48 && OFFSET.is_multiple_of(align_of::<u64>())) };
    // SAFETY: within the description; the caller's promise.
    unsafe { info.byte_add(OFFSET) }.cast()
}

#[cfg(target_arch = "x86_64")]
fn registers_of(context: &libc::ucontext_t) -> Registers {
    let general = &context.uc_mcontext.gregs;
    Registers {
        pc: general[libc::REG_RIP as usize] as u64,
        sp: general[libc::REG_RSP as usize] as u64,
        fp: general[libc::REG_RBP as usize] as u64,
    }
}

#[cfg(target_arch = "aarch64")]
fn registers_of(context: &libc::ucontext_t) -> Registers {
    let machine = &context.uc_mcontext;
    Registers {
        pc: machine.pc,
        sp: machine.sp,
        fp: machine.regs[29],
    }
}

/// Does what `action` would have done with the signal, had it been the process's.
///
/// With the default action it puts that in place and returns: the faulting instruction runs
/// again, and the kernel ends the process as it would have without us.
///
/// # Safety
/// Called from a handler of `signal`, with the arguments that the kernel gave to it.
pub(crate) unsafe fn pass_on(
    action: Option<&Action>,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let Some(action) = action.filter(|action| action.is_function()) else {
        return restore_default(signal);
    };
    // SAFETY: the caller's promise about the context.
    unsafe { hold_back_as(action, signal, context) };
    if action.has(libc::SA_SIGINFO) {
        // SAFETY: an action with this flag holds a function of three arguments.
        let handler: Handler = unsafe { memory::transmute(action.0.sa_sigaction) };
        handler(signal, info, context);
    } else {
        // SAFETY: an action without the flag holds a function of one argument.
        let handler: extern "C" fn(c_int) = unsafe { memory::transmute(action.0.sa_sigaction) };
        handler(signal);
    }
}

/// Holds back the signals that the kernel would while the handler of `action` runs.
unsafe fn hold_back_as(action: &Action, signal: c_int, context: *mut c_void) {
    // SAFETY: the caller passes the context that the kernel gave to the running handler.
    let interrupted = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_sigmask };
    // SAFETY: both sets are live.
    let mut set = unsafe { union_of(interrupted, &action.0.sa_mask) };
    if !action.has(libc::SA_NODEFER) {
        // SAFETY: the set is live and the signal's number valid.
        unsafe { libc::sigaddset(&mut set, signal) };
    }
    // SAFETY: the set is live, and the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &set, ptr::null_mut()) };
}

unsafe fn union_of(left: &libc::sigset_t, right: &libc::sigset_t) -> libc::sigset_t {
    let mut union = *left;
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: the set is live and the signal's number valid.
        if unsafe { libc::sigismember(right, signal) } == 1 {
            // SAFETY: as above.
            unsafe { libc::sigaddset(&mut union, signal) };
        }
    }
    union
}

fn restore_default(signal: c_int) {
    // SAFETY: an action of zeroes is a valid one: the default.
    let action = Action(unsafe { memory::zeroed() });
    let _ = action.install(signal);
}

/// Adds `SA_ONSTACK` to every handler of the process that lacks it, and returns to how many.
///
/// A handler that starts on a task's stack close to the guard would be killed by the kernel: it
/// cannot fault its way in. A handler that another thread replaces in just this moment is put
/// back as it was before; that is why this runs seldom.
pub(crate) fn move_handlers_to_alternate_stacks() -> usize {
    (1..=LAST_SIGNAL)
        .filter(|&signal| move_handler(signal))
        .count()
}

fn move_handler(signal: i32) -> bool {
    let Some(mut action) = Action::current(signal) else {
        return false;
    };
    if !action.is_function() || action.has(libc::SA_ONSTACK) {
        return false;
    }
    action.0.sa_flags |= libc::SA_ONSTACK;
    action.install(signal).is_some()
}

/// Runs `f` and leaves the thread's error number as it was.
pub(crate) fn keeping_errno<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the C library returns a valid pointer to this thread's error number.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let errno = unsafe { *place };
    let result = f();
    // SAFETY: as above; handlers run on the thread that they interrupt.
    unsafe { *place = errno };
    result
}

/// Writes to standard error without a buffer, a lock or an allocation.
pub(crate) fn write_to_stderr(text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of a live slice.
        let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
        let Ok(written @ 1..) = usize::try_from(written) else {
            return;
        };
        rest = &rest[written..];
    }
}
