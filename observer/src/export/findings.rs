//! Findings as JSON.

use serde_json::{Value, json};

use super::View;
use super::time::rfc3339;
use crate::detect::Finding;

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
    json!({
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
    })
}
