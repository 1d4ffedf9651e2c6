//! bpftrace on a target's probe, as an independent witness.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Target;

/// A running bpftrace.
pub struct Bpftrace {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Bpftrace {
    /// Attaches one action to one probe of a target, and waits until it is attached.
    pub fn attach(target: &Target, probe: &str, action: &str) -> Self {
        Self::start(
            target,
            &format!(
                "usdt:/proc/{}/exe:parkwatch:{probe} {{ {action} }}",
                target.pid()
            ),
        )
    }

    /// Runs a program against a target, and waits until it is attached.
    pub fn start(target: &Target, program: &str) -> Self {
        // Not `BEGIN`: that comes before the other probes, and its output was seen to wait for the
        // next that there is.
        let program = format!("{program} interval:ms:200 {{ printf(\"attached\\n\"); }}");
        let mut child = Command::new("bpftrace")
            .args(["-p", &target.pid().to_string(), "-e", &program])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bpftrace starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            assert!(
                output.read_line(&mut line).expect("reads") > 0,
                "bpftrace did not attach"
            );
        }
        Self { child, output }
    }

    /// Ends it by SIGINT; returns what it printed since it was attached, the maps at the end.
    pub fn finish(mut self) -> String {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: `kill` takes no pointers; the child is not reaped yet, so the id is its.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let mut text = String::new();
        self.output.read_to_string(&mut text).expect("reads");
        let _ = self.child.wait();
        text
    }
}

impl Drop for Bpftrace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
