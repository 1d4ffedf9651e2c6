//! A tracer of this very process: it raises semaphores and sets breakpoints as the kernel would,
//! at the sites that the program's own notes name, and gives each hit's registers and thread.
//!
//! So the reports of a running program are tested without a kernel's help and without root. A
//! breakpoint is the one byte that the kernel writes too; the handler of SIGTRAP passes the
//! registers on through a pipe, and the thread goes on behind the nop.

use crate::notes::{notes, readelf};
use libc::{
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_RAX, REG_RCX, REG_RDI, REG_RDX, REG_RSI,
};
use runtime_abi::{MAX_ARGUMENTS, PROBES, ProbeId};
use std::fs;
use std::io::Read;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

const BREAKPOINT: u8 = 0xcc;

/// The address of each probe's site, by table row; 0 if it is not traced.
static SITES: [AtomicU64; PROBES.len()] = [const { AtomicU64::new(0) }; PROBES.len()];

/// The pipe's writing end.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// What the handler sends: a row, a thread, and the arguments.
type Message = [u64; 2 + MAX_ARGUMENTS];

/// One hit of a probe.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Which probe.
    pub probe: ProbeId,
    /// In which thread.
    pub thread: u64,
    /// Its arguments' registers, all ten.
    pub arguments: [u64; MAX_ARGUMENTS],
}

/// The receiving end.
pub struct Tracer(std::io::PipeReader);

impl Tracer {
    /// Traces these probes from now on. Once per process.
    pub fn start(probes: &[ProbeId]) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        PIPE.store(writer.into_raw_fd(), Ordering::Relaxed);
        handle_breakpoints();
        let program = fs::read_link("/proc/self/exe").expect("this program");
        let bias = load_bias(&program);
        for note in notes(&readelf("-n", &program)) {
            let probe = ProbeId::from_name(&note.name).expect("in the table");
            if probes.contains(&probe) {
                let site = bias + note.location;
                SITES[probe as usize].store(site, Ordering::Relaxed);
                set_breakpoint(site);
                raise((bias + note.semaphore) as *mut u16);
            }
        }
        Self(reader)
    }

    /// Waits for the next hit.
    pub fn next(&mut self) -> Hit {
        let mut bytes = [0; size_of::<Message>()];
        self.0
            .read_exact(&mut bytes)
            .expect("the handler writes whole messages");
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_ne_bytes(word.try_into().expect("eight")));
        let row = words.next().expect("a row") as usize;
        let thread = words.next().expect("a thread");
        let arguments = std::array::from_fn(|_| words.next().expect("an argument"));
        Hit {
            probe: ProbeId::ALL[row],
            thread,
            arguments,
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // From here on breakpoints are passed over; the writer goes with its end.
        let writer = PIPE.swap(-1, Ordering::Relaxed);
        // SAFETY: the descriptor is the pipe's and owned by nobody else.
        drop(unsafe { std::io::PipeWriter::from_raw_fd(writer) });
    }
}

/// What is to be added to the file's addresses: where its first page is.
fn load_bias(program: &Path) -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").expect("the memory map");
    let path = program.to_str().expect("a readable path");
    let first = maps
        .lines()
        .find(|line| line.ends_with(path))
        .expect("the program is mapped");
    let start = first.split('-').next().expect("an address");
    u64::from_str_radix(start, 16).expect("hexadecimal")
}

fn set_breakpoint(site: u64) {
    const PAGE: u64 = 4_096;
    let page = (site & !(PAGE - 1)) as *mut libc::c_void;
    let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    // SAFETY: the page is this program's code; it stays readable and executable.
    let error = unsafe { libc::mprotect(page, PAGE as usize, all) };
    assert_eq!(error, 0, "code can be made writable");
    let place = site as *mut u8;
    // SAFETY: the note says that here is the site.
    let before = unsafe { place.read_volatile() };
    assert_eq!(before, 0x90, "a 1-byte nop");
    // SAFETY: one byte is written at once, over an instruction of one byte.
    unsafe { place.write_volatile(BREAKPOINT) };
}

fn raise(semaphore: *mut u16) {
    // SAFETY: the note says that here is the semaphore; the program only reads it.
    let listeners = unsafe { semaphore.read_volatile() };
    // SAFETY: as above.
    unsafe { semaphore.write_volatile(listeners + 1) };
}

fn handle_breakpoints() {
    // SAFETY: all zeroes are a valid, empty action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_breakpoint as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action is valid and its handler async-signal-safe.
    let error = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut()) };
    assert_eq!(error, 0);
}

/// Sends the registers; the thread goes on behind the breakpoint, that is behind the nop.
extern "C" fn on_breakpoint(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel gives the handler the interrupted context.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    let register = |name: i32| registers[name as usize] as u64;
    let site = register(libc::REG_RIP) - 1;
    let Some(row) = SITES
        .iter()
        .position(|known| known.load(Ordering::Relaxed) == site)
    else {
        // SAFETY: ends the process: nobody else sets breakpoints here.
        unsafe { libc::abort() }
    };
    // SAFETY: no arguments.
    let thread = unsafe { libc::gettid() } as u64;
    let message: Message = [
        row as u64,
        thread,
        register(REG_RDI),
        register(REG_RSI),
        register(REG_RDX),
        register(REG_RCX),
        register(REG_R8),
        register(REG_R9),
        register(REG_RAX),
        register(REG_R10),
        register(REG_R11),
        register(REG_R12),
    ];
    let writer = PIPE.load(Ordering::Relaxed);
    // SAFETY: the message is readable; it is short enough to be written as a whole.
    unsafe { libc::write(writer, message.as_ptr().cast(), size_of::<Message>()) };
}
