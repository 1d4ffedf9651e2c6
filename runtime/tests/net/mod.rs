//! What the tests of sockets share: connected pairs, and waiting until a task waits.
#![allow(dead_code, reason = "each test program uses some of it")]

use runtime::net::{TcpListener, TcpStream};
use runtime::{Reason, TaskId, introspect, yield_now};

/// Both ends of a TCP connection.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// This end, and the standard library's of the other: what it does needs no runtime.
pub fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    (TcpStream::from_std(near).unwrap(), far)
}

/// Lets others run until the task is parked for this reason.
pub fn until_parked(task: TaskId, reason: Reason) {
    while !is_parked(task, reason) {
        yield_now();
    }
}

/// Whether the task is parked for this reason.
pub fn is_parked(task: TaskId, reason: Reason) -> bool {
    let tasks = introspect::tasks();
    let task = tasks.iter().find(|one| one.id() == task);
    let park = task.and_then(|task| task.park());
    park.is_some_and(|park| park.reason() == reason)
}
