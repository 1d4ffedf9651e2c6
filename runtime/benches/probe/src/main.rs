//! What a probe costs that nobody listens to: prints, as JSON lines, rounds of a loop without and
//! with a disarmed probe in turn, and the instructions that the probe adds by this program's own
//! machine code. `cargo xtask bench probe` runs it and does the statistics.
//!
//! The probes are the runtime's own source, compiled into this program, so they are what every
//! caller in the runtime gets inlined.
//!
//! ```text
//! probe-cost --pairs 2
//! {"instructions":["cmpw $0x0,0x1b…(%rip)","jne …"]}
//! {"loop":"chain","bare":{"ns":1.4,"instructions":null},"probed":{…},"armed":false}
//! ```

mod counter;
mod listing;
mod loops;
#[path = "../../../src/probe.rs"]
#[expect(
    dead_code,
    reason = "the runtime's own source, of which one probe is used"
)]
mod probe;

/// Where the probes' source looks for its atomics.
mod primitive {
    pub mod static_atomic {
        pub use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    }
}

use std::io::{Write, stdout};

use anyhow::Result;
use clap::Parser;
use serde_json::json;

use counter::Counter;
use loops::Loop;

/// Measures a probe that nobody listens to.
#[derive(Parser)]
struct Options {
    /// Rounds of each loop without and with the probe.
    #[arg(long, default_value_t = 30)]
    pairs: u32,
    /// Iterations of a round.
    #[arg(long, default_value_t = 50_000_000)]
    count: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    print(&json!({ "instructions": listing::added()? }))?;
    let mut counter = Counter::open();
    for each in Loop::ALL {
        // Not reported: it warms up.
        each.round(options.count / 10, loops::Side::Probed, &mut counter);
        for number in 0..options.pairs {
            print(&each.pair(number, options.count, &mut counter))?;
        }
    }
    Ok(())
}

fn print(line: &impl serde::Serialize) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
