//! A key-value server that speaks RESP, for Redis's clients and `redis-benchmark`: pipelines are
//! answered by one write.
//!
//! ```console
//! $ cargo run -p runtime --release --example resp -- --listen 127.0.0.1:6380
//! $ redis-benchmark -p 6380 -t set,get -n 100000 -P 16
//! ```

mod connection;
mod store;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use runtime::cancel::Token;
use runtime::net::TcpListener;
use runtime::signal::{Signal, Signals};
use runtime::{Builder, task};

use store::Store;

/// A key-value server that speaks RESP.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> Result<()> {
    let options = Options::parse();
    rlimit::increase_nofile_limit(u64::MAX).context("cannot raise the limit of open files")?;
    let builder = Builder::new().grace(Duration::from_secs(10));
    builder.run(move || run(&options))
}

fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(&options.listen)
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("listening on {}", listener.local_addr()?);
    let mut signals = Signals::new(&[Signal::Interrupt, Signal::Terminate])?;
    let accepting = Token::new();
    let acceptor = {
        let accepting = accepting.clone();
        let accept = task::Builder::new().name("accept").service(true);
        accept.spawn(move || connection::accept(&listener, &accepting, &Arc::new(Store::new())))
    };
    signals.wait();
    accepting.cancel();
    acceptor.join().context("the accept loop")??;
    Ok(())
}
