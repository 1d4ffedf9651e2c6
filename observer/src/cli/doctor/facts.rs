//! What the checks judge, gathered once: files of `/proc` and `/sys`, and three questions to
//! the kernel. The checks themselves are pure.

use std::fs;
use std::path::Path;

use crate::attach::Kernel;
use crate::sys::bpf::{Place, ProbeProgram, link_multi, load_probe_program};
use crate::sys::uprobe::{OptimisedNop, optimised_nop};

/// `r0 = 0; exit`.
const EMPTY_PROGRAM: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/// Answers a link to a path that is no file, and only where such links are known.
const NO_FILE: i32 = 9;

/// The kernel's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No(String),
    Refused,
}

/// What this machine says; `None` where there is no such file or it may not be read.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub release: Option<String>,
    pub loads_programs: Answer,
    pub links_multi: Answer,
    pub optimised_nop: OptimisedNop,
    pub jit: Option<String>,
    pub btf: bool,
    pub uprobe_type: Option<String>,
    pub uprobe_semaphores: bool,
    pub status: String,
    pub uid_map: Option<String>,
    pub pid_namespace: Option<String>,
    pub mounts: String,
    pub yama: Option<String>,
    pub lockdown: Option<String>,
    pub memory: String,
    pub memory_limit: Option<String>,
    pub has_object: bool,
}

impl Facts {
    pub fn gather() -> Self {
        let uprobe = Path::new("/sys/bus/event_source/devices/uprobe");
        Self {
            release: read("/proc/sys/kernel/osrelease"),
            loads_programs: loads(ProbeProgram::Perf),
            links_multi: links_multi(),
            optimised_nop: optimised_nop(),
            jit: read("/proc/sys/net/core/bpf_jit_enable"),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            uprobe_type: read(uprobe.join("type")),
            uprobe_semaphores: uprobe.join("format/ref_ctr_offset").exists(),
            status: read("/proc/self/status").unwrap_or_default(),
            uid_map: read("/proc/self/uid_map"),
            pid_namespace: link("/proc/self/ns/pid"),
            mounts: read("/proc/self/mountinfo").unwrap_or_default(),
            yama: read("/proc/sys/kernel/yama/ptrace_scope"),
            lockdown: read("/sys/kernel/security/lockdown"),
            memory: read("/proc/meminfo").unwrap_or_default(),
            memory_limit: memory_limit(),
            has_object: Kernel::object().is_some(),
        }
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn link(path: &str) -> Option<String> {
    Some(fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

/// The limit of this process's own control group, v2 or v1.
fn memory_limit() -> Option<String> {
    let groups = read("/proc/self/cgroup")?;
    let path = |controllers: &str| {
        let of = |line: &str| {
            let mut fields = line.splitn(3, ':').skip(1);
            let matches = fields.next()?.split(',').any(|name| name == controllers);
            fields.next().filter(|_| matches).map(str::to_owned)
        };
        groups.lines().find_map(of)
    };
    let v2 = path("").and_then(|group| read(format!("/sys/fs/cgroup{group}/memory.max")));
    let v1 = || {
        let group = path("memory")?;
        read(format!(
            "/sys/fs/cgroup/memory{group}/memory.limit_in_bytes"
        ))
    };
    v2.or_else(v1)
}

fn loads(kind: ProbeProgram) -> Answer {
    match load_probe_program("doctor", &EMPTY_PROGRAM, c"Dual MIT/GPL", kind) {
        Ok(_) => Answer::Yes,
        Err(refusal) => answer(&refusal.source),
    }
}

fn links_multi() -> Answer {
    let kind = ProbeProgram::Multi;
    let program = match load_probe_program("doctor", &EMPTY_PROGRAM, c"Dual MIT/GPL", kind) {
        Ok(program) => program,
        Err(refusal) => return answer(&refusal.source),
    };
    let place = Place {
        offset: 0,
        semaphore: 0,
    };
    match link_multi(std::os::fd::AsFd::as_fd(&program), c"/", &[place], 0, None) {
        Ok(_) => Answer::Yes,
        Err(error) if error.raw_os_error() == Some(NO_FILE) => Answer::Yes,
        Err(error) => answer(&error),
    }
}

fn answer(error: &std::io::Error) -> Answer {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Answer::Refused,
        _ => Answer::No(error.to_string()),
    }
}
