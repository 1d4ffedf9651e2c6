//! The places of descriptors that are registered: never freed, used again under a new generation.
//!
//! The kernel keeps a place's key, index and generation, with the registration, and gives it back
//! with each event. An event that was on its way when its descriptor was closed carries the
//! generation of then, and is dropped. One that passes the comparison at the same moment as the
//! place changes hands wakes the next descriptor's tasks in vain, which all waits here allow.

use std::sync::PoisonError;

use crate::netpoll::direction::Direction;
use crate::primitive::{
    static_atomic::{AtomicU32, Ordering},
    static_sync::RwLock,
};

/// One place.
#[derive(Debug)]
pub(crate) struct Source {
    index: u32,
    generation: AtomicU32,
    read: Direction,
    write: Direction,
}

/// Which of a descriptor's directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

/// All places of the process, and which of them are free.
struct Places {
    all: Vec<&'static Source>,
    free: Vec<&'static Source>,
}

static PLACES: RwLock<Places> = RwLock::new(Places {
    all: Vec::new(),
    free: Vec::new(),
});

impl Source {
    /// A place for a descriptor.
    pub(super) fn take() -> &'static Self {
        let mut places = PLACES.write().unwrap_or_else(PoisonError::into_inner);
        places.free.pop().unwrap_or_else(|| places.grow())
    }

    /// Gives the place back; the descriptor is registered no more.
    pub(super) fn give_back(&'static self) {
        // Before anybody can take it: from here on the old key fits no more.
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.read.begin_again();
        self.write.begin_again();
        let mut places = PLACES.write().unwrap_or_else(PoisonError::into_inner);
        places.free.push(self);
    }

    /// What the kernel is to keep with the registration. Never [`u64::MAX`].
    pub(super) fn key(&self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.generation.load(Ordering::Relaxed))
    }

    /// Calls `each` with the places that these keys were given for, if they still are.
    pub(super) fn find(
        keys: impl Iterator<Item = u64>,
        mut each: impl FnMut(usize, &'static Self),
    ) {
        let places = PLACES.read().unwrap_or_else(PoisonError::into_inner);
        for (number, key) in keys.enumerate() {
            let source = places.all.get((key >> 32) as usize);
            if let Some(source) = source.filter(|source| source.key() == key) {
                each(number, source);
            }
        }
    }

    /// The direction of this side.
    #[inline]
    pub(crate) fn side(&self, side: Side) -> &Direction {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    /// What parks name as their resource.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Places {
    fn grow(&mut self) -> &'static Source {
        let index = u32::try_from(self.all.len()).expect("descriptors are 31-bit numbers");
        let source: &'static Source = Box::leak(Box::new(Source {
            index,
            generation: AtomicU32::new(0),
            read: Direction::new(),
            write: Direction::new(),
        }));
        self.all.push(source);
        source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(key: u64) -> bool {
        let mut found = false;
        Source::find(std::iter::once(key), |_, source| {
            found = source.key() == key
        });
        found
    }

    #[test]
    fn the_key_of_a_closed_descriptor_finds_nothing_when_its_place_is_used_again() {
        let source = Source::take();
        let stale = source.key();
        assert!(is_found(stale));
        let seen = source.side(Side::Read).look();
        source.give_back();
        assert!(!is_found(stale));
        let stay = source.side(Side::Read).enter(seen, 1);
        assert!(stay.is_none(), "a look at the last descriptor");
        assert!(!is_found(u64::MAX), "no place has this key");
    }
}
