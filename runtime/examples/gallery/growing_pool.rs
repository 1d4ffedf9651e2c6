//! The pool that only grows: parsers go back to it with all that they have ever read.
//!
//! Repaired, a parser forgets what it holds when it comes back.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Pool, spawn};

use crate::load;

/// Bytes that a document leaves in its parser.
const DOCUMENT_BYTES: usize = 48 << 10;

/// Documents that are read: for five minutes, in less than 300 MiB.
const DOCUMENTS: u64 = 6_000;

const PAUSE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Parser {
    documents: Vec<Box<[u8]>>,
}

pub fn start(repaired: bool) {
    let parsers = Pool::builder(Parser::default)
        .reset(move |parser: &mut Parser| {
            if repaired {
                parser.documents.clear();
            }
        })
        .weigh(|parser| parser.documents.len() * DOCUMENT_BYTES)
        .build();
    let parsers = Arc::new(parsers);
    load::requests_every(PAUSE, DOCUMENTS, move |_| {
        let parsers = Arc::clone(&parsers);
        spawn(move || {
            let document = vec![1; DOCUMENT_BYTES].into_boxed_slice();
            parsers.get().documents.push(document);
        });
    });
}
