//! One machine: QEMU's call, and what its output says about how it ended.

use std::path::Path;

use crate::command::Invocation;

/// The last line of a machine on which everything succeeded; the kernel's release is behind it.
pub const SUCCESS: &str = "parkwatch-vm: passed on";
/// A machine that still runs after so many seconds hangs; it takes two to four minutes.
const HANG_GUARD_SECONDS: &str = "1200";
/// Emulated, so any machine can run it. Without cmpxchg16b: under QEMU 7.2 the flags are wrong
/// after it, and Linux 6.12 dies in its allocator. The rest is what the emulator warns about.
const PROCESSOR: &str = "Haswell-noTSX,-cx16,-pcid,-x2apic,-tsc-deadline,-invpcid";
/// Tests that fill maps to their limits take about half of it.
const MEMORY_MB: &str = "2048";

/// A call of QEMU that starts the machine and ends with it.
pub fn call(kernel: &Path, disk: &Path) -> Invocation {
    Invocation::new("timeout")
        .args([HANG_GUARD_SECONDS, "qemu-system-x86_64"])
        .args(["-accel", "tcg", "-cpu", PROCESSOR])
        .args(["-smp", "2", "-m", MEMORY_MB])
        // Nothing but a serial line, and no firmware that writes control characters to it.
        .args(["-nodefaults", "-display", "none", "-serial", "stdio"])
        .args(["-no-reboot", "-kernel"])
        .arg(kernel)
        .arg("-initrd")
        .arg(disk)
        .args(["-append", "console=ttyS0 quiet panic=-1"])
}

/// Whether all that ran on the machine succeeded, on the kernel that it was to run on.
pub fn succeeded(output: &str, release: &str) -> bool {
    output
        .lines()
        .filter_map(|line| line.trim().strip_prefix(SUCCESS))
        .any(|kernel| kernel.trim().starts_with(&format!("{release}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_passed_when_it_says_so_on_the_right_kernel() {
        let output = "test result: ok.\r\nparkwatch-vm: passed on 6.1.0-50-cloud-amd64\r\n";
        assert!(succeeded(output, "6.1"));
        assert!(!succeeded(output, "6.12"));
        assert!(!succeeded("test result: ok.\r\nKernel panic", "6.1"));
    }
}
