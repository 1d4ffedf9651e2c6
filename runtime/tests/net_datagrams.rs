//! Datagrams, and sockets that several tasks wait for at once.

mod net;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use net::until_parked;
use runtime::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use runtime::{Builder, Reason, Runtime, spawn};

fn udp_pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    (one, other)
}

#[test]
fn a_datagram_arrives_whole_with_its_senders_address() {
    Runtime::run(|| {
        let (one, other) = udp_pair();
        let receiver = spawn(move || {
            let mut buffer = [0; 32];
            let (length, peer) = other.recv_from(&mut buffer).unwrap();
            (buffer[..length].to_vec(), peer)
        });
        until_parked(receiver.id(), Reason::IoRead);
        one.send(b"datagram").unwrap();
        let (bytes, peer) = receiver.join().unwrap();
        assert_eq!(
            (bytes.as_slice(), peer),
            (&b"datagram"[..], one.local_addr().unwrap())
        );
    });
}

#[test]
fn a_receive_ends_by_its_time() {
    Runtime::run(|| {
        let (one, _other) = udp_pair();
        let late = one.recv_until(&mut [0; 8], Duration::from_millis(3));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn each_of_many_who_wait_for_one_socket_gets_a_datagram() {
    Builder::new().workers(2).run(|| {
        let (one, other) = udp_pair();
        let other = Arc::new(other);
        let receivers: Vec<_> = (0..8)
            .map(|_| {
                let other = Arc::clone(&other);
                spawn(move || {
                    let mut byte = [0];
                    other.recv(&mut byte).unwrap();
                    byte[0]
                })
            })
            .collect();
        for receiver in &receivers {
            until_parked(receiver.id(), Reason::IoRead);
        }
        for number in 0..8 {
            one.send(&[number]).unwrap();
        }
        let mut received: Vec<_> = receivers.into_iter().map(|r| r.join().unwrap()).collect();
        received.sort_unstable();
        assert_eq!(received, (0..8).collect::<Vec<_>>());
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    Builder::new().workers(2).run(|| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let acceptors: Vec<_> = (0..4)
            .map(|_| {
                let listener = Arc::clone(&listener);
                spawn(move || (0..10).for_each(|_| drop(listener.accept().unwrap())))
            })
            .collect();
        for acceptor in &acceptors {
            until_parked(acceptor.id(), Reason::IoAccept);
        }
        for _ in 0..40 {
            TcpStream::connect(address).unwrap();
        }
        acceptors.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn one_who_gives_up_leaves_the_others_waiting() {
    Runtime::run(|| {
        let (one, other) = udp_pair();
        let other = Arc::new(other);
        let [hasty, patient] = [Duration::from_millis(2), Duration::from_secs(3600)].map(|time| {
            let other = Arc::clone(&other);
            spawn(move || other.recv_until(&mut [0; 8], time).ok())
        });
        until_parked(patient.id(), Reason::IoRead);
        assert_eq!(hasty.join().unwrap(), None);
        one.send(b"late").unwrap();
        assert_eq!(patient.join().unwrap(), Some(4));
    });
}

#[test]
fn a_unix_datagram_waits_for_room() {
    Builder::new().workers(2).run(|| {
        let (one, other) = UnixDatagram::pair().unwrap();
        let sender = spawn(move || {
            for number in 0..2_000_u32 {
                one.send(&number.to_le_bytes()).unwrap();
            }
        });
        until_parked(sender.id(), Reason::IoWrite);
        for number in 0..2_000_u32 {
            let mut bytes = [0; 4];
            other.recv(&mut bytes).unwrap();
            assert_eq!(u32::from_le_bytes(bytes), number);
        }
        sender.join().unwrap();
    });
}
