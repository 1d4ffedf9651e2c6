//! What is shown: changed by inputs, drawn by [`super::render`]. No clock, no terminal, no network.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::cursor::Cursor;
use super::history::History;
use super::rows::{
    FindingRow, Order, ProcessRow, SiteRow, SortBy, finding_rows, process_key, process_rows,
    site_rows,
};
use super::{Command, Input};
use crate::export::{ProcessReport, Report};

/// Rows that a page moves by.
const PAGE: isize = 10;
/// Characters of a filter.
const MAX_FILTER: usize = 64;

/// A screen; the last of [`State::screens`] is shown, the others are behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Processes,
    /// The sites of the process with this key.
    Sites(String),
    /// The findings of one process, or of all.
    Findings(Option<u32>),
    /// The finding that is chosen in the list behind it.
    Finding,
    /// The stacks of a process; none while they are asked for.
    Stacks(u32, Option<Result<String, String>>),
    Help,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct State {
    /// Who is asked, for the header.
    pub(super) source: String,
    pub(super) report: Report,
    /// Why the source does not answer, if it does not.
    pub(super) silent: Option<String>,
    /// Nothing new is shown.
    pub(super) is_paused: bool,
    /// The filter is being typed.
    pub(super) is_typing: bool,
    pub(super) sort_by: SortBy,
    pub(super) is_reversed: bool,
    /// First line of a text that is shown.
    pub(super) scroll: usize,
    pub(super) history: History,
    screens: Vec<Screen>,
    processes: List,
    sites: List,
    findings: List,
}

/// A list's chosen row and filter.
#[derive(Clone, Debug, Default)]
struct List {
    cursor: Cursor,
    filter: String,
}

impl State {
    /// Nothing yet, from this source.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            report: Report::default(),
            silent: None,
            is_paused: false,
            is_typing: false,
            sort_by: SortBy::default(),
            is_reversed: false,
            scroll: 0,
            history: History::default(),
            screens: vec![Screen::Processes],
            processes: List::default(),
            sites: List::default(),
            findings: List::default(),
        }
    }

    /// Takes an input; says what is to be done about it beside drawing.
    pub fn take(&mut self, input: Input) -> Option<Command> {
        let command = match input {
            Input::Key(key) => self.key(key),
            Input::Report(report) => {
                self.silent = None;
                self.show(*report);
                None
            }
            Input::Silent(why) => {
                self.silent = Some(why);
                None
            }
            Input::Stacks { pid, text } => {
                self.show_stacks(pid, text);
                None
            }
            Input::Resized => None,
            Input::Quit | Input::Failed(_) => Some(Command::Quit),
        };
        self.settle();
        command
    }

    pub(super) fn screen(&self) -> &Screen {
        // The first one is never left.
        self.screens.last().unwrap_or(&Screen::Processes)
    }

    pub(super) fn process_rows(&self) -> Vec<ProcessRow<'_>> {
        process_rows(&self.report, &self.history, self.order(&self.processes))
    }

    /// The process with this key, and its sites.
    pub(super) fn site_rows(&self, key: &str) -> Option<(&ProcessReport, Vec<SiteRow<'_>>)> {
        let process = self.process(key)?;
        let order = self.order(&self.sites);
        Some((
            process,
            site_rows(&self.report, process, &self.history, order),
        ))
    }

    pub(super) fn finding_rows(&self) -> Vec<FindingRow<'_>> {
        let pid = self.screens.iter().rev().find_map(|screen| match screen {
            Screen::Findings(pid) => Some(*pid),
            _ => None,
        });
        finding_rows(&self.report, pid.flatten(), &self.findings.filter)
    }

    /// The chosen row of the list that is shown, or behind what is shown.
    pub(super) fn chosen(&self) -> usize {
        self.list().map_or(0, |list| list.cursor.index())
    }

    /// What the rows of the list must contain.
    pub(super) fn filter(&self) -> &str {
        self.list().map_or("", |list| &list.filter)
    }

    fn order<'s>(&self, list: &'s List) -> Order<'s> {
        Order {
            by: self.sort_by,
            reversed: self.is_reversed,
            filter: &list.filter,
        }
    }

    fn process(&self, key: &str) -> Option<&ProcessReport> {
        let mut processes = self.report.processes.iter();
        processes.find(|process| process_key(process) == key)
    }

    fn list(&self) -> Option<&List> {
        match self.screen() {
            Screen::Processes => Some(&self.processes),
            Screen::Sites(_) => Some(&self.sites),
            Screen::Findings(_) | Screen::Finding => Some(&self.findings),
            Screen::Stacks(..) | Screen::Help => None,
        }
    }

    fn list_mut(&mut self) -> Option<&mut List> {
        match self.screen() {
            Screen::Processes => Some(&mut self.processes),
            Screen::Sites(_) => Some(&mut self.sites),
            Screen::Findings(_) => Some(&mut self.findings),
            Screen::Finding | Screen::Stacks(..) | Screen::Help => None,
        }
    }

    /// The keys of the list that is shown.
    fn keys(&self) -> Vec<String> {
        match self.screen() {
            Screen::Processes => self.process_rows().into_iter().map(|row| row.key).collect(),
            Screen::Sites(key) => self.site_rows(key).map_or_else(Vec::new, |(_, rows)| {
                rows.iter().map(|row| row.site.site.clone()).collect()
            }),
            Screen::Findings(_) | Screen::Finding => {
                self.finding_rows().into_iter().map(|row| row.key).collect()
            }
            Screen::Stacks(..) | Screen::Help => Vec::new(),
        }
    }

    fn settle(&mut self) {
        let keys = self.keys();
        match self.screen() {
            Screen::Finding => self.findings.cursor.settle(&keys),
            _ => {
                if let Some(list) = self.list_mut() {
                    list.cursor.settle(&keys);
                }
            }
        }
    }

    fn show(&mut self, report: Report) {
        if self.is_paused {
            return;
        }
        self.history.take(&report);
        self.report = report;
    }

    fn show_stacks(&mut self, pid: u32, text: Result<String, String>) {
        if let Some(Screen::Stacks(of, shown)) = self.screens.last_mut()
            && *of == pid
        {
            *shown = Some(text);
        }
    }

    fn key(&mut self, key: KeyEvent) -> Option<Command> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Some(Command::Quit);
        }
        if control {
            return None;
        }
        if self.is_typing {
            self.type_filter(key.code);
            return None;
        }
        match key.code {
            KeyCode::Char('q') => return Some(Command::Quit),
            KeyCode::Char('d') => return self.ask_for_stacks(),
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => self.back(),
            KeyCode::Enter | KeyCode::Right => self.open(),
            KeyCode::Char('f') => self.open_findings(),
            KeyCode::Char('?' | 'h') => self.push(Screen::Help),
            KeyCode::Char('s') => self.sort_by = self.sort_by.next(),
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.is_typing = self.list_mut().is_some(),
            code => self.step(code),
        }
        None
    }

    fn step(&mut self, code: KeyCode) {
        let rows = match code {
            KeyCode::Up | KeyCode::Char('k') => -1,
            KeyCode::Down | KeyCode::Char('j') => 1,
            KeyCode::PageUp => -PAGE,
            KeyCode::PageDown => PAGE,
            KeyCode::Home | KeyCode::Char('g') => isize::MIN,
            KeyCode::End | KeyCode::Char('G') => isize::MAX,
            _ => return,
        };
        let keys = self.keys();
        match self.list_mut() {
            Some(list) => list.cursor.step(rows, &keys),
            // Drawing keeps it within the text.
            None => {
                self.scroll = self
                    .scroll
                    .saturating_add_signed(rows)
                    .min(self.text_lines())
            }
        }
    }

    /// Lines of a text that can be scrolled, less the one that stays.
    fn text_lines(&self) -> usize {
        let lines = match self.screen() {
            Screen::Stacks(_, Some(Ok(text) | Err(text))) => text.lines().count(),
            Screen::Finding | Screen::Help => 100,
            _ => 1,
        };
        lines.saturating_sub(1)
    }

    fn type_filter(&mut self, code: KeyCode) {
        let Some(list) = self.list_mut() else {
            self.is_typing = false;
            return;
        };
        match code {
            KeyCode::Char(letter) if list.filter.chars().count() < MAX_FILTER => {
                list.filter.extend(letter.to_lowercase());
            }
            KeyCode::Backspace => drop(list.filter.pop()),
            KeyCode::Esc => {
                list.filter.clear();
                self.is_typing = false;
            }
            KeyCode::Enter => self.is_typing = false,
            _ => {}
        }
    }

    /// Leaves the screen; on a filtered list the filter first.
    fn back(&mut self) {
        if let Some(list) = self.list_mut()
            && !list.filter.is_empty()
        {
            list.filter.clear();
        } else if self.screens.len() > 1 {
            self.screens.pop();
            self.scroll = 0;
        }
    }

    fn push(&mut self, screen: Screen) {
        if *self.screen() != screen {
            self.screens.push(screen);
            self.scroll = 0;
        }
    }

    fn open(&mut self) {
        match self.screen() {
            Screen::Processes => {
                if let Some(key) = self.processes.cursor.key() {
                    let sites = Screen::Sites(key.to_owned());
                    self.sites = List::default();
                    self.push(sites);
                }
            }
            Screen::Findings(_) if self.findings.cursor.key().is_some() => {
                self.push(Screen::Finding);
            }
            _ => {}
        }
    }

    fn open_findings(&mut self) {
        let of = match self.screen() {
            Screen::Findings(_) | Screen::Finding => return,
            Screen::Sites(key) => self.process(key).map(|process| process.pid),
            _ => None,
        };
        self.findings = List::default();
        self.push(Screen::Findings(of));
    }

    /// The stacks of the process that is chosen or shown.
    fn ask_for_stacks(&mut self) -> Option<Command> {
        let pid = match self.screen() {
            Screen::Processes => self.process(self.processes.cursor.key()?)?.pid,
            Screen::Sites(key) => self.process(key)?.pid,
            Screen::Findings(_) | Screen::Finding => {
                let rows = self.finding_rows();
                rows.get(self.findings.cursor.index())?.finding.pid
            }
            Screen::Stacks(..) | Screen::Help => return None,
        };
        self.push(Screen::Stacks(pid, None));
        Some(Command::Stacks(pid))
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
