//! A small HTTP/1.1 server: a task for each connection, limits, and an orderly end.
//!
//! ```console
//! $ cargo run -p runtime --release --example http -- --listen 127.0.0.1:8080
//! $ curl http://127.0.0.1:8080/
//! hello
//! ```
//!
//! It prints the address that it listens on, and ends at control-C or `SIGTERM`: it stops accepting,
//! lets the requests that have begun finish, tells the connections to close, and reports what does
//! not within ten seconds.

mod connection;
mod request;
mod server;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use runtime::cancel::Token;
use runtime::net::TcpListener;
use runtime::signal::{Signal, Signals};
use runtime::{Builder, task};

use server::Limits;

/// A small HTTP/1.1 server.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Workers; as many as cores if it is not given.
    #[arg(long)]
    workers: Option<usize>,
    /// Connections that are served at a time; more wait to be accepted.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Seconds that connections get to end.
    #[arg(long, default_value_t = 10)]
    grace: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // Every connection takes a descriptor.
    rlimit::increase_nofile_limit(u64::MAX).context("cannot raise the limit of open files")?;
    let mut builder = Builder::new().grace(Duration::from_secs(options.grace));
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    builder.run(move || serve(&options))
}

fn serve(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(&options.listen)
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("listening on {}", listener.local_addr()?);
    let limits = Limits {
        connections: options.connections,
        ..Limits::default()
    };
    let mut signals = Signals::new(&[Signal::Interrupt, Signal::Terminate])?;
    let accepting = Token::new();
    let acceptor = {
        let accepting = accepting.clone();
        let accept = task::Builder::new().name("accept").service(true);
        accept.spawn(move || server::serve(&listener, &accepting, limits))
    };
    let signal = signals.wait();
    eprintln!("{signal:?}: stops accepting, then ends");
    accepting.cancel();
    acceptor.join().context("the accept loop")??;
    // Returning tells the connections, and gives them the grace period.
    Ok(())
}
