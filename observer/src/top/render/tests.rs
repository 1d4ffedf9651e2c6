//! Screens as they are drawn, kept as snapshots.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::*;
use crate::top::Input;
use crate::top::fixtures::report;

const PLAIN: Look = Look {
    colour: false,
    emphasis: false,
    unicode: true,
};

fn state(keys: &str) -> State {
    let mut state = State::new("http://127.0.0.1:9464");
    for second in 0..76 {
        state.take(Input::Report(Box::new(report(second))));
    }
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            letter => KeyCode::Char(letter),
        };
        state.take(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
    state
}

fn screen(state: &State, look: Look, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| draw(state, look, frame))
        .expect("drawn");
    terminal
}

fn plain(state: &State, width: u16, height: u16) -> String {
    screen(state, PLAIN, width, height).backend().to_string()
}

#[test]
fn processes() {
    insta::assert_snapshot!(plain(&state(""), 80, 24));
}

#[test]
fn processes_on_a_wide_terminal() {
    insta::assert_snapshot!(plain(&state("sssr"), 132, 12));
}

#[test]
fn processes_in_ascii_while_the_daemon_is_silent_and_the_filter_is_typed() {
    let mut state = state("p/sho");
    state.take(Input::Silent("connection refused".to_owned()));
    let ascii = Look {
        unicode: false,
        ..PLAIN
    };
    let silent = screen(&state, ascii, 80, 10).backend().to_string();
    state.silent = None;
    let typed = screen(&state, ascii, 80, 10).backend().to_string();
    assert!(silent.is_ascii() && typed.is_ascii());
    insta::assert_snapshot!(format!("{silent}\n{typed}"));
}

#[test]
fn sites() {
    insta::assert_snapshot!(plain(&state("j\nj"), 80, 24));
}

#[test]
fn sites_on_a_wide_terminal() {
    insta::assert_snapshot!(plain(&state("j\n"), 160, 16));
}

#[test]
fn findings() {
    insta::assert_snapshot!(plain(&state("f"), 80, 24));
}

#[test]
fn evidence() {
    insta::assert_snapshot!(plain(&state("f\n"), 80, 24));
}

#[test]
fn help() {
    insta::assert_snapshot!(plain(&state("?"), 80, 24));
}

#[test]
fn stacks() {
    let mut state = state("jd");
    let asked = plain(&state, 80, 8);
    state.take(Input::Stacks {
        pid: 4_711,
        text: Ok("2 tasks, mutex\n    shop::stock::take\n".to_owned()),
    });
    let shown = plain(&state, 80, 8);
    state.take(Input::Stacks {
        pid: 4_711,
        text: Err("not allowed to read its memory".to_owned()),
    });
    insta::assert_snapshot!([asked, shown, plain(&state, 80, 8)].join("\n"));
}

#[test]
fn nothing_to_show_is_said() {
    let empty = State::new("http://127.0.0.1:9464");
    insta::assert_snapshot!(plain(&empty, 80, 8));
    assert!(plain(&empty, 79, 24).contains("too small"));
}

#[test]
fn colours_are_used_only_where_they_may_be() {
    let coloured = |look| {
        let terminal = screen(&state("j\njj"), look, 80, 24);
        let cells = &terminal.backend().buffer().content;
        let colours = cells
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        let emphasis = cells.iter().any(|cell| !cell.modifier.is_empty());
        (colours, emphasis)
    };
    let look = |colour, emphasis| Look {
        colour,
        emphasis,
        unicode: true,
    };
    assert_eq!(coloured(look(true, true)), (true, true));
    assert_eq!(coloured(look(false, true)), (false, true));
    assert_eq!(coloured(look(false, false)), (false, false));
}

#[test]
fn without_colours_the_chosen_row_and_what_is_bad_are_still_told() {
    let text = plain(&state("j\nj"), 80, 24);
    let chosen: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("\">"))
        .collect();
    assert_eq!(chosen.len(), 1, "{text}");
    assert!(chosen[0].contains("p1"), "{text}");
}
