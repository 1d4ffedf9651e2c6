//! C code on the stacks of tasks: large frames without probes, and callbacks that park.

mod stacks;

use std::ffi::{CString, c_long, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use runtime::{Builder, Runtime, spawn, task, yield_now};
use stacks::{assert_success, descend, errors, growths, in_child, on_stacks_of_their_own};

type Frame = extern "C" fn(c_long) -> c_long;
type Callback = extern "C" fn(extern "C" fn(c_long) -> c_long, c_long) -> c_long;

/// Builds `frames.c` into a library and loads it.
fn load() -> usize {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // One for each process: they run at the same time.
    let library = folder.join(format!("frames-{}.so", std::process::id()));
    let status = Command::new("cc")
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC"])
        .args(["-fno-stack-protector", "-fno-stack-clash-protection", "-o"])
        .args([&library, &source])
        .status();
    assert!(status.expect("a C compiler").success());
    let path = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: a path that ends with a zero; the library has no initialisers.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!handle.is_null());
    std::fs::remove_file(library).unwrap();
    handle as usize
}

fn function(name: &str) -> *mut c_void {
    static LIBRARY: OnceLock<usize> = OnceLock::new();
    let library = *LIBRARY.get_or_init(load) as *mut c_void;
    let name = CString::new(name).unwrap();
    // SAFETY: a library that is never unloaded, and a name that ends with a zero.
    let function = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!function.is_null());
    function
}

fn frame(name: &str) -> Frame {
    // SAFETY: the functions of `FRAME` have this type.
    unsafe { std::mem::transmute::<*mut c_void, Frame>(function(name)) }
}

fn call_below_a_frame() -> Callback {
    // SAFETY: the function of this name has this type.
    unsafe { std::mem::transmute::<*mut c_void, Callback>(function("call_below_a_frame")) }
}

#[test]
fn a_frame_that_is_touched_at_its_far_end_first_opens_what_it_needs() {
    let test = "a_frame_that_is_touched_at_its_far_end_first_opens_what_it_needs";
    let output = in_child(test, || {
        let frames = ["frame_of_60_kib", "frame_of_64_kib", "frame_of_200_kib"].map(frame);
        Builder::new().workers(2).run(move || {
            on_stacks_of_their_own(3 * 64, move |number| {
                let frame = frames[number % 3];
                descend(number * 40, &mut || assert_eq!(frame(5), 6));
            });
            assert!(growths() >= 3 * 64, "each has grown: {}", growths());
        });
    });
    assert_success(&output);
}

extern "C" fn yield_a_few_times(number: c_long) -> c_long {
    (0..number).for_each(|_| yield_now());
    number
}

#[test]
fn a_task_parks_below_a_frame_of_c_and_goes_on_where_it_was() {
    let call = call_below_a_frame();
    Builder::new().workers(2).run(move || {
        on_stacks_of_their_own(64, move |number| {
            descend(number * 200, &mut || {
                assert_eq!(call(yield_a_few_times, 7), 14);
            });
        });
    });
}

/// What is left of the stack is smaller than the frame, and the frame is smaller than the gap below
/// the stack: its first touch is an overflow, not a write to a neighbour.
#[test]
fn a_frame_that_does_not_fit_ends_the_process_with_the_tasks_name() {
    let test = "a_frame_that_does_not_fit_ends_the_process_with_the_tasks_name";
    let output = in_child(test, || {
        let frame = frame("frame_of_60_kib");
        Runtime::run(move || {
            // A neighbour above and one below.
            let neighbours = [(); 2].map(|()| spawn(yield_now));
            let body = move || descend(10 * 1024, &mut || assert_eq!(frame(5), 6));
            let task = task::Builder::new().name("decoder").stack_limit(64 * 1024);
            task.spawn(body).join().unwrap();
            neighbours.into_iter().for_each(|task| task.join().unwrap());
        });
    });
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let message = errors(&output);
    assert!(message.contains("'decoder', spawned at "), "{message}");
    assert!(message.contains("its limit is 65536 bytes"), "{message}");
}
