//! Spawn sites: one [`Site`] for ever per source line, static name and service flag.
//!
//! A spawn finds its site through the processor's [`SiteCache`], by the address of its
//! `Location`; a miss asks the interner, which compares contents: inlining and generics give one
//! line several locations. Sites are never freed, so that probes and ledgers may hold them.

mod cache;

pub(crate) use cache::SiteCache;

use crate::ledger::{Chunks, Row, Zeroed};
use crate::primitive::static_atomic::{AtomicPtr, AtomicU32, Ordering};
use runtime_abi::{SITE_FLAG_SERVICE, SiteRecord};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A source line that spawns tasks, with the static name and the service flag of its builder: what
/// tasks are counted under. There is one of each for ever, so a reference is a handle, and two are
/// equal if they are the same.
///
/// Shown as `file:line:column`.
///
/// ```
/// use runtime::{Runtime, introspect, task};
///
/// Runtime::run(|| {
///     let indexer = task::Builder::new().name("indexer").spawn(runtime::task::site);
///     let site = indexer.join().unwrap().unwrap();
///     assert_eq!((site.name(), site.is_service()), (Some("indexer"), false));
///     assert_eq!(site.to_string(), format!("{}:{}:{}", site.file(), site.line(), site.column()));
///     assert!(introspect::sites().iter().any(|counts| counts.site() == site));
/// });
/// ```
#[repr(C)]
pub struct Site {
    /// What tracers read at the site's address: first, see [`Site::address`].
    record: SiteRecord,
    file: &'static str,
    name: Option<&'static str>,
    index: u32,
    /// The site's counters in the shared shard (see `ledger/shard.rs`).
    shared: Row,
}

// SAFETY: the record's pointers are to static strings that nobody writes.
unsafe impl Sync for Site {}
// SAFETY: as above; a site is not bound to a thread.
unsafe impl Send for Site {}

impl Site {
    /// The address that probes carry: that of the site's [`SiteRecord`].
    #[inline]
    #[must_use]
    pub(crate) fn address(&'static self) -> u64 {
        (&raw const self.record).expose_provenance() as u64
    }

    /// The site's number, dense from 0.
    #[inline]
    #[must_use]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The source file, as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The line in it, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.record.line
    }

    /// The column of that, from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.record.column
    }

    /// Whether its tasks are declared to live and wait for ever.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.record.flags & SITE_FLAG_SERVICE != 0
    }

    /// The static name given by the task's builder.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The site's row in the shared shard.
    #[inline]
    pub(crate) fn shared_row(&self) -> &Row {
        &self.shared
    }

    /// Reads a byte of every page of the record and its strings, so that the kernel finds them
    /// in memory: its programs cannot fault pages in.
    pub(crate) fn touch(&'static self) {
        touch((&raw const self.record).cast(), size_of::<SiteRecord>());
        touch(self.file.as_ptr(), self.file.len());
        let name = self.name.unwrap_or_default();
        touch(name.as_ptr(), name.len());
    }
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Site {}

impl std::hash::Hash for Site {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}",
            self.file(),
            self.line(),
            self.column()
        )
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Site({self})")
    }
}

/// Reads a byte in every page of `len` bytes at `start`, which must be readable.
fn touch(start: *const u8, len: usize) {
    const PAGE: usize = 4_096;
    for offset in (0..len).step_by(PAGE).chain(len.checked_sub(1)) {
        // SAFETY: the offset is within the object that the caller named.
        let byte = unsafe { start.add(offset) };
        // SAFETY: all bytes of the record (no padding: its size is asserted) and of the strings
        // are initialised.
        unsafe { byte.read_volatile() };
    }
}

/// A site's content: equal ones are one site.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    file: &'static str,
    line: u32,
    column: u32,
    name: Option<&'static str>,
    service: bool,
}

static INTERNED: LazyLock<Mutex<HashMap<Key, &'static Site>>> = LazyLock::new(Mutex::default);

/// All sites by index, for the monitor.
static BY_INDEX: Chunks<SitePointer> = Chunks::new();

/// How many of `BY_INDEX` are set.
static COUNT: AtomicU32 = AtomicU32::new(0);

struct SitePointer(AtomicPtr<Site>);

// SAFETY: a zeroed atomic pointer is null.
unsafe impl Zeroed for SitePointer {}

/// The site of this location, name and flag: the same one for equal contents.
///
/// Takes a lock and may allocate; a spawn comes here once per processor and location.
#[must_use]
pub(crate) fn intern(
    location: &'static Location<'static>,
    name: Option<&'static str>,
    service: bool,
) -> &'static Site {
    let (file, line, column) = (location.file(), location.line(), location.column());
    intern_key(Key {
        file,
        line,
        column,
        name,
        service,
    })
}

fn intern_key(key: Key) -> &'static Site {
    let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    interned.entry(key).or_insert_with(|| publish(create(key)))
}

/// A new site with the next number. The caller holds the interner's lock.
fn create(key: Key) -> &'static Site {
    let name = key.name.unwrap_or_default();
    let record = SiteRecord {
        file: key.file.as_ptr(),
        file_len: key.file.len() as u64,
        line: key.line,
        column: key.column,
        name: if name.is_empty() {
            std::ptr::null()
        } else {
            name.as_ptr()
        },
        name_len: name.len() as u64,
        flags: if key.service { SITE_FLAG_SERVICE } else { 0 },
    };
    let index = COUNT.load(Ordering::Relaxed);
    Box::leak(Box::new(Site {
        record,
        file: key.file,
        name: key.name,
        index,
        shared: Row::new(),
    }))
}

fn publish(site: &'static Site) -> &'static Site {
    let pointer = std::ptr::from_ref(site).cast_mut();
    BY_INDEX
        .get_or_make(site.index)
        .0
        .store(pointer, Ordering::Relaxed);
    // Release: pairs with the acquire in `count`.
    COUNT.store(site.index + 1, Ordering::Release);
    site
}

/// How many sites there are.
#[must_use]
pub(crate) fn count() -> u32 {
    COUNT.load(Ordering::Acquire)
}

/// The site with this number, or `None` if there are not so many.
#[must_use]
pub(crate) fn by_index(index: u32) -> Option<&'static Site> {
    // Acquire: whoever learned the number without `count` still sees the whole site.
    let pointer = BY_INDEX.get(index)?.0.load(Ordering::Acquire);
    // SAFETY: null, or a leaked site.
    unsafe { pointer.as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(line: u32) -> Key {
        Key {
            file: "src/site_test.rs",
            line,
            column: 5,
            name: None,
            service: false,
        }
    }

    #[test]
    fn equal_contents_at_different_addresses_are_one_site() {
        static COPY: LazyLock<String> = LazyLock::new(|| "src/site_test.rs".to_owned());
        let copy: &'static str = &COPY;
        let first = intern_key(key(1));
        let second = intern_key(Key {
            file: copy,
            ..key(1)
        });
        assert!(std::ptr::eq(first, second));
    }

    #[test]
    fn name_and_service_flag_make_sites_of_their_own() {
        let plain = intern_key(key(2));
        let named = intern_key(Key {
            name: Some("pool"),
            ..key(2)
        });
        let service = intern_key(Key {
            service: true,
            ..key(2)
        });
        assert!(service.is_service() && !plain.is_service());
        assert_eq!(named.name(), Some("pool"));
        assert_ne!(plain.index(), named.index());
        assert_ne!(plain.index(), service.index());
    }

    #[test]
    fn a_site_is_found_by_its_number_and_shows_its_line() {
        let site = intern_key(key(3));
        assert!(site.index() < count());
        assert!(std::ptr::eq(
            by_index(site.index()).expect("published"),
            site
        ));
        assert_eq!(site.to_string(), "src/site_test.rs:3:5");
        assert!(by_index(u32::MAX).is_none());
    }

    #[test]
    fn the_record_says_what_the_site_is() {
        let site = intern_key(Key {
            name: Some("n"),
            service: true,
            ..key(4)
        });
        site.touch();
        assert_eq!(site.address(), std::ptr::from_ref(site).addr() as u64);
        assert_eq!((site.record.line, site.record.column), (4, 5));
        assert_eq!((site.record.file_len, site.record.name_len), (16, 1));
        assert_eq!(site.record.flags, SITE_FLAG_SERVICE);
        assert!(intern_key(key(4)).record.name.is_null());
    }

    #[test]
    fn threads_that_race_get_one_site() {
        let sites: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| intern_key(key(5))))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect();
        assert!(sites.windows(2).all(|pair| std::ptr::eq(pair[0], pair[1])));
    }
}
