//! What can go wrong when reading.

use std::io;

/// A map that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("map {map}: {source}")]
pub struct CollectError {
    /// The map's name.
    pub map: &'static str,
    /// The kernel's answer.
    pub source: io::Error,
}
