//! `cargo xtask figures`: what `bench` has kept becomes `docs/performance.json`, the tables of
//! `docs/performance.md`, and the images beside it.
//!
//! The JSON file has every sample. Tables and images are made from it alone, and a test holds them
//! against it: no figure in them is written by hand.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::growth::Point;
use super::row::Row;
use super::sheet::{self, Record};
use super::{CURVES, aims, chart, curves, table};
use crate::workspace::Workspace;

/// The parts that are kept, as their sheets are called.
const PARTS: [&str; 3] = ["peers", "primitives", "curves"];
/// What stands for figures that nobody has taken yet.
const NOT_MEASURED: &str = "Not measured yet.\n";

/// The samples of all parts, by their names.
type Samples = BTreeMap<String, Value>;

/// The files, relative to the root.
struct Files {
    samples: PathBuf,
    page: PathBuf,
    images: PathBuf,
}

impl Files {
    fn of(workspace: &Workspace) -> Self {
        let docs = workspace.root.join("docs");
        Self {
            samples: docs.join("performance.json"),
            page: docs.join("performance.md"),
            images: docs.join("images"),
        }
    }
}

/// `cargo xtask figures`.
pub fn run(workspace: &Workspace) -> Result<()> {
    let files = Files::of(workspace);
    let mut samples = read_samples(&files.samples)?;
    for part in PARTS {
        let path = sheet::samples(workspace, part);
        if path.exists() {
            let kept = serde_json::from_str(&read(&path)?).context(part)?;
            samples.insert(part.to_owned(), kept);
            println!("{part}: from {}", workspace.shown(&path));
        }
    }
    write(&files.samples, &lines(&samples)?)?;
    write(&files.page, &page(&read(&files.page)?, &samples)?)?;
    for (name, image) in images(&samples)? {
        write(&files.images.join(name), &image)?;
    }
    println!("written: {}", workspace.shown(&files.page));
    Ok(())
}

/// A part a line, so that a change of one is a change of one line.
fn lines(samples: &Samples) -> Result<String> {
    let mut lines = Vec::new();
    for (part, kept) in samples {
        lines.push(format!("{}:{}", serde_json::to_string(part)?, kept));
    }
    Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
}

fn read_samples(path: &Path) -> Result<Samples> {
    if !path.exists() {
        return Ok(Samples::new());
    }
    serde_json::from_str(&read(path)?).with_context(|| path.display().to_string())
}

/// The page with what is between its markers made anew.
fn page(text: &str, samples: &Samples) -> Result<String> {
    let mut text = text.to_owned();
    for (name, section) in sections(samples)? {
        text = replace(&text, name, &section)?;
    }
    Ok(text)
}

/// What stands between the markers of each name.
fn sections(samples: &Samples) -> Result<[(&'static str, String); 4]> {
    let peers: Option<Record<Row>> = record(samples, "peers")?;
    let primitives: Option<Record<Row>> = record(samples, "primitives")?;
    let growth: Option<Record<Point>> = record(samples, "curves")?;
    Ok([
        ("aims", section(peers.as_ref(), aims::render)),
        ("peers", section(peers.as_ref(), table::render)),
        ("primitives", section(primitives.as_ref(), table::render)),
        ("curves", section(growth.as_ref(), illustrated)),
    ])
}

fn section<T>(record: Option<&Record<T>>, render: impl Fn(&[T]) -> String) -> String {
    record.map_or_else(
        || NOT_MEASURED.to_owned(),
        |record| format!("{}\n{}\n", render(&record.samples), record.conditions),
    )
}

/// The images of all curves, and their tables.
fn illustrated(points: &[Point]) -> String {
    let mut text = String::new();
    for workload in CURVES {
        if points.iter().any(|point| point.workload == workload) {
            let title = curves::title(workload);
            let _ = writeln!(text, "![{title}](images/{})\n", file_of(workload));
        }
    }
    text + &curves::render(points)
}

/// The images of all workloads that were measured, with the names of their files.
fn images(samples: &Samples) -> Result<Vec<(String, String)>> {
    let growth: Option<Record<Point>> = record(samples, "curves")?;
    let points = growth.map_or_else(Vec::new, |record| record.samples);
    let mut images = Vec::new();
    for workload in CURVES {
        if let Some(image) = chart::draw(&points, workload)? {
            images.push((file_of(workload), image));
        }
    }
    Ok(images)
}

fn file_of(workload: &str) -> String {
    format!("growth-{workload}.svg")
}

fn record<T: DeserializeOwned>(samples: &Samples, part: &str) -> Result<Option<Record<T>>> {
    let kept = samples.get(part).cloned();
    kept.map(|kept| serde_json::from_value(kept).with_context(|| format!("samples of {part}")))
        .transpose()
}

/// Puts `section` between the two markers of `name`.
fn replace(text: &str, name: &str, section: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- figures: {name} -->\n"),
        format!("<!-- end of {name} -->\n"),
    );
    let missing = || format!("the page has no marker for {name}");
    let (before, rest) = text.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{before}{begin}\n{section}\n{end}{after}"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::growth::tests::points;
    use super::super::row::{Sample, Unit};
    use super::*;

    fn measured() -> Samples {
        let mut row = Row::new("spawn_join", Unit::Nanoseconds, &["ours", "go"]);
        for _ in 0..6 {
            row.push("ours", None, Sample::Value(100.0));
            row.push("go", None, Sample::Value(300.0));
        }
        let peers = Record {
            conditions: "Conditions: a test.".to_owned(),
            samples: vec![row],
        };
        let curves = Record {
            conditions: "Conditions: another.".to_owned(),
            samples: points("waves", "ours", 1, &[10.0, 20.0]),
        };
        Samples::from([
            ("peers".to_owned(), serde_json::to_value(peers).unwrap()),
            ("curves".to_owned(), serde_json::to_value(curves).unwrap()),
        ])
    }

    fn empty_page() -> String {
        let marker = |name| format!("<!-- figures: {name} -->\nstale\n<!-- end of {name} -->\n");
        let names = ["aims", "peers", "primitives", "curves"];
        format!("# Head\n{}tail\n", names.map(marker).concat())
    }

    #[test]
    fn what_is_between_the_markers_is_made_from_the_samples() {
        let text = page(&empty_page(), &measured()).unwrap();
        assert!(text.starts_with("# Head\n") && text.ends_with("tail\n"));
        assert!(!text.contains("stale"), "{text}");
        assert!(text.contains("| spawn_join | go | 300 ns |"), "{text}");
        assert!(text.contains("| ≤ 0.67 | yes |"), "{text}");
        assert!(text.contains("(images/growth-waves.svg)"), "{text}");
        assert!(text.contains(NOT_MEASURED), "{text}");
        assert_eq!(page(&text, &measured()).unwrap(), text);
    }

    #[test]
    fn a_page_without_a_marker_is_refused() {
        let error = page("# Head\n", &measured()).unwrap_err().to_string();
        assert!(error.contains("no marker for aims"), "{error}");
    }

    #[test]
    fn samples_survive_their_file() {
        let text = lines(&measured()).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(serde_json::from_str::<Samples>(&text).unwrap(), measured());
    }

    #[test]
    fn the_docs_say_what_their_samples_say() {
        let files = Files::of(&Workspace::locate().unwrap());
        let samples = read_samples(&files.samples).unwrap();
        let text = read(&files.page).unwrap();
        assert!(
            page(&text, &samples).unwrap() == text,
            "docs/performance.md is not what `cargo xtask figures` writes"
        );
        for (name, image) in images(&samples).unwrap() {
            assert!(read(&files.images.join(&name)).unwrap() == image, "{name}");
        }
    }
}
