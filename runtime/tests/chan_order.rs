//! A channel against its model, a queue: whatever the order of operations, the same messages
//! come out and the same errors.

use std::collections::VecDeque;

use proptest::prelude::*;
use runtime::chan::select::Select;
use runtime::chan::{self, Receiver, Sender, TryRecvError, TrySendError};

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u8),
    Receive,
    /// Sends or receives, whichever can be done.
    Select(u8),
    CloneSender,
    CloneReceiver,
    DropSender,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Send),
        6 => Just(Step::Receive),
        4 => any::<u8>().prop_map(Step::Select),
        1 => Just(Step::CloneSender),
        1 => Just(Step::CloneReceiver),
        1 => Just(Step::DropSender),
        1 => Just(Step::DropReceiver),
    ]
}

/// The channel and its model, with the handles that are left.
struct Pair {
    capacity: usize,
    senders: Vec<Sender<u8>>,
    receivers: Vec<Receiver<u8>>,
    model: VecDeque<u8>,
}

impl Pair {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = chan::bounded(capacity);
        Self {
            capacity,
            senders: vec![sender],
            receivers: vec![receiver],
            model: VecDeque::new(),
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Send(message) => self.send(message),
            Step::Receive => self.receive(),
            Step::Select(message) => self.select(message),
            Step::CloneSender => self.senders.extend(self.senders.first().cloned()),
            Step::CloneReceiver => self.receivers.extend(self.receivers.first().cloned()),
            Step::DropSender => drop(self.senders.pop()),
            Step::DropReceiver => {
                drop(self.receivers.pop());
                if self.receivers.is_empty() {
                    self.model.clear();
                }
            }
        }
    }

    fn send(&mut self, message: u8) {
        let Some(sender) = self.senders.last() else {
            return;
        };
        let expected = if self.receivers.is_empty() {
            Err(TrySendError::Closed(message))
        } else if self.model.len() == self.capacity {
            Err(TrySendError::Full(message))
        } else {
            self.model.push_back(message);
            Ok(())
        };
        assert_eq!(sender.try_send(message), expected);
        assert_eq!(sender.len(), self.model.len());
    }

    /// Exactly one of the two takes place, if one can, and the message of the other stays.
    fn select(&mut self, message: u8) {
        let (Some(sender), Some(receiver)) = (self.senders.last(), self.receivers.last()) else {
            return;
        };
        let (mut sending, mut receiving) = (sender.sending(message), receiver.receiving());
        let mut select = Select::new();
        select.add(&mut sending);
        select.add(&mut receiving);
        match select.try_now() {
            Some(0) => {
                assert!(self.model.len() < self.capacity);
                assert_eq!((sending.take(), receiving.take()), (Some(Ok(())), None));
                assert_eq!(sending.into_message(), None);
                self.model.push_back(message);
            }
            Some(_) => {
                assert_eq!(receiving.take(), self.model.pop_front().map(Ok));
                assert_eq!(sending.into_message(), Some(message));
            }
            None => assert!(self.model.is_empty() && self.capacity == 0),
        }
    }

    fn receive(&mut self) {
        let Some(receiver) = self.receivers.last() else {
            return;
        };
        let expected = match self.model.pop_front() {
            Some(message) => Ok(message),
            None if self.senders.is_empty() => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        };
        assert_eq!(receiver.try_recv(), expected);
        assert_eq!(receiver.is_empty(), self.model.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: if cfg!(miri) { 8 } else { 256 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn behaves_as_a_queue_of_its_capacity(
        capacity in prop_oneof![5 => 0_usize..5, 1 => Just(usize::MAX)],
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let mut pair = Pair::new(capacity);
        for step in steps {
            pair.apply(step);
        }
    }
}
