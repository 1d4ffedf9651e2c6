//! One connection: requests in, answers out, in order, until one side has enough.

use std::io::{self, IoSlice, Read, Write};

use runtime::cancel::{self, Until};
use runtime::net::TcpStream;

use crate::request::{self, Answer, Parsed, Request};
use crate::server::Limits;

/// What one read takes at most.
const READ_BYTES: usize = 8 << 10;

/// Serves requests until the client closes or breaks a rule, or the server ends: then after the
/// request that has begun.
pub fn serve(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let token = cancel::current();
    let mut received = Vec::new();
    loop {
        if received.is_empty() {
            let until = Until::from(&token).or_after(limits.idle);
            if receive(stream, &mut received, until)? == 0 {
                return Ok(());
            }
        }
        let until = Until::from(limits.request);
        let answer = match read_request(stream, &mut received, limits, until)? {
            Some(request) => request::answer(&request),
            None => return Ok(()),
        };
        let goes_on = answer.keep_alive && !token.is_cancelled();
        write(stream, &answer.head(goes_on), &answer.body, until)?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// The next request, which leaves what follows it in `received`; `None` if the client closed before
/// its end.
fn read_request(
    stream: &TcpStream,
    received: &mut Vec<u8>,
    limits: &Limits,
    until: Until<'_>,
) -> io::Result<Option<Request>> {
    loop {
        match request::parse(received, limits) {
            Parsed::Whole(request, length) => {
                received.drain(..length);
                return Ok(Some(request));
            }
            Parsed::Part => {}
            Parsed::Wrong(status) => {
                let answer = Answer::error(status);
                write(stream, &answer.head(false), &answer.body, until)?;
                return Ok(None);
            }
        }
        if receive(stream, received, until)? == 0 {
            return Ok(None);
        }
    }
}

/// Appends what one read gives; how much it was.
fn receive(stream: &TcpStream, received: &mut Vec<u8>, until: Until<'_>) -> io::Result<usize> {
    let mut buffer = [0; READ_BYTES];
    let length = stream.bounded(until).read(&mut buffer)?;
    received.extend_from_slice(&buffer[..length]);
    Ok(length)
}

/// Writes head and body, by one call if the socket takes them.
fn write(stream: &TcpStream, head: &[u8], body: &[u8], until: Until<'_>) -> io::Result<()> {
    let mut stream = stream.bounded(until);
    let mut slices = [IoSlice::new(head), IoSlice::new(body)];
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match stream.write_vectored(left)? {
            0 if left.iter().all(|slice| slice.is_empty()) => break,
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut left, written),
        }
    }
    Ok(())
}
