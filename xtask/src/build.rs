//! Builds what the commands run: the kernel object, then the observer with the object inside, and
//! the runtime's examples.
//!
//! The kernel programs have another compiler and target than the rest, so they have a target
//! directory of their own; the observer's build script takes the object by its path.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

use crate::command::Invocation;
use crate::plan::Step;
use crate::runner;
use crate::setup::{self, KernelTools};
use crate::workspace::Workspace;

/// The variable that tells the observer's build script where the kernel object is.
pub const OBJECT_VARIABLE: &str = "PARKWATCH_EBPF_OBJECT";
/// The kernel's target; both byte orders exist, and every supported machine is little-endian.
const TARGET: &str = "bpfel-unknown-none";

/// `cargo xtask build`.
pub fn run(workspace: &Workspace, options: &setup::Options) -> Result<()> {
    let observer = observer(workspace, options)?;
    println!("built {}", workspace.shown(&observer));
    Ok(())
}

/// Sets up what is missing, then builds the kernel programs and the observer.
pub fn observer(workspace: &Workspace, options: &setup::Options) -> Result<PathBuf> {
    let tools = setup::kernel_tools(workspace, options)?;
    let object = kernel_object(workspace, &tools)?;
    observer_with(workspace, &object)
}

/// Builds the kernel programs and returns the path of the object.
pub fn kernel_object(workspace: &Workspace, tools: &KernelTools) -> Result<PathBuf> {
    let call = kernel_call(workspace, tools, "build");
    Step::new("building the kernel programs", "build-ebpf", vec![call]).perform(workspace)?;
    let object = workspace
        .ebpf_target()
        .join(TARGET)
        .join("release/observer-ebpf");
    object
        .is_file()
        .then_some(())
        .with_context(|| format!("no object at {}", object.display()))?;
    Ok(object)
}

/// A call of cargo on the kernel programs: `build` or `clippy`.
pub fn kernel_call(workspace: &Workspace, tools: &KernelTools, subcommand: &str) -> Invocation {
    tools
        .compiler
        .cargo()
        .args([
            subcommand,
            "--package",
            "observer-ebpf",
            "--release",
            "--target",
            TARGET,
        ])
        .args(["-Z", "build-std=core"])
        .env("CARGO_TARGET_DIR", workspace.ebpf_target())
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            kernel_flags(&tools.linker).join("\x1f"),
        )
        .folder(&workspace.root)
}

/// The compiler's flags for the kernel programs: bpf-linker links, BTF goes into the object (from
/// the debug information), `v3` is the instruction set of every supported kernel, and aya-ebpf
/// learns whose registers it reads.
fn kernel_flags(linker: &Path) -> Vec<String> {
    vec![
        format!("-Clinker={}", linker.display()),
        "-Clink-arg=--btf".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        "-Ctarget-cpu=v3".to_owned(),
        format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH),
    ]
}

/// `cargo xtask clippy-ebpf`: clippy on the kernel programs, with their own compiler and target.
pub fn clippy(workspace: &Workspace, options: &setup::Options) -> Result<()> {
    let tools = setup::kernel_tools(workspace, options)?;
    let version = tools.compiler.cargo().args(["clippy", "--version"]);
    if runner::ask(&version).is_none() {
        match tools.compiler.clippy_step() {
            Some(step) if !options.no_install => step.perform(workspace)?,
            Some(step) => bail!("clippy is missing; run: {}", step.shell_line()),
            None => {
                println!("the distribution's compiler has no clippy: kernel programs not checked");
                return Ok(());
            }
        }
    }
    let call = kernel_call(workspace, &tools, "clippy").args(["--", "--deny", "warnings"]);
    Step::new("clippy on the kernel programs", "clippy-ebpf", vec![call]).perform(workspace)
}

/// Builds the release observer with the kernel object inside.
pub fn observer_with(workspace: &Workspace, object: &Path) -> Result<PathBuf> {
    let call = Invocation::cargo()
        .args([
            "build",
            "--release",
            "--package",
            "observer",
            "--bin",
            "observer",
        ])
        .env(OBJECT_VARIABLE, object)
        .folder(&workspace.root);
    Step::new("building the observer", "build-observer", vec![call]).perform(workspace)?;
    Ok(workspace.release("observer"))
}

/// Builds examples of the runtime in release and returns the folder that they are in.
pub fn examples(workspace: &Workspace, names: &[&str]) -> Result<PathBuf> {
    let mut call = Invocation::cargo().args(["build", "--release", "--package", "runtime"]);
    for name in names {
        call = call.args(["--example", name]);
    }
    let say = format!("building the runtime's examples: {}", names.join(" "));
    Step::new(say, "build-examples", vec![call.folder(&workspace.root)]).perform(workspace)?;
    Ok(workspace.release("examples"))
}

/// Builds the target program as unlike its usual build as can be, and returns its path: linked
/// statically, at a fixed address, with frame pointers. Stacks are read of both.
pub fn static_target(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("static");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let flags = [
        "-Cforce-frame-pointers=yes",
        "-Crelocation-model=static",
        "-Ctarget-feature=+crt-static",
    ];
    let call = Invocation::cargo()
        .args(["build", "--release", "--package", "runtime"])
        // With a target named, the flags are not those of build scripts.
        .args(["--example", "target", "--target", &target])
        .env("CARGO_TARGET_DIR", &folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .folder(&workspace.root);
    let say = "building the target program statically, with frame pointers";
    Step::new(say, "build-static", vec![call]).perform(workspace)?;
    Ok(folder.join(target).join("release/examples/target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_is_named_by_its_path() {
        let flags = kernel_flags(Path::new("/p/two words/bpf-linker"));
        assert_eq!(flags[0], "-Clinker=/p/two words/bpf-linker");
    }
}
