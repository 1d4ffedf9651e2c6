//! Reads what the kernel programs wrote: snapshots of the maps, records of the ring, texts
//! of sites, lines of their log.
//!
//! The pipeline calls it on its own clock; nothing here judges what it reads, and nothing here
//! blocks a program.

mod collector;
mod error;
mod history;
mod log;
mod read;
mod ring;
mod snapshot;
mod sum;
mod text;
mod torn;

pub use collector::Collector;
pub use error::CollectError;
pub use history::{HistoryWriter, Step, read_history};
pub use log::ProgramLog;
pub use ring::Ring;
pub use snapshot::{MapUse, Snapshot};
pub use text::Text;
