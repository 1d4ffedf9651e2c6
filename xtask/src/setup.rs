//! Makes the tools for the kernel programs ready: the compiler, then bpf-linker.
//!
//! Called by `cargo xtask setup` and first of all by `build`, `run` and the test layers that need
//! the kernel programs. With `--no-install` it installs nothing and names the commands instead.

use anyhow::{Result, bail};
use std::path::PathBuf;

use crate::bpf_linker;
use crate::plan;
use crate::privilege::Privilege;
use crate::toolchain::{ADVICE, Compiler, Found};
use crate::workspace::Workspace;

/// What `setup` and `build` take.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Install nothing: check, and name the commands that would be run.
    #[arg(long)]
    pub no_install: bool,
}

/// What the kernel programs are built with.
#[derive(Debug, Clone)]
pub struct KernelTools {
    /// The compiler.
    pub compiler: Compiler,
    /// bpf-linker, an absolute path.
    pub linker: PathBuf,
}

/// `cargo xtask setup`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let tools = kernel_tools(workspace, options)?;
    println!(
        "ready: compiler {} (LLVM {}), {}",
        tools.compiler.release,
        tools.compiler.llvm,
        workspace.shown(&tools.linker)
    );
    Ok(())
}

/// Finds or installs the tools for the kernel programs.
pub fn kernel_tools(workspace: &Workspace, options: &Options) -> Result<KernelTools> {
    let privilege = Privilege::find();
    let found = Found::look();
    if options.no_install {
        return check(workspace, &found, privilege);
    }
    let compiler = match found.ready() {
        Some(compiler) => compiler,
        None => install_compiler(workspace, &found, privilege)?,
    };
    let linker = match bpf_linker::ready(workspace, compiler.llvm) {
        Some(linker) => linker,
        None => bpf_linker::install(workspace, compiler.llvm, privilege)?,
    };
    Ok(KernelTools { compiler, linker })
}

/// Goes the ways to a compiler until one has led to it.
fn install_compiler(
    workspace: &Workspace,
    found: &Found,
    privilege: Privilege,
) -> Result<Compiler> {
    for way in found.ways() {
        let Some(step) = way.step(privilege) else {
            continue;
        };
        if let Err(error) = step.perform(workspace) {
            plan::say(&format!("that did not work: {error:#}"));
            continue;
        }
        if let Some(compiler) = Found::look().ready() {
            return Ok(compiler);
        }
    }
    bail!(ADVICE)
}

/// Says what is missing, as commands to run.
fn check(workspace: &Workspace, found: &Found, privilege: Privilege) -> Result<KernelTools> {
    let Some(compiler) = found.ready() else {
        match found.ways().iter().find_map(|way| way.step(privilege)) {
            Some(step) => bail!(
                "no compiler for the kernel programs; run: {}",
                step.shell_line()
            ),
            None => bail!(ADVICE),
        }
    };
    let Some(linker) = bpf_linker::ready(workspace, compiler.llvm) else {
        let steps = bpf_linker::steps(workspace, compiler.llvm, privilege)?;
        let lines: Vec<_> = steps.iter().map(plan::Step::shell_line).collect();
        bail!(
            "no bpf-linker for LLVM {}; run: {}",
            compiler.llvm,
            lines.join(" && ")
        );
    };
    Ok(KernelTools { compiler, linker })
}
