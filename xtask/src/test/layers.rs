//! How each layer is run.
//!
//! The kernel and end-to-end tests are built as the user and only the test program itself gets
//! root's rights, so no file under `target` ever belongs to root on behalf of somebody else.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use super::Options;
use super::outcome::{Counts, Verdict};
use super::prepare::{Prepared, Programs, missing_programs};
use super::{deploy, sanitize, vm};
use crate::build::OBJECT_VARIABLE;
use crate::command::Invocation;
use crate::runner::{self, Finished, Show};
use crate::stress;
use crate::toolchain;
use crate::workspace::Workspace;

/// Exploring more preemptions than this finds little and costs much.
const LOOM_PREEMPTIONS: &str = "3";
/// Random programs of the layer `stress`: some ten seconds.
const STRESS_PROGRAMS: u32 = 2_000;
/// Tests read clocks; task records and sites live for ever by design, and a task's worker is
/// found through an address that was exposed.
const MIRI_FLAGS: &str =
    "-Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-permissive-provenance";
/// The observer of one test sees the targets of all others, and they share two cores: one at a time.
const ONE_AT_A_TIME: [&str; 2] = ["--test-threads", "1"];
/// Where the tests of the layer `deploy` stand among the end-to-end ones.
const DEPLOY_TESTS: &str = "deploy::";
/// The programs that the end-to-end tests start themselves.
const E2E_PROGRAMS: [&str; 7] = [
    "bpftrace",
    "go",
    "objcopy",
    "promtool",
    "prometheus",
    "setpriv",
    "tmux",
];

/// One run of the layers.
pub struct Run<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    prepared: &'a Prepared,
}

impl<'a> Run<'a> {
    /// Binds what all layers need.
    pub fn new(workspace: &'a Workspace, options: &'a Options, prepared: &'a Prepared) -> Self {
        Self {
            workspace,
            options,
            prepared,
        }
    }

    /// `cargo test` on the plain members, the runtime's with all its features; and the runtime's with
    /// its default ones in release, because some mistakes around a context switch exist only in
    /// optimised code, and what a disarmed probe is in machine code.
    pub fn unit(&self) -> Result<Verdict> {
        let release = [
            "test",
            "--no-fail-fast",
            "--release",
            "--package",
            "runtime",
            "--package",
            "probe-cost",
            "--lib",
            "--bins",
            "--tests",
        ];
        let plain = [
            "test",
            "--no-fail-fast",
            "--package",
            "observer",
            "--package",
            "observer-ebpf-abi",
            "--package",
            "runtime-abi",
            "--package",
            "xtask",
            "--",
        ];
        let plain = self.cargo(&plain).args(&self.options.arguments);
        let featured = [
            "test",
            "--no-fail-fast",
            "--package",
            "runtime",
            "--all-features",
            "--",
        ];
        let featured = self.cargo(&featured).args(&self.options.arguments);
        let mut calls = vec![
            ("unit", plain),
            ("unit-features", featured),
            ("unit-release", self.tests(&release)),
        ];
        if self.options.long {
            // Apart from the above, where it would also run examples in docs that are not to run.
            let long = [
                "test",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--tests",
                "--",
                "--ignored",
            ];
            calls.push(("unit-long", self.cargo(&long).args(&self.options.arguments)));
        }
        self.all(&calls)
    }

    /// loom's models: tests whose names begin with `loom_`, or that stand in a module `model`;
    /// then shuttle's programs: tests whose names begin with `shuttle_`.
    pub fn model(&self) -> Result<Verdict> {
        let mut loom = self.model_tests("--cfg loom", "loom", &["loom_", "model::"]);
        if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
            loom = loom.env("LOOM_MAX_PREEMPTIONS", LOOM_PREEMPTIONS);
        }
        let shuttle = self.model_tests("--cfg loom --cfg shuttle", "shuttle", &["shuttle_"]);
        self.all(&[("model", loom), ("model-programs", shuttle)])
    }

    /// The runtime's tests of these names, in a configuration that has a target folder of its own.
    fn model_tests(&self, flags: &str, folder: &str, names: &[&str]) -> Invocation {
        let arguments = ["test", "--release", "--package", "runtime", "--lib"];
        self.tests(&arguments)
            .args(names.iter().copied())
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", self.workspace.target.join(folder))
    }

    /// Miri on everything but the switch, for which the thread-backed stand-in runs.
    pub fn miri(&self) -> Result<Verdict> {
        let nightly = match toolchain::miri(self.workspace, self.options.setup.no_install) {
            Ok(nightly) => nightly,
            Err(error) => return Ok(Verdict::CannotRun(format!("{error:#}"))),
        };
        let call = |packages: &[&str]| {
            let call = Invocation::new("rustup")
                .args(["run", &nightly, "cargo", "miri", "test", "--no-fail-fast"])
                .without_toolchain_choice()
                .args(packages)
                .env("CARGO_TARGET_DIR", self.workspace.target.join("miri"))
                .env("MIRIFLAGS", MIRI_FLAGS)
                .folder(&self.workspace.root);
            self.with_test_arguments(call)
        };
        let contracts = ["runtime-abi", "observer-ebpf-abi"];
        let contracts = contracts.map(|name| ["--package", name]).concat();
        let contracts = call(&[contracts.as_slice(), &["--lib"]].concat());
        let runtime = call(&["--package", "runtime", "--lib"]);
        if !self.options.arguments.is_empty() {
            return self.all(&[("miri-abi", contracts), ("miri-runtime", runtime)]);
        }
        // Miri runs one test at a time, so each processor gets its share of them.
        let list = runtime.clone().arg("--list");
        let list = runner::run_checked(self.workspace, "miri-list", &list)?;
        let mut calls = vec![("miri-abi".to_owned(), contracts)];
        for (share, names) in shares(&list.stdout, processors()).iter().enumerate() {
            let names = names.iter().copied();
            let call = runtime.clone().arg("--exact").args(names);
            calls.push((format!("miri-runtime-{share}"), call));
        }
        self.all_at_once(&calls)
    }

    /// A fixed number of random programs; others at every run.
    pub fn stress(&self) -> Result<Verdict> {
        let programs = ["--programs".to_owned(), STRESS_PROGRAMS.to_string()];
        let finished = stress::programs(self.workspace, &programs)?;
        // One test, however many programs.
        let success = finished.status.success();
        let counts = Counts {
            passed: success.into(),
            failed: (!success).into(),
            ignored: 0,
        };
        Ok(if success {
            Verdict::Passed(counts)
        } else {
            Verdict::Failed(counts)
        })
    }

    /// The runtime's tests with each of two sanitizers.
    pub fn sanitize(&self) -> Result<Verdict> {
        let nightly = match toolchain::with_source(self.workspace, self.options.setup.no_install) {
            Ok(nightly) => nightly,
            Err(error) => return Ok(Verdict::CannotRun(format!("{error:#}"))),
        };
        let thread = self.with_test_arguments(sanitize::thread(self.workspace, &nightly));
        let address = self
            .with_test_arguments(sanitize::address(self.workspace, &nightly))
            .args(sanitize::skipped_on_stacks());
        self.all(&[("sanitize-thread", thread), ("sanitize-address", address)])
    }

    /// The observer's tests against the real kernel.
    pub fn kernel(&self) -> Result<Verdict> {
        if let Some(reason) = &self.prepared.kernel_obstacle {
            return Ok(Verdict::CannotRun(reason.clone()));
        }
        let object = match &self.prepared.object {
            Ok(object) => object,
            Err(reason) => return Ok(Verdict::CannotRun(reason.clone())),
        };
        let program = self.test_call("kernel")?.env(OBJECT_VARIABLE, object);
        self.alone_as_root("kernel", program)
    }

    /// The built programs, together.
    pub fn e2e(&self) -> Result<Verdict> {
        if let Some(reason) = &self.prepared.kernel_obstacle {
            return Ok(Verdict::CannotRun(reason.clone()));
        }
        let programs = match self.programs(&E2E_PROGRAMS) {
            Ok(programs) => programs,
            Err(reason) => return Ok(Verdict::CannotRun(reason)),
        };
        let program = self.e2e_call(programs)?;
        // Those of the layer `deploy` stand in the same program.
        self.alone_as_root("e2e", program.args(["--skip", DEPLOY_TESTS]))
    }

    /// The shipped observer in its image, under the manifests; and `deploy/check.sh`.
    pub fn deploy(&self) -> Result<Verdict> {
        if let Some(reason) = &self.prepared.kernel_obstacle {
            return Ok(Verdict::CannotRun(reason.clone()));
        }
        let programs = match self.programs(&deploy::PROGRAMS) {
            Ok(programs) => programs,
            Err(reason) => return Ok(Verdict::CannotRun(reason)),
        };
        let object = self
            .prepared
            .object
            .as_ref()
            .map_err(|reason| anyhow!("{reason}"))?;
        let tools = match deploy::tools(self.workspace, &self.options.setup, &self.prepared.path) {
            Ok(tools) => tools,
            Err(error) => return Ok(Verdict::CannotRun(format!("{error:#}"))),
        };
        let shipped = deploy::ship(self.workspace, &self.options.setup, object, &tools)?;
        let mut program = self.e2e_call(programs)?;
        for (name, path) in shipped.variables() {
            program = program.env(name, path);
        }
        if self.options.arguments.is_empty() {
            program = program.arg(DEPLOY_TESTS);
        }
        let program = self.as_root(program)?;
        self.all(&[
            (
                "deploy-check",
                deploy::check(self.workspace, &shipped, &tools),
            ),
            ("deploy", program),
        ])
    }

    /// The kernel tests on older kernels.
    pub fn vm(&self) -> Result<Verdict> {
        let programs = match self.programs(&vm::PROGRAMS) {
            Ok(programs) => programs,
            Err(reason) => return Ok(Verdict::CannotRun(reason)),
        };
        let programs = vm::Programs {
            kernel: self.build_test("kernel")?,
            e2e: self.build_test("e2e")?,
            observer: programs.observer.clone(),
            target: programs.examples.join("target"),
        };
        vm::run(self.workspace, &programs, !self.options.setup.no_install)
    }

    /// The release programs, if this machine also has those that are `needed` beside them.
    fn programs(&self, needed: &[&'static str]) -> Result<&Programs, String> {
        let programs = self.prepared.programs.as_ref().map_err(String::clone)?;
        let missing = missing_programs(&self.prepared.path, needed);
        if missing.is_empty() {
            Ok(programs)
        } else {
            Err(format!("it needs {}", missing.join(", ")))
        }
    }

    /// A call of cargo in the workspace.
    fn cargo(&self, arguments: &[&str]) -> Invocation {
        Invocation::cargo()
            .args(arguments)
            .env("PATH", &self.prepared.path)
            .folder(&self.workspace.root)
    }

    /// The same with the test programs' arguments behind it.
    fn tests(&self, arguments: &[&str]) -> Invocation {
        self.with_test_arguments(self.cargo(arguments))
    }

    fn with_test_arguments(&self, call: Invocation) -> Invocation {
        call.arg("--").args(self.test_arguments())
    }

    fn test_arguments(&self) -> Vec<String> {
        let mut arguments = self.options.arguments.clone();
        if self.options.long {
            arguments.push("--include-ignored".to_owned());
        }
        arguments
    }

    /// Builds one integration test of the observer and returns its path. Both features are always
    /// on, so that the layers share one build.
    fn build_test(&self, name: &str) -> Result<PathBuf> {
        let mut call = self
            .cargo(&[
                "test",
                "--no-run",
                "--message-format",
                "json-render-diagnostics",
            ])
            .args([
                "--package",
                "observer",
                "--features",
                "kernel-tests,e2e-tests",
                "--test",
                name,
            ]);
        if let Ok(object) = &self.prepared.object {
            call = call.env(OBJECT_VARIABLE, object);
        }
        let log = format!("{name}-build");
        let finished = runner::run_checked(self.workspace, &log, &call)?;
        test_program(&finished.stdout, name)
            .with_context(|| format!("cargo named no test program `{name}`"))
    }

    /// A call of an integration test of the observer, built first.
    fn test_call(&self, name: &str) -> Result<Invocation> {
        Ok(Invocation::new(self.build_test(name)?)
            .args(self.test_arguments())
            .folder(self.workspace.root.join("observer")))
    }

    /// A call of the end-to-end tests, which learn where the programs are.
    fn e2e_call(&self, programs: &Programs) -> Result<Invocation> {
        Ok(self
            .test_call("e2e")?
            .env("PARKWATCH_OBSERVER", &programs.observer)
            .env("PARKWATCH_TARGET", programs.examples.join("target"))
            .env("PARKWATCH_STATIC_TARGET", &programs.static_target)
            .env("PARKWATCH_DEMO", programs.examples.join("demo"))
            .env("PARKWATCH_GALLERY", programs.examples.join("gallery"))
            .env("PARKWATCH_HTTP", programs.examples.join("http")))
    }

    /// One test after another, unless the caller chose otherwise.
    fn alone(&self, call: Invocation) -> Invocation {
        let chosen = self
            .options
            .arguments
            .iter()
            .any(|word| word.starts_with("--test-threads"));
        if chosen {
            call
        } else {
            call.args(ONE_AT_A_TIME)
        }
    }

    fn alone_as_root(&self, log: &str, call: Invocation) -> Result<Verdict> {
        self.all(&[(log, self.as_root(call)?)])
    }

    /// One test after another, with root's rights.
    fn as_root(&self, call: Invocation) -> Result<Invocation> {
        let call = self.alone(call).env("PATH", &self.prepared.path);
        let raised = self.prepared.privilege.raise(call);
        raised.context("no way to root's rights")
    }

    /// Runs the calls one after another, all of them whatever happens, and sums their tests.
    fn all(&self, calls: &[(&str, Invocation)]) -> Result<Verdict> {
        let finished = calls.iter().map(|(log, call)| self.call(log, call));
        Ok(verdict(finished.collect::<Result<Vec<_>>>()?))
    }

    /// Runs the calls at the same time, and sums their tests.
    fn all_at_once(&self, calls: &[(String, Invocation)]) -> Result<Verdict> {
        let finished = thread::scope(|scope| {
            let start = |(log, call)| scope.spawn(move || self.call(log, call));
            let running: Vec<_> = calls.iter().map(|(log, call)| start((log, call))).collect();
            let join = |thread: ScopedJoinHandle<'_, Result<Finished>>| {
                let ended = thread.join();
                ended.unwrap_or_else(|_| Err(anyhow!("the thread of a child panicked")))
            };
            running.into_iter().map(join).collect::<Result<Vec<_>>>()
        });
        Ok(verdict(finished?))
    }

    fn call(&self, log: &str, call: &Invocation) -> Result<Finished> {
        runner::run(self.workspace, log, call, Show::Lines)
    }
}

/// What came of calls, by their exit and what their tests said.
fn verdict(finished: Vec<Finished>) -> Verdict {
    let mut counts = Counts::default();
    for finished in &finished {
        counts.add(Counts::parse(&finished.stdout));
    }
    if finished.iter().all(|finished| finished.status.success()) {
        Verdict::Passed(counts)
    } else {
        Verdict::Failed(counts)
    }
}

/// The tests of a program's own list, dealt out.
fn shares(list: &str, count: usize) -> Vec<Vec<&str>> {
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let mut shares = vec![Vec::new(); count];
    for (number, name) in names.enumerate() {
        shares[number % count].push(name);
    }
    // Without a name, a test program would run all.
    shares.retain(|names| !names.is_empty());
    shares
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The executable of the integration test `name` among cargo's messages.
fn test_program(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let target = &message["target"];
            let is_test = target["kind"].as_array()?.iter().any(|kind| kind == "test");
            let program = message["executable"].as_str()?;
            (is_test && target["name"] == name).then(|| PathBuf::from(program))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_test_program_among_cargos_messages() {
        let messages = r#"not json
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"kernel"},"executable":"/t/bin"}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"e2e"},"executable":"/t/e2e"}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"kernel"},"executable":"/t/kernel"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            test_program(messages, "kernel"),
            Some(PathBuf::from("/t/kernel"))
        );
        assert_eq!(test_program(messages, "unit"), None);
    }

    #[test]
    fn tests_are_dealt_out_and_none_is_left_over() {
        let list = "sync::a: test\nsync::b: test\nchan::c: test\n\n3 tests, 0 benchmarks\n";
        assert_eq!(
            shares(list, 2),
            [vec!["sync::a", "chan::c"], vec!["sync::b"]]
        );
        assert_eq!(shares(list, 5).len(), 3);
        assert!(shares("0 tests\n", 2).is_empty());
    }
}
