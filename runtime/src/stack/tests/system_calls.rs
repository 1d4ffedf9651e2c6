//! The kernel does not fault its way into a guard: it answers `EFAULT`, or kills where SIGSEGV
//! is blocked.

use super::*;
use crate::stack::headroom::prepare_buffer;
use crate::stack::with_open_stack;
use crate::sys::registers;
use crate::sys::trial;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

const EFAULT: i32 = 14;
const BUFFER_BYTES: usize = 2048;

/// Calls `f` at 256 places, from the first window's middle to beyond its end.
fn at_many_offsets(f: impl Fn() + Copy + Send + 'static) {
    for step in 0..256 {
        run(site(), move || descend(16 * 1024 + step * 128, &f));
    }
}

fn zeroes() -> File {
    File::open("/dev/zero").unwrap()
}

/// The trap itself: were this to pass, the tests below would prove nothing.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_kernel_refuses_to_write_into_a_guard() {
    let answer = run(site(), || {
        let file = zeroes();
        let below = registers::stack_pointer() - 40 * 1024;
        trial::read_inline(file.as_raw_fd(), below, BUFFER_BYTES)
    });
    assert_eq!(answer, Err(EFAULT));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_prepared_buffer_is_written_wherever_it_lies() {
    for pages in 1..50 {
        let site = site();
        let answer = run(site, move || {
            let file = zeroes();
            let below = registers::stack_pointer() - pages * 4096;
            prepare_buffer(below, BUFFER_BYTES);
            trial::read_inline(file.as_raw_fd(), below, BUFFER_BYTES)
        });
        assert_eq!(answer, Ok(BUFFER_BYTES));
    }
}

#[test]
fn a_read_through_the_c_library_works_at_every_offset() {
    at_many_offsets(|| {
        let file = zeroes();
        let mut buffer = std::mem::MaybeUninit::<[u8; BUFFER_BYTES]>::uninit();
        let address = buffer.as_mut_ptr() as usize;
        prepare_buffer(address, BUFFER_BYTES);
        assert_eq!(
            trial::read(file.as_raw_fd(), address, BUFFER_BYTES),
            Ok(BUFFER_BYTES)
        );
    });
}

#[test]
fn a_read_of_the_standard_library_works_at_every_offset() {
    at_many_offsets(|| {
        let mut buffer = [1u8; BUFFER_BYTES];
        zeroes().read_exact(&mut buffer).unwrap();
        assert!(buffer.iter().all(|byte| *byte == 0));
    });
}

#[test]
fn a_child_process_starts_at_every_offset_on_stack_opened_before() {
    for step in 0..48 {
        run(site(), move || {
            descend(8 * 1024 + step * 512, &|| {
                let status = with_open_stack(64 * 1024, || Command::new("true").status());
                assert!(status.unwrap().success());
            });
        });
    }
}

#[test]
fn a_thread_starts_at_every_offset_on_stack_opened_before() {
    for step in 0..64 {
        run(site(), move || {
            descend(16 * 1024 + step * 256, &|| {
                let thread = with_open_stack(64 * 1024, || std::thread::spawn(|| 5));
                assert_eq!(thread.join().unwrap(), 5);
            });
        });
    }
}
