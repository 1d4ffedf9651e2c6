//! Findings: the list with the chosen one's sentence, and one with its evidence.

use ratatui::style::Style;
use ratatui::text::Line;
use serde_json::Value;

use super::cells::{self, left, path, right, row, window};
use super::texts::{scrolled, wrapped};
use crate::export::FindingReport;
use crate::human;
use crate::top::Look;
use crate::top::rows::FindingRow;
use crate::top::state::State;

/// All columns but process and site, with the spaces between.
const FIXED: usize = 4 + 13 + 10 + 1 + 8 + 8 + 1;
/// Lines below the list: a rule and the chosen finding's sentence.
const BELOW: usize = 4;

pub(super) fn list(state: &State, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let rows = state.finding_rows();
    let room = width.saturating_sub(FIXED);
    let process = (room / 3).min(30);
    let site = room.saturating_sub(process);
    let mut lines = vec![header(process, site, look)];
    if rows.is_empty() {
        lines.push(Line::raw(
            " nothing is wrong, or nothing matches the filter",
        ));
    }
    for index in window(
        rows.len(),
        height.saturating_sub(1 + BELOW).max(1),
        state.chosen(),
    ) {
        lines.push(line(
            &rows[index],
            process,
            site,
            index == state.chosen(),
            look,
        ));
    }
    lines.resize(
        height.saturating_sub(BELOW).max(lines.len()),
        Line::default(),
    );
    if let Some(chosen) = rows.get(state.chosen()) {
        lines.push(Line::styled(look.rule().repeat(width), look.faint()));
        let summary = wrapped(&chosen.finding.summary, width - 1).into_iter();
        lines.extend(
            summary
                .take(BELOW - 1)
                .map(|text| Line::raw(format!(" {text}"))),
        );
    }
    lines
}

fn header(process: usize, site: usize, look: Look) -> Line<'static> {
    let cells = [
        left("HOW", 3, look),
        left("DETECTOR", 12, look),
        left("STATE", 9, look),
        left("PROCESS", process, look),
        right("PID", 7, look),
        left("SITE", site, look),
        right("FOR", 7, look),
    ];
    cells::header(cells, look)
}

fn line(
    shown: &FindingRow<'_>,
    process: usize,
    site: usize,
    is_chosen: bool,
    look: Look,
) -> Line<'static> {
    let (plain, finding) = (Style::new(), shown.finding);
    row(
        vec![
            (
                left(&finding.severity, 3, look),
                look.severity(&finding.severity),
            ),
            (left(&finding.detector, 12, look), plain),
            (left(state_of(finding), 9, look), plain),
            (left(&finding.process, process, look), plain),
            (right(&finding.pid.to_string(), 7, look), plain),
            (path(&finding.site, site, look), plain),
            (right(&age(shown), 7, look), plain),
        ],
        is_chosen,
        look,
    )
}

fn state_of(finding: &FindingReport) -> &str {
    match finding.allowed {
        Some(_) => "allowed",
        None => &finding.state,
    }
}

fn age(shown: &FindingRow<'_>) -> String {
    let age = shown
        .age_ms
        .map(|ms| human::duration(ms.saturating_mul(1_000_000)));
    age.unwrap_or_else(|| "-".to_owned())
}

pub(super) fn detail(state: &State, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let rows = state.finding_rows();
    let Some(shown) = rows.get(state.chosen()) else {
        return vec![Line::raw(" the finding is over; Esc goes back")];
    };
    let finding = shown.finding;
    let (severity, detector, since) = (&finding.severity, &finding.detector, &finding.since);
    let (process, pid, site) = (&finding.process, finding.pid, &finding.site);
    let title = format!(" {severity} {detector}, {}", state_of(finding));
    let mut lines = vec![
        Line::styled(title, look.severity(severity)),
        Line::raw(format!(" {process} ({pid})")),
        Line::raw(format!(" {site}")),
        Line::raw(format!(" since {since}, for {}", age(shown))),
    ];
    if let Some(why) = &finding.allowed {
        lines.push(Line::raw(format!(" allowed: {why}")));
    }
    lines.push(Line::default());
    lines.extend(
        wrapped(&finding.summary, width - 1)
            .into_iter()
            .map(|text| Line::raw(format!(" {text}"))),
    );
    lines.push(Line::default());
    lines.push(Line::styled(" evidence", look.header()));
    let mut evidence = Vec::new();
    flatten("", &finding.evidence, &mut evidence);
    for text in evidence {
        lines.extend(
            wrapped(&text, width - 3)
                .into_iter()
                .map(|text| Line::raw(format!("   {text}"))),
        );
    }
    scrolled(lines, state.scroll, height)
}

/// One line for each number or text, under the names that lead to it.
fn flatten(name: &str, value: &Value, lines: &mut Vec<String>) {
    let below = |part: &str| match name {
        "" => part.to_owned(),
        name => format!("{name}.{part}"),
    };
    match value {
        Value::Object(members) => {
            for (part, value) in members {
                flatten(&below(part), value, lines);
            }
        }
        Value::Array(elements) if !elements.iter().all(Value::is_number) => {
            for (index, value) in elements.iter().enumerate() {
                flatten(&below(&index.to_string()), value, lines);
            }
        }
        Value::String(text) => lines.push(format!("{name}: {text}")),
        Value::Null => {}
        value => lines.push(format!("{name}: {value}")),
    }
}
