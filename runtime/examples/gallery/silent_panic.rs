//! The silent panic: jobs are started and their handles dropped, so nobody hears of those that
//! panic.
//!
//! Repaired, what cannot be done is an error that is counted.

use runtime::task::Builder;

use crate::load;

/// One in so many jobs names a page that is not there.
const WRONG: u64 = 5;

const PAGES: [&str; 3] = ["about", "index", "news"];

pub fn start(repaired: bool) {
    if !repaired {
        // The program's log is not read: that is the silence.
        std::panic::set_hook(Box::new(|_| ()));
    }
    load::requests(move |number| {
        let page = if number.is_multiple_of(WRONG) {
            PAGES.len()
        } else {
            number as usize % PAGES.len()
        };
        Builder::new().name("job").spawn(move || {
            if repaired {
                PAGES.get(page).map_or(0, |page| page.len())
            } else {
                PAGES[page].len()
            }
        });
    });
}
