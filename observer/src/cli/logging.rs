//! Log lines on stderr: `RUST_LOG` where set, else by `-v`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Format;

/// Starts logging for the rest of the process; a second call changes nothing.
///
/// Records of crates that use `log` are taken over too.
pub fn start(verbosity: u8, format: Format) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(default_filter(verbosity)));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match format {
        Format::Text => builder.finish().try_init(),
        Format::Json => builder.json().finish().try_init(),
    };
}

fn default_filter(verbosity: u8) -> &'static str {
    match verbosity {
        0 => "warn,observer=info",
        1 => "info,observer=debug",
        _ => "debug,observer=trace",
    }
}
