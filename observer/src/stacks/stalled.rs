//! The stack of one stalled task, for what the daemon says of a finding.
//!
//! The kernel has walked the frame pointers when the task stalled. Whether the program has any is
//! judged here: a caller goes on at code of the process, and one caller alone may be a word that
//! looks like it. Else the stack is copied now, and unwound by call frame information as in a dump.
//! Either way it may be of a task that has gone on meanwhile: the model knows.
//!
//! ```text
//!  pipeline ── ask: what the kernel walked ──▶ a thread ──▶ a process of its own, for one task:
//!    frame pointers? ─┬─ yes ──▶ name ── NamedStack ──▶ the thread ──▶ pipeline
//!                     └─ no ─▶ copy, unwind ─▲
//! ```
//!
//! A process of its own, because stack, debug information and symbols are a stranger's: one that
//! does not end is killed, and one that dies takes nothing with it.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use observer_ebpf_abi::{TaskKey, WalkedStack};

use super::copy::StackCopy;
use super::debug_file::DEBUG_FILES;
use super::modules::Modules;
use super::symbols::Symbols;
use super::unwind::{End, Registers, Unwinder, Walk};
use super::walker::name_all;
use crate::collect::{Answerer, Background};
use crate::discover::ExamineError;
use crate::model::{NamedStack, WalkedBy};
use crate::sys::clock;

/// The command of this program that answers for one task: see `cli/stalled_stack.rs`.
pub const COMMAND: &str = "stalled-stack";

/// Frames of a stack that are told, the innermost of the program's own.
const MAX_FRAMES: usize = 8;

/// Callers that make a chain of frame pointers believable.
const MIN_CALLERS: usize = 2;

/// Debug information is read of files up to this size; larger ones are named by their symbol
/// tables. A dump, which somebody asked for, reads all.
const MAX_DEBUG_BYTES: u64 = 64 << 20;

/// How long the answer for one task may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks whether it is there.
const PAUSE: Duration = Duration::from_millis(10);

/// Most bytes of an answer; the frames of one are fewer.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// A stalled task, and what the kernel walked of its stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StalledTask {
    /// Its process.
    pub pid: u32,
    /// The task.
    pub key: TaskKey,
    /// What the kernel walked.
    pub walked: WalkedStack,
}

/// Finds out and names the stacks of stalled tasks, in the background.
#[derive(Debug)]
pub struct StalledStacks(Background<StalledTask, NamedStack>);

impl Default for StalledStacks {
    fn default() -> Self {
        Self(Background::new("stacks", answerer))
    }
}

impl StalledStacks {
    /// Asks for the stack of a task; again while it is not answered changes nothing.
    pub fn ask(&mut self, task: StalledTask) {
        self.0.ask(task);
    }

    /// What was found out since the last time; without frames where nothing could be.
    pub fn answers(&mut self) -> Vec<(TaskKey, NamedStack)> {
        let answers = self.0.answers().into_iter();
        answers.map(|(task, stack)| (task.key, stack)).collect()
    }
}

fn answerer() -> Answerer<StalledTask, NamedStack> {
    Box::new(|task| {
        let answer = start(task).map_err(Into::into).and_then(answer_of);
        answer.unwrap_or_else(|error| {
            tracing::debug!(pid = task.pid, "no stack of a stalled task: {error:#}");
            nothing(&task.walked)
        })
    })
}

/// Starts this program anew, for one task.
fn start(task: &StalledTask) -> io::Result<Child> {
    let walked = &task.walked;
    let numbers = [
        ("--walked-ns", walked.walked_ns),
        ("--pc", walked.pc),
        ("--sp", walked.sp),
        ("--fp", walked.fp),
    ];
    let mut command = Command::new("/proc/self/exe");
    command.args([COMMAND, "--pid", &task.pid.to_string()]);
    for (flag, number) in numbers {
        command.args([flag, &number.to_string()]);
    }
    command
        .args(callers(walked).iter().map(u64::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// What the process says, which fits into its pipe; it is killed if it says nothing for too long.
fn answer_of(mut child: Child) -> anyhow::Result<NamedStack> {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() >= PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("it took too long");
        }
        thread::sleep(PAUSE);
    };
    let mut answer = Vec::new();
    let output = child.stdout.take().context("no pipe")?;
    output.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    serde_json::from_slice(&answer).with_context(|| format!("it ended with {status}"))
}

/// Of a process that has ended, or whose files are broken.
fn nothing(walked: &WalkedStack) -> NamedStack {
    NamedStack {
        frames: Vec::new(),
        walked_by: WalkedBy::FramePointers,
        from_ns: walked.walked_ns,
        until_ns: walked.walked_ns,
    }
}

/// The stack of a stalled task of a process, by what the kernel walked or by a copy that is made
/// now. It reads what strangers wrote, and may be slow or panic.
///
/// # Errors
///
/// When the process has ended, or may not be looked at.
pub fn stalled_stack(pid: u32, walked: &WalkedStack) -> Result<NamedStack, ExamineError> {
    let modules = Modules::of(pid)?;
    let from_ns = walked.walked_ns;
    let (addresses, walked_by, until_ns) = match frames_by_pointers(&modules, walked) {
        Some(addresses) => (addresses, WalkedBy::FramePointers, from_ns),
        None => {
            let addresses = unwind_a_copy(pid, &modules, walked);
            (addresses, WalkedBy::Copy, clock::boot_ns())
        }
    };
    Ok(NamedStack {
        frames: name(&modules, addresses),
        walked_by,
        from_ns,
        until_ns,
    })
}

/// Where the task is, and the calls that it waits in, as the kernel walked them; `None` if these
/// are no frame pointers.
fn frames_by_pointers(modules: &Modules, walked: &WalkedStack) -> Option<Vec<u64>> {
    let is_code = |address: &u64| modules.find(*address).is_some();
    // A caller goes on behind its call, which may be another line, or another function.
    let calls = callers(walked)
        .iter()
        .map(|returns_to| returns_to.saturating_sub(1));
    let calls: Vec<u64> = calls.take_while(is_code).collect();
    let is_believable = is_code(&walked.pc) && calls.len() >= MIN_CALLERS;
    is_believable.then(|| [vec![walked.pc], calls].concat())
}

/// Where the callers go on; a count of more than there is room for is a lie.
fn callers(walked: &WalkedStack) -> &[u64] {
    let count = usize::try_from(walked.frame_count).unwrap_or(usize::MAX);
    &walked.frames[..count.min(walked.frames.len())]
}

/// The addresses of the frames; none if there is no stack to copy any more.
fn unwind_a_copy(pid: u32, modules: &Modules, walked: &WalkedStack) -> Vec<u64> {
    let WalkedStack { pc, sp, fp, .. } = *walked;
    let Ok(copy) = StackCopy::read(pid, sp, &mut Vec::new()) else {
        return Vec::new();
    };
    // The saved program counter is where it goes on: no link register is needed.
    let registers = Registers {
        pc,
        sp,
        fp,
        link: 0,
    };
    let walk = Unwinder::new(modules).walk(modules, registers, &copy);
    walk.addresses
}

fn name(modules: &Modules, addresses: Vec<u64>) -> Vec<String> {
    let mut symbols = Symbols::with_debug_files_up_to(Path::new(DEBUG_FILES), MAX_DEBUG_BYTES);
    let walk = Walk {
        addresses,
        pointer_steps: 0,
        end: End::Here,
    };
    let stacks = name_all(modules, &mut symbols, &[walk]).into_iter();
    let frames = stacks.flat_map(|stack| stack.frames);
    let shown = frames.filter(|frame| !frame.hidden).take(MAX_FRAMES);
    shown.map(|frame| frame.to_string()).collect()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use observer_ebpf_abi::STALL_FRAMES;

    /// Places in this program: each in a function of its own.
    fn code() -> [u64; 3] {
        #[inline(never)]
        fn parks() -> u64 {
            std::hint::black_box(1)
        }
        #[inline(never)]
        fn takes_the_lock() -> u64 {
            std::hint::black_box(2)
        }
        #[inline(never)]
        fn serves() -> u64 {
            std::hint::black_box(3)
        }
        [parks as fn() -> u64, takes_the_lock, serves].map(|place| place as usize as u64 + 2)
    }

    fn walked(pc: u64, sp: u64, callers: &[u64]) -> WalkedStack {
        let mut frames = [0; STALL_FRAMES];
        frames[..callers.len()].copy_from_slice(callers);
        WalkedStack {
            pc,
            sp,
            fp: 0,
            frame_count: callers.len() as u64,
            frames,
            walked_ns: 77,
        }
    }

    fn stack(walked: &WalkedStack) -> NamedStack {
        stalled_stack(std::process::id(), walked).expect("it may look at itself")
    }

    #[test]
    fn a_chain_of_callers_is_named_without_looking_at_the_stack() {
        let [pc, lock, serve] = code();
        let stack = stack(&walked(pc, 0, &[lock, serve]));
        assert_eq!(stack.walked_by, WalkedBy::FramePointers);
        assert_eq!((stack.from_ns, stack.until_ns), (77, 77));
        let names = ["code::parks", "code::takes_the_lock", "code::serves"];
        assert_eq!(stack.frames.len(), names.len(), "{stack:?}");
        for (frame, name) in stack.frames.iter().zip(names) {
            assert!(frame.contains(name), "{stack:?}");
        }
    }

    #[test]
    fn what_is_no_code_ends_the_callers() {
        let [pc, lock, serve] = code();
        let modules = Modules::of(std::process::id()).expect("it may look at itself");
        let told = walked(pc, 0, &[lock, serve, 8, lock]);
        let frames = frames_by_pointers(&modules, &told);
        assert_eq!(frames, Some(vec![pc, lock - 1, serve - 1]));
        for callers in [&[][..], &[lock], &[lock, 8, serve], &[8, lock, serve]] {
            let told = walked(pc, 0, callers);
            assert_eq!(frames_by_pointers(&modules, &told), None, "{callers:x?}");
        }
        let told = walked(8, 0, &[lock, serve]);
        assert_eq!(frames_by_pointers(&modules, &told), None, "no pc");
        let mut told = walked(pc, 0, &[lock, serve]);
        told.frame_count = u64::MAX;
        let frames = frames_by_pointers(&modules, &told);
        assert_eq!(frames, Some(vec![pc, lock - 1, serve - 1]));
    }

    #[test]
    fn without_frame_pointers_a_copy_of_the_stack_is_unwound() {
        #[inline(never)]
        fn waits() -> NamedStack {
            let (pc, sp): (u64, u64);
            // SAFETY: the instructions only copy registers.
            unsafe {
                std::arch::asm!(
                    "lea {pc}, [rip]", "mov {sp}, rsp",
                    pc = out(reg) pc, sp = out(reg) sp,
                    options(nomem, nostack, preserves_flags),
                );
            }
            std::hint::black_box(stack(&walked(pc, sp, &[])))
        }
        let before_ns = clock::boot_ns();
        let stack = waits();
        assert_eq!(stack.walked_by, WalkedBy::Copy);
        assert!(stack.from_ns == 77 && stack.until_ns >= before_ns);
        assert!(stack.frames[0].contains("waits"), "{stack:?}");
    }

    #[test]
    fn of_what_is_gone_there_are_no_frames() {
        let [pc, lock, serve] = code();
        // Linux gives no process an id as high as this.
        let gone = stalled_stack(1 << 22, &walked(pc, 0, &[lock, serve]));
        assert!(gone.is_err(), "{gone:?}");
        assert!(stack(&walked(8, 8, &[])).frames.is_empty(), "no stack");
    }

    fn child(script: &str) -> Child {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", script]).stdout(Stdio::piped());
        shell.spawn().expect("a shell")
    }

    #[test]
    fn an_answer_is_read_from_the_process_and_what_is_none_is_an_error() {
        let stack = nothing(&walked(1, 2, &[]));
        let json = serde_json::to_string(&stack).expect("JSON");
        let answer = answer_of(child(&format!("echo '{json}'")));
        assert_eq!(answer.expect("an answer"), stack);
        for script in [
            "true",
            "exit 1",
            "echo '{}'",
            "kill -ABRT $$",
            "yes | head -c 60000",
        ] {
            assert!(answer_of(child(script)).is_err(), "{script}");
        }
    }
}
