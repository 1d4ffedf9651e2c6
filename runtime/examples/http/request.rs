//! Requests and answers: what a connection's bytes mean. Parsing is httparse's.

use std::fmt::Write;

use crate::server::Limits;

/// Headers of a request, at most.
const HEADERS: usize = 64;

/// A request with its body.
#[derive(Debug)]
pub struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
    keep_alive: bool,
}

/// What the bytes received so far are.
pub enum Parsed {
    /// A request, and how many bytes of them it is.
    Whole(Request, usize),
    /// The beginning of one.
    Part,
    /// None that is answered but by this status.
    Wrong(u16),
}

/// What is sent back.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    pub body: Vec<u8>,
    pub keep_alive: bool,
}

/// Reads a request from the beginning of `bytes`.
pub fn parse(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < limits.head_bytes => return Parsed::Part,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Parsed::Wrong(431);
        }
        Err(_) => return Parsed::Wrong(400),
    };
    let body = match body_length(&parsed) {
        Ok(length) if length <= limits.body_bytes => length,
        Ok(_) => return Parsed::Wrong(413),
        Err(status) => return Parsed::Wrong(status),
    };
    let Some(body) = bytes.get(head..head + body) else {
        return Parsed::Part;
    };
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        body: body.to_vec(),
        keep_alive: is_kept_alive(&parsed),
    };
    Parsed::Whole(request, head + body.len())
}

/// The length of the body, or the status of a head that does not say it as it should.
fn body_length(request: &httparse::Request<'_, '_>) -> Result<usize, u16> {
    if header(request, "transfer-encoding").is_some() {
        return Err(501);
    }
    header(request, "content-length").map_or(Ok(0), |value| value.parse().map_err(|_| 400_u16))
}

fn is_kept_alive(request: &httparse::Request<'_, '_>) -> bool {
    let connection = header(request, "connection").unwrap_or_default();
    match request.version {
        Some(1) => !connection.eq_ignore_ascii_case("close"),
        _ => connection.eq_ignore_ascii_case("keep-alive"),
    }
}

fn header<'r>(request: &httparse::Request<'_, 'r>, name: &str) -> Option<&'r str> {
    let mut headers = request.headers.iter();
    let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

/// What the server has to say.
pub fn answer(request: &Request) -> Answer {
    let (status, body) = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => (200, b"hello\n".to_vec()),
        ("POST", "/echo") => (200, request.body.clone()),
        (_, "/" | "/echo") => (405, Vec::new()),
        _ => (404, Vec::new()),
    };
    Answer {
        status,
        body,
        keep_alive: request.keep_alive,
    }
}

impl Answer {
    /// An answer to what is no request; the connection ends with it.
    pub fn error(status: u16) -> Self {
        Self {
            status,
            body: Vec::new(),
            keep_alive: false,
        }
    }

    /// The head, as it is sent.
    pub fn head(&self, keep_alive: bool) -> Vec<u8> {
        let mut head = String::with_capacity(96);
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let (status, reason, length) = (self.status, reason(self.status), self.body.len());
        write!(
            head,
            "HTTP/1.1 {status} {reason}\r\ncontent-length: {length}\r\nconnection: {connection}\r\n\r\n"
        )
        .expect("a string takes what is written to it");
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Not Implemented",
    }
}
