//! How much of a core a thread or a process has used, as the kernel accounts it.

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Whose time is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// One thread, to the nanosecond.
    Thread(PathBuf),
    /// All threads of a process, also those that have ended, to a clock tick.
    Process(PathBuf),
}

impl Account {
    /// The thread of a process that has this name.
    pub fn thread(pid: u32, name: &str) -> Result<Self> {
        let folder = format!("/proc/{pid}/task");
        for entry in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
            let thread = entry?.path();
            // A thread may end while we look.
            let found = std::fs::read_to_string(thread.join("comm")).unwrap_or_default();
            if found.trim_end() == name {
                return Ok(Self::Thread(thread.join("schedstat")));
            }
        }
        anyhow::bail!("process {pid} has no thread called {name}")
    }

    /// A process.
    pub fn process(pid: u32) -> Self {
        Self::Process(format!("/proc/{pid}/stat").into())
    }

    fn used(&self) -> Result<Duration> {
        let (Self::Thread(path) | Self::Process(path)) = self;
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let used = match self {
            Self::Thread(_) => thread_time(&text),
            Self::Process(_) => process_time(&text, rustix::param::clock_ticks_per_second()),
        };
        used.with_context(|| format!("{}: {text:?}", path.display()))
    }
}

/// A stretch of time over which an account is looked at.
pub struct Window {
    account: Account,
    used: Duration,
    begin: Instant,
}

impl Window {
    /// Begins now.
    pub fn begin(account: Account) -> Result<Self> {
        Ok(Self {
            used: account.used()?,
            begin: Instant::now(),
            account,
        })
    }

    /// The processor time that was used until now.
    pub fn used(&self) -> Result<Duration> {
        Ok(self.account.used()?.saturating_sub(self.used))
    }

    /// Ends now: the share of one core that was used, 1 for all of it.
    pub fn end(self) -> Result<f64> {
        Ok(self.used()?.as_secs_f64() / self.begin.elapsed().as_secs_f64())
    }
}

/// The first field of `schedstat`: nanoseconds on a processor.
fn thread_time(text: &str) -> Option<Duration> {
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Fields 14 and 15 of `stat`: ticks in user and in kernel mode.
fn process_time(text: &str, ticks_per_second: u64) -> Option<Duration> {
    // The name in parentheses may hold anything, also spaces and parentheses.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(
        ticks as f64 / ticks_per_second as f64,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_two_formats() {
        assert_eq!(
            thread_time("42167116 28121019 138\n"),
            Some(Duration::from_nanos(42_167_116))
        );
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9 0 0\n";
        assert_eq!(process_time(stat, 100), Some(Duration::from_secs(2)));
        assert_eq!(process_time("7 (a", 100), None);
    }

    #[test]
    fn accounts_for_a_thread_by_its_name() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("accounted".into());
        let (started, has_started) = std::sync::mpsc::channel();
        let handle = thread
            .spawn(move || {
                started.send(()).unwrap();
                let _ = receiver.recv();
            })
            .unwrap();
        has_started.recv().unwrap();
        let account = Account::thread(std::process::id(), "accounted").unwrap();
        let share = Window::begin(account).unwrap().end().unwrap();
        assert!(share >= 0.0, "{share}");
        assert!(Account::thread(std::process::id(), "nobody").is_err());
        drop(sender);
        handle.join().unwrap();
    }
}
