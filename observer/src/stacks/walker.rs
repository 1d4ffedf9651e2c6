//! The thread that unwinds and names, for a caller that does not wait for it without end.
//!
//! ```text
//!  dump ── submit: task, registers, copy ──▶ unwind at once; equal stacks are one
//!       ── finish ─────────────────────────▶ name every address once ── Walked ──▶ dump
//! ```
//!
//! What a hostile file makes of the libraries' code (an endless expression in its call frame
//! information, say) ends here: [`Walker::finish`] gives up after a while, and the thread is left
//! behind for the process to end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::copy::StackCopy;
use super::debug_file::DEBUG_FILES;
use super::hide_internal;
use super::modules::Modules;
use super::symbols::{Frame, Symbols};
use super::unwind::{End, Registers, Unwinder, Walk};
use crate::discover::ExamineError;

/// Different stacks that are kept; tasks with others beyond have none.
const MAX_STACKS: usize = 16_384;

/// Copies that wait to be unwound.
const QUEUE: usize = 256;

/// How long a walker is waited for.
const PATIENCE: Patience = Patience {
    submit: Duration::from_secs(10),
    finish: Duration::from_secs(60),
};

/// The pause between two attempts to submit.
const PAUSE: Duration = Duration::from_millis(1);

/// A stack of a [`Walked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(usize);

/// One stack, shared by all tasks that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its functions, the innermost first.
    pub frames: Vec<Frame>,
    /// Frames are missing at its end: it is deeper than what is copied or followed.
    pub is_cut: bool,
}

/// The stacks of all tasks that were submitted.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    stacks: Vec<Stack>,
    of_tasks: HashMap<u64, StackId>,
    left_out: u64,
}

/// Why there are no stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// It took too long.
    #[error("the stacks could not be read in time: its files may be damaged, or very large")]
    Late,
    /// The unwinder or the symboliser panicked.
    #[error("the stacks could not be read: its files may be damaged")]
    Panicked,
}

/// Unwinds and names the stacks of one process.
pub struct Walker {
    jobs: SyncSender<Job>,
    walked: Receiver<Walked>,
    patience: Patience,
}

#[derive(Clone, Copy)]
struct Patience {
    /// For one copy's turn: a stack takes microseconds.
    submit: Duration,
    /// For the names at the end: reading debug information of some gigabytes.
    finish: Duration,
}

struct Job {
    task: u64,
    registers: Registers,
    copy: StackCopy,
}

impl Walked {
    /// Which stack a task has; `None` if it was not submitted, had no frame, or was one too many.
    #[must_use]
    pub fn of_task(&self, task: u64) -> Option<StackId> {
        self.of_tasks.get(&task).copied()
    }

    /// How often a stack was one too many.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// A stack.
    ///
    /// # Panics
    ///
    /// If the id is another [`Walked`]'s.
    #[must_use]
    pub fn stack(&self, id: StackId) -> &Stack {
        &self.stacks[id.0]
    }
}

impl Walker {
    /// Looks at the files of a process, and starts the thread.
    ///
    /// # Errors
    ///
    /// When the process has ended, or may not be looked at.
    pub fn start(pid: u32) -> Result<Self, ExamineError> {
        Self::start_with(pid, DEBUG_FILES.into())
    }

    /// The same with the separate debug files of another directory than the usual one: by build id,
    /// `ab/cdef….debug`.
    ///
    /// # Errors
    ///
    /// As [`Walker::start`].
    pub fn start_with(pid: u32, debug_files: PathBuf) -> Result<Self, ExamineError> {
        let modules = Modules::of(pid)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let (done, walked) = sync_channel(1);
        thread::spawn(move || {
            // Nobody waits any more: then nobody wants it.
            let _ = done.send(work(&modules, &debug_files, &queue));
        });
        Ok(Self {
            jobs,
            walked,
            patience: PATIENCE,
        })
    }

    /// Hands over a stack. The last one of a task counts.
    ///
    /// # Errors
    ///
    /// The thread has panicked, or does not get on.
    pub fn submit(
        &self,
        task: u64,
        registers: Registers,
        copy: StackCopy,
    ) -> Result<(), WalkError> {
        let mut job = Job {
            task,
            registers,
            copy,
        };
        let began = Instant::now();
        loop {
            job = match self.jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(WalkError::Panicked),
                Err(TrySendError::Full(job)) => job,
            };
            if began.elapsed() >= self.patience.submit {
                return Err(WalkError::Late);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits for the stacks of all that was submitted.
    ///
    /// # Errors
    ///
    /// The thread has panicked, or took too long.
    pub fn finish(self) -> Result<Walked, WalkError> {
        use std::sync::mpsc::RecvTimeoutError;
        drop(self.jobs);
        let walked = self.walked.recv_timeout(self.patience.finish);
        walked.map_err(|error| match error {
            RecvTimeoutError::Timeout => WalkError::Late,
            RecvTimeoutError::Disconnected => WalkError::Panicked,
        })
    }
}

fn work(modules: &Modules, debug_files: &Path, jobs: &Receiver<Job>) -> Walked {
    let mut unwinder = Unwinder::new(modules);
    let (mut walks, mut of_tasks) = (Walks::default(), HashMap::new());
    for job in jobs {
        let walk = unwinder.walk(modules, job.registers, &job.copy);
        match walks.intern(walk) {
            Some(id) => of_tasks.insert(job.task, id),
            None => of_tasks.remove(&job.task),
        };
    }
    Walked {
        stacks: name_all(modules, &mut Symbols::new(debug_files), &walks.in_order),
        of_tasks,
        left_out: walks.left_out,
    }
}

/// Different walks, each once.
#[derive(Default)]
struct Walks {
    ids: HashMap<Vec<u64>, StackId>,
    in_order: Vec<Walk>,
    left_out: u64,
}

impl Walks {
    fn intern(&mut self, walk: Walk) -> Option<StackId> {
        if let Some(known) = self.ids.get(&walk.addresses) {
            return Some(*known);
        }
        if walk.addresses.is_empty() {
            return None;
        }
        if self.in_order.len() == MAX_STACKS {
            self.left_out += 1;
            return None;
        }
        let id = StackId(self.in_order.len());
        self.ids.insert(walk.addresses.clone(), id);
        self.in_order.push(walk);
        Some(id)
    }
}

/// The stacks of these walks; every address is named once.
pub(super) fn name_all(modules: &Modules, symbols: &mut Symbols, walks: &[Walk]) -> Vec<Stack> {
    let mut named = HashMap::new();
    let stacks = walks.iter().map(|walk| {
        let mut frames = Vec::new();
        for address in &walk.addresses {
            let of_address: &Vec<Frame> = named
                .entry(*address)
                .or_insert_with(|| symbols.frames(modules, *address));
            frames.extend(of_address.iter().cloned());
        }
        hide_internal(&mut frames);
        Stack {
            frames,
            is_cut: walk.end == End::Cut,
        }
    });
    stacks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> u64 {
        code as *const () as u64 + 1
    }

    fn submit(walker: &Walker, task: u64, pc: u64) {
        let registers = Registers {
            pc,
            ..Registers::default()
        };
        let copy = StackCopy::new(0, &[], false);
        walker.submit(task, registers, copy).expect("it runs");
    }

    #[test]
    fn equal_stacks_are_one_and_the_last_of_a_task_counts() {
        let walker = Walker::start(std::process::id()).expect("it may look at itself");
        submit(&walker, 1, code());
        submit(&walker, 2, code());
        submit(&walker, 3, code());
        submit(&walker, 3, 0);
        let walked = walker.finish().expect("walked");
        let first = walked.of_task(1).expect("it has a stack");
        assert_eq!(walked.of_task(2), Some(first));
        assert_eq!(walked.of_task(3), None, "no code at 0");
        let frame = walked.stack(first).frames.last().expect("a frame");
        let function = frame.function.as_deref().expect("a name");
        assert!(function.ends_with("walker::tests::code"), "{function}");
    }

    #[test]
    fn beyond_the_bound_of_stacks_there_are_none() {
        let mut walks = Walks::default();
        let walk = |address| Walk {
            addresses: vec![address],
            end: End::Here,
            pointer_steps: 0,
        };
        for address in 0..MAX_STACKS as u64 {
            assert!(walks.intern(walk(address)).is_some());
        }
        assert_eq!(walks.intern(walk(u64::MAX)), None);
        assert!(walks.intern(walk(7)).is_some());
        assert_eq!(walks.left_out, 1);
    }

    const AT_ONCE: Patience = Patience {
        submit: Duration::ZERO,
        finish: Duration::ZERO,
    };

    fn job(walker: &Walker) -> Result<(), WalkError> {
        walker.submit(1, Registers::default(), StackCopy::new(0, &[], false))
    }

    #[test]
    fn a_worker_that_panicked_is_said() {
        let (jobs, queue) = sync_channel::<Job>(0);
        let (done, walked) = sync_channel::<Walked>(1);
        drop((queue, done));
        let walker = Walker {
            jobs,
            walked,
            patience: PATIENCE,
        };
        assert_eq!(job(&walker), Err(WalkError::Panicked));
        assert_eq!(walker.finish().err(), Some(WalkError::Panicked));
    }

    #[test]
    fn a_worker_that_does_not_get_on_is_left_behind() {
        let (jobs, _queue) = sync_channel::<Job>(1);
        let (_done, walked) = sync_channel::<Walked>(1);
        let walker = Walker {
            jobs,
            walked,
            patience: AT_ONCE,
        };
        assert_eq!(job(&walker), Ok(()));
        assert_eq!(job(&walker), Err(WalkError::Late), "the queue is full");
        assert_eq!(walker.finish().err(), Some(WalkError::Late));
    }
}
