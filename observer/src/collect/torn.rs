//! Values that were read while the kernel replaced them.

use super::CollectError;
use observer_ebpf_abi::{LedgerValue, MonitorValue, ParkedValue, Plain, PoolValue};

/// How often a torn value is read again.
const RETRIES: usize = 4;

/// A value that is written with the same number before and after its fields.
pub(super) trait Sequenced: Plain {
    fn is_torn(&self) -> bool;
}

macro_rules! sequenced {
    ($($value:ty),*) => {$(
        impl Sequenced for $value {
            fn is_torn(&self) -> bool {
                self.sequence != self.sequence_end
            }
        }
    )*};
}

sequenced!(LedgerValue, ParkedValue, PoolValue, MonitorValue);

/// Reads torn values again, and leaves out those that stay so: the model keeps the previous
/// ones. Returns how many were left out.
pub(super) fn leave_out_torn<K, V: Sequenced>(
    entries: &mut Vec<(K, V)>,
    mut read_again: impl FnMut(&K) -> Result<Option<V>, CollectError>,
) -> Result<u64, CollectError> {
    for (key, value) in entries.iter_mut().filter(|(_, value)| value.is_torn()) {
        for _ in 0..RETRIES {
            match read_again(key)? {
                Some(again) => *value = again,
                None => break,
            }
            if !value.is_torn() {
                break;
            }
        }
    }
    let before = entries.len();
    entries.retain(|(_, value)| !value.is_torn());
    Ok((before - entries.len()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sequence: u64, sequence_end: u64) -> ParkedValue {
        ParkedValue {
            sequence,
            stalled: 1,
            oldest_ns: 1,
            sequence_end,
        }
    }

    #[test]
    fn a_value_that_is_whole_when_read_again_is_kept() {
        let mut entries = vec![(1_u64, value(1, 1)), (2, value(2, 1))];
        let mut answers = vec![value(3, 3), value(3, 2)];
        let left_out = leave_out_torn(&mut entries, |key| {
            assert_eq!(*key, 2, "only what is torn is read again");
            Ok(answers.pop())
        });
        assert_eq!(left_out.unwrap(), 0);
        assert_eq!(entries, [(1, value(1, 1)), (2, value(3, 3))]);
    }

    #[test]
    fn a_value_that_stays_torn_is_left_out_and_counted() {
        let mut entries = vec![(1_u64, value(1, 1)), (2, value(2, 1)), (3, value(2, 1))];
        let mut reads = 0;
        let left_out = leave_out_torn(&mut entries, |key| {
            reads += 1;
            Ok((*key == 2).then_some(value(3, 2)))
        });
        assert_eq!(left_out.unwrap(), 2);
        assert_eq!(entries, [(1, value(1, 1))]);
        assert_eq!(
            reads,
            RETRIES + 1,
            "one that is gone is not asked for again"
        );
    }
}
