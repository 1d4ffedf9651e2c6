//! The C program that fires, and the file that carries its probes.

use observer::discover::Carrier;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A running emitter with a file of its own.
pub struct Emitter {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    directory: TempDir,
}

impl Emitter {
    /// Copies the program, starts it and waits until it takes commands.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::copy(program(), directory.path().join("emitter")).expect("a copy");
        Self::start_in(directory)
    }

    /// Starts a file as it lies, without a copy: the inode is the same.
    pub fn start_again(path: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::symlink(path, directory.path().join("emitter")).expect("a link");
        Self::start_in(directory)
    }

    fn start_in(directory: TempDir) -> Self {
        let mut child = Command::new(directory.path().join("emitter"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emitter starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut emitter = Self {
            child,
            stdin,
            stdout,
            directory,
        };
        emitter.wait_until_ready();
        emitter
    }

    /// Waits for the line that every program image begins with.
    pub fn wait_until_ready(&mut self) {
        assert_eq!(self.answer(), "ready");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("emitter")
    }

    /// The emitter's file as discovery would describe it.
    pub fn carrier(&self) -> Carrier {
        carrier(&self.path())
    }

    /// Sends a command and returns the answer.
    pub fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer()
    }

    pub fn send(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").expect("the emitter listens");
    }

    /// Fires a probe once; it must be armed.
    pub fn fire(&mut self, probe: &str, arguments: &[u64]) {
        self.fire_times(probe, 1, arguments);
    }

    pub fn fire_times(&mut self, probe: &str, times: u64, arguments: &[u64]) {
        let answer = self.ask(&order("fire", probe, times, arguments));
        assert_eq!(answer, format!("fired {times}"), "{probe} is armed");
    }

    /// As `fire`, from another thread.
    pub fn fire_elsewhere(&mut self, probe: &str, arguments: &[u64]) {
        assert_eq!(
            self.ask(&order("elsewhere", probe, 1, arguments)),
            "fired 1"
        );
    }

    /// The semaphore of a probe, as the emitter itself reads it.
    pub fn semaphore(&mut self, probe: &str) -> u16 {
        self.ask(&format!("armed {probe}"))
            .parse()
            .expect("a number")
    }

    /// Makes a site record and returns its address.
    pub fn site(&mut self, record: &str) -> u64 {
        self.ask(&format!("site {record}"))
            .parse()
            .expect("an address")
    }

    /// As `site`, with a file name in memory that no one has touched.
    pub fn hole(&mut self, record: &str) -> u64 {
        self.ask(&format!("hole {record}"))
            .parse()
            .expect("an address")
    }

    /// Makes zeroed memory of so many bytes, behind which nothing is mapped; returns its address.
    pub fn room(&mut self, bytes: u64) -> u64 {
        self.ask(&format!("room {bytes}"))
            .parse()
            .expect("an address")
    }

    /// Writes a word into such memory.
    pub fn poke(&mut self, address: u64, value: u64) {
        assert_eq!(self.ask(&format!("poke {address} {value}")), "poked");
    }

    /// Closes its input and waits for its end.
    pub fn finish(self) {
        let Self {
            mut child, stdin, ..
        } = self;
        drop(stdin);
        child.wait().expect("the emitter ends");
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("the emitter is ours");
        self.child.wait().expect("the emitter ends");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the emitter answers");
        line.trim_end().to_owned()
    }
}

/// A file with probes as discovery would describe it.
pub fn carrier(path: &Path) -> Carrier {
    let file = File::open(path).expect("the file is there");
    let carrier = Carrier::read(file, path.display().to_string());
    carrier.expect("an ELF file").expect("it carries probes")
}

fn order(command: &str, probe: &str, times: u64, arguments: &[u64]) -> String {
    let arguments: String = arguments
        .iter()
        .map(|argument| format!(" {argument}"))
        .collect();
    format!("{command} {probe} {times}{arguments}")
}

/// The compiled program; compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let program = directory.path().join("emitter");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel/emitter.c");
        let status = Command::new("gcc")
            .args(["-O1", "-Wall", "-Werror", "-pthread"])
            // A trace finds its stack by them; nothing else looks.
            .args(["-fno-omit-frame-pointer", "-o"])
            .args([&program, &source])
            .status()
            .expect("gcc is installed");
        assert!(status.success(), "gcc compiles the emitter");
        (directory, program)
    });
    program
}
