//! The end of a runtime with a grace period: tasks are told, awaited, and reported if they stay.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::net::{TcpListener, TcpStream};
use runtime::{Builder, Reason, TaskId, blocking, cancel, chan, spawn, task, yield_now};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

#[test]
fn tasks_that_wait_under_their_token_end_with_their_destructors() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let finished = {
        let dropped = Arc::clone(&dropped);
        let builder = Builder::new().workers(2).grace(LONG);
        builder.try_run(move || {
            for _ in 0..100 {
                let counted = Counted(Arc::clone(&dropped));
                spawn(move || {
                    let _counted = counted;
                    // Below the runtime's token by two tasks.
                    spawn(|| cancel::current().wait()).join().unwrap();
                });
            }
        })
    };
    assert!(finished.unwrap().leftover.is_empty());
    assert_eq!(dropped.load(Ordering::Acquire), 100);
}

#[test]
fn a_server_finishes_its_request_and_closes_its_listener() {
    let (sender, addresses) = std::sync::mpsc::channel();
    let (release, released) = chan::bounded::<()>(1);
    let server = std::thread::spawn(move || {
        let builder = Builder::new().workers(2).grace(LONG);
        builder.try_run(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let token = cancel::current();
            let accepting = spawn(move || {
                listener.accept_each(&cancel::current(), |mut stream, _| {
                    let token = token.clone();
                    spawn(move || {
                        stream.read_exact(&mut [0]).unwrap();
                        token.wait();
                        stream.write_all(b"finished").unwrap();
                    });
                })
            });
            drop(accepting);
            released.recv().unwrap();
        })
    });
    let address = addresses.recv().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"?").unwrap();
    release.send(()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "finished");
    assert!(server.join().unwrap().unwrap().leftover.is_empty());
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[test]
fn what_does_not_end_is_reported_by_site_and_another_runtime_goes_on() {
    let (release, released) = chan::bounded::<()>(1);
    let other = std::thread::spawn(move || {
        Builder::new().workers(1).grace(LONG).run(move || {
            let waits = spawn(move || released.recv().is_ok());
            let token = cancel::current();
            (waits.join().unwrap(), token.is_cancelled())
        })
    });
    let builder = Builder::new().workers(2).grace(Duration::from_millis(20));
    let finished = builder.try_run(|| {
        for _ in 0..3 {
            task::Builder::new().name("deaf").spawn(|| {
                loop {
                    task::park(Reason::Other, 0, TaskId::NONE);
                }
            });
        }
        (0..10).for_each(|_| yield_now());
    });
    let leftover = finished.unwrap().leftover;
    assert_eq!(leftover.len(), 1);
    assert_eq!(
        (leftover[0].site().name(), leftover[0].tasks()),
        (Some("deaf"), 3)
    );
    release.send(()).unwrap();
    assert_eq!(other.join().unwrap(), (true, false));
}

/// The last task's worker has been replaced while it computed: it ends with its task.
#[test]
fn the_end_of_a_hog_is_noticed_where_a_spare_worker_has_its_place() {
    let finished = Builder::new().workers(1).grace(LONG).try_run(|| {
        let token = cancel::current();
        spawn(move || {
            let ran = Arc::new(AtomicUsize::new(0));
            let counted = Counted(Arc::clone(&ran));
            spawn(move || drop(counted));
            while ran.load(Ordering::Acquire) == 0 || !token.is_cancelled() {
                std::hint::spin_loop();
            }
        });
    });
    assert!(finished.unwrap().leftover.is_empty());
}

#[test]
fn the_end_of_a_pinned_task_and_of_a_blocking_call_is_noticed() {
    for workers in [1, 2] {
        let finished = Builder::new().workers(workers).grace(LONG).try_run(|| {
            task::spawn_pinned(|| cancel::current().wait());
            let (token, (told, stopped)) = (cancel::current(), std::sync::mpsc::channel());
            spawn(move || {
                token.wait();
                told.send(()).unwrap();
            });
            spawn(move || blocking(|| stopped.recv().unwrap()));
        });
        assert!(finished.unwrap().leftover.is_empty());
    }
}

#[test]
fn a_main_that_panics_ends_in_order_too() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(Arc::clone(&dropped));
    let finished = Builder::new().workers(1).grace(LONG).try_run(move || {
        spawn(move || {
            let _counted = counted;
            cancel::current().wait();
        });
        std::panic::resume_unwind(Box::new("main fails"))
    });
    let finished: runtime::Finished<()> = finished.unwrap();
    assert!(finished.result.unwrap_err().is_panic() && finished.leftover.is_empty());
    assert_eq!(dropped.load(Ordering::Acquire), 1);
}
