//! Who polls: whatever the workers do, tasks that wait for sockets come to run.

mod net;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use net::{pair, pair_with_std, until_parked};
use runtime::net::{TcpListener, TcpStream, UdpSocket};
use runtime::{Builder, Handle, JoinHandle, Reason, blocking, spawn, yield_now};

/// A task that waits for a byte, with a flag that it raises then; and the peer.
fn waiting_reader() -> (JoinHandle<()>, Arc<AtomicBool>, std::net::TcpStream) {
    let (mut near, far) = pair_with_std();
    let has_read = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_read);
    let reader = spawn(move || {
        near.read_exact(&mut [0]).unwrap();
        flag.store(true, Ordering::Release);
    });
    until_parked(reader.id(), Reason::IoRead);
    (reader, has_read, far)
}

#[test]
fn a_task_that_yields_all_the_time_does_not_keep_another_from_its_bytes() {
    Builder::new().workers(1).run(|| {
        let (reader, has_read, mut far) = waiting_reader();
        far.write_all(b"x").unwrap();
        while !has_read.load(Ordering::Acquire) {
            yield_now();
        }
        reader.join().unwrap();
    });
}

/// The monitor polls, and finds the task a worker.
#[test]
fn a_hog_on_the_only_worker_does_not_keep_another_from_its_bytes() {
    Builder::new().workers(1).run(|| {
        let (reader, has_read, mut far) = waiting_reader();
        far.write_all(b"x").unwrap();
        while !has_read.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_hog_beside_a_sleeping_worker_does_not_keep_another_from_its_bytes() {
    Builder::new().workers(2).run(|| {
        for _ in 0..5 {
            let (reader, has_read, mut far) = waiting_reader();
            far.write_all(b"x").unwrap();
            while !has_read.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_blocking_call_on_the_only_worker_ends_by_what_another_task_reads() {
    Builder::new().workers(1).run(|| {
        let (mut near, mut far) = pair_with_std();
        let (sender, receiver) = mpsc::channel();
        let reader = spawn(move || {
            near.read_exact(&mut [0]).unwrap();
            sender.send(7).unwrap();
        });
        until_parked(reader.id(), Reason::IoRead);
        let received = blocking(|| {
            far.write_all(b"x").unwrap();
            receiver.recv()
        });
        assert_eq!(received, Ok(7));
        reader.join().unwrap();
    });
}

#[test]
fn sleepers_wake_while_a_worker_waits_for_sockets() {
    Builder::new().workers(1).run(|| {
        let (reader, _, mut far) = waiting_reader();
        for _ in 0..3 {
            runtime::sleep(Duration::from_millis(2));
        }
        far.write_all(b"x").unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_task_from_outside_wakes_a_worker_that_waits_for_sockets() {
    Builder::new().workers(1).run(|| {
        let (reader, _, mut far) = waiting_reader();
        let handle = Handle::current().unwrap();
        let (sender, receiver) = runtime::chan::bounded(1);
        let foreign = std::thread::spawn(move || {
            for number in 0..100 {
                let sender = sender.clone();
                handle
                    .spawn(move || sender.send(number).unwrap())
                    .join()
                    .unwrap();
            }
        });
        assert_eq!(receiver.iter().sum::<u32>(), 99 * 50);
        foreign.join().unwrap();
        far.write_all(b"x").unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_socket_of_one_runtime_is_waited_for_in_another() {
    let (sender, sockets) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let first = std::thread::spawn(move || {
        Builder::new().workers(1).run(move || {
            let (near, mut far) = pair_with_std();
            far.write_all(b"x").unwrap();
            (&near).read_exact(&mut [0]).unwrap();
            let late = near.read_until(&mut [0], Duration::from_millis(1));
            assert!(late.is_err(), "it is registered here");
            sender.send((near, far)).unwrap();
            blocking(|| released.recv().unwrap());
        });
    });
    Builder::new().workers(2).run(move || {
        let (mut near, mut far) = sockets.recv().unwrap();
        let reader = spawn(move || {
            near.read_exact(&mut [0]).unwrap();
            near
        });
        until_parked(reader.id(), Reason::IoRead);
        release.send(()).unwrap();
        // From here on nobody polls in the first runtime.
        blocking(|| first.join().unwrap());
        far.write_all(b"y").unwrap();
        let mut near = reader.join().unwrap();
        far.shutdown(Shutdown::Both).unwrap();
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn a_thread_that_runs_no_task_uses_sockets_too() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let late = socket.recv_until(&mut [0], Duration::from_millis(1));
    assert!(late.is_err());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"from a thread").unwrap();
    });
    let mut text = String::new();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "from a thread");
    peer.join().unwrap();
}

/// Descriptors are used again at once, while events of those that had the number are still on
/// their way: closed by tasks on both ends, on both workers.
#[test]
fn a_descriptor_that_is_used_again_has_nothing_of_the_last_one() {
    Builder::new().workers(2).run(|| {
        let tasks: Vec<_> = (0..8_u8)
            .map(|number| spawn(move || (0..100).for_each(|round| exchange(number ^ round))))
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

fn exchange(byte: u8) {
    let (mut near, mut far) = pair();
    let peer = spawn(move || {
        let mut received = [0];
        far.read_exact(&mut received).unwrap();
        far.write_all(&received).unwrap();
        // Both ends close at about the same time, with events pending.
    });
    near.write_all(&[byte]).unwrap();
    let mut received = [0];
    near.read_exact(&mut received).unwrap();
    assert_eq!(received, [byte]);
    drop(near);
    peer.join().unwrap();
}

#[test]
fn a_runtime_ends_while_tasks_wait_for_sockets() {
    for _ in 0..3 {
        let finished = Builder::new().workers(2).try_run(|| {
            let (reader, _, far) = waiting_reader();
            drop(reader);
            // The peer stays open: nothing will ever happen there.
            std::mem::forget(far);
        });
        let finished = finished.unwrap();
        finished.result.unwrap();
        assert_eq!(finished.leftover.iter().map(|l| l.tasks()).sum::<u64>(), 1);
    }
}
