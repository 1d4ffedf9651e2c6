//! Which findings last, so that each is told once when it begins and once when it ends.

use std::collections::BTreeMap;

use super::Finding;
use super::finding::Key;

/// The findings of the last look.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    findings: BTreeMap<Key, Finding>,
}

impl Lasting {
    /// Takes what lasts now; which of it began, and what has ended.
    pub(super) fn look(&mut self, findings: &[Finding]) -> (Vec<Finding>, Vec<Finding>) {
        let mut known = std::mem::take(&mut self.findings);
        let mut begun = Vec::new();
        for finding in findings {
            let key = finding.key();
            if known.remove(&key).is_none() && !self.findings.contains_key(&key) {
                begun.push(finding.clone());
            }
            self.findings.insert(key, finding.clone());
        }
        (begun, known.into_values().collect())
    }
}
