//! On tokio's multi-threaded runtime.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::spawn;

use super::{ADDRESS, BUFFER_BYTES, Listening};
use crate::tokio::start;

pub fn serve(workers: usize, listening: Listening) -> io::Result<()> {
    start(workers, async move {
        let listener = TcpListener::bind(ADDRESS).await?;
        listening(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn(answer(stream));
        }
    })
}

async fn answer(mut stream: TcpStream) {
    let mut buffer = [0; BUFFER_BYTES];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await
        && stream.write_all(&buffer[..read]).await.is_ok()
    {}
}
