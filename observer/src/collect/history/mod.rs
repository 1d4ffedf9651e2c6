//! What the model was told of one process, written down and read again: tests of the detectors
//! play it back.
//!
//! One line a fact, its numbers separated by spaces, times in milliseconds since the process's
//! first hit; only what has changed since its last line. Addresses are numbered as they come, so
//! that a history says nothing of the machine it is from.
//!
//! ```text
//! t ms                                    a step; what follows was known by then
//! i site line column flags file|name      the text of a site
//! l site ms spawned returned panicked cancelled parks yields growths stack_bytes
//! p site reason ms stalled oldest_ms
//! m ms live runnable workers idle handoffs steals stack_bytes cached_bytes stall_period_ms
//! o site ms retained hits misses
//! s stall slot:generation site reason resource owner_slot:owner_generation since_ms ms
//! r ms stall…                             these stalls again, as they were
//! u stall ms                              this one is over
//! ```

mod reader;
mod writer;

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

pub use reader::{Step, read_history};
pub use writer::HistoryWriter;

const MS: u64 = 1_000_000;

/// A task in a history: its slot and generation.
struct Task(u64);

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.0 as u32, self.0 >> 32)
    }
}

impl FromStr for Task {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (slot, generation) = text.split_once(':').unwrap_or((text, "0"));
        Ok(Self(
            generation.parse::<u64>()? << 32 | slot.parse::<u64>()?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Snapshot;
    use observer_ebpf_abi::{
        ParkedKey, ParkedValue, RECORD_STALL, RECORD_UNSTALL, Record, incarnation_of,
    };

    const FIRST_NS: u64 = 1_024_000_000;
    const INCARNATION: u64 = incarnation_of(77, FIRST_NS);

    fn record(kind: u32, ms: u64, task: u64, owner: u64) -> Record {
        Record {
            kind,
            tgid: 77,
            incarnation: INCARNATION,
            boot_ns: FIRST_NS + ms * MS,
            task,
            site: 0x5000,
            reason: 2,
            resource: 0x6000,
            owner,
            parked_ns: (ms - 1_000) * MS,
            ..Record::EMPTY
        }
    }

    fn snapshot(ms: u64) -> Snapshot {
        let (sequence, incarnation) = (FIRST_NS + ms * MS, INCARNATION);
        let value = ParkedValue {
            sequence,
            stalled: ms,
            oldest_ns: 7 * MS,
            sequence_end: sequence,
        };
        let key = ParkedKey {
            incarnation,
            site: 0x5000,
            reason: 2,
        };
        Snapshot {
            parked: vec![(key, value)],
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (task, owner) = ((3 << 32) | 7, (1 << 32) | 8);
        let mut out = Vec::new();
        let mut writer = HistoryWriter::new(&mut out, INCARNATION);
        let mut told = vec![record(RECORD_STALL, 2_000, task, owner)];
        told.push(record(RECORD_STALL, 4_000, task, owner));
        told.push(Record {
            parked_ns: 3_000 * MS,
            ..record(RECORD_UNSTALL, 4_000, task, owner)
        });
        for (step, record) in told.iter().enumerate() {
            writer.record(record);
            // The last two come within one step.
            if step != 1 {
                let ms = record.boot_ns.saturating_sub(FIRST_NS) / MS;
                writer.step(record.boot_ns, &snapshot(ms)).expect("written");
            }
        }
        let text = String::from_utf8(out).expect("text");
        let steps = read_history(&text, 77, FIRST_NS).expect("a history");
        let kinds: Vec<_> = steps[1].records.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [RECORD_STALL, RECORD_UNSTALL], "{text}");
        let again = &steps[1].records[0];
        assert_eq!((again.task, again.owner), (task, owner));
        assert_eq!(
            (again.boot_ns, again.parked_ns),
            (told[1].boot_ns, told[1].parked_ns)
        );
        let parked: Vec<_> = steps
            .iter()
            .map(|step| step.snapshot.parked[0].1.stalled)
            .collect();
        assert_eq!(parked, [2_000, 4_000]);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert_eq!(read_history("t 1\nm 1 2\n", 77, FIRST_NS).err(), Some(2));
        assert_eq!(read_history("r 1 9\n", 77, FIRST_NS).err(), Some(1));
    }
}
