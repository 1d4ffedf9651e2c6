//! The rows of each list, filtered and sorted: pure functions of a report and its history.

use std::cmp::Ordering;

use super::history::{History, Rates};
use crate::export::{FindingReport, ProcessReport, Report, SiteReport, unix_ms};

/// By what processes and sites are sorted; most first, names by the alphabet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SortBy {
    #[default]
    Live,
    Spawned,
    Ended,
    Stuck,
    Name,
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order<'s> {
    pub(super) by: SortBy,
    pub(super) reversed: bool,
    /// In lower case.
    pub(super) filter: &'s str,
}

/// A process in the list.
#[derive(Clone, Debug)]
pub(super) struct ProcessRow<'r> {
    pub(super) key: String,
    pub(super) process: &'r ProcessReport,
    pub(super) rates: Rates,
    pub(super) stuck: u64,
    /// The worst severity of its findings, and how many there are; those that are allowed do not
    /// count.
    pub(super) findings: Option<(&'r str, usize)>,
}

/// A site in the list.
#[derive(Clone, Debug)]
pub(super) struct SiteRow<'r> {
    pub(super) site: &'r SiteReport,
    pub(super) rates: Rates,
    pub(super) stalled: u64,
    pub(super) stuck: u64,
    /// The reason that most stalled tasks have.
    pub(super) reason: Option<&'r str>,
    pub(super) oldest_seconds: f64,
    pub(super) findings: Option<(&'r str, usize)>,
}

/// A finding in the list.
#[derive(Clone, Debug)]
pub(super) struct FindingRow<'r> {
    pub(super) key: String,
    pub(super) finding: &'r FindingReport,
    /// How long it has lasted, where its time can be read.
    pub(super) age_ms: Option<u64>,
}

impl SortBy {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Live => Self::Spawned,
            Self::Spawned => Self::Ended,
            Self::Ended => Self::Stuck,
            Self::Stuck => Self::Name,
            Self::Name => Self::Live,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Spawned => "spawn/s",
            Self::Ended => "exit/s",
            Self::Stuck => "stuck",
            Self::Name => "name",
        }
    }
}

/// What makes a process the same one in two reports.
pub(super) fn process_key(process: &ProcessReport) -> String {
    format!("{}:{}", process.pid, process.start_time)
}

pub(super) fn process_rows<'r>(
    report: &'r Report,
    history: &History,
    order: Order<'_>,
) -> Vec<ProcessRow<'r>> {
    let wanted = report.processes.iter().filter(|process| {
        let pid = process.pid.to_string();
        let pod = process.pod.values().map(String::as_str);
        matches(
            order.filter,
            [process.exe.as_str(), &pid].into_iter().chain(pod),
        )
    });
    let mut rows: Vec<_> = wanted
        .map(|process| ProcessRow {
            key: process_key(process),
            rates: history.rates((process.pid, process.start_time), None),
            stuck: process.stuck(),
            findings: worst(
                report
                    .findings
                    .iter()
                    .filter(|found| found.pid == process.pid),
            ),
            process,
        })
        .collect();
    rows.sort_by(|one, other| {
        let name = |row: &ProcessRow<'_>| (row.process.process.clone(), row.process.pid);
        let numbers = |row: &ProcessRow<'_>| (row.process.totals.live, row.rates, row.stuck);
        compare(
            order,
            (numbers(one), name(one)),
            (numbers(other), name(other)),
        )
    });
    rows
}

pub(super) fn site_rows<'r>(
    report: &'r Report,
    process: &'r ProcessReport,
    history: &History,
    order: Order<'_>,
) -> Vec<SiteRow<'r>> {
    let wanted = process
        .sites
        .iter()
        .filter(|site| matches(order.filter, [site.site.as_str(), &site.name]));
    let mut rows: Vec<_> = wanted
        .map(|site| site_row(report, process, site, history))
        .collect();
    rows.sort_by(|one, other| {
        let numbers = |row: &SiteRow<'_>| (row.site.counts.live, row.rates, row.stuck);
        compare(
            order,
            (numbers(one), &one.site.site),
            (numbers(other), &other.site.site),
        )
    });
    rows
}

fn site_row<'r>(
    report: &'r Report,
    process: &'r ProcessReport,
    site: &'r SiteReport,
    history: &History,
) -> SiteRow<'r> {
    let stalled = || process.stalled_at(&site.site);
    let findings = report.findings.iter();
    SiteRow {
        rates: history.rates((process.pid, process.start_time), Some(&site.site)),
        stalled: stalled().map(|stalled| stalled.tasks).sum(),
        stuck: stalled().filter_map(|stalled| stalled.stuck).sum(),
        reason: stalled()
            .filter(|stalled| stalled.tasks > 0)
            .max_by_key(|stalled| stalled.tasks)
            .map(|stalled| stalled.reason.as_str()),
        oldest_seconds: stalled()
            .map(|stalled| stalled.oldest_seconds)
            .fold(0.0, f64::max),
        findings: worst(
            findings.filter(|found| found.pid == process.pid && found.site == site.site),
        ),
        site,
    }
}

/// The findings of one process or of all, in the report's order: worst first.
pub(super) fn finding_rows<'r>(
    report: &'r Report,
    pid: Option<u32>,
    filter: &str,
) -> Vec<FindingRow<'r>> {
    let of_process = report
        .findings
        .iter()
        .filter(|finding| pid.is_none_or(|pid| finding.pid == pid));
    let wanted = of_process.filter(|finding| {
        let texts = [
            &finding.detector,
            &finding.process,
            &finding.site,
            &finding.summary,
        ];
        matches(filter, texts.map(String::as_str))
    });
    wanted
        .map(|finding| FindingRow {
            key: finding_key(finding),
            age_ms: unix_ms(&finding.since).map(|since| report.unix_ms.saturating_sub(since)),
            finding,
        })
        .collect()
}

fn finding_key(finding: &FindingReport) -> String {
    let reason = finding.evidence["reason"].as_str().unwrap_or_default();
    let (detector, pid, site) = (&finding.detector, finding.pid, &finding.site);
    format!("{detector} {pid} {site} {reason}")
}

/// The worst severity and the number; names of severities sort by how bad they are.
fn worst<'r>(findings: impl Iterator<Item = &'r FindingReport>) -> Option<(&'r str, usize)> {
    let told = findings.filter(|finding| finding.allowed.is_none());
    let severities: Vec<&str> = told.map(|finding| finding.severity.as_str()).collect();
    let worst = severities.iter().min()?;
    Some((worst, severities.len()))
}

fn matches<'t>(filter: &str, texts: impl IntoIterator<Item = &'t str>) -> bool {
    filter.is_empty()
        || texts
            .into_iter()
            .any(|text| text.to_lowercase().contains(filter))
}

type Numbers = (u64, Rates, u64);

fn compare<N: Ord>(order: Order<'_>, one: (Numbers, N), other: (Numbers, N)) -> Ordering {
    let ((live, rates, stuck), name) = one;
    let ((other_live, other_rates, other_stuck), other_name) = other;
    let by_name = name.cmp(&other_name);
    let wanted = match order.by {
        SortBy::Live => other_live.cmp(&live),
        SortBy::Spawned => other_rates.spawned.total_cmp(&rates.spawned),
        SortBy::Ended => other_rates.ended.total_cmp(&rates.ended),
        SortBy::Stuck => other_stuck.cmp(&stuck),
        SortBy::Name => by_name,
    };
    let wanted = if order.reversed {
        wanted.reverse()
    } else {
        wanted
    };
    wanted.then(by_name)
}
