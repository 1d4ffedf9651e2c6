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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::model::fixtures::ID;

    fn finding(state: State, reason: &str) -> Finding {
        Finding {
            detector: Detector::Leak,
            state,
            severity: Severity::P2,
            process: "shop".into(),
            id: ID,
            site: "src/main.rs:7:5".into(),
            since_ns: 0,
            last_seen_ns: 0,
            summary: String::new(),
            evidence: serde_json::json!({ "reason": reason }),
            allowed: None,
        }
    }

    #[test]
    fn a_finding_begins_once_and_ends_once() {
        let mut lasting = Lasting::default();
        let mut count = |findings: &[Finding]| {
            let (begun, ended) = lasting.look(findings);
            (begun.len(), ended.len())
        };
        let suspected = finding(State::Suspected, "none");
        let confirmed = finding(State::Confirmed, "none");
        let other = finding(State::Confirmed, "mutex");
        assert_eq!(count(std::slice::from_ref(&suspected)), (1, 0));
        assert_eq!(
            count(std::slice::from_ref(&confirmed)),
            (0, 0),
            "the same, surer"
        );
        assert_eq!(count(&[confirmed, other.clone()]), (1, 0));
        assert_eq!(count(&[other]), (0, 1));
        assert_eq!(count(&[]), (0, 1));
        assert_eq!(count(&[suspected]), (1, 0), "again");
    }
}
