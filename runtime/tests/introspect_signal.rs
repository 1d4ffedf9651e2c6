//! A dump on SIGQUIT: a process of its own gets the signal.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use runtime::{Reason, Runtime, TaskId, blocking, introspect, park, spawn, yield_now};

const IN_CHILD: &str = "PARKWATCH_TEST_IN_CHILD";

fn child(name: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    child
        .args([name, "--exact", "--nocapture"])
        .env(IN_CHILD, "1");
    let piped = child.stdin(Stdio::piped()).stdout(Stdio::piped());
    piped.stderr(Stdio::piped()).spawn().unwrap()
}

/// What the child does: parks a task, says so, and waits for the end of its input.
fn park_one() {
    introspect::dump_on_sigquit().unwrap();
    introspect::dump_on_sigquit().unwrap();
    Runtime::run(|| {
        let parked = spawn(|| park(Reason::Condvar, 0x1234, TaskId::NONE));
        let is_parked = |task: &introspect::Task| task.id() == parked.id() && task.park().is_some();
        while !introspect::tasks().iter().any(is_parked) {
            yield_now();
        }
        println!("\nparked");
        blocking(|| std::io::stdin().read_line(&mut String::new()).unwrap());
        parked.id().unpark();
        parked.join().unwrap();
    });
}

#[test]
fn a_process_that_gets_sigquit_tells_what_its_tasks_do_and_goes_on() {
    if std::env::var_os(IN_CHILD).is_some() {
        return park_one();
    }
    let mut child = child("a_process_that_gets_sigquit_tells_what_its_tasks_do_and_goes_on");
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(out.any(|line| line.unwrap() == "parked"));
    let pid = child.id().to_string();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..2 {
        let sent = Command::new("kill").args(["-QUIT", &pid]).status().unwrap();
        assert!(sent.success());
        let is_told = |line: std::io::Result<String>| {
            line.unwrap()
                .starts_with("1 parked: condvar at 0x1234, for ")
        };
        assert!(errors.any(is_told));
    }
    writeln!(child.stdin.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
}
