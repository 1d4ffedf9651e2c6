//! `observer top`: processes, sites and findings, live in a terminal.
//!
//! ```text
//!  daemon's /view ─┐
//!  own pipeline ───┴▶ source ──▶ inputs ──▶ state (pure) ──▶ render (pure) ──▶ terminal
//!  keys, signals ───────────────▶             │
//!  `observer dump` ◀── stacks ◀── a command ──┘
//! ```
//!
//! Every [`Input`] changes the [`State`], and the state alone is drawn: the tests feed the same
//! inputs and look at the same buffer. `source` and `terminal` do the I/O.

mod cursor;
#[cfg(test)]
mod fixtures;
mod history;
mod input;
mod keys;
mod look;
mod render;
mod rows;
mod source;
mod stacks;
mod state;
mod terminal;

pub use input::{Command, Input};
pub use look::Look;
pub use render::draw;
pub use source::{Endpoint, NotAnAddress, OwnPipeline, Source, SourceError};
pub use state::State;
pub use terminal::{Channel, on_terminal, show};
