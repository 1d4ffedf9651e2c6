//! Connections: commands in, answers out. Frames are redis-protocol's.

use std::io::{self, Read, Write};
use std::sync::Arc;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::{OwnedFrame as Frame, Resp2Frame};
use runtime::cancel::{self, Token};
use runtime::net::{TcpListener, TcpStream};
use runtime::task;

use crate::store::Store;

/// What one read takes at most.
const READ_BYTES: usize = 16 << 10;
/// A command that is longer ends its connection.
const COMMAND_BYTES: usize = 16 << 20;

/// Accepts connections until the token is cancelled: a task for each.
pub fn accept(listener: &TcpListener, accepting: &Token, store: &Arc<Store>) -> io::Result<()> {
    listener.accept_each(accepting, |stream, _peer| {
        let store = Arc::clone(store);
        let connection = task::Builder::new().name("connection");
        // A client that is gone or wrong is its own affair.
        connection.spawn(move || serve(&stream, &store));
    })?;
    Ok(())
}

/// Answers commands until the client closes, or the server ends.
fn serve(stream: &TcpStream, store: &Store) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let token = cancel::current();
    let (mut received, mut answers) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = stream.bounded(&token).read(&mut buffer)?;
        if length == 0 || received.len() > COMMAND_BYTES {
            return Ok(());
        }
        received.extend_from_slice(&buffer[..length]);
        let used = answer_all(&received, store, &mut answers)?;
        received.drain(..used);
        let mut stream = stream;
        stream.write_all(&answers)?;
        answers.clear();
    }
}

/// Appends the answers to all whole commands; how many bytes they are.
fn answer_all(received: &[u8], store: &Store, answers: &mut Vec<u8>) -> io::Result<usize> {
    let mut used = 0;
    while let Some((frame, length)) = decode(&received[used..]).map_err(io::Error::other)? {
        used += length;
        let answer = answer(frame, store);
        let begin = answers.len();
        answers.resize(begin + answer.encode_len(false), 0);
        encode(&mut answers[begin..], &answer, false).map_err(io::Error::other)?;
    }
    Ok(used)
}

fn answer(frame: Frame, store: &Store) -> Frame {
    let Some(mut words) = words_of(frame) else {
        return Frame::Error("ERR a command is an array of strings".to_owned());
    };
    words[0].make_ascii_uppercase();
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    match (name.as_slice(), words.next(), words.next()) {
        (b"PING", None, None) => Frame::SimpleString(b"PONG".to_vec()),
        (b"PING" | b"ECHO", Some(text), None) => Frame::BulkString(text),
        (b"GET", Some(key), None) => store.get(&key).map_or(Frame::Null, Frame::BulkString),
        (b"SET", Some(key), Some(value)) => {
            store.set(key, value);
            Frame::SimpleString(b"OK".to_vec())
        }
        (b"DEL", Some(key), None) => Frame::Integer(store.remove(&key).into()),
        (b"INCR", Some(key), None) => store.increment(key).map_or_else(
            || Frame::Error("ERR not a number".to_owned()),
            Frame::Integer,
        ),
        _ => Frame::Error("ERR unknown command, or not its arguments".to_owned()),
    }
}

/// The words of a command: at least one.
fn words_of(frame: Frame) -> Option<Vec<Vec<u8>>> {
    let Frame::Array(frames) = frame else {
        return None;
    };
    let words: Option<Vec<_>> = frames
        .into_iter()
        .map(|frame| match frame {
            Frame::BulkString(word) | Frame::SimpleString(word) => Some(word),
            _ => None,
        })
        .collect();
    words.filter(|words| !words.is_empty())
}
