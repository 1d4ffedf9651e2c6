//! The stacks of running threads, of which a kernel program recorded what frame pointers told it
//! and a copy: for a trace.
//!
//! Frame pointers are followed for next to nothing, but only a program that keeps them has them,
//! and parts of one may not (the C library mostly). A copy tells every stack whose files have call
//! frame information, and is dear. So each copy is unwound, and compared: where every step to a
//! caller was the frame pointers' too, another stack with these frame pointers is the same one,
//! and need not be copied.

use std::time::{Duration, Instant};

use framehop::FrameAddress;

use super::copy::StackCopy;
use super::modules::Modules;
use super::unwind::{End, Registers, Unwinder, Walk};

/// How often the process's files are looked for anew at most, when an address is in none of them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The addresses of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CallStack {
    /// The innermost first: where it is, then inside of the call that each caller waits for.
    pub frames: Vec<u64>,
    /// Frames are missing at its end: it is deeper than what was copied or followed.
    pub is_cut: bool,
}

/// What a kernel program recorded of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The thread's registers.
    pub registers: Registers,
    /// A copy of its stack.
    pub copy: &'a StackCopy,
    /// Where frame pointers led: where it is, then where each caller goes on.
    pub pointers: &'a [u64],
    /// More were not followed, if there are as many.
    pub pointers_limit: usize,
}

/// Unwinds stacks of one process. Its files are opened at the beginning, and looked for anew when
/// an address is in none of them: a library may have been loaded since.
///
/// What it reads is a stranger's, and may make it slow or panic: see the module.
pub struct Callers {
    pid: u32,
    modules: Modules,
    unwinder: Unwinder,
    looked: Instant,
}

impl Callers {
    /// Of this process, as this mount of `/proc` shows it. Of one that has ended, nothing is known.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let modules = Modules::or_none(pid).unwrap_or_default();
        Self {
            pid,
            unwinder: Unwinder::new(&modules),
            modules,
            looked: Instant::now(),
        }
    }

    /// The stack; and whether it is the stack of whoever has the same frame pointers.
    pub fn unwind(&mut self, recorded: Recorded<'_>) -> (CallStack, bool) {
        let mut walk = self.walk(recorded);
        if walk.end == End::Nowhere && self.look_again() {
            walk = self.walk(recorded);
        }
        let is_told = self.is_told_by_pointers(&walk);
        let mut is_cut = walk.end == End::Cut;
        let is_by_pointers = walk.pointer_steps + 1 == walk.addresses.len();
        let mut frames = walk.addresses;
        if is_cut && is_by_pointers {
            is_cut = !self.extend(&mut frames, recorded);
        }
        (CallStack { frames, is_cut }, is_told)
    }

    fn walk(&mut self, recorded: Recorded<'_>) -> Walk {
        let (registers, copy) = (recorded.registers, recorded.copy);
        self.unwinder.walk(&self.modules, registers, copy)
    }

    fn look_again(&mut self) -> bool {
        if self.looked.elapsed() < LOOK_AGAIN {
            return false;
        }
        self.looked = Instant::now();
        let modules = Modules::or_none(self.pid);
        if let Some(modules) = modules {
            self.unwinder = Unwinder::new(&modules);
            self.modules = modules;
            return true;
        }
        false
    }

    /// Whether frame pointers lead through the whole stack; or to a function of another file than
    /// the innermost one, with all that called it but the first of all. Threads begin so, the main
    /// one with a function of the program that calls the C library, which keeps no frame pointers:
    /// they begin the same way each time.
    fn is_told_by_pointers(&self, walk: &Walk) -> bool {
        let Some((first, callers)) = walk.addresses.split_first() else {
            return false;
        };
        let rest = callers.get(walk.pointer_steps..).unwrap_or_default();
        if walk.end == End::Nowhere || callers.is_empty() {
            return false;
        }
        let Some((_beginning, rest)) = rest.split_last() else {
            return true;
        };
        let module = |address: &u64| self.modules.find(*address).map(|found| &found.mapped.path);
        let of_last_told = module(&walk.addresses[walk.pointer_steps]);
        walk.end == End::Here
            && of_last_told != module(first)
            && rest.iter().all(|address| module(address) == of_last_told)
    }

    /// Goes on by frame pointers where the copy ends, as long as the functions keep them; says
    /// whether that leads to the end of the stack.
    fn extend(&mut self, frames: &mut Vec<u64>, recorded: Recorded<'_>) -> bool {
        let Some(mut depth) = frames.len().checked_sub(1) else {
            return false;
        };
        while let Some(frame) = frame_at(recorded.pointers, depth)
            && self.unwinder.keeps_pointer(frame)
        {
            depth += 1;
            let Some(caller) = frame_at(recorded.pointers, depth) else {
                return depth < recorded.pointers_limit;
            };
            let address = caller.address_for_lookup();
            if self.modules.find(address).is_none() {
                return false;
            }
            frames.push(address);
        }
        false
    }
}

/// A frame as frame pointers tell it.
fn frame_at(pointers: &[u64], depth: usize) -> Option<FrameAddress> {
    let address = *pointers.get(depth)?;
    match depth {
        0 => Some(FrameAddress::from_instruction_pointer(address)),
        _ => FrameAddress::from_return_address(address),
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    // Two functions as compilers make them with frame pointers and without, and where each calls.
    std::arch::global_asm!(
        ".pushsection .text",
        "with_frame_pointer:",
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "call without_frame_pointer",
        "after_with_frame_pointer:",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
        "without_frame_pointer:",
        ".cfi_startproc",
        "sub rsp, 24",
        ".cfi_def_cfa_offset 32",
        "call with_frame_pointer",
        "after_without_frame_pointer:",
        "add rsp, 24",
        ".cfi_def_cfa_offset 8",
        "ret",
        ".cfi_endproc",
        ".popsection",
    );

    unsafe extern "C" {
        static after_with_frame_pointer: u8;
        static after_without_frame_pointer: u8;
    }

    /// Where a function with a frame pointer, and one without, go on after a call.
    fn returns() -> (u64, u64) {
        let with = &raw const after_with_frame_pointer as u64;
        (with, &raw const after_without_frame_pointer as u64)
    }

    fn own() -> Callers {
        Callers::of(std::process::id())
    }

    /// The words of a stack, from this address on.
    const STACK: u64 = 0x7f00_0000_0000;

    fn unwind(words: &[u64], is_part: bool, fp: u64, pointers: &[u64]) -> (CallStack, bool) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let registers = Registers {
            pc: pointers[0],
            sp: STACK,
            fp,
            link: 0,
        };
        own().unwind(Recorded {
            registers,
            copy: &StackCopy::new(STACK, &bytes, is_part),
            pointers,
            pointers_limit: 8,
        })
    }

    fn calls(addresses: &[u64]) -> Vec<u64> {
        let (first, callers) = addresses.split_first().expect("a frame");
        let callers = callers.iter().map(|address| address - 1);
        [*first].into_iter().chain(callers).collect()
    }

    #[test]
    fn a_stack_that_frame_pointers_tell_is_known() {
        let (with, _) = returns();
        let words = [STACK + 16, with, STACK + 32, with, 0, 0];
        let (stack, is_told) = unwind(&words, false, STACK, &[with, with, with]);
        assert_eq!(stack.frames, calls(&[with, with, with]));
        assert!(is_told && !stack.is_cut);
    }

    #[test]
    fn a_function_without_frame_pointer_is_found_in_the_copy_and_makes_it_unknown() {
        let (with, without) = returns();
        // with ← without (24 bytes and the return address) ← with; the middle one is not in the
        // chain of frame pointers.
        let words = [STACK + 48, without, 7, 7, 7, with, 0, 0];
        let (stack, is_told) = unwind(&words, false, STACK, &[with, without]);
        assert_eq!(stack.frames, calls(&[with, without, with]));
        assert!(!is_told);
    }

    #[test]
    fn beyond_the_copy_frame_pointers_are_followed_as_far_as_they_are_kept() {
        let (with, without) = returns();
        let words = [STACK + 16, with, STACK + 32];
        let whole = [with; 5];
        let (stack, is_told) = unwind(&words, true, STACK, &whole);
        assert_eq!(stack.frames, calls(&whole));
        assert!(is_told && !stack.is_cut, "the chain ends before its bound");
        let broken = [with, with, with, without, with];
        let (stack, _) = unwind(&words, true, STACK, &broken);
        assert_eq!(stack.frames, calls(&broken[..4]));
        assert!(stack.is_cut);
        let (stack, _) = unwind(&words, true, STACK, &[with; 8]);
        assert!(stack.is_cut, "as many as are followed");
    }

    fn walk(addresses: &[u64], pointer_steps: usize, end: End) -> Walk {
        Walk {
            addresses: addresses.to_vec(),
            end,
            pointer_steps,
        }
    }

    #[test]
    fn a_thread_may_begin_in_another_file_without_frame_pointers() {
        let own_code = own as *const () as u64;
        // Whatever other file there is code of: the C library or the loader.
        let callers = own();
        let path = |address| callers.modules.find(address).map(|m| &m.mapped.path);
        let mut others = callers.modules.iter().map(|m| m.mapped.addresses.start);
        let other = others.find(|start| path(*start) != path(own_code));
        let other = other.expect("it is linked dynamically");
        let told = |addresses: &[u64], steps, end| {
            callers.is_told_by_pointers(&walk(addresses, steps, end))
        };
        let begun = [own_code, own_code, other, other];
        assert!(told(&begun, 2, End::Here));
        let main = [own_code, own_code, other, other, own_code];
        assert!(told(&main, 2, End::Here));
        assert!(!told(&begun, 1, End::Here), "a step of our own is unsure");
        assert!(!told(&begun, 2, End::Cut));
        assert!(!told(&begun, 2, End::Nowhere));
        let called_back = [own_code, own_code, other, own_code, other];
        assert!(!told(&called_back, 2, End::Here));
        assert!(!told(&[other, other, other], 1, End::Here));
        assert!(!told(&[own_code], 0, End::Here));
        assert!(!told(&[], 0, End::Here));
    }
}
