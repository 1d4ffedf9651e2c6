//! The wait group that is one too many: a part of the work fails, and its place in the group is
//! kept with what it left behind.
//!
//! Repaired, a failed part leaves the group too.

use runtime::spawn;
use runtime::sync::WaitGroup;
use runtime::task::Builder;

use crate::load;

/// Parts of a request's work; the last fails.
const PARTS: u64 = 3;

pub fn start(repaired: bool) {
    load::requests(move |_| {
        let group = WaitGroup::new();
        let mut failed = Vec::new();
        for part in 0..PARTS {
            let member = group.clone();
            if part + 1 == PARTS {
                failed.push(member);
            } else {
                spawn(move || drop(member));
            }
        }
        if !repaired {
            // For a retry that never comes.
            std::mem::forget(failed);
        }
        Builder::new().name("gather").spawn(move || group.wait());
    });
}
