//! A processor's short way from a `Location` to its site: direct-mapped by the location's address.
//!
//! Used by its owner alone, at every spawn; a miss asks the interner.

use super::{Site, intern};
use std::panic::Location;

/// What a processor remembers of the interner: direct-mapped by the location's address.
pub(crate) struct SiteCache {
    entries: [Option<Entry>; Self::ENTRIES],
}

#[derive(Clone, Copy)]
struct Entry {
    location: &'static Location<'static>,
    name: Option<&'static str>,
    site: &'static Site,
}

impl SiteCache {
    const ENTRIES: usize = 64;

    /// An empty cache.
    #[must_use]
    pub(crate) const fn new() -> Self {
        Self {
            entries: [None; Self::ENTRIES],
        }
    }

    /// The site of this location, name and flag.
    #[inline]
    #[must_use]
    pub(crate) fn get(
        &mut self,
        location: &'static Location<'static>,
        name: Option<&'static str>,
        service: bool,
    ) -> &'static Site {
        let entry = &mut self.entries[Self::place(location)];
        match entry {
            Some(entry) if entry.is(location, name, service) => entry.site,
            _ => Self::fill(entry, location, name, service),
        }
    }

    fn place(location: &'static Location<'static>) -> usize {
        let address = std::ptr::from_ref(location).addr();
        // Locations lie side by side, at multiples of their size.
        (address / size_of::<Location<'_>>()) % Self::ENTRIES
    }

    #[cold]
    fn fill(
        entry: &mut Option<Entry>,
        location: &'static Location<'static>,
        name: Option<&'static str>,
        service: bool,
    ) -> &'static Site {
        let site = intern(location, name, service);
        *entry = Some(Entry {
            location,
            name,
            site,
        });
        site
    }
}

impl Entry {
    /// By addresses: equal contents elsewhere are only a miss.
    #[inline]
    fn is(
        &self,
        location: &'static Location<'static>,
        name: Option<&'static str>,
        service: bool,
    ) -> bool {
        std::ptr::eq(self.location, location)
            && self.name.map(str::as_ptr) == name.map(str::as_ptr)
            && self.name.map(str::len) == name.map(str::len)
            && self.site.is_service() == service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn the_cache_gives_what_the_interner_gives() {
        let mut cache = SiteCache::new();
        let location = here();
        for service in [false, true, true, false] {
            for name in [None, Some("a"), Some("b")] {
                let site = cache.get(location, name, service);
                assert!(std::ptr::eq(site, intern(location, name, service)));
                assert!(std::ptr::eq(site, cache.get(location, name, service)));
            }
        }
    }
}
