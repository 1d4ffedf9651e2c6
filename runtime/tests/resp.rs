//! The example server that speaks RESP, against a client that pipelines, splits and errs.

#[path = "../examples/resp/connection.rs"]
mod connection;
#[path = "../examples/resp/store.rs"]
mod store;

use std::io::{Read, Write};
use std::sync::Arc;

use runtime::cancel::Token;
use runtime::net::{TcpListener, TcpStream};
use runtime::{Builder, spawn};

use store::Store;

/// A command as clients send it.
fn command(words: &[&str]) -> Vec<u8> {
    let strings = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), strings.collect::<String>()).into_bytes()
}

fn ask(stream: &mut TcpStream, request: &[u8], answer: &str) {
    stream.write_all(request).unwrap();
    let mut received = vec![0; answer.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), answer);
}

/// Runs a client against a server.
fn with_server(client: impl FnOnce(&mut TcpStream) + Send + 'static) {
    Builder::new().workers(2).run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let end = Token::new();
        let server = {
            let end = end.clone();
            spawn(move || connection::accept(&listener, &end, &Arc::new(Store::new())))
        };
        client(&mut TcpStream::connect(address).unwrap());
        end.cancel();
        server.join().unwrap().unwrap();
    });
}

#[test]
fn answers_each_command() {
    with_server(|client| {
        ask(client, &command(&["PING"]), "+PONG\r\n");
        ask(client, &command(&["get", "key"]), "$-1\r\n");
        ask(client, &command(&["SET", "key", "value"]), "+OK\r\n");
        ask(client, &command(&["GET", "key"]), "$5\r\nvalue\r\n");
        ask(client, &command(&["DEL", "key"]), ":1\r\n");
        ask(client, &command(&["INCR", "n"]), ":1\r\n");
        ask(client, &command(&["INCR", "n"]), ":2\r\n");
        client.write_all(&command(&["NONSENSE"])).unwrap();
        let mut first = [0];
        client.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"-");
    });
}

#[test]
fn answers_a_pipeline_in_order_also_when_it_comes_in_pieces() {
    with_server(|client| {
        let pipeline = [command(&["INCR", "n"]), command(&["GET", "n"])].concat();
        ask(
            client,
            &pipeline.repeat(2),
            ":1\r\n$1\r\n1\r\n:2\r\n$1\r\n2\r\n",
        );
        for byte in &pipeline {
            client.write_all(std::slice::from_ref(byte)).unwrap();
        }
        ask(client, b"", ":3\r\n$1\r\n3\r\n");
    });
}

#[test]
fn closes_a_connection_that_does_not_speak_the_protocol() {
    with_server(|client| {
        client.write_all(b"*1\r\n!nothing\r\n").unwrap();
        let mut rest = Vec::new();
        // The server may reset.
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty());
    });
}
