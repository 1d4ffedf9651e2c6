//! On threads of the system.

use std::io;
use std::net::TcpListener;
use std::thread::spawn;

use super::{ADDRESS, Listening, answer};

pub fn serve(listening: Listening) -> io::Result<()> {
    let listener = TcpListener::bind(ADDRESS)?;
    listening(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        spawn(move || answer(stream));
    }
}
