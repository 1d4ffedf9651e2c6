//! The ends of a program's channels, of whatever kind.

use std::sync::Arc;

use runtime::cancel::Until;
use runtime::chan::{self, SendUntilError, TryRecvError};

use crate::accounts::{Message, Messages};
use crate::homemade::{End, Handle, Line, Monitored, Notified, Received};
use crate::program::ChannelKind;

/// Where messages go in.
#[derive(Clone)]
pub struct Outbox {
    pub messages: Arc<Messages>,
    sender: Sender,
}

/// Where they come out.
#[derive(Clone)]
pub struct Inbox {
    pub messages: Arc<Messages>,
    receiver: Receiver,
}

#[derive(Clone)]
enum Sender {
    Channel(chan::Sender<Message>),
    Homemade(Handle),
}

#[derive(Clone)]
enum Receiver {
    Channel(chan::Receiver<Message>),
    Homemade(Handle),
}

/// A channel of this kind.
pub fn open(kind: ChannelKind) -> (Outbox, Inbox) {
    let (sender, receiver) = match kind {
        ChannelKind::Rendezvous => of_runtime(chan::rendezvous()),
        ChannelKind::Bounded(capacity) => of_runtime(chan::bounded(capacity)),
        ChannelKind::Unbounded => of_runtime(chan::unbounded()),
        ChannelKind::Monitored(capacity) => homemade(Arc::new(Monitored::new(capacity))),
        ChannelKind::Notified => homemade(Arc::new(Notified::default())),
    };
    let messages = Arc::<Messages>::default();
    let outbox = Outbox {
        messages: Arc::clone(&messages),
        sender,
    };
    (outbox, Inbox { messages, receiver })
}

fn of_runtime(ends: (chan::Sender<Message>, chan::Receiver<Message>)) -> (Sender, Receiver) {
    (Sender::Channel(ends.0), Receiver::Channel(ends.1))
}

fn homemade(line: Arc<dyn Line>) -> (Sender, Receiver) {
    let sender = Handle::new(&line, End::Sender);
    let receiver = Handle::new(&line, End::Receiver);
    (Sender::Homemade(sender), Receiver::Homemade(receiver))
}

impl Outbox {
    /// Sends, and counts what became of it.
    pub fn send(&self, message: Message, until: Until<'_>) {
        let sent = match &self.sender {
            Sender::Channel(sender) => sender
                .send_until(message, until)
                .map_err(SendUntilError::into_inner),
            Sender::Homemade(handle) => handle.send(message, until),
        };
        self.messages.settle(sent);
    }

    /// Sends without waiting, and counts what became of it.
    pub fn try_send(&self, message: Message) {
        let sent = match &self.sender {
            Sender::Channel(sender) => sender
                .try_send(message)
                .map_err(chan::TrySendError::into_inner),
            Sender::Homemade(handle) => {
                let over = Until::from(std::time::Duration::ZERO);
                handle.send(message, over)
            }
        };
        self.messages.settle(sent);
    }

    /// The sender, where it can be selected.
    pub fn selectable(&self) -> Option<&chan::Sender<Message>> {
        match &self.sender {
            Sender::Channel(sender) => Some(sender),
            Sender::Homemade(_) => None,
        }
    }
}

impl Inbox {
    /// Receives, waiting so long.
    pub fn receive(&self, until: Until<'_>) -> Received {
        match &self.receiver {
            Receiver::Channel(receiver) => match receiver.recv_until(until) {
                Ok(message) => Received::Message(message),
                Err(error) if error.interrupted().is_some() => Received::Interrupted,
                Err(_) => Received::Closed,
            },
            Receiver::Homemade(handle) => handle.receive(until),
        }
    }

    /// Receives what is there.
    pub fn try_receive(&self) -> Received {
        let Receiver::Channel(receiver) = &self.receiver else {
            return self.receive(Until::from(std::time::Duration::ZERO));
        };
        match receiver.try_recv() {
            Ok(message) => Received::Message(message),
            Err(TryRecvError::Empty) => Received::Interrupted,
            Err(_) => Received::Closed,
        }
    }

    /// The messages of a channel that can be selected.
    ///
    /// # Panics
    ///
    /// If it is another.
    pub fn into_selectable(self) -> chan::IntoIter<Message> {
        match self.receiver {
            Receiver::Channel(receiver) => receiver.into_iter(),
            Receiver::Homemade(_) => panic!("a homemade channel has no iterator"),
        }
    }

    /// The receiver, where it can be selected.
    pub fn selectable(&self) -> Option<&chan::Receiver<Message>> {
        match &self.receiver {
            Receiver::Channel(receiver) => Some(receiver),
            Receiver::Homemade(_) => None,
        }
    }
}
