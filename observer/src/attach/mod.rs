//! Loads the kernel programs and links them to the probes of carriers.
//!
//! The pipeline calls [`Kernel::load`] once and [`Kernel::attach`] for every carrier that
//! discovery finds; dropping [`Links`] detaches. Nothing here reads what the programs write:
//! that is [`crate::collect`]'s.
//!
//! ```no_run
//! use observer::attach::{Kernel, LoadOptions, Mode};
//!
//! # fn carrier() -> observer::discover::Carrier { unimplemented!() }
//! let kernel = Kernel::load(&LoadOptions::default())?;
//! let links = kernel.attach(&carrier(), Mode::Ledger)?;
//! println!("{} probes by {:?}", links.probes().len(), kernel.capabilities().link);
//! drop(links); // The semaphores fall with the links.
//! # Ok::<(), anyhow::Error>(())
//! ```

mod error;
mod kernel;
mod links;
mod load;
mod location;
mod maps;
mod mode;
mod multi;
mod object;
mod perf;

pub use error::{AttachError, LoadError};
pub use kernel::{Capabilities, Kernel, LinkKind, LoadOptions, Programs};
pub use links::{GrowthLink, Links};
pub use maps::Maps;
pub use mode::Mode;

/// The pipeline moves these between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Kernel>();
    is_send_and_sync::<Links>();
    is_send_and_sync::<Maps>();
};
