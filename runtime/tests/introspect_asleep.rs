//! The report that all tasks are asleep, in processes of their own: it ends them, and it needs one
//! without other threads, which a test harness has. So this is a program: without arguments it starts
//! itself for each case, and with the name of one it is that case.

use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use runtime::{Builder, chan, spawn, sync::Mutex, task};

/// What a case ends with where the report comes.
const REPORTED: i32 = 7;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("crossed-locks") => crossed_locks(),
        Some("kept-sender") => kept_sender(),
        Some("woken-later") => woken_later(),
        // Also with a filter of tests' names.
        _ => {
            tasks_that_wait_for_each_other_are_reported_with_their_cycle();
            a_receiver_whose_sender_is_kept_by_a_sleeper_is_reported_also_where_it_is_pinned();
            who_can_still_be_woken_is_not_reported();
        }
    }
}

fn run(case: &str) -> (Option<i32>, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.arg(case).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), errors)
}

fn runtime() -> Builder {
    Builder::new().workers(2).on_all_asleep(|asleep| {
        eprintln!("{} cycles; {asleep}", asleep.cycles().len());
        std::process::exit(REPORTED);
    })
}

fn crossed_locks() {
    runtime().run(|| {
        let locks = Arc::new([Mutex::new(0), Mutex::new(1)]);
        let both_hold = Arc::new(runtime::sync::Barrier::new(2));
        let tasks = [0, 1].map(|place| {
            let (locks, both_hold) = (Arc::clone(&locks), Arc::clone(&both_hold));
            spawn(move || {
                let _mine = locks[place].lock().unwrap();
                both_hold.wait();
                drop(locks[1 - place].lock());
            })
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

fn tasks_that_wait_for_each_other_are_reported_with_their_cycle() {
    let (code, errors) = run("crossed-locks");
    assert_eq!(code, Some(REPORTED), "{errors}");
    let begin = "1 cycles; all tasks are asleep, and nobody can wake one: 3 tasks\n";
    assert!(errors.contains(begin), "{errors}");
    assert!(
        errors.contains("deadlock: task ") && errors.contains("    at "),
        "{errors}"
    );
}

fn kept_sender() {
    runtime().run(|| {
        let (kept, receiver) = chan::bounded::<()>(1);
        let pinned = task::spawn_pinned(move || receiver.recv().is_err());
        pinned.join().unwrap();
        drop(kept);
    });
}

fn a_receiver_whose_sender_is_kept_by_a_sleeper_is_reported_also_where_it_is_pinned() {
    let (code, errors) = run("kept-sender");
    assert_eq!(code, Some(REPORTED), "{errors}");
    assert!(
        errors.contains("0 cycles; all tasks are asleep"),
        "{errors}"
    );
}

/// Waits for time, in a blocking call, and for a thread, each until the monitor has seen it.
fn woken_later() {
    runtime().run(|| {
        let sleeper = || until_the_monitor_has_looked(|| runtime::sleep(PAUSE));
        spawn(sleeper).join().unwrap();
        let blocks = || runtime::blocking(|| until_the_monitor_has_looked(|| sleep(PAUSE)));
        spawn(blocks).join().unwrap();
        let (sender, receiver) = chan::bounded(1);
        let thread = std::thread::spawn(move || {
            until_the_monitor_has_looked(|| sleep(PAUSE));
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        thread.join().unwrap();
    });
}

/// Between two looks at how often the monitor has looked.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `pause` until the monitor has woken from its sleep, and slept again, four times: it needs
/// two looks for its report.
fn until_the_monitor_has_looked(pause: impl Fn()) {
    let begin = sleeps_of_the_monitor();
    while sleeps_of_the_monitor() < begin + 4 {
        pause();
    }
}

/// How often the monitor's thread has gone to sleep, by the kernel's count; never, as long as it has
/// not begun and taken its name.
fn sleeps_of_the_monitor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let status = threads
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap())
        .find(|status| status.starts_with("Name:\tmonitor\n"));
    let Some(status) = status else { return 0 };
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

fn who_can_still_be_woken_is_not_reported() {
    let (code, errors) = run("woken-later");
    assert_eq!(code, Some(0), "{errors}");
}
