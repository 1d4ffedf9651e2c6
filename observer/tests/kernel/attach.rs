//! Attaching: semaphores, order, refusals.

use crate::emitter::Emitter;
use crate::{Bench, kinds, load};
use observer::attach::{AttachError, LoadOptions, Mode};
use observer::collect::Collector;
use observer::elf::SemaphorePage;
use runtime_abi::ProbeId;

#[test]
fn the_modes_probes_are_armed_while_the_links_live() {
    for &kind in kinds() {
        for mode in [Mode::Ledger, Mode::Events] {
            let Bench {
                mut emitter, links, ..
            } = Bench::new(kind, mode);
            for probe in ProbeId::ALL {
                let is_attached = mode.probes().contains(&probe);
                let name = probe.probe().name;
                assert_eq!(
                    emitter.semaphore(name),
                    u16::from(is_attached),
                    "{kind:?} {name}"
                );
            }
            assert_eq!(links.probes(), mode.probes());
            assert!(links.slow().is_empty());
            drop(links);
            for probe in ProbeId::ALL {
                assert_eq!(
                    emitter.semaphore(probe.probe().name),
                    0,
                    "{kind:?} {probe:?}"
                );
            }
        }
    }
}

#[test]
fn a_process_that_starts_later_is_armed_too() {
    for &kind in kinds() {
        let bench = Bench::new(kind, Mode::Ledger);
        let path = bench.emitter.path();
        let mut later = Emitter::start_again(&path);
        assert_eq!(later.semaphore("monitor"), 1);
        later.fire("monitor", &[1, 5]);
        let monitors = bench.collector.read().unwrap().monitors;
        assert_eq!(monitors.len(), 1);
        assert_eq!(monitors[0].1.live, 5);
    }
}

#[test]
fn a_file_that_was_deleted_after_its_start_is_attached_through_its_descriptor() {
    for &kind in kinds() {
        let mut emitter = Emitter::start();
        let carrier = emitter.carrier();
        std::fs::remove_file(emitter.path()).unwrap();
        let kernel = load(LoadOptions {
            link: Some(kind),
            ..LoadOptions::default()
        });
        let _links = kernel.attach(&carrier, Mode::Ledger).unwrap();
        emitter.fire("monitor", &[1, 7]);
        assert_eq!(
            Collector::new(&kernel).read().unwrap().monitors[0].1.live,
            7
        );
    }
}

#[test]
fn without_a_wish_the_best_kind_of_link_is_taken() {
    let kernel = load(LoadOptions::default());
    let wanted = load(LoadOptions {
        link: Some(kinds()[0]),
        ..LoadOptions::default()
    });
    assert_eq!(kernel.capabilities(), wanted.capabilities());
}

#[test]
fn an_argument_in_another_register_is_refused_by_name() {
    let mut emitter = Emitter::start();
    let mut carrier = emitter.carrier();
    let note = carrier
        .probes
        .iter_mut()
        .find(|note| note.name == "stall")
        .unwrap();
    note.operands[2].as_mut().unwrap().register = Some("rbx");
    let kernel = load(LoadOptions::default());
    match kernel.attach(&carrier, Mode::Ledger).unwrap_err() {
        AttachError::Argument {
            probe,
            argument,
            expected,
            ..
        } => {
            assert_eq!((probe, argument, expected), ("stall", "reason", "rdx"));
        }
        other => panic!("{other}"),
    }
    assert_eq!(emitter.semaphore("ledger"), 0, "nothing stays attached");
}

#[test]
fn a_site_that_is_no_nop_is_attached_and_named_as_slow() {
    let emitter = Emitter::start();
    let mut carrier = emitter.carrier();
    let note = carrier
        .probes
        .iter_mut()
        .find(|note| note.name == "pool")
        .unwrap();
    // Behind both nops the function goes on.
    note.file_offset = note.file_offset.map(|offset| offset + 11);
    let kernel = load(LoadOptions::default());
    let links = kernel.attach(&carrier, Mode::Ledger).unwrap();
    assert_eq!(links.slow(), [ProbeId::Pool]);
}

#[test]
fn a_file_without_the_modes_probes_is_refused() {
    let emitter = Emitter::start();
    let mut carrier = emitter.carrier();
    carrier.probes.retain(|note| note.name == "task");
    let kernel = load(LoadOptions::default());
    let error = kernel.attach(&carrier, Mode::Ledger).unwrap_err();
    assert!(matches!(error, AttachError::NoProbes { .. }), "{error}");
}

#[test]
fn events_are_dropped_and_attached_again_beside_an_armed_ledger() {
    for &kind in kinds() {
        let Bench {
            mut emitter,
            kernel,
            collector,
            mut links,
        } = Bench::new(kind, Mode::Events);
        emitter.fire("monitor", &[1, 1]);
        emitter.fire_times("spawn", 10, &[1, 4096, 0]);
        links.drop_events();
        assert_eq!(links.probes(), Mode::Ledger.probes());
        let armed = |emitter: &mut Emitter| {
            ["spawn", "stack_grow", "ledger", "monitor"].map(|probe| emitter.semaphore(probe))
        };
        assert_eq!(armed(&mut emitter), [0, 0, 1, 1], "{kind:?}");
        emitter.fire("monitor", &[1, 2]);
        let carrier = emitter.carrier();
        kernel.attach_events(&carrier, &mut links).unwrap();
        assert_eq!(armed(&mut emitter), [1, 1, 1, 1], "{kind:?}");
        emitter.fire_times("spawn", 10, &[1, 4096, 0]);
        let snapshot = collector.read().unwrap();
        assert_eq!(snapshot.counts[0].1.spawned, 20, "{kind:?}");
        assert_eq!(snapshot.monitors[0].1.live, 2, "{kind:?}");
        let lost: Vec<_> = snapshot
            .losses
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert!(lost.is_empty(), "every hit was accepted: {lost:?}");
    }
}

#[test]
fn a_semaphore_that_the_kernel_cannot_find_is_refused_with_the_remedy() {
    let emitter = Emitter::start();
    let mut carrier = emitter.carrier();
    let note = carrier
        .probes
        .iter_mut()
        .find(|note| note.name == "monitor")
        .unwrap();
    note.semaphore_page = SemaphorePage::Shared;
    let kernel = load(LoadOptions::default());
    let error = kernel.attach(&carrier, Mode::Ledger).unwrap_err();
    assert!(matches!(error, AttachError::Semaphore { .. }), "{error}");
    assert!(error.to_string().contains(".probes"), "{error}");
}
