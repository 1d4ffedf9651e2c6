//! On may.

use std::io;

use may::go;
use may::net::TcpListener;

use super::{ADDRESS, Listening, answer};
use crate::may::start;

pub fn serve(workers: usize, listening: Listening) -> io::Result<()> {
    start(workers, move || {
        let listener = TcpListener::bind(ADDRESS)?;
        listening(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            go!(move || answer(stream));
        }
    })
}
