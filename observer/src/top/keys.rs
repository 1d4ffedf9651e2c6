//! What each key does to the state.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Command;
use super::state::{List, Screen, State};

/// Rows that a page moves by.
const PAGE: isize = 10;
/// Characters of a filter.
const MAX_FILTER: usize = 64;

impl State {
    /// Takes a key; says what is to be done about it beside drawing.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Command> {
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
