//! `observer trace`: every event of one process, from the kernel's ring to lines on stdout.
//!
//! ```text
//!  ring ──▶ session: records ──▶ event: what happened ──▶ text | json | chrome ──▶ stdout
//!             │  sites: names, and what is not wanted
//!             └── records with stacks ──▶ lives: who called ──▶ spawn_stacks ──▶ table or JSON at the end
//! ```
//!
//! Apart from the pipeline of `observer run`: nothing is modelled, nothing is judged, and it works
//! beside a running observer. [`Session`] alone does I/O with the kernel and the target, and for
//! it [`stacks`](crate::stacks) reads the target's files; the others are pure. What the programs could not record is counted, and every format shows it.

mod chrome;
mod event;
mod json;
mod lives;
mod session;
mod sites;
mod spawn_stacks;
mod symbols;
mod task;
mod text;

pub use chrome::Chrome;
pub use event::{Event, Kind};
pub use json::JsonLines;
pub use lives::Life;
pub use session::{Batch, Session, TraceError, Wanted};
pub use sites::SiteFilter;
pub use spawn_stacks::{SpawnStacks, StackGroup};
pub use symbols::{Function, Symbols};
pub use task::{NotATask, TaskId};
pub use text::TextLines;

/// A format: what each event becomes. Everything is appended to `out`, which the caller writes
/// and clears.
pub trait Format {
    /// What comes before the first event.
    fn begin(&mut self, out: &mut String);
    /// One event.
    fn event(&mut self, event: &Event, out: &mut String);
    /// So many events were lost since the last call.
    fn lost(&mut self, count: u64, out: &mut String);
    /// What comes after the last event; the output is whole then.
    fn end(&mut self, out: &mut String);
}
