//! A finding that is allowed is listed and never alerted; one that is not is told once, everywhere.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Observer, Target, eventually};

const WHY: &str = "fixed in the next release";

/// An observer with quick thresholds that writes findings into a folder, and what it is told.
struct Watched {
    observer: Observer,
    folder: tempfile::TempDir,
}

impl Watched {
    fn start(exe: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("observer.toml");
        let allow = format!(
            "[[allow]]\nexe = \"{exe}\"\nsite = \"*\"\ndetector = \"stuck\"\n\
             until = 2100-01-01\nwhy = \"{WHY}\"\n"
        );
        fs::write(&config, allow).expect("written");
        let on_finding = folder.path().join("findings");
        let path = |path: &Path| path.to_str().expect("text").to_owned();
        let observer = Observer::start(&[
            "--config",
            &path(&config),
            "--on-finding",
            &path(&on_finding),
            "--stuck-after",
            "3s",
            "--table",
            "500ms",
        ]);
        Self { observer, folder }
    }

    /// Files of the finding of these tasks.
    fn files(&self, target: &Target) -> usize {
        let files = fs::read_dir(self.folder.path().join("findings")).expect("it is there");
        let of_target = format!("-stuck-{}-", target.pid());
        let names = files.map(|file| file.expect("read").file_name());
        let is_it = |name: &std::ffi::OsString| name.to_string_lossy().contains(&of_target);
        names.filter(is_it).count()
    }

    /// The finding of these tasks, as /findings has it.
    fn finding(&self, target: &Target) -> Option<Value> {
        let text = self.observer.get("/findings").expect("findings");
        let findings: Vec<Value> = serde_json::from_str(&text).expect("an array");
        let mut of_target = findings
            .into_iter()
            .filter(|finding| finding["pid"] == target.pid() && finding["detector"] == "stuck");
        of_target.next()
    }

    fn series(&self, target: &Target) -> usize {
        let pid = target.pid().to_string();
        let labels = [("pid", pid.as_str()), ("detector", "stuck")];
        let scrape = self.observer.scrape();
        scrape.select("parkwatch_findings", &labels).count()
    }

    /// Lines of the log and the table that contain all of this.
    fn lines(&self, words: &[&str]) -> usize {
        let log = self.observer.log();
        let is_it = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().filter(is_it).count()
    }
}

/// Tasks are stuck, are shown in the table, and go on again; what was said in the end.
fn stuck_and_released(watched: &Watched, mark: &str) -> (Target, Value, usize) {
    let mut target = Target::start(&["--stall-period-ms", "1000"]);
    target.command("lock");
    target.command("wait 5");
    let (finding, _) = eventually("the finding", || {
        watched.finding(&target).ok_or("none".to_owned())
    });
    let pid = format!("({})", target.pid());
    let row = format!("{mark} p1 confirmed stuck");
    eventually("its row in the table", || {
        let rows = watched.lines(&[&row, &pid]);
        (rows > 0).then_some(()).ok_or("none".to_owned())
    });
    let series = watched.series(&target);
    target.command("unlock");
    let pid = format!("pid={}", target.pid());
    eventually("its end in the log", || {
        let ended = watched.lines(&["finding ended", "stuck", &pid]);
        (ended > 0).then_some(()).ok_or("none".to_owned())
    });
    assert_eq!(watched.lines(&["finding began", "stuck on mutex", &pid]), 1);
    assert_eq!(watched.lines(&["finding ended", "stuck on mutex", &pid]), 1);
    (target, finding, series)
}

#[test]
fn what_is_allowed_is_listed_and_never_alerted() {
    let watched = Watched::start("target");
    let (target, finding, series) = stuck_and_released(&watched, "-");
    assert_eq!(finding["allowed"], WHY);
    assert_eq!(finding["state"], "confirmed");
    assert_eq!((series, watched.files(&target)), (0, 0));
    let pid = format!("pid={}", target.pid());
    assert_eq!(watched.lines(&["finding began", &pid, WHY]), 1);
}

#[test]
fn what_is_not_is_told_once_at_every_place() {
    let watched = Watched::start("another");
    let (target, finding, series) = stuck_and_released(&watched, "!");
    assert_eq!(finding.get("allowed"), None);
    assert_eq!((series, watched.files(&target)), (1, 1));
}
