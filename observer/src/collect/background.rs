//! Questions about running processes, answered by a thread of its own.
//!
//! What answers them reads files of strangers, which may be large or broken. So the pipeline asks,
//! goes on, and has the answer some steps later: an endless loop there costs the answers and
//! nothing else.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Questions that wait for their answers; others are asked again later.
const MAX_WAITING: usize = 256;

/// Answers a question.
pub(crate) type Answerer<Q, A> = Box<dyn FnMut(&Q) -> A>;

/// Where the thread is asked, and where its answers come.
type Ends<Q, A> = (SyncSender<Q>, Receiver<(Q, A)>);

/// A thread that answers questions; it begins with the first.
#[derive(Debug)]
pub(crate) struct Background<Q, A> {
    name: &'static str,
    /// Makes what answers, for as long as questions wait: then all that it has read is dropped.
    make: fn() -> Answerer<Q, A>,
    thread: Option<Ends<Q, A>>,
    waiting: HashSet<Q>,
}

impl<Q, A> Background<Q, A>
where
    Q: Clone + Eq + Hash + Send + 'static,
    A: Send + 'static,
{
    /// A thread of this name.
    pub(crate) fn new(name: &'static str, make: fn() -> Answerer<Q, A>) -> Self {
        Self {
            name,
            make,
            thread: None,
            waiting: HashSet::new(),
        }
    }

    /// Asks; again while it is not answered changes nothing.
    pub(crate) fn ask(&mut self, question: Q) {
        if self.waiting.len() >= MAX_WAITING || self.waiting.contains(&question) {
            return;
        }
        let (name, make) = (self.name, self.make);
        let (questions, _) = self.thread.get_or_insert_with(|| start(name, make));
        if questions.try_send(question.clone()).is_ok() {
            self.waiting.insert(question);
        }
    }

    /// What was answered since the last time.
    pub(crate) fn answers(&mut self) -> Vec<(Q, A)> {
        let threads = self.thread.iter();
        let answers: Vec<(Q, A)> = threads
            .flat_map(|(_, answers)| answers.try_iter())
            .collect();
        for (question, _) in &answers {
            self.waiting.remove(question);
        }
        answers
    }

    /// Nothing waits for an answer.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}

fn start<Q, A>(name: &'static str, make: fn() -> Answerer<Q, A>) -> Ends<Q, A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    let (questions, asked) = sync_channel(MAX_WAITING);
    let (sender, answers) = channel();
    let thread = thread::Builder::new().name(name.to_owned());
    if let Err(error) = thread.spawn(move || answer(&asked, &sender, make)) {
        tracing::warn!(%error, "no thread `{name}`: its questions are not answered");
    }
    (questions, answers)
}

/// Until nobody asks any more, or wants to know.
fn answer<Q, A>(asked: &Receiver<Q>, answers: &Sender<(Q, A)>, make: fn() -> Answerer<Q, A>) {
    while let Ok(first) = asked.recv() {
        let mut answerer = make();
        let mut next = Some(first);
        while let Some(question) = next {
            let answer = answerer(&question);
            if answers.send((question, answer)).is_err() {
                return;
            }
            next = asked.try_recv().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_once_however_often_it_is_asked_meanwhile() {
        let mut background = Background::new("doubles", || Box::new(|question: &u64| question * 2));
        assert!(background.answers().is_empty());
        for question in [1, 2, 1, 2] {
            background.ask(question);
        }
        let mut answers = Vec::new();
        while !background.is_idle() {
            answers.extend(background.answers());
            thread::yield_now();
        }
        assert_eq!(answers, [(1, 2), (2, 4)]);
        background.ask(1);
        assert!(!background.is_idle(), "it can be asked again");
    }

    #[test]
    fn questions_beyond_the_bound_are_left_for_later() {
        // Nobody answers before all are asked.
        let mut background = Background::new("never", || {
            Box::new(|_: &usize| {
                loop {
                    thread::park();
                }
            })
        });
        (0..2 * MAX_WAITING).for_each(|question| background.ask(question));
        assert_eq!(background.waiting.len(), MAX_WAITING);
        let _: Vec<(usize, ())> = background.answers();
    }
}
