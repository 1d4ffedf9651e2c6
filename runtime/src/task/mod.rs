//! Tasks: spawning, joining, parking.
//!
//! For those who build primitives: [`park`] with a [`Reason`](crate::Reason), a resource and
//! an owner, and [`waiter`] for the other side.

mod blocking;
pub(crate) mod cell;
pub(crate) mod current;
mod extras;
mod group;
mod id;
pub(crate) mod inspection;
pub(crate) mod join;
mod join_set;
mod join_word;
pub(crate) mod local;
mod parent;
mod pinned;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod root;
mod scope;
pub(crate) mod spawn;
pub(crate) mod state;
pub(crate) mod table;
mod unjoined;
mod wait;
mod wait_fields;
mod worker_pool;

use crate::cancel::Token;
pub use blocking::blocking;
pub use group::{GroupError, TaskGroup};
pub use id::TaskId;
pub use join::{JoinError, JoinHandle};
pub use join_set::JoinSet;
pub use local::TaskLocal;
pub use parent::{Parent, parent, site};
pub use pinned::{Pinned, pin, spawn_pinned};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use spawn::{Builder, spawn};
pub use unjoined::unjoined_panics;
pub use wait::{Waiter, current, name, park, park_timeout, sleep, waiter, yield_now};
pub(crate) use wait::{wake_from_poller, wake_from_timer};
pub use worker_pool::WorkerPool;

/// The calling task's own token: `fresh` if it has none yet, or on a thread that runs no task.
pub(crate) fn own_token(fresh: Token) -> Token {
    match current::record() {
        // SAFETY: the task runs here.
        Some(record) => unsafe { record.token(fresh) },
        None => fresh,
    }
}
