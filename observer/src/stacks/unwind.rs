//! From a copy of a stack to the addresses of its frames.
//!
//! framehop follows `.eh_frame` where a file has it, which every Rust program does unless it was
//! built not to, and frame pointers where there is none: so code of both kinds can be mixed on a
//! stack. A walk is bounded, reads nothing but the copy, and ends at the first address that is
//! not in a mapped file.

use std::sync::Arc;

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, UnwindRegsNative, Unwinder as _,
    UnwinderNative,
};

use super::copy::StackCopy;
use super::modules::{self, Modules};
use crate::elf::SectionBytes;

/// Most frames of one stack; what lies beyond is left out, at the task's beginning.
pub const MAX_FRAMES: usize = 256;

/// What a parked task saved, or a running thread has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// An address in the innermost function.
    pub pc: u64,
    /// Its stack pointer.
    pub sp: u64,
    /// Its frame pointer register, whatever is in it.
    pub fp: u64,
    /// Its register with the return address; 0 where the processor has none, or it is not known:
    /// whoever parks has called, and has it on its stack.
    pub link: u64,
}

/// Why a walk ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There was nothing more to follow.
    Here,
    /// The stack is deeper than the copy, or has more frames than are followed.
    Cut,
    /// The next address is in no mapped file.
    Nowhere,
}

/// The addresses of a stack's frames, the innermost first. All but the first are inside of the
/// call that the frame waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub addresses: Vec<u64>,
    pub end: End,
    /// So many of its first steps, from a frame to its caller, are those of frame pointers too.
    pub pointer_steps: usize,
}

/// Unwinds stacks of one process.
pub(super) struct Unwinder {
    unwinder: UnwinderNative<Arc<[u8]>, framehop::MayAllocateDuringUnwind>,
    cache: CacheNative<framehop::MayAllocateDuringUnwind>,
}

impl Unwinder {
    pub fn new(modules: &Modules) -> Self {
        let mut unwinder = UnwinderNative::new();
        for module in modules.iter() {
            if let Some(module) = for_framehop(module) {
                unwinder.add_module(module);
            }
        }
        Self {
            unwinder,
            cache: CacheNative::new(),
        }
    }

    /// Follows the frames of a copied stack.
    pub fn walk(&mut self, modules: &Modules, registers: Registers, copy: &StackCopy) -> Walk {
        let mut end = End::Here;
        let mut read = |address| {
            copy.word(address).ok_or_else(|| {
                if copy.is_cut_before(address) {
                    end = End::Cut;
                }
            })
        };
        let mut at = FrameAddress::from_instruction_pointer(registers.pc);
        let mut registers = native(registers);
        let (mut addresses, mut pointer_steps) = (Vec::new(), 0);
        let last = loop {
            let address = at.address_for_lookup();
            if modules.find(address).is_none() {
                break End::Nowhere;
            }
            if addresses.len() == MAX_FRAMES {
                break End::Cut;
            }
            addresses.push(address);
            let pointer = frame_pointer(&registers);
            let step = self
                .unwinder
                .unwind_frame(at, &mut registers, &mut self.cache, &mut read);
            // An error is the end of most stacks: what is above the first frame was never called.
            let Ok(Some(caller)) = step else {
                break End::Here;
            };
            let is_pointer_step = copy.word(pointer) == Some(frame_pointer(&registers))
                && copy.word(pointer.wrapping_add(8)) == Some(caller);
            if is_pointer_step && pointer_steps + 1 == addresses.len() {
                pointer_steps += 1;
            }
            match FrameAddress::from_return_address(caller) {
                Some(next) => at = next,
                None => break End::Here,
            }
        };
        Walk {
            addresses,
            end: if end == End::Cut { end } else { last },
            pointer_steps,
        }
    }

    /// Whether frame pointers lead from this frame to its caller, by what the frame's file says.
    pub fn keeps_pointer(&mut self, frame: FrameAddress) -> bool {
        const START: Registers = Registers {
            pc: 0,
            sp: 1 << 20,
            fp: 2 << 20,
            link: 0,
        };
        // Any memory that is not the same everywhere tells which of its words were taken.
        let word = |address: u64| address + (1 << 30);
        let mut registers = native(START);
        let mut read = |address| Ok(word(address));
        let caller = self
            .unwinder
            .unwind_frame(frame, &mut registers, &mut self.cache, &mut read);
        caller.is_ok_and(|caller| caller == Some(word(START.fp + 8)))
            && frame_pointer(&registers) == word(START.fp)
    }
}

#[cfg(target_arch = "x86_64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.pc, registers.sp, registers.fp)
}

#[cfg(target_arch = "aarch64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.link, registers.sp, registers.fp)
}

#[cfg(target_arch = "x86_64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.bp()
}

#[cfg(target_arch = "aarch64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.fp()
}

/// A file without call frame information is added too: then frame pointers are followed.
fn for_framehop(module: &modules::Module) -> Option<Module<Arc<[u8]>>> {
    let (image, bias) = (module.image.as_ref()?, module.bias()?);
    let addresses = |section: &Option<SectionBytes>| Some(section.as_ref()?.addresses.clone());
    let bytes = |section: &Option<SectionBytes>| Some(Arc::clone(&section.as_ref()?.bytes));
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: image.text.clone(),
        got_svma: image.got.clone(),
        eh_frame_svma: addresses(&image.eh_frame),
        eh_frame: bytes(&image.eh_frame),
        eh_frame_hdr_svma: addresses(&image.eh_frame_hdr),
        eh_frame_hdr: bytes(&image.eh_frame_hdr),
        ..ExplicitModuleSectionInfo::default()
    };
    let (name, range) = (module.mapped.path.to_string(), &module.mapped.addresses);
    Some(Module::new(name, range.clone(), bias, sections))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use std::hint::black_box;

    /// The registers of the caller, as a runtime saves them.
    #[inline(always)]
    fn capture() -> Registers {
        let (pc, sp, fp): (u64, u64, u64);
        // SAFETY: the instructions only copy registers.
        unsafe {
            std::arch::asm!(
                "lea {pc}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
                pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers {
            pc,
            sp,
            fp,
            link: 0,
        }
    }

    #[inline(never)]
    fn innermost() -> (Registers, StackCopy) {
        let registers = capture();
        let copy = StackCopy::read(std::process::id(), registers.sp, &mut Vec::new());
        black_box((registers, copy.expect("our own stack")))
    }

    #[inline(never)]
    fn recurse(depth: u32) -> (Registers, StackCopy) {
        match depth {
            0 => black_box(innermost()),
            _ => black_box(recurse(depth - 1)),
        }
    }

    fn modules() -> Modules {
        Modules::of(std::process::id()).expect("it may look at itself")
    }

    #[test]
    fn follows_the_frames_of_a_recursion() {
        let modules = modules();
        let (registers, copy) = recurse(9);
        let walk = Unwinder::new(&modules).walk(&modules, registers, &copy);
        assert_eq!(walk.addresses[0], registers.pc);
        let inner = walk.addresses[3];
        let again = walk.addresses.iter().filter(|address| **address == inner);
        assert!(again.count() >= 7, "{walk:x?}");
    }

    #[test]
    fn a_stack_that_is_deeper_than_its_copy_is_cut() {
        let modules = modules();
        let (registers, copy) = std::thread::Builder::new()
            .stack_size(8 << 20)
            .spawn(|| recurse(2_000))
            .expect("a thread")
            .join()
            .expect("no panic");
        let walk = Unwinder::new(&modules).walk(&modules, registers, &copy);
        assert_eq!(walk.end, End::Cut);
        assert!(walk.addresses.len() > 20 && walk.addresses.len() <= MAX_FRAMES);
    }

    #[test]
    fn any_stack_and_registers_give_a_bounded_walk() {
        const START: u64 = 0x7f00_0000_0000;
        let modules = modules();
        let code = modules.iter().next().expect("it has code");
        let code = code.mapped.addresses.start;
        let unwinder = RefCell::new(Unwinder::new(&modules));
        // Any word, or an address of code, or one of the stack itself: to get beyond one frame.
        let word = prop_oneof![
            any::<u64>(),
            (0..100_000_u64).prop_map(move |offset| code + offset),
            (0..2_000_u64).prop_map(|offset| START + offset),
        ];
        let registers = (word.clone(), word.clone());
        let words = prop::collection::vec(word, 0..200);
        proptest!(|((pc, fp) in registers, words in words)| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let copy = StackCopy::new(START, &bytes, false);
            let registers = Registers { pc, sp: START, fp, link: 0 };
            let walk = unwinder.borrow_mut().walk(&modules, registers, &copy);
            prop_assert!(walk.addresses.len() <= MAX_FRAMES);
        });
    }
}
