//! What the kernel can do.

use super::check::Check;
use super::facts::{Answer, Facts};
use crate::sys::uprobe::OptimisedNop;

/// The oldest kernel that is supported, by its first two numbers.
const OLDEST: (u32, u32) = (6, 1);

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        release(facts.release.as_deref()),
        programs(&facts.loads_programs),
        jit(facts.jit.as_deref()),
        btf(facts.btf),
        uprobe_events(facts),
        uprobe_multi(&facts.links_multi),
        optimised(facts.optimised_nop),
    ]
}

fn release(release: Option<&str>) -> Check {
    const NAME: &str = "kernel version";
    let Some(text) = release else {
        return Check::warn(NAME, "unknown", "Linux 6.1 or newer is needed");
    };
    match version(text) {
        Some(found) if found >= OLDEST => Check::ok(NAME, text),
        _ => Check::fail(NAME, text, "run a kernel of Linux 6.1 or newer"),
    }
}

/// The first two numbers of `6.18.44-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn programs(answer: &Answer) -> Check {
    const NAME: &str = "BPF programs";
    match answer {
        Answer::Yes => Check::ok(NAME, "the kernel loads them"),
        Answer::Refused => Check::fail(
            NAME,
            "not permitted",
            "run as root, or with CAP_BPF and CAP_PERFMON",
        ),
        Answer::No(error) => Check::fail(
            NAME,
            error,
            "run a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS",
        ),
    }
}

fn jit(setting: Option<&str>) -> Check {
    const NAME: &str = "BPF compiler";
    match setting {
        Some("0") => Check::warn(
            NAME,
            "off: probes cost several times as much",
            "write 1 to /proc/sys/net/core/bpf_jit_enable",
        ),
        Some(_) => Check::ok(NAME, "on"),
        None => Check::warn(
            NAME,
            "/proc/sys/net/core/bpf_jit_enable cannot be read",
            "look at it as root: it should be 1",
        ),
    }
}

fn btf(there: bool) -> Check {
    let found = if there {
        "there"
    } else {
        "not there, and not required"
    };
    Check::ok("BTF", found)
}

fn uprobe_events(facts: &Facts) -> Check {
    const NAME: &str = "uprobe events";
    const ADVICE: &str = "run a kernel with CONFIG_UPROBE_EVENTS, and mount /sys";
    match (&facts.uprobe_type, facts.uprobe_semaphores) {
        (Some(kind), true) => Check::ok(NAME, format!("type {kind}, with semaphores")),
        (Some(kind), false) => Check::fail(NAME, format!("type {kind}, no semaphores"), ADVICE),
        (None, _) if facts.links_multi == Answer::Yes => {
            Check::warn(NAME, "not seen in /sys; uprobe_multi is used", "mount /sys")
        }
        (None, _) => Check::fail(NAME, "not seen in /sys", ADVICE),
    }
}

fn uprobe_multi(answer: &Answer) -> Check {
    const NAME: &str = "uprobe_multi links";
    match answer {
        Answer::Yes => Check::ok(NAME, "the kernel has them"),
        Answer::Refused => Check::warn(
            NAME,
            "unknown: not permitted to ask",
            "run the doctor as root",
        ),
        Answer::No(_) => Check::warn(
            NAME,
            "the kernel has none (they came with 6.6): one perf link per probe is used",
            "detaching takes about 0.1 s a probe; a newer kernel does not have this cost",
        ),
    }
}

fn optimised(generation: OptimisedNop) -> Check {
    let found = match generation {
        OptimisedNop::None => "none: probes trap at the 1-byte nop",
        OptimisedNop::Broken => "the first generation, unsafe: probes trap at the 1-byte nop",
        OptimisedNop::Safe => "the 10-byte nop is optimised and used",
    };
    Check::ok("optimised probes", found)
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn kernels_from_6_1_on_are_supported() {
        for (text, status) in [
            ("6.1.0-18-amd64", Status::Ok),
            ("6.18.44", Status::Ok),
            ("7.0-rc1", Status::Ok),
            ("6.0.19", Status::Fail),
            ("5.15.0", Status::Fail),
            ("strange", Status::Fail),
        ] {
            assert_eq!(release(Some(text)).status, status, "{text}");
        }
        assert_eq!(release(None).status, Status::Warn);
    }

    #[test]
    fn a_refusal_says_which_capabilities_are_missing() {
        let check = programs(&Answer::Refused);
        assert_eq!(check.status, Status::Fail);
        assert!(check.advice.unwrap().contains("CAP_BPF and CAP_PERFMON"));
        assert_eq!(uprobe_multi(&Answer::Refused).status, Status::Warn);
    }

    #[test]
    fn what_only_costs_time_is_a_warning() {
        assert_eq!(jit(Some("0")).status, Status::Warn);
        assert_eq!(jit(Some("1")).status, Status::Ok);
        assert_eq!(
            uprobe_multi(&Answer::No(String::new())).status,
            Status::Warn
        );
        assert_eq!(btf(false).status, Status::Ok);
    }
}
