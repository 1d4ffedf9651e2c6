//! bpf-linker: turns the compiler's bitcode into the kernel object.
//!
//! It must understand the bitcode, so its LLVM may not be older than the compiler's. One on the
//! search path is taken when it fits; else one is built under `target/tools`, against the
//! distribution's LLVM packages. `setup` calls this after the compiler has been chosen.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::packages;
use crate::plan::Step;
use crate::privilege::Privilege;
use crate::runner;
use crate::workspace::Workspace;

/// The versions that are known to link the project's programs.
const VERSION: &str = "^0.13";
/// The LLVM versions that this bpf-linker can be built against.
const KNOWN_LLVM: std::ops::RangeInclusive<u32> = 21..=23;

/// The bpf-linker to use now, if there is one that reads bitcode of `llvm`.
pub fn ready(workspace: &Workspace, llvm: u32) -> Option<PathBuf> {
    let own = workspace.tools().join("bin/bpf-linker");
    [Some(own), runner::find_program("bpf-linker")]
        .into_iter()
        .flatten()
        .find(|path| llvm_of(path).is_some_and(|its| its >= llvm))
}

/// The major version of the LLVM that `linker` was built against; `None` where it does not run.
fn llvm_of(linker: &Path) -> Option<u32> {
    runner::ask(&Invocation::new(linker).arg("--version"))?;
    if let Some(llvm) = runner::ask(&Invocation::new("ldd").arg(linker))
        .as_deref()
        .and_then(parse_ldd)
    {
        return Some(llvm);
    }
    let note = std::fs::read_to_string(note_beside(linker)).ok()?;
    note.trim().parse().ok()
}

/// The LLVM among the shared libraries of a program.
fn parse_ldd(libraries: &str) -> Option<u32> {
    let name = libraries
        .lines()
        .find_map(|line| line.trim().split(' ').next()?.strip_prefix("libLLVM"))?;
    name.trim_start_matches(['-', '.'])
        .trim_start_matches("so.")
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// For a linker with LLVM linked in: the file in which we wrote down what we built it against.
fn note_beside(linker: &Path) -> PathBuf {
    linker.with_file_name("bpf-linker.llvm")
}

/// Builds bpf-linker under `target/tools`, with the packages that this needs.
pub fn install(workspace: &Workspace, llvm: u32, privilege: Privilege) -> Result<PathBuf> {
    for step in steps(workspace, llvm, privilege)? {
        step.perform(workspace)?;
    }
    let linker = workspace.tools().join("bin/bpf-linker");
    if llvm_of(&linker).is_none() {
        std::fs::write(note_beside(&linker), llvm.to_string())
            .context("noting bpf-linker's LLVM")?;
    }
    ready(workspace, llvm).context("the bpf-linker just built does not run")
}

/// What there is to do: LLVM's packages where they are missing, then the linker itself.
pub fn steps(workspace: &Workspace, llvm: u32, privilege: Privilege) -> Result<Vec<Step>> {
    let (version, packages) = match prefix_with_headers(llvm) {
        Some(version) => (version, Vec::new()),
        None => {
            packages_for(llvm, packages::available, packages::installed).with_context(|| {
                format!(
                    "bpf-linker needs LLVM {llvm}: install its development files (llvm-{llvm}-dev)"
                )
            })?
        }
    };
    let mut steps = Vec::new();
    if !packages.is_empty() {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let say = "installing LLVM's development files (for bpf-linker)";
        let step = packages::install_step(say, "llvm-packages", &names, privilege);
        let Some(step) = step else {
            bail!(
                "bpf-linker needs packages: run `apt-get install {}` as root",
                names.join(" ")
            );
        };
        steps.push(step);
    }
    steps.push(build_step(&workspace.tools(), version));
    Ok(steps)
}

fn build_step(tools: &Path, llvm: u32) -> Step {
    let call = Invocation::cargo()
        .args([
            "install",
            "bpf-linker",
            "--version",
            VERSION,
            "--locked",
            "--force",
        ])
        .args([
            "--no-default-features",
            "--features",
            &format!("llvm-{llvm}"),
        ])
        .arg("--root")
        .arg(tools)
        .env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"));
    Step::new(
        format!("building bpf-linker with LLVM {llvm} (about a minute)"),
        "bpf-linker",
        vec![call],
    )
}

/// An LLVM that fits and has all that the build needs installed already.
fn prefix_with_headers(llvm: u32) -> Option<u32> {
    versions(llvm).find(|version| {
        let prefix = PathBuf::from(format!("/usr/lib/llvm-{version}"));
        prefix.join("include/llvm-c/Core.h").is_file()
            && prefix.join("lib/libPolly.a").is_file()
            && Path::new("/usr/include/zstd.h").is_file()
    })
}

/// The packages to install: of the compiler's own LLVM, else of the next newer one.
fn packages_for(
    llvm: u32,
    available: impl Fn(&str) -> bool,
    installed: impl Fn(&str) -> bool,
) -> Option<(u32, Vec<String>)> {
    let names = |version: u32| {
        [
            format!("llvm-{version}-dev"),
            format!("libpolly-{version}-dev"),
            "libzstd-dev".to_owned(),
        ]
    };
    // A package list that is empty knows nothing yet: `apt-get update` is part of the step.
    let version = versions(llvm)
        .find(|version| available(&names(*version)[0]))
        .or_else(|| versions(llvm).next())?;
    Some((
        version,
        names(version)
            .into_iter()
            .filter(|name| !installed(name))
            .collect(),
    ))
}

fn versions(llvm: u32) -> impl Iterator<Item = u32> {
    KNOWN_LLVM.filter(move |version| *version >= llvm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_llvm_of_a_program_from_its_libraries() {
        let new =
            "\tlinux-vdso.so.1 (0x7f)\n\tlibLLVM.so.22.1 => /usr/lib/libLLVM.so.22.1 (0x7f)\n";
        assert_eq!(parse_ldd(new), Some(22));
        assert_eq!(
            parse_ldd("\tlibLLVM-17.so.1 => /usr/lib/libLLVM-17.so.1 (0x7f)\n"),
            Some(17)
        );
        assert_eq!(parse_ldd("\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n"), None);
    }

    #[test]
    fn asks_for_the_compilers_llvm_and_only_what_is_missing() {
        let (version, packages) = packages_for(22, |_| true, |name| name == "libzstd-dev").unwrap();
        assert_eq!(version, 22);
        assert_eq!(packages, ["llvm-22-dev", "libpolly-22-dev"]);
    }

    #[test]
    fn takes_the_next_newer_llvm_where_the_own_one_is_not_packaged() {
        let available = |name: &str| name == "llvm-23-dev";
        assert_eq!(packages_for(21, available, |_| false).unwrap().0, 23);
    }

    #[test]
    fn an_llvm_newer_than_bpf_linker_knows_has_no_packages() {
        assert_eq!(packages_for(24, |_| true, |_| false), None);
    }

    #[test]
    fn is_built_under_the_projects_tools() {
        let line = build_step(Path::new("/p/target/tools"), 22).shell_line();
        assert!(line.starts_with("LLVM_PREFIX=/usr/lib/llvm-22 "), "{line}");
        assert!(
            line.contains("--no-default-features --features llvm-22 --root /p/target/tools"),
            "{line}"
        );
    }
}
