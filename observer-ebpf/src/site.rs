//! Copies of site records: the file, the line and the name, at the first hit of a site.
//!
//! A monitor touches the record and its strings before it fires, so they are there to be
//! read. Where they are not, nothing is kept, user space reads the target's memory instead,
//! and the next hit tries again.

use crate::hit::Hit;
use crate::loss;
use crate::maps::SITES;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_probe_read_user;
use aya_ebpf::helpers::generated::bpf_probe_read_user as probe_read_user;
use core::intrinsics::{AtomicOrdering, atomic_xadd};
use observer_ebpf_abi::{FILE_BYTES, Loss, NAME_BYTES, SiteKey, SiteText};
use runtime_abi::SiteRecord;

/// What an entry is made with; too large for a program's stack.
static EMPTY: SiteText = SiteText {
    line: 0,
    column: 0,
    flags: 0,
    file_len: 0,
    name_len: 0,
    file: [0; FILE_BYTES],
    name: [0; NAME_BYTES],
};

/// Copies the site's record unless it is there.
#[inline(always)]
pub fn remember(hit: &Hit<'_>, site: u64) {
    let key = hit.site_key(site);
    if SITES.get_ptr(key).is_some() {
        return;
    }
    if SITES.insert(key, &EMPTY, u64::from(BPF_NOEXIST)).is_err() {
        loss::count(hit.context, Loss::Sites);
        return;
    }
    if copy(&key, site).is_none() {
        let _ = SITES.remove(key);
    }
}

/// Fills a new entry; its line last, because a reader takes an entry without one as absent.
#[inline(always)]
fn copy(key: &SiteKey, site: u64) -> Option<()> {
    // SAFETY: any address may be tried; the helper checks it.
    let record = unsafe { bpf_probe_read_user(site as *const SiteRecord) }.ok()?;
    let text = SITES.get_ptr_mut(key)?;
    // SAFETY: a value of the map, valid while the program runs; the fields are this hit's
    // until the line is set.
    let fields = unsafe { &mut *text };
    fields.column = record.column;
    fields.flags = record.flags;
    fields.file_len = record.file_len;
    fields.name_len = record.name_len;
    copy_end(&mut fields.file, record.file as u64, record.file_len)?;
    copy_start(&mut fields.name, record.name as u64, record.name_len)?;
    let line = &raw mut fields.line;
    // SAFETY: an aligned field of the value, which is 0; sequentially consistent, so that the
    // other fields are there before it.
    unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::SeqCst }>(line, record.line) };
    Some(())
}

/// Copies the last bytes of a string of the target.
#[inline(always)]
fn copy_end(to: &mut [u8; FILE_BYTES], address: u64, len: u64) -> Option<()> {
    if len >= FILE_BYTES as u64 {
        return read(
            to.as_mut_ptr(),
            FILE_BYTES as u32,
            address + (len - FILE_BYTES as u64),
        );
    }
    read(
        to.as_mut_ptr(),
        len as u32 & (FILE_BYTES as u32 - 1),
        address,
    )
}

/// Copies the first bytes of a string of the target.
#[inline(always)]
fn copy_start(to: &mut [u8; NAME_BYTES], address: u64, len: u64) -> Option<()> {
    if len >= NAME_BYTES as u64 {
        return read(to.as_mut_ptr(), NAME_BYTES as u32, address);
    }
    read(
        to.as_mut_ptr(),
        len as u32 & (NAME_BYTES as u32 - 1),
        address,
    )
}

#[inline(always)]
fn read(to: *mut u8, len: u32, address: u64) -> Option<()> {
    // SAFETY: callers pass a buffer of at least `len` bytes; any address may be tried.
    let answer = unsafe { probe_read_user(to.cast(), len, address as *const _) };
    (answer == 0).then_some(())
}
