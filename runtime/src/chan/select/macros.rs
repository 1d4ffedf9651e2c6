//! The macro: it makes the operations of its arms, selects, drops them, and runs the arm's body.
// A local that is named in the expansion of one step is not that of another: so all steps name
// theirs `operation`, and hand the name on.

/// Waits for the first of several operations and runs the body of its arm. If several can be
/// done, one of them is taken at random; what the others would have done does not happen.
///
/// | arm | takes place when | the pattern is matched with |
/// |---|---|---|
/// | `recv(receiver) -> pattern => body` | a message is received, or the channel is closed | `Result<T, RecvError>` |
/// | `send(sender, message) -> pattern => body` | the message is sent, or the channel is closed | `Result<(), SendError<T>>` |
/// | `after(time) => body` | a `Duration` has passed, or an `Instant` has come | |
/// | `cancelled(token) -> pattern => body` | the [`Token`](crate::cancel::Token) is cancelled | [`Cancelled`](crate::cancel::Cancelled) |
/// | `default => body` | nothing else can be done at once | |
///
/// Channels of every flavour can be mixed, and `recv` also takes a
/// [`oneshot::Receiver`](crate::chan::oneshot::Receiver). Patterns (which must match whatever comes)
/// can be left out. Every expression in an arm's parentheses is evaluated once, in the order of
/// the arms, also if its arm is not taken; **a message that was not sent is then dropped**. Use
/// [`Select`](crate::chan::select::Select) to keep it, and for operations that are added in a
/// loop.
///
/// When a body runs, the select is over: it may close or move the channels, `break`, `return`
/// or use `?`. Its value is that of the select. Without an arm, a select waits for ever.
///
/// ```
/// use runtime::{Runtime, chan, select, spawn};
/// use std::time::Duration;
///
/// Runtime::run(|| {
///     let (numbers, wanted) = chan::bounded(1);
///     let (quit, asked_to_quit) = chan::rendezvous::<()>();
///     let fibonacci = spawn(move || {
///         let (mut a, mut b) = (0_u64, 1);
///         loop {
///             select! {
///                 send(numbers, a) -> sent => {
///                     sent.expect("the receiver lives");
///                     (a, b) = (b, a + b);
///                 }
///                 recv(asked_to_quit) -> _ => break,
///                 after(Duration::from_secs(3600)) => panic!("nobody wants to know"),
///             }
///         }
///     });
///     assert_eq!(wanted.iter().take(8).collect::<Vec<_>>(), [0, 1, 1, 2, 3, 5, 8, 13]);
///     drop(quit);
///     fibonacci.join().unwrap();
///     let last = select! {
///         recv(wanted) -> left => left.is_ok(),
///         default => false,
///     };
///     assert!(last, "one was in the channel still");
/// });
/// ```
///
/// # Panics
///
/// Only if a body does.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__select!(@read {} $($arms)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // Reads one arm after the other into groups `(operation kind (arguments) (pattern) (body))`.
    (@read {$($arms:tt)*} default => $body:block $(,)?) => {
        $crate::__select!(@run {$($arms)*} {$body})
    };
    (@read {$($arms:tt)*} default => $body:expr $(,)?) => {
        $crate::__select!(@run {$($arms)*} {$body})
    };
    (@read {$($arms:tt)*} $kind:ident($($arguments:tt)*) -> $pattern:pat => $body:block, $($rest:tt)*) => {
        $crate::__select!(
            @read {$($arms)* (operation $kind ($($arguments)*) ($pattern) ($body))} $($rest)*
        )
    };
    (@read {$($arms:tt)*} $kind:ident($($arguments:tt)*) -> $pattern:pat => $body:block $($rest:tt)*) => {
        $crate::__select!(
            @read {$($arms)* (operation $kind ($($arguments)*) ($pattern) ($body))} $($rest)*
        )
    };
    (@read {$($arms:tt)*} $kind:ident($($arguments:tt)*) -> $pattern:pat => $body:expr, $($rest:tt)*) => {
        $crate::__select!(
            @read {$($arms)* (operation $kind ($($arguments)*) ($pattern) ($body))} $($rest)*
        )
    };
    (@read {$($arms:tt)*} $kind:ident($($arguments:tt)*) -> $pattern:pat => $body:expr) => {
        $crate::__select!(
            @read {$($arms)* (operation $kind ($($arguments)*) ($pattern) ($body))}
        )
    };
    (@read {$($arms:tt)*} $kind:ident($($arguments:tt)*) => $($rest:tt)+) => {
        $crate::__select!(@read {$($arms)*} $kind($($arguments)*) -> _ => $($rest)+)
    };
    (@read {$($arms:tt)*}) => {
        $crate::__select!(@run {$($arms)*} {})
    };
    (@read {$($arms:tt)*} default => $($rest:tt)*) => {
        ::core::compile_error!("the arm `default` of a select is its last")
    };
    (@read {$($arms:tt)*} $($rest:tt)+) => {
        ::core::compile_error!(
            "an arm of a select is `recv(receiver) -> pattern => body`, \
             `send(sender, message) -> pattern => body`, `after(time) => body`, \
             `cancelled(token) -> pattern => body` or `default => body`, with a comma between arms"
        )
    };

    (@run {$(($operation:ident $kind:ident ($($arguments:tt)*) ($pattern:pat) ($body:expr)))*} {$($default:expr)?}) => {
        match {
            $($crate::__select!(@make $operation $kind $($arguments)*);)*
            let _ = $crate::__select!(
                @select ($($default)?)
                &mut [$($crate::chan::select::of_macro::Arm::new(&mut $operation)),*]
            );
            $crate::__select!(@outcome $($operation)*)
        } {
            outcome => $crate::__select!(@body outcome {$(($pattern) ($body))*} {$($default)?}),
        }
    };

    (@make $operation:ident recv $receiver:expr) => {
        let receiver = &$receiver;
        let mut $operation = receiver.receiving();
    };
    (@make $operation:ident send $sender:expr, $message:expr) => {
        let sender = &$sender;
        let mut $operation = sender.sending($message);
    };
    (@make $operation:ident after $time:expr) => {
        let mut $operation = $crate::chan::select::After::from($time);
    };
    (@make $operation:ident cancelled $token:expr) => {
        let token: &$crate::cancel::Token = &$token;
        let mut $operation = $crate::chan::select::CancelledBy::from(token);
    };
    (@make $operation:ident $kind:ident $($arguments:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a select has no arm `", ::core::stringify!($kind($($arguments)*)), "`"
        ));
    };

    (@select () $arms:expr) => { $crate::chan::select::of_macro::wait($arms) };
    (@select ($default:expr) $arms:expr) => { $crate::chan::select::of_macro::try_now($arms) };

    (@outcome) => { () };
    (@outcome $operation:ident $($rest:ident)*) => {
        match $crate::chan::select::of_macro::Outcome::outcome(&mut $operation) {
            ::core::option::Option::Some(value) => {
                $crate::chan::select::of_macro::Which::First(value)
            }
            ::core::option::Option::None => {
                $crate::chan::select::of_macro::Which::Rest($crate::__select!(@outcome $($rest)*))
            }
        }
    };

    (@body $outcome:ident {} {}) => {
        ::core::unreachable!("a select ends with one of its arms")
    };
    (@body $outcome:ident {} {$default:expr}) => { $default };
    (@body $outcome:ident {($pattern:pat) ($body:expr) $($rest:tt)*} {$($default:expr)?}) => {
        match $outcome {
            $crate::chan::select::of_macro::Which::First(value) => {
                let $pattern = value;
                $body
            }
            $crate::chan::select::of_macro::Which::Rest(outcome) => {
                $crate::__select!(@body outcome {$($rest)*} {$($default)?})
            }
        }
    };
}
