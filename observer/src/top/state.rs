//! What is shown: changed by inputs, drawn by [`super::render`]. No clock, no terminal, no network.

use super::cursor::Cursor;
use super::history::History;
use super::rows::{
    FindingRow, Order, ProcessRow, SiteRow, SortBy, finding_rows, process_key, process_rows,
    site_rows,
};
use super::{Command, Input};
use crate::export::{ProcessReport, Report};

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
    pub(super) screens: Vec<Screen>,
    pub(super) processes: List,
    pub(super) sites: List,
    pub(super) findings: List,
}

/// A list's chosen row and filter.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) cursor: Cursor,
    pub(super) filter: String,
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

    pub(super) fn process(&self, key: &str) -> Option<&ProcessReport> {
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

    pub(super) fn list_mut(&mut self) -> Option<&mut List> {
        match self.screen() {
            Screen::Processes => Some(&mut self.processes),
            Screen::Sites(_) => Some(&mut self.sites),
            Screen::Findings(_) => Some(&mut self.findings),
            Screen::Finding | Screen::Stacks(..) | Screen::Help => None,
        }
    }

    /// The keys of the list that is shown.
    pub(super) fn keys(&self) -> Vec<String> {
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
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
