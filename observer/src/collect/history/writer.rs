//! Writes what the model was told of one process.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use observer_ebpf_abi::{RECORD_STALL, RECORD_UNSTALL, Record, SiteKey, incarnation_first_ns};

use super::{MS, Task};
use crate::collect::{Snapshot, Text};

/// Two reports of one park may differ by this.
const SAME_PARK_MS: u64 = 50;

/// Writes the history of one process.
#[derive(Debug)]
pub struct HistoryWriter<W> {
    out: W,
    incarnation: u64,
    sites: HashMap<u64, usize>,
    resources: HashMap<u64, usize>,
    /// By task: the number of its stall, and what was written of it.
    stalls: HashMap<u64, (usize, Record)>,
    stall_count: usize,
    /// By its head: the last line of that value.
    written: HashMap<String, String>,
    /// Records since the last step.
    records: Vec<Record>,
}

impl<W: Write> HistoryWriter<W> {
    /// Writes that of an incarnation to `out`.
    pub fn new(out: W, incarnation: u64) -> Self {
        Self {
            out,
            incarnation,
            sites: HashMap::new(),
            resources: HashMap::new(),
            stalls: HashMap::new(),
            stall_count: 0,
            written: HashMap::new(),
            records: Vec::new(),
        }
    }

    /// Takes a record; it is written with the next step.
    pub fn record(&mut self, record: &Record) {
        if matches!(record.kind, RECORD_STALL | RECORD_UNSTALL) {
            self.records.push(*record);
        }
    }

    /// Writes a step: the records since the last, and what has changed in the maps.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn step(&mut self, now_ns: u64, snapshot: &Snapshot) -> io::Result<()> {
        let now_ms = self.ms(now_ns);
        writeln!(self.out, "t {now_ms}")?;
        self.write_records()?;
        self.write_ledgers(snapshot)?;
        self.write_parked(snapshot)?;
        self.write_pools(snapshot)?;
        self.write_monitors(snapshot)?;
        self.out.flush()
    }

    /// Writes the text of a site.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn text(&mut self, key: SiteKey, text: &Text) -> io::Result<()> {
        if key.incarnation != self.incarnation {
            return Ok(());
        }
        let site = self.site(key.site);
        let name = text.name.as_deref().unwrap_or_default();
        let (line, column, flags) = (text.line, text.column, text.flags);
        writeln!(
            self.out,
            "i {site} {line} {column} {flags} {}|{name}",
            text.file
        )
    }

    fn write_ledgers(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mine = self.incarnation;
        let ledgers = snapshot.ledgers.iter();
        for (key, value) in ledgers.filter(|(key, _)| key.incarnation == mine) {
            let head = format!("l {}", self.site(key.site));
            let numbers = [
                value.spawned,
                value.returned,
                value.panicked,
                value.cancelled,
                value.parks,
                value.yields,
                value.growths,
                value.stack_bytes,
            ];
            self.write_value(&head, value.sequence, &numbers)?;
        }
        Ok(())
    }

    fn write_parked(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mine = self.incarnation;
        let parked = snapshot.parked.iter();
        for (key, value) in parked.filter(|(key, _)| key.incarnation == mine) {
            let head = format!("p {} {}", self.site(key.site), key.reason);
            self.write_value(
                &head,
                value.sequence,
                &[value.stalled, value.oldest_ns / MS],
            )?;
        }
        Ok(())
    }

    fn write_pools(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mine = self.incarnation;
        let pools = snapshot.pools.iter();
        for (key, value) in pools.filter(|(key, _)| key.incarnation == mine) {
            let head = format!("o {}", self.site(key.site));
            let numbers = [value.retained_bytes, value.hits, value.misses];
            self.write_value(&head, value.sequence, &numbers)?;
        }
        Ok(())
    }

    fn write_monitors(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mine = self.incarnation;
        for (_, value) in snapshot.monitors.iter().filter(|(of, _)| *of == mine) {
            let numbers = [
                value.live,
                value.runnable,
                value.workers,
                value.idle_workers,
                value.handoffs,
                value.steals,
                value.stack_bytes,
                value.stack_bytes_cached,
                value.stall_period_ns / MS,
            ];
            self.write_value("m", value.sequence, &numbers)?;
        }
        Ok(())
    }

    /// One line, unless the last of this value was the same.
    fn write_value(&mut self, head: &str, sequence: u64, numbers: &[u64]) -> io::Result<()> {
        let mut line = format!("{head} {}", self.ms(sequence));
        numbers.iter().for_each(|number| {
            let _ = write!(line, " {number}");
        });
        if self.written.get(head) == Some(&line) {
            return Ok(());
        }
        writeln!(self.out, "{line}")?;
        self.written.insert(head.to_owned(), line);
        Ok(())
    }

    fn write_records(&mut self) -> io::Result<()> {
        let mut repeated = Vec::new();
        let mut records = std::mem::take(&mut self.records);
        records.retain(|record| record.incarnation == self.incarnation);
        let mut last_ns = 0;
        for record in &records {
            last_ns = last_ns.max(record.boot_ns);
            if record.kind == RECORD_UNSTALL {
                // It may be among those that were repeated just before.
                self.write_repeated(last_ns, &mut repeated)?;
                if let Some((stall, _)) = self.stalls.remove(&record.task) {
                    writeln!(self.out, "u {stall} {}", self.ms(record.boot_ns))?;
                }
            } else if let Some(stall) = self.known(record) {
                repeated.push(stall.to_string());
            } else {
                self.write_stall(record)?;
            }
        }
        self.write_repeated(last_ns, &mut repeated)
    }

    fn write_repeated(&mut self, at_ns: u64, stalls: &mut Vec<String>) -> io::Result<()> {
        if !stalls.is_empty() {
            writeln!(self.out, "r {} {}", self.ms(at_ns), stalls.join(" "))?;
            stalls.clear();
        }
        Ok(())
    }

    /// The stall's number, if this is its repetition.
    fn known(&self, record: &Record) -> Option<usize> {
        let (stall, first) = self.stalls.get(&record.task)?;
        let since = |record: &Record| self.ms(record.boot_ns.saturating_sub(record.parked_ns));
        let same = since(first).abs_diff(since(record)) < SAME_PARK_MS
            && (first.reason, first.resource, first.owner)
                == (record.reason, record.resource, record.owner);
        same.then_some(*stall)
    }

    fn write_stall(&mut self, record: &Record) -> io::Result<()> {
        let stall = self.stall_count;
        self.stall_count += 1;
        self.stalls.insert(record.task, (stall, *record));
        let site = self.site(record.site);
        let next = self.resources.len() + 1;
        let resource = match record.resource {
            0 => 0,
            resource => *self.resources.entry(resource).or_insert(next),
        };
        let since_ms = self.ms(record.boot_ns.saturating_sub(record.parked_ns));
        let (task, owner) = (Task(record.task), Task(record.owner));
        let (reason, ms) = (record.reason, self.ms(record.boot_ns));
        writeln!(
            self.out,
            "s {stall} {task} {site} {reason} {resource} {owner} {since_ms} {ms}"
        )
    }

    fn site(&mut self, address: u64) -> usize {
        let next = self.sites.len() + 1;
        *self.sites.entry(address).or_insert(next)
    }

    /// Milliseconds since the first hit.
    fn ms(&self, boot_ns: u64) -> u64 {
        boot_ns.saturating_sub(incarnation_first_ns(self.incarnation)) / MS
    }
}
