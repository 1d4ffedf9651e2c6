//! Which frames are not the program's own: what a reader of a stack is spared by default.
//!
//! By the names of crates only, and for reading only: a runtime that is not among them is shown
//! with all its frames. A crate is named by the function's path, or, where debug information has
//! line tables only and a function was inlined, by the folder that its source lies in.

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
    let Some(function) = frame.function.as_deref() else {
        return false;
    };
    let is_internal = |owner| RUNTIMES.contains(&owner) || LIBRARIES.contains(&owner);
    !BARE.contains(&function) && !owner(frame).is_some_and(is_internal)
}

fn is_of_a_runtime(frame: &Frame) -> bool {
    owner(frame).is_some_and(|owner| RUNTIMES.contains(&owner))
}

/// The crate that a frame's function is of, as far as it can be told.
fn owner(frame: &Frame) -> Option<&str> {
    let by_name = frame.function.as_deref().and_then(crate_of_path);
    by_name.or_else(|| frame.file.as_deref().and_then(crate_of_file))
}

/// The first part of a demangled path: `runtime` of `<runtime::chan::Receiver<T> as core::…>::next`.
fn crate_of_path(function: &str) -> Option<&str> {
    let mut path = function.trim_start_matches(['<', '&', '(', '*']);
    for word in ["mut ", "dyn ", "impl "] {
        path = path.strip_prefix(word).unwrap_or(path);
    }
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let is_path = end > 0 && path[end..].starts_with("::");
    is_path.then(|| &path[..end])
}

/// The folder that `src` lies in, without a version: `corosensei` of `corosensei-0.3.4/src/lib.rs`.
fn crate_of_file(file: &str) -> Option<&str> {
    let (folder, _) = file.rsplit_once("/src/")?;
    let name = folder.rsplit('/').next()?;
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match name.rsplit_once('-') {
        Some((name, version)) if is_version(version) => Some(name),
        _ => Some(name),
    }
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
    fn inlined_functions_without_a_path_are_known_by_their_files() {
        let at = |function: &str, file: &str| Frame {
            file: Some(file.to_owned()),
            ..Frame::named(function)
        };
        let mut frames = [
            at("capture", "/home/ann/runtime/src/sys/registers.rs"),
            at("lock<u64>", "runtime/src/sync/mutex.rs"),
            at("{closure#0}", "runtime/examples/shop/main.rs"),
            at("call_once<(), shop::f>", "library/core/src/ops/function.rs"),
            at("coroutine_func", "corosensei-0.3.4/src/coroutine.rs"),
        ];
        hide_internal(&mut frames);
        let hidden = frames.map(|frame| frame.hidden);
        assert_eq!(hidden, [true, false, false, true, true]);
    }

    #[test]
    fn crates_are_named_at_the_beginning_of_a_path_and_by_folders() {
        for (function, owner) in [
            ("runtime::sync::Mutex<T>::lock", Some("runtime")),
            ("<&mut shop::A as core::fmt::Debug>::fmt", Some("shop")),
            ("<dyn core::any::Any>::is", Some("core")),
            ("run<shop::f>", None),
            ("{closure#0}", None),
            ("main", None),
            ("", None),
        ] {
            assert_eq!(crate_of_path(function), owner, "{function}");
        }
        for (file, owner) in [
            ("library/std/src/panicking.rs", Some("std")),
            ("a-b-1.2.3/src/x/y.rs", Some("a-b")),
            ("my-shop/src/main.rs", Some("my-shop")),
            ("main.rs", None),
        ] {
            assert_eq!(crate_of_file(file), owner, "{file}");
        }
    }
}
