//! Draws a state: header, one list or text, footer. Pure; 80 columns and 24 lines are enough.

mod cells;
mod findings;
mod help;
mod processes;
mod sites;
mod texts;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::state::{Screen, State};
use super::{Look, rows::SortBy};
use crate::human;

/// The narrowest terminal in which columns keep their places.
const LEAST_WIDTH: u16 = 80;

/// Draws the state.
pub fn draw(state: &State, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST_WIDTH || area.height < 8 {
        let text = format!(
            "{}x{} is too small: 80x24 at least",
            area.width, area.height
        );
        frame.render_widget(Line::raw(text), area);
        return;
    }
    let [header, body, footer] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_lines(frame, header, header_lines(state, look, header.width));
    let lines = body_lines(state, look, body);
    draw_lines(frame, body, lines);
    draw_lines(frame, footer, vec![footer_line(state, look)]);
}

fn draw_lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

fn body_lines<'s>(state: &'s State, look: Look, area: Rect) -> Vec<Line<'s>> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    match state.screen() {
        Screen::Processes => processes::lines(state, look, width, height),
        Screen::Sites(key) => sites::lines(state, key, look, width, height),
        Screen::Findings(_) => findings::list(state, look, width, height),
        Screen::Finding => findings::detail(state, look, width, height),
        Screen::Stacks(pid, text) => texts::stacks(*pid, text.as_ref(), state.scroll, look, height),
        Screen::Help => help::lines(look, state.scroll, height),
    }
}

/// Two lines: who is asked and how much there is; what is wrong with the source, or the filter.
fn header_lines(state: &State, look: Look, width: u16) -> Vec<Line<'static>> {
    let left = format!("parkwatch top  {}", state.source);
    let right = counts(state);
    let gap = usize::from(width).saturating_sub(left.chars().count() + right.chars().count());
    let first = format!("{left}{}{right}", " ".repeat(gap.max(1)));
    vec![Line::styled(first, look.strong()), second_line(state, look)]
}

fn counts(state: &State) -> String {
    let report = &state.report;
    let told = report
        .findings
        .iter()
        .filter(|finding| finding.allowed.is_none());
    let (processes, findings) = (report.processes.len(), told.count());
    let mut text = format!("processes {processes}  findings {findings}");
    let lost = report
        .observer
        .lost
        .values()
        .fold(0, |sum: u64, lost| sum.saturating_add(*lost));
    if lost > 0 {
        text += &format!("  {} lost", human::count(lost));
    }
    if report.observer.attach_errors > 0 {
        text += &format!(
            "  {} not attached",
            human::count(report.observer.attach_errors)
        );
    }
    text
}

fn second_line(state: &State, look: Look) -> Line<'static> {
    if let Some(why) = &state.silent {
        let text = format!("NO ANSWER, what is below is old; trying again: {why}");
        return Line::styled(text, look.bad());
    }
    let mut spans = Vec::new();
    if state.is_paused {
        spans.push(Span::styled(
            "PAUSED  ",
            look.warning().patch(look.strong()),
        ));
    }
    if state.is_typing || !state.filter().is_empty() {
        let end = if state.is_typing { "_" } else { "" };
        let text = format!("filter: {}{end}  ", state.filter());
        spans.push(Span::styled(text, look.strong()));
    }
    if matches!(state.screen(), Screen::Processes | Screen::Sites(_)) {
        spans.push(Span::styled(
            sorted(state.sort_by, state.is_reversed),
            look.faint(),
        ));
    }
    Line::from(spans)
}

fn sorted(by: SortBy, is_reversed: bool) -> String {
    let reversed = if is_reversed { ", reversed" } else { "" };
    format!("sorted by {}{reversed}", by.name())
}

fn footer_line(state: &State, look: Look) -> Line<'static> {
    let text = if state.is_typing {
        "type a part of a name  Enter keep  Esc clear"
    } else {
        match state.screen() {
            Screen::Processes => {
                "Enter sites  f findings  d stacks  s sort  / filter  p pause  ? help  q quit"
            }
            Screen::Sites(_) => {
                "Esc back  f findings  d stacks  s sort  / filter  p pause  ? help  q quit"
            }
            Screen::Findings(_) => {
                "Esc back  Enter evidence  d stacks  / filter  p pause  ? help  q quit"
            }
            Screen::Finding => "Esc back  Up Down scroll  d stacks  p pause  q quit",
            Screen::Stacks(..) | Screen::Help => "Esc back  Up Down scroll  q quit",
        }
    };
    Line::styled(text, look.faint())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
