//! Stacks of tasks that grow, under everything that could tear at them: other workers, child
//! processes, system calls, signal handlers, limits.

mod stacks;

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::{Builder, Reason, Runtime, TaskId, spawn, task, with_stack, yield_now};
use stacks::{assert_success, descend, errors, in_child, recurse_for_ever, resident_bytes};

#[test]
fn tasks_held_at_depth_keep_every_frame_while_others_run() {
    let sum: usize = Builder::new().workers(3).run(|| {
        let body = |task: usize| {
            move || {
                let bytes = 1024 + task * 150;
                let sum = descend(bytes, &mut || {
                    for _ in 0..3 {
                        yield_now();
                    }
                });
                assert!(sum >= bytes && sum < bytes + 128);
                1
            }
        };
        let tasks: Vec<_> = (0..400).map(|task| spawn(body(task))).collect();
        tasks.into_iter().map(|task| task.join().unwrap()).sum()
    });
    assert_eq!(sum, 400);
}

#[test]
fn a_child_on_another_worker_writes_to_its_parents_stack() {
    Builder::new().workers(2).run(|| {
        for step in 0..128 {
            spawn(move || {
                descend(12 * 1024 + step * 160, &mut || {
                    // Not touched by the parent: it may lie below the window.
                    let mut buffer = MaybeUninit::<[u8; 2048]>::uninit();
                    let address = buffer.as_mut_ptr() as usize;
                    let child = spawn(move || {
                        // SAFETY: the parent waits for this task and keeps the buffer.
                        unsafe { (address as *mut [u8; 2048]).write([7; 2048]) };
                    });
                    child.join().unwrap();
                    // SAFETY: the child has written all of it.
                    assert_eq!(unsafe { buffer.assume_init() }, [7; 2048]);
                });
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn child_processes_and_threads_start_at_every_offset_on_stack_opened_before() {
    Builder::new().workers(2).run(|| {
        for step in 0..32 {
            spawn(move || {
                descend(8 * 1024 + step * 512, &mut || {
                    let status = with_stack(64 * 1024, || Command::new("true").status());
                    assert!(status.unwrap().success());
                    let thread = with_stack(64 * 1024, || std::thread::spawn(|| 5));
                    assert_eq!(thread.join().unwrap(), 5);
                });
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn reads_of_the_standard_library_work_at_every_offset() {
    Builder::new().workers(2).run(|| {
        for step in 0..256 {
            spawn(move || {
                descend(8 * 1024 + step * 96, &mut || {
                    let mut buffer = [1u8; 1024];
                    std::fs::File::open("/dev/zero")
                        .unwrap()
                        .read_exact(&mut buffer)
                        .unwrap();
                    assert_eq!(buffer, [0; 1024]);
                });
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn a_task_gets_the_limit_that_its_builder_names() {
    let deep = Runtime::run(|| {
        let body = || descend(1 << 20, &mut || ());
        task::Builder::new()
            .stack_limit(8 << 20)
            .spawn(body)
            .join()
            .unwrap()
    });
    assert!(deep >= 1 << 20);
}

#[test]
fn an_overflow_names_the_task_its_site_and_its_limit_and_aborts() {
    let test = "an_overflow_names_the_task_its_site_and_its_limit_and_aborts";
    let output = in_child(test, || {
        Runtime::run(|| {
            let body = || recurse_for_ever(1);
            task::Builder::new()
                .name("deep")
                .stack_limit(128 * 1024)
                .spawn(body)
                .join()
                .unwrap();
        });
    });
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let message = errors(&output);
    assert!(message.contains("'deep', spawned at ") && message.contains("tests/stack_tasks.rs:"));
    assert!(message.contains("its limit is 131072 bytes"), "{message}");
}

extern "C" fn exit_with_21(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(21) }
}

fn handler_of(signal: c_int) -> libc::sigaction {
    let mut action = MaybeUninit::uninit();
    // SAFETY: no new action is given; the old one goes to a structure of its type.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: a call that succeeds fills the structure in.
    unsafe { action.assume_init() }
}

fn handle(signal: c_int, flags: c_int) {
    // SAFETY: an action of zeroes is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = exit_with_21 as *const () as usize;
    action.sa_flags = flags | libc::SA_SIGINFO;
    // SAFETY: a live structure with a function of three arguments, as its flags say.
    let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// The monitor looks after handlers: once it has, growth works again, and the program's own
/// handler still gets the faults that are not ours.
#[test]
fn a_fault_handler_that_a_program_installs_while_it_runs_gets_its_faults() {
    let test = "a_fault_handler_that_a_program_installs_while_it_runs_gets_its_faults";
    let output = in_child(test, || {
        Runtime::run(|| {
            handle(libc::SIGSEGV, 0);
            while handler_of(libc::SIGSEGV).sa_sigaction == exit_with_21 as *const () as usize {
                yield_now();
            }
            spawn(|| descend(60 * 1024, &mut || ())).join().unwrap();
            // SAFETY: none: the fault is what is wanted, and the process does not survive it.
            unsafe { black_box(64 as *const u8).read_volatile() };
        });
    });
    assert_eq!(
        output.status.code(),
        Some(21),
        "{:?} {}",
        output.status,
        errors(&output)
    );
}

#[test]
fn handlers_of_other_signals_are_moved_to_the_alternate_stack() {
    let test = "handlers_of_other_signals_are_moved_to_the_alternate_stack";
    let output = in_child(test, || {
        Runtime::run(|| {
            handle(libc::SIGUSR1, 0);
            while handler_of(libc::SIGUSR1).sa_flags & libc::SA_ONSTACK == 0 {
                yield_now();
            }
        });
    });
    assert_success(&output);
}

#[test]
fn parked_tasks_of_a_fixed_runtime_are_deep_without_growing() {
    let test = "parked_tasks_of_a_fixed_runtime_are_deep_without_growing";
    let output = in_child(test, || {
        Builder::new().fixed_stacks(true).run(|| {
            // Growth would need the handler: without it, only open stack is left to use.
            // SAFETY: an action of zeroes is the default one.
            let action: libc::sigaction = unsafe { std::mem::zeroed() };
            let body = move || {
                // SAFETY: a live structure.
                unsafe { libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()) };
                descend(100 * 1024, &mut || ())
            };
            // Far from its limit whatever a frame takes: with a sanitizer, several times as much.
            let task = task::Builder::new().stack_limit(1 << 20).spawn(body);
            assert!(task.join().unwrap() >= 100 * 1024);
        });
    });
    assert_success(&output);
}

#[test]
fn parked_tasks_cost_a_page_and_their_record_each() {
    const TASKS: usize = 50_000;
    let test = "parked_tasks_cost_a_page_and_their_record_each";
    let output = in_child(test, || {
        Builder::new().workers(2).run(|| {
            let before = resident_bytes();
            let parked = Arc::new(AtomicUsize::new(0));
            let body = |parked: Arc<AtomicUsize>| {
                move || {
                    parked.fetch_add(1, Ordering::Relaxed);
                    task::park(Reason::Other, 0, TaskId::NONE);
                }
            };
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| spawn(body(Arc::clone(&parked))))
                .collect();
            while parked.load(Ordering::Relaxed) < TASKS {
                yield_now();
            }
            let each = (resident_bytes() - before) / TASKS;
            println!("{each} bytes a parked task");
            // Two pages at most: a debug build's frames do not all fit into one.
            assert!(each < 2 * 4096 + 1024, "{each} bytes a parked task");
            tasks.iter().for_each(|task| {
                task.id().unpark();
            });
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
    });
    assert_success(&output);
}

/// Tasks that grow at once on every worker, and are all deep at the same time.
#[test]
fn a_storm_of_growths_on_all_workers_loses_no_frame() {
    Builder::new().workers(4).run(|| {
        for _ in 0..20 {
            let tasks: Vec<_> = (0..64)
                .map(|_| spawn(|| descend(60 * 1024, &mut yield_now)))
                .collect();
            for task in tasks {
                assert!(task.join().unwrap() >= 60 * 1024);
            }
        }
    });
}
