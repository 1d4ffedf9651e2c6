//! Files, for tasks: the whole-file calls of [`std::fs`], each in [`blocking`].
//!
//! A file is no descriptor that can be waited for: a call blocks its thread, however short the wait.
//! These functions do nothing but give up the worker for so long. What is missing here, an open file
//! above all, is used in the same way:
//!
//! ```
//! use runtime::{Runtime, blocking, fs};
//! use std::io::{Read, Seek, SeekFrom};
//!
//! # let path = std::env::temp_dir().join(format!("runtime-fs-{}", std::process::id()));
//! Runtime::run(move || {
//!     fs::write(&path, "eight bytes and more")?;
//!     let mut word = [0; 5];
//!     blocking(|| {
//!         let mut file = std::fs::File::open(&path)?;
//!         file.seek(SeekFrom::Start(6))?;
//!         file.read_exact(&mut word)
//!     })?;
//!     assert_eq!(&word, b"bytes");
//!     fs::remove_file(&path)
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! The errors are those of the functions of the same names in [`std::fs`]. Observers see the task with
//! the reason [`Reason::Blocking`](crate::Reason::Blocking). A call cannot be cancelled: it ends when
//! the file system has answered.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::blocking;

/// Reads a whole file.
///
/// # Errors
///
/// As [`std::fs::read`].
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    blocking(|| fs::read(path))
}

/// Reads a whole file of text.
///
/// # Errors
///
/// As [`std::fs::read_to_string`].
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    blocking(|| fs::read_to_string(path))
}

/// Makes this a file's content, and the file if there is none.
///
/// # Errors
///
/// As [`std::fs::write`].
pub fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> io::Result<()> {
    blocking(|| fs::write(path, content))
}

/// Copies a file with its permissions; returns its length in bytes.
///
/// # Errors
///
/// As [`std::fs::copy`].
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    blocking(|| fs::copy(from, to))
}

/// Renames a file or a folder, in place of what has the name already.
///
/// # Errors
///
/// As [`std::fs::rename`].
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| fs::rename(from, to))
}

/// Removes a file.
///
/// # Errors
///
/// As [`std::fs::remove_file`].
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| fs::remove_file(path))
}

/// What the file system knows of a file, of the one that a symbolic link names.
///
/// # Errors
///
/// As [`std::fs::metadata`].
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    blocking(|| fs::metadata(path))
}

/// Whether there is a file or a folder of this name.
///
/// # Errors
///
/// As [`std::fs::exists`].
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    blocking(|| fs::exists(path))
}

/// The path without symbolic links, from the root on.
///
/// # Errors
///
/// As [`std::fs::canonicalize`].
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    blocking(|| fs::canonicalize(path))
}

/// What is in a folder: all of it at once, in no order.
///
/// # Errors
///
/// As [`std::fs::read_dir`] and its iterator.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<Vec<DirEntry>> {
    blocking(|| fs::read_dir(path)?.collect())
}

/// Makes a folder, and those above it that are missing.
///
/// # Errors
///
/// As [`std::fs::create_dir_all`].
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| fs::create_dir_all(path))
}

/// Removes a folder with all that is in it; follows no symbolic link.
///
/// # Errors
///
/// As [`std::fs::remove_dir_all`].
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| fs::remove_dir_all(path))
}
