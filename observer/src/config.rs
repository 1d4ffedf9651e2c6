//! Settings of `observer run`: flags, then the environment, then a file, then defaults.
//!
//! [`Options`] is declared once; its fields are the flags, the variables (`PARKWATCH_` and the
//! flag in capitals with `_`) and the keys of the file, so the three cannot disagree. Every
//! error of a file names the key and the line.

mod allow;
mod detect;
mod duration;
mod file;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::attach::Mode;
use crate::detect::{self as detectors, Allowance};
use crate::discover::Filter;
use crate::export::Limits;
use crate::kubernetes;

pub use allow::Allow;
pub use detect::Thresholds;
pub use duration::Seconds;
pub use file::{ConfigError, read};

/// What the event probes of one executable may cost by default, of one core.
const GOVERNOR_SHARE: f64 = 0.05;

/// `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    /// Ledger probes only: no worker of a target ever traps, but where its stacks storm.
    Ledger,
    /// Event probes too: histograms, and runtimes without a ledger.
    Events,
}

/// What a user may set; absent where he did not.
#[derive(Args, Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Address of /metrics, /findings, /healthz and /readyz [default: 127.0.0.1:9464].
    #[arg(long, value_name = "ADDRESS", env = "PARKWATCH_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Watch only these processes.
    #[arg(long, value_name = "PID", env = "PARKWATCH_PID", value_delimiter = ',')]
    pub pid: Option<Vec<u32>>,
    /// Watch only executables whose path or base name matches.
    #[arg(
        long,
        value_name = "GLOB",
        env = "PARKWATCH_EXE",
        value_delimiter = ','
    )]
    pub exe: Option<Vec<String>>,
    /// Which probes to attach [default: ledger].
    #[arg(long, value_enum, env = "PARKWATCH_MODE")]
    pub mode: Option<ModeName>,
    /// Part of a core that the event probes of one executable may cost over 10 s before they are
    /// detached for a while; 0 never detaches [default: 0.05].
    #[arg(long, value_name = "SHARE", env = "PARKWATCH_GOVERNOR_SHARE")]
    pub governor_share: Option<f64>,
    /// Age of a blocked park from which it is stuck [default: 30s].
    #[arg(long, value_name = "TIME", env = "PARKWATCH_STUCK_AFTER")]
    pub stuck_after: Option<Seconds>,
    /// Growths of one site in the window above which its stacks may storm [default: 100].
    #[arg(long, value_name = "N", env = "PARKWATCH_STORM_GROWTHS")]
    pub storm_growths: Option<u64>,
    /// That window [default: 1s].
    #[arg(long, value_name = "TIME", env = "PARKWATCH_STORM_WINDOW")]
    pub storm_window: Option<Seconds>,
    /// Sites of one process with series of their own [default: 50].
    #[arg(long, value_name = "N", env = "PARKWATCH_MAX_SITES")]
    pub max_sites: Option<usize>,
    /// Series of all processes, shared fairly [default: 10000].
    #[arg(long, value_name = "N", env = "PARKWATCH_MAX_SERIES")]
    pub max_series: Option<usize>,
    /// Write every finding as a JSON file into this directory when it begins.
    #[arg(long, value_name = "DIR", env = "PARKWATCH_ON_FINDING")]
    pub on_finding: Option<PathBuf>,
    /// Whether to ask the Kubernetes API server for names of this node's pods [default: auto].
    #[arg(long, value_enum, env = "PARKWATCH_KUBERNETES")]
    pub kubernetes: Option<kubernetes::Choice>,
    /// Print a short table of what is seen to stdout this often [default: never].
    #[arg(long, value_name = "TIME", env = "PARKWATCH_TABLE")]
    pub table: Option<Seconds>,
    /// Write what the model is told of each process into this directory, for tests of the detectors.
    #[arg(long, value_name = "DIR", hide = true)]
    #[serde(skip)]
    pub record: Option<PathBuf>,
    /// Thresholds of the detectors; in the file only.
    #[arg(skip)]
    pub detect: Option<Thresholds>,
    /// Findings that are known of; in the file only.
    #[arg(skip)]
    pub allow: Option<Vec<Allow>>,
}

/// What `observer run` works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Which processes to watch.
    pub filter: Filter,
    /// Which probes to attach.
    pub mode: Mode,
    /// Part of a core that the event probes of one executable may cost; 0 is no bound.
    pub governor_share: f64,
    /// Thresholds of the detectors.
    pub detectors: detectors::Settings,
    /// Bounds of what is exported.
    pub limits: Limits,
    /// Where findings are written.
    pub on_finding: Option<PathBuf>,
    /// Whether names of pods are asked for.
    pub kubernetes: kubernetes::Choice,
    /// How often a table is printed.
    pub table: Option<Seconds>,
    /// Where what the model is told is written.
    pub record: Option<PathBuf>,
    /// Findings that are known of.
    pub allowances: Vec<Allowance>,
}

/// A value that cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct InvalidValue {
    /// The key, with `_`.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Options {
    /// These options, and where one is absent the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            pid: self.pid.or(other.pid),
            exe: self.exe.or(other.exe),
            mode: self.mode.or(other.mode),
            governor_share: self.governor_share.or(other.governor_share),
            stuck_after: self.stuck_after.or(other.stuck_after),
            storm_growths: self.storm_growths.or(other.storm_growths),
            storm_window: self.storm_window.or(other.storm_window),
            max_sites: self.max_sites.or(other.max_sites),
            max_series: self.max_series.or(other.max_series),
            on_finding: self.on_finding.or(other.on_finding),
            kubernetes: self.kubernetes.or(other.kubernetes),
            table: self.table.or(other.table),
            record: self.record.or(other.record),
            detect: self.detect.or(other.detect),
            allow: self.allow.or(other.allow),
        }
    }

    /// Checks the values and fills in the defaults.
    ///
    /// # Errors
    ///
    /// The first value that cannot be worked with.
    pub fn settings(self) -> Result<Settings, InvalidValue> {
        let filter = self.filter()?;
        let detectors = self.detectors()?;
        let governor_share = self.governor_share()?;
        let default = Limits::default();
        let max_sites = at_least("max_sites", self.max_sites.unwrap_or(default.max_sites), 1)?;
        let max_series = at_least(
            "max_series",
            self.max_series.unwrap_or(default.max_series),
            50,
        )?;
        if let Some(table) = self.table {
            at_least_time("table", table.as_ns(), 100_000_000, "100ms")?;
        }
        Ok(Settings {
            listen: self
                .listen
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9464))),
            filter,
            mode: match self.mode {
                Some(ModeName::Events) => Mode::Events,
                Some(ModeName::Ledger) | None => Mode::Ledger,
            },
            governor_share,
            detectors,
            limits: Limits {
                max_sites,
                max_series,
            },
            on_finding: self.on_finding,
            kubernetes: self.kubernetes.unwrap_or_default(),
            table: self.table,
            record: self.record,
            allowances: self.allow.iter().flatten().map(Allow::allowance).collect(),
        })
    }

    fn filter(&self) -> Result<Filter, InvalidValue> {
        let pids = self.pid.as_deref().unwrap_or_default();
        if pids.contains(&0) {
            let problem = "0 is no process: give pids above 0".to_owned();
            return Err(InvalidValue {
                key: "pid",
                problem,
            });
        }
        let globs = self.exe.as_deref().unwrap_or_default();
        Filter::new(pids, globs).map_err(|error| InvalidValue {
            key: "exe",
            problem: error.to_string(),
        })
    }

    fn governor_share(&self) -> Result<f64, InvalidValue> {
        match self.governor_share.unwrap_or(GOVERNOR_SHARE) {
            share if share.is_finite() && share >= 0.0 => Ok(share),
            share => Err(InvalidValue {
                key: "governor_share",
                problem: format!("{share} is no part of a core: write for example 0.05, or 0"),
            }),
        }
    }

    fn detectors(&self) -> Result<detectors::Settings, InvalidValue> {
        let default = detectors::Settings::default();
        let stuck_after_ns = self
            .stuck_after
            .map_or(default.stuck_after_ns, Seconds::as_ns);
        let window_ns = self
            .storm_window
            .map_or(default.storm_window_ns, Seconds::as_ns);
        let mut settings = detectors::Settings {
            stuck_after_ns: at_least_time("stuck_after", stuck_after_ns, 1_000_000, "1ms")?,
            storm_growths: self.storm_growths.unwrap_or(default.storm_growths),
            storm_window_ns: at_least_time("storm_window", window_ns, 100_000_000, "100ms")?,
            ..default
        };
        if let Some(thresholds) = &self.detect {
            thresholds.apply(&mut settings)?;
        }
        Ok(settings)
    }
}

/// The time, unless it is shorter than what `shown` says for people.
fn at_least_time(
    key: &'static str,
    ns: u64,
    least_ns: u64,
    shown: &str,
) -> Result<u64, InvalidValue> {
    if ns < least_ns {
        let problem = format!("must be at least {shown}");
        return Err(InvalidValue { key, problem });
    }
    Ok(ns)
}

fn at_least<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    least: T,
) -> Result<T, InvalidValue> {
    if value < least {
        let problem = format!("{value} is too small: at least {least}");
        return Err(InvalidValue { key, problem });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_first_wins() {
        let first = Options {
            max_sites: Some(7),
            ..Options::default()
        };
        let second = Options {
            max_sites: Some(8),
            max_series: Some(900),
            ..Options::default()
        };
        let settings = first.or(second).settings().expect("valid");
        assert_eq!(
            settings.limits,
            Limits {
                max_sites: 7,
                max_series: 900
            }
        );
    }

    #[test]
    fn defaults_are_the_contracts() {
        let settings = Options::default().settings().expect("valid");
        assert_eq!(settings.listen.to_string(), "127.0.0.1:9464");
        assert_eq!(settings.mode, Mode::Ledger);
        assert_eq!(settings.detectors, detectors::Settings::default());
        assert_eq!(
            settings.limits,
            Limits {
                max_sites: 50,
                max_series: 10_000
            }
        );
    }

    #[test]
    fn a_value_without_sense_names_its_key() {
        let zero = Some(Seconds::from_ns(0));
        for (options, key) in [
            (
                Options {
                    max_sites: Some(0),
                    ..Options::default()
                },
                "max_sites",
            ),
            (
                Options {
                    max_series: Some(3),
                    ..Options::default()
                },
                "max_series",
            ),
            (
                Options {
                    stuck_after: zero,
                    ..Options::default()
                },
                "stuck_after",
            ),
            (
                Options {
                    storm_window: zero,
                    ..Options::default()
                },
                "storm_window",
            ),
            (
                Options {
                    pid: Some(vec![7, 0]),
                    ..Options::default()
                },
                "pid",
            ),
            (
                Options {
                    governor_share: Some(-0.1),
                    ..Options::default()
                },
                "governor_share",
            ),
            (
                Options {
                    governor_share: Some(f64::NAN),
                    ..Options::default()
                },
                "governor_share",
            ),
            (
                Options {
                    table: zero,
                    ..Options::default()
                },
                "table",
            ),
        ] {
            assert_eq!(options.settings().expect_err(key).key, key);
        }
    }
}
