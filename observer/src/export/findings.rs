//! Findings as JSON, and which of them have series.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::View;
use super::time::rfc3339;
use crate::detect::Finding;
use crate::discover::ProcessId;

/// Series of findings of one process.
const MAX_SERIES: usize = 100;

/// Which findings have series: of each process the worst, up to a bound. Those of one site that
/// differ only in what has no label (the reason) are one series; what is allowed has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FindingSeries {
    /// Places in the list of findings, one a series.
    pub(super) shown: Vec<usize>,
    /// Findings that would have one more series, and have no room.
    pub(super) left_out: u64,
}

impl FindingSeries {
    /// Chooses among findings in the order of their severity.
    pub(super) fn new(findings: &[Finding]) -> Self {
        let mut series = Self::default();
        let mut seen = BTreeSet::new();
        let mut counts: BTreeMap<ProcessId, usize> = BTreeMap::new();
        let shown = |(_, finding): &(usize, &Finding)| finding.allowed.is_none();
        for (index, finding) in findings.iter().enumerate().filter(shown) {
            let (detector, state, severity) = (finding.detector, finding.state, finding.severity);
            if !seen.insert((finding.id, &finding.site, detector, state, severity)) {
                continue;
            }
            let count = counts.entry(finding.id).or_default();
            if *count == MAX_SERIES {
                series.left_out += 1;
                continue;
            }
            *count += 1;
            series.shown.push(index);
        }
        series
    }
}

/// The answer of `/findings`: an array of what lasts now, worst first.
#[must_use]
pub fn findings_json(view: &View) -> Value {
    view.findings
        .iter()
        .map(|finding| finding_json(finding, view.observer.unix_offset_ns))
        .collect()
}

/// One finding. Times are RFC 3339 in UTC.
pub(super) fn finding_json(finding: &Finding, unix_offset_ns: u64) -> Value {
    let mut json = json!({
        "detector": finding.detector.name(),
        "state": finding.state.name(),
        "severity": finding.severity.name(),
        "process": &*finding.process,
        "pid": finding.id.pid,
        "site": &*finding.site,
        "since": rfc3339(finding.since_ns.saturating_add(unix_offset_ns)),
        "last_seen": rfc3339(finding.last_seen_ns.saturating_add(unix_offset_ns)),
        "summary": finding.summary,
        "evidence": finding.evidence,
    });
    if let Some(why) = &finding.allowed {
        json["allowed"] = json!(&**why);
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};

    fn finding(pid: u32, line: usize, reason: &str) -> Finding {
        Finding {
            detector: Detector::Stuck,
            state: State::Confirmed,
            severity: Severity::P1,
            process: "shop".into(),
            id: ProcessId { pid, start_time: 0 },
            site: format!("src/main.rs:{line}:5").into(),
            since_ns: 0,
            last_seen_ns: 0,
            summary: String::new(),
            evidence: json!({ "reason": reason }),
            allowed: None,
        }
    }

    #[test]
    fn what_is_allowed_is_listed_with_its_reason_and_has_no_series() {
        let mut findings = [finding(1, 7, "mutex"), finding(1, 8, "mutex")];
        findings[0].allowed = Some("known".into());
        assert_eq!(FindingSeries::new(&findings).shown, [1]);
        assert_eq!(finding_json(&findings[0], 0)["allowed"], "known");
        assert_eq!(finding_json(&findings[1], 0).get("allowed"), None);
    }

    #[test]
    fn findings_that_differ_in_their_reason_are_one_series_and_none_is_left_out() {
        let findings = [
            finding(1, 7, "mutex"),
            finding(1, 7, "rwlock"),
            finding(2, 7, "mutex"),
        ];
        let series = FindingSeries::new(&findings);
        assert_eq!(
            (series.shown.as_slice(), series.left_out),
            ([0, 2].as_slice(), 0)
        );
    }

    #[test]
    fn what_one_process_has_beyond_the_bound_is_counted_and_costs_no_other() {
        let mut findings: Vec<_> = (0..MAX_SERIES + 3)
            .map(|line| finding(1, line, "mutex"))
            .collect();
        findings.push(finding(1, MAX_SERIES + 2, "rwlock"));
        findings.push(finding(2, 7, "mutex"));
        let series = FindingSeries::new(&findings);
        assert_eq!(series.shown.len(), MAX_SERIES + 1);
        assert_eq!(series.shown.last(), Some(&(findings.len() - 1)));
        assert_eq!(series.left_out, 3);
    }
}
