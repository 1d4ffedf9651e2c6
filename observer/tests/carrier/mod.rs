//! Builds and starts the C program that carries a note (`carrier.c`).

#![allow(dead_code)] // Each test crate uses its part.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Compiles the program into a directory, with more flags.
pub fn build(directory: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/carrier/carrier.c");
    let output = directory.join(name);
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-o"])
        .arg(&output)
        .arg(source)
        .args(flags)
        .arg("-ldl");
    let status = compiler
        .status()
        .expect("a C compiler, which rustc needs to link, is installed");
    assert!(status.success(), "{compiler:?}");
    output
}

/// The shared object.
pub fn build_library(directory: &Path, name: &str) -> PathBuf {
    build(directory, name, &["-DLIBRARY", "-shared", "-fPIC"])
}

/// A running program; killed when dropped.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it and waits until it says that it is ready.
    pub fn start(program: &Path, arguments: &[&Path]) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, stdout };
        running.wait_until_ready();
        running
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes it become the program after `--exec`, and waits until that is ready.
    pub fn exec(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        self.wait_until_ready();
    }

    /// Makes it load the object after `--later`, and waits until it is there.
    pub fn load(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"l").unwrap();
        self.wait_until_ready();
    }

    /// Kills it and waits for its end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Kills it without waiting: it stays a zombie until dropped.
    pub fn kill_only(&mut self) {
        self.child.kill().unwrap();
    }

    fn wait_until_ready(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
