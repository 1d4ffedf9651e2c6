//! Finds the processes that carry probes: by a scan of `/proc`, and one by one.
//!
//! The pipeline scans once at the start and slowly ever after, and calls
//! [`Discovery::examine`] for every exec that the kernel programs report. A process is its pid
//! and start time; every file is opened through the process and held by descriptor, so a file
//! that was deleted or replaced is still the one that runs. A process that ends while it is
//! looked at is no error.

mod carrier;
mod container;
mod container_pod;
mod discovery;
mod error;
mod files;
mod filter;
mod mapped;
mod mapping;
mod process;
mod quiet;

pub use carrier::{Carrier, FileId, Unwinding};
pub use container::container_id;
pub use container_pod::{Pod, container_name, pod_uid};
pub use discovery::{Discovery, Found, ScanResult};
pub use error::ExamineError;
pub use filter::{Filter, FilterError};
pub use mapped::{MappedFile, mapped_files};
pub use process::ProcessId;
