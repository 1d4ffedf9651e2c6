//! End to end: real targets, the built observer, bpftrace, promtool and Prometheus.
//!
//! Run by `cargo xtask test e2e`, which builds the programs and names them in the environment.
//! Each file shows one promise of the observer to its users.

mod allowed;
#[path = "../carrier/mod.rs"]
mod carrier;
mod counts;
mod deploy;
mod dump;
mod errors;
mod events;
mod gallery;
mod harness;
mod http;
mod killed;
mod list;
mod pods;
mod processes;
mod prometheus;
mod spawn_stacks;
mod stall_stacks;
mod storm;
mod stuck;
mod threads;
mod top;
mod top_life;
mod trace;
