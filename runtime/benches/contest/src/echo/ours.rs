//! On this project's runtime.

use std::io;

use runtime::net::TcpListener;
use runtime::spawn;

use super::{ADDRESS, Listening, answer};
use crate::ours::start;

pub fn serve(workers: usize, listening: Listening) -> io::Result<()> {
    start(workers, move || {
        let listener = TcpListener::bind(ADDRESS)?;
        listening(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            spawn(move || answer(stream));
        }
    })
}
