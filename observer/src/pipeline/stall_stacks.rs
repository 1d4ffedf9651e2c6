//! Where the tasks of findings are parked: asked for when a detector wants to know, told to the
//! model when it was found out. One task a finding: its stack speaks for the others.

use crate::collect::Collector;
use crate::detect::Detection;
use crate::model::Model;
use crate::stacks::{StalledStacks, StalledTask};
use observer_ebpf_abi::TaskKey;

/// Stacks that are asked for in one step; others in the next ones.
const MAX_ASKED: usize = 64;

/// What is asked and not answered yet.
#[derive(Debug, Default)]
pub(super) struct StallStacks {
    asked: StalledStacks,
}

impl StallStacks {
    /// Asks for what the detectors want to know. Where the kernel has no walk (its map was full, or
    /// it is just being made) it is asked again at the next step, if it is wanted then.
    pub(super) fn ask(&mut self, detection: &Detection, model: &Model, collector: &Collector) {
        for (id, task) in detection.stacks_wanted.iter().take(MAX_ASKED) {
            let mut processes = model.processes();
            let Some(process) = processes.find(|process| process.id() == *id) else {
                continue;
            };
            let key = TaskKey {
                incarnation: process.incarnation(),
                task: *task,
            };
            let (pid, walked) = (id.pid, collector.stack(key));
            match walked {
                Ok(Some(walked)) if walked.walked_ns != 0 => {
                    self.asked.ask(StalledTask { pid, key, walked });
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(pid, %error, "a stack cannot be read"),
            }
        }
    }

    /// Tells the model what was found out.
    pub(super) fn learn(&mut self, model: &mut Model) {
        for (key, stack) in self.asked.answers() {
            model.learn_stack(key, stack);
        }
    }

    /// Clears what the kernel keeps of tasks that are not stalled any more. It does so itself when
    /// a stall ends; this is for runtimes that do not say so.
    pub(super) fn clear(model: &Model, collector: &Collector) {
        if let Err(error) = collector.forget_stacks(|key| !model.is_stalled(key)) {
            tracing::warn!(%error, "stacks of tasks that went on cannot be cleared");
        }
    }
}
