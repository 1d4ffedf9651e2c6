//! How many threads wake for one request of a quiet server: counted by the kernel, in a process that
//! runs nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use runtime::net::TcpListener;
use runtime::{Builder, cancel, chan, spawn};

const REQUESTS: u64 = 100;

/// What makes the rate of requests low: the client's pause before each.
const PAUSE: Duration = Duration::from_millis(12);

/// A timer that every connection has, far away.
const LIMIT: Duration = Duration::from_secs(3600);

/// How many times each thread of this process has gone to sleep, by the names of threads.
fn sleeps() -> BTreeMap<String, u64> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let sleeps = threads.map(|thread| {
        let folder = thread.unwrap().path();
        let name = fs::read_to_string(folder.join("comm")).unwrap();
        let status = fs::read_to_string(folder.join("status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        (
            name.trim().to_owned(),
            line.unwrap().trim().parse().unwrap(),
        )
    });
    sleeps.collect()
}

/// Sends one byte after the other and waits for each to come back; gives how many times the
/// threads of the server went to sleep meanwhile.
fn ask(mut server: TcpStream) -> BTreeMap<String, u64> {
    let mut ask_once = || {
        std::thread::sleep(PAUSE);
        server.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
    };
    ask_once();
    let before = sleeps();
    (0..REQUESTS).for_each(|_| ask_once());
    let mut sleeps = sleeps();
    for (name, count) in &mut sleeps {
        *count -= before.get(name).copied().unwrap_or(0);
    }
    sleeps
}

fn serve(listener: &TcpListener) -> std::io::Result<()> {
    let token = cancel::current();
    let end = listener.accept_each(&token, |mut stream, _| {
        spawn(move || {
            let mut byte = [0];
            while stream.read_until(&mut byte, LIMIT)? == 1 {
                stream.write_all(&byte)?;
            }
            std::io::Result::Ok(())
        });
    });
    end.map(drop)
}

/// A request wakes the one worker that waits for it. The monitor looks now and then by itself, and
/// where a worker is kept from its core; a second worker has nothing to do.
#[test]
fn a_request_at_a_low_rate_wakes_one_worker_and_nobody_else() {
    let (sender, addresses) = mpsc::channel::<SocketAddr>();
    let (counted, sleeps) = chan::bounded(1);
    let client = std::thread::spawn(move || {
        let server = TcpStream::connect(addresses.recv().unwrap()).unwrap();
        counted.send(ask(server)).unwrap();
    });
    let sleeps = Builder::new().workers(2).run(move || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        let server = spawn(move || serve(&listener));
        let sleeps = sleeps.recv().unwrap();
        server.cancel();
        server.join().unwrap().unwrap();
        sleeps
    });
    client.join().unwrap();
    println!("{REQUESTS} requests, sleeps of threads: {sleeps:?}");
    let of = |prefix: &str| -> u64 {
        let threads = sleeps.iter().filter(|(name, _)| name.starts_with(prefix));
        threads.map(|(_, sleeps)| sleeps).sum()
    };
    let (workers, monitor) = (of("worker-"), of("monitor"));
    assert!(workers > REQUESTS / 2, "they are counted: {workers}");
    assert!(
        workers < REQUESTS * 3 / 2,
        "the workers slept {workers} times"
    );
    assert!(monitor < REQUESTS / 2, "the monitor slept {monitor} times");
}
