//! Channels: how tasks and foreign threads hand each other messages.
//!
//! [`bounded`] gives the two ends of a channel that holds up to a fixed number of messages.
//! Both ends can be cloned, sent and shared; every message is received once, in the order in
//! which they were sent. When it is full, `send` parks the sender; when it is empty, `recv`
//! parks the receiver; a foreign thread blocks instead. Dropping the last handle of one end
//! closes the channel for the other: receivers still get what is in it, senders get their
//! message back.
//!
//! ```
//! use runtime::chan;
//!
//! runtime::Builder::new().workers(2).run(|| {
//!     let (sender, receiver) = chan::bounded(4);
//!     let squares = runtime::spawn(move || {
//!         for number in 0..10_u64 {
//!             sender.send(number * number).expect("the receiver lives");
//!         }
//!     });
//!     assert_eq!(receiver.iter().sum::<u64>(), 285);
//!     squares.join().unwrap();
//! });
//! ```
//!
//! An observer sees a parked sender or receiver with reason `chan_send` or `chan_recv`, the
//! channel's address, and the task that last used the other end. A task that sends on a
//! channel whose receiver lives but never receives is the usual leak; it is what the
//! demo's workload `leak` does.
//!
//! # When a runtime ends
//!
//! The ends of a channel may belong to tasks of several runtimes and to threads. A task that is
//! [left](crate::Finished::leftover) when its runtime ends runs no more. By the time
//! [`Runtime::run`](crate::Runtime::run) has returned, it waits no more, and if it was woken for
//! a message or a place that it had not taken yet, the next one is woken for it. A handle on its
//! stack is never dropped: the channel does not close for the other end on its account, and a
//! message that it was sending is lost.

mod channel;
mod error;
mod receiver;
mod sender;

#[cfg(all(test, loom))]
mod model;

pub use error::{RecvError, RecvUntilError, SendError, SendUntilError, TryRecvError, TrySendError};
pub use receiver::{IntoIter, Iter, Receiver};
pub use sender::Sender;

use channel::Channel;

use crate::primitive::Arc;

/// A channel that holds up to `capacity` messages: its sending and its receiving end.
///
/// # Panics
///
/// If `capacity` is 0: a channel without room would need both ends at once. Use 1, and let
/// the receiver answer on a second channel where the sender must know that it has received.
///
/// # Examples
///
/// ```
/// use runtime::chan::{self, TrySendError};
///
/// let (sender, receiver) = chan::bounded(1);
/// sender.try_send("first").unwrap();
/// assert_eq!(sender.try_send("second"), Err(TrySendError::Full("second")));
/// assert_eq!(receiver.try_recv(), Ok("first"));
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "a channel needs room for at least one message"
    );
    let channel = Arc::new(Channel::new(capacity));
    (Sender::new(Arc::clone(&channel)), Receiver::new(channel))
}
