//! On tokio's multi-threaded runtime. It has no channel with several receivers, no rendezvous, no
//! wait group and no pool.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex, RwLock, Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::{select, spawn, time};

use super::{LOCKERS, PERMITS, ROOM, TASKS, WRITES_EVERY, work};

pub async fn fan_in(count: u64, senders: u64) {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let each = count / senders;
    for _ in 0..senders {
        let sender = sender.clone();
        spawn(async move {
            for number in 0..each {
                sender.send(number).await.expect("is received");
            }
        });
    }
    drop(sender);
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    assert_eq!(received, each * senders);
}

pub async fn select_2(count: u64) {
    let ends = [(); 2].map(|()| {
        let (sender, receiver) = mpsc::channel(ROOM);
        let sending = sender.clone();
        spawn(async move {
            for number in 0..count / 2 {
                sending.send(number).await.expect("is received");
            }
        });
        (sender, receiver)
    });
    // The senders are kept: a channel that is closed would always be ready.
    let [(_one, mut left), (_other, mut right)] = ends;
    let mut sum = 0;
    for _ in 0..count / 2 * 2 {
        sum += select! {
            number = left.recv() => number.expect("is open"),
            number = right.recv() => number.expect("is open"),
        };
    }
    assert_eq!(sum, count / 2 * (count / 2 - 1));
}

pub async fn mutex(count: u64) {
    let lock = Arc::new(Mutex::new(0));
    let each = count / LOCKERS;
    all(LOCKERS, || {
        let lock = Arc::clone(&lock);
        async move {
            for _ in 0..each {
                *lock.lock().await += 1;
            }
        }
    })
    .await;
    assert_eq!(*lock.lock().await, each * LOCKERS);
}

pub async fn rwlock(count: u64) {
    let lock = Arc::new(RwLock::new(0));
    let each = count / TASKS;
    all(TASKS, || {
        let lock = Arc::clone(&lock);
        async move {
            for number in 0..each {
                if number % WRITES_EVERY == 0 {
                    *lock.write().await += 1;
                } else {
                    assert!(*lock.read().await <= count);
                }
            }
        }
    })
    .await;
}

pub async fn semaphore(count: u64) {
    let semaphore = Arc::new(Semaphore::new(PERMITS));
    all(TASKS, || {
        let semaphore = Arc::clone(&semaphore);
        async move {
            for _ in 0..count / TASKS {
                let _permit = semaphore.acquire().await.expect("is never closed");
                yield_now().await;
            }
        }
    })
    .await;
}

/// Sleeps of an hour that are dropped once they are registered.
pub async fn timers(count: u64) {
    all(TASKS, || async move {
        for _ in 0..count / TASKS {
            let mut sleep = pin!(time::sleep(Duration::from_secs(3_600)));
            std::future::poll_fn(|context| {
                assert!(sleep.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
    })
    .await;
}

pub async fn works(count: u64, yields: bool) {
    all(TASKS, || async move {
        for number in 0..count / TASKS {
            std::hint::black_box(work(number));
            if yields {
                yield_now().await;
            }
        }
    })
    .await;
}

async fn all<F: Future<Output = ()> + Send + 'static>(tasks: u64, body: impl Fn() -> F) {
    let tasks: Vec<_> = (0..tasks).map(|_| spawn(body())).collect();
    for task in tasks {
        task.await.expect("returns");
    }
}
