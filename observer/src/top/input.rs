//! What comes in, and what goes out beside the screen.

use ratatui::crossterm::event::KeyEvent;

use crate::export::Report;

/// What changes the state.
#[derive(Debug)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// The source has a new view.
    Report(Box<Report>),
    /// The source does not answer: why.
    Silent(String),
    /// The stacks of a process are there, or why not.
    Stacks {
        /// The process.
        pid: u32,
        /// What `observer dump` printed.
        text: Result<String, String>,
    },
    /// Somebody wants us to end.
    Quit,
    /// It cannot go on.
    Failed(String),
}

/// What is to be done about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// End.
    Quit,
    /// Ask for the stacks of this process.
    Stacks(u32),
}
