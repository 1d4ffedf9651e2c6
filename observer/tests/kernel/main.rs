//! The kernel programs on the real kernel: loaded, attached to a C program that fires what it
//! is told to, and read back. Needs root, gcc and an observer built with the programs; run by
//! `cargo xtask test kernel`.
//!
//! Every test has a copy of the emitter to itself, so that tests and other observers on the
//! machine do not see each other's hits. Hits are synchronous: what was fired is in the maps
//! when the emitter answers. The few things that happen later are waited for, with a deadline.

mod attach;
mod emitter;
mod events;
mod growths;
mod killed;
mod ledger;
mod limits;
mod neighbours;
mod processes;
mod stacks;
mod stalls;
mod trace;

use emitter::Emitter;
use observer::attach::{Kernel, LinkKind, Links, LoadOptions, Mode};
use observer::collect::Collector;
use std::time::{Duration, Instant};

/// The first kernel with `uprobe_multi` links.
const FIRST_WITH_MULTI: (u32, u32) = (6, 6);

/// The kinds of links that a kernel of this age has, the best one first. `uprobe_multi` is not
/// optional where it belongs.
fn kinds() -> &'static [LinkKind] {
    if kernel_release() >= FIRST_WITH_MULTI {
        &[LinkKind::Multi, LinkKind::Perf]
    } else {
        &[LinkKind::Perf]
    }
}

fn kernel_release() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("procfs");
    let mut numbers = release.split('.').map_while(|part| part.parse().ok());
    let two = numbers.next().zip(numbers.next());
    two.expect("a release begins with two numbers")
}

/// A loaded kernel, attached to an emitter, with a collector.
struct Bench {
    emitter: Emitter,
    kernel: Kernel,
    collector: Collector,
    links: Links,
}

impl Bench {
    fn new(kind: LinkKind, mode: Mode) -> Self {
        Self::with_limits(kind, mode, Vec::new())
    }

    fn with_limits(kind: LinkKind, mode: Mode, max_entries: Vec<(&'static str, u32)>) -> Self {
        let emitter = Emitter::start();
        let kernel = load(LoadOptions {
            link: Some(kind),
            max_entries,
            ..LoadOptions::default()
        });
        let links = kernel.attach(&emitter.carrier(), mode).expect("attaches");
        let collector = Collector::new(&kernel);
        Self {
            emitter,
            kernel,
            collector,
            links,
        }
    }

    /// The emitter's incarnation.
    fn incarnation(&self) -> u64 {
        incarnation(&self.collector, self.emitter.pid()).expect("the emitter is known")
    }
}

fn load(options: LoadOptions) -> Kernel {
    Kernel::load(&options).unwrap_or_else(|error| panic!("{error}"))
}

fn incarnation(collector: &Collector, pid: u32) -> Option<u64> {
    let processes = collector.read().expect("maps are read").processes;
    processes
        .iter()
        .find(|(tgid, _)| *tgid == pid)
        .map(|(_, process)| process.incarnation)
}

/// Waits until the condition holds; fails after a time that is long for a loaded machine.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
