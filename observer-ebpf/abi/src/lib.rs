//! The contract between the kernel programs and the observer: map names, keys, values, ring
//! records and bounds.
//!
//! Every type is `repr(C)`, padded by hand, made of integers only, so that every bit pattern
//! is a value and both sides see the same bytes. Codes are append-only.
#![no_std]

mod limits;
mod map;
mod record;
mod trace;

pub use limits::*;
pub use map::*;
pub use record::*;
pub use trace::*;

/// A type that crosses the kernel boundary as bytes.
///
/// # Safety
///
/// The type is `repr(C)`, has no padding, and every bit pattern is a value of it.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($type:ty = $bytes:literal),* $(,)?) => {$(
        const _: () = assert!(core::mem::size_of::<$type>() == $bytes);
        // SAFETY: `repr(C)`, integers only, no padding (the size is asserted above to be the
        // sum of the fields).
        unsafe impl $crate::Plain for $type {}
    )*};
}
pub(crate) use plain;

plain! { u32 = 4, u64 = 8 }
