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

/// What a parked task saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// An address in the function that parked.
    pub pc: u64,
    /// Its stack pointer.
    pub sp: u64,
    /// Its frame pointer register, whatever is in it.
    pub fp: u64,
}

/// Why a walk ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There was nothing more to follow.
    Here,
    /// The stack is deeper than the copy, or has more frames than are followed.
    Cut,
}

/// The addresses of a stack's frames, the innermost first. All but the first are inside of the
/// call that the frame waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub addresses: Vec<u64>,
    pub end: End,
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
        let start = native(registers);
        let mut frames = self
            .unwinder
            .iter_frames(registers.pc, start, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        // An error is the end of most stacks: what is above the first frame was never called.
        while let Ok(Some(frame)) = frames.next() {
            let address = inside_of_the_call(frame);
            if modules.find(address).is_none() {
                break;
            }
            if addresses.len() == MAX_FRAMES {
                end = End::Cut;
                break;
            }
            addresses.push(address);
        }
        Walk { addresses, end }
    }
}

fn inside_of_the_call(frame: FrameAddress) -> u64 {
    frame.address_for_lookup()
}

#[cfg(target_arch = "x86_64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.pc, registers.sp, registers.fp)
}

/// The link register is not saved: whoever parks has called, and has it on its stack.
#[cfg(target_arch = "aarch64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(0, registers.sp, registers.fp)
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
        Registers { pc, sp, fp }
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
            let copy = StackCopy::new(START, &bytes);
            let registers = Registers { pc, sp: START, fp };
            let walk = unwinder.borrow_mut().walk(&modules, registers, &copy);
            prop_assert!(walk.addresses.len() <= MAX_FRAMES);
        });
    }
}
