//! Futures of a library that knows nothing of this runtime, waited for by tasks.

mod net;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::future::{join_all, poll_fn};
use futures::stream::FuturesUnordered;
use futures::{SinkExt, StreamExt};

use net::until_parked;
use runtime::cancel::Token;
use runtime::future::{block_on_future, block_on_future_until, spawn_future};
use runtime::{Builder, Reason, Runtime, spawn};

#[test]
fn a_task_parks_until_another_makes_its_future_ready() {
    Runtime::run(|| {
        let (sender, receiver) = oneshot::channel();
        let waits = spawn(move || block_on_future(receiver));
        until_parked(waits.id(), Reason::Future);
        sender.send(7).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_thread_outside_of_the_runtime_wakes_it() {
    Builder::new().workers(2).run(|| {
        for number in 0..200 {
            let (sender, receiver) = oneshot::channel();
            let thread = std::thread::spawn(move || sender.send(number).unwrap());
            assert_eq!(block_on_future(receiver), Ok(number));
            thread.join().unwrap();
        }
    });
}

#[test]
fn every_message_of_an_async_channel_arrives() {
    Builder::new().workers(2).run(|| {
        let (sender, receiver) = mpsc::channel(2);
        let senders: Vec<_> = (0..8_u64)
            .map(|unit| {
                let mut sender = sender.clone();
                spawn_future(async move {
                    for _ in 0..100 {
                        sender.send(unit).await.unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let sum = block_on_future(receiver.fold(0, |sum, unit| async move { sum + unit }));
        assert_eq!(sum, 100 * 28);
        senders.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn many_futures_share_a_task() {
    Builder::new().workers(2).run(|| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..50).map(|_| oneshot::channel()).unzip();
        let shared: FuturesUnordered<_> = receivers.into_iter().collect();
        let sum = spawn_future(shared.fold(0, |sum, got| async move { sum + got.unwrap() }));
        for (number, sender) in senders.into_iter().enumerate() {
            spawn(move || sender.send(number).unwrap());
        }
        assert_eq!(sum.join().unwrap(), 49 * 25);
    });
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    Runtime::run(|| {
        let mut polls = 0;
        block_on_future(poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls < 10 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        }));
        assert_eq!(polls, 10);
    });
}

#[test]
fn a_wait_for_a_future_ends_by_its_time_and_by_a_token_and_the_future_is_dropped() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    Runtime::run(|| {
        let never = std::future::pending::<()>;
        let late = block_on_future_until(never(), Duration::from_millis(2));
        assert!(late.unwrap_err().is_timeout());
        let (token, dropped) = (Token::new(), Arc::new(AtomicBool::new(false)));
        let waits = {
            let (token, guard) = (token.clone(), Dropped(Arc::clone(&dropped)));
            spawn(move || {
                let future = async move {
                    let _guard = guard;
                    never().await;
                };
                block_on_future_until(future, &token).is_err()
            })
        };
        until_parked(waits.id(), Reason::Future);
        token.cancel();
        assert!(waits.join().unwrap());
        assert!(dropped.load(Ordering::Acquire));
    });
}

#[test]
fn a_future_that_panics_ends_its_task_only() {
    Runtime::run(|| {
        let fails = spawn_future(async { std::panic::resume_unwind(Box::new("in a future")) });
        let failed: Result<(), _> = fails.join();
        assert!(failed.unwrap_err().is_panic());
        let all = join_all([1, 2].map(|n| async move { n }));
        assert_eq!(block_on_future(all), [1, 2]);
    });
}

#[test]
fn a_waker_that_outlives_its_task_does_no_harm() {
    Runtime::run(|| {
        let mut kept = None;
        block_on_future(poll_fn(|context| {
            kept = Some(context.waker().clone());
            Poll::Ready(())
        }));
        kept.unwrap().wake();
        runtime::sleep(Duration::from_millis(1));
    });
}
