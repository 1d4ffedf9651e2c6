//! The list of processes.

use ratatui::style::Style;
use ratatui::text::Line;

use super::cells::{self, left, right, row, severity, sparkline, window};
use crate::human;
use crate::top::Look;
use crate::top::rows::ProcessRow;
use crate::top::state::State;

/// All columns but the name and the sparkline, with the spaces between.
const FIXED: usize = 7 + 6 + 7 + 7 + 6 + 6 + 8 + 9;
const LEAST_NAME: usize = 12;
const MOST_NAME: usize = 40;

pub(super) fn lines(state: &State, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let rows = state.process_rows();
    // A third of what is left is the name's, the rest the sparkline's.
    let room = width.saturating_sub(FIXED);
    let name = (room / 3).clamp(LEAST_NAME, MOST_NAME);
    let graph = room.saturating_sub(name);
    let mut lines = vec![header(name, graph, look)];
    if rows.is_empty() {
        lines.push(Line::raw(nothing(state)));
    }
    for index in window(rows.len(), height - 1, state.chosen()) {
        let process = &rows[index].process;
        let live = state
            .history
            .live((process.pid, process.start_time), None, graph);
        let graph = sparkline(&live, graph, look);
        lines.push(line(
            &rows[index],
            name,
            graph,
            index == state.chosen(),
            look,
        ));
    }
    lines
}

fn nothing(state: &State) -> &'static str {
    if state.report.processes.is_empty() {
        " no process with probes is running"
    } else {
        " no process matches the filter"
    }
}

fn header(name: usize, graph: usize, look: Look) -> Line<'static> {
    let cells = [
        left("PROCESS", name, look),
        right("PID", 7, look),
        right("LIVE", 6, look),
        right("SPAWN/S", 7, look),
        right("EXIT/S", 7, look),
        right("READY", 6, look),
        right("STUCK", 6, look),
        left("FINDINGS", 8, look),
        right(&format!("LIVE, {graph} S"), graph, look),
    ];
    cells::header(cells, look)
}

fn line(
    shown: &ProcessRow<'_>,
    name: usize,
    graph: String,
    is_chosen: bool,
    look: Look,
) -> Line<'static> {
    let plain = Style::new();
    let process = shown.process;
    let ready = process
        .monitor
        .map_or_else(|| "-".to_owned(), |said| human::count(said.runnable));
    let stuck = if shown.stuck > 0 { look.bad() } else { plain };
    let bad = shown
        .findings
        .map_or(plain, |(worst, _)| look.severity(worst));
    row(
        vec![
            (left(&process.process, name, look), plain),
            (right(&process.pid.to_string(), 7, look), plain),
            (
                right(&human::count(process.totals.live), 6, look),
                look.strong(),
            ),
            (right(&human::rate(shown.rates.spawned), 7, look), plain),
            (right(&human::rate(shown.rates.ended), 7, look), plain),
            (right(&ready, 6, look), plain),
            (right(&human::count(shown.stuck), 6, look), stuck),
            (left(&severity(shown.findings), 8, look), bad),
            (graph, look.graph()),
        ],
        is_chosen,
        look,
    )
}
