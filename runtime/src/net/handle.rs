//! What the sockets of `net` have in common: descriptors, deadlines, conversions; and what its two
//! kinds of datagrams have.

/// The common calls of a socket type that holds an `Io<$std>` as its only field.
macro_rules! handle {
    ($socket:ident, $std:ty) => {
        impl $socket {
            /// Takes the standard library's socket, which does not block from here on, nor do
            /// its clones.
            ///
            /// # Errors
            ///
            /// If the kernel refuses.
            pub fn from_std(socket: $std) -> std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok(Self(Io::new(socket)))
            }

            /// Gives the standard library's socket, which blocks again, as do its clones.
            ///
            /// # Errors
            ///
            /// If the kernel refuses.
            pub fn into_std(self) -> std::io::Result<$std> {
                let socket = self.0.into_socket();
                socket.set_nonblocking(false)?;
                Ok(socket)
            }

            /// A second descriptor of the same socket, with deadlines of its own.
            ///
            /// # Errors
            ///
            /// If the process has no descriptor left.
            pub fn try_clone(&self) -> std::io::Result<Self> {
                Ok(Self(Io::new(self.0.socket().try_clone()?)))
            }

            /// When calls that wait to read (or to accept) fail; `None`: never, as at first. Those
            /// that wait now go by the new one.
            pub fn set_read_deadline(&self, deadline: Option<crate::time::Instant>) {
                self.0.set_deadline(crate::netpoll::Side::Read, deadline);
            }

            /// When calls that wait to write fail; `None`: never, as at first. Those that wait now
            /// go by the new one.
            pub fn set_write_deadline(&self, deadline: Option<crate::time::Instant>) {
                self.0.set_deadline(crate::netpoll::Side::Write, deadline);
            }

            /// The error that the kernel keeps for the socket, which it then forgets.
            ///
            /// # Errors
            ///
            /// If the kernel refuses.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.0.socket().take_error()
            }
        }

        impl std::os::fd::AsFd for $socket {
            /// For options that have no call here. Whoever makes the socket block, blocks the
            /// workers.
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.socket().as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.0.socket().as_raw_fd()
            }
        }

        impl TryFrom<$std> for $socket {
            type Error = std::io::Error;

            fn try_from(socket: $std) -> std::io::Result<Self> {
                Self::from_std(socket)
            }
        }
    };
}

/// The calls of a datagram socket; its addresses are `$address`.
macro_rules! datagrams {
    ($socket:ident, $address:ty) => {
        impl $socket {
            /// Receives a datagram; what does not fit is lost.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait by the read deadline.
            pub fn recv(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.recv_until(buffer, Until::FOREVER)
            }

            /// Like [`recv`](Self::recv), but waits for no longer than `until`.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait: see [`net`](crate::net).
            pub fn recv_until<'u>(
                &self,
                buffer: &mut [u8],
                until: impl Into<Until<'u>>,
            ) -> std::io::Result<usize> {
                prepare_buffer(buffer.as_ptr().addr(), buffer.len());
                self.0
                    .run(For::read(until.into()), |socket| socket.recv(buffer))
            }

            /// Receives a datagram and its sender's address; what does not fit is lost.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait by the read deadline.
            pub fn recv_from(&self, buffer: &mut [u8]) -> std::io::Result<(usize, $address)> {
                self.recv_from_until(buffer, Until::FOREVER)
            }

            /// Like [`recv_from`](Self::recv_from), but waits for no longer than `until`.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait: see [`net`](crate::net).
            pub fn recv_from_until<'u>(
                &self,
                buffer: &mut [u8],
                until: impl Into<Until<'u>>,
            ) -> std::io::Result<(usize, $address)> {
                prepare_buffer(buffer.as_ptr().addr(), buffer.len());
                self.0
                    .run(For::read(until.into()), |socket| socket.recv_from(buffer))
            }

            /// Sends a datagram to the peer; waits while there is no room for it.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait by the write deadline.
            pub fn send(&self, bytes: &[u8]) -> std::io::Result<usize> {
                self.send_until(bytes, Until::FOREVER)
            }

            /// Like [`send`](Self::send), but waits for no longer than `until`.
            ///
            /// # Errors
            ///
            /// Those of the socket, and the end of the wait: see [`net`](crate::net).
            pub fn send_until<'u>(
                &self,
                bytes: &[u8],
                until: impl Into<Until<'u>>,
            ) -> std::io::Result<usize> {
                self.0
                    .run(For::write(until.into()), |socket| socket.send(bytes))
            }

            /// The socket's own address.
            ///
            /// # Errors
            ///
            /// If the kernel refuses.
            pub fn local_addr(&self) -> std::io::Result<$address> {
                self.0.socket().local_addr()
            }

            /// The address that it is connected to.
            ///
            /// # Errors
            ///
            /// If it is not.
            pub fn peer_addr(&self) -> std::io::Result<$address> {
                self.0.socket().peer_addr()
            }
        }
    };
}
