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

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::str::FromStr;

use observer_ebpf_abi::{
    LedgerValue, MonitorValue, ParkedKey, ParkedValue, PoolValue, Process, RECORD_STALL,
    RECORD_UNSTALL, Record, SiteKey, incarnation_of,
};

use super::{Snapshot, Text};

const MS: u64 = 1_000_000;
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
    written: HashSet<String>,
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
            written: HashSet::new(),
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
        let mine = self.incarnation;
        for (key, value) in snapshot
            .ledgers
            .iter()
            .filter(|(key, _)| key.incarnation == mine)
        {
            let head = format!("l {}", self.site(key.site));
            let rest = format!(
                "{} {} {} {} {} {} {} {}",
                value.spawned,
                value.returned,
                value.panicked,
                value.cancelled,
                value.parks,
                value.yields,
                value.growths,
                value.stack_bytes
            );
            self.write_value(&head, value.sequence, &rest)?;
        }
        for (key, value) in snapshot
            .parked
            .iter()
            .filter(|(key, _)| key.incarnation == mine)
        {
            let head = format!("p {} {}", self.site(key.site), key.reason);
            let rest = format!("{} {}", value.stalled, value.oldest_ns / MS);
            self.write_value(&head, value.sequence, &rest)?;
        }
        for (key, value) in snapshot
            .pools
            .iter()
            .filter(|(key, _)| key.incarnation == mine)
        {
            let head = format!("o {}", self.site(key.site));
            let rest = format!("{} {} {}", value.retained_bytes, value.hits, value.misses);
            self.write_value(&head, value.sequence, &rest)?;
        }
        for (_, value) in snapshot.monitors.iter().filter(|(of, _)| *of == mine) {
            let rest = format!(
                "{} {} {} {} {} {} {} {} {}",
                value.live,
                value.runnable,
                value.workers,
                value.idle_workers,
                value.handoffs,
                value.steals,
                value.stack_bytes,
                value.stack_bytes_cached,
                value.stall_period_ns / MS
            );
            self.write_value("m", value.sequence, &rest)?;
        }
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

    fn write_value(&mut self, head: &str, sequence: u64, rest: &str) -> io::Result<()> {
        let line = format!("{head} {} {rest}", self.ms(sequence));
        if self.written.insert(line.clone()) {
            writeln!(self.out, "{line}")?;
        }
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
        boot_ns.saturating_sub((self.incarnation >> 22) << 10) / MS
    }
}

struct Task(u64);

impl std::fmt::Display for Task {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.0 as u32, self.0 >> 32)
    }
}

impl FromStr for Task {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (slot, generation) = text.split_once(':').unwrap_or((text, "0"));
        Ok(Self(
            generation.parse::<u64>()? << 32 | slot.parse::<u64>()?,
        ))
    }
}

/// What was known at one step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Boot time in nanoseconds.
    pub now_ns: u64,
    /// What the ring had.
    pub records: Vec<Record>,
    /// What has changed in the maps.
    pub snapshot: Snapshot,
    /// Texts of sites.
    pub texts: Vec<(SiteKey, Text)>,
}

/// Reads a history, as one of this process, whose first hit was at `first_ns`.
///
/// # Errors
///
/// The number of the first line, from 1, that is none of a history.
pub fn read_history(text: &str, pid: u32, first_ns: u64) -> Result<Vec<Step>, usize> {
    let mut reader = Reader {
        pid,
        first_ns,
        incarnation: incarnation_of(pid, first_ns),
        stalls: HashMap::new(),
        steps: Vec::new(),
    };
    for (index, line) in text.lines().enumerate() {
        reader.line(line).ok_or(index + 1)?;
    }
    Ok(reader.steps)
}

struct Reader {
    pid: u32,
    first_ns: u64,
    incarnation: u64,
    stalls: HashMap<u64, Record>,
    steps: Vec<Step>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        if kind == "t" {
            let now_ns = self.ns(rest.parse().ok()?);
            self.begin(now_ns);
            return Some(());
        }
        if kind == "i" {
            return self.site_text(rest);
        }
        if kind == "s" {
            return self.stall(rest);
        }
        let numbers: Vec<u64> = rest
            .split(' ')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        match (kind, numbers.as_slice()) {
            ("r", [ms, stalls @ ..]) => stalls.iter().try_for_each(|stall| self.again(*stall, *ms)),
            ("u", [stall, ms]) => {
                let record = Record {
                    kind: RECORD_UNSTALL,
                    boot_ns: self.ns(*ms),
                    ..self.stalls.remove(stall)?
                };
                self.step()?.records.push(record);
                Some(())
            }
            (kind, numbers) => self.value(kind, numbers),
        }
    }

    fn begin(&mut self, now_ns: u64) {
        let process = Process {
            incarnation: self.incarnation,
            cookie: 1,
            monitor_tid: self.pid,
            padding: 0,
        };
        let snapshot = Snapshot {
            processes: vec![(self.pid, process)],
            ..Snapshot::default()
        };
        self.steps.push(Step {
            now_ns,
            snapshot,
            ..Step::default()
        });
    }

    fn value(&mut self, kind: &str, numbers: &[u64]) -> Option<()> {
        let incarnation = self.incarnation;
        let key = |site| SiteKey { incarnation, site };
        let first_ns = self.first_ns;
        let at = |ms: u64| first_ns + ms * MS;
        let snapshot = &mut self.step()?.snapshot;
        match (kind, numbers) {
            (
                "l",
                &[
                    site,
                    ms,
                    spawned,
                    returned,
                    panicked,
                    cancelled,
                    parks,
                    yields,
                    growths,
                    stack_bytes,
                ],
            ) => {
                let value = LedgerValue {
                    sequence: at(ms),
                    spawned,
                    returned,
                    panicked,
                    cancelled,
                    parks,
                    yields,
                    growths,
                    stack_bytes,
                    sequence_end: at(ms),
                };
                snapshot.ledgers.push((key(site), value));
            }
            ("p", &[site, reason, ms, stalled, oldest_ms]) => {
                let key = ParkedKey {
                    incarnation,
                    site,
                    reason,
                };
                let value = ParkedValue {
                    sequence: at(ms),
                    stalled,
                    oldest_ns: oldest_ms * MS,
                    sequence_end: at(ms),
                };
                snapshot.parked.push((key, value));
            }
            ("o", &[site, ms, retained_bytes, hits, misses]) => {
                let value = PoolValue {
                    sequence: at(ms),
                    retained_bytes,
                    hits,
                    misses,
                    sequence_end: at(ms),
                };
                snapshot.pools.push((key(site), value));
            }
            (
                "m",
                &[
                    ms,
                    live,
                    runnable,
                    workers,
                    idle_workers,
                    handoffs,
                    steals,
                    stack_bytes,
                    stack_bytes_cached,
                    stall_period_ms,
                ],
            ) => {
                let value = MonitorValue {
                    sequence: at(ms),
                    schema: 1,
                    live,
                    runnable,
                    workers,
                    idle_workers,
                    handoffs,
                    steals,
                    stack_bytes,
                    stack_bytes_cached,
                    stall_period_ns: stall_period_ms * MS,
                    sequence_end: at(ms),
                };
                snapshot.monitors.push((incarnation, value));
            }
            _ => return None,
        }
        Some(())
    }

    fn site_text(&mut self, rest: &str) -> Option<()> {
        let mut words = rest.splitn(5, ' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (site, line, column, flags) = (number()?, number()?, number()?, number()?);
        let (file, name) = words.next()?.split_once('|')?;
        let text = Text {
            file: file.to_owned(),
            line: u32::try_from(line).ok()?,
            column: u32::try_from(column).ok()?,
            name: (!name.is_empty()).then(|| name.to_owned()),
            flags,
        };
        let incarnation = self.incarnation;
        self.step()?
            .texts
            .push((SiteKey { incarnation, site }, text));
        Some(())
    }

    fn stall(&mut self, rest: &str) -> Option<()> {
        let words: Vec<&str> = rest.split(' ').collect();
        let [stall, task, site, reason, resource, owner, since, ms] = words.as_slice() else {
            return None;
        };
        let number = |word: &str| word.parse::<u64>().ok();
        let (since_ns, boot_ns) = (self.ns(number(since)?), self.ns(number(ms)?));
        let record = Record {
            kind: RECORD_STALL,
            tgid: self.pid,
            incarnation: self.incarnation,
            boot_ns,
            task: task.parse::<Task>().ok()?.0,
            site: number(site)?,
            reason: number(reason)?,
            resource: number(resource)?,
            owner: owner.parse::<Task>().ok()?.0,
            parked_ns: boot_ns.saturating_sub(since_ns),
            ..Record::EMPTY
        };
        self.stalls.insert(number(stall)?, record);
        self.step()?.records.push(record);
        Some(())
    }

    fn again(&mut self, stall: u64, ms: u64) -> Option<()> {
        let boot_ns = self.ns(ms);
        let first = *self.stalls.get(&stall)?;
        let since_ns = first.boot_ns.saturating_sub(first.parked_ns);
        self.step()?.records.push(Record {
            boot_ns,
            parked_ns: boot_ns.saturating_sub(since_ns),
            ..first
        });
        Some(())
    }

    fn step(&mut self) -> Option<&mut Step> {
        self.steps.last_mut()
    }

    fn ns(&self, ms: u64) -> u64 {
        self.first_ns + ms * MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
