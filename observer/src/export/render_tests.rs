//! What a scrape says, on hand-made and on generated models.

use std::collections::{BTreeMap, HashSet};

use observer_ebpf_abi::{EventCounts, HISTOGRAM_PARK, HISTOGRAM_WAKE, HistogramKey, SiteKey};
use proptest::prelude::*;

use super::*;
use crate::collect::{MapUse, Snapshot};
use crate::detect::Detectors;
use crate::discover::{Pod, ProcessId};
use crate::export::{CATALOGUE, Limits, Selection};
use crate::kubernetes::Name;
use crate::model::Model;
use crate::model::fixtures::{Builder, INCARNATION, incarnation, learn, meta, model, stall, text};

const SECOND: u64 = 1_000_000_000;

fn view_of(model: &Model, limits: Limits, now_ns: u64) -> View {
    let detection = Detectors::default().look(now_ns, 0, model);
    let mut selection = Selection::new(limits);
    selection.update(now_ns, model);
    View::new(model, &detection, &selection, ObserverView::default())
}

/// Every kind of series at once.
fn full_view() -> View {
    let mut model = model();
    let snapshot = full_snapshot();
    model.record(&stall(7, 2, 50 * SECOND, 40 * SECOND));
    model.observe(50 * SECOND, &snapshot);
    learn(&mut model, 1, &text("src/\"quoted\".rs", 7));
    learn(&mut model, 2, &text("src/main.rs", 9));
    model.settle(50 * SECOND);
    let mut view = view_of(
        &model,
        Limits {
            max_sites: 1,
            ..Limits::default()
        },
        50 * SECOND,
    );
    view.observer = ObserverView {
        lost: vec![("ring", 3)],
        maps: vec![MapUse {
            map: "ledger",
            entries: 2,
            capacity: 10,
        }],
        probe_seconds: vec![("ledger", 0.25)],
        ..ObserverView::default()
    };
    view.observer.attach_times.add(0.02);
    view
}

fn full_snapshot() -> Snapshot {
    let builder = Builder::new().at(50 * SECOND).ledger(1, [10, 3, 9, 4_096]);
    let builder = builder
        .ledger(2, [4, 1, 0, 4_096])
        .monitor(10)
        .parked(1, 2, 1, 40 * SECOND);
    let mut snapshot = builder.parked(2, 11, 2, SECOND).build();
    snapshot.ledgers[0].1.panicked = 1;
    snapshot.ledgers[0].1.yields = 5;
    for kind in [HISTOGRAM_PARK, HISTOGRAM_WAKE] {
        let mut buckets = [0; observer_ebpf_abi::HISTOGRAM_BUCKETS];
        buckets[0] = 2;
        buckets[observer_ebpf_abi::HISTOGRAM_BUCKETS - 1] = 1;
        let key = HistogramKey {
            incarnation: INCARNATION,
            kind,
            reason: 0,
        };
        snapshot.histograms.push((
            key,
            Histogram {
                sum_ns: SECOND,
                buckets,
            },
        ));
    }
    snapshot
}

fn assert_no_duplicates(text: &str) {
    let mut seen = HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a series and its value");
        assert!(seen.insert(series), "twice: {series}");
    }
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

#[test]
fn a_scrape_shows_sites_totals_stalls_and_findings() {
    let text = render(&full_view(), 0.001);
    assert_no_duplicates(&text);
    for (series, expected) in [
        (
            r#"tasks_live{process="shop",pid="77",site="src/\"quoted\".rs:7:5"}"#,
            6.0,
        ),
        (r#"tasks_live{process="shop",pid="77",site="~other"}"#, 3.0),
        (r#"process_tasks_live{process="shop",pid="77"}"#, 9.0),
        (
            r#"tasks_stuck{process="shop",pid="77",site="src/\"quoted\".rs:7:5",reason="mutex"}"#,
            1.0,
        ),
        (
            r#"tasks_stalled{process="shop",pid="77",site="~other",reason="sleep"}"#,
            2.0,
        ),
        (r#"workers{process="shop",pid="77",state="busy"}"#, 1.0),
        (
            r#"wake_latency_seconds_bucket{process="shop",pid="77",le="0.000001024"}"#,
            2.0,
        ),
        (
            r#"wake_latency_seconds_bucket{process="shop",pid="77",le="+Inf"}"#,
            3.0,
        ),
        (r#"observer_events_lost_total{map="ring"}"#, 3.0),
    ] {
        assert_eq!(
            value(&text, &format!("parkwatch_{series}")),
            Some(expected),
            "{series}"
        );
    }
    let counter = r#"parkwatch_tasks_spawned_total{process="shop",pid="77",site="~other"}"#;
    assert_eq!(
        value(&text, counter),
        None,
        "no counter of other sites, for it could fall"
    );
}

#[test]
fn every_sample_is_of_the_catalogue() {
    let text = render(&full_view(), 0.001);
    let types = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE parkwatch_"));
    for line in types {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let row = CATALOGUE
            .iter()
            .find(|row| row.name == format!("parkwatch_{name}"));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        assert_eq!(format!("{:?}", row.kind).to_lowercase(), kind, "{name}");
    }
}

#[test]
fn series_of_a_process_in_a_pod_carry_what_is_known_of_it() {
    let mut view = full_view();
    let plain = value(
        &render(&view, 0.0),
        "parkwatch_process_tasks_live{process=\"shop\",pid=\"77\"}",
    );
    assert!(plain.is_some(), "no labels of pods outside of pods");
    let pod = |container: Option<&str>| Pod {
        uid: "15513b48-e7a5-48fc-b9e3-92f713f36504".to_owned(),
        container: container.map(str::to_owned),
    };
    view.processes[0].pod = Some(PodLabels::of(&pod(Some("app"))));
    let text = render(&view, 0.0);
    let of_process = text.lines().filter(|line| line.contains("pid=\"77\""));
    let expected = "container=\"app\"";
    let uid = "pod=\"15513b48-e7a5-48fc-b9e3-92f713f36504\"";
    let mut lines = 0;
    for line in of_process {
        assert!(line.contains(expected) && line.contains(uid), "{line}");
        assert!(!line.contains("namespace="), "{line}");
        lines += 1;
    }
    assert!(
        text.contains("parkwatch_findings{"),
        "findings carry them too"
    );
    assert!(lines > 20, "{lines}");
    view.processes[0].pod = Some(PodLabels::of(&pod(None)));
    assert!(!render(&view, 0.0).contains("container=\""));
    assert_no_duplicates(&text);
}

#[test]
fn a_container_that_the_api_server_has_not_heard_of_keeps_the_nodes_name() {
    let node = PodLabels {
        namespace: None,
        pod: "15513b48-e7a5-48fc-b9e3-92f713f36504".into(),
        container: Some("app".into()),
    };
    let name = |container: Option<&str>| Name {
        namespace: "shop".into(),
        pod: "orders-7d9".into(),
        container: container.map(Into::into),
    };
    let pairs = |labels: &PodLabels| -> Vec<String> {
        labels
            .pairs()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    let early = PodLabels::named(name(None), Some(node.clone()));
    assert_eq!(
        pairs(&early),
        ["namespace=shop", "pod=orders-7d9", "container=app"]
    );
    let known = PodLabels::named(name(Some("web")), Some(node));
    assert_eq!(pairs(&known)[2], "container=web");
}

#[test]
fn a_series_is_gone_with_its_process() {
    let mut model = model();
    model.observe(2 * SECOND, &Builder::new().ledger(1, [1, 0, 0, 0]).build());
    assert!(render(&view_of(&model, Limits::default(), 9 * SECOND), 0.0).contains("pid=\"77\""));
    model.end(crate::model::fixtures::ID);
    assert!(!render(&view_of(&model, Limits::default(), 9 * SECOND), 0.0).contains("pid=\"77\""));
}

#[test]
fn an_unheard_process_has_no_series() {
    let text = render(&view_of(&model(), Limits::default(), 9 * SECOND), 0.0);
    assert!(!text.contains("pid=\"77\""));
}

#[test]
#[cfg(feature = "e2e-tests")]
fn promtool_accepts_a_scrape() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let text = render(&full_view(), 0.001);
    let mut input = promtool.stdin.take().expect("stdin is piped");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
}

/// One row of a generated snapshot: process, address, line of its text, values.
#[derive(Clone, Debug)]
struct Row {
    pid: u32,
    address: u64,
    line: u32,
    reason: u64,
    values: [u64; 4],
}

fn row() -> impl Strategy<Value = Row> {
    let values = [0..9_u64, 0..9, 0..500, 0..9_000];
    (1_u32..4, 1_u64..9, 1_u32..5, 0_u64..19, values).prop_map(
        |(pid, address, line, reason, values)| Row {
            pid,
            address,
            line,
            reason,
            values,
        },
    )
}

fn generated(rows: &[Row]) -> Model {
    let mut model = Model::new();
    for pid in 1..4 {
        model.appear(ProcessId { pid, start_time: 0 }, meta("shop"));
    }
    let mut snapshot = Builder::of(1, incarnation(1, SECOND)).build();
    for pid in 2..4 {
        snapshot
            .processes
            .extend(Builder::of(pid, incarnation(pid, SECOND)).build().processes);
    }
    for row in rows {
        let mine = incarnation(row.pid, SECOND);
        let rows = Builder::of(row.pid, mine)
            .ledger(row.address, row.values)
            .build();
        snapshot.ledgers.extend(rows.ledgers);
        let parked = Builder::of(row.pid, mine).parked(row.address, row.reason, row.values[0], 5);
        snapshot.parked.extend(parked.build().parked);
        let counts = EventCounts {
            exited: row.values,
            ..EventCounts::default()
        };
        snapshot.counts.push((
            SiteKey {
                incarnation: mine,
                site: row.address,
            },
            counts,
        ));
        let record = stall(row.values[1], row.reason, 40 * SECOND, 39 * SECOND);
        model.record(&observer_ebpf_abi::Record {
            tgid: row.pid,
            incarnation: mine,
            site: row.address,
            ..record
        });
    }
    model.observe(40 * SECOND, &snapshot);
    for row in rows {
        let key = SiteKey {
            incarnation: incarnation(row.pid, SECOND),
            site: row.address,
        };
        model.learn(row.pid, key, &text("src/main.rs", row.line));
    }
    model.settle(40 * SECOND);
    model
}

proptest! {
    #[test]
    fn no_series_is_there_twice(
        rows in prop::collection::vec(row(), 0..40),
        max_sites in 1_usize..6,
        max_series in 50_usize..400,
    ) {
        let limits = Limits { max_sites, max_series };
        let text = render(&view_of(&generated(&rows), limits, 50 * SECOND), 0.0);
        assert_no_duplicates(&text);
        prop_assert!(!text.contains("site=\"\""));
    }

    #[test]
    fn live_tasks_of_all_sites_are_those_of_the_process(
        rows in prop::collection::vec(row(), 0..40),
        max_sites in 1_usize..6,
    ) {
        let mut rows = rows;
        // Of equal exits and spawns at several addresses the saturated difference is no sum.
        rows.iter_mut().for_each(|row| row.values[1] = 0);
        let limits = Limits { max_sites, max_series: 10_000 };
        let text = render(&view_of(&generated(&rows), limits, 50 * SECOND), 0.0);
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for line in text.lines() {
            let of = |name: &str| line.starts_with(&format!("parkwatch_{name}{{"));
            let pid = line.split("pid=\"").nth(1).and_then(|rest| rest.split('"').next());
            let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
            if let (Some(pid), Some(value)) = (pid, value) {
                let sign = f64::from(i8::from(of("tasks_live")) - i8::from(of("process_tasks_live")));
                *sums.entry(pid).or_default() += sign * value;
            }
        }
        prop_assert!(sums.values().all(|sum| *sum == 0.0), "{sums:?}");
    }
}
