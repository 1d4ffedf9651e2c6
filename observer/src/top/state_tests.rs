//! What keys and reports do.

use super::*;
use crate::top::fixtures::report;

fn press(state: &mut State, keys: &str) -> Option<Command> {
    let mut command = None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            letter => KeyCode::Char(letter),
        };
        command = state.take(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
    command
}

fn state() -> State {
    let mut state = State::new("a source");
    for second in 0..10 {
        state.take(Input::Report(Box::new(report(second))));
    }
    state
}

fn names(state: &State) -> Vec<&str> {
    let rows = state.process_rows().into_iter();
    rows.map(|row| &row.process.process[..4]).collect()
}

#[test]
fn processes_are_sorted_as_chosen_and_the_chosen_row_is_followed() {
    let mut state = state();
    assert_eq!(names(&state), ["mail", "shop"], "live");
    press(&mut state, "j");
    assert_eq!(state.chosen(), 1);
    press(&mut state, "sss");
    assert_eq!(
        (state.sort_by, names(&state)),
        (SortBy::Stuck, vec!["shop", "mail"])
    );
    assert_eq!(state.chosen(), 0, "it is the shop still");
    press(&mut state, "r");
    assert_eq!(names(&state), ["mail", "shop"]);
    press(&mut state, "rs");
    assert_eq!(
        (state.sort_by, names(&state)),
        (SortBy::Name, vec!["mail", "shop"])
    );
}

#[test]
fn a_filter_keeps_what_it_names_and_esc_clears_it_before_it_leaves() {
    let mut state = state();
    for (typed, expected) in [("SHOP", "shop"), ("1234567", "mail"), ("relay-7", "mail")] {
        press(&mut state, "/");
        press(&mut state, typed);
        assert_eq!(names(&state), [expected], "{typed}");
        assert_eq!(press(&mut state, "q"), None, "a letter like any other");
        press(&mut state, "\u{8}\n");
        assert!(!state.is_typing);
        press(&mut state, "\u{1b}");
        assert_eq!(names(&state).len(), 2);
    }
    press(&mut state, "/xyz");
    assert_eq!(names(&state).len(), 0);
    assert_eq!(press(&mut state, "\n\n\n"), None, "nothing is chosen");
    assert_eq!(*state.screen(), Screen::Processes);
}

#[test]
fn screens_open_over_each_other_and_close_in_turn() {
    let mut state = state();
    press(&mut state, "j\n");
    assert_eq!(*state.screen(), Screen::Sites("4711:99".to_owned()));
    press(&mut state, "f");
    assert_eq!(*state.screen(), Screen::Findings(Some(4_711)));
    press(&mut state, "\n");
    assert_eq!(*state.screen(), Screen::Finding);
    press(&mut state, "?");
    assert_eq!(*state.screen(), Screen::Help);
    for _ in 0..9 {
        press(&mut state, "\u{1b}");
    }
    assert_eq!(*state.screen(), Screen::Processes);
    press(&mut state, "f");
    assert_eq!(*state.screen(), Screen::Findings(None));
}

#[test]
fn the_stacks_of_the_chosen_process_are_asked_for_and_shown() {
    let mut state = state();
    assert_eq!(press(&mut state, "jd"), Some(Command::Stacks(4_711)));
    let stacks = |pid| Input::Stacks {
        pid,
        text: Ok("a\nb".to_owned()),
    };
    state.take(stacks(7));
    assert_eq!(*state.screen(), Screen::Stacks(4_711, None), "another's");
    state.take(stacks(4_711));
    assert_eq!(
        *state.screen(),
        Screen::Stacks(4_711, Some(Ok("a\nb".to_owned())))
    );
    assert_eq!(press(&mut state, "d"), None);
    press(&mut state, "\u{1b}");
    assert_eq!(press(&mut state, "\nd"), Some(Command::Stacks(4_711)));
    press(&mut state, "\u{1b}f");
    assert_eq!(press(&mut state, "d"), Some(Command::Stacks(4_711)));
}

#[test]
fn what_comes_during_a_pause_is_not_shown() {
    let mut state = state();
    press(&mut state, "p");
    let shown = state.report.clone();
    state.take(Input::Report(Box::new(report(77))));
    assert_eq!(state.report, shown);
    press(&mut state, " ");
    state.take(Input::Report(Box::new(report(78))));
    assert_eq!(state.report, report(78));
}

#[test]
fn a_silent_source_is_said_until_it_answers() {
    let mut state = state();
    state.take(Input::Silent("refused".to_owned()));
    assert_eq!(state.silent.as_deref(), Some("refused"));
    assert_eq!(names(&state).len(), 2, "the last view stays");
    state.take(Input::Report(Box::new(report(11))));
    assert_eq!(state.silent, None);
}

#[test]
fn a_process_that_ends_leaves_its_screen_without_rows() {
    let mut state = state();
    press(&mut state, "j\n");
    state.take(Input::Report(Box::default()));
    assert!(state.site_rows("4711:99").is_none());
    assert_eq!(press(&mut state, "jd"), None);
}

#[test]
fn q_and_control_c_end_it() {
    assert_eq!(press(&mut state(), "q"), Some(Command::Quit));
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let mut typing = state();
    press(&mut typing, "/");
    assert_eq!(typing.take(Input::Key(control_c)), Some(Command::Quit));
    assert_eq!(state().take(Input::Quit), Some(Command::Quit));
}

#[test]
fn sites_have_their_rates_stalls_and_findings() {
    let state = state();
    let (_, rows) = state.site_rows("4711:99").expect("it is there");
    let row = |label: &str| {
        rows.iter()
            .find(|row| row.site.site.contains(label))
            .expect(label)
    };
    let orders = row("orders");
    assert!((orders.rates.spawned - 110.0).abs() < 1e-9, "{orders:?}");
    assert!((orders.rates.ended - 100.0).abs() < 1e-9, "{orders:?}");
    assert_eq!(orders.findings, None, "an allowed finding does not count");
    let stock = row("stock");
    assert_eq!(
        (stock.stalled, stock.stuck, stock.reason),
        (5, 4, Some("mutex"))
    );
    assert_eq!(stock.findings, Some(("p1", 1)));
}
