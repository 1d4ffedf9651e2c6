//! The file's list `[[allow]]`: findings that somebody knows of and lives with, for a time.
//!
//! ```toml
//! [[allow]]
//! exe = "shop"                   # base name or path, a pattern
//! site = "src/orders.rs:12:*"    # a pattern
//! detector = "leak"
//! until = 2027-01-31             # in UTC; from then on it is a finding like any other
//! why = "fixed in the next release, ticket 4711"
//! ```

use globset::Glob;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::value::{Date, Datetime, Offset, Time};

use crate::detect::{Allowance, Detector};

const SECOND: i64 = 1_000_000_000;

/// One entry; every key is needed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    #[serde(deserialize_with = "pattern")]
    exe: Glob,
    #[serde(deserialize_with = "pattern")]
    site: Glob,
    #[serde(deserialize_with = "detector")]
    detector: Detector,
    #[serde(deserialize_with = "until")]
    until: u64,
    #[serde(deserialize_with = "why")]
    why: String,
}

impl Allow {
    pub(super) fn allowance(&self) -> Allowance {
        Allowance {
            exe: self.exe.compile_matcher(),
            site: self.site.compile_matcher(),
            detector: self.detector,
            until_unix_ns: self.until,
            why: self.why.as_str().into(),
        }
    }
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Glob, D::Error> {
    let text = String::deserialize(from)?;
    Glob::new(&text).map_err(D::Error::custom)
}

fn detector<'de, D: Deserializer<'de>>(from: D) -> Result<Detector, D::Error> {
    let name = String::deserialize(from)?;
    let found = Detector::ALL.into_iter().find(|known| known.name() == name);
    found.ok_or_else(|| {
        let names = Detector::ALL.map(Detector::name).join(", ");
        D::Error::custom(format!(
            "there is no detector {name:?}: write one of {names}"
        ))
    })
}

fn until<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let time = Datetime::deserialize(from)?;
    unix_ns(&time)
        .ok_or_else(|| D::Error::custom("write a date since 1970, for example 2027-01-31"))
}

fn why<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let why = String::deserialize(from)?;
    if why.trim().is_empty() {
        return Err(D::Error::custom("say why it is allowed"));
    }
    Ok(why)
}

/// Nanoseconds since 1970; a time without an offset is in UTC, a date is its beginning.
fn unix_ns(time: &Datetime) -> Option<u64> {
    let days = days_since_1970(time.date.as_ref()?);
    let of_day = time.time.as_ref().map_or(0, seconds_of_day);
    let offset_minutes = match time.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes),
        Some(Offset::Z) | None => 0,
    };
    let seconds = days * 86_400 + of_day - offset_minutes * 60;
    u64::try_from(seconds.checked_mul(SECOND)?).ok()
}

fn seconds_of_day(time: &Time) -> i64 {
    i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0))
}

/// Days from 1 January 1970 in the Gregorian calendar: years begin in March, so that the leap
/// day is their last, and 400 of them have 146,097 days.
fn days_since_1970(date: &Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 1 March of the year 0 and 1 January 1970.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        unix_ns(&text.parse().expect("a time")).map(|ns| ns / SECOND as u64)
    }

    #[test]
    fn dates_are_told_in_nanoseconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", None),
            ("2000-02-29", Some(951_782_400)),
            ("2000-03-01", Some(951_868_800)),
            ("2026-12-31T23:59:59Z", Some(1_798_761_599)),
            ("2026-12-31T12:00:00+02:00", Some(1_798_711_200)),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
