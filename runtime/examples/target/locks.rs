//! A mutex that one task holds and others wait for.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use runtime::sync::Mutex;
use runtime::{TaskId, chan};

use crate::truth;

/// The mutex, and how to tell its holder to let go.
#[derive(Default)]
pub struct Locks {
    mutex: Arc<Mutex<u64>>,
    let_go: Option<chan::Sender<()>>,
}

impl Locks {
    /// A task takes the mutex and holds it; returns once it does.
    pub fn lock(&mut self) -> Result<TaskId> {
        ensure!(
            self.let_go.is_none(),
            "the mutex is held; unlock comes first"
        );
        let (let_go, told) = chan::bounded(1);
        let (taken, is_taken) = chan::bounded(1);
        let mutex = Arc::clone(&self.mutex);
        let holder = truth::spawn(move || {
            let guard = mutex.lock().expect("no holder panics");
            // Neither end fails: the root task keeps both until it has what it wants.
            let _ = taken.send(());
            let _ = told.recv();
            drop(guard);
        });
        is_taken
            .recv()
            .context("the holder ended before it had the mutex")?;
        self.let_go = Some(let_go);
        Ok(holder.id())
    }

    /// `count` tasks queue for the mutex; each ends as soon as it has had it.
    pub fn wait(&self, count: u64) -> u64 {
        for _ in 0..count {
            let mutex = Arc::clone(&self.mutex);
            truth::spawn(move || *mutex.lock().expect("no holder panics") += 1);
        }
        count
    }

    /// The holder lets go and ends.
    pub fn unlock(&mut self) -> Result<()> {
        let let_go = self
            .let_go
            .take()
            .context("nobody was told to hold the mutex")?;
        let_go.send(()).context("the holder has ended")
    }
}
