//! Which frames are not the program's own: what a reader of a stack is spared by default.
//!
//! By the names of crates only, and for reading only: a runtime that is not among them is shown
//! with all its frames.

use super::Frame;

/// The crates that task stacks begin and end in.
const RUNTIMES: [&str; 2] = ["runtime", "corosensei"];

/// The libraries between a runtime and a program.
const LIBRARIES: [&str; 3] = ["std", "core", "alloc"];

/// Functions without a crate in their names.
const BARE: [&str; 3] = [
    "stack_init_trampoline",
    "__rust_try",
    "__rust_begin_short_backtrace",
];

/// Marks the frames that need not be shown: below what the program called, and above its first
/// function. A stack in which nothing is known to be the program's is shown as a whole.
pub fn hide_internal(frames: &mut [Frame]) {
    let Some(first) = frames.iter().position(is_own) else {
        return;
    };
    let last = frames.iter().rposition(is_own).expect("there is a first");
    let called = frames[..first].iter().rposition(is_of_a_runtime);
    let shown = called.unwrap_or(first)..=last;
    for (place, frame) in frames.iter_mut().enumerate() {
        frame.hidden = !shown.contains(&place);
    }
}

fn is_own(frame: &Frame) -> bool {
    let Some(function) = &frame.function else {
        return false;
    };
    let owner = crate_of(function);
    let is_internal =
        RUNTIMES.contains(&owner) || LIBRARIES.contains(&owner) || BARE.contains(&owner);
    !is_internal
}

fn is_of_a_runtime(frame: &Frame) -> bool {
    let function = frame.function.as_deref();
    function.is_some_and(|function| RUNTIMES.contains(&crate_of(function)))
}

/// The first part of a demangled path: `runtime` of `<runtime::chan::Receiver<T> as core::…>::next`.
fn crate_of(function: &str) -> &str {
    let mut path = function.trim_start_matches(['<', '&', '(', '*']);
    for word in ["mut ", "dyn ", "impl "] {
        path = path.strip_prefix(word).unwrap_or(path);
    }
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    &path[..end.unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(functions: &[&str]) -> Vec<String> {
        let mut frames: Vec<Frame> = functions.iter().map(|name| Frame::named(name)).collect();
        hide_internal(&mut frames);
        let shown = frames.into_iter().filter(|frame| !frame.hidden);
        shown.filter_map(|frame| frame.function).collect()
    }

    #[test]
    fn what_the_program_called_and_its_own_functions_stay() {
        let functions = [
            "runtime::task::wait::park",
            "<runtime::chan::Receiver<T> as core::iter::Iterator>::next",
            "core::iter::Iterator::for_each",
            "shop::feed::push",
            "core::ops::function::FnOnce::call_once",
            "shop::main::{{closure}}",
            "<alloc::boxed::Box<F> as core::ops::FnOnce<A>>::call_once",
            "runtime::task::cell::run",
            "stack_init_trampoline",
        ];
        assert_eq!(shown(&functions), functions[1..6]);
    }

    #[test]
    fn a_frame_without_a_name_is_shown_only_between_others() {
        let names = ["runtime::park", "", "shop::push", "", "runtime::run", ""];
        let mut frames: Vec<Frame> = names.iter().map(|name| Frame::named(name)).collect();
        let nameless = frames
            .iter_mut()
            .filter(|frame| frame.function.as_deref() == Some(""));
        nameless.for_each(|frame| frame.function = None);
        hide_internal(&mut frames);
        let hidden: Vec<bool> = frames.iter().map(|frame| frame.hidden).collect();
        assert_eq!(hidden, [false, false, false, true, true, true]);
    }

    #[test]
    fn a_stack_without_a_function_of_the_program_is_shown_whole() {
        let functions = ["runtime::task::wait::park", "runtime::worker::run"];
        assert_eq!(shown(&functions), functions);
    }

    #[test]
    fn crates_are_named_at_the_beginning_of_a_path() {
        for (function, owner) in [
            ("runtime::sync::Mutex<T>::lock", "runtime"),
            ("<&mut shop::A as core::fmt::Debug>::fmt", "shop"),
            ("<dyn core::any::Any>::is", "core"),
            ("main", "main"),
            ("", ""),
        ] {
            assert_eq!(crate_of(function), owner, "{function}");
        }
    }
}
