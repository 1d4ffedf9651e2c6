//! Running out of descriptors: alone in its program, as the limit is the whole process's.

mod net;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use net::until_parked;
use runtime::cancel::Token;
use runtime::net::{TcpListener, TcpStream};
use runtime::{Builder, Reason, blocking, spawn, with_stack};

/// Opens files until there is no descriptor left.
fn take_all() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

/// A client in a process of its own, with descriptors of its own: at the first line of its input it
/// connects, sends a byte, and prints the one that comes back.
fn client_outside(address: SocketAddr) -> Child {
    let (ip, port) = (address.ip(), address.port());
    let script = format!("read; exec 3<>/dev/tcp/{ip}/{port}; echo -n x >&3; head -c 1 <&3");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    with_stack(64 << 10, || command.spawn()).unwrap()
}

fn echo_a_byte(mut stream: TcpStream) {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    stream.write_all(&byte).unwrap();
}

#[test]
fn an_accept_loop_waits_for_descriptors_and_goes_on() {
    let (_, hard) = rlimit::Resource::NOFILE.get().unwrap();
    rlimit::Resource::NOFILE.set(64, hard).unwrap();
    Builder::new().workers(2).run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let end = Token::new();
        let acceptor = {
            let end = end.clone();
            let each = |stream, _| drop(spawn(move || echo_a_byte(stream)));
            spawn(move || listener.accept_each(&end, each))
        };
        until_parked(acceptor.id(), Reason::IoAccept);
        let mut client = client_outside(address);
        let all = take_all();
        let mut input = client.stdin.take().unwrap();
        input.write_all(b"go\n").unwrap();
        // The pause after an accept without a descriptor: until a time, or the token.
        until_parked(acceptor.id(), Reason::Condvar);
        assert!(
            TcpStream::connect(address).is_err(),
            "this process has none"
        );
        drop((all, input));
        let output = blocking(|| client.wait_with_output()).unwrap();
        assert_eq!(output.stdout, b"x");
        end.cancel();
        assert!(!acceptor.join().unwrap().unwrap().is_timeout());
    });
}
