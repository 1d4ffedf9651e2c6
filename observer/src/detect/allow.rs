//! Findings that somebody knows of and has decided to live with, for a time.
//!
//! An entry of the configuration's `[[allow]]` list names an executable, a site and a detector, and
//! says until when and why. What it covers is listed with that reason, and no series and no file
//! is made of it. It expires by itself: then the finding is one like any other.

use std::sync::Arc;

use globset::GlobMatcher;

use super::{Detector, Finding};

/// One entry.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Executables, by base name or path.
    pub exe: GlobMatcher,
    /// Sites.
    pub site: GlobMatcher,
    /// The detector.
    pub detector: Detector,
    /// Nanoseconds since 1970 at which it expires.
    pub until_unix_ns: u64,
    /// Why.
    pub why: Arc<str>,
}

impl Allowance {
    /// It covers the finding of a process with this executable, at this time since 1970.
    #[must_use]
    pub fn covers(&self, finding: &Finding, exe: &str, unix_ns: u64) -> bool {
        unix_ns < self.until_unix_ns
            && self.detector == finding.detector
            && (self.exe.is_match(exe) || self.exe.is_match(&*finding.process))
            && self.site.is_match(&*finding.site)
    }
}

/// Why a finding is allowed, if any entry covers it.
pub(super) fn reason(
    allowances: &[Allowance],
    finding: &Finding,
    exe: &str,
    unix_ns: u64,
) -> Option<Arc<str>> {
    let covers = |entry: &&Allowance| entry.covers(finding, exe, unix_ns);
    allowances
        .iter()
        .find(covers)
        .map(|entry| entry.why.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Severity, State};
    use crate::model::fixtures::ID;
    use globset::Glob;

    fn glob(pattern: &str) -> GlobMatcher {
        Glob::new(pattern).expect("a pattern").compile_matcher()
    }

    fn allowance(exe: &str, site: &str) -> Allowance {
        Allowance {
            exe: glob(exe),
            site: glob(site),
            detector: Detector::Leak,
            until_unix_ns: 100,
            why: "known".into(),
        }
    }

    fn finding(detector: Detector) -> Finding {
        Finding {
            detector,
            state: State::Confirmed,
            severity: Severity::P1,
            process: "shop".into(),
            id: ID,
            site: "src/main.rs:7:5".into(),
            since_ns: 0,
            last_seen_ns: 0,
            summary: String::new(),
            evidence: serde_json::Value::Null,
            allowed: None,
        }
    }

    #[test]
    fn an_entry_covers_its_executable_site_and_detector_until_it_expires() {
        let leak = finding(Detector::Leak);
        let covers =
            |entry: &Allowance, finding: &Finding, now| entry.covers(finding, "/usr/bin/shop", now);
        for exe in ["shop", "/usr/bin/*"] {
            let entry = allowance(exe, "src/main.rs:7:*");
            assert!(covers(&entry, &leak, 99));
            assert!(!covers(&entry, &leak, 100), "expired");
            assert!(!covers(&entry, &finding(Detector::Stuck), 99));
        }
        assert!(!covers(&allowance("bank", "*"), &leak, 99));
        assert!(!covers(&allowance("shop", "src/main.rs:8:*"), &leak, 99));
    }
}
