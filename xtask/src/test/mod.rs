//! `cargo xtask test`: every test of the project, in layers, with what each needs.
//!
//! What a layer proves and needs is told in `docs/testing.md`. A layer that cannot run here says
//! why and is named at the end; with `CI=true` that is a failure. The last line counts all tests.

mod deploy;
mod layers;
mod outcome;
mod prepare;
mod sanitize;
mod vm;

use anyhow::Result;
use std::process::ExitCode;
use std::time::Instant;

use crate::plan;
use crate::setup;
use crate::workspace::Workspace;
use outcome::{Report, Summary, Verdict};
use prepare::Prepared;

/// What `test` takes.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The layers to run, all but `vm` when none is named.
    #[arg(value_enum)]
    layers: Vec<Layer>,
    /// Also run what is too long for every change, the layers `sanitize` and `vm` among it.
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    setup: setup::Options,
    /// Handed to the test programs, such as a part of a test's name.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// A layer of tests, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Layer {
    /// Plain tests of all crates, debug; the runtime's also in release; the tidy rules.
    Unit,
    /// The runtime's protocols under every interleaving that loom explores, and whole programs
    /// under random ones.
    Model,
    /// The runtime and the contract crates under Miri.
    Miri,
    /// Random programs over all primitives of the runtime, in release.
    Stress,
    /// The runtime under the thread sanitizer and the address sanitizer; when named, or with
    /// `--long`.
    Sanitize,
    /// The kernel programs loaded and attached on this kernel.
    Kernel,
    /// The built observer beside real targets, bpftrace and Prometheus.
    E2e,
    /// The shipped observer in its image under the manifests, and all that is checked offline.
    Deploy,
    /// The kernel tests on older kernels, in QEMU; when named, or with `--long`.
    Vm,
}

impl Layer {
    const ALL: [Self; 9] = [
        Self::Unit,
        Self::Model,
        Self::Miri,
        Self::Stress,
        Self::Sanitize,
        Self::Kernel,
        Self::E2e,
        Self::Deploy,
        Self::Vm,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Model => "model",
            Self::Miri => "miri",
            Self::Stress => "stress",
            Self::Sanitize => "sanitize",
            Self::Kernel => "kernel",
            Self::E2e => "e2e",
            Self::Deploy => "deploy",
            Self::Vm => "vm",
        }
    }

    /// Whether it attaches probes on this machine.
    fn needs_the_kernel(self) -> bool {
        matches!(self, Self::Kernel | Self::E2e | Self::Deploy)
    }
}

/// `cargo xtask test`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let layers = selected(&options.layers, options.long);
    let begin = Instant::now();
    let prepared = Prepared::new(workspace, &layers, &options.setup)?;
    let preparation = begin.elapsed();
    let reports = layers
        .iter()
        .map(|layer| run_layer(workspace, options, &prepared, *layer))
        .collect();
    let summary = Summary {
        reports,
        preparation,
        in_ci: in_ci(),
    };
    print!("{summary}");
    Ok(if summary.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Layers that are too long for every change.
const LONG: [Layer; 2] = [Layer::Sanitize, Layer::Vm];

fn selected(named: &[Layer], long: bool) -> Vec<Layer> {
    let wanted = |layer: &Layer| match named {
        [] => long || !LONG.contains(layer),
        _ => named.contains(layer),
    };
    Layer::ALL.into_iter().filter(wanted).collect()
}

/// Runs one layer; what goes wrong in it never stops the others.
fn run_layer(
    workspace: &Workspace,
    options: &Options,
    prepared: &Prepared,
    layer: Layer,
) -> Report {
    plan::say(&format!("layer {}", layer.name()));
    let begin = Instant::now();
    let run = layers::Run::new(workspace, options, prepared);
    let verdict = match layer {
        Layer::Unit => run.unit(),
        Layer::Model => run.model(),
        Layer::Miri => run.miri(),
        Layer::Stress => run.stress(),
        Layer::Sanitize => run.sanitize(),
        Layer::Kernel => run.kernel(),
        Layer::E2e => run.e2e(),
        Layer::Deploy => run.deploy(),
        Layer::Vm => run.vm(),
    }
    .unwrap_or_else(|error| Verdict::Broken(format!("{error:#}")));
    Report {
        layer: layer.name(),
        verdict,
        elapsed: begin.elapsed(),
    }
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_all_layers_but_the_long_ones_when_none_is_named() {
        let short = selected(&[], false);
        assert_eq!(short.len(), Layer::ALL.len() - LONG.len());
        assert!(!LONG.iter().any(|long| short.contains(long)));
        assert_eq!(selected(&[], true), Layer::ALL);
    }

    #[test]
    fn runs_the_named_layers_in_their_own_order() {
        assert_eq!(
            selected(&[Layer::Kernel, Layer::Unit], true),
            [Layer::Unit, Layer::Kernel]
        );
        assert_eq!(selected(&[Layer::Vm], false), [Layer::Vm]);
    }
}
