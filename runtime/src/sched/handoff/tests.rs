//! What counts as a hand-off, and who is surplus, with real threads.

use super::*;
use crate::Builder;

/// A runtime whose one processor is owned by the test.
fn owned() -> (&'static Shared, WatchedRuntime) {
    let settings = Builder::new().workers(1).settings();
    let shared = Shared::acquire(&settings);
    assert!(shared.processor(0).claim());
    (shared, WatchedRuntime::new(shared, &settings))
}

#[test]
fn a_successor_counts_as_a_hand_off_only_if_it_gets_the_processor() {
    let (shared, watched) = owned();
    let release = shared.processor(0).ownership.release();
    assert!(shared.processor(0).ownership.take(release), "regained");
    assert!(watched.start(0, Some(release)), "a thread tries");
    shared.stop();
    shared.threads.join_all();
    assert_eq!(shared.handoffs.load(Ordering::Relaxed), 0);
}

#[test]
fn a_successor_that_gets_the_processor_counts_once() {
    let (shared, watched) = owned();
    shared.released.fetch_add(1, Ordering::Relaxed);
    let release = shared.processor(0).ownership.release();
    assert!(watched.start(0, Some(release)));
    assert!(watched.start(0, Some(release)), "one of two gets it");
    shared.stop();
    shared.threads.join_all();
    assert_eq!(shared.handoffs.load(Ordering::Relaxed), 1);
}

#[test]
fn a_spare_without_a_hog_is_itself_surplus() {
    let (shared, watched) = owned();
    let hog = shared.processor(0);
    assert!(hog.replace() && hog.end_replacement(), "it is leaving");
    let spare = watched.start_spare().unwrap();
    assert!(!settle_surplus(hog, spare));
    assert!(!spare.replace(), "it is marked, or has acted upon it");
    shared.stop();
    shared.threads.join_all();
}
