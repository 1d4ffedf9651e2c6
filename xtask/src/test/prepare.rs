//! What the layers share: root's rights, packages, the kernel object and the release programs.
//!
//! Made once before the first layer, and only as much of it as the chosen layers need. What could
//! not be had is kept as the reason for which the layers that need it cannot run.

use anyhow::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Layer;
use crate::build;
use crate::dist;
use crate::packages;
use crate::privilege::Privilege;
use crate::runner;
use crate::setup;
use crate::workspace::Workspace;

/// Stands for what no chosen layer needs; never shown.
const UNNEEDED: &str = "not asked for";

/// The shared preparations.
pub struct Prepared {
    /// How the kernel and end-to-end tests get root's rights.
    pub privilege: Privilege,
    /// The search path of every test, with the tools that were unpacked for this project.
    pub path: OsString,
    /// Why the kernel and end-to-end tests cannot run on this machine, if they cannot.
    pub kernel_obstacle: Option<String>,
    /// The kernel object, or why there is none; asked for by the layers that need it only.
    pub object: std::result::Result<PathBuf, String>,
    /// The release programs, or why there are none.
    pub programs: std::result::Result<Programs, String>,
}

/// The programs that the end-to-end tests start.
pub struct Programs {
    /// The observer with the kernel programs inside: the shipped one if that is built anyway.
    pub observer: PathBuf,
    /// The folder of the runtime's examples.
    pub examples: PathBuf,
    /// The target program, built otherwise.
    pub static_target: PathBuf,
}

impl Prepared {
    /// Installs and builds what `layers` need.
    pub fn new(workspace: &Workspace, layers: &[Layer], options: &setup::Options) -> Result<Self> {
        let privilege = Privilege::find();
        let extra: Vec<_> = layers
            .iter()
            .flat_map(|layer| extra_needs(*layer))
            .collect();
        packages::prepare_for_tests(workspace, privilege, &extra, !options.no_install)?;
        let kernel_obstacle = kernel_obstacle(privilege);
        // Nothing is built for layers that cannot run.
        let can_run = |layer: &Layer| match layer {
            Layer::Vm => true,
            _ => layer.needs_the_kernel() && kernel_obstacle.is_none(),
        };
        let object = if layers.iter().any(can_run) {
            as_reason(kernel_object(workspace, options))
        } else {
            Err(UNNEEDED.to_owned())
        };
        let starts_programs = |layer: &Layer| can_run(layer) && *layer != Layer::Kernel;
        let programs = match &object {
            Ok(object) if layers.iter().any(starts_programs) => {
                let is_shipped = layers.contains(&Layer::Deploy);
                let observer = || observer(workspace, options, object, is_shipped);
                as_reason(observer().and_then(|observer| programs(workspace, observer)))
            }
            Ok(_) => Err(UNNEEDED.to_owned()),
            Err(reason) => Err(reason.clone()),
        };
        Ok(Self {
            privilege,
            path: search_path(workspace),
            kernel_obstacle,
            object,
            programs,
        })
    }
}

/// The packages that one layer alone needs.
fn extra_needs(layer: Layer) -> &'static [packages::Need] {
    match layer {
        Layer::Deploy => &packages::DEPLOY_PROGRAMS,
        Layer::Vm => &packages::VM_PROGRAMS,
        _ => &[],
    }
}

/// Why this machine cannot run tests that need root or the kernel's tracing, if it cannot.
fn kernel_obstacle(privilege: Privilege) -> Option<String> {
    if privilege == Privilege::None {
        return Some("it needs root: run this as root, or install sudo".to_owned());
    }
    if !Path::new("/sys/bus/event_source/devices/uprobe").exists() {
        return Some("this kernel has no uprobes (CONFIG_UPROBE_EVENTS)".to_owned());
    }
    None
}

fn kernel_object(workspace: &Workspace, options: &setup::Options) -> Result<PathBuf> {
    build::kernel_object(workspace, &setup::kernel_tools(workspace, options)?)
}

/// One observer for all layers: where the shipped one is tested, it is what the others start too.
fn observer(
    workspace: &Workspace,
    options: &setup::Options,
    object: &Path,
    is_shipped: bool,
) -> Result<PathBuf> {
    if is_shipped && dist::have_target(workspace, options).is_ok() {
        return dist::observer(workspace, object);
    }
    build::observer_with(workspace, object)
}

fn programs(workspace: &Workspace, observer: PathBuf) -> Result<Programs> {
    Ok(Programs {
        observer,
        examples: build::examples(workspace, &["demo", "target", "gallery", "http"])?,
        static_target: build::static_target(workspace)?,
    })
}

fn as_reason<T>(result: Result<T>) -> std::result::Result<T, String> {
    result.map_err(|error| {
        let reason = format!("{error:#}");
        println!("    {reason}");
        reason
    })
}

fn search_path(workspace: &Workspace) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(packages::prometheus_folder(workspace).filter(|folder| folder.is_dir()));
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    std::env::join_paths(folders).unwrap_or(path)
}

/// The programs on `path` that are missing among `names`.
pub fn missing_programs(path: &OsString, names: &[&'static str]) -> Vec<&'static str> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let has = |name: &str| {
        folders
            .iter()
            .any(|folder| runner::is_executable(&folder.join(name)))
    };
    names.iter().copied().filter(|name| !has(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_layers_need_a_way_to_root() {
        let reason = kernel_obstacle(Privilege::None).unwrap();
        assert!(reason.starts_with("it needs root"), "{reason}");
    }

    #[test]
    fn finds_which_programs_are_missing() {
        let path = OsString::from("/bin:/usr/bin");
        assert_eq!(
            missing_programs(&path, &["sh", "no-such-program"]),
            ["no-such-program"]
        );
    }
}
