//! What the kernel programs log, forwarded to the observer's own log.

use crate::attach::Kernel;
use crate::sys::poll::watch;
use aya_log::EbpfLogger;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::unix::AsyncFd;

/// The log of the kernel programs; there is one per [`Kernel`]. The programs bound its rate.
pub struct ProgramLog {
    log: EbpfLogger<&'static dyn log::Log>,
    watch: AsyncFd<OwnedFd>,
}

impl ProgramLog {
    /// Takes the log of a kernel. Needs a tokio runtime with its I/O driver.
    ///
    /// # Errors
    ///
    /// The log was taken before, or cannot be polled.
    pub fn new(kernel: &mut Kernel) -> io::Result<Self> {
        let log = EbpfLogger::init(kernel.loaded_mut()).map_err(io::Error::other)?;
        let watch = watch(log.as_fd())?;
        Ok(Self { log, watch })
    }

    /// Waits for lines and forwards them through the `log` crate. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The log can no longer be polled.
    pub async fn forward(&mut self) -> io::Result<()> {
        let mut ready = self.watch.readable().await?;
        self.log.flush();
        ready.clear_ready();
        Ok(())
    }
}
