//! What tests ask of the operating system: the situations in which stacks that grow could fail.

use super::signal::Handler;
use libc::{c_int, c_void};
use std::mem;

/// How a forked child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Killed(i32),
}

/// Runs `child` in a fork of this process, and ends it with the code that it returns.
pub(crate) fn fork(child: impl FnOnce() -> i32) -> End {
    // SAFETY: the child runs `child` only, on this thread, and leaves without cleaning up.
    match unsafe { libc::fork() } {
        0 => {
            let code = child();
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) }
        }
        pid => wait(pid),
    }
}

fn wait(pid: libc::pid_t) -> End {
    let mut status = 0;
    // SAFETY: the status is a live integer.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(waited, pid);
    if libc::WIFEXITED(status) {
        End::Exited(libc::WEXITSTATUS(status))
    } else {
        End::Killed(libc::WTERMSIG(status))
    }
}

/// Locks all memory of the process, also what is mapped later; false if it may not.
pub(crate) fn lock_all_memory() -> bool {
    // SAFETY: changes no content.
    unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) == 0 }
}

/// Lets the process map no more than `bytes` beyond what it has mapped.
pub(crate) fn limit_address_space(bytes: usize) {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').next().unwrap().parse().unwrap();
    let limit = (pages * 4096 + bytes) as libc::rlim_t;
    let limits = libc::rlimit {
        rlim_cur: limit,
        rlim_max: limit,
    };
    // SAFETY: the limits are a live structure.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limits) }, 0);
}

/// Lets the calling thread, and what it would start, start no thread and no process: both
/// fail with EAGAIN, as beyond a limit of processes. For ever.
pub(crate) fn forbid_threads() {
    let instruction = |code: u32, jump_true, value: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: 0,
        k: value,
    };
    let is_equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mut filter = [
        // The number of the system call is the first word of what a filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(is_equal, 2, libc::SYS_clone as u32),
        instruction(is_equal, 1, libc::SYS_clone3 as u32),
        instruction(answer, 0, libc::SECCOMP_RET_ALLOW),
        instruction(answer, 0, libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: takes rights from this thread, nothing else.
    let locked = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(locked, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program and its instructions are live during the call, which copies them.
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(installed, 0);
}

/// Reads from a descriptor through the C library.
pub(crate) fn read(fd: c_int, address: usize, len: usize) -> Result<usize, i32> {
    // SAFETY: the caller names memory of its own.
    let read = unsafe { libc::read(fd, address as *mut c_void, len) };
    usize::try_from(read).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap())
}

/// Reads from a descriptor by an inline system call, which touches no stack before the kernel
/// writes to the buffer.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn read_inline(fd: c_int, address: usize, len: usize) -> Result<usize, i32> {
    let mut result = libc::SYS_read;
    // SAFETY: the caller names memory of its own; the kernel changes rcx, r11 and rax.
    unsafe {
        std::arch::asm!(
            "syscall",
            inout("rax") result,
            in("rdi") fd, in("rsi") address, in("rdx") len,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    usize::try_from(result).map_err(|_| -result as i32)
}

/// Handles `signal` by `handler`, with the flags given. Gives what handled it before, if that is
/// a function of three arguments.
pub(crate) fn handle(signal: c_int, handler: Handler, flags: c_int) -> Option<Handler> {
    // SAFETY: an action of zeroes is a valid one.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = flags | libc::SA_SIGINFO;
    // SAFETY: live structures; the new one with a function of three arguments, as its flags say.
    let result = unsafe { libc::sigaction(signal, &action, &mut before) };
    assert_eq!(result, 0);
    let is_handler = before.sa_flags & libc::SA_SIGINFO != 0;
    // SAFETY: an action with this flag holds a function of three arguments.
    is_handler.then(|| unsafe { mem::transmute::<usize, Handler>(before.sa_sigaction) })
}

/// Sends a signal to this thread.
pub(crate) fn raise(signal: c_int) {
    // SAFETY: has no memory effects of its own.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Ends the process without cleaning up: may be called in a signal handler.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Calls `function(argument)` with the stack pointer `bytes` lower, as foreign code does that
/// makes room for its locals at once and touches none of it. `function` must not unwind.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
pub(crate) fn call_lower(bytes: usize, function: extern "C" fn(usize), argument: usize) {
    // SAFETY: the stack pointer is aligned for the call and restored from a register that the
    // callee saves; nothing of this frame lies below it.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "sub rsp, {bytes}",
            "and rsp, -16",
            "call {function}",
            "mov rsp, r12",
            bytes = in(reg) bytes,
            function = in(reg) function,
            in("rdi") argument,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}
