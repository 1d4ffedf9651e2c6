//! How this machine is set up, and how this observer was built.

use observer_ebpf_abi as abi;

use super::check::Check;
use super::facts::Facts;

/// The number of the first pid namespace (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Bytes that the kernel keeps beside key and value of a hash's entry, about.
const ENTRY_OVERHEAD: u64 = 64;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        object(facts.has_object),
        pid_namespace(facts.pid_namespace.as_deref()),
        hidepid(&facts.mounts),
        yama(facts.yama.as_deref()),
        lockdown(facts.lockdown.as_deref()),
        map_memory(&facts.memory, facts.memory_limit.as_deref()),
    ]
}

fn object(there: bool) -> Check {
    const NAME: &str = "kernel programs";
    if there {
        return Check::ok(NAME, "inside this binary");
    }
    Check::fail(
        NAME,
        "not inside this binary",
        "build it with `cargo xtask build`",
    )
}

fn pid_namespace(link: Option<&str>) -> Check {
    const NAME: &str = "pid namespace";
    match link {
        Some(FIRST_PID_NAMESPACE) => Check::ok(NAME, "the host's"),
        Some(_) => Check::warn(
            NAME,
            "not the host's: only processes of this container are found",
            "in Kubernetes set hostPID: true, in Docker use --pid=host",
        ),
        None => Check::warn(NAME, "unknown", "mount /proc"),
    }
}

/// Options of the mount at `/proc` in `/proc/self/mountinfo`.
fn hidepid(mounts: &str) -> Check {
    const NAME: &str = "/proc";
    let at_proc = |line: &&str| line.split(' ').nth(4) == Some("/proc");
    let Some(line) = mounts.lines().rfind(at_proc) else {
        return Check::fail(NAME, "not mounted", "mount it: mount -t proc proc /proc");
    };
    let option = line
        .split([' ', ','])
        .find_map(|option| option.strip_prefix("hidepid="));
    match option {
        None | Some("0" | "off") => Check::ok(NAME, "shows every process"),
        Some(value) => Check::warn(
            NAME,
            format!("mounted with hidepid={value}"),
            "processes of others are found with CAP_SYS_PTRACE or by the mount's gid only",
        ),
    }
}

/// Reading a target's memory counts as attaching to it.
fn yama(scope: Option<&str>) -> Check {
    const NAME: &str = "yama";
    match scope {
        None => Check::ok(NAME, "not there"),
        Some("3") => Check::warn(
            NAME,
            "ptrace_scope 3: no memory of others can be read",
            "sites that the kernel side cannot read have no name; 2 with CAP_SYS_PTRACE is enough",
        ),
        Some(scope) => Check::ok(NAME, format!("ptrace_scope {scope}")),
    }
}

/// `none [integrity] confidentiality`.
fn lockdown(modes: Option<&str>) -> Check {
    const NAME: &str = "lockdown";
    if modes.is_some_and(|modes| modes.contains("[confidentiality]")) {
        return Check::warn(
            NAME,
            "confidentiality: the kernel may refuse programs that read memory",
            "boot with lockdown=integrity if they are refused",
        );
    }
    Check::ok(NAME, "does not forbid reading")
}

fn map_memory(memory: &str, limit: Option<&str>) -> Check {
    const NAME: &str = "memory for maps";
    let needed = map_bytes() >> 20;
    let available = available_bytes(memory).map(|bytes| bytes >> 20);
    let limit = limit
        .and_then(|limit| limit.parse::<u64>().ok())
        .map(|bytes| bytes >> 20);
    let found = format!("up to {needed} MiB");
    match (available, limit) {
        (_, Some(limit)) if limit < needed => Check::warn(
            NAME,
            format!("{found}, the control group allows {limit} MiB"),
            "raise its memory limit if programs fail to load",
        ),
        (Some(available), _) if available < needed => Check::warn(
            NAME,
            format!("{found}, {available} MiB are available"),
            "free memory if programs fail to load",
        ),
        _ => Check::ok(NAME, found),
    }
}

/// `MemAvailable` of `/proc/meminfo`.
fn available_bytes(memory: &str) -> Option<u64> {
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// What the maps take when all are full, without those of events mode.
fn map_bytes() -> u64 {
    fn hash<K, V>(entries: u32) -> u64 {
        u64::from(entries) * (size_of::<K>() as u64 + size_of::<V>() as u64 + ENTRY_OVERHEAD)
    }
    hash::<u32, abi::Process>(abi::MAX_PROCESSES)
        + hash::<abi::SiteKey, abi::LedgerValue>(abi::MAX_LEDGER)
        + hash::<abi::SiteKey, abi::SiteText>(abi::MAX_SITES)
        + hash::<abi::ParkedKey, abi::ParkedValue>(abi::MAX_PARKED)
        + hash::<abi::SiteKey, abi::PoolValue>(abi::MAX_POOLS)
        + hash::<u64, abi::MonitorValue>(abi::MAX_PROCESSES)
        + u64::from(abi::RING_BYTES)
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn an_observer_without_programs_cannot_run() {
        assert_eq!(object(false).status, Status::Fail);
        assert_eq!(object(true).status, Status::Ok);
    }

    #[test]
    fn a_container_sees_its_own_processes_only() {
        assert_eq!(pid_namespace(Some("pid:[4026531836]")).status, Status::Ok);
        assert_eq!(pid_namespace(Some("pid:[4026532451]")).status, Status::Warn);
    }

    #[test]
    fn hidden_processes_are_said() {
        let mount = |options: &str| {
            format!(
                "22 1 0:21 / /sys rw - sysfs sysfs rw\n23 1 0:22 / /proc rw - proc proc {options}\n"
            )
        };
        assert_eq!(hidepid(&mount("rw")).status, Status::Ok);
        assert_eq!(
            hidepid(&mount("rw,gid=4,hidepid=invisible")).status,
            Status::Warn
        );
        assert_eq!(hidepid(&mount("rw,hidepid=0")).status, Status::Ok);
        assert_eq!(hidepid("").status, Status::Fail);
    }

    #[test]
    fn yama_3_and_confidentiality_lock_memory() {
        assert_eq!(yama(Some("3")).status, Status::Warn);
        assert_eq!(yama(Some("1")).status, Status::Ok);
        assert_eq!(yama(None).status, Status::Ok);
        assert_eq!(
            lockdown(Some("none integrity [confidentiality]")).status,
            Status::Warn
        );
        assert_eq!(
            lockdown(Some("none [integrity] confidentiality")).status,
            Status::Ok
        );
        assert_eq!(lockdown(None).status, Status::Ok);
    }

    #[test]
    fn maps_must_fit_the_memory_and_its_limit() {
        let memory = "MemTotal: 9 kB\nMemAvailable:   16000000 kB\n";
        assert_eq!(map_memory(memory, None).status, Status::Ok);
        assert_eq!(map_memory(memory, Some("max")).status, Status::Ok);
        assert_eq!(map_memory(memory, Some("1048576")).status, Status::Warn);
        assert_eq!(
            map_memory("MemAvailable: 1024 kB", None).status,
            Status::Warn
        );
    }
}
