//! Numbers as people read them in a terminal: counts, durations, bytes. Rounded; never for
//! programs.

/// A count in at most five characters, three digits of it exact from ten thousand on.
///
/// ```
/// use observer::human::count;
///
/// assert_eq!([0, 9_999, 10_000, 1_234_567].map(count), ["0", "9999", "10.0k", "1.23M"]);
/// ```
#[must_use]
pub fn count(count: u64) -> String {
    if count < 10_000 {
        return count.to_string();
    }
    scaled(count as f64, 1_000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// A rate per second: one decimal below 100.
///
/// ```
/// use observer::human::rate;
///
/// assert_eq!([0.0, 0.25, 99.94, 1_234.0].map(rate), ["0", "0.2", "99.9", "1234"]);
/// ```
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second < 0.05 {
        return "0".to_owned();
    }
    if per_second < 100.0 {
        return format!("{per_second:.1}");
    }
    count(per_second.round() as u64)
}

/// Bytes in units of 1,024.
///
/// ```
/// use observer::human::bytes;
///
/// assert_eq!([0, 1_023, 1_024, 36 << 20].map(bytes), ["0 B", "1023 B", "1.00 KiB", "36.0 MiB"]);
/// ```
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let units = [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"];
    scaled(bytes as f64, 1_024.0, &units)
}

/// A duration with three digits.
///
/// ```
/// use observer::human::duration;
///
/// assert_eq!(duration(850), "850 ns");
/// assert_eq!(duration(12_340), "12.3 µs");
/// assert_eq!(duration(2_500_000_000), "2.50 s");
/// assert_eq!(duration(75_000_000_000), "1m15s");
/// assert_eq!(duration(7_260_000_000_000), "2h01m");
/// ```
#[must_use]
pub fn duration(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 if ns < 1_000 => format!("{ns} ns"),
        0..60 => scaled(ns as f64, 1_000.0, &[" ns", " µs", " ms", " s"]),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Three digits and a unit, the largest in which the number is at least 1.
fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut unit = 0;
    // What would be rounded to the next unit belongs there.
    while number >= step - 0.5 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_up_to_the_next_unit_is_written_in_it() {
        assert_eq!(count(999_999), "1.00M");
        assert_eq!(bytes(1_048_575), "1.00 MiB");
        assert_eq!(duration(999_999), "1.00 ms");
    }

    #[test]
    fn the_largest_numbers_have_a_form() {
        assert_eq!(count(u64::MAX), "18.4E");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(duration(u64::MAX), "213503d23h");
    }
}
