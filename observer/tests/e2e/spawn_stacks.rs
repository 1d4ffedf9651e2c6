//! `observer trace --spawn-stacks`: a site inside a helper is told apart by who called the helper.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Target, Trace, Traced, require, semaphores};

/// How a C program is built with frame pointers, and without.
const POINTERS: &[&str] = &["-fno-omit-frame-pointer"];
const NO_POINTERS: &[&str] = &["-fomit-frame-pointer"];

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
            .args(["-O1", "-g", "-Wall", "-Werror"])
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

/// The groups that a trace printed as JSON.
fn groups(traced: &Traced) -> Vec<Value> {
    assert!(traced.status.success(), "{}", traced.said);
    serde_json::from_str(&traced.output).expect("JSON")
}

#[test]
fn live_tasks_are_grouped_by_the_stack_that_spawned_them() {
    let links = [&["-pie", "-fPIE"][..], &["-no-pie", "-static"]];
    for flags in [POINTERS, NO_POINTERS] {
        for link in links {
            let mut spawner = Spawner::start(&[flags, link].concat());
            // Before the trace: not known to it.
            spawner.act("o");
            let trace = Trace::start(spawner.pid(), &["--spawn-stacks", "--format", "json"]);
            spawner.act("ooommmmmxxxx");
            let groups = groups(&trace.interrupt());
            assert_eq!(groups.len(), 1, "all orders have ended: {groups:#?}");
            let group = &groups[0];
            assert_eq!((&group["live"], &group["spawned"]), (&5.into(), &5.into()));
            assert_eq!(group["site"], "src/helper.rs:33:5");
            assert_eq!(group["is_cut"], false);
            assert_eq!(
                names(group)[..4],
                ["fire_spawn", "helper", "send_mail", "main"],
                "{flags:?} {link:?}"
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
}

/// The depth of the frame whose function stands in this file of the target.
fn depth_of(group: &Value, file: &str) -> Option<usize> {
    let frames = group["frames"].as_array().expect("frames").iter();
    let functions = |frame: &Value| frame["functions"].as_array().cloned().unwrap_or_default();
    let is_there = |function: Value| {
        let place = function["place"].as_str().unwrap_or_default();
        place.contains(file)
    };
    frames
        .map(functions)
        .position(|at| at.into_iter().any(is_there))
}

#[test]
fn a_rust_program_needs_no_frame_pointers() {
    for program in ["PARKWATCH_TARGET", "PARKWATCH_STATIC_TARGET"] {
        let mut target = Target::start_copy(&require(program), &[]);
        let trace = Trace::start(target.pid(), &["--spawn-stacks", "--format", "json"]);
        target.command("spawn 1 7");
        let groups = groups(&trace.interrupt());
        let group = groups.iter().find(|group| group["live"] == 7);
        let group = group.unwrap_or_else(|| panic!("{groups:#?}"));
        let depths = ["target/sites.rs:", "target/commands.rs:", "target/main.rs:"]
            .map(|file| depth_of(group, file));
        assert!(depths.iter().all(Option::is_some), "{depths:?} {group:#}");
        assert!(depths.is_sorted(), "{depths:?} {group:#}");
    }
}

#[test]
fn a_stack_that_is_deeper_than_its_copy_says_so() {
    let mut spawner = Spawner::start(NO_POINTERS);
    let trace = Trace::start(spawner.pid(), &["--spawn-stacks"]);
    spawner.act("d");
    let traced = trace.interrupt();
    assert!(traced.status.success(), "{}", traced.said);
    assert!(
        traced.output.contains("deeper than what is read"),
        "{}",
        traced.output
    );
    assert!(traced.output.contains("descend"), "{}", traced.output);
    // A function, not a part of a path.
    let has_main = traced
        .output
        .lines()
        .any(|line| line.trim().starts_with("main "));
    assert!(!has_main, "{}", traced.output);
    assert!(traced.said.contains("1 stacks copied"), "{}", traced.said);
}

#[test]
fn a_stripped_program_has_addresses_in_place_of_names() {
    let mut spawner = Spawner::start(&[POINTERS, &["-s"]].concat());
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
