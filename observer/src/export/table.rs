//! A short table of what is seen, for a terminal.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::View;
use super::view::{ProcessView, SiteView};
use crate::detect::Finding;

/// Sites shown per process.
const MAX_ROWS: usize = 8;

/// A short table: processes, their sites with most live tasks, findings.
#[must_use]
pub fn table(view: &View) -> String {
    let mut text = String::new();
    let width = site_width(view);
    if view.processes.is_empty() {
        text.push_str("no process with probes is running\n");
        return text;
    }
    let _ = writeln!(
        text,
        "{:<width$} {:>9} {:>10} {:>8} {:>7}  storm",
        "process / site", "live", "spawned", "stalled", "stuck"
    );
    view.processes
        .iter()
        .for_each(|process| add_process(&mut text, process, width));
    for finding in &view.findings {
        add_finding(&mut text, finding);
    }
    text
}

/// What is allowed has no exclamation mark, and says why.
fn add_finding(text: &mut String, finding: &Finding) {
    let (detector, severity) = (finding.detector.name(), finding.severity.name());
    let (name, pid, state) = (&finding.process, finding.id.pid, finding.state.name());
    let mark = if finding.allowed.is_some() { '-' } else { '!' };
    let summary = &finding.summary;
    let _ = write!(
        text,
        "{mark} {severity} {state} {detector} {name} ({pid}): {summary}"
    );
    if let Some(why) = &finding.allowed {
        let _ = write!(text, " (allowed: {why})");
    }
    text.push('\n');
}

fn site_width(view: &View) -> usize {
    let sites = view.processes.iter().flat_map(|process| top_sites(process));
    let longest = sites
        .map(|site| site.label.chars().count() + 2)
        .max()
        .unwrap_or(0);
    longest.clamp(24, 64)
}

/// Sites with stuck tasks or a storm, then those with most live tasks.
fn top_sites(process: &ProcessView) -> Vec<&SiteView> {
    let mut sites: Vec<&SiteView> = process.sites.iter().collect();
    sites.sort_by_key(|site| {
        let is_sick = site.storm.active || stalled_and_stuck(process, site).1 > 0;
        (!is_sick, Reverse(site.counters.live()), &site.label)
    });
    sites.truncate(MAX_ROWS);
    sites
}

/// Tasks of a site that are stalled, and those of them that are stuck.
fn stalled_and_stuck(process: &ProcessView, site: &SiteView) -> (u64, u64) {
    let entries = process
        .stalled
        .iter()
        .filter(|entry| entry.site == site.label);
    entries.fold((0, 0), |(stalled, stuck), entry| {
        (
            stalled + entry.stalled.tasks,
            stuck + entry.stuck.unwrap_or(0),
        )
    })
}

fn add_process(text: &mut String, process: &ProcessView, width: usize) {
    let (mut stalled, mut stuck) = (0, 0);
    for entry in &process.stalled {
        stalled += entry.stalled.tasks;
        stuck += entry.stuck.unwrap_or(0);
    }
    let title = format!("{} ({})", process.name, process.id.pid);
    let totals = &process.totals;
    add_row(
        text,
        width,
        &title,
        [totals.live(), totals.spawned, stalled, stuck],
        "",
    );
    for site in top_sites(process) {
        add_site(text, process, site, width);
    }
    let hidden = process.sites.len().saturating_sub(MAX_ROWS);
    if hidden > 0 {
        let _ = writeln!(text, "  and {hidden} more sites");
    }
}

fn add_site(text: &mut String, process: &ProcessView, site: &SiteView, width: usize) {
    let (stalled, stuck) = stalled_and_stuck(process, site);
    let storm = if site.storm.active { "yes" } else { "" };
    let counts = [site.counters.live(), site.counters.spawned, stalled, stuck];
    add_row(text, width, &format!("  {}", site.label), counts, storm);
}

fn add_row(text: &mut String, width: usize, title: &str, counts: [u64; 4], storm: &str) {
    let title = cut_at_start(title, width);
    let [live, spawned, stalled, stuck] = counts;
    let row = format!("{title:<width$} {live:>9} {spawned:>10} {stalled:>8} {stuck:>7}  {storm}");
    let _ = writeln!(text, "{}", row.trim_end());
}

/// The end of a path says more than its start.
fn cut_at_start(title: &str, width: usize) -> String {
    let length = title.chars().count();
    if length <= width {
        return title.to_owned();
    }
    let rest: String = title.chars().skip(length - (width - 3)).collect();
    format!("  …{}", &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, Severity, State};
    use crate::discover::ProcessId;

    #[test]
    fn a_finding_says_how_sure_it_is_and_why_it_is_allowed() {
        let mut finding = Finding {
            detector: Detector::Leak,
            state: State::Suspected,
            severity: Severity::P2,
            process: "shop".into(),
            id: ProcessId {
                pid: 77,
                start_time: 0,
            },
            site: "src/main.rs:7:5".into(),
            since_ns: 0,
            last_seen_ns: 0,
            summary: "tasks do not end".to_owned(),
            evidence: serde_json::Value::Null,
            allowed: None,
        };
        let line = |finding: &Finding| {
            let mut text = String::new();
            add_finding(&mut text, finding);
            text
        };
        let said = "p2 suspected leak shop (77): tasks do not end";
        assert_eq!(line(&finding), format!("! {said}\n"));
        finding.allowed = Some("ticket 4711".into());
        assert_eq!(line(&finding), format!("- {said} (allowed: ticket 4711)\n"));
    }
}
