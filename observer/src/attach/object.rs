//! The kernel programs inside this binary.

include!(concat!(env!("OUT_DIR"), "/object.rs"));

/// The object, or `None` if the observer was built without.
pub(super) fn object() -> Option<&'static [u8]> {
    OBJECT
}
