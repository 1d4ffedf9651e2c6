//! Every loss by its cause: the kernel programs', and those on this side of the maps.

use observer_ebpf_abi::Loss;

use crate::collect::Snapshot;
use crate::model;

/// Counts that only rise, made of a number that goes up and down: what it rose by, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rises {
    last: u64,
    total: u64,
}

impl Rises {
    pub(super) fn look(&mut self, now: u64) {
        self.total += now.saturating_sub(self.last);
        self.last = now;
    }
}

/// What was lost on this side of the maps, ever. Causes that a stage counts by itself are set
/// to its count, the others are added up here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    /// Values that were torn at every attempt to read them.
    pub(super) torn: u64,
    /// Steps in which the maps could not be read.
    pub(super) reads: u64,
    /// See [`model::Losses`].
    pub(super) model: model::Losses,
    /// Findings beyond those that are kept.
    pub(super) findings: Rises,
    /// Findings beyond those that have series.
    pub(super) finding_series: Rises,
    /// Findings without a file.
    pub(super) finding_files: u64,
    /// Optional series of sites without room.
    pub(super) series: u64,
    /// Second looks at processes that executed a program.
    pub(super) rechecks: u64,
}

impl Losses {
    /// All causes with their counts; the names are values of the label `map`.
    pub(super) fn by_cause(&self, snapshot: &Snapshot) -> Vec<(&'static str, u64)> {
        let kernel = snapshot.losses.iter();
        let mut causes: Vec<_> = kernel
            .map(|(loss, count)| (Loss::name(*loss), *count))
            .collect();
        causes.extend([
            ("torn", self.torn),
            ("reads", self.reads),
            ("addresses", self.model.addresses),
            ("stalls", self.model.stalls),
            ("site_names", self.model.site_names),
            ("findings", self.findings.total),
            ("finding_series", self.finding_series.total),
            ("finding_files", self.finding_files),
            ("series", self.series),
            ("rechecks", self.rechecks),
        ]);
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_lasts_is_counted_once_and_again_after_it_was_over() {
        let mut rises = Rises::default();
        for (now, total) in [(0, 0), (3, 3), (3, 3), (2, 3), (4, 5), (0, 5), (1, 6)] {
            rises.look(now);
            assert_eq!(rises.total, total, "{now}");
        }
    }

    #[test]
    fn every_cause_has_a_name_of_its_own_that_the_docs_explain() {
        let snapshot = Snapshot {
            losses: Loss::ALL.into_iter().map(|loss| (loss, 1)).collect(),
            ..Snapshot::default()
        };
        let causes = Losses::default().by_cause(&snapshot);
        let names: HashSet<_> = causes.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), causes.len());
        let docs = include_str!("../../../docs/metrics.md");
        for name in names {
            assert!(
                docs.contains(&format!("`{name}`")),
                "{name} is not in docs/metrics.md"
            );
        }
    }
}
