//! Reads what the kernel programs wrote: snapshots of the maps, records of the ring, texts
//! of sites, lines of their log.
//!
//! The pipeline calls it on its own clock; nothing here judges what it reads, and nothing here
//! blocks a program. What the model is told of it is in `source.rs`, which other sources than
//! these programs can say as well.

mod background;
mod collector;
mod counters;
mod error;
mod function;
mod history;
mod log;
mod orphans;
mod probes;
mod read;
mod ring;
mod snapshot;
mod source;
mod sum;
mod text;
mod torn;

pub(crate) use background::{Answerer, Background};
pub use collector::Collector;
pub use counters::Counters;
pub use error::CollectError;
pub use function::Functions;
pub(crate) use function::printable;
pub use history::{HistoryWriter, Step, read_history};
pub use log::ProgramLog;
pub use orphans::Orphans;
pub use ring::Ring;
pub use snapshot::{MapUse, Snapshot};
pub use source::{
    Fact, Gauges, Incarnation, Ledger, Parked, PoolReport, Source, TaskFact, TaskReport,
    TellsOfTask,
};
pub use text::Text;
