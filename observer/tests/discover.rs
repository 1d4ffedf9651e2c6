//! Discovery against real processes of the machine that runs the test.

mod carrier;

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use carrier::{Running, build, build_library};
use observer::discover::{Discovery, Filter, Found};

fn only(pid: u32) -> Discovery {
    Discovery::with_filter(Filter::new(&[pid], &[]).unwrap())
}

fn examine(running: &Running) -> Found {
    Discovery::new()
        .examine(running.pid())
        .unwrap()
        .expect("it carries probes")
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn an_executable_with_probes_is_found_by_scan_and_by_pid() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "carrier-exe", &[]);
    let running = Running::start(&program, &[]);
    let scanned = only(running.pid()).scan().unwrap();
    assert_eq!((scanned.examined, scanned.errors.len()), (1, 0));
    let found = &scanned.found[0];
    assert_eq!(found.id, examine(&running).id);
    assert_eq!(found.id.pid, running.pid());
    assert_eq!(found.name, "carrier-exe");
    assert_eq!(Path::new(&found.exe), program.canonicalize().unwrap());
    let carrier = &found.carriers[0];
    assert_eq!(
        (found.carriers.len(), carrier.id.inode),
        (1, inode(&program))
    );
    assert_eq!(
        (carrier.probes.len(), carrier.probes[0].name.as_str()),
        (1, "spawn")
    );
    assert!(carrier.probes[0].semaphore_file_offset.is_some());
}

#[test]
fn a_program_that_is_not_position_independent_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "fixed", &["-no-pie"]);
    let found = examine(&Running::start(&program, &[]));
    assert_eq!(found.carriers[0].id.inode, inode(&program));
}

#[test]
fn a_shared_object_with_probes_makes_its_process_a_carrier() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "plain", &["-DWITHOUT_PROBES"]);
    let library = build_library(directory.path(), "probes.so");
    let running = Running::start(&program, &[&library]);
    let found = examine(&running);
    assert_eq!(found.name, "plain");
    assert_eq!(found.carriers.len(), 1);
    assert_eq!(found.carriers[0].id.inode, inode(&library));
}

#[test]
fn two_carriers_in_one_process_are_both_found() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "exe", &[]);
    let library = build_library(directory.path(), "probes.so");
    let found = examine(&Running::start(&program, &[&library]));
    let mut inodes: Vec<u64> = found
        .carriers
        .iter()
        .map(|carrier| carrier.id.inode)
        .collect();
    let mut expected = vec![inode(&program), inode(&library)];
    inodes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(inodes, expected);
}

#[test]
fn a_file_that_was_deleted_or_replaced_after_the_start_is_the_one_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "exe", &[]);
    let inode = inode(&program);
    let running = Running::start(&program, &[]);
    fs::remove_file(&program).unwrap();
    fs::write(&program, "no longer a program").unwrap();
    let found = examine(&running);
    assert_eq!(found.name, "exe");
    assert_eq!(found.carriers[0].id.inode, inode);
    let read = observer::elf::read_file_notes(&found.carriers[0].file).unwrap();
    assert_eq!(read.notes, found.carriers[0].probes);
}

#[test]
fn hard_links_are_one_file_and_its_notes_are_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "one", &[]);
    let linked = directory.path().join("two");
    fs::hard_link(&program, &linked).unwrap();
    let (one, two) = (Running::start(&program, &[]), Running::start(&linked, &[]));
    let pids = [one.pid(), two.pid()];
    let mut discovery = Discovery::with_filter(Filter::new(&pids, &[]).unwrap());
    let scan = discovery.scan().unwrap();
    assert_eq!(scan.found.len(), 2);
    assert!(std::sync::Arc::ptr_eq(
        &scan.found[0].carriers[0],
        &scan.found[1].carriers[0]
    ));
    let read = discovery.files_read();
    let again = discovery.scan().unwrap();
    assert_eq!(discovery.files_read(), read);
    assert_eq!(again.found[0].carriers[0].id, scan.found[0].carriers[0].id);
}

#[test]
fn a_process_without_probes_or_not_wanted_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let plain = build(directory.path(), "plain", &["-DWITHOUT_PROBES"]);
    let running = Running::start(&plain, &[]);
    assert!(Discovery::new().examine(running.pid()).unwrap().is_none());
    let program = build(directory.path(), "exe", &[]);
    let running = Running::start(&program, &[]);
    let unwanted = Filter::new(&[], &["other*".to_owned()]).unwrap();
    assert!(
        Discovery::with_filter(unwanted)
            .examine(running.pid())
            .unwrap()
            .is_none()
    );
    let wanted = Filter::new(&[], &["ex?".to_owned()]).unwrap();
    assert!(
        Discovery::with_filter(wanted)
            .examine(running.pid())
            .unwrap()
            .is_some()
    );
}

#[test]
fn the_observer_itself_is_no_carrier() {
    assert!(
        Discovery::new()
            .examine(std::process::id())
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_process_that_has_ended_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "exe", &[]);
    let mut zombie = Running::start(&program, &[]);
    let found = examine(&zombie);
    zombie.kill_only();
    let mut poll = [rustix::event::PollFd::new(
        &found.pidfd,
        rustix::event::PollFlags::IN,
    )];
    assert_eq!(
        rustix::event::poll(&mut poll, None).unwrap(),
        1,
        "{:?}",
        found.pidfd.as_fd()
    );
    assert!(Discovery::new().examine(zombie.pid()).unwrap().is_none());
    let pid = zombie.pid();
    zombie.kill();
    assert!(only(pid).examine(pid).unwrap().is_none());
    assert!(Discovery::new().examine(u32::MAX).unwrap().is_none());
}

#[test]
fn an_exec_changes_what_a_process_carries() {
    let directory = tempfile::tempdir().unwrap();
    let plain = build(directory.path(), "plain", &["-DWITHOUT_PROBES"]);
    let program = build(directory.path(), "exe", &[]);
    let mut running = Running::start(&plain, &[Path::new("--exec"), &program]);
    let mut discovery = only(running.pid());
    assert!(discovery.examine(running.pid()).unwrap().is_none());
    running.exec();
    assert_eq!(
        discovery.examine(running.pid()).unwrap().unwrap().name,
        "exe"
    );
}

#[test]
fn a_whole_scan_finds_what_a_look_at_one_process_finds() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "exe", &[]);
    let copies: Vec<Running> = (0..3).map(|_| Running::start(&program, &[])).collect();
    let scan = Discovery::new().scan().unwrap();
    for copy in &copies {
        assert!(scan.found.iter().any(|found| found.id.pid == copy.pid()));
    }
    assert!(scan.found.is_sorted_by_key(|found| found.id));
}

#[test]
fn a_library_that_is_loaded_between_two_scans_is_found_by_the_second() {
    let directory = tempfile::tempdir().unwrap();
    let plain = build(directory.path(), "plain", &["-DWITHOUT_PROBES"]);
    let library = build_library(directory.path(), "probes.so");
    let mut running = Running::start(&plain, &[Path::new("--later"), &library]);
    let mut discovery = only(running.pid());
    assert!(discovery.scan().unwrap().found.is_empty());
    assert!(discovery.scan().unwrap().found.is_empty());
    running.load();
    let found = discovery.scan().unwrap().found;
    assert_eq!(found[0].carriers[0].id.inode, inode(&library));
    assert!(!found[0].is_partial);
}

#[test]
fn a_scan_of_known_processes_reads_no_file_again() {
    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), "exe", &[]);
    let plain = build(directory.path(), "plain", &["-DWITHOUT_PROBES"]);
    let start = |program: &Path| -> Vec<Running> {
        let running = (0..12).map(|_| Running::start(program, &[]));
        running.collect()
    };
    let (carriers, others) = (start(&program), start(&plain));
    let pids: Vec<u32> = carriers.iter().chain(&others).map(Running::pid).collect();
    let mut discovery = Discovery::with_filter(Filter::new(&pids, &[]).unwrap());
    // Held: what nobody holds any more is read anew.
    let first = discovery.scan().unwrap();
    let read = discovery.files_read();
    for _ in 0..5 {
        let again = discovery.scan().unwrap();
        assert_eq!(
            (again.examined, again.found.len()),
            (pids.len(), carriers.len())
        );
        assert_eq!(discovery.files_read(), read);
    }
    assert_eq!(first.found.len(), carriers.len());
}
