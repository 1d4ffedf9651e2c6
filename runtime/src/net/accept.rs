//! The loop around `accept`: which errors end it, and how it waits out the others.

use std::io;
use std::time::Duration;

use crate::cancel::{Interrupted, Until};
use crate::sys::socket;

/// Connections that wait to be accepted, at most; the system may allow fewer.
pub(super) const QUEUE: i32 = 4096;

/// The first wait after descriptors or memory have run out, and the longest.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// Hands what `accept` gives to `each` until the end of `until`, by which `accept` returns, too.
///
/// # Errors
/// What no wait would mend.
pub(super) fn accept_each<C>(
    until: Until<'_>,
    mut accept: impl FnMut() -> io::Result<C>,
    mut each: impl FnMut(C),
) -> io::Result<Interrupted> {
    let mut pause = SHORTEST;
    loop {
        match accept() {
            Ok(connection) => {
                pause = SHORTEST;
                each(connection);
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) if socket::is_exhaustion(&error) => {
                // Until the end of the pause, or that of `until`.
                until.or_after(pause).wait();
                pause = (2 * pause).min(LONGEST);
            }
            Err(error) => return until.check().map_or_else(Ok, |()| Err(error)),
        }
        if let Err(interrupted) = until.check() {
            return Ok(interrupted);
        }
    }
}

/// Whether a connection failed before it was accepted: Linux passes on what the network reported.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Token;

    /// `EMFILE`.
    const TOO_MANY_OPEN_FILES: i32 = 24;

    #[test]
    fn waits_where_descriptors_are_exhausted_and_passes_over_failed_connections() {
        let end = Token::new();
        let mut results = vec![
            Ok(2),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES)),
            Ok(1),
        ];
        let mut accepted = Vec::new();
        let accept = || {
            results.pop().unwrap_or_else(|| {
                end.cancel();
                Err(io::Error::other("cancelled"))
            })
        };
        let ended = accept_each(Until::from(&end), accept, |it| accepted.push(it));
        assert!(!ended.unwrap().is_timeout());
        assert_eq!(accepted, [1, 2]);
    }

    #[test]
    fn ends_with_an_error_of_the_listener() {
        let accept = || Err::<(), _>(io::ErrorKind::InvalidInput.into());
        let ended = accept_each(Until::FOREVER, accept, |()| ());
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
