//! How a select waits: in the lines of all its operations at once, for one of them.
//!
//! # The protocol
//!
//! | the selecting task | a peer, under the lock of its channel |
//! |---|---|
//! | 1. attempts each operation, in random order; if one takes place, that is all | |
//! | 2. lines up for each, under the lock of each channel, unless an attempt might succeed there: then goes to 5 | a. takes the first arm out of the line that it can choose: `Claim::choose`; passes over arms of selects that are decided |
//! | 3. parks until it is chosen, or until a time has come, a token is cancelled | b. hands the message over if there is no buffer; unparks the task |
//! | 4. if it was not chosen: `Claim::withdraw`, which fails if it is chosen just then | |
//! | 5. leaves all lines | |
//! | 6. if it was chosen: what was handed over has taken place; else attempts that operation first, then the others; from 2 on if none takes place | |
//!
//! **At most one takes place.** In 1 and 6 the select stands in no line, so nobody can choose
//! it, and each attempt is one critical section of one channel. While it stands in lines it
//! attempts nothing; one peer at most chooses it, as the word changes once.
//!
//! **No wake-up is lost.** A peer that comes before 2 at a channel is seen there. One that comes
//! after it finds the arm, and either chooses it or learns that the select is decided, and serves
//! the next in line. One that finds it withdrawn (2 to 5) goes on as if it were not there, and may
//! line up itself: the attempt in 6, after 5, sees what it left. A select that was chosen looks at
//! that channel first, so the wake-up that it was given is used by it; and if it goes on no more
//! (unwinding, abandoned with its runtime), `pass_on` gives it to the next.
//!
//! **Two selects meet.** Both may withdraw because each finds the other in a line, and both
//! try again. Each retry needs both to line up between the other's look and its withdrawal, so
//! it does not go on for ever; the order of arms is random.
//!
//! **A select that does not wait** stands in all lines after 1, too, and withdraws at once: it
//! finds nothing only if there was a moment at which nothing could be done in any of them.
//!
//! Times and tokens choose nobody. The earliest time bounds the park, a token unparks the task;
//! then the task itself withdraws. Where the time had come before it parked, it yields instead, still
//! in line: so the other end has a turn however short the time is.

use runtime_abi::Reason;

use super::claim::Claim;
use super::operation::{Arm, Lined, Place};
use super::random::random;
use crate::cancel::{Interrupted, Until, Wait, give_way};
use crate::primitive::Arc;
use crate::task::{TaskId, place, place::in_place};
use crate::time::Instant;

/// Waits until one of the arms has taken place; its index.
pub fn wait(arms: &mut [Arm<'_>]) -> usize {
    match wait_until(arms, Until::FOREVER) {
        Ok(index) => index,
        Err(_) => unreachable!("a wait without an end is not interrupted"),
    }
}

/// The index of an arm that took place without waiting; `None` if at one moment none could.
pub fn try_now(arms: &mut [Arm<'_>]) -> Option<usize> {
    attempt_all(arms).or_else(|| {
        // A single attempt is one moment.
        let is_one = arms.len() < 2;
        if is_one { None } else { look_at_once(arms) }
    })
}

/// Stands in all lines at once and does not wait there: attempts one after the other may miss
/// what goes from a channel that is yet to be looked at to one that was.
fn look_at_once(arms: &mut [Arm<'_>]) -> Option<usize> {
    let claim = Arc::new(Claim::new());
    loop {
        let mut standing = Standing::new(arms, &claim);
        let is_in_all = standing.line_up();
        let chosen = standing.withdraw();
        if let Some(index) = standing.leave() {
            return Some(index);
        }
        if is_in_all && chosen.is_none() {
            // When it stood in the last line, no channel was ready: it would have been chosen.
            return None;
        }
        let chosen = chosen.and_then(|chosen| arms[chosen].attempt());
        if let Some(index) = chosen.or_else(|| attempt_any(arms)) {
            return Some(index);
        }
    }
}

/// As `wait`, for as long as `until` allows.
pub(super) fn wait_until(arms: &mut [Arm<'_>], until: Until<'_>) -> Result<usize, Interrupted> {
    if let Some(index) = attempt_all(arms) {
        if is_end(arms, index) {
            give_way();
        }
        return Ok(index);
    }
    let end_ns = arms.iter().map(|arm| arm.operation.end_ns()).min();
    let until = end_ns.map_or(until, |end_ns| until.or_at(Instant::from_ns(end_ns)));
    let mut wait = Wait::new(until);
    let claim = Arc::new(Claim::new());
    loop {
        let mut standing = Standing::new(arms, &claim);
        let ended = standing.stand(&mut wait);
        if let Some(index) = standing.leave() {
            return Ok(index);
        }
        let chosen = ended?.and_then(|chosen| arms[chosen].attempt());
        if let Some(index) = chosen.or_else(|| attempt_any(arms)) {
            return Ok(index);
        }
    }
}

/// A select that stands in the lines of the first `lined` of its arms.
struct Standing<'s, 'o> {
    arms: &'s mut [Arm<'o>],
    claim: &'s Arc<Claim>,
    lined: usize,
    park: Park,
}

/// What parks name as resource and owner: those of the only channel, else none.
#[derive(Clone, Copy)]
enum Park {
    NoChannel,
    Channel(usize, TaskId),
    Channels,
}

impl<'s, 'o> Standing<'s, 'o> {
    fn new(arms: &'s mut [Arm<'o>], claim: &'s Arc<Claim>) -> Self {
        claim.reopen();
        Self {
            arms,
            claim,
            lined: 0,
            park: Park::NoChannel,
        }
    }

    /// Steps 2 to 4: the arm that was chosen; `None` if it must look again.
    fn stand(&mut self, wait: &mut Wait<'_>) -> Result<Option<usize>, Interrupted> {
        if !self.line_up() {
            return Ok(self.withdraw());
        }
        let (resource, owner) = self.park.resource();
        loop {
            if let Some(chosen) = self.claim.chosen() {
                return Ok(Some(chosen as usize));
            }
            if self.is_over() {
                in_place(&*self, || wait.give_way());
                return Ok(self.withdraw());
            }
            let parked = in_place(&*self, || wait.park(Reason::Select, resource, owner));
            if let Err(interrupted) = parked {
                return match self.withdraw() {
                    None if !self.is_over() => Err(interrupted),
                    chosen => Ok(chosen),
                };
            }
        }
    }

    /// Step 2; false if an attempt might succeed.
    fn line_up(&mut self) -> bool {
        for at in 0..self.arms.len() {
            let place = Place {
                claim: self.claim,
                arm: u32::try_from(at).expect("a select has less than 2³² arms"),
            };
            // First, for those who find it half-way.
            self.lined = at + 1;
            match self.arms[at].operation.line_up(&place) {
                Lined::Ready => return false,
                Lined::AtChannel(address, owner) => self.park.note(address, owner),
                Lined::AtEnd => {}
            }
        }
        true
    }

    /// Step 4: the arm that was chosen before.
    fn withdraw(&self) -> Option<usize> {
        self.claim.withdraw().err().map(|chosen| chosen as usize)
    }

    /// Whether an arm's time has come.
    fn is_over(&self) -> bool {
        self.arms.iter().any(|arm| arm.operation.is_over())
    }

    /// Step 5; the index of the arm that took place meanwhile.
    fn leave(mut self) -> Option<usize> {
        let lined = std::mem::take(&mut self.lined);
        let mut done = None;
        for arm in &mut self.arms[..lined] {
            if arm.operation.leave() {
                done = Some(arm.index);
            }
        }
        done
    }
}

impl place::Place for Standing<'_, '_> {
    fn give_up(&self) {
        let chosen = self.withdraw();
        for (at, arm) in self.arms[..self.lined].iter().enumerate() {
            arm.operation.pass_on(chosen == Some(at));
        }
    }
}

/// Unwinding: whoever leaves has no line to give up.
impl Drop for Standing<'_, '_> {
    fn drop(&mut self) {
        place::Place::give_up(self);
    }
}

impl Park {
    fn note(&mut self, address: usize, owner: TaskId) {
        *self = match *self {
            Self::NoChannel => Self::Channel(address, owner),
            Self::Channel(other, _) if other == address => Self::Channel(address, owner),
            Self::Channel(..) | Self::Channels => Self::Channels,
        };
    }

    fn resource(self) -> (usize, TaskId) {
        match self {
            Self::Channel(address, owner) => (address, owner),
            Self::NoChannel | Self::Channels => (0, TaskId::NONE),
        }
    }
}

impl Arm<'_> {
    /// The arm's index if it has taken place.
    fn attempt(&mut self) -> Option<usize> {
        self.operation.attempt().then_some(self.index)
    }
}

/// Step 1.
fn attempt_all(arms: &mut [Arm<'_>]) -> Option<usize> {
    number(arms);
    shuffle(arms);
    attempt_any(arms)
}

/// Whether this arm is a time that has come, or a token that is cancelled.
fn is_end(arms: &[Arm<'_>], index: usize) -> bool {
    let arm = arms.iter().find(|arm| arm.index == index);
    arm.is_some_and(|arm| arm.operation.is_over())
}

fn attempt_any(arms: &mut [Arm<'_>]) -> Option<usize> {
    arms.iter_mut().find_map(Arm::attempt)
}

fn number(arms: &mut [Arm<'_>]) {
    for (index, arm) in arms.iter_mut().enumerate() {
        arm.index = index;
    }
}

/// Durstenfeld's shuffle; every order is as likely, up to a bias of 2⁻³² or so.
fn shuffle(arms: &mut [Arm<'_>]) {
    // A model explores what follows; the order must be the same each time.
    if cfg!(loom) || arms.len() < 2 {
        return;
    }
    let mut random = random();
    for last in (1..arms.len()).rev() {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let bound = last as u64 + 1;
        arms.swap(last, (((random >> 32) * bound) >> 32) as usize);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
