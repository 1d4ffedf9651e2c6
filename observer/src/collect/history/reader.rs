//! Reads it again.

use std::collections::HashMap;

use observer_ebpf_abi::{
    LedgerValue, MonitorValue, ParkedKey, ParkedValue, PoolValue, Process, RECORD_STALL,
    RECORD_UNSTALL, Record, SiteKey, incarnation_of,
};

use super::{MS, Task};
use crate::collect::{Snapshot, Text};

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
        let reader = (self.first_ns, self.incarnation);
        let snapshot = &mut self.step()?.snapshot;
        match kind {
            "l" => snapshot.ledgers.push(ledger(reader, numbers)?),
            "p" => snapshot.parked.push(parked(reader, numbers)?),
            "o" => snapshot.pools.push(pool(reader, numbers)?),
            "m" => snapshot.monitors.push(monitor(reader, numbers)?),
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

/// The time of the first hit, and the incarnation.
type First = (u64, u64);

fn ledger((first_ns, incarnation): First, numbers: &[u64]) -> Option<(SiteKey, LedgerValue)> {
    let [site, ms, counts @ ..] = numbers else {
        return None;
    };
    let &[
        spawned,
        returned,
        panicked,
        cancelled,
        parks,
        yields,
        growths,
        stack_bytes,
    ] = counts
    else {
        return None;
    };
    let sequence = first_ns + ms * MS;
    let value = LedgerValue {
        sequence,
        spawned,
        returned,
        panicked,
        cancelled,
        parks,
        yields,
        growths,
        stack_bytes,
        sequence_end: sequence,
    };
    let site = *site;
    Some((SiteKey { incarnation, site }, value))
}

fn parked((first_ns, incarnation): First, numbers: &[u64]) -> Option<(ParkedKey, ParkedValue)> {
    let &[site, reason, ms, stalled, oldest_ms] = numbers else {
        return None;
    };
    let sequence = first_ns + ms * MS;
    let key = ParkedKey {
        incarnation,
        site,
        reason,
    };
    let value = ParkedValue {
        sequence,
        stalled,
        oldest_ns: oldest_ms * MS,
        sequence_end: sequence,
    };
    Some((key, value))
}

fn pool((first_ns, incarnation): First, numbers: &[u64]) -> Option<(SiteKey, PoolValue)> {
    let &[site, ms, retained_bytes, hits, misses] = numbers else {
        return None;
    };
    let sequence = first_ns + ms * MS;
    let value = PoolValue {
        sequence,
        retained_bytes,
        hits,
        misses,
        sequence_end: sequence,
    };
    Some((SiteKey { incarnation, site }, value))
}

fn monitor((first_ns, incarnation): First, numbers: &[u64]) -> Option<(u64, MonitorValue)> {
    let [ms, gauges @ ..] = numbers else {
        return None;
    };
    let &[
        live,
        runnable,
        workers,
        idle_workers,
        handoffs,
        steals,
        used,
        cached,
        period_ms,
    ] = gauges
    else {
        return None;
    };
    let sequence = first_ns + ms * MS;
    let value = MonitorValue {
        sequence,
        schema: 1,
        live,
        runnable,
        workers,
        idle_workers,
        handoffs,
        steals,
        stack_bytes: used,
        stack_bytes_cached: cached,
        stall_period_ns: period_ms * MS,
        sequence_end: sequence,
    };
    Some((incarnation, value))
}
