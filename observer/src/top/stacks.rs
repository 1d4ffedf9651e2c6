//! The stacks of a process: what `observer dump` prints of it.
//!
//! A process of its own, so that a hostile target can at worst end that one, and the screen goes
//! on meanwhile. To call the dump directly, replace [`dump`] alone.

use std::env;
use std::process::{Command, Stdio};

/// Most bytes of a dump that are shown.
const MAX_BYTES: usize = 4 << 20;

/// The dump of a process as text, or one line that says why there is none.
pub(super) fn dump(pid: u32) -> Result<String, String> {
    let program = env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let output = Command::new(program)
        .args(["dump", "--pid", &pid.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start `observer dump`: {error}"))?;
    let text = |bytes: &[u8]| {
        let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
        String::from_utf8_lossy(bytes).into_owned()
    };
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr).trim_end().to_owned())
    }
}
