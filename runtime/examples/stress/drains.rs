//! Those who receive a program's messages: they hold no lock, so senders can rely on them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use runtime::cancel::Until;
use runtime::chan::{RecvError, select::Select};

use crate::accounts::{Accounts, Message};
use crate::boxes::Inbox;
use crate::homemade::Received;
use crate::program::{DrainPlan, DrainWay, microseconds};

/// Lets others run where nothing came in time.
const PAUSE: Duration = Duration::from_micros(20);

/// What an arm gave.
type Arrival = Result<Message, RecvError>;

/// What one drain has received.
struct Taken {
    accounts: Arc<Accounts>,
    number: u64,
    /// How many it may still take.
    left: Option<usize>,
    /// The last message of each sender, by channel.
    last: HashMap<(usize, u64), u64>,
}

/// Receives until there are no senders, or it had enough. The first of the inboxes is its own; the
/// others it takes only where it receives from all at once: a receiver that is not asked would
/// keep senders waiting.
pub fn drain(plan: &DrainPlan, number: u64, mut inboxes: Vec<Inbox>, accounts: Arc<Accounts>) {
    let mut taken = Taken {
        accounts,
        number,
        left: plan.most,
        last: HashMap::new(),
    };
    if taken.left == Some(0) {
        return;
    }
    let selects = matches!(plan.way, DrainWay::Select | DrainWay::SelectUntil(_));
    if selects && inboxes[0].selectable().is_some() {
        inboxes.retain(|inbox| inbox.selectable().is_some());
    } else {
        inboxes.truncate(1);
    }
    // It had enough or has seen the end: both are right.
    let _ = receive_all(&mut taken, plan.way, inboxes);
}

fn receive_all(taken: &mut Taken, way: DrainWay, mut inboxes: Vec<Inbox>) -> ControlFlow<()> {
    let is_selectable = inboxes[0].selectable().is_some();
    match way {
        DrainWay::Iterate if is_selectable => iterate(taken, inboxes.remove(0)),
        DrainWay::Try => to_the_end(taken, &inboxes[0], Inbox::try_receive),
        DrainWay::Until(time) => to_the_end(taken, &inboxes[0], |inbox| {
            inbox.receive(Until::from(microseconds(time)))
        }),
        DrainWay::Select if is_selectable => select(taken, inboxes, || Until::FOREVER),
        DrainWay::SelectUntil(time) if is_selectable => {
            select(taken, inboxes, || Until::from(microseconds(time)))
        }
        _ => to_the_end(taken, &inboxes[0], |inbox| inbox.receive(Until::FOREVER)),
    }
}

impl Taken {
    /// One message of the channel number `from`; `Break` when it was enough.
    fn take(&mut self, from: usize, message: Message) -> ControlFlow<()> {
        let (sender, sequence) = (message.sender, message.sequence);
        self.accounts.note(self.number, (from, sender, sequence));
        let before = self.last.insert((from, sender), sequence);
        self.accounts
            .check(before.is_none_or(|before| before < sequence), || {
                format!("message {sequence} of {sender} came after {before:?}")
            });
        message.receive();
        self.left = self.left.map(|left| left - 1);
        if self.left == Some(0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn iterate(taken: &mut Taken, inbox: Inbox) -> ControlFlow<()> {
    let messages = Arc::clone(&inbox.messages);
    for message in inbox.into_selectable() {
        taken.take(0, message)?;
    }
    messages.note_drained();
    ControlFlow::Continue(())
}

fn to_the_end(
    taken: &mut Taken,
    inbox: &Inbox,
    receive: impl Fn(&Inbox) -> Received,
) -> ControlFlow<()> {
    loop {
        match receive(inbox) {
            Received::Message(message) => taken.take(0, message)?,
            Received::Interrupted => runtime::sleep(PAUSE),
            Received::Closed => {
                inbox.messages.note_drained();
                return ControlFlow::Continue(());
            }
        }
    }
}

/// Whichever of them has something, until all are closed.
fn select<'u>(
    taken: &mut Taken,
    inboxes: Vec<Inbox>,
    until: impl Fn() -> Until<'u>,
) -> ControlFlow<()> {
    let mut open: Vec<_> = inboxes.into_iter().enumerate().collect();
    while !open.is_empty() {
        let Some((at, received)) = select_once(&open, until()) else {
            runtime::sleep(PAUSE);
            continue;
        };
        match received {
            Some(Ok(message)) => taken.take(open[at].0, message)?,
            Some(Err(_)) => open.remove(at).1.messages.note_drained(),
            None => taken
                .accounts
                .violated("a select named an arm that did not take place"),
        }
    }
    ControlFlow::Continue(())
}

/// The arm that took place and what came of it; `None` if none did in time.
fn select_once(open: &[(usize, Inbox)], until: Until<'_>) -> Option<(usize, Option<Arrival>)> {
    let receivers = open.iter().filter_map(|(_, inbox)| inbox.selectable());
    let mut operations: Vec<_> = receivers.map(|receiver| receiver.receiving()).collect();
    let mut select = Select::new();
    for operation in &mut operations {
        select.add(operation);
    }
    let at = select.wait_until(until).ok()?;
    Some((at, operations[at].take()))
}
