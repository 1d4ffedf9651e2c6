//! Reading and writing: what TCP's and Unix streams have in common.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;

use super::io::{For, Io};
use crate::cancel::Until;
use crate::stack::prepare_buffer;

/// A stream whose calls wait for a limited time, for code that knows [`Read`] and [`Write`] only:
/// `TcpStream::bounded` and `UnixStream::bounded` give it.
#[derive(Debug)]
pub struct Bounded<'s, 'u, S> {
    pub(super) stream: &'s S,
    pub(super) until: Until<'u>,
}

impl<S: AsFd> Io<S>
where
    for<'s> &'s S: Read + Write,
{
    pub(super) fn read(&self, buffer: &mut [u8], until: Until<'_>) -> io::Result<usize> {
        let room = buffer.len();
        prepare_buffer(buffer.as_ptr().addr(), room);
        let read = |mut socket: &S| socket.read(buffer);
        self.run_unless_drained(For::read(until), read, |read| {
            is_some_but_short(*read, room)
        })
    }

    pub(super) fn read_vectored(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        until: Until<'_>,
    ) -> io::Result<usize> {
        for buffer in &*buffers {
            prepare_buffer(buffer.as_ptr().addr(), buffer.len());
        }
        let room = buffers.iter().map(|buffer| buffer.len()).sum();
        let read = |mut socket: &S| socket.read_vectored(buffers);
        let what = For::read(until);
        self.run_unless_drained(what, read, |read| is_some_but_short(*read, room))
    }

    pub(super) fn write(&self, bytes: &[u8], until: Until<'_>) -> io::Result<usize> {
        let write = |mut socket: &S| socket.write(bytes);
        let is_short = |written: &usize| is_some_but_short(*written, bytes.len());
        self.run_unless_drained(For::write(until), write, is_short)
    }

    pub(super) fn write_vectored(
        &self,
        buffers: &[IoSlice<'_>],
        until: Until<'_>,
    ) -> io::Result<usize> {
        let len = buffers.iter().map(|buffer| buffer.len()).sum();
        let write = |mut socket: &S| socket.write_vectored(buffers);
        let what = For::write(until);
        self.run_unless_drained(what, write, |written| is_some_but_short(*written, len))
    }
}

/// Whether a call took all that there was: less than it could, but not the end.
fn is_some_but_short(moved: usize, room: usize) -> bool {
    0 < moved && moved < room
}

/// `Read` and `Write` for a stream and for references to it, and the calls that go with them.
macro_rules! stream {
    ($stream:ident) => {
        impl $stream {
            /// Like [`read`](std::io::Read::read), but waits for no longer than `until`.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait: see [`net`](crate::net).
            pub fn read_until<'u>(
                &self,
                buffer: &mut [u8],
                until: impl Into<Until<'u>>,
            ) -> std::io::Result<usize> {
                self.0.read(buffer, until.into())
            }

            /// Like [`write`](std::io::Write::write), but waits for no longer than `until`.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait: see [`net`](crate::net).
            pub fn write_until<'u>(
                &self,
                bytes: &[u8],
                until: impl Into<Until<'u>>,
            ) -> std::io::Result<usize> {
                self.0.write(bytes, until.into())
            }

            /// The stream with a limit to how long its calls wait: all of them end by the same
            /// time, or with the token.
            pub fn bounded<'u>(&self, until: impl Into<Until<'u>>) -> Bounded<'_, 'u, Self> {
                let until = until.into();
                Bounded {
                    stream: self,
                    until,
                }
            }

            /// Ends one direction or both: the peer reads the end of the stream, or this side
            /// does. Calls that wait in that direction return.
            ///
            /// # Errors
            ///
            /// If the stream is not connected.
            pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.0.socket().shutdown(how)
            }
        }

        impl Read for &$stream {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0.read(buffer, Until::FOREVER)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.0.read_vectored(buffers, Until::FOREVER)
            }
        }

        impl Write for &$stream {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.write(bytes, Until::FOREVER)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> std::io::Result<usize> {
                self.0.write_vectored(buffers, Until::FOREVER)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl Read for $stream {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> std::io::Result<usize> {
                (&*self).read_vectored(buffers)
            }
        }

        impl Write for $stream {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                (&*self).write(bytes)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(buffers)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl Read for Bounded<'_, '_, $stream> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.stream.0.read(buffer, self.until)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.stream.0.read_vectored(buffers, self.until)
            }
        }

        impl Write for Bounded<'_, '_, $stream> {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.stream.0.write(bytes, self.until)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> std::io::Result<usize> {
                self.stream.0.write_vectored(buffers, self.until)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(super) use stream;
