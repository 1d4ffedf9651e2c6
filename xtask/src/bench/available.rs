//! What this machine can still give: memory, cores, open files.

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Memory that can be had without swapping, in bytes; 0 if the kernel does not say.
pub fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The numbers of the cores that this process may use.
pub fn cores() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None).context("asking for the cores")?;
    let is_allowed = |core: &usize| allowed.is_set(*core);
    Ok((0..CpuSet::MAX_CPU).filter(is_allowed).collect())
}

/// Lets the children of this process open as many files as the system allows.
pub fn raise_open_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the number of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_of_each() {
        assert!(memory_bytes() > 0);
        assert!(!cores().unwrap().is_empty());
        raise_open_files().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
