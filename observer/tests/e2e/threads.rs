//! Tasks do not pay: in ledger mode only the monitor's thread ever traps.

use crate::harness::{Bpftrace, Observer, Target, shows_live};

#[test]
fn every_hit_in_ledger_mode_is_the_monitors() {
    let mut target = Target::start(&["--stall-period-ms", "500"]);
    let pid = target.pid();
    let observer = Observer::start(&["--max-sites", "2000"]);
    let ledger: String = runtime_abi::PROBES
        .iter()
        .filter(|probe| probe.family == runtime_abi::Family::Ledger && probe.name != "task")
        .map(|probe| {
            format!(
                "usdt:/proc/{pid}/exe:parkwatch:{} {{ @[tid] = count(); }} ",
                probe.name
            )
        })
        .collect();
    let tracer = Bpftrace::start(&target, &ledger);
    target.command("spawn 1000 20000");
    target.command("churn 200000");
    shows_live(&observer, &mut target);
    let maps = tracer.finish();
    let threads: Vec<&str> = maps.lines().filter(|line| line.starts_with("@[")).collect();
    assert_eq!(threads.len(), 1, "hits by thread:\n{maps}");
    let foreign = [("map", "foreign_thread")];
    let foreign = observer
        .scrape()
        .sum("parkwatch_observer_events_lost_total", &foreign);
    assert_eq!(foreign, Some(0.0));
}
