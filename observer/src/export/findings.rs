//! Findings as JSON, and which of them have series.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// A finding as the outside sees it: an element of `/findings`. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FindingReport {
    /// Who found it.
    pub detector: String,
    /// How sure it is.
    pub state: String,
    /// How bad it is.
    pub severity: String,
    /// The base name of the process's executable.
    pub process: String,
    /// The process.
    pub pid: u32,
    /// The site's label.
    pub site: String,
    /// Since when.
    pub since: String,
    /// When it was last seen.
    pub last_seen: String,
    /// One sentence for people.
    pub summary: String,
    /// The numbers behind it.
    pub evidence: Value,
    /// Why it is allowed, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

impl FindingReport {
    fn of(finding: &Finding, unix_offset_ns: u64) -> Self {
        let time = |boot_ns: u64| rfc3339(boot_ns.saturating_add(unix_offset_ns));
        Self {
            detector: finding.detector.name().to_owned(),
            state: finding.state.name().to_owned(),
            severity: finding.severity.name().to_owned(),
            process: finding.process.to_string(),
            pid: finding.id.pid,
            site: finding.site.to_string(),
            since: time(finding.since_ns),
            last_seen: time(finding.last_seen_ns),
            summary: finding.summary.clone(),
            evidence: finding.evidence.clone(),
            allowed: finding.allowed.as_deref().map(ToOwned::to_owned),
        }
    }
}

impl View {
    pub(super) fn finding_reports(&self) -> Vec<FindingReport> {
        let findings = self.findings.iter();
        findings
            .map(|finding| FindingReport::of(finding, self.observer.unix_offset_ns))
            .collect()
    }
}

/// The answer of `/findings`: an array of what lasts now, worst first.
#[must_use]
pub fn findings_json(view: &View) -> Value {
    let findings = view.findings.iter();
    findings
        .map(|finding| finding_json(finding, view.observer.unix_offset_ns))
        .collect()
}

/// One finding.
pub(super) fn finding_json(finding: &Finding, unix_offset_ns: u64) -> Value {
    // Text and numbers only: there is no value without a form.
    serde_json::to_value(FindingReport::of(finding, unix_offset_ns)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
