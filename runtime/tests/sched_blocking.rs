//! Declared blocking calls: other tasks go on while one blocks its worker's thread.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::{
    Arc, Barrier,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};
use std::time::Duration;

use runtime::{Builder, Handle, blocking, chan, spawn, sync::Mutex, task};

/// Reads one byte, in `read(2)`.
fn read_byte(mut pipe: PipeReader) -> u8 {
    let mut byte = [0];
    pipe.read_exact(&mut byte).unwrap();
    byte[0]
}

fn write_byte(mut pipe: PipeWriter, byte: u8) {
    pipe.write_all(&[byte]).unwrap();
}

#[test]
fn others_go_on_while_one_reads_from_a_pipe() {
    Builder::new().workers(1).run(|| {
        let (reader, writer) = pipe().unwrap();
        let reads = spawn(move || blocking(|| read_byte(reader)));
        // Many switches of the only worker's other tasks, behind the read.
        let (sender, receiver) = chan::bounded(1);
        spawn(move || (0..1_000).for_each(|number| sender.send(number).unwrap()));
        assert_eq!(receiver.iter().sum::<u32>(), 499_500);
        write_byte(writer, 7);
        assert_eq!(reads.join().unwrap(), 7);
    });
}

#[test]
fn the_only_worker_blocks_until_a_task_behind_it_has_run() {
    Builder::new().workers(1).run(|| {
        for round in 0..100 {
            let (reader, writer) = pipe().unwrap();
            let writes = spawn(move || write_byte(writer, round));
            assert_eq!(blocking(|| read_byte(reader)), round);
            writes.join().unwrap();
        }
    });
}

#[test]
fn a_task_from_a_foreign_thread_runs_while_all_workers_block() {
    Builder::new().workers(2).run(|| {
        let handle = Handle::current().unwrap();
        let both_block = Arc::new(Barrier::new(3));
        let blockers = [(); 2].map(|()| {
            let (reader, writer) = pipe().unwrap();
            let both_block = Arc::clone(&both_block);
            let blocks = spawn(move || {
                blocking(|| {
                    both_block.wait();
                    read_byte(reader)
                })
            });
            (blocks, writer)
        });
        let (tasks, writers): (Vec<_>, Vec<_>) = blockers.into_iter().unzip();
        let foreign = std::thread::spawn(move || {
            both_block.wait();
            // Nothing was queued when they blocked.
            let writes = handle.spawn(|| writers.into_iter().for_each(|pipe| write_byte(pipe, 1)));
            writes.join().unwrap();
        });
        tasks
            .into_iter()
            .for_each(|task| assert_eq!(task.join().unwrap(), 1));
        blocking(|| foreign.join().unwrap());
    });
}

#[test]
fn a_timer_fires_while_the_only_worker_blocks() {
    Builder::new().workers(1).run(|| {
        let (sender, receiver) = mpsc::channel();
        let (asleep, waits) = chan::bounded(1);
        let sleeps = spawn(move || {
            asleep.send(()).unwrap();
            runtime::sleep(Duration::from_millis(3));
            sender.send(()).unwrap();
        });
        waits.recv().unwrap();
        blocking(|| receiver.recv()).unwrap();
        sleeps.join().unwrap();
    });
}

#[test]
fn many_block_at_once() {
    const TASKS: usize = 64;
    Builder::new().workers(2).run(|| {
        let all_block = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let all_block = Arc::clone(&all_block);
                spawn(move || {
                    blocking(|| all_block.wait());
                    number
                })
            })
            .collect();
        let sum: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
    });
}

#[test]
fn short_calls_of_many_tasks_lose_none() {
    Builder::new().workers(2).run(|| {
        let done = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let done = Arc::clone(&done);
                spawn(move || {
                    for call in 0..20 {
                        let result = blocking(|| {
                            if (number + call) % 7 == 0 {
                                std::thread::sleep(Duration::from_micros(50));
                            }
                            number + call
                        });
                        assert_eq!(result, number + call);
                        done.fetch_add(1, Ordering::Relaxed);
                        runtime::yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(done.load(Ordering::Relaxed), 4_000);
    });
}

#[test]
fn a_panic_inside_comes_out_with_its_payload() {
    Builder::new().workers(1).run(|| {
        let panics = spawn(|| {
            let (sender, receiver) = mpsc::channel();
            let _detached = spawn(move || sender.send(()).unwrap());
            blocking(|| {
                // The processor has a successor by now: the task moves before it unwinds.
                receiver.recv().unwrap();
                std::panic::resume_unwind(Box::new(7));
            });
        });
        let payload = panics.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref::<i32>(), Some(&7));
        let caught = std::panic::catch_unwind(|| {
            blocking(|| std::panic::resume_unwind(Box::new("again")));
        });
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"again"));
        assert!(task::current().is_some(), "still a task");
        runtime::yield_now();
    });
}

#[test]
fn calls_nest() {
    Builder::new().workers(1).run(|| {
        let (sender, receiver) = mpsc::channel();
        let child = spawn(move || sender.send(1).unwrap());
        let sum = blocking(|| {
            let inner = blocking(|| receiver.recv().unwrap());
            inner + blocking(|| 2)
        });
        assert_eq!(sum, 3);
        child.join().unwrap();
    });
}

#[test]
fn inside_the_thread_runs_no_task() {
    Builder::new().workers(1).run(|| {
        let handle = Handle::current().unwrap();
        let name = task::current();
        let (sender, receiver) = chan::bounded(1);
        let lock = Arc::new(Mutex::new(1));
        let spawned = {
            let lock = Arc::clone(&lock);
            blocking(|| {
                assert_eq!(task::current(), None);
                // Channels, locks and joins block the thread, until another worker sends.
                let sends = handle.spawn(move || sender.send(5).unwrap());
                assert_eq!(receiver.recv().unwrap(), 5);
                *lock.lock().unwrap() += 1;
                sends
            })
        };
        assert_eq!(task::current(), name, "the same task again");
        assert_eq!(*lock.lock().unwrap(), 2);
        spawned.join().unwrap();
    });
}

#[test]
fn on_a_foreign_thread_it_only_calls() {
    assert_eq!(blocking(|| 7), 7);
    assert!(
        std::panic::catch_unwind(|| blocking(|| std::panic::resume_unwind(Box::new(1)))).is_err()
    );
}

/// Calls while it unwinds, and wants a task behind it to have run.
struct BlocksOnDrop(mpsc::Receiver<()>);

impl Drop for BlocksOnDrop {
    fn drop(&mut self) {
        blocking(|| self.0.recv()).unwrap();
    }
}

#[test]
fn a_destructor_may_block_while_its_task_unwinds() {
    Builder::new().workers(1).run(|| {
        let (sender, receiver) = mpsc::channel();
        let panics = spawn(move || {
            let _guard = BlocksOnDrop(receiver);
            let _detached = spawn(move || sender.send(()).unwrap());
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panics.join().unwrap_err().is_panic());
    });
}

#[test]
fn the_end_waits_for_the_calls_and_leaves_their_tasks_behind() {
    let returned = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel::<()>();
    let returns = Arc::clone(&returned);
    let finished = Builder::new().workers(1).try_run(move || {
        let (begun, begins) = chan::bounded(1);
        drop(spawn(move || {
            begun.send(()).unwrap();
            blocking(|| {
                receiver.recv().unwrap_err();
                returns.fetch_add(1, Ordering::Release);
            });
            task::park(runtime::Reason::Other, 0, runtime::TaskId::NONE);
        }));
        begins.recv().unwrap();
        runtime::yield_now();
        // The call ends about when the runtime does.
        drop(sender);
    });
    assert_eq!(returned.load(Ordering::Acquire), 1);
    let leftover = finished.unwrap().leftover;
    assert_eq!(leftover.iter().map(|left| left.tasks()).sum::<u64>(), 1);
}
