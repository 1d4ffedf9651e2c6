//! A program of the gallery.

use std::process::{Child, Command, Stdio};

use super::require;

/// A running program; it ends with the test.
pub struct Gallery(Child);

impl Gallery {
    /// Starts the gallery with these arguments, the first of which is the program.
    pub fn start(arguments: &[&str]) -> Self {
        let child = Command::new(require("PARKWATCH_GALLERY"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the gallery starts");
        Self(child)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// It has not ended.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_none()
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
