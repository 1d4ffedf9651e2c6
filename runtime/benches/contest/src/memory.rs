//! What the kernel says of this process's memory. Read around workloads, never within one.

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4_096;

/// The largest resident set that this process has had.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// The resident set.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// The resident set and the page tables that map it.
pub fn held_bytes() -> u64 {
    resident_bytes() + status_bytes("VmPTE:")
}

/// A line of the kernel's account of this process; 0 if it has none.
fn status_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse(&status, field).unwrap_or(0)
}

fn parse(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_field_of_the_kernels_account() {
        let status = "VmHWM:\t    2048 kB\nVmRSS:\t      12 kB\nThreads:\t1\n";
        assert_eq!(parse(status, "VmRSS:"), Some(12 * 1024));
        assert_eq!(parse(status, "VmPTE:"), None);
        assert_eq!(parse(status, "Threads:"), None);
    }

    #[test]
    fn page_tables_are_held_too() {
        assert!(resident_bytes() > 0);
        assert!(held_bytes() > resident_bytes());
    }
}
