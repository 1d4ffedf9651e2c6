//! `--record DIR`: what the model is told of each process, a file each, for tests of the
//! detectors.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::PathBuf;

use observer_ebpf_abi::{Record, SiteKey};

use crate::collect::{HistoryWriter, Snapshot, Text};

/// Writes histories; ends itself, with one line in the log, when it cannot.
#[derive(Debug, Default)]
pub(super) struct Histories {
    directory: Option<PathBuf>,
    writers: BTreeMap<u64, HistoryWriter<BufWriter<File>>>,
}

impl Histories {
    /// Files go into this directory, named by pid; without one, nothing is written.
    pub(super) fn new(directory: Option<PathBuf>) -> io::Result<Self> {
        directory.as_ref().map_or(Ok(()), fs::create_dir_all)?;
        Ok(Self {
            directory,
            writers: BTreeMap::new(),
        })
    }

    pub(super) fn record(&mut self, record: &Record) {
        if let Some(writer) = self.writers.get_mut(&record.incarnation) {
            writer.record(record);
        }
    }

    pub(super) fn step(&mut self, now_ns: u64, snapshot: &Snapshot) {
        let written = self.try_step(now_ns, snapshot);
        self.end_on_error(written);
    }

    pub(super) fn text(&mut self, key: SiteKey, text: &Text) {
        if let Some(writer) = self.writers.get_mut(&key.incarnation) {
            let written = writer.text(key, text);
            self.end_on_error(written);
        }
    }

    fn try_step(&mut self, now_ns: u64, snapshot: &Snapshot) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        for (pid, process) in &snapshot.processes {
            if let Entry::Vacant(new) = self.writers.entry(process.incarnation) {
                let file = File::create(directory.join(format!("{pid}.history")))?;
                new.insert(HistoryWriter::new(
                    BufWriter::new(file),
                    process.incarnation,
                ));
            }
        }
        self.writers
            .values_mut()
            .try_for_each(|writer| writer.step(now_ns, snapshot))
    }

    fn end_on_error(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(%error, "histories cannot be written any more");
            *self = Self::default();
        }
    }
}
