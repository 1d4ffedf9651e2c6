//! The compiler of the kernel programs: which one is there, and how one is had.
//!
//! The programs are built with `-Z build-std=core`, so the compiler must accept unstable options
//! and have the source of its own `core`: a nightly with `rust-src`, or a distribution's `rustc`
//! with its source package and `RUSTC_BOOTSTRAP=1`. `setup` tries the ways in the order given
//! here until one leaves a usable compiler. What is decided is a pure function of what was found.

use anyhow::{Result, bail};
use std::path::Path;

use crate::command::Invocation;
use crate::packages;
use crate::plan::Step;
use crate::privilege::Privilege;
use crate::runner;
use crate::workspace::Workspace;

/// The nightly that is asked for where none is installed: the one the project is tested with. A
/// fixed date keeps its LLVM at a version that distributions package for bpf-linker.
const NIGHTLY: &str = "nightly-2026-05-20";
/// The oldest release that understands the workspace.
const OLDEST: (u32, u32) = (1, 95);

/// A compiler that can build the kernel programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    source: Source,
    /// Its release, such as `1.97.0-nightly`.
    pub release: String,
    /// The major version of the LLVM whose bitcode it writes.
    pub llvm: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Rustup { toolchain: String },
    Distribution,
}

impl Compiler {
    /// A call of cargo with this compiler.
    pub fn cargo(&self) -> Invocation {
        match &self.source {
            Source::Rustup { toolchain } => Invocation::new("rustup")
                .args(["run", toolchain, "cargo"])
                .without_toolchain_choice(),
            Source::Distribution => Invocation::cargo()
                .without_toolchain_choice()
                .env("RUSTC", DISTRIBUTION_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1"),
        }
    }

    /// The step that adds clippy; `None` where the compiler is not rustup's.
    pub fn clippy_step(&self) -> Option<Step> {
        let Source::Rustup { toolchain } = &self.source else {
            return None;
        };
        let call = rustup().args(["component", "add", "clippy", "--toolchain", toolchain]);
        Some(Step::new(
            format!("adding clippy to {toolchain}"),
            "clippy",
            vec![call],
        ))
    }
}

const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

/// What `rustc -vV` says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    release: String,
    number: (u32, u32),
    llvm: u32,
}

/// A toolchain with its version and whether the source of `core` lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    toolchain: String,
    version: Version,
    has_source: bool,
}

/// What this machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    rustup: bool,
    nightlies: Vec<Candidate>,
    distribution: Option<Candidate>,
    apt: bool,
}

/// A way to a usable compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Add the source to the nightly that is installed.
    AddSource(String),
    /// Install a nightly with its source.
    InstallNightly,
    /// Install the distribution's compiler and its source.
    DistributionPackages,
}

impl Found {
    /// Looks at rustup's toolchains and the distribution's compiler.
    pub fn look() -> Self {
        let list = runner::ask(&rustup().args(["toolchain", "list"]));
        let nightlies = list.as_deref().map_or_else(Vec::new, |list| {
            nightly_names(list)
                .into_iter()
                .filter_map(nightly_candidate)
                .collect()
        });
        Self {
            rustup: list.is_some(),
            nightlies,
            distribution: distribution_candidate(),
            apt: packages::has_apt(),
        }
    }

    /// The compiler to use now, if there is one.
    pub fn ready(&self) -> Option<Compiler> {
        let nightly = self
            .nightlies
            .iter()
            .find(|candidate| candidate.usable())
            .map(|candidate| {
                (
                    Source::Rustup {
                        toolchain: candidate.toolchain.clone(),
                    },
                    &candidate.version,
                )
            });
        let distribution = self
            .distribution
            .iter()
            .find(|candidate| candidate.usable())
            .map(|candidate| (Source::Distribution, &candidate.version));
        let (source, version) = nightly.or(distribution)?;
        Some(Compiler {
            source,
            release: version.release.clone(),
            llvm: version.llvm,
        })
    }

    /// What can be tried, best first.
    pub fn ways(&self) -> Vec<Way> {
        let mut ways = Vec::new();
        let sourceless = |candidate: &&Candidate| candidate.recent() && !candidate.has_source;
        if let Some(nightly) = self.nightlies.iter().find(sourceless) {
            ways.push(Way::AddSource(nightly.toolchain.clone()));
        }
        if self.rustup {
            ways.push(Way::InstallNightly);
        }
        if self.apt {
            ways.push(Way::DistributionPackages);
        }
        ways
    }
}

impl Candidate {
    fn recent(&self) -> bool {
        self.version.number >= OLDEST
    }

    fn usable(&self) -> bool {
        self.recent() && self.has_source
    }
}

impl Way {
    /// The step that goes this way; `None` where it needs root and there is no way to root.
    pub fn step(&self, privilege: Privilege) -> Option<Step> {
        match self {
            Self::AddSource(toolchain) => Some(Step::new(
                format!("adding the source of core to {toolchain} (for the kernel programs)"),
                "rust-src",
                vec![rustup().args(["component", "add", "rust-src", "--toolchain", toolchain])],
            )),
            Self::InstallNightly => Some(Step::new(
                format!("installing {NIGHTLY} with the source of core (for the kernel programs)"),
                "nightly",
                vec![
                    rustup()
                        .args(["toolchain", "install", NIGHTLY, "--profile", "minimal"])
                        .args(["--component", "rust-src", "--no-self-update"]),
                ],
            )),
            Self::DistributionPackages => packages::install_step(
                "installing the distribution's rustc and its source (for the kernel programs)",
                "rustc-packages",
                &["rustc-web", "rust-web-src"],
                privilege,
            ),
        }
    }
}

/// The nightly that runs Miri, with the component added where it is missing.
pub fn miri(workspace: &Workspace, no_install: bool) -> Result<String> {
    let found = Found::look();
    if !found.rustup {
        bail!("Miri needs rustup and a nightly: see https://rustup.rs");
    }
    let candidate = found.nightlies.iter().find(|nightly| nightly.recent());
    let nightly = candidate
        .map_or(NIGHTLY, |candidate| &candidate.toolchain)
        .to_owned();
    let version = rustup().args(["run", &nightly, "cargo", "miri", "--version"]);
    let has_source = candidate.is_some_and(|candidate| candidate.has_source);
    if has_source && runner::ask(&version).is_some() {
        return Ok(nightly);
    }
    let step = miri_step(&nightly, candidate.is_some());
    if no_install {
        bail!("Miri is missing; run: {}", step.shell_line());
    }
    step.perform(workspace)?;
    Ok(nightly)
}

/// The nightly that can build the standard library anew, with the source added where it is missing.
pub fn with_source(workspace: &Workspace, no_install: bool) -> Result<String> {
    let found = Found::look();
    if let Some(nightly) = found.nightlies.iter().find(|nightly| nightly.usable()) {
        return Ok(nightly.toolchain.clone());
    }
    let of_rustup = found.ways().into_iter().find_map(|way| match &way {
        Way::AddSource(nightly) => Some((nightly.clone(), way.step(Privilege::None)?)),
        Way::InstallNightly => Some((NIGHTLY.to_owned(), way.step(Privilege::None)?)),
        Way::DistributionPackages => None,
    });
    let Some((nightly, step)) = of_rustup else {
        bail!("sanitizers need rustup and a nightly: see https://rustup.rs");
    };
    if no_install {
        bail!(
            "a nightly with its source is missing; run: {}",
            step.shell_line()
        );
    }
    step.perform(workspace)?;
    Ok(nightly)
}

fn miri_step(nightly: &str, installed: bool) -> Step {
    let mut calls = Vec::new();
    if !installed {
        let call = rustup().args(["toolchain", "install", nightly, "--profile", "minimal"]);
        calls.push(call.arg("--no-self-update"));
    }
    calls.push(rustup().args([
        "component",
        "add",
        "miri",
        "rust-src",
        "--toolchain",
        nightly,
    ]));
    Step::new(format!("adding Miri to {nightly}"), "miri", calls)
}

/// What to say where no way led to a compiler.
pub const ADVICE: &str = "no compiler for the kernel programs: install rustup (https://rustup.rs), \
    then `rustup toolchain install nightly --component rust-src`";

fn rustup() -> Invocation {
    Invocation::new("rustup").without_toolchain_choice()
}

/// The nightlies in the answer of `rustup toolchain list`, undated ones first.
fn nightly_names(list: &str) -> Vec<String> {
    let mut names: Vec<String> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("nightly"))
        .map(str::to_owned)
        .collect();
    names.sort_by_key(|name| name.starts_with("nightly-2"));
    names
}

fn nightly_candidate(toolchain: String) -> Option<Candidate> {
    let rustc = || rustup().args(["run", &toolchain, "rustc"]);
    let version = parse_version(&runner::ask(&rustc().arg("-vV"))?)?;
    let sysroot = runner::ask(&rustc().args(["--print", "sysroot"]))?;
    let has_source = has_core(Path::new(sysroot.trim()));
    Some(Candidate {
        toolchain,
        version,
        has_source,
    })
}

fn distribution_candidate() -> Option<Candidate> {
    let rustc = Invocation::new(DISTRIBUTION_RUSTC).without_toolchain_choice();
    let version = parse_version(&runner::ask(&rustc.arg("-vV"))?)?;
    let toolchain = "the distribution's rustc".to_owned();
    Some(Candidate {
        toolchain,
        version,
        has_source: has_core(Path::new("/usr")),
    })
}

fn has_core(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib/src/rust/library");
    library.join("Cargo.lock").is_file() && library.join("core/src/lib.rs").is_file()
}

fn parse_version(text: &str) -> Option<Version> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let release = field("release:")?.to_owned();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse().ok());
    let number = (numbers.next()?, numbers.next()?);
    let llvm = field("LLVM version:")?.split('.').next()?.parse().ok()?;
    Some(Version {
        release,
        number,
        llvm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBOSE: &str = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4\n";

    fn candidate(toolchain: &str, minor: u32, has_source: bool) -> Candidate {
        let version = Version {
            release: format!("1.{minor}.0"),
            number: (1, minor),
            llvm: 22,
        };
        Candidate {
            toolchain: toolchain.to_owned(),
            version,
            has_source,
        }
    }

    fn nothing() -> Found {
        Found {
            rustup: false,
            nightlies: Vec::new(),
            distribution: None,
            apt: false,
        }
    }

    #[test]
    fn reads_release_and_llvm_from_the_verbose_version() {
        let version = parse_version(VERBOSE).unwrap();
        assert_eq!(
            version,
            Version {
                release: "1.97.0-nightly".into(),
                number: (1, 97),
                llvm: 22
            }
        );
        assert_eq!(parse_version("rustc 1.63.0"), None);
    }

    #[test]
    fn finds_nightlies_among_the_toolchains() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n\
            nightly-2026-05-20-x86_64-unknown-linux-gnu\nnightly-x86_64-unknown-linux-gnu\n";
        let expected = [
            "nightly-x86_64-unknown-linux-gnu",
            "nightly-2026-05-20-x86_64-unknown-linux-gnu",
        ];
        assert_eq!(nightly_names(list), expected);
    }

    #[test]
    fn takes_the_installed_nightly_with_source_before_the_distribution() {
        let nightlies = vec![candidate("nightly", 97, true)];
        let distribution = Some(candidate("distribution", 96, true));
        let found = Found {
            nightlies,
            distribution,
            rustup: true,
            apt: true,
        };
        assert_eq!(
            found.ready().unwrap().source,
            Source::Rustup {
                toolchain: "nightly".into()
            }
        );
    }

    #[test]
    fn takes_a_complete_distribution_before_an_incomplete_nightly() {
        let nightlies = vec![candidate("nightly", 97, false)];
        let distribution = Some(candidate("distribution", 96, true));
        let found = Found {
            nightlies,
            distribution,
            rustup: true,
            apt: true,
        };
        assert_eq!(found.ready().unwrap().source, Source::Distribution);
    }

    #[test]
    fn ignores_compilers_older_than_the_workspace() {
        let distribution = Some(candidate("distribution", 63, true));
        assert_eq!(
            Found {
                distribution,
                ..nothing()
            }
            .ready(),
            None
        );
        let nightlies = vec![candidate("nightly", 90, false)];
        let found = Found {
            nightlies,
            rustup: true,
            ..nothing()
        };
        assert_eq!(found.ways(), [Way::InstallNightly]);
    }

    #[test]
    fn tries_the_ways_in_the_promised_order() {
        let nightlies = vec![candidate("nightly", 97, false)];
        let found = Found {
            nightlies,
            rustup: true,
            apt: true,
            distribution: None,
        };
        let expected = [
            Way::AddSource("nightly".into()),
            Way::InstallNightly,
            Way::DistributionPackages,
        ];
        assert_eq!(found.ways(), expected);
        assert_eq!(nothing().ways(), []);
    }

    #[test]
    fn the_distributions_compiler_is_told_to_accept_unstable_options() {
        let version = "1.96.0".to_owned();
        let compiler = Compiler {
            source: Source::Distribution,
            release: version,
            llvm: 22,
        };
        let line = compiler.cargo().to_string();
        assert!(
            line.starts_with("RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 "),
            "{line}"
        );
    }
}
