//! Names of this node's pods, from the Kubernetes API server, where there is one.
//!
//! The pipeline starts it and asks it for names when it makes a view. Everything works without it:
//! a pod then has its uid for a name. It reads pods of its own node and nothing else, and writes
//! nothing.

mod access;
mod names;
mod watch;

pub use access::{Access, AccessError, Choice};
pub use names::{Name, Names};
pub use watch::{PodNames, PodStatus};
