//! `observer trace --spawn-stacks`: a site inside a helper is told apart by who called the helper.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Trace, semaphores};

/// The C program that spawns from two functions.
struct Spawner {
    child: Child,
    output: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Spawner {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("spawner");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/spawner.c");
        let status = Command::new("cc")
            .args(["-O1", "-g", "-Wall", "-Werror", "-fno-omit-frame-pointer"])
            .arg("-fno-optimize-sibling-calls")
            .args(flags)
            .arg("-o")
            .args([&program, &source])
            .status();
        assert!(status.expect("a C compiler").success());
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut spawner = Self {
            child,
            output,
            _folder: folder,
        };
        spawner.answers("ready");
        spawner
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Does one act after the other; when this returns they have happened.
    fn act(&mut self, acts: &str) {
        let mut input = self.child.stdin.as_ref().expect("piped");
        input.write_all(acts.as_bytes()).expect("it reads");
        acts.chars().for_each(|_| self.answers("done"));
    }

    fn answers(&mut self, expected: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        assert_eq!(line.trim_end(), expected);
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn names(group: &Value) -> Vec<&str> {
    let frames = group["frames"].as_array().expect("frames").iter();
    let functions = frames.flat_map(|frame| frame["functions"].as_array().expect("functions"));
    functions
        .map(|function| function["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn live_tasks_are_grouped_by_the_stack_that_spawned_them() {
    for flags in [&["-pie", "-fPIE"][..], &["-no-pie", "-static"]] {
        let mut spawner = Spawner::start(flags);
        // Before the trace: not known to it.
        spawner.act("o");
        let trace = Trace::start(spawner.pid(), &["--spawn-stacks", "--format", "json"]);
        spawner.act("ooommmmmxxxx");
        let traced = trace.interrupt();
        assert!(traced.status.success(), "{}", traced.said);
        let groups: Vec<Value> = serde_json::from_str(&traced.output).expect("JSON");
        assert_eq!(groups.len(), 1, "all orders have ended: {groups:#?}");
        let group = &groups[0];
        assert_eq!((&group["live"], &group["spawned"]), (&5.into(), &5.into()));
        assert_eq!(group["site"], "src/helper.rs:33:5");
        assert_eq!(
            names(group)[..4],
            ["fire_spawn", "helper", "send_mail", "main"]
        );
        let place = &group["frames"][2]["functions"][0]["place"];
        assert!(
            place
                .as_str()
                .is_some_and(|place| place.contains("spawner.c:")),
            "{group:#}"
        );
    }
}

#[test]
fn a_stripped_program_has_addresses_in_place_of_names() {
    let mut spawner = Spawner::start(&["-s"]);
    let trace = Trace::start(spawner.pid(), &["--spawn-stacks"]);
    spawner.act("om");
    let armed = semaphores(spawner.pid());
    assert!(
        armed.iter().all(|(_, listeners)| *listeners == 1),
        "{armed:?}"
    );
    let traced = trace.interrupt();
    assert!(traced.status.success(), "{}", traced.said);
    let groups = traced
        .output
        .matches("1 live of 1 spawned at src/helper.rs:33:5\n    0x");
    assert_eq!(groups.count(), 2, "two callers: {}", traced.output);
}
