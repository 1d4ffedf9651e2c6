//! What the end-to-end tests share: real processes started, driven and read from outside.
//!
//! Nothing here knows the observer's or the runtime's code: targets answer on their standard
//! output, the observer is read over HTTP. Waiting is for a state, with a hang guard only.

mod bpftrace;
mod gallery;
mod live;
mod metrics;
mod observer;
mod pod;
mod process;
mod prometheus;
mod refusal;
mod target;
mod tmux;
mod trace;
mod wait;

pub use bpftrace::Bpftrace;
pub use gallery::Gallery;
pub use live::shows_live;
pub use metrics::Scrape;
pub use observer::Observer;
pub use pod::{Place, PodProcess};
pub use process::{available_memory, disarmed, free_port, require, semaphores};
pub use prometheus::Prometheus;
pub use refusal::{WITHOUT_RIGHTS, says_one_line};
pub use target::Target;
pub use tmux::Tmux;
pub use trace::{Trace, Traced};
pub use wait::{best_of, eventually, eventually_within};
