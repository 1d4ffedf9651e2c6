//! Programs from seeds: the same seed, the same program.
//!
//! Strategies of proptest, used for their values only. What holds of every program is told in
//! `program.rs`: what stands in the body of a lock waits for no child, so that a lock is never
//! waited for by those for whom its holder waits.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::program::{
    ChannelKind, Children, DrainPlan, DrainWay, Host, LockKind, Mode, Patience, Program, Share,
    Step, Steps, TaskPlan,
};

/// The longest time in a program, in microseconds.
const LONGEST: u16 = 400;

impl Program {
    /// The program of a seed.
    pub fn from_seed(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let dice = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), dice);
        let tree = program().new_tree(&mut runner);
        tree.expect("no strategy here rejects a value").current()
    }
}

/// Any program.
pub fn program() -> impl Strategy<Value = Program> {
    let parts = (
        mode(),
        vec(channel(), 1..5),
        vec(lock(), 1..4),
        vec(drain(), 6),
        0..3_usize,
        vec(task(), 1..7),
    );
    parts.prop_map(|(mode, channels, locks, mut drains, more, tasks)| {
        drains.truncate(channels.len() + more);
        Program {
            mode,
            channels,
            locks,
            drains,
            tasks,
        }
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Simulated), (1..5_usize).prop_map(Mode::Workers),]
}

fn channel() -> impl Strategy<Value = ChannelKind> {
    let capacity = || prop_oneof![3 => 1..4_usize, 1 => Just(128)];
    prop_oneof![
        3 => Just(ChannelKind::Rendezvous),
        4 => capacity().prop_map(ChannelKind::Bounded),
        1 => Just(ChannelKind::Unbounded),
        1 => capacity().prop_map(ChannelKind::Monitored),
        1 => Just(ChannelKind::Notified),
    ]
}

fn lock() -> impl Strategy<Value = LockKind> {
    prop_oneof![
        Just(LockKind::Mutex),
        Just(LockKind::ReadWrite),
        (1..5_usize).prop_map(LockKind::Semaphore),
    ]
}

fn drain() -> impl Strategy<Value = DrainPlan> {
    let way = prop_oneof![
        2 => Just(DrainWay::Iterate),
        1 => time().prop_map(DrainWay::Until),
        1 => Just(DrainWay::Try),
        2 => Just(DrainWay::Select),
        1 => time().prop_map(DrainWay::SelectUntil),
    ];
    let most = option::weighted(0.2, 0..20_usize);
    (host(), way, vec(any::<u8>(), 0..3), most).prop_map(|(host, way, also, most)| DrainPlan {
        host,
        way,
        also,
        most,
    })
}

fn task() -> impl Strategy<Value = TaskPlan> {
    let cancelled_after = option::weighted(0.2, time());
    (host(), steps(step(), 12), cancelled_after).prop_map(|(host, steps, cancelled_after)| {
        TaskPlan {
            host,
            steps,
            cancelled_after,
        }
    })
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![6 => Just(Host::Task), 1 => Just(Host::Thread)]
}

/// Anything.
fn step() -> impl Strategy<Value = Step> + Clone + 'static {
    calm().prop_recursive(2, 32, 4, |inner| {
        let bodies = vec(steps(inner.clone(), 4), 1..5);
        prop_oneof![
            4 => (children(), bodies).prop_map(|(kind, bodies)| Step::Children(kind, bodies)),
            1 => (time(), steps(inner, 4)).prop_map(|(time, body)| Step::Timeout(time, body)),
            1 => (1..4_u8, 1..4_u8).prop_map(|(others, rounds)| Step::Meet { others, rounds }),
        ]
    })
}

/// Anything that does not wait for a child of its task's.
fn calm() -> impl Strategy<Value = Step> + Clone + 'static {
    leaf().prop_recursive(2, 12, 3, |inner| {
        let body = steps(inner, 3);
        let hold = (any::<u8>(), share(), patience(), body.clone());
        prop_oneof![
            4 => hold.prop_map(|(lock, share, patience, body)| Step::Hold {
                lock,
                share,
                patience,
                body,
            }),
            2 => (prop::bool::weighted(0.9), body.clone())
                .prop_map(|(comes_back, body)| Step::Pooled { comes_back, body }),
            1 => (time(), body).prop_map(|(time, body)| Step::Timeout(time, body)),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Step> + Clone + 'static {
    prop_oneof![
        20 => messages(),
        8 => pauses(),
        2 => (any::<u8>(), prop::bool::weighted(0.2))
            .prop_map(|(number, panics)| Step::Once { number, panics }),
        1 => (any::<u8>(), patience()).prop_map(|(number, wait)| Step::AwaitOnce(number, wait)),
        1 => patience().prop_map(Step::Limited),
        1 => Just(Step::Cancel),
        1 => Just(Step::Panic),
    ]
}

fn messages() -> impl Strategy<Value = Step> + Clone + 'static {
    let channels = vec(any::<u8>(), 1..4);
    prop_oneof![
        6 => (any::<u8>(), patience())
            .prop_map(|(channel, patience)| Step::Send { channel, patience }),
        1 => any::<u8>().prop_map(|channel| Step::TrySend { channel }),
        3 => (channels, patience())
            .prop_map(|(channels, patience)| Step::SelectSend { channels, patience }),
        1 => (prop::bool::weighted(0.8), patience())
            .prop_map(|(answers, patience)| Step::Ask { answers, patience }),
    ]
}

fn pauses() -> impl Strategy<Value = Step> + Clone + 'static {
    prop_oneof![
        4 => Just(Step::Yield),
        2 => time().prop_map(Step::Sleep),
        1 => time().prop_map(Step::SleepUnlessCancelled),
        1 => (1..LONGEST, 1..4_u8).prop_map(|(period, ticks)| Step::Tick { period, ticks }),
        1 => time().prop_map(Step::Block),
    ]
}

fn children() -> impl Strategy<Value = Children> {
    prop_oneof![
        2 => Just(Children::JoinedLate),
        1 => Just(Children::Detached),
        2 => Just(Children::Scope),
        1 => any::<bool>().prop_map(Children::JoinSet),
        1 => (1..4_u8).prop_map(Children::Group),
        1 => patience().prop_map(Children::WaitGroup),
        1 => (1..4_u8).prop_map(Children::WorkerPool),
        1 => Just(Children::Threads),
    ]
}

fn share() -> impl Strategy<Value = Share> + Clone {
    prop_oneof![Just(Share::All), any::<u8>().prop_map(Share::Some)]
}

fn patience() -> impl Strategy<Value = Patience> + Clone {
    prop_oneof![
        3 => Just(Patience::Forever),
        1 => time().prop_map(Patience::Microseconds),
        1 => Just(Patience::Token),
    ]
}

fn time() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![1 => Just(0), 4 => 0..LONGEST]
}

fn steps(
    step: impl Strategy<Value = Step> + Clone + 'static,
    most: usize,
) -> impl Strategy<Value = Steps> + Clone {
    vec(step, 0..most).prop_map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body waits for children of its own.
    fn waits_for_children(steps: &[Step]) -> bool {
        steps.iter().any(|step| match step {
            Step::Children(..) | Step::Meet { .. } => true,
            Step::Hold { body, .. } | Step::Pooled { body, .. } | Step::Timeout(_, body) => {
                waits_for_children(body)
            }
            _ => false,
        })
    }

    /// The bodies of locks, wherever they stand.
    fn held(steps: &[Step]) -> Vec<&Steps> {
        steps.iter().flat_map(held_in).collect()
    }

    fn held_in(step: &Step) -> Vec<&Steps> {
        match step {
            Step::Hold { body, .. } => [vec![body], held(body)].concat(),
            Step::Pooled { body, .. } | Step::Timeout(_, body) => held(body),
            Step::Children(_, bodies) => bodies.iter().flat_map(|body| held(body)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_program_and_others_give_others() {
        assert_eq!(Program::from_seed(7), Program::from_seed(7));
        assert_ne!(Program::from_seed(7), Program::from_seed(8));
    }

    #[test]
    fn whoever_holds_a_lock_waits_for_no_child() {
        let programs = (0..200).map(Program::from_seed);
        let mut bodies = 0;
        for program in programs {
            for task in &program.tasks {
                let held = held(&task.steps);
                bodies += held.len();
                assert!(!held.iter().any(|body| waits_for_children(body)));
            }
        }
        assert!(bodies > 100, "locks are held in them: {bodies}");
    }

    #[test]
    fn every_channel_has_a_drain_of_its_own() {
        let mut programs = (0..200).map(Program::from_seed);
        assert!(programs.all(|program| program.drains.len() >= program.channels.len()));
    }
}
