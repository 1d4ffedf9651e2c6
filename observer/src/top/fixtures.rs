//! A report by hand, for the tests of the state and of what is drawn.

use std::collections::BTreeMap;

use serde_json::json;

use crate::export::{
    CountsReport, FindingReport, MonitorReport, OtherReport, ProcessReport, Report, SiteReport,
    StalledReport,
};

/// 2026-01-01T00:00:00Z, in milliseconds.
const NEW_YEAR_MS: u64 = 1_767_225_600_000;

fn counts(live: u64, spawned: u64) -> CountsReport {
    CountsReport {
        live,
        spawned,
        returned: spawned - live,
        parks: 2 * spawned,
        ..CountsReport::default()
    }
}

fn site(label: &str, name: &str, live: u64, spawned: u64) -> SiteReport {
    SiteReport {
        site: label.to_owned(),
        name: name.to_owned(),
        service: name == "acceptor",
        counts: counts(live, spawned),
        stack_bytes: live * 32_768,
        ..SiteReport::default()
    }
}

fn shop(second: u64) -> ProcessReport {
    let leaked = 10 * second;
    let sites = vec![
        site("shop/src/server/connections.rs:112:14", "acceptor", 1, 1),
        site(
            "shop/src/orders.rs:57:9",
            "",
            40 + leaked,
            5_000 + 110 * second,
        ),
        site("shop/src/stock.rs:31:5", "stock", 5, 5),
    ];
    let stalled = StalledReport {
        site: "shop/src/stock.rs:31:5".to_owned(),
        reason: "mutex".to_owned(),
        tasks: 5,
        oldest_seconds: 75.0,
        stuck: Some(4),
    };
    ProcessReport {
        process: "shop".to_owned(),
        pid: 4_711,
        start_time: 99,
        exe: "/srv/shop/bin/shop".to_owned(),
        totals: counts(46 + leaked, 5_006 + 110 * second),
        monitor: Some(MonitorReport {
            schema: 1,
            runnable: 3,
            workers: 4,
            idle_workers: 1,
            stack_bytes: 36 << 20,
            stack_bytes_cached: 2 << 20,
        }),
        sites,
        other: Some(OtherReport {
            live: 7,
            stack_bytes: 1,
        }),
        stalled: vec![stalled],
        ..ProcessReport::default()
    }
}

fn mail(second: u64) -> ProcessReport {
    ProcessReport {
        process: "mail-relay-with-a-long-name".to_owned(),
        pid: 1_234_567,
        exe: "/usr/bin/mail-relay-with-a-long-name".to_owned(),
        totals: counts(1_234_567, 2_000_000 + 1_000 * second),
        pod: BTreeMap::from([("pod".to_owned(), "relay-7f".to_owned())]),
        sites: vec![site("mail/src/main.rs:7:5", "", 1_234_567, 2_000_000)],
        ..ProcessReport::default()
    }
}

fn stuck() -> FindingReport {
    FindingReport {
        detector: "stuck".to_owned(),
        state: "confirmed".to_owned(),
        severity: "p1".to_owned(),
        process: "shop".to_owned(),
        pid: 4_711,
        site: "shop/src/stock.rs:31:5".to_owned(),
        since: "2026-01-01T00:00:00.000Z".to_owned(),
        last_seen: "2026-01-01T00:01:00.000Z".to_owned(),
        summary: "4 tasks spawned at shop/src/stock.rs:31:5 have waited for a mutex for more than \
                  30 s, the oldest for 75 s; task 12.3 holds it"
            .to_owned(),
        evidence: json!({
            "reason": "mutex",
            "tasks": 4,
            "oldest_seconds": 75.2,
            "owners": [{ "task": "12.3", "site": "shop/src/orders.rs:57:9" }],
            "named": ["1.1", "2.1"],
            "stack": {
                "task": 9,
                "walked_by": "frame_pointers",
                "frames": ["shop::stock::take (shop/src/stock.rs:31)", "shop::orders::serve"],
            },
        }),
        allowed: None,
    }
}

fn allowed() -> FindingReport {
    FindingReport {
        detector: "leak".to_owned(),
        state: "suspected".to_owned(),
        severity: "p2".to_owned(),
        site: "shop/src/orders.rs:57:9".to_owned(),
        summary: "the tasks spawned at shop/src/orders.rs:57:9 become more and more".to_owned(),
        evidence: json!({}),
        allowed: Some("known, see ticket 9".to_owned()),
        ..stuck()
    }
}

/// What is seen so many seconds after new year.
pub(super) fn report(second: u64) -> Report {
    Report {
        version: 1,
        unix_ms: NEW_YEAR_MS + 1_000 * second,
        processes: vec![shop(second), mail(second)],
        findings: vec![stuck(), allowed()],
        ..Report::default()
    }
}
