//! The rules of `deploy/prometheus/rules` with every duration divided by one number.
//!
//! Durations stand in three places: ranges (`[10m]`, `[3h:10m]`), behind `offset`, and as the keys
//! `for` and `interval`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/rules");

/// Writes the faster rules into a folder; returns the files.
pub fn write_faster(folder: &Path, times: u32) -> Vec<PathBuf> {
    let files = std::fs::read_dir(RULES).expect("the rules").flatten();
    let write = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a rule file");
        let mut file: Value = serde_saphyr::from_str(&text).expect("YAML");
        quicken(&mut file, times);
        let into = folder.join(path.file_name().expect("a name"));
        std::fs::write(&into, file.to_string()).expect("written");
        into
    };
    let files: Vec<_> = files.map(|entry| write(entry.path())).collect();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn quicken(file: &mut Value, times: u32) {
    let groups = file["groups"].as_array_mut().expect("groups");
    for group in groups {
        change(group, "interval", |text| divided(text, times));
        for rule in group["rules"].as_array_mut().expect("rules") {
            change(rule, "for", |text| divided(text, times));
            change(rule, "expr", |text| expression(text, times));
        }
    }
}

fn change(of: &mut Value, key: &str, how: impl Fn(&str) -> String) {
    if let Some(value) = of.get_mut(key) {
        *value = json!(how(value.as_str().expect("a text")));
    }
}

/// An expression with its durations divided.
fn expression(text: &str, times: u32) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        done.push_str(&rest[..at]);
        let word = &rest[at..];
        let end = word.find(|c: char| !c.is_ascii_alphanumeric());
        let (word, after) = word.split_at(end.unwrap_or(word.len()));
        if is_before_a_duration(&done) {
            done.push_str(&divided(word, times));
        } else {
            done.push_str(word);
        }
        rest = after;
    }
    done + rest
}

fn is_before_a_duration(text: &str) -> bool {
    let in_range = text.rfind('[') > text.rfind(']');
    in_range || text.ends_with("offset ")
}

/// A duration such as `15s`, divided, in milliseconds.
///
/// # Panics
///
/// If it is none with one unit, or no whole number of milliseconds is left.
pub fn divided(duration: &str, times: u32) -> String {
    let unit_at = duration.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = duration.split_at(unit_at.expect("a unit"));
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => panic!("{duration}: no duration with one unit"),
    };
    let ms = number.parse::<u32>().expect("a number") * unit_ms;
    assert_eq!(ms % times, 0, "{duration} cannot be divided by {times}");
    format!("{}ms", ms / times)
}

#[test]
fn every_duration_of_an_expression_is_divided_and_nothing_else() {
    let expr = "min_over_time(a:b[10m]) - 2 * x{p=\"90m\"} offset 1h > 0.05 * y[3h:10m]";
    let faster = "min_over_time(a:b[30000ms]) - 2 * x{p=\"90m\"} offset 180000ms \
                  > 0.05 * y[540000ms:30000ms]";
    assert_eq!(expression(expr, 20), faster);
}

#[test]
fn patience_and_pace_of_a_group_are_divided() {
    let mut file = json!({"groups": [{
        "name": "g", "interval": "2m",
        "rules": [{"alert": "A", "for": "20m", "expr": "x[10m] > 10"}],
    }]});
    quicken(&mut file, 20);
    let expected = json!({"groups": [{
        "name": "g", "interval": "6000ms",
        "rules": [{"alert": "A", "for": "60000ms", "expr": "x[30000ms] > 10"}],
    }]});
    assert_eq!(file, expected);
}
