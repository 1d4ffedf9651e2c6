//! A spawn site of a process, under the name that the outside sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Counters;
use super::file_name::short_file_name;
use crate::collect::Text;

/// Names of one line that are kept; one line rarely has more than one.
const MAX_NAMES: usize = 4;

/// All sites of a process with one `file:line:column`.
#[derive(Clone, Debug)]
pub struct Site {
    label: Arc<str>,
    names: BTreeSet<String>,
    service: bool,
    pub(super) counters: Counters,
    pub(super) observed: Counters,
    pub(super) stack_bytes: u64,
}

impl Site {
    pub(super) fn new(label: Arc<str>) -> Self {
        Self {
            label,
            names: BTreeSet::new(),
            service: true,
            counters: Counters::default(),
            observed: Counters::default(),
            stack_bytes: 0,
        }
    }

    /// Takes in one more address with this label; `false` if its name is one too many.
    #[must_use]
    pub(super) fn join(&mut self, text: &Text) -> bool {
        self.service &= text.is_service();
        let Some(name) = &text.name else {
            return true;
        };
        let name = name.replace(char::is_control, "?");
        let fits = self.names.len() < MAX_NAMES || self.names.contains(&name);
        if fits {
            self.names.insert(name);
        }
        fits
    }

    /// `file:line:column`, prefixes cut.
    #[must_use]
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// The static names of its tasks, joined by commas; empty if they have none.
    #[must_use]
    pub fn name(&self) -> String {
        self.names
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(",")
    }

    /// All tasks of this line are declared to live and wait for ever.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.service
    }

    /// What happened here since the process started.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What of it happened since we look at the process: the first values after attaching are
    /// the baseline. Detectors of rates use this.
    #[must_use]
    pub fn observed(&self) -> &Counters {
        &self.observed
    }

    /// Bytes of open stack windows.
    #[must_use]
    pub fn stack_bytes(&self) -> u64 {
        self.stack_bytes
    }
}

/// The label under which a site is exported: `file:line:column`, prefixes cut.
#[must_use]
pub fn label_of(text: &Text) -> String {
    format!(
        "{}:{}:{}",
        short_file_name(&text.file),
        text.line,
        text.column
    )
}
