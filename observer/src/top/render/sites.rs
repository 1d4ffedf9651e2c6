//! The sites of one process: its own line, the list, and what is known of the chosen site.

use ratatui::style::Style;
use ratatui::text::Line;

use super::cells::{self, left, path, right, row, severity, sparkline, window};
use crate::export::{FindingReport, ProcessReport};
use crate::human;
use crate::top::Look;
use crate::top::rows::SiteRow;
use crate::top::state::State;

/// All columns but the site and the sparkline, with the spaces between.
const FIXED: usize = 6 + 7 + 7 + 6 + 10 + 6 + 8;
const LEAST_SITE: usize = 20;
const MOST_SITE: usize = 70;
/// Lines below the list: a rule, numbers of the chosen site, its findings.
const BELOW: usize = 5;

pub(super) fn lines(
    state: &State,
    key: &str,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let Some((process, rows)) = state.site_rows(key) else {
        return vec![Line::raw(" the process has ended; Esc goes back")];
    };
    let room = width.saturating_sub(FIXED);
    let site = (room * 3 / 5).clamp(LEAST_SITE, MOST_SITE);
    let graph = room.saturating_sub(site);
    let mut lines = vec![about_process(process, look), header(site, graph, look)];
    if rows.is_empty() {
        lines.push(Line::raw(" no site is known, or none matches the filter"));
    }
    let list = height.saturating_sub(2 + BELOW).max(1);
    for index in window(rows.len(), list, state.chosen()) {
        let name = Some(rows[index].site.site.as_str());
        let live = state
            .history
            .live((process.pid, process.start_time), name, graph);
        let graph = sparkline(&live, graph, look);
        lines.push(line(
            &rows[index],
            site,
            graph,
            index == state.chosen(),
            look,
        ));
    }
    lines.resize(
        height.saturating_sub(BELOW).max(lines.len()),
        Line::default(),
    );
    if let Some(chosen) = rows.get(state.chosen()) {
        lines.extend(about_site(state, process, chosen, look, width));
    }
    lines
}

fn about_process(process: &ProcessReport, look: Look) -> Line<'static> {
    let (name, pid, live) = (
        &process.process,
        process.pid,
        human::count(process.totals.live),
    );
    let mut text = format!(" {name} ({pid})  {live} live");
    if let Some(said) = &process.monitor {
        let busy = said.workers.saturating_sub(said.idle_workers);
        let (ready, workers) = (human::count(said.runnable), said.workers);
        let stacks = human::bytes(said.stack_bytes);
        text += &format!("  {ready} ready  {busy} of {workers} workers busy");
        text += &format!("  stacks {stacks}");
    }
    if let Some(other) = process.other.filter(|other| other.live > 0) {
        text += &format!("  {} at other sites", human::count(other.live));
    }
    Line::styled(text, look.strong())
}

fn header(site: usize, graph: usize, look: Look) -> Line<'static> {
    let cells = [
        left("SITE", site, look),
        right("LIVE", 6, look),
        right("SPAWN/S", 7, look),
        right("EXIT/S", 7, look),
        right("STUCK", 6, look),
        left("WAIT FOR", 10, look),
        left("FOUND", 6, look),
        right("LIVE", graph, look),
    ];
    cells::header(cells, look)
}

fn line(
    shown: &SiteRow<'_>,
    site: usize,
    graph: String,
    is_chosen: bool,
    look: Look,
) -> Line<'static> {
    let plain = Style::new();
    let stuck = if shown.stuck > 0 { look.bad() } else { plain };
    let bad = shown
        .findings
        .map_or(plain, |(worst, _)| look.severity(worst));
    row(
        vec![
            (path(&shown.site.site, site, look), plain),
            (
                right(&human::count(shown.site.counts.live), 6, look),
                look.strong(),
            ),
            (right(&human::rate(shown.rates.spawned), 7, look), plain),
            (right(&human::rate(shown.rates.ended), 7, look), plain),
            (right(&human::count(shown.stuck), 6, look), stuck),
            (left(shown.reason.unwrap_or_default(), 10, look), plain),
            (left(&severity(shown.findings), 6, look), bad),
            (graph, look.graph()),
        ],
        is_chosen,
        look,
    )
}

fn about_site(
    state: &State,
    process: &ProcessReport,
    chosen: &SiteRow<'_>,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let of_site =
        |finding: &&FindingReport| finding.pid == process.pid && finding.site == chosen.site.site;
    let findings = state.report.findings.iter().filter(of_site);
    let mut lines = vec![
        Line::styled(look.rule().repeat(width), look.faint()),
        Line::raw(left(&format!(" {}", names(chosen)), width, look)),
        Line::raw(left(&format!(" {}", numbers(chosen)), width, look)),
    ];
    lines.extend(findings.take(2).map(|finding| {
        let (severity, detector, summary) =
            (&finding.severity, &finding.detector, &finding.summary);
        let text = left(&format!(" {severity} {detector}: {summary}"), width, look);
        Line::styled(text, look.severity(severity))
    }));
    lines
}

fn names(chosen: &SiteRow<'_>) -> String {
    let mut text = chosen.site.site.clone();
    if !chosen.site.name.is_empty() {
        text += &format!("  named {}", chosen.site.name);
    }
    if chosen.site.service {
        text += "  service";
    }
    if chosen.site.storm {
        text += "  STACKS STORM";
    }
    text
}

fn numbers(chosen: &SiteRow<'_>) -> String {
    let (site, counts) = (chosen.site, &chosen.site.counts);
    let mut parts = vec![
        format!("stalled {}", human::count(chosen.stalled)),
        format!("spawned {}", human::count(counts.spawned)),
        format!("panicked {}", human::count(counts.panicked)),
        format!("parks {}", human::count(counts.parks)),
        format!("yields {}", human::count(counts.yields)),
        format!("stacks {}", human::bytes(site.stack_bytes)),
    ];
    if site.pool_retained_bytes > 0 {
        parts.push(format!("pools {}", human::bytes(site.pool_retained_bytes)));
    }
    if chosen.oldest_seconds > 0.0 {
        let oldest = human::duration((chosen.oldest_seconds * 1e9) as u64);
        parts.push(format!("oldest park {oldest}"));
    }
    parts.join("  ")
}
