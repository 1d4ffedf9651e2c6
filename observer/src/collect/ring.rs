//! The ring of records as an asynchronous stream.

use crate::attach::Kernel;
use crate::sys::plain::from_bytes;
use crate::sys::poll::watch;
use aya::maps::{MapData, RingBuf};
use observer_ebpf_abi::Record;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Most records that one call appends.
const BATCH: usize = 4_096;

/// The reader of the ring; there is one per [`Kernel`].
pub struct Ring {
    ring: RingBuf<MapData>,
    watch: AsyncFd<OwnedFd>,
}

impl Ring {
    /// Takes the ring of a kernel. Needs a tokio runtime with its I/O driver.
    ///
    /// # Errors
    ///
    /// The ring was taken before, or cannot be polled.
    pub fn new(kernel: &mut Kernel) -> io::Result<Self> {
        let map = kernel.take_ring().ok_or(io::ErrorKind::NotFound)?;
        let ring = RingBuf::try_from(map).map_err(io::Error::other)?;
        let watch = watch(ring.as_fd())?;
        Ok(Self { ring, watch })
    }

    /// Waits until the programs wake us and appends the records, at most 4,096 a call. They do
    /// for processes that come and go and when the ring fills up, not for stalls: call
    /// [`Ring::take`] from time to time. Cancel-safe: a record is taken from the ring only when
    /// it is appended.
    ///
    /// # Errors
    ///
    /// The ring can no longer be polled.
    pub async fn receive(&mut self, records: &mut Vec<Record>) -> io::Result<()> {
        loop {
            let mut ready = self.watch.readable().await?;
            let appended = drain(&mut self.ring, records);
            if appended < BATCH {
                // Emptied: only now may the next wake-up be waited for.
                ready.clear_ready();
            }
            if appended > 0 {
                return Ok(());
            }
        }
    }

    /// Appends the records that are there, at most 4,096 a call; says whether there may be more.
    pub fn take(&mut self, records: &mut Vec<Record>) -> bool {
        drain(&mut self.ring, records) == BATCH
    }
}

fn drain(ring: &mut RingBuf<MapData>, records: &mut Vec<Record>) -> usize {
    let before = records.len();
    while records.len() - before < BATCH {
        match ring.next() {
            Some(record) => records.push(from_bytes(&record)),
            None => break,
        }
    }
    records.len() - before
}
