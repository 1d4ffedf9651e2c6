//! The root file system of a machine: the test programs, what they start, and the libraries that
//! these are linked with, from this machine. Kept in `target/vm`, made anew for each run.

use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::machine::SUCCESS;
use crate::command::Invocation;
use crate::plan::Step;
use crate::runner;
use crate::workspace::Workspace;

/// What is tested, built for this machine.
pub struct Programs {
    /// The observer's tests against the kernel.
    pub kernel: PathBuf,
    /// The end-to-end tests.
    pub e2e: PathBuf,
    /// The observer.
    pub observer: PathBuf,
    /// The target of the end-to-end tests.
    pub target: PathBuf,
}

/// Makes the archive that a machine starts from; `script` is what it runs.
pub fn build(
    workspace: &Workspace,
    folder: &Path,
    programs: &Programs,
    script: &str,
) -> Result<PathBuf> {
    let root = folder.join("root");
    if root.exists() {
        std::fs::remove_dir_all(&root).context("removing what an earlier run left")?;
    }
    for name in ["bin", "proc", "sys", "dev", "tmp"] {
        std::fs::create_dir_all(root.join(name)).with_context(|| format!("creating {name}"))?;
    }
    let busybox = runner::find_program("busybox").context("busybox is missing")?;
    let all = [
        (&busybox, "busybox"),
        (&programs.kernel, "kernel"),
        (&programs.e2e, "e2e"),
        (&programs.observer, "observer"),
        (&programs.target, "target"),
    ];
    for (program, _) in all {
        copy_libraries(program, &root)?;
    }
    write_executable(&root.join("bin/gcc"), COMPILER)?;
    write_executable(&root.join("init"), &init(script))?;
    let disk = folder.join("root.cpio.gz");
    let mut calls: Vec<_> = all
        .iter()
        .map(|(program, name)| strip(program, &root.join("bin").join(name)))
        .collect();
    calls.push(emitter(workspace, &root));
    calls.push(archive(&root, &disk));
    Step::new(
        "packing the tests for the virtual machines",
        "vm-image",
        calls,
    )
    .perform(workspace)?;
    Ok(disk)
}

/// A copy without debug information, which is nine tenths of it. The notes stay.
fn strip(program: &Path, to: &Path) -> Invocation {
    let call = Invocation::new("strip").args(["--strip-debug", "-o"]);
    call.arg(to).arg(program)
}

/// The kernel tests compile the program that fires probes; there is no compiler on the machine.
fn emitter(workspace: &Workspace, root: &Path) -> Invocation {
    Invocation::new("gcc")
        .args(["-O1", "-static", "-pthread", "-o"])
        .arg(root.join("bin/emitter"))
        .arg(workspace.root.join("observer/tests/kernel/emitter.c"))
}

/// Stands for the compiler on the machine: whatever is compiled, it is the emitter.
const COMPILER: &str = "#!/bin/sh\n\
    while [ \"$1\" != -o ]; do shift || exit 1; done\n\
    exec cp /bin/emitter \"$2\"\n";

/// The first process. It ends the machine whatever happens.
fn init(script: &str) -> String {
    format!(
        "#!/bin/busybox sh\n\
         /bin/busybox --install -s /bin\n\
         export PATH=/bin\n\
         mount -t proc proc /proc\n\
         mount -t sysfs sys /sys\n\
         mount -t devtmpfs dev /dev\n\
         mount -t tmpfs tmp /tmp\n\
         mount -t tracefs tracing /sys/kernel/tracing\n\
         mount -t bpf bpf /sys/fs/bpf\n\
         ip link set lo up\n\
         export PARKWATCH_OBSERVER=/bin/observer PARKWATCH_TARGET=/bin/target\n\
         observer doctor\n\
         failed=\n\
         {script}\
         [ -n \"$failed\" ] || echo \"{SUCCESS} $(uname -r)\"\n\
         reboot -f\n"
    )
}

fn write_executable(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .with_context(|| path.display().to_string())
}

/// Copies the shared libraries of `program`, and the loader, to the same paths below `root`.
fn copy_libraries(program: &Path, root: &Path) -> Result<()> {
    // A static program is no error: ldd fails, and there is nothing to copy.
    let answer = runner::ask(&Invocation::new("ldd").arg(program)).unwrap_or_default();
    for library in libraries(&answer) {
        let to = root.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().context("a library without a folder")?)?;
        std::fs::copy(library, &to).with_context(|| format!("copying {library}"))?;
    }
    Ok(())
}

/// The paths in the answer of `ldd`.
fn libraries(answer: &str) -> impl Iterator<Item = &str> {
    answer
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

/// The archive, in the format that the kernel unpacks.
fn archive(root: &Path, disk: &Path) -> Invocation {
    Invocation::new("sh")
        .args(["-c", "find . | busybox cpio -o -H newc | gzip -1 > \"$0\""])
        .arg(disk)
        .folder(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_paths_of_libraries_and_of_the_loader() {
        let answer = "\tlinux-vdso.so.1 (0x7ffe)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n\tnot a dynamic executable\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(libraries(answer).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_stand_in_for_the_compiler_writes_where_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("emitter"), "program").unwrap();
        let text = COMPILER.replace("/bin/emitter", at("emitter").to_str().unwrap());
        write_executable(&at("gcc"), &text).unwrap();
        let call = Invocation::new(at("gcc"))
            .args(["-O1", "-o"])
            .arg(at("out"));
        assert!(runner::ask(&call.arg("source.c")).is_some());
        assert_eq!(std::fs::read_to_string(at("out")).unwrap(), "program");
        assert!(runner::ask(&Invocation::new(at("gcc")).arg("-c")).is_none());
    }

    #[test]
    fn the_first_process_says_that_all_passed_only_if_nothing_failed() {
        let text = init("false || failed=1\n");
        let tail = &text[text.find("failed=\n").unwrap()..];
        let tail = tail.replace("reboot -f", ":");
        let run = |tail: &str| runner::ask(&Invocation::new("sh").args(["-c", tail])).unwrap();
        assert!(!run(&tail).contains(SUCCESS));
        assert!(run(&tail.replace("false ||", "true ||")).contains(SUCCESS));
    }
}
