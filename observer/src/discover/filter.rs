//! Which processes are wanted: `--pid` and `--exe`.

use globset::{Glob, GlobMatcher};

/// A glob that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("`{glob}` is no valid glob: {reason}")]
pub struct FilterError {
    /// The glob.
    pub glob: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Which processes are wanted. The default wants all; a process is wanted if its pid is listed
/// (or none is) and a glob matches its executable (or there is none).
///
/// A glob with a `/` is matched against the executable's path, one without against its base
/// name. `*` matches `/` too.
///
/// ```
/// use observer::discover::Filter;
///
/// let filter = Filter::new(&[], &["web-*".to_owned(), "/opt/**".to_owned()])?;
/// assert!(filter.wants(7, "/usr/bin/web-server"));
/// assert!(filter.wants(7, "/opt/batch/run"));
/// assert!(!filter.wants(7, "/usr/bin/sh"));
/// # Ok::<(), observer::discover::FilterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pids: Vec<u32>,
    globs: Vec<ExeGlob>,
}

#[derive(Clone, Debug)]
struct ExeGlob {
    matcher: GlobMatcher,
    whole_path: bool,
}

impl Filter {
    /// A filter by pids and globs; an empty list wants everything.
    ///
    /// # Errors
    ///
    /// When a glob cannot be understood.
    pub fn new(pids: &[u32], globs: &[String]) -> Result<Self, FilterError> {
        let globs = globs
            .iter()
            .map(|glob| ExeGlob::new(glob))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            pids: pids.to_vec(),
            globs,
        })
    }

    /// The process is wanted.
    #[must_use]
    pub fn wants(&self, pid: u32, exe: &str) -> bool {
        self.wants_pid(pid) && (self.globs.is_empty() || self.globs.iter().any(|g| g.matches(exe)))
    }

    /// The process may be wanted, as far as its pid says.
    #[must_use]
    pub fn wants_pid(&self, pid: u32) -> bool {
        self.pids.is_empty() || self.pids.contains(&pid)
    }

    /// The executable's path matters.
    pub(super) fn looks_at_exe(&self) -> bool {
        !self.globs.is_empty()
    }
}

impl ExeGlob {
    fn new(glob: &str) -> Result<Self, FilterError> {
        let compiled = Glob::new(glob).map_err(|error| FilterError {
            glob: glob.to_owned(),
            reason: error.kind().to_string(),
        })?;
        Ok(Self {
            matcher: compiled.compile_matcher(),
            whole_path: glob.contains('/'),
        })
    }

    fn matches(&self, exe: &str) -> bool {
        let name = exe.rsplit('/').next().unwrap_or(exe);
        self.matcher
            .is_match(if self.whole_path { exe } else { name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pids: &[u32], globs: &[&str]) -> Filter {
        let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
        Filter::new(pids, &globs).unwrap()
    }

    #[test]
    fn an_empty_filter_wants_everything() {
        assert!(filter(&[], &[]).wants(1, "/sbin/init"));
    }

    #[test]
    fn pid_and_glob_must_both_match() {
        let filter = filter(&[7, 8], &["web*", "/opt/**/run"]);
        assert!(filter.wants(7, "/usr/bin/web-server"));
        assert!(filter.wants(8, "/opt/a/b/run"));
        assert!(!filter.wants(9, "/usr/bin/web-server"));
        assert!(!filter.wants(7, "/usr/bin/sh"));
        assert!(!filter.wants(7, "/web/sh"));
    }

    #[test]
    fn a_broken_glob_is_named() {
        let error = Filter::new(&[], &["a[".to_owned()]).unwrap_err();
        assert!(
            error.to_string().starts_with("`a[` is no valid glob: "),
            "{error}"
        );
    }
}
