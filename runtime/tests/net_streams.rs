//! TCP and Unix streams: what goes in comes out, whoever waits, closes, resets or gives up.

mod net;

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use net::{pair, pair_with_std, until_parked};
use runtime::cancel::{Cancelled, Token};
use runtime::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use runtime::time::Instant;
use runtime::{Builder, Reason, Runtime, spawn};

#[test]
fn a_read_waits_for_what_the_peer_sends_and_observers_see_why() {
    Runtime::run(|| {
        let (near, mut far) = pair_with_std();
        let reader = spawn(move || {
            let mut bytes = [0; 5];
            (&near).read_exact(&mut bytes).unwrap();
            bytes
        });
        until_parked(reader.id(), Reason::IoRead);
        far.write_all(b"he").unwrap();
        until_parked(reader.id(), Reason::IoRead);
        far.write_all(b"llo").unwrap();
        assert_eq!(&reader.join().unwrap(), b"hello");
    });
}

#[test]
fn a_write_waits_for_a_slow_peer() {
    const MUCH: usize = 8 << 20;
    Builder::new().workers(2).run(|| {
        let (mut near, mut far) = pair_with_std();
        let writer = spawn(move || near.write_all(&vec![7; MUCH]).unwrap());
        until_parked(writer.id(), Reason::IoWrite);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).unwrap();
            bytes
        });
        writer.join().unwrap();
        let bytes = runtime::blocking(|| reader.join().unwrap());
        assert!(bytes.len() == MUCH && bytes.iter().all(|byte| *byte == 7));
    });
}

/// Echoes until the peer has ended its direction.
fn echo(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut bytes = [0; 512];
    loop {
        match stream.read(&mut bytes).unwrap() {
            0 => return,
            read => stream.write_all(&bytes[..read]).unwrap(),
        }
    }
}

#[test]
fn many_connections_echo_at_once() {
    for workers in [1, 2, 4] {
        Builder::new().workers(workers).run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let end = Token::new();
            let accepting = {
                let end = end.clone();
                spawn(move || {
                    listener
                        .accept_each(&end, |stream, _| drop(spawn(move || echo(stream))))
                        .unwrap()
                })
            };
            let clients: Vec<_> = (0..200_u32)
                .map(|number| spawn(move || talk(TcpStream::connect(address).unwrap(), number)))
                .collect();
            clients.into_iter().for_each(|task| task.join().unwrap());
            end.cancel();
            assert!(!accepting.join().unwrap().is_timeout());
        });
    }
}

/// Sends and receives messages of many lengths, some longer than the echo's buffer.
fn talk(mut stream: TcpStream, number: u32) {
    stream.set_nodelay(true).unwrap();
    for round in 0..20_u32 {
        let message = vec![(number ^ round) as u8; 1 + (number * 37 + round * 101) as usize % 1500];
        stream.write_all(&message).unwrap();
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, message);
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "the echo has closed");
}

#[test]
fn the_end_is_read_also_when_it_came_with_the_last_bytes() {
    Builder::new().workers(2).run(|| {
        for _ in 0..200 {
            let (mut near, far) = pair();
            let peer = spawn(move || (&far).write_all(b"bye").unwrap());
            let mut bytes = Vec::new();
            near.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"bye");
            peer.join().unwrap();
        }
    });
}

#[test]
fn a_half_closed_connection_still_sends() {
    Runtime::run(|| {
        let (near, far) = pair();
        let server = spawn(move || {
            let mut request = String::new();
            (&far).read_to_string(&mut request).unwrap();
            (&far).write_all(request.to_uppercase().as_bytes()).unwrap();
        });
        (&near).write_all(b"half").unwrap();
        until_parked(server.id(), Reason::IoRead);
        near.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        (&near).read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "HALF");
        server.join().unwrap();
    });
}

#[test]
fn a_shutdown_ends_the_read_of_another_task() {
    Runtime::run(|| {
        let (near, _far) = pair();
        let near = Arc::new(near);
        let reader = {
            let near = Arc::clone(&near);
            spawn(move || (&*near).read(&mut [0; 8]).unwrap())
        };
        until_parked(reader.id(), Reason::IoRead);
        near.shutdown(Shutdown::Both).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
    });
}

#[test]
fn a_reset_is_an_error_of_who_waits() {
    Runtime::run(|| {
        let (near, far) = pair();
        let reader = spawn(move || (&near).read(&mut [0; 8]).unwrap_err().kind());
        until_parked(reader.id(), Reason::IoRead);
        let linger = Some(Duration::ZERO);
        socket2::SockRef::from(&far).set_linger(linger).unwrap();
        drop(far);
        assert_eq!(reader.join().unwrap(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    Runtime::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(TcpStream::connect(&[][..]).is_err(), "no address");
    });
}

#[test]
fn a_deadline_ends_a_read_that_waits_and_what_is_there_wins() {
    Runtime::run(|| {
        let (near, far) = pair();
        near.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)));
        let late = (&near).read(&mut [0; 8]).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        (&far).write_all(b"x").unwrap();
        near.set_read_deadline(None);
        assert_eq!((&near).read(&mut [0; 8]).unwrap(), 1);
        near.set_read_deadline(Some(Instant::now()));
        (&far).write_all(b"yz").unwrap();
        let mut bytes = [0; 1];
        // The bytes are on their way through the loopback when `write_all` has returned.
        assert_eq!((&near).read(&mut bytes).unwrap(), 1);
        assert_eq!((&near).read(&mut bytes).unwrap(), 1);
    });
}

#[test]
fn a_deadline_set_by_another_task_ends_a_read_that_waits_already() {
    Runtime::run(|| {
        let (near, _far) = pair();
        let near = Arc::new(near);
        let reader = {
            let near = Arc::clone(&near);
            spawn(move || (&*near).read(&mut [0; 8]).unwrap_err().kind())
        };
        until_parked(reader.id(), Reason::IoRead);
        near.set_read_deadline(Some(Instant::now()));
        assert_eq!(reader.join().unwrap(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_write_deadline_ends_a_write_to_a_peer_that_does_not_read() {
    Runtime::run(|| {
        let (mut near, _far) = pair();
        near.set_write_deadline(Some(Instant::now() + Duration::from_millis(5)));
        let late = near.write_all(&vec![0; 16 << 20]).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_token_ends_reads_writes_and_accepts() {
    Builder::new().workers(2).run(|| {
        let (near, _far) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let token = Token::new();
        let near = Arc::new(near);
        let reader = {
            let (near, token) = (Arc::clone(&near), token.clone());
            spawn(move || near.read_until(&mut [0; 8], &token).unwrap_err())
        };
        let writer = {
            let (near, token) = (Arc::clone(&near), token.clone());
            spawn(move || {
                let mut near = near.bounded(&token);
                near.write_all(&vec![0; 16 << 20]).unwrap_err()
            })
        };
        let acceptor = {
            let token = token.clone();
            spawn(move || listener.accept_until(&token).unwrap_err())
        };
        until_parked(reader.id(), Reason::IoRead);
        until_parked(writer.id(), Reason::IoWrite);
        until_parked(acceptor.id(), Reason::IoAccept);
        token.cancel();
        for task in [reader, writer, acceptor] {
            let error = task.join().unwrap();
            assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        }
    });
}

#[test]
fn vectored_calls_move_all_buffers() {
    Runtime::run(|| {
        let (mut near, mut far) = pair();
        let sent = near
            .write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")])
            .unwrap();
        assert_eq!(sent, 5);
        let (mut first, mut second) = ([0; 3], [0; 8]);
        let buffers = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(far.read_vectored(buffers).unwrap(), 5);
        assert_eq!((&first, &second[..2]), (b"abc", &b"de"[..]));
    });
}

#[test]
fn a_clone_reads_while_the_original_writes_and_both_are_the_standard_librarys_again() {
    Builder::new().workers(2).run(|| {
        let (near, far) = pair();
        let reader = near.try_clone().unwrap();
        let reading = spawn(move || {
            let mut reader = reader;
            reader.read_exact(&mut [0; 3]).unwrap();
            reader
        });
        let echoing = spawn(move || echo(far));
        (&near).write_all(b"abc").unwrap();
        let mut reader = reading.join().unwrap().into_std().unwrap();
        let mut writer = near.into_std().unwrap();
        runtime::blocking(move || {
            writer.write_all(b"!").unwrap();
            reader.read_exact(&mut [0; 1]).unwrap();
            writer.shutdown(Shutdown::Both).unwrap();
        });
        echoing.join().unwrap();
    });
}

#[test]
fn bytes_go_through_a_peek_unread() {
    Runtime::run(|| {
        let (mut near, far) = pair();
        let peer = spawn(move || (&far).write_all(b"x").unwrap());
        assert_eq!(near.peek(&mut [0; 4]).unwrap(), 1);
        assert_eq!(near.read(&mut [0; 4]).unwrap(), 1);
        peer.join().unwrap();
    });
}

#[test]
fn unix_streams_connect_by_path_and_wait_for_a_full_queue() {
    let folder = std::env::temp_dir().join(format!("parkwatch-net-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("listener");
    let connected = {
        let path = path.clone();
        Builder::new().workers(2).run(move || {
            let listener = UnixListener::bind(&path).unwrap();
            socket2::SockRef::from(&listener).listen(1).unwrap();
            let clients: Vec<_> = (0..20_u8)
                .map(|number| {
                    let path = path.clone();
                    spawn(move || {
                        let mut stream = UnixStream::connect(path).unwrap();
                        stream.write_all(&[number]).unwrap();
                    })
                })
                .collect();
            let mut seen = Vec::new();
            for _ in 0..20 {
                let mut byte = [0];
                listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            clients.into_iter().for_each(|task| task.join().unwrap());
            seen.sort_unstable();
            seen
        })
    };
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(connected, (0..20).collect::<Vec<_>>());
}
