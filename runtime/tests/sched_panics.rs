//! Panics: given back by a join, or reported to the hook with task, name and site.

use std::sync::{
    Arc, Mutex, MutexGuard,
    mpsc::{Receiver, channel},
};

use runtime::{Builder, Runtime, spawn, task};

/// The hook is the process's: tests that set it take turns, and so do all in which something panics.
static HOOK: Mutex<()> = Mutex::new(());

/// Sends every panic's message until dropped.
struct Messages {
    receiver: Receiver<String>,
    _turn: MutexGuard<'static, ()>,
}

fn listen() -> Messages {
    let turn = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (sender, receiver) = channel();
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("no text").to_owned();
        let _ = sender.send(message);
    }));
    Messages {
        receiver,
        _turn: turn,
    }
}

impl Messages {
    fn next(&self) -> String {
        self.receiver.recv().unwrap()
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        // Not while the test fails: that would end the process without a word.
        if !std::thread::panicking() {
            let _ = std::panic::take_hook();
        }
    }
}

#[test]
fn a_join_gives_the_panic_back() {
    let messages = listen();
    let error = Runtime::run(|| {
        let task = task::Builder::new()
            .name("unlucky")
            .spawn(|| panic!("no luck"));
        task.join().unwrap_err()
    });
    assert!(error.is_panic() && !error.is_cancelled());
    let text = error.to_string();
    assert!(
        text.contains("\"unlucky\" spawned at ") && text.contains("sched_panics.rs:"),
        "{text}"
    );
    assert!(text.ends_with("panicked: no luck"), "{text}");
    assert_eq!(error.into_panic().downcast_ref(), Some(&"no luck"));
    assert_eq!(messages.next(), "no luck");
    assert!(
        messages.receiver.try_recv().is_err(),
        "a joined panic is reported once"
    );
}

#[test]
fn a_panic_that_nobody_joins_goes_to_the_hook_with_its_task_and_site() {
    let messages = listen();
    let before = task::unjoined_panics();
    Runtime::run(|| {
        let task = task::Builder::new()
            .name("lonely")
            .spawn(|| panic!("alone"));
        let id = task.id();
        drop(task);
        // The end of main would abandon it: wait until it has ended.
        while task::unjoined_panics() == 0 {
            runtime::yield_now();
        }
        id
    });
    assert_eq!(messages.next(), "alone");
    let report = messages.next();
    assert!(report.contains("\"lonely\" spawned at ") && report.contains("sched_panics.rs:"));
    assert!(
        report.ends_with("panicked: alone; nobody joined it"),
        "{report}"
    );
    assert_eq!(task::unjoined_panics(), before + 1);
}

#[test]
fn the_panic_of_main_is_the_callers() {
    let messages = listen();
    let caught = std::panic::catch_unwind(|| Runtime::run(|| panic!("main broke")));
    assert_eq!(
        caught.unwrap_err().downcast_ref::<&str>(),
        Some(&"main broke")
    );
    drop(messages);
}

#[test]
fn a_drop_that_parks_while_unwinding_waits_on_its_thread() {
    struct JoinsOnDrop(Option<runtime::JoinHandle<u32>>, Arc<Mutex<Option<u32>>>);
    impl Drop for JoinsOnDrop {
        fn drop(&mut self) {
            let joined = self.0.take().unwrap().join().unwrap();
            *self.1.lock().unwrap() = Some(joined);
        }
    }
    let messages = listen();
    let seen = Arc::new(Mutex::new(None));
    let place = Arc::clone(&seen);
    Builder::new().workers(2).run(move || {
        let task = spawn(move || {
            let child = spawn(|| {
                runtime::sleep(std::time::Duration::from_millis(2));
                9
            });
            let _joins = JoinsOnDrop(Some(child), place);
            panic!("unwinds through a join");
        });
        assert!(task.join().unwrap_err().is_panic());
    });
    assert_eq!(*seen.lock().unwrap(), Some(9));
    drop(messages);
}

/// A value whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor was told to panic");
    }
}

#[test]
fn a_body_that_never_runs_may_panic_in_its_destructor() {
    let _messages = listen();
    let after = Builder::new().workers(1).run(|| {
        let bomb = Bomb;
        let too_large = task::Builder::new().stack_limit(1 << 30);
        let error = too_large.spawn(move || drop(bomb)).join().unwrap_err();
        assert!(error.is_cancelled());
        assert!(error.to_string().contains("8 MiB"), "{error}");
        // The worker has survived that.
        runtime::spawn(|| 7).join().unwrap()
    });
    assert_eq!(after, 7);
}

#[test]
fn a_queued_body_may_panic_in_its_destructor_when_the_runtime_ends() {
    let _messages = listen();
    for _ in 0..3 {
        Builder::new().workers(1).run(|| {
            for _ in 0..10 {
                let bomb = Bomb;
                drop(runtime::spawn(move || std::mem::forget(bomb)));
            }
        });
    }
}

#[test]
fn a_timed_park_of_a_destructor_ends_in_time_while_unwinding() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            let soon = std::time::Duration::from_millis(5);
            task::park_timeout(runtime::Reason::Other, 0, runtime::TaskId::NONE, soon);
        }
    }
    let _messages = listen();
    let outcome = Builder::new().workers(1).run(|| {
        let task = runtime::spawn(|| {
            let _waits = Waits;
            panic!("a task was told to panic");
        });
        task.join().is_err()
    });
    assert!(outcome);
}
