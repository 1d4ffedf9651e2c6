//! The loops, each without and with a probe, and their rounds.

use std::hint::black_box;
use std::time::Instant;

use serde::Serialize;

use crate::counter::Counter;
use crate::probe;

/// A loop in which the probe stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loop {
    /// Each iteration waits for the last one's multiplication, as code with something to do does:
    /// the processor has room for the probe's two instructions.
    Chain,
    /// An iteration does nothing: the probe is as large a part of it as it can be.
    Empty,
}

/// Which of the two rounds of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Bare,
    Probed,
}

/// One round, by iteration.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    ns: f64,
    instructions: Option<f64>,
}

/// Both rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    #[serde(rename = "loop")]
    name: Loop,
    bare: Round,
    probed: Round,
    /// Whether somebody listened at the end: then this was no disarmed probe.
    armed: bool,
}

impl Loop {
    pub const ALL: [Self; 2] = [Self::Chain, Self::Empty];

    /// Both rounds, in alternating order.
    pub fn pair(self, number: u32, count: u64, counter: &mut Counter) -> Pair {
        let mut round = |side| self.round(count, side, counter);
        let (bare, probed) = if number.is_multiple_of(2) {
            let bare = round(Side::Bare);
            (bare, round(Side::Probed))
        } else {
            let probed = round(Side::Probed);
            (round(Side::Bare), probed)
        };
        let armed = probe::unpark_armed();
        Pair {
            name: self,
            bare,
            probed,
            armed,
        }
    }

    /// One round of so many iterations.
    pub fn round(self, count: u64, side: Side, counter: &mut Counter) -> Round {
        let run = match (self, side) {
            (Self::Chain, Side::Bare) => chain::<false>,
            (Self::Chain, Side::Probed) => chain::<true>,
            (Self::Empty, Side::Bare) => empty::<false>,
            (Self::Empty, Side::Probed) => empty::<true>,
        };
        let (ns, instructions) = counter.count(|| {
            let begin = Instant::now();
            black_box(run(black_box(count)));
            begin.elapsed().as_nanos() as f64
        });
        Round {
            ns: ns / count as f64,
            instructions: instructions.map(|number| number as f64 / count as f64),
        }
    }
}

#[inline(never)]
fn chain<const PROBED: bool>(count: u64) -> u64 {
    let mut value = count | 1;
    for number in 0..count {
        // Knuth's multiplier (MMIX).
        value = black_box(value).wrapping_mul(6_364_136_223_846_793_005) + 1;
        if PROBED {
            probe::unpark(value, number, 0, 0);
        }
    }
    value
}

#[inline(never)]
fn empty<const PROBED: bool>(count: u64) -> u64 {
    for number in 0..count {
        keep(number);
        if PROBED {
            probe::unpark(number, 0, 0, 0);
        }
    }
    count
}

/// Keeps an iteration in the loop, without an instruction; `black_box` would store the number.
#[inline(always)]
fn keep(number: u64) {
    // SAFETY: a comment does nothing.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) number, options(nomem, nostack, preserves_flags));
    }
}
