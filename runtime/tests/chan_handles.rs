//! What the ends of a channel promise without anybody waiting.

use std::sync::Arc;

use runtime::chan::{self, RecvError, SendError, TryRecvError, TrySendError};

#[test]
fn gives_messages_in_the_order_in_which_they_were_sent() {
    let (sender, receiver) = chan::bounded(3);
    for number in 0..3 {
        sender.send(number).unwrap();
    }
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn gives_the_message_back_when_it_is_full_or_closed() {
    let (sender, receiver) = chan::bounded(1);
    sender.send("kept").unwrap();
    assert_eq!(sender.try_send("full"), Err(TrySendError::Full("full")));
    drop(receiver);
    assert_eq!(
        sender.try_send("closed"),
        Err(TrySendError::Closed("closed"))
    );
    assert_eq!(
        sender.send("closed").map_err(SendError::into_inner),
        Err("closed")
    );
}

#[test]
fn gives_what_is_left_after_the_last_sender_has_gone() {
    let (sender, receiver) = chan::bounded(2);
    let other = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(
        receiver.try_recv(),
        Err(TryRecvError::Empty),
        "another sender lives"
    );
    drop(other);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv(), Err(RecvError));
}

#[test]
fn drops_unreceived_messages_with_the_last_receiver() {
    let (sender, receiver) = chan::bounded(2);
    let message = Arc::new(());
    sender.send(Arc::clone(&message)).unwrap();
    let other = receiver.clone();
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 2, "another receiver lives");
    drop(other);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn a_message_may_hold_the_channel_that_it_lies_in() {
    struct Looped(#[expect(dead_code, reason = "it is there to be dropped")] chan::Sender<Looped>);

    let (sender, receiver) = chan::bounded(1);
    sender.send(Looped(sender.clone())).unwrap();
    drop(receiver);
    assert!(sender.send(Looped(sender.clone())).is_err());
}

#[test]
fn errors_say_what_happened_without_showing_the_message() {
    assert_eq!(format!("{:?}", SendError("secret")), "SendError(..)");
    assert_eq!(
        TrySendError::Full("secret").to_string(),
        "the channel is full"
    );
    assert_eq!(TryRecvError::Empty.to_string(), "the channel is empty");
}
