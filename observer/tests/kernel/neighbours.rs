//! Others on the same probes: a second observer, a second link to the same file, bpftrace.

use crate::emitter::carrier;
use crate::{Bench, eventually, kinds, load};
use observer::attach::{LoadOptions, Mode};
use observer::collect::Collector;
use observer_ebpf_abi::Loss;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

#[test]
fn two_observers_see_the_same_and_neither_disarms_the_other() {
    for &kind in kinds() {
        for &other_kind in kinds() {
            let mut bench = Bench::new(kind, Mode::Events);
            let other = load(LoadOptions {
                link: Some(other_kind),
                ..LoadOptions::default()
            });
            let other_links = other
                .attach(&bench.emitter.carrier(), Mode::Events)
                .unwrap();
            // It counts probes, not observers.
            assert_eq!(bench.emitter.semaphore("spawn"), 1);
            bench.emitter.fire_times("spawn", 50, &[1, 4096, 0]);
            drop(other_links);
            assert_eq!(bench.emitter.semaphore("spawn"), 1);
            bench.emitter.fire_times("spawn", 50, &[1, 4096, 0]);
            let spawned = |collector: &Collector| collector.read().unwrap().counts[0].1.spawned;
            assert_eq!(spawned(&bench.collector), 100, "{kind:?} {other_kind:?}");
            assert_eq!(
                spawned(&Collector::new(&other)),
                50,
                "{kind:?} {other_kind:?}"
            );
        }
    }
}

#[test]
fn a_second_link_to_one_file_counts_nothing_until_the_first_goes() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Events);
        let path = bench.emitter.path().with_file_name("hard-link");
        std::fs::hard_link(bench.emitter.path(), &path).unwrap();
        let second = bench.kernel.attach(&carrier(&path), Mode::Events).unwrap();
        bench.emitter.fire_times("spawn", 10, &[1, 4096, 0]);
        let snapshot = bench.collector.read().unwrap();
        assert_eq!(snapshot.counts[0].1.spawned, 10);
        assert!(
            snapshot.losses.contains(&(Loss::OtherLink, 10)),
            "{:?}",
            snapshot.losses
        );
        let Bench {
            mut emitter,
            collector,
            links,
            ..
        } = bench;
        drop(links);
        emitter.fire_times("spawn", 10, &[1, 4096, 0]);
        assert_eq!(collector.read().unwrap().counts[0].1.spawned, 20);
        drop(second);
    }
}

#[test]
fn attaching_again_goes_on_where_the_last_links_ended() {
    let Bench {
        mut emitter,
        kernel,
        collector,
        links,
    } = Bench::new(kinds()[0], Mode::Ledger);
    emitter.fire("monitor", &[1, 1]);
    drop(links);
    let _links = kernel.attach(&emitter.carrier(), Mode::Events).unwrap();
    emitter.fire("monitor", &[1, 2]);
    let monitors = collector.read().unwrap().monitors;
    assert_eq!(monitors.len(), 1);
    assert_eq!(monitors[0].1.live, 2);
}

#[test]
fn bpftrace_on_the_same_probe_counts_the_same() {
    const MARK: u64 = 99;
    let mut bench = Bench::new(kinds()[0], Mode::Events);
    let (mut bpftrace, lines) = start_bpftrace(&bench, MARK);
    eventually("bpftrace sees a hit", || {
        bench.emitter.fire("spawn", &[MARK, 8192, 0]);
        lines.try_iter().any(|line| line == "seen")
    });
    bench.emitter.fire_times("spawn", 1_234, &[7, 4096, 0]);
    interrupt(&bpftrace);
    bpftrace.wait().unwrap();
    let output: Vec<String> = lines.iter().collect();
    assert!(
        output.iter().any(|line| line == "@hits[7]: 1234"),
        "{output:?}"
    );
    let counts = bench.collector.read().unwrap().counts;
    let (_, ours) = counts.iter().find(|(key, _)| key.site == 4096).unwrap();
    assert_eq!(ours.spawned, 1_234);
    assert_eq!(bench.emitter.semaphore("spawn"), 1);
}

/// Starts bpftrace, which says "seen" when it sees the mark, and a thread that reads its lines.
fn start_bpftrace(bench: &Bench, mark: u64) -> (Child, Receiver<String>) {
    let program = format!(
        "usdt:{}:parkwatch:spawn {{ @hits[arg0] = count(); if (arg0 == {mark}) {{ printf(\"seen\\n\"); }} }}",
        bench.emitter.path().display()
    );
    let mut child = Command::new("bpftrace")
        .args([
            "-B",
            "none",
            "-p",
            &bench.emitter.pid().to_string(),
            "-e",
            &program,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bpftrace is installed");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        stdout
            .lines()
            .map_while(Result::ok)
            .all(|line| sender.send(line).is_ok())
    });
    (child, lines)
}

fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.expect("kill is installed").success());
}
