//! Panics: given back by a join, or reported to the hook with task, name and site.

use std::sync::{
    Arc, Mutex, MutexGuard,
    mpsc::{Receiver, channel},
};

use runtime::{Builder, Runtime, spawn, task};

/// The hook is the process's: tests that set it take turns.
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
        let _ = std::panic::take_hook();
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
