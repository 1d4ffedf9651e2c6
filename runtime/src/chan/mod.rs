//! Channels: how tasks and foreign threads hand each other messages.
//!
//! | channel | holds | a send waits |
//! |---|---|---|
//! | [`bounded`] | up to a fixed number of messages | while it is full |
//! | [`rendezvous`] | none | until a receiver has taken the message |
//! | [`unbounded`] | any number | never |
//! | [`oneshot`](oneshot()) | one, once | never |
//!
//! Both ends can be sent and shared, and but for a oneshot's cloned; every message is received
//! once, in the order in which they were sent. When there is no message, `recv` parks the
//! receiver; a send that waits parks the sender; a foreign thread blocks instead. Dropping the
//! last handle of one end closes the channel for the other: receivers still get what is in it,
//! senders get their message back.
//!
//! What waits has a form that ends early, `send_until` and `recv_until`, and
//! [`select!`](crate::select!) waits for the first of several sends, receives, times and tokens.
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
//! An observer sees a parked sender or receiver with reason `chan_send` or `chan_recv` (a
//! [`select`] with reason `select`), the
//! channel's address, and the task that last used the other end. A task that sends on a
//! channel whose receiver lives but never receives is the usual leak; it is what the
//! demo's workload `leak` does.
//!
//! # When a runtime ends
//!
//! The ends of a channel may belong to tasks of several runtimes and to threads. A task that is
//! [left](crate::Finished::leftover) when its runtime ends runs no more. By the time
//! [`Runtime::run`](crate::Runtime::run) has returned, it waits no more, and if it was woken for
//! a message or a place that it had not taken yet, the next one is woken for it; a message that
//! it was handed without a buffer goes to the next receiver. A handle on its stack is never
//! dropped: the channel does not close for the other end on its account, and a message that it
//! was sending is lost.

mod buffered;
mod channel;
mod error;
mod line;
pub mod oneshot;
mod patience;
mod port;
mod receiver;
mod rendezvous;
pub mod select;
mod sender;
mod side;

#[cfg(all(test, loom))]
mod model;

pub use error::{RecvError, RecvUntilError, SendError, SendUntilError, TryRecvError, TrySendError};
pub use receiver::{IntoIter, Iter, Receiver};
pub use sender::Sender;

use channel::Channel;

use crate::primitive::Arc;

/// A channel that holds up to `capacity` messages: its sending and its receiving end.
///
/// With a capacity of 0 it is a [`rendezvous`].
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
    let channel = Arc::new(Channel::new(capacity));
    (Sender::new(Arc::clone(&channel)), Receiver::new(channel))
}

/// A channel without room: a send returns when a receiver has taken the message. What
/// [`send_until`](Sender::send_until) gives back, nobody has taken.
///
/// `try_send` sends if a receiver waits, `try_recv` receives if a sender does. A receiver that
/// was handed a message, and whose runtime ends before it runs, leaves the message to the next.
///
/// # Examples
///
/// ```
/// use runtime::{Runtime, chan, spawn};
///
/// Runtime::run(|| {
///     let (sender, receiver) = chan::rendezvous();
///     assert!(sender.try_send(0).is_err(), "nobody is there to take it");
///     let receiving = spawn(move || receiver.recv());
///     sender.send(7).unwrap();
///     assert_eq!(receiving.join().unwrap(), Ok(7));
/// });
/// ```
#[must_use]
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    bounded(0)
}

/// A channel without a bound: a send never waits.
///
/// **A sender that is quicker than its receivers fills the memory**, and nobody sees it wait:
/// prefer [`bounded`] where you do not know that there is a bound of another kind.
///
/// # Examples
///
/// ```
/// use runtime::chan;
///
/// let (sender, receiver) = chan::unbounded();
/// (0..1_000).for_each(|number| sender.send(number).unwrap());
/// drop(sender);
/// assert_eq!(receiver.iter().count(), 1_000);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(buffered::UNBOUNDED)
}

/// A channel for one message.
///
/// # Examples
///
/// ```
/// use runtime::{Runtime, chan, spawn};
///
/// Runtime::run(|| {
///     let (answer, answered) = chan::oneshot();
///     spawn(move || answer.send(42));
///     assert_eq!(answered.recv(), Ok(42));
/// });
/// ```
#[must_use]
pub fn oneshot<T>() -> (oneshot::Sender<T>, oneshot::Receiver<T>) {
    oneshot::oneshot()
}
