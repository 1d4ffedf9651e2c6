//! A ring of records as an asynchronous stream.

use crate::attach::Kernel;
use crate::sys::plain::from_bytes;
use crate::sys::poll::watch;
use aya::maps::{MapData, RingBuf};
use observer_ebpf_abi::{Plain, Record, names};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Most records that one call appends.
const BATCH: usize = 4_096;

/// The reader of a ring of `R`s; there is one per [`Kernel`] and ring. A ring whose records are of
/// several types is one of `[u8]`.
pub struct Ring<R: ?Sized = Record> {
    ring: RingBuf<MapData>,
    watch: AsyncFd<OwnedFd>,
    records: PhantomData<fn(&R)>,
}

impl Ring {
    /// Takes the ring of stalls and of ends of processes. Needs a tokio runtime with its I/O
    /// driver.
    ///
    /// # Errors
    ///
    /// The ring was taken before, or cannot be polled.
    pub fn new(kernel: &mut Kernel) -> io::Result<Self> {
        Self::named(kernel, names::RING)
    }
}

impl<R: ?Sized> Ring<R> {
    /// Takes the ring of this name, whose records are `R`s by the contract. Needs a tokio
    /// runtime with its I/O driver.
    ///
    /// # Errors
    ///
    /// The ring was taken before, or cannot be polled.
    pub fn named(kernel: &mut Kernel, name: &str) -> io::Result<Self> {
        let map = kernel.take_ring(name).ok_or(io::ErrorKind::NotFound)?;
        let ring = RingBuf::try_from(map).map_err(io::Error::other)?;
        let watch = watch(ring.as_fd())?;
        let records = PhantomData;
        Ok(Self {
            ring,
            watch,
            records,
        })
    }
}

impl<R: Plain> Ring<R> {
    /// Waits until the programs wake us and appends the records, at most 4,096 a call. They do
    /// for processes that come and go and when the ring fills up, not for stalls: call
    /// [`Ring::take`] from time to time. Cancel-safe: a record is taken from the ring only when
    /// it is appended.
    ///
    /// # Errors
    ///
    /// The ring can no longer be polled.
    pub async fn receive(&mut self, records: &mut Vec<R>) -> io::Result<()> {
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
    pub fn take(&mut self, records: &mut Vec<R>) -> bool {
        drain(&mut self.ring, records) == BATCH
    }
}

impl Ring<[u8]> {
    /// Shows the records that are there, at most `limit`; says whether there may be more.
    pub fn each(&mut self, limit: usize, mut take: impl FnMut(&[u8])) -> bool {
        for _ in 0..limit {
            match self.ring.next() {
                Some(record) => take(&record),
                None => return false,
            }
        }
        true
    }
}

fn drain<R: Plain>(ring: &mut RingBuf<MapData>, records: &mut Vec<R>) -> usize {
    let before = records.len();
    while records.len() - before < BATCH {
        match ring.next() {
            Some(record) => records.push(from_bytes(&record)),
            None => break,
        }
    }
    records.len() - before
}
