//! Values that cross the kernel boundary, as bytes and back.

use observer_ebpf_abi::Plain;

/// The bytes of a value.
#[must_use]
pub fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    let first = std::ptr::from_ref(value).cast();
    // SAFETY: a plain type has no padding: all its bytes are initialised.
    unsafe { std::slice::from_raw_parts(first, size_of::<T>()) }
}

/// The value of these bytes.
///
/// # Panics
///
/// If there are not exactly as many as the type has.
#[must_use]
pub fn from_bytes<T: Plain>(bytes: &[u8]) -> T {
    assert_eq!(
        bytes.len(),
        size_of::<T>(),
        "the map's layout is the contract's"
    );
    // SAFETY: as many bytes as the type has (asserted), and every pattern is a value of it.
    unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observer_ebpf_abi::SiteKey;

    #[test]
    fn a_value_survives_the_way_through_bytes() {
        let key = SiteKey {
            incarnation: 7,
            site: u64::MAX - 1,
        };
        assert_eq!(from_bytes::<SiteKey>(bytes_of(&key)), key);
    }

    #[test]
    #[should_panic(expected = "layout")]
    fn refuses_bytes_of_another_length() {
        let _: SiteKey = from_bytes(&[0; 15]);
    }
}
