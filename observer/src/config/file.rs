//! A configuration file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Options;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A key or value in it is wrong.
    #[error("{}:{line}: {key}: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key in this line; what stands there if it has none.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads a file and checks every value in it.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn read(path: &Path) -> Result<Options, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|(line, key, problem)| ConfigError::Value {
        path: path.to_owned(),
        line,
        key,
        problem,
    })
}

fn parse(text: &str) -> Result<Options, (usize, String, String)> {
    let options: Options = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        (line, key_in(text, line), error.message().replace('\n', " "))
    })?;
    match options.clone().settings() {
        Ok(_) => Ok(options),
        Err(invalid) => {
            let line = line_of(text, invalid.key);
            Err((line, invalid.key.to_owned(), invalid.problem))
        }
    }
}

fn key_in(text: &str, line: usize) -> String {
    let line = text.lines().nth(line - 1).unwrap_or_default();
    line.split(['=', '#'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn line_of(text: &str, key: &str) -> usize {
    text.lines()
        .position(|line| key_in(line, 1) == key)
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Seconds;

    #[test]
    fn every_key_is_a_flag_with_underscores() {
        let options = parse(
            "listen = \"0.0.0.0:1\"\npid = [1, 2]\nexe = [\"/usr/bin/*\"]\nmode = \"events\"\ngovernor_share = 0\n\
             stuck_after = \"45s\"\nstorm_growths = 5\nstorm_window = 2\nmax_sites = 9\n\
             max_series = 800\non_finding = \"/tmp/f\"\ntable = 0.5\n\
             [detect]\nleak_window = \"2m\"\nleak_tasks = 7\n\
             [[allow]]\nexe = \"shop\"\nsite = \"*\"\ndetector = \"leak\"\nuntil = 2027-01-31\nwhy = \"known\"\n",
        );
        let options = options.expect("valid");
        assert_eq!(options.pid, Some(vec![1, 2]));
        assert_eq!(options.governor_share, Some(0.0));
        assert_eq!(options.stuck_after, Some(Seconds::from_ns(45_000_000_000)));
        assert_eq!(options.table, Some(Seconds::from_ns(500_000_000)));
        let settings = options.settings().expect("valid");
        assert_eq!(settings.detectors.leak_window_ns, 120_000_000_000);
        assert_eq!(settings.detectors.leak_tasks, 7);
        assert_eq!(settings.allowances.len(), 1);
        assert_eq!(
            settings.allowances[0].until_unix_ns,
            1_801_353_600_000_000_000
        );
    }

    #[test]
    fn an_error_names_the_key_and_the_line() {
        for (text, line, key) in [
            ("max_sites = 5\n\nmax_site = 6\n", 3, "max_site"),
            ("# sites\nmax_sites = \"many\"\n", 2, "max_sites"),
            (
                "mode = \"ledger\"\nstuck_after = \"soon\"\n",
                2,
                "stuck_after",
            ),
            ("\nmode = \"all\"\n", 2, "mode"),
            ("listen = \"here\"\n", 1, "listen"),
            ("\n\nmax_sites = 0\n", 3, "max_sites"),
            ("[detect]\nleak_window = 0.1\n", 2, "leak_window"),
            ("[detect]\nleak_windows = 1\n", 2, "leak_windows"),
            (
                "[[allow]]\nexe = \"a\"\nsite = \"b\"\ndetector = \"leek\"\n",
                4,
                "detector",
            ),
            ("[[allow]]\nuntil = \"soon\"\n", 2, "until"),
            ("[[allow]]\nwhy = \" \"\n", 2, "why"),
            ("max_sites = 1\n[[allow]]\nexe = \"a\"\n", 2, "[[allow]]"),
        ] {
            let (found_line, found_key, problem) = parse(text).expect_err(text);
            assert_eq!(
                (found_line, found_key.as_str()),
                (line, key),
                "{text}: {problem}"
            );
            assert!(!problem.contains('\n'));
        }
    }

    #[test]
    fn a_file_that_is_no_toml_names_the_line() {
        assert_eq!(
            parse("max_sites = 5\nmax_series\n")
                .expect_err("no value")
                .0,
            2
        );
    }
}
