//! Files, processes and names, as tasks use them: they give up their worker while they wait, and
//! work wherever the stack ends.

mod net;
mod stacks;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use net::until_parked;
use runtime::{Builder, Reason, Runtime, blocking, fs, process, spawn};
use stacks::{assert_success, descend, in_child, on_stacks_of_their_own};

/// A folder of the test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if fs::exists(&folder).unwrap() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn files_are_written_found_moved_and_removed() {
    Runtime::run(|| {
        let folder = folder("files");
        let [first, second, third] = ["first", "second", "third"].map(|name| folder.join(name));
        fs::write(&first, "some text").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"some text");
        assert_eq!(fs::copy(&first, &second).unwrap(), 9);
        fs::rename(&second, &third).unwrap();
        assert_eq!(fs::read_to_string(&third).unwrap(), "some text");
        assert_eq!(fs::metadata(&third).unwrap().len(), 9);
        let detour = folder.join("../files/third");
        assert_eq!(
            fs::canonicalize(detour).unwrap(),
            fs::canonicalize(&third).unwrap()
        );
        fs::remove_file(&first).unwrap();
        assert!(!fs::exists(&first).unwrap());
        let left = fs::read_dir(&folder).unwrap();
        let names: Vec<_> = left.iter().map(std::fs::DirEntry::file_name).collect();
        assert_eq!(names, ["third"]);
        let missing = fs::read(&second).unwrap_err();
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
        fs::remove_dir_all(&folder).unwrap();
    });
}

/// Whoever opens a named pipe waits for the one at its other end: a call that kept the only
/// worker would wait for ever.
#[test]
fn a_call_that_waits_leaves_its_worker_to_the_task_that_ends_the_wait() {
    Builder::new().workers(1).run(|| {
        let folder = folder("pipes");
        let [pipe, answers] = ["pipe", "answers"].map(|name| folder.join(name));
        let made = process::status(Command::new("mkfifo").args([&pipe, &answers]));
        assert!(made.unwrap().success());
        let path = pipe.clone();
        let reader = spawn(move || fs::read_to_string(path));
        until_parked(reader.id(), Reason::Blocking);
        let path = answers.clone();
        let cat = spawn(move || process::output(Command::new("cat").arg(path)));
        until_parked(cat.id(), Reason::Blocking);
        fs::write(&pipe, "to a task").unwrap();
        fs::write(&answers, "to a process").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "to a task");
        assert_eq!(cat.join().unwrap().unwrap().stdout, b"to a process");
    });
}

#[test]
fn a_process_that_was_started_is_talked_to_and_awaited() {
    Runtime::run(|| {
        let mut command = Command::new("cat");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = process::spawn(command).unwrap();
        let mut input = child.stdin.take().unwrap();
        blocking(|| input.write_all(b"hello")).unwrap();
        drop(input);
        let mut answer = String::new();
        let mut output = child.stdout.take().unwrap();
        blocking(|| output.read_to_string(&mut answer)).unwrap();
        assert_eq!(answer, "hello");
        assert!(process::wait(&mut child).unwrap().success());
        let missing = process::status(&mut Command::new("/no such program"));
        assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn a_name_is_looked_up() {
    Runtime::run(|| {
        let addresses = runtime::net::lookup("localhost:80").unwrap();
        assert!(addresses.iter().any(|address| address.ip().is_loopback()));
        assert!(addresses.iter().all(|address| address.port() == 80));
        let error = runtime::net::lookup("no port").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    });
}

#[test]
fn calls_work_at_every_distance_from_the_windows_edge() {
    let test = "calls_work_at_every_distance_from_the_windows_edge";
    let output = in_child(test, || {
        Builder::new().workers(2).run(|| {
            on_stacks_of_their_own(48, |number| {
                descend(number * 512, &mut || {
                    let status = process::status(&mut Command::new("true"));
                    assert!(status.unwrap().success());
                    assert!(!runtime::net::lookup("localhost:1").unwrap().is_empty());
                    let program = fs::canonicalize("/proc/self/exe").unwrap();
                    assert!(fs::metadata(program).unwrap().is_file());
                });
            });
        });
    });
    assert_success(&output);
}
