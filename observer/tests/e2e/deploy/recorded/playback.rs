//! A recorded run, played through the observer's own stages: what a scrape shows at each step.

use std::io::Write;
use std::path::Path;

use observer::collect::read_history;
use observer::config::{self, Settings};
use observer::detect::Detectors;
use observer::discover::{Pod, ProcessId};
use observer::export::{ObserverView, Selection, View, render};
use observer::model::{Meta, Model};

const HISTORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories");
const PID: u32 = 77;
const FIRST_HIT_NS: u64 = 1_000_000_000;

/// The thresholds of the observer, for runs of half a minute.
const THRESHOLDS: &str = r#"
stuck_after = "8s"
[detect]
leak_window = "3s"
leak_tasks = 20
pile_up_tasks = 30
pile_up_window = "3s"
yield_storm_window = "3s"
starvation_window = "3s"
cache_growth_bytes = 1048576
cache_growth_window = "3s"
level_tasks = 1000
level_after = "4s"
level_panic_window = "30s"
"#;

/// What `/metrics` showed after each step of a run, four in a second.
pub fn scrapes(run: &str) -> Vec<String> {
    let path = Path::new(HISTORIES).join(format!("{run}.history"));
    let text = std::fs::read_to_string(path).expect(run);
    let steps = read_history(&text, PID, FIRST_HIT_NS);
    let steps = steps.unwrap_or_else(|line| panic!("{run}:{line}"));
    let settings = settings();
    let mut detectors = Detectors::new(settings.detectors);
    let mut selection = Selection::new(settings.limits);
    let mut model = Model::new();
    let id = ProcessId {
        pid: PID,
        start_time: 0,
    };
    model.appear(id, meta());
    let mut shown = Vec::new();
    for step in steps {
        step.records.iter().for_each(|record| model.record(record));
        model.observe(step.now_ns, &step.snapshot);
        for (key, text) in &step.texts {
            model.learn(PID, *key, text);
        }
        model.settle(step.now_ns);
        let detection = detectors.look(step.now_ns, 0, &model);
        selection.update(step.now_ns, &model);
        let view = View::new(&model, &detection, &selection, ObserverView::default());
        shown.push(render(&view, 0.0));
    }
    shown
}

fn settings() -> Settings {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(THRESHOLDS.as_bytes()).expect("written");
    let options = config::read(file.path()).expect("settings");
    options.settings().expect("settings")
}

fn meta() -> Meta {
    let pod = Pod {
        uid: "15513b48-e7a5-48fc-b9e3-92f713f36504".to_owned(),
        container: Some("app".to_owned()),
    };
    Meta {
        name: "gallery".into(),
        exe: "/usr/bin/gallery".into(),
        container_id: None,
        pod: Some(pod.into()),
    }
}
