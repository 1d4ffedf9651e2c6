//! The observer: finds the processes that carry Parkwatch's probes, attaches to them, and says
//! at `/metrics` what their tasks do.
//!
//! Stages, each importing only earlier ones; [`pipeline`] alone names them all:
//!
//! ```text
//! discover ──▶ attach ──▶ collect ──▶ model ──▶ detect ──▶ export
//!  (elf)       kernel      maps, ring   pure      pure       /metrics, /findings
//! ```
//!
//! [`stacks`] reads the stacks of a dump's tasks, [`kubernetes`] knows names of pods, [`sys`] holds the system calls, [`cli`] the commands, [`config`] their settings.

pub mod attach;
pub mod cli;
pub mod collect;
pub mod config;
pub mod detect;
pub mod discover;
pub mod elf;
pub mod export;
pub mod health;
pub mod human;
pub mod kubernetes;
pub mod model;
pub mod pipeline;
pub mod stacks;
pub mod sys;
pub mod top;
pub mod trace;
