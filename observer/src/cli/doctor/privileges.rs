//! What this process may do.

use super::check::Check;
use super::facts::{Answer, Facts};

const DAC_OVERRIDE: u32 = 1;
const DAC_READ_SEARCH: u32 = 2;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;
const CHECKPOINT_RESTORE: u32 = 40;

/// The effective capabilities.
#[derive(Clone, Copy)]
struct Effective(u64);

impl Effective {
    fn has(self, capability: u32) -> bool {
        self.0 & (1 << capability) != 0
    }

    fn has_any(self, capabilities: &[u32]) -> bool {
        capabilities.iter().any(|capability| self.has(*capability))
    }
}

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let effective = Effective(effective(&facts.status).unwrap_or(0));
    vec![
        bpf(effective),
        perfmon(effective),
        sys_ptrace(effective),
        dac_read_search(effective),
        map_files(effective),
        sys_admin(effective, facts.links_multi == Answer::Yes),
        user_namespace(facts.uid_map.as_deref()),
    ]
}

/// The `CapEff` line of `/proc/self/status`.
fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn bpf(effective: Effective) -> Check {
    const NAME: &str = "CAP_BPF";
    if effective.has_any(&[BPF, SYS_ADMIN]) {
        return Check::ok(NAME, "held");
    }
    Check::fail(
        NAME,
        "missing: no program can be loaded",
        "run as root, or grant it",
    )
}

fn perfmon(effective: Effective) -> Check {
    const NAME: &str = "CAP_PERFMON";
    if effective.has_any(&[PERFMON, SYS_ADMIN]) {
        return Check::ok(NAME, "held");
    }
    Check::fail(
        NAME,
        "missing: no program can be linked to a probe",
        "run as root, or grant it",
    )
}

fn sys_ptrace(effective: Effective) -> Check {
    const NAME: &str = "CAP_SYS_PTRACE";
    if effective.has(SYS_PTRACE) {
        return Check::ok(NAME, "held");
    }
    Check::warn(
        NAME,
        "missing: only processes of this user are found",
        "run as root, or grant it",
    )
}

fn dac_read_search(effective: Effective) -> Check {
    const NAME: &str = "CAP_DAC_READ_SEARCH";
    if effective.has_any(&[DAC_READ_SEARCH, DAC_OVERRIDE]) {
        return Check::ok(NAME, "held");
    }
    Check::warn(
        NAME,
        "missing: executables that this user may not read are not found",
        "run as root, or grant it",
    )
}

fn map_files(effective: Effective) -> Check {
    const NAME: &str = "deleted shared objects";
    if effective.has_any(&[CHECKPOINT_RESTORE, SYS_ADMIN]) {
        return Check::ok(NAME, "can be opened");
    }
    Check::warn(
        NAME,
        "cannot be opened (executables can)",
        "grant CAP_CHECKPOINT_RESTORE if programs replace their libraries while they run",
    )
}

fn sys_admin(effective: Effective, multi: bool) -> Check {
    const NAME: &str = "CAP_SYS_ADMIN";
    if effective.has(SYS_ADMIN) {
        return Check::ok(NAME, "held");
    }
    if multi {
        return Check::ok(
            NAME,
            "not held, and not needed: the kernel has uprobe_multi links",
        );
    }
    Check::warn(
        NAME,
        "missing: without uprobe_multi links, kernels with the fix of CVE-2025-38466 demand it",
        "grant it if probes are refused",
    )
}

/// Capabilities count in the first user namespace only.
fn user_namespace(uid_map: Option<&str>) -> Check {
    const NAME: &str = "user namespace";
    let is_first = |map: &str| map.split_whitespace().eq(["0", "0", "4294967295"]);
    match uid_map {
        Some(map) if !is_first(map) => Check::fail(
            NAME,
            "not the first: capabilities in it do not count for BPF",
            "run outside of rootless containers and of `unshare --user`",
        ),
        _ => Check::ok(NAME, "the first"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn statuses(capabilities: &[u32], multi: bool) -> Vec<Status> {
        let effective = Effective(capabilities.iter().fold(0, |all, bit| all | 1 << bit));
        let checks = [
            bpf(effective),
            perfmon(effective),
            sys_ptrace(effective),
            dac_read_search(effective),
            sys_admin(effective, multi),
        ];
        checks.into_iter().map(|check| check.status).collect()
    }

    #[test]
    fn the_contracts_capabilities_are_enough() {
        let granted = [BPF, PERFMON, SYS_PTRACE, DAC_READ_SEARCH];
        assert!(
            statuses(&granted, true)
                .iter()
                .all(|status| *status == Status::Ok)
        );
        assert_eq!(statuses(&granted, false)[4], Status::Warn);
    }

    #[test]
    fn nothing_works_without_bpf_and_perfmon() {
        use Status::{Fail, Ok, Warn};
        assert_eq!(statuses(&[], false), [Fail, Fail, Warn, Warn, Warn]);
        assert_eq!(statuses(&[SYS_ADMIN], false), [Ok, Ok, Warn, Warn, Ok]);
    }

    #[test]
    fn the_effective_set_is_read_from_the_status() {
        let status = "Name:\ta\nCapPrm:\t0000000000000001\nCapEff:\t000001ffffffffff\n";
        assert_eq!(effective(status), Some(0x1ff_ffff_ffff));
        assert_eq!(effective("Name: a"), None);
    }

    #[test]
    fn a_mapped_user_namespace_cannot_work() {
        assert_eq!(user_namespace(Some("0 0 4294967295")).status, Status::Ok);
        assert_eq!(
            user_namespace(Some("0       1000          1")).status,
            Status::Fail
        );
        assert_eq!(user_namespace(None).status, Status::Ok);
    }
}
