//! Records in the ring.

use crate::{Bench, kinds};
use observer::attach::Mode;
use observer::collect::Ring;
use observer_ebpf_abi::{RECORD_EXEC, RECORD_EXIT, RECORD_STALL, RECORD_UNSTALL, Record};
use std::time::Duration;

/// A reader of the ring that keeps what concerns one process.
pub struct Reader {
    runtime: tokio::runtime::Runtime,
    ring: Ring,
    pid: u32,
    records: Vec<Record>,
}

impl Reader {
    pub fn new(bench: &mut Bench) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let ring = runtime
            .block_on(async { Ring::new(&mut bench.kernel) })
            .unwrap();
        Self {
            runtime,
            ring,
            pid: bench.emitter.pid(),
            records: Vec::new(),
        }
    }

    /// Waits for the next record of the process.
    pub fn next(&mut self) -> Record {
        let receive = async {
            // Stalls wake nobody: as in the pipeline, the ring is looked at now and then.
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            while self.records.is_empty() {
                tokio::select! {
                    received = self.ring.receive(&mut self.records) => received.unwrap(),
                    _ = looks.tick() => {
                        self.ring.take(&mut self.records);
                    }
                }
                self.records.retain(|record| record.tgid == self.pid);
            }
        };
        let deadline = Duration::from_secs(20);
        let timed = async { tokio::time::timeout(deadline, receive).await };
        self.runtime.block_on(timed).expect("a record within 20 s");
        self.records.remove(0)
    }
}

#[test]
fn stalls_and_their_ends_arrive_in_order_with_all_arguments() {
    for &kind in kinds() {
        let mut bench = Bench::new(kind, Mode::Ledger);
        let mut reader = Reader::new(&mut bench);
        bench
            .emitter
            .fire("stall", &[11, 12, 13, 14, 15, 16, 17, 18, 19]);
        bench.emitter.fire("unstall", &[21, 22, 23, 24]);
        let (tgid, incarnation) = (bench.emitter.pid(), bench.incarnation());
        let stall = reader.next();
        let expected = Record {
            kind: RECORD_STALL,
            tgid,
            incarnation,
            boot_ns: stall.boot_ns,
            task: 11,
            site: 12,
            reason: 13,
            resource: 14,
            owner: 15,
            parked_ns: 16,
            pc: 17,
            sp: 18,
            fp: 19,
            state: 0,
        };
        assert_eq!(stall, expected);
        let unstall = reader.next();
        assert_eq!(
            (unstall.kind, unstall.task, unstall.site),
            (RECORD_UNSTALL, 21, 22)
        );
        assert_eq!((unstall.reason, unstall.parked_ns, unstall.pc), (23, 24, 0));
        assert!(unstall.boot_ns > stall.boot_ns);
    }
}

#[test]
fn exec_and_exit_of_a_known_process_are_reported_and_its_forks_and_threads_are_not() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    let mut reader = Reader::new(&mut bench);
    bench.emitter.fire("monitor", &[1]);
    let first = bench.incarnation();
    bench.emitter.ask("fork");
    bench.emitter.fire_elsewhere("monitor", &[1]);
    bench.emitter.send("exec");
    bench.emitter.wait_until_ready();
    let exec = reader.next();
    assert_eq!((exec.kind, exec.incarnation), (RECORD_EXEC, first));
    bench.emitter.fire("monitor", &[1]);
    let second = bench.incarnation();
    assert_ne!(first, second);
    bench.emitter.kill();
    let exit = reader.next();
    assert_eq!((exit.kind, exit.incarnation), (RECORD_EXIT, second));
}

#[test]
fn an_exec_of_an_unknown_process_is_reported_without_an_incarnation() {
    let mut bench = Bench::new(kinds()[0], Mode::Ledger);
    let mut reader = Reader::new(&mut bench);
    bench.emitter.send("exec");
    bench.emitter.wait_until_ready();
    let exec = reader.next();
    assert_eq!((exec.kind, exec.incarnation), (RECORD_EXEC, 0));
}
