//! The objects of a program's pool: each knows whether it is on loan, and how large it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime::Pool;

use crate::accounts::Accounts;

/// The bytes that were made and dropped.
#[derive(Debug, Default)]
pub struct Buffers {
    objects: AtomicU64,
    made_bytes: AtomicU64,
    dropped_bytes: AtomicU64,
}

/// One object.
pub struct Buffer {
    bytes: u64,
    is_on_loan: bool,
    buffers: Arc<Buffers>,
}

impl Buffer {
    /// Somebody has got it.
    pub fn lend(&mut self, accounts: &Accounts) {
        let was_on_loan = std::mem::replace(&mut self.is_on_loan, true);
        accounts.check(!was_on_loan, || "an object was on loan twice".to_owned());
    }

    fn come_back(&mut self) {
        self.is_on_loan = false;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let dropped = &self.buffers.dropped_bytes;
        dropped.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A pool, and the books of its objects.
pub fn pool(accounts: &Arc<Accounts>) -> (Pool<Buffer>, Arc<Buffers>) {
    let buffers = Arc::<Buffers>::default();
    let make = {
        let buffers = Arc::clone(&buffers);
        move || {
            // All of a different size, so that none passes for another.
            let bytes = 1_000 + buffers.objects.fetch_add(1, Ordering::Relaxed);
            buffers.made_bytes.fetch_add(bytes, Ordering::Relaxed);
            Buffer {
                bytes,
                is_on_loan: false,
                buffers: Arc::clone(&buffers),
            }
        }
    };
    let accounts = Arc::clone(accounts);
    let weigh = move |buffer: &Buffer| {
        let story = || "an object on loan lies in the pool".to_owned();
        accounts.check(!buffer.is_on_loan, story);
        buffer.bytes as usize
    };
    let builder = Pool::builder(make).reset(Buffer::come_back).weigh(weigh);
    (builder.build(), buffers)
}

/// Bytes made = bytes in the pool + bytes dropped; when nothing is on loan.
pub fn check(pool: &Pool<Buffer>, buffers: &Buffers, accounts: &Accounts) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    // What has lain there for long may be trimmed meanwhile; then a new one is made.
    let retained: Vec<_> = (0..pool.retained()).map(|_| pool.take()).collect();
    let retained_bytes: u64 = retained.iter().map(|buffer| buffer.bytes).sum();
    let (made, dropped) = (read(&buffers.made_bytes), read(&buffers.dropped_bytes));
    accounts.check(made == retained_bytes + dropped, || {
        format!("pool: {made} bytes made, {retained_bytes} retained, {dropped} dropped")
    });
}
