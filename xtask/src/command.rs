//! The description of a child process: program, arguments, environment, folder.
//!
//! A description is a value, so plans can be tested and printed without running anything; the
//! runner turns it into a process. Nothing here starts one.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

/// Variables that `cargo run` and rustup set for this program and that must not reach another
/// cargo: they would pin its toolchain, its compiler or its flags, or make it rebuild.
const CARGO_LEFTOVERS: [&str; 4] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_BIN_NAME",
];

/// Variables that choose a compiler or its flags; removed when another toolchain is called.
const TOOLCHAIN_CHOICES: [&str; 12] = [
    "RUSTUP_TOOLCHAIN",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
];

/// A child process to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    set: Vec<(String, OsString)>,
    removed: Vec<&'static str>,
    folder: Option<PathBuf>,
}

impl Invocation {
    /// A call of `program` without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            set: Vec::new(),
            removed: Vec::new(),
            folder: None,
        }
    }

    /// A call of the cargo that runs this program, with its toolchain.
    pub fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds several arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Forgets every variable by which a caller chose another compiler or flags for it.
    pub fn without_toolchain_choice(mut self) -> Self {
        self.removed.extend(TOOLCHAIN_CHOICES);
        self
    }

    /// Runs the child in `folder`.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The same call as what `other` shall run: its program and arguments come last.
    pub fn through(self, other: Self) -> Self {
        let mut wrapped = other.arg(self.program).args(self.arguments);
        wrapped.set.extend(self.set);
        wrapped.removed.extend(self.removed);
        wrapped.folder = self.folder.or(wrapped.folder);
        wrapped
    }

    /// The same call through `sudo`: the variables are passed by `env`, because sudo drops them.
    /// `prompt` says whether sudo may ask for a password.
    pub fn through_sudo(self, prompt: bool) -> Self {
        let mut wrapped = Self::new("sudo");
        if !prompt {
            wrapped = wrapped.arg("-n");
        }
        wrapped = wrapped.arg("env");
        for (name, value) in &self.set {
            let mut pair = OsString::from(name);
            pair.push("=");
            pair.push(value);
            wrapped = wrapped.arg(pair);
        }
        wrapped.folder = self.folder;
        wrapped.arg(self.program).args(self.arguments)
    }

    /// The process builder for this call.
    pub fn to_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if CARGO_LEFTOVERS.contains(&name.as_str()) || name.starts_with("CARGO_PKG_") {
                command.env_remove(name);
            }
        }
        remove_cargo_library_path(&mut command);
        for name in &self.removed {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// Takes the folders that `cargo run` put in front of `LD_LIBRARY_PATH` away again.
fn remove_cargo_library_path(command: &mut Command) {
    let Some(path) = std::env::var_os("LD_LIBRARY_PATH") else {
        return;
    };
    let kept = std::env::split_paths(&path).filter(|folder| {
        let folder = folder.to_string_lossy();
        !folder.contains("/rustlib/")
            && !folder.contains("/debug")
            && !folder.contains("/toolchains/")
    });
    match std::env::join_paths(kept) {
        Ok(path) if !path.is_empty() => command.env("LD_LIBRARY_PATH", path),
        _ => command.env_remove("LD_LIBRARY_PATH"),
    };
}

impl fmt::Display for Invocation {
    /// The call as a line for a shell, with the variables that it sets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.set {
            write!(formatter, "{name}={} ", quoted(&value.to_string_lossy()))?;
        }
        formatter.write_str(&quoted(&self.program.to_string_lossy()))?;
        for argument in &self.arguments {
            write!(formatter, " {}", quoted(&argument.to_string_lossy()))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.contains('\x1f') {
        // Cargo separates flags by it; a reader could not see it.
        return format!("$'{}'", word.replace('\'', "\\'").replace('\x1f', "\\x1f"));
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_itself_as_a_line_for_a_shell() {
        let call = Invocation::new("cargo")
            .args(["build", "two words"])
            .env("KEY", "it's");
        assert_eq!(call.to_string(), r"KEY='it'\''s' cargo build 'two words'");
    }

    #[test]
    fn shows_the_separator_of_flags() {
        let call = Invocation::new("cargo").env("FLAGS", "-a\x1f-b");
        assert_eq!(call.to_string(), r"FLAGS=$'-a\x1f-b' cargo");
    }

    #[test]
    fn carries_its_variables_through_sudo() {
        let call = Invocation::new("observer")
            .arg("run")
            .env("PARKWATCH_LISTEN", "127.0.0.1:0");
        assert_eq!(
            call.through_sudo(false).to_string(),
            "sudo -n env PARKWATCH_LISTEN=127.0.0.1:0 observer run"
        );
    }

    #[test]
    fn another_program_can_run_it() {
        let call = Invocation::new("server").arg("--serve").env("KEY", "1");
        let pinned = call.through(Invocation::new("taskset").args(["-c", "0"]));
        assert_eq!(pinned.to_string(), "KEY=1 taskset -c 0 server --serve");
    }

    #[test]
    fn forgets_the_callers_choice_of_a_toolchain() {
        let command = Invocation::new("rustup")
            .without_toolchain_choice()
            .to_command();
        let removed = |name: &str| {
            command
                .get_envs()
                .any(|(key, value)| key == name && value.is_none())
        };
        assert!(removed("RUSTUP_TOOLCHAIN"));
        assert!(removed("RUSTFLAGS"));
    }
}
