//! The terminal: keys come from it, the state is drawn on it, and it is left as it was found.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context as _, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::{Command, Input, Look, State, draw, stacks};

/// The inputs of everybody, in the order in which they come.
pub struct Channel {
    sender: Sender<Input>,
    receiver: Receiver<Input>,
}

impl Default for Channel {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender, receiver }
    }
}

impl Channel {
    /// Another sender.
    #[must_use]
    pub fn sender(&self) -> Sender<Input> {
        self.sender.clone()
    }
}

/// Leaves the terminal as it was, however we leave; a panic's hook does so before its message.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows the state until somebody wants to end. Stacks can be asked for if `has_processes`: the
/// processes are on this machine.
///
/// # Errors
///
/// The terminal cannot be used, or the source has failed.
pub fn show(
    mut state: State,
    look: Look,
    channel: &Channel,
    has_processes: bool,
) -> anyhow::Result<()> {
    on_terminal(|terminal| {
        let keys = channel.sender();
        thread::spawn(move || follow_keys(&keys));
        loop {
            draw_on(terminal, &state, look)?;
            // Waits for one, then takes what came meanwhile: one screen for all.
            let first = channel
                .receiver
                .recv()
                .context("nobody is left to listen to")?;
            let more = channel.receiver.try_iter();
            for input in [first].into_iter().chain(more) {
                if let Input::Failed(why) = &input {
                    bail!("{why}");
                }
                match state.take(input) {
                    Some(Command::Quit) => return Ok(()),
                    Some(Command::Stacks(pid)) => {
                        ask_for_stacks(pid, has_processes, channel.sender());
                    }
                    None => {}
                }
            }
        }
    })
}

/// Takes the terminal over for `body`, and leaves it as it was: when that returns, when it fails,
/// and when it panics, before the panic's message is written.
///
/// # Errors
///
/// The terminal cannot be used, or what `body` says.
pub fn on_terminal<T>(
    body: impl FnOnce(&mut DefaultTerminal) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut terminal =
        ratatui::try_init().context("cannot use this terminal: is stdin one, and stdout?")?;
    let _restore = Restore;
    body(&mut terminal)
}

fn draw_on(terminal: &mut DefaultTerminal, state: &State, look: Look) -> anyhow::Result<()> {
    terminal
        .draw(|frame| draw(state, look, frame))
        .context("cannot draw on this terminal")?;
    Ok(())
}

fn follow_keys(inputs: &Sender<Input>) {
    loop {
        let input = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Input::Key(key),
            Ok(Event::Resize(..)) => Input::Resized,
            Ok(_) => continue,
            Err(_) => Input::Quit,
        };
        let is_last = matches!(input, Input::Quit);
        if inputs.send(input).is_err() || is_last {
            return;
        }
    }
}

fn ask_for_stacks(pid: u32, has_processes: bool, inputs: Sender<Input>) {
    thread::spawn(move || {
        let text = if has_processes {
            stacks::dump(pid)
        } else {
            Err(format!(
                "stacks are read on the machine of the process: run `observer dump --pid {pid}` there"
            ))
        };
        let _ = inputs.send(Input::Stacks { pid, text });
    });
}
